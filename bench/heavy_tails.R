# The report of heavy_tails.sh, a table per data set: medians over the seeds of seconds and quality.
#   heavy_tails.R FOLDER MAPS SET ...
arguments <- commandArgs(TRUE)
script <- sub("--file=", "", grep("^--file=", commandArgs(), value = TRUE))
source(file.path(dirname(script), "points.R"))
folder <- arguments[1L]
maps <- arguments[2L]
times <- utils::read.table(
  file.path(maps, "times"), col.names = c("set", "method", "seed", "seconds")
)
names <- c(
  neuralee = "`ee(lambda = 10)`", student = "`ee(kernel = \"student\")`", uwot = "uwot",
  "umap-learn" = "umap-learn", openTSNE = "openTSNE"
)
measures <- c("neighborhood_preservation", "auc_rnx", "distance_correlation", "label_accuracy")

for (set in arguments[-(1:2)]) {
  points <- file.path(folder, paste0(set, ".npy"))
  x <- read_points(points)
  labels <- read_labels(points)
  of_set <- times[times$set == set, ]
  cat(sprintf(
    "\n%s, %d x %d, medians over the seeds %s\n\n", set, nrow(x), ncol(x),
    toString(unique(of_set$seed))
  ))
  cat("| method | s | kNN@10 | AUC R_NX | Spearman of distances | 10-NN accuracy |\n")
  cat("| --- | --- | --- | --- | --- | --- |\n")
  for (method in names(names)) {
    runs <- of_set[of_set$method == method, ]
    quality <- vapply(runs$seed, function(seed) {
      map <- read_map(file.path(maps, sprintf("%s-%s-%d.csv", set, method, seed)))
      unlist(neuralee::embedding_quality(map, x, labels = labels, k = 10, threads = 2)[measures])
    }, numeric(length(measures)))
    medians <- apply(quality, 1L, stats::median)
    figures <- ifelse(is.na(medians), "NA", sprintf("%.3f", medians))
    cat(sprintf(
      "| %s | %.1f | %s |\n", names[[method]], stats::median(runs$seconds),
      paste(figures, collapse = " | ")
    ))
  }
}
cat(
  paste(
    "\nThe seed is given to each method. `ee()` makes use of it in the search for the principal",
    "components of its start and,"
  ),
  paste(
    "beyond 20,000 cells, for neighbours. uwot and umap-learn move points in two threads at once,",
    "which no seed fixes."
  ),
  sep = "\n"
)
