quick <- function(...) {
  calculateNeuralEE(..., perplexity = 20, maxit = 15, hidden = c(10, 10), verbose = FALSE)
}
quick_run <- function(...) {
  runNeuralEE(..., perplexity = 20, maxit = 15, hidden = c(10, 10), verbose = FALSE)
}
values <- function(map) matrix(map, nrow(map))
reference <- function(x, ...) {
  neuralee(x, perplexity = 20, maxit = 15, hidden = c(10, 10), verbose = FALSE, ...)$embedding
}

test_that("a matrix is features x cells unless transposed, and the model maps either's cells", {
  map <- quick(t(iris_x))
  expect_identical(values(map), values(reference(iris_x)))
  expect_identical(values(quick(iris_x, transposed = TRUE)), values(reference(iris_x)))
  expect_identical(colnames(map), c("NeuralEE1", "NeuralEE2"))
  expect_equal(
    values(predict(embedding_model(map), iris_x, verbose = FALSE)), values(map), tolerance = 1e-6
  )
})

test_that("runNeuralEE stores map, trace and model, which survive subsetting", {
  sce <- quick_run(iris_sce(), scale = TRUE, ntop = 3)
  map <- SingleCellExperiment::reducedDim(sce, "NeuralEE")
  expect_s3_class(map, "reduced.dim.matrix")
  expect_identical(dimnames(map), list(colnames(sce), c("NeuralEE1", "NeuralEE2")))
  part <- SingleCellExperiment::reducedDim(sce[, c(5, 1, 99)], "NeuralEE")
  expect_identical(values(part), values(map)[c(5, 1, 99), ])
  for (name in c("loss", "trace", "timing", "params", "model")) {
    expect_identical(attr(part, name), attr(map, name), info = name)
  }
  expect_identical(plot_trace(sce, "NeuralEE")$data$at[1:16], 0:15)
  expect_s3_class(plot_embedding(sce, colour_by = "species", dimred = "NeuralEE"), "ggplot")
  expect_lt(length(capture.output(print(utils::head(map, 3)))), 30L)
  # The model takes the assay, its three features and their scale.
  expect_equal(
    values(predict(embedding_model(map), sce, verbose = FALSE)), values(map), tolerance = 1e-5
  )
  file <- tempfile()
  on.exit(unlink(file))
  save_neuralee(map, file)
  expect_identical(load_neuralee(file), embedding_model(map))
})

test_that("a model remembers assay and alternative experiment", {
  sce <- iris_sce()
  SingleCellExperiment::altExp(sce, "spikes") <- SummarizedExperiment::SummarizedExperiment(
    list(logcounts = SummarizedExperiment::assay(sce, "counts")[1:3, ])
  )
  for (made in list(quick_run(sce, assay.type = "counts"), quick_run(sce, altexp = "spikes"))) {
    map <- SingleCellExperiment::reducedDim(made, "NeuralEE")
    expect_equal(
      values(predict(embedding_model(map), sce, verbose = FALSE)), values(map), tolerance = 1e-6
    )
  }
  SingleCellExperiment::altExp(sce, "spikes") <- NULL
  expect_refused(
    predict(embedding_model(map), sce, verbose = FALSE), "input", "alternative experiment"
  )
})

test_that("from components with known loadings the model takes the genes", {
  sce <- principal_components(iris_sce(), n = 3, verbose = FALSE)
  map <- SingleCellExperiment::reducedDim(quick_run(sce, dimred = "PCA", n_dimred = 2), "NeuralEE")
  expect_identical(
    values(map), values(reference(unclass(SingleCellExperiment::reducedDim(sce, "PCA"))[, 1:2]))
  )
  SingleCellExperiment::reducedDims(sce) <- NULL
  expect_equal(
    values(predict(embedding_model(map), sce[4:1, ], verbose = FALSE)), values(map),
    tolerance = 1e-4
  )
})

test_that("from components without loadings the model takes the same components again", {
  sce <- iris_sce()
  map <- SingleCellExperiment::reducedDim(quick_run(sce, dimred = "PCA", n_dimred = 2), "NeuralEE")
  model <- embedding_model(map)
  expect_equal(values(predict(model, sce, verbose = FALSE)), values(map), tolerance = 1e-6)
  SingleCellExperiment::reducedDims(sce) <- NULL
  expect_refused(predict(model, sce, verbose = FALSE), "input", "no reducedDim \"PCA\"")
})

test_that("arguments are scater's and neuralee()'s, and no others", {
  sce <- iris_sce()
  expect_identical(
    dim(SingleCellExperiment::reducedDim(quick_run(sce, ncomponents = 3), "NeuralEE")), c(150L, 3L)
  )
  expect_refused(quick_run(sce, lamda = 10), "input", "`lambda`")
  expect_refused(quick_run(sce, d = 3), "input", "`ncomponents`")
  expect_refused(quick_run(sce, method = "fast"), "input", "grid")
  expect_refused(quick_run(sce, size = 0.5), "input", "Subset")
  expect_refused(quick_run(sce, keep = TRUE), "input", "keep")
  expect_refused(quick_run(sce, BNPARAM = 1), "input", "findKNN")
  expect_refused(quick(iris_x), "perplexity", "transposed = TRUE")
  expect_refused(quick(sce, dimred = "UMAP"), "input", "PCA")
  expect_refused(runNeuralEE(iris_x), "input", "calculateNeuralEE\\(\\) or neuralee\\(\\)")
  expect_refused(
    runNeuralEE(methods::as(sce, "SummarizedExperiment")), "input", "SingleCellExperiment"
  )
  expect_refused(calculateNeuralEE(any_seurat()), "input", "as.SingleCellExperiment")
  expect_refused(runNeuralEE(sce, name = ""), "input", "name")
})

test_that("an assay of a SummarizedExperiment is taken; cosine distances go on with the model", {
  quick <- function(...) {
    calculateNeuralEE(..., perplexity = 20, maxit = 4, hidden = 5, verbose = FALSE)
  }
  sce <- iris_sce()
  plain <- SummarizedExperiment::SummarizedExperiment(SummarizedExperiment::assays(sce))
  expect_equal(quick(plain), quick(sce), ignore_attr = TRUE)
  map <- quick(t(iris_x), metric = "cosine")
  expect_equal(
    predict(embedding_model(map), iris_x * 3, verbose = FALSE), as.matrix(map), ignore_attr = TRUE,
    tolerance = 1e-4
  )
  expect_refused(
    quick(sce, preprocess = preprocessing(log = TRUE)), "input", "`preprocess` is for neuralee"
  )
})
