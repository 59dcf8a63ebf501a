# The table of `densities`: for each data set the map of ee() at some weights, its seconds in all
# and its iterations, and the measures of embedding_quality(). Two threads, the default seed.
#   Rscript bench/densities.R SET.npy ...
# SET.npy and SET.labels.npy are as heavy_tails_points.R writes them. A map of another method is
# measured too where it stands beside them as SET.METHOD.csv:
#   python3 bench/peers.py densMAP SET.npy all SET.densMAP.csv 1
suppressPackageStartupMessages(library(neuralee))
script <- sub("--file=", "", grep("^--file=", commandArgs(), value = TRUE))
source(file.path(dirname(script), "points.R"))
threads <- 2L
weights <- c(0, 0.1, 0.3, 1, 3)
measures <- c(
  "densities" = "density_correlation", "kept of 10" = "neighborhood_preservation",
  "AUC R_NX" = "auc_rnx", "distances" = "distance_correlation",
  "10-NN accuracy" = "label_accuracy"
)

row_of_table <- function(cells) cat("|", paste(cells, collapse = " | "), "|\n")

for (file in commandArgs(TRUE)) {
  x <- read_points(file)
  labels <- read_labels(file)
  set <- sub("[.]npy$", "", file)
  kept <- function(map) {
    quality <- embedding_quality(map, x, labels = labels, threads = threads)
    kept <- unlist(unclass(quality)[measures])
    ifelse(is.na(kept), "", sprintf("%.3f", kept))
  }
  cat(sprintf("\n%s, %d x %d\n\n", basename(set), nrow(x), ncol(x)))
  header <- c("map", "s", "iterations", names(measures))
  row_of_table(header)
  row_of_table(rep("---", length(header)))
  for (weight in weights) {
    fit <- ee(x, densities = weight, threads = threads, verbose = FALSE)
    call <- sprintf("`ee(densities = %s)`", weight)
    seconds <- sprintf("%.1f", fit$timing[["total"]])
    row_of_table(c(call, seconds, fit$params$iterations, kept(fit)))
  }
  beside <- list.files(
    dirname(set), paste0("^", basename(set), "[.][^.]+[.]csv$"), full.names = TRUE
  )
  for (map in beside) {
    method <- sub("^.*[.]([^.]+)[.]csv$", "\\1", map)
    row_of_table(c(method, "", "", kept(read_map(map))))
  }
}
