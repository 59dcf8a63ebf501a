# The backend that the tests use: one that was built for them, or what is installed.
skip_without_backend <- function() {
  skip_if(is.null(torch_backend_file()), "there is no libtorch backend")
}

# What the expression prints in a session of its own, in which `neuralee` is attached.
in_new_session <- function(expression, backend = NULL) {
  code <- c(
    "suppressPackageStartupMessages(library(neuralee))",
    if (!is.null(backend)) sprintf("options(neuralee.torch_backend = %s)", deparse1(backend)),
    deparse(substitute(expression))
  )
  script <- tempfile(fileext = ".R")
  on.exit(unlink(script))
  writeLines(code, script)
  libraries <- paste0("R_LIBS=", shQuote(paste(.libPaths(), collapse = ":")))
  output <- suppressWarnings(system2(
    file.path(R.home("bin"), "Rscript"), c("--vanilla", shQuote(script)), stdout = TRUE,
    stderr = TRUE, env = libraries
  ))
  paste(output, collapse = "\n")
}
