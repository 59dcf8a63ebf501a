# Cells a second that predict() maps from an HDF5 matrix: in this process with one thread and with
# two, with two workers, and with two workers into an HDF5 file. Runs of the four are interleaved;
# workers are started before.
#   Rscript bench/predict_blocks.R [cells [features [rounds]]]
suppressPackageStartupMessages({
  library(neuralee)
  library(BiocParallel)
})
arguments <- as.integer(commandArgs(TRUE))
count <- function(at, default) if (length(arguments) >= at) arguments[[at]] else default
cells <- count(1L, 1000000L)
features <- count(2L, 50L)
rounds <- count(3L, 5L)

set.seed(1)
train <- matrix(rnorm(2000L * features), 2000L)
fit <- neuralee(train, maxit = 20, verbose = FALSE)
file <- tempfile(fileext = ".h5")
shape <- c(cells, features)
sink <- HDF5Array::HDF5RealizationSink(
  shape, filepath = file, name = "x", chunkdim = c(min(10000L, cells), features)
)
for (first in seq(1L, cells, by = 100000L)) {
  rows <- min(100000L, cells - first + 1L)
  block <- matrix(rnorm(rows * features), rows)
  viewport <- DelayedArray::ArrayViewport(
    dim(sink), IRanges::IRanges(c(first, 1L), width = c(rows, features))
  )
  sink <- DelayedArray::write_block(sink, viewport, block)
}
x <- methods::as(sink, "DelayedArray")

forks <- bpstart(MulticoreParam(2))
runs <- list(
  "this process, 1 thread" = function() predict(fit, x, threads = 1, verbose = FALSE),
  "this process, 2 threads" = function() predict(fit, x, threads = 2, verbose = FALSE),
  "MulticoreParam(2)" = function() predict(fit, x, BPPARAM = forks, verbose = FALSE),
  "MulticoreParam(2), output" = function() {
    predict(fit, x, BPPARAM = forks, output = tempfile(fileext = ".h5"), verbose = FALSE)
  }
)
seconds <- vapply(seq_len(rounds), function(round) {
  vapply(runs, function(run) system.time(run())[["elapsed"]], 0)
}, numeric(length(runs)))
same <- vapply(runs, function(run) identical(as.matrix(run()), runs[[1L]]()), NA)
bpstop(forks)

cat("| run | cells a second (median) | seconds | speed over the first, pairwise | same bits |\n")
cat("| --- | --- | --- | --- | --- |\n")
for (name in names(runs)) {
  cat(sprintf(
    "| %s | %.0f | %.2f | %.2f | %s |\n", name, cells / stats::median(seconds[name, ]),
    stats::median(seconds[name, ]), stats::median(seconds[1L, ] / seconds[name, ]), same[[name]]
  ))
}
