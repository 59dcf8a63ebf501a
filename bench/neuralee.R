# neuralee(): E beside that of ee() and of the original's batches, seconds, and the maps of cells
# that were held out. Two threads.
#   Rscript bench/neuralee.R digits DIGITS.npy          # 1,797 x 64, all neighbours
#   Rscript bench/neuralee.R epochs CELLS.h5ad          # 4,000 cells x 50 components, 500 epochs
#   Rscript bench/neuralee.R retina                     # 20,000 cells x 500 genes, from CORTEX
#   Rscript bench/neuralee.R heldout [CELLS.h5ad]       # CORTEX, and the cells of a file
#   Rscript bench/neuralee.R big POINTS.npy [N]         # 1.3 million x 50; see make_large.py
suppressPackageStartupMessages(library(neuralee))
arguments <- commandArgs(TRUE)
folder <- dirname(sub("--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(folder, "points.R"))
threads <- 2L

table_head <- function(...) {
  cat(
    "|", paste(c(...), collapse = " | "), "|\n|",
    paste(rep("---", length(c(...))), collapse = " | "), "|\n"
  )
}

train <- function(x, ..., perplexity = 30) {
  neuralee(x, perplexity = perplexity, threads = threads, verbose = FALSE, ...)
}

# Points of an h5ad file as they are, cells in rows.
points_of <- function(file) {
  cells <- read_h5ad(file)
  list(x = t(as.matrix(SummarizedExperiment::assay(cells))), labels = cells$label)
}

digits <- function(file) {
  x <- read_points(file, 1797)
  k <- nrow(x) - 1
  kinds <- list(
    "default (from the free map)" = list(), "from random weights" = list(init = "none"),
    "quarter batches" = list(batch_size = 0.25),
    "quarter batches, from random weights" = list(batch_size = 0.25, init = "none"),
    "independent quarter batches" = list(batch_size = 0.25, batches = "independent")
  )
  table_head("digits, 500 epochs", "lambda", "E, seeds 1 to 5", "median", "median s")
  for (lambda in c(1, 10)) {
    for (name in names(kinds)) {
      fits <- lapply(1:5, function(seed) {
        own <- if (identical(kinds[[name]]$batches, "independent")) NULL else k
        do.call(train, c(list(x, lambda = lambda, k = own, seed = seed, tol = 0), kinds[[name]]))
      })
      loss <- vapply(fits, `[[`, 0, "loss")
      seconds <- vapply(fits, function(fit) fit$timing[["optimize"]] + fit$timing[["init"]], 0)
      cat(sprintf(
        "| %s | %g | %s | %.4f | %.1f |\n", name, lambda, toString(sprintf("%.4f", loss)),
        stats::median(loss), stats::median(seconds)
      ))
    }
    free <- ee(x, lambda = lambda, k = k, threads = threads, verbose = FALSE)
    cat(sprintf(
      "| free, ee() | %g | %.4f | %.4f | %.1f |\n", lambda, free$loss, free$loss,
      free$timing[["optimize"]]
    ))
  }
}

epochs <- function(file) {
  x <- points_of(file)$x[1:4000, ]
  table_head("4,000 x 50, 500 epochs", "seconds, all", "seconds of epochs", "E")
  for (init in c("none", "ee")) {
    fits <- lapply(1:3, function(run) train(x, lambda = 10, init = init, tol = 0))
    timing <- vapply(fits, function(fit) fit$timing[c("total", "optimize")], c(0, 0))
    cat(sprintf(
      "| init = \"%s\" | %.2f | %.2f | %.4f |\n", init, stats::median(timing[1, ]),
      stats::median(timing[2, ]), fits[[1]]$loss
    ))
  }
}

# Cells between neighbouring CORTEX cells, with the noise of counting: 500 genes, scaled.
many_cortex <- function(n) {
  cells <- read_h5ad(system.file("extdata", "cortex.h5ad", package = "neuralee"))
  counts <- t(as.matrix(SummarizedExperiment::assay(cells)))
  counts <- subsample_genes(counts, 500)
  near <- find_neighbors(log_shift(counts), 15)$index
  set.seed(1)
  parent <- sample(nrow(counts), n, replace = TRUE)
  other <- near[cbind(parent, sample(15, n, replace = TRUE))]
  share <- stats::runif(n, 0, 0.5)
  mean <- (1 - share) * counts[parent, ] + share * counts[other, ]
  x <- standard_scale(log_shift(matrix(stats::rpois(length(mean), mean), n)))
  matrix(x, n)
}

# The original's scheme (quarter batches with affinities of their own, random weights) sets the E to
# come to.
retina <- function() {
  x <- many_cortex(20000)
  original <- train(
    x, lambda = 10, batch_size = 0.25, batches = "independent", init = "none", maxit = 200,
    tol = 0, patience = 1000
  )
  cat(sprintf(
    "\nThe original's batches, 20,000 x 500, 200 epochs: E %.4f (after %d), %.1f s in all\n\n",
    original$loss, original$params$best_iteration, original$timing[["total"]]
  ))
  free <- ee(x, lambda = 10, threads = threads, verbose = FALSE)
  cat(sprintf("ee(): E %.4f, %.1f s in all\n\n", free$loss, free$timing[["total"]]))
  table_head("20,000 x 500", "E", "epochs", "seconds, all", "seconds until the original's E")
  kinds <- list(
    "from random weights, 200 epochs" = list(init = "none", maxit = 200),
    "batches of 5,000, from random weights, 100 epochs" = list(
      init = "none", batch_size = 5000, maxit = 100
    ),
    "batches of 5,000, from the free map, 60 epochs" = list(batch_size = 5000, maxit = 60)
  )
  for (name in names(kinds)) {
    fit <- do.call(train, c(list(x, lambda = 10, tol = 0), kinds[[name]]))
    before <- fit$timing[["total"]] - max(fit$trace$seconds)
    reached <- fit$trace$seconds[fit$trace$loss <= original$loss]
    cat(sprintf(
      "| %s | %.4f | %d | %.1f | %s |\n", name, fit$loss, fit$params$iterations,
      fit$timing[["total"]],
      if (length(reached)) sprintf("%.1f", before + reached[[1L]]) else "not reached"
    ))
  }
}

# 10-NN accuracy of labels in the map of all cells: all of them trained on, or a random quarter, in
# which a neighbourhood of the same extent holds a quarter of the cells.
heldout <- function(file) {
  cells <- read_h5ad(system.file("extdata", "cortex.h5ad", package = "neuralee"))
  counts <- t(as.matrix(SummarizedExperiment::assay(cells)))
  genes <- subsample_genes(log_shift(counts), 558)
  sets <- list(
    "CORTEX, 558 genes, 20 components" = list(
      x = genes, labels = cells$label, steps = preprocessing(components = 20)
    ),
    "CORTEX, 558 genes, scaled" = list(
      x = genes, labels = cells$label, steps = preprocessing(scale = TRUE)
    )
  )
  if (!is.na(file)) {
    sets <- c(list("10,000 PBMC, 50 components" = c(points_of(file), list(steps = NULL))), sets)
  }
  accuracy <- function(map, labels) {
    embedding_quality(map, map, labels = labels, k = 10, cells = 100)$label_accuracy
  }
  table_head(
    "data", "all trained on", "perplexity of the quarter",
    "quarter trained on, all mapped (3 quarters)", "mean", "only the mapped"
  )
  for (name in names(sets)) {
    set <- sets[[name]]
    all <- train(set$x, lambda = 10, preprocess = set$steps)
    for (perplexity in c(30, 15)) {
      maps <- vapply(1:3, function(seed) {
        fit <- train(
          set$x, lambda = 10, preprocess = set$steps, size = 0.25, seed = seed,
          perplexity = perplexity
        )
        map <- predict(fit, set$x, threads = threads, verbose = FALSE)
        c(accuracy(map, set$labels), accuracy(map[-fit$subset, ], set$labels[-fit$subset]))
      }, c(0, 0))
      cat(sprintf(
        "| %s | %.3f | %g | %s | %.3f | %.3f |\n", name, accuracy(all$embedding, set$labels),
        perplexity, toString(sprintf("%.3f", maps[1, ])), mean(maps[1, ]), mean(maps[2, ])
      ))
    }
  }
}

big <- function(file, n) {
  n <- if (is.na(n)) 1300000 else as.numeric(n)
  x <- read_points(file, n)
  fit <- train(x, lambda = 10, hidden = c(200, 200, 200), batch_size = 10000, maxit = 40)
  status <- grep("VmHWM", readLines("/proc/self/status"), value = TRUE)
  peak <- as.numeric(sub("[^0-9]*([0-9]+).*", "\\1", status))
  table_head(
    "cells", "neighbours s", "affinities s", "free map s", "training s", "neuralee() s", "E",
    "peak GiB"
  )
  cat(sprintf(
    "| %.0f | %.1f | %.1f | %.1f | %.1f | %.1f | %.6f | %.2f |\n", n, fit$timing[["neighbors"]],
    fit$timing[["affinity"]], fit$timing[["init"]], fit$timing[["optimize"]],
    fit$timing[["total"]], fit$loss, peak / 1024^2
  ))
  print(fit)
  million <- x[seq_len(min(1e6, n)), ]
  seconds <- vapply(1:3, function(run) {
    system.time(predict(fit, million, threads = threads, verbose = FALSE))[["elapsed"]]
  }, 0)
  cat(sprintf("\npredict() of %d cells: %.2f s\n", nrow(million), stats::median(seconds)))
  rm(million)
  free <- ee(x, lambda = 10, perplexity = 30, threads = threads, maxit = 150, verbose = FALSE)
  cat(sprintf(
    "ee(): E %.6f; neuralee() is %.1f %% above\n", free$loss, 100 * (fit$loss / free$loss - 1)
  ))
}

cat(sprintf("%s, R %s, %d threads\n", R.version$platform, getRversion(), threads))
switch(arguments[1L],
  digits = digits(arguments[2L]),
  epochs = epochs(arguments[2L]),
  retina = retina(),
  heldout = heldout(arguments[2L]),
  big = big(arguments[2L], arguments[3L]),
  stop("digits, epochs, retina, heldout or big")
)
