# Runs the R tests against the installed package and writes how many expectations passed
# and failed, as two numbers, into the file that is given.
# Work that would need rayon's global pool, whose threads do not survive a fork, is an error here.
Sys.setenv(NEURALEE_GLOBAL_POOL = "forbidden")
results <- as.data.frame(testthat::test_local(
  ".",
  load_package = "installed", reporter = "check", stop_on_failure = FALSE
))
failed <- sum(results$failed) + sum(results$error)
writeLines(paste(sum(results$passed), failed), commandArgs(TRUE)[[1]])
if (failed > 0) {
  quit(status = 1)
}
