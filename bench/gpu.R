# ee() and neuralee() on another device beside the processor. Two threads of the processor.
#   Rscript bench/gpu.R check DEVICE                # 3,005 CORTEX cells: E on both, and seconds
#   Rscript bench/gpu.R big DEVICE POINTS.npy [N]   # 1.3 million x 50; see make_large.py
# DEVICE: "cuda", "cuda:1", or "torch" for libtorch on the processor. The original printed 66 s for
# RETINA (20,000 x 500, 11 GB GPU) and 27 minutes for 1.3 million cells (64 GB of memory).
suppressPackageStartupMessages(library(neuralee))
arguments <- commandArgs(TRUE)
folder <- dirname(sub("--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(folder, "points.R"))
threads <- 2L

row_of <- function(name, fit) {
  cat(sprintf(
    "| %s | %s | %.6f | %d | %.2f | %.2f |\n", name, fit$params$device, fit$loss,
    fit$params$iterations, fit$timing[["optimize"]], fit$timing[["total"]]
  ))
}

head_row <- function(title) {
  cat(sprintf("| %s | device | E | iterations | optimise s | all s |\n", title))
  cat("| --- | --- | --- | --- | --- | --- |\n")
}

check <- function(device) {
  cells <- read_h5ad(system.file("extdata", "cortex.h5ad", package = "neuralee"))
  x <- standard_scale(subsample_genes(
    log_shift(t(as.matrix(SummarizedExperiment::assay(cells)))), 558
  ))
  head_row("3,005 x 558")
  for (where in c("cpu", device)) {
    for (method in c("exact", "grid")) {
      row_of(paste("ee,", method), ee(
        x, lambda = 10, method = method, threads = threads, device = where, verbose = FALSE
      ))
    }
    row_of("neuralee, all cells a step", neuralee(
      x, lambda = 10, init = "none", maxit = 100, tol = 0, threads = threads, device = where,
      verbose = FALSE
    ))
    row_of("neuralee, batches of 500", neuralee(
      x, lambda = 10, init = "none", maxit = 20, tol = 0, batch_size = 500, threads = threads,
      device = where, verbose = FALSE
    ))
  }
}

big <- function(device, file, n) {
  n <- if (is.na(n)) 1300000 else as.numeric(n)
  x <- read_points(file, n)
  head_row(sprintf("%.0f x %d", n, ncol(x)))
  row_of("ee", ee(x, lambda = 10, threads = threads, device = device, maxit = 150, verbose = FALSE))
  row_of("neuralee, 200-200-200", neuralee(
    x, lambda = 10, hidden = c(200, 200, 200), batch_size = 10000, maxit = 40, threads = threads,
    device = device, verbose = FALSE
  ))
}

cat(sprintf("%s, R %s, %d threads\n", R.version$platform, getRversion(), threads))
print(neuralee_sitrep())
cat("\n")
switch(arguments[1L],
  check = check(arguments[2L]),
  big = big(arguments[2L], arguments[3L], arguments[4L]),
  stop("check or big")
)
