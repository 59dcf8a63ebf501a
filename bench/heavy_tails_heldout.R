# Cells that were held out: every second cell makes a map, with ee() or neuralee(), heavy tails
# unless said otherwise, and the others are placed on it, each by itself or together. For
# comparison, what ee() keeps of the same others where it may place them freely, alone or among all
# cells. Figures of one half of the cells at a time; neuralee(): medians of the seeds 1 to 3, with
# landmarks and, for the network alone, with none.
#   Rscript bench/heavy_tails_heldout.R POINTS.npy   # of heavy_tails_points.R, or an .rds as in
# best_map.R
suppressPackageStartupMessages(library(neuralee))
arguments <- commandArgs(TRUE)
script <- sub("--file=", "", grep("^--file=", commandArgs(), value = TRUE))
source(file.path(dirname(script), "points.R"))
if (tools::file_ext(arguments[1L]) == "rds") {
  set <- readRDS(arguments[1L])
  x <- set$x
  labels <- set$labels
} else {
  x <- read_points(arguments[1L])
  labels <- read_labels(arguments[1L])
}
old <- seq(1, nrow(x), by = 2)
new <- setdiff(seq_len(nrow(x)), old)
measures <- c("neighborhood_preservation", "auc_rnx", "distance_correlation", "label_accuracy")

quality <- function(map, cells) {
  unlist(embedding_quality(map, x[cells, ], labels = labels[cells], k = 10, threads = 2)[measures])
}

seconds <- function(expr) {
  begin <- proc.time()[["elapsed"]]
  value <- force(expr)
  list(value = value, seconds = proc.time()[["elapsed"]] - begin)
}

row <- function(settings, cells, figures, seconds) {
  cat(sprintf(
    "| %s | %s | %s | %.1f |\n", settings, cells,
    paste(sprintf("%.3f", figures), collapse = " | "), seconds
  ))
}

# The map of the old cells, and the new ones placed on it in two ways.
of_fit <- function(fit) {
  force(fit)
  place <- function(together) {
    seconds(predict(fit, x[new, ], together = together, threads = 2, verbose = FALSE))
  }
  alone <- place(FALSE)
  together <- place(TRUE)
  rbind(
    c(quality(fit$embedding, old), fit$timing[["total"]]),
    c(quality(alone$value, new), alone$seconds),
    c(quality(together$value, new), together$seconds)
  )
}

rows <- function(name, found) {
  row(name, "of the map", found[1L, 1:4], found[1L, 5L])
  row("`predict()`", "held out", found[2L, 1:4], found[2L, 5L])
  row("`predict(together = TRUE)`", "held out", found[3L, 1:4], found[3L, 5L])
}

free <- function(cells) {
  ee(x[cells, ], kernel = "student", keep = TRUE, threads = 2, verbose = FALSE)
}
gaussian <- function(cells) ee(x[cells, ], lambda = 10, keep = TRUE, threads = 2, verbose = FALSE)

cat("| map | cells | kNN@10 | AUC R_NX | Spearman of distances | 10-NN accuracy | s |\n")
cat("| --- | --- | --- | --- | --- | --- | --- |\n")
alone <- free(new)
row(
  "`ee()` of the held-out cells", "held out", quality(alone$embedding, new),
  alone$timing[["total"]]
)
all <- free(seq_len(nrow(x)))
row("`ee()` of all cells", "held out", quality(all$embedding[new, ], new), all$timing[["total"]])
rows("`ee()`", of_fit(free(old)))
rows("`ee(lambda = 10)`, Gaussian", of_fit(gaussian(old)))
network <- function(...) {
  runs <- lapply(1:3, function(seed) {
    fit <- neuralee(x[old, ], keep = TRUE, seed = seed, threads = 2, verbose = FALSE, ...)
    own <- seconds(predict(fit, x[old, ], threads = 2, verbose = FALSE))
    rbind(of_fit(fit), c(quality(own$value, old), own$seconds))
  })
  apply(simplify2array(runs), 1:2, stats::median)
}
for (landmarks in list(NULL, 0)) {
  found <- network(landmarks = landmarks)
  rows(sprintf("`neuralee(landmarks = %s)`", format(landmarks)), found)
  row("`predict()`", "of the map", found[4L, 1:4], found[4L, 5L])
}
