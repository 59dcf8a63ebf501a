test_that("scater's plots and neighbours take our reductions", {
  skip_if_not_installed("scater")
  sce <- SingleCellExperiment::SingleCellExperiment(
    list(logcounts = t(as.matrix(iris[, 1:4]))),
    colData = S4Vectors::DataFrame(species = iris$Species)
  )
  colnames(sce) <- sprintf("cell%d", 1:150)
  sce <- runEE(sce, perplexity = 10, maxit = 20, verbose = FALSE)
  sce <- runNeuralEE(sce, perplexity = 10, maxit = 20, verbose = FALSE)
  for (name in c("EE", "NeuralEE")) {
    map <- SingleCellExperiment::reducedDim(sce, name)
    by_species <- scater::plotReducedDim(sce, name, colour_by = "species")
    points <- ggplot2::ggplot_build(by_species)$data[[1L]]
    expect_equal(cbind(points$x, points$y), matrix(map, 150), ignore_attr = TRUE)
    by_width <- scater::plotReducedDim(sce, name, colour_by = "Petal.Width")
    points <- ggplot2::ggplot_build(by_width)$data[[1L]]
    expect_identical(nrow(points), 150L)
    # Code that was written for runUMAP() starts from it in turn.
    again <- scater::runUMAP(sce, dimred = name, n_neighbors = 10)
    expect_identical(dim(SingleCellExperiment::reducedDim(again, "UMAP")), c(150L, 2L))
  }
})
