# ee() from 10,000 to 1.3 million cells: seconds of each stage, peak memory of the process, and the
# exponent with which the time grows.
#   python3 bench/make_large.py -n 1300000 -o big.npy --base CELLS.h5ad
#   Rscript bench/large.R big.npy KERNEL[,KERNEL] [n ...]
# KERNEL is gaussian or student; several are taken one after the other at each size.
arguments <- commandArgs(TRUE)
file <- arguments[1L]
kernels <- strsplit(arguments[2L], ",", fixed = TRUE)[[1L]]
sizes <- as.numeric(arguments[-(1:2)])

# One map, in a process of its own, so that the peak is that of this size.
embed_one <- function(file, kernel, n) {
  library(neuralee)
  source(file.path(folder, "points.R"))
  begin <- proc.time()[["elapsed"]]
  x <- read_points(file, n)
  read <- proc.time()[["elapsed"]] - begin
  fit <- switch(kernel,
    gaussian = ee(x, lambda = 10, perplexity = 30, threads = 2, maxit = 150, verbose = FALSE),
    student = ee(x, kernel = "student", threads = 2, verbose = FALSE)
  )
  status <- grep("VmHWM", readLines("/proc/self/status"), value = TRUE)
  peak <- as.numeric(sub("[^0-9]*([0-9]+).*", "\\1", status))
  at_100 <- fit$trace[fit$trace$iteration == min(100, nrow(fit$trace) - 1), ]
  cat(
    n, read, fit$timing[c("neighbors", "affinity", "optimize", "total")], fit$params$iterations,
    at_100$loss, fit$loss, peak / 1024^2, "\n"
  )
}

script <- sub("--file=", "", grep("^--file=", commandArgs(), value = TRUE))
folder <- dirname(script)
if (identical(Sys.getenv("NEURALEE_BENCH_ONE"), "yes")) {
  embed_one(file, kernels, sizes)
  quit("no")
}
if (!length(sizes)) sizes <- c(10000, 30000, 100000, 300000, 1300000)
cat(
  "| cells | kernel | read s | neighbours s | affinities s | optimise s | ee() s |",
  "iterations | E at 100 | E at the end | peak GiB |\n"
)
cat("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
rows <- expand.grid(kernel = kernels, cells = sizes)
figures <- Map(function(n, kernel) {
  one <- c(script, file, kernel, format(n, scientific = FALSE))
  line <- system2("Rscript", one, stdout = TRUE, env = "NEURALEE_BENCH_ONE=yes")
  row <- as.numeric(strsplit(trimws(utils::tail(line, 1L)), " +")[[1L]])
  cat(sprintf(
    "| %.0f | %s | %.1f | %.1f | %.1f | %.1f | %.1f | %.0f | %.6f | %.6f | %.2f |\n",
    row[1], kernel, row[2], row[3], row[4], row[5], row[6], row[7], row[8], row[9], row[10]
  ))
  row
}, rows$cells, as.character(rows$kernel))
figures <- do.call(rbind, figures)
if (length(sizes) > 1L) {
  for (kernel in kernels) {
    of_kernel <- figures[rows$kernel == kernel, ]
    exponent <- stats::coef(stats::lm(log(of_kernel[, 6]) ~ log(of_kernel[, 1])))[[2L]]
    per_iteration <- stats::coef(
      stats::lm(log(of_kernel[, 5] / of_kernel[, 7]) ~ log(of_kernel[, 1]))
    )[[2L]]
    cat(sprintf(
      "\n%s: seconds of ee() ~ N^%.3f; seconds of an iteration ~ N^%.3f\n", kernel, exponent,
      per_iteration
    ))
  }
}
