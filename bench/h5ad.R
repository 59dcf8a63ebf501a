# read_h5ad() of a sparse matrix, beside anndata's in Python: seconds of the call, of the clock and
# of the processor, and peak memory of its process; in turns, each in a process of its own, with the
# file in the page cache and after another process used as much memory (h5ad.py says why).
#   NEURALEE_PYTHON=python Rscript bench/h5ad.R FOLDER [pairs [cells [genes [per_cell]]]]
# NEURALEE_PYTHON: a Python with anndata. The two files (gzip and not compressed) are made in FOLDER
# where they are not there yet: 100,000 cells x 20,000 genes with 1,000 counts each, and take some
# 1.1 GB.
arguments <- commandArgs(TRUE)
script <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
python <- Sys.getenv("NEURALEE_PYTHON", "python3")
beside <- sub("R$", "py", script)

python_says <- function(...) {
  system2(python, shQuote(c(beside, ...)), stdout = TRUE, env = "LD_LIBRARY_PATH=")
}

if (arguments[[1]] == "read") {
  suppressPackageStartupMessages(library(neuralee))
  # What the first object of its class costs is no part of reading.
  invisible(read_h5ad(system.file("extdata", "cortex.h5ad", package = "neuralee"), verbose = FALSE))
  invisible(python_says("touch"))
  took <- system.time(cells <- read_h5ad(arguments[[2]], verbose = FALSE))
  stopifnot(length(SummarizedExperiment::assay(cells)@x) > 0)
  status <- grep("^VmHWM", readLines("/proc/self/status"), value = TRUE)
  cat(sprintf(
    "%s %.3f %.3f %.0f\n", packageVersion("neuralee"), took[["elapsed"]],
    took[["user.self"]] + took[["sys.self"]], as.numeric(gsub("[^0-9]", "", status)) / 1024
  ))
  quit()
}

folder <- arguments[[1]]
numbers <- as.integer(arguments[-1])
given <- function(i, default) if (is.na(numbers[i])) default else numbers[i]
pairs <- given(1, 5L)
cells <- given(2, 100000L)
genes <- given(3, 20000L)
per_cell <- given(4, 1000L)

says <- function(who, file) {
  said <- switch(who,
    anndata = python_says("read", file),
    neuralee = system2(
      file.path(R.home("bin"), "Rscript"), shQuote(c(script, "read", file)), stdout = TRUE
    )
  )
  fields <- strsplit(utils::tail(said, 1), " ")[[1]]
  numbers <- as.numeric(fields[-1])
  data.frame(
    who = who, version = fields[[1]], seconds = numbers[[1]], work = numbers[[2]],
    mb = numbers[[3]]
  )
}

for (compression in c("none", "gzip")) {
  file <- file.path(folder, sprintf("%d-%d-%d-%s.h5ad", cells, genes, per_cell, compression))
  if (!file.exists(file)) python_says("make", file, cells, genes, per_cell, compression)
  # Into the page cache.
  invisible(tools::md5sum(file))
  times <- do.call(rbind, lapply(seq_len(pairs), function(pair) {
    order <- c("neuralee", "anndata")
    both <- do.call(rbind, lapply(if (pair %% 2) order else rev(order), says, file))
    cbind(pair, both)
  }))
  cat(sprintf("\n%s, %.2f GB\n", compression, file.size(file) / 1e9))
  print(times, row.names = FALSE)
  seconds <- with(times, tapply(seconds, list(pair, who), c))
  medians <- apply(seconds, 2, stats::median)
  of <- function(what) tapply(times[[what]], times$who, stats::median)[names(medians)]
  cat(sprintf(
    "%-9s median %.2f s (of the processor %.2f s), peak %.0f MB\n", names(medians), medians,
    of("work"), of("mb")
  ), sep = "")
  ratios <- seconds[, "neuralee"] / seconds[, "anndata"]
  cat(sprintf(
    "neuralee / anndata: median of the pairs %.2f (%.2f to %.2f)\n", stats::median(ratios),
    min(ratios), max(ratios)
  ))
}
