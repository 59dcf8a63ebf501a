# E, iterations and seconds of ee() on real cells, and how well the maps keep what is near.
#   Rscript bench/ee.R [file.h5ad ...]
# Without files: the bundled CORTEX cells (558 genes, scaled). A file holds points as they
# are (X: cells x dimensions, an obs column `label`), such as the 10,000 PBMC x 50 PCs of
# the repository GloScope (example_SCE), which is not shipped here.
library(neuralee)

sets <- commandArgs(TRUE)
threads <- 2L

cortex <- function() {
  cells <- read_h5ad(system.file("extdata", "cortex.h5ad", package = "neuralee"))
  cells <- standard_scale(subsample_genes(log_shift(cells), 558))
  list(x = t(as.matrix(SummarizedExperiment::assay(cells, "scaled"))), labels = cells$label)
}

points_of <- function(file) {
  cells <- read_h5ad(file)
  list(x = t(as.matrix(SummarizedExperiment::assay(cells))), labels = cells$label)
}

cat(sprintf("%s, R %s, %d threads\n", R.version$platform, getRversion(), threads))
cat(
  "| data | lambda | E | iterations | optimise s | s per iteration | affinities s |",
  "10-NN accuracy | kept of 10 | AUC R_NX |\n"
)
cat("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
for (set in if (length(sets)) sets else "cortex") {
  data <- if (set == "cortex") cortex() else points_of(set)
  for (lambda in c(1, 10, 100)) {
    fit <- ee(
      data$x, lambda = lambda, perplexity = 30, k = 90, maxit = 200, threads = threads,
      verbose = FALSE
    )
    quality <- embedding_quality(fit, data$x, labels = data$labels, k = 10)
    iterations <- max(fit$trace$iteration)
    cat(sprintf(
      "| %s %d x %d | %g | %.4f | %d | %.2f | %.4f | %.2f | %.3f | %.3f | %.3f |\n",
      sub("[.]h5ad$", "", basename(set)), nrow(data$x), ncol(data$x), lambda, fit$loss,
      iterations, fit$timing[["optimize"]], fit$timing[["optimize"]] / iterations,
      fit$timing[["affinity"]], quality$label_accuracy, quality$neighborhood_preservation,
      quality$auc_rnx
    ))
  }
}
