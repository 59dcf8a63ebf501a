# The demonstration of the README: reads real cells, embeds them, draws them.
#   Rscript tools/demo.R <folder for the results>
suppressPackageStartupMessages({
  library(neuralee)
  library(SingleCellExperiment)
})
folder <- commandArgs(TRUE)[[1]]
dir.create(folder, showWarnings = FALSE)

file <- system.file("extdata", "cortex.h5ad", package = "neuralee", mustWork = TRUE)
cells <- read_h5ad(file)
points <- standard_scale(subsample_genes(log_shift(t(counts(cells))), 558))

started <- proc.time()[["elapsed"]]
fit <- ee(points, verbose = FALSE)
seconds <- proc.time()[["elapsed"]] - started

quality <- embedding_quality(fit, points, labels = cells$label)
cat(
  sprintf("N           %d cells of mouse cortex, 558 genes\n", nrow(points)),
  sprintf("E           %.6g\n", fit$loss),
  sprintf("iterations  %d\n", max(fit$trace$iteration)),
  sprintf("seconds     %.1f\n", seconds),
  sprintf(
    "accuracy    %.3f (label of a cell from its 10 nearest neighbours)\n", quality$label_accuracy
  ),
  sep = ""
)

table <- data.frame(cell = colnames(cells), label = cells$label, fit$embedding)
names(table)[3:4] <- c("EE1", "EE2")
utils::write.csv(table, file.path(folder, "cortex_ee.csv"), row.names = FALSE)
ggplot2::ggsave(
  file.path(folder, "cortex_ee.png"), plot_embedding(fit, colour_by = cells$label),
  width = 7, height = 4.2, dpi = 150
)
cat(
  "written     ", file.path(folder, "cortex_ee.csv"), ", ", file.path(folder, "cortex_ee.png"),
  "\n", sep = ""
)
