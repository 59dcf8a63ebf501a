# neuralee(kernel = "student") trained on every second cell: what its map keeps of these, what predict() keeps of
# the others, and what ee() keeps of the same others where it may place them freely. Medians of the seeds 1 to 3.
#   Rscript bench/heavy_tails_heldout.R POINTS.npy          # covid.npy of heavy_tails_points.R
suppressPackageStartupMessages(library(neuralee))
arguments <- commandArgs(TRUE)
source(file.path(dirname(sub("--file=", "", grep("^--file=", commandArgs(), value = TRUE))), "points.R"))
x <- read_points(arguments[1L])
labels <- read_labels(arguments[1L])
old <- seq(1, nrow(x), by = 2)
measures <- c("neighborhood_preservation", "auc_rnx", "distance_correlation", "label_accuracy")

quality <- function(map, cells) {
  unlist(embedding_quality(map, x[cells, ], labels = labels[cells], k = 10, threads = 2)[measures])
}

row <- function(settings, cells, figures, seconds) {
  cat(sprintf("| %s | %s | %s | %.1f |\n", settings, cells, paste(sprintf("%.3f", figures), collapse = " | "), seconds))
}

free <- function(cells) ee(x[cells, ], kernel = "student", threads = 2, verbose = FALSE)

kinds <- list(
  "defaults" = list(),
  "hidden = c(200, 200)" = list(hidden = c(200, 200)),
  "batch_size = 500, maxit = 100" = list(batch_size = 500, maxit = 100)
)
cat("| neuralee() | cells | kNN@10 | AUC R_NX | Spearman of distances | 10-NN accuracy | s |\n")
cat("| --- | --- | --- | --- | --- | --- | --- |\n")
for (half in c("trained on", "held out")) {
  cells <- if (half == "trained on") old else -old
  fit <- free(cells)
  row("`ee()`, freely", half, quality(fit$embedding, cells), fit$timing[["total"]])
}
for (name in names(kinds)) {
  runs <- lapply(1:3, function(seed) {
    settings <- c(list(kernel = "student", seed = seed, threads = 2, verbose = FALSE), kinds[[name]])
    fit <- do.call(neuralee, c(list(x[old, ]), settings))
    mapped <- predict(fit, x[-old, ], threads = 2, verbose = FALSE)
    list(trained = quality(fit$embedding, old), mapped = quality(mapped, -old), seconds = fit$timing[["total"]])
  })
  seconds <- stats::median(vapply(runs, `[[`, 0, "seconds"))
  for (half in c("trained", "mapped")) {
    figures <- apply(vapply(runs, `[[`, numeric(length(measures)), half), 1L, stats::median)
    row(name, c(trained = "trained on", mapped = "held out")[[half]], figures, seconds)
  }
}
