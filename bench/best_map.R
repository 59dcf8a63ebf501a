# The table by which the default map of ee() was chosen: for each data set and each of some
# settings, the seconds of ee() in all, its iterations, in how many of the seeds 1, 2 and 3 it
# converged, and the measures of embedding_quality(). All are medians of these seeds, on two
# threads. With QUICK=yes in the environment it is the default alone.
#   Rscript bench/best_map.R FILE ...
# A FILE holds points and their labels, if there are any:
#   SET.npy   as heavy_tails_points.R writes it, with SET.labels.npy
#   SET.csv   a line of names, then numbers; labels in a column `label`
#   SET.rds   a list of `x` (cells in rows) and `labels`
# Other methods: heavy_tails.sh.
suppressPackageStartupMessages(library(neuralee))
script <- sub("--file=", "", grep("^--file=", commandArgs(), value = TRUE))
source(file.path(dirname(script), "points.R"))
threads <- 2L

# What differs from the default.
settings <- list(
  list(), list(perplexity = 15), list(perplexity = 20), list(perplexity = 40),
  list(lambda = repulsion_share(0.7)), list(lambda = repulsion_share(1.4)),
  list(tol = 1e-2), list(tol = 1e-3, maxit = 500),
  list(agreement = 0), list(agreement = 1), list(agreement = 3),
  list(uniform = 0), list(uniform = 0.3), list(uniform = 0.9),
  list(kernel = "gaussian", lambda = 10)
)
seeds <- 1:3
if (nzchar(Sys.getenv("QUICK"))) settings <- settings[1L]
measures <- c(
  "kept of 10" = "neighborhood_preservation", "AUC R_NX" = "auc_rnx",
  "distances" = "distance_correlation", "10-NN accuracy" = "label_accuracy",
  "compactness" = "compactness", "spread" = "spread"
)

read_set <- function(file) {
  switch(tools::file_ext(file),
    npy = list(x = read_points(file), labels = read_labels(file)),
    csv = {
      table <- utils::read.csv(file)
      list(x = as.matrix(table[setdiff(names(table), "label")]), labels = table$label)
    },
    rds = readRDS(file)[c("x", "labels")],
    stop(file, ": give .npy, .csv or .rds")
  )
}

# The call, without the data.
as_call <- function(setting) {
  shares <- vapply(setting, inherits, NA, "neuralee_share")
  values <- vapply(setting, function(value) deparse(c(unclass(value))), "")
  values[shares] <- sprintf("repulsion_share(%s)", values[shares])
  sprintf("`ee(%s)`", paste(names(setting), "=", values, recycle0 = TRUE, collapse = ", "))
}

row_of_table <- function(cells) cat("|", paste(cells, collapse = " | "), "|\n")

for (file in commandArgs(TRUE)) {
  set <- read_set(file)
  cat(sprintf("\n%s, %d x %d\n\n", basename(file), nrow(set$x), ncol(set$x)))
  header <- c("settings", "s", "iterations", "converged", names(measures))
  row_of_table(header)
  row_of_table(rep("---", length(header)))
  fixed <- list(x = set$x, threads = threads, verbose = FALSE)
  for (setting in settings) {
    runs <- vapply(seeds, function(seed) {
      fit <- do.call(ee, c(fixed, setting, seed = seed))
      quality <- embedding_quality(fit, set$x, labels = set$labels, threads = threads)
      c(
        fit$timing[["total"]], fit$params$iterations, fit$params$converged,
        unlist(unclass(quality)[measures])
      )
    }, numeric(3L + length(measures)))
    median <- apply(runs, 1L, stats::median)
    kept <- median[-(1:3)]
    row_of_table(c(
      as_call(setting), sprintf("%.1f", median[[1L]]), sprintf("%.0f", median[[2L]]),
      sprintf("%.0f of %d", sum(runs[3L, ]), length(seeds)),
      ifelse(is.na(kept), "", sprintf("%.3f", kept))
    ))
  }
}
