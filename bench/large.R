# ee() from 10,000 to 1.3 million cells: seconds of each stage, peak memory of the process, and the
# exponent with which the time grows.
#   python3 bench/make_large.py -n 1300000 -o big.npy --base CELLS.h5ad
#   Rscript bench/large.R big.npy [n ...]
arguments <- commandArgs(TRUE)
file <- arguments[1L]
sizes <- as.numeric(arguments[-1L])

# One size, in a process of its own, so that the peak is that of this size.
embed_one <- function(file, n) {
  library(neuralee)
  source(file.path(folder, "points.R"))
  begin <- proc.time()[["elapsed"]]
  x <- read_points(file, n)
  read <- proc.time()[["elapsed"]] - begin
  fit <- ee(x, lambda = 10, perplexity = 30, threads = 2, maxit = 150, verbose = FALSE)
  peak <- as.numeric(sub("[^0-9]*([0-9]+).*", "\\1", grep("VmHWM", readLines("/proc/self/status"), value = TRUE)))
  at_100 <- fit$trace[fit$trace$iteration == min(100, nrow(fit$trace) - 1), ]
  cat(n, read, fit$timing[c("neighbors", "affinity", "optimize", "total")], fit$params$iterations, at_100$loss,
    fit$loss, peak / 1024^2, "\n"
  )
}

script <- sub("--file=", "", grep("^--file=", commandArgs(), value = TRUE))
folder <- dirname(script)
if (identical(Sys.getenv("NEURALEE_BENCH_ONE"), "yes")) {
  embed_one(file, sizes)
  quit("no")
}
if (!length(sizes)) sizes <- c(10000, 30000, 100000, 300000, 1300000)
cat(
  "| cells | read s | neighbours s | affinities s | optimise s | ee() s | iterations | E at 100 |",
  "E at the end | peak GiB |\n"
)
cat("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
rows <- lapply(sizes, function(n) {
  one <- c(script, file, format(n, scientific = FALSE))
  line <- system2("Rscript", one, stdout = TRUE, env = "NEURALEE_BENCH_ONE=yes")
  row <- as.numeric(strsplit(trimws(utils::tail(line, 1L)), " +")[[1L]])
  cat(sprintf(
    "| %.0f | %.1f | %.1f | %.1f | %.1f | %.1f | %.0f | %.6f | %.6f | %.2f |\n",
    row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8], row[9], row[10]
  ))
  row
})
rows <- do.call(rbind, rows)
if (nrow(rows) > 1L) {
  exponent <- stats::coef(stats::lm(log(rows[, 6]) ~ log(rows[, 1])))[[2L]]
  per_iteration <- stats::coef(stats::lm(log(rows[, 5] / rows[, 7]) ~ log(rows[, 1])))[[2L]]
  cat(sprintf("\nseconds of ee() ~ N^%.3f; seconds of an iteration ~ N^%.3f\n", exponent, per_iteration))
}
