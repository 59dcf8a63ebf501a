quick <- function(..., maxit = 15) {
  calculateEE(..., perplexity = 20, maxit = maxit, verbose = FALSE)
}
quick_run <- function(...) runEE(..., perplexity = 20, maxit = 15, verbose = FALSE)
values <- function(map) matrix(map, nrow(map))

test_that("a matrix is features x cells unless transposed", {
  reference <- ee(iris_x, perplexity = 20, maxit = 15, verbose = FALSE)$embedding
  expect_identical(values(quick(t(iris_x))), values(reference))
  expect_identical(values(quick(iris_x, transposed = TRUE)), values(reference))
  sparse <- methods::as(t(iris_x), "CsparseMatrix")
  expect_identical(values(quick(sparse)), values(reference))
  expect_identical(dim(quick(t(iris_x), ncomponents = 3)), c(150L, 3L))
})

test_that("features are chosen by variance or by name, and scaled on request", {
  genes <- t(iris_x)
  by_variance <- order(apply(genes, 1, var), decreasing = TRUE)[1:2]
  reference <- values(quick(iris_x[, by_variance], transposed = TRUE))
  expect_identical(values(quick(genes, ntop = 2)), reference)
  expect_identical(values(quick(genes, subset_row = rownames(genes)[by_variance])), reference)
  expect_identical(values(quick(genes, subset_row = by_variance)), reference)
  expect_equal(
    values(quick(genes, subset_row = c(TRUE, FALSE, TRUE, FALSE))),
    values(quick(iris_x[, c(1, 3)], transposed = TRUE))
  )
  # A step leaves what is rounded differently close together; many do not.
  scaled <- sweep(iris_x, 2, apply(iris_x, 2, sd), "/")
  expect_equal(
    values(quick(genes, scale = TRUE, ntop = 4, maxit = 1))[, 1],
    values(quick(scaled, transposed = TRUE, maxit = 1))[, 1],
    tolerance = 1e-6
  )
  expect_refused(quick(genes, subset_row = "Actb"), "input", "Sepal.Length")
  expect_refused(quick(genes, subset_row = 9), "input", "1 to 4")
})

test_that("delayed and sparse matrices choose the rows that dense ones do", {
  genes <- t(iris_x)
  reference <- values(quick(genes, ntop = 2))
  expect_identical(values(quick(DelayedArray::DelayedArray(genes), ntop = 2)), reference)
  expect_identical(values(quick(methods::as(genes, "CsparseMatrix"), ntop = 2)), reference)
  scaled <- function(x) values(quick(x, ntop = 3, scale = TRUE, maxit = 1))
  expect_equal(
    with_small_blocks(scaled(DelayedArray::DelayedArray(genes)), size = 800), scaled(genes),
    tolerance = 1e-6
  )
})

test_that("runEE stores a map whose attributes survive subsetting", {
  sce <- quick_run(iris_sce(), dimred = "PCA", name = "EE")
  map <- SingleCellExperiment::reducedDim(sce, "EE")
  expect_s3_class(map, "reduced.dim.matrix")
  expect_identical(dimnames(map), list(colnames(sce), c("EE1", "EE2")))
  expect_named(attr(map, "trace"), c("iteration", "lambda", "loss", "gradient_norm", "seconds"))

  part <- SingleCellExperiment::reducedDim(sce[, c(5, 1, 99)], "EE")
  expect_identical(values(part), values(map)[c(5, 1, 99), ])
  for (name in c("loss", "trace", "timing", "params")) {
    expect_identical(attr(part, name), attr(map, name), info = name)
  }
  # Two halves of one map can be put together again.
  joined <- SingleCellExperiment::reducedDim(BiocGenerics::cbind(sce[, 1:75], sce[, 76:150]), "EE")
  expect_identical(attr(joined, "params"), attr(map, "params"))
})

test_that("assays, reductions and alternative experiments are found or listed", {
  sce <- iris_sce()
  expect_identical(values(quick(sce)), values(quick(log1p(t(iris_x)))))
  expect_identical(values(quick(sce, assay.type = "counts")), values(quick(t(iris_x))))
  expect_identical(values(quick(sce, exprs_values = "counts")), values(quick(t(iris_x))))
  pca <- SingleCellExperiment::reducedDim(sce, "PCA")
  expect_identical(
    values(quick(sce, dimred = "PCA", n_dimred = 2)), values(quick(pca[, 1:2], transposed = TRUE))
  )

  SingleCellExperiment::altExp(sce, "spikes") <- SummarizedExperiment::SummarizedExperiment(
    list(logcounts = SummarizedExperiment::assay(sce, "counts")[1:3, ])
  )
  expect_identical(
    values(SingleCellExperiment::reducedDim(quick_run(sce, altexp = "spikes"), "EE")),
    values(quick(t(iris_x[, 1:3])))
  )
  expect_identical(values(quick(sce, altexp = "spikes")), values(quick(t(iris_x[, 1:3]))))

  expect_refused(quick(sce, assay.type = "tpm"), "input", "counts.*logcounts")
  expect_refused(quick(sce, dimred = "UMAP"), "input", "PCA")
  expect_refused(quick(sce, dimred = "PCA", n_dimred = 9), "input", "4 dimensions")
  expect_refused(quick(sce, altexp = "ADT"), "input", "spikes")
  se <- SummarizedExperiment::SummarizedExperiment(list(logcounts = t(iris_x)))
  expect_identical(values(quick(se)), values(quick(t(iris_x))))
  expect_refused(runEE(se), "input", "SingleCellExperiment")
  expect_refused(runEE(iris_x), "input", "calculateEE")
})

test_that("arguments that cannot be served are refused", {
  expect_refused(quick(t(iris_x), ncomponents = 60), "dimension", "ncomponents")
  expect_refused(quick(t(iris_x), BNPARAM = 1), "input", "findKNN")
  expect_refused(quick(t(iris_x), BPPARAM = 2), "input", "BPPARAM")
  expect_refused(quick(t(iris_x), size = 0.5), "input", "Subset")
  genes <- t(iris_x)
  genes[2, 3] <- NA
  expect_refused(quick(genes, ntop = 2), "not_finite", "Sepal.Width")
  expect_refused(
    quick(DelayedArray::DelayedArray(genes), ntop = 2), "not_finite", "Sepal.Width"
  )
})

test_that("argument names that no function takes are refused, with the nearest one", {
  sce <- iris_sce()
  expect_refused(quick_run(sce, d = 3), "input", "`ncomponents`")
  expect_refused(quick_run(sce, lamda = 10), "input", "`lambda`")
  expect_refused(quick_run(sce, transposed = TRUE), "input", "`transposed`")
  expect_refused(quick(t(iris_x), d = 3), "input", "`ncomponents`")
  expect_refused(quick(t(iris_x), foo = 1), "input", "no argument `foo`")
  se <- methods::as(sce, "SummarizedExperiment")
  expect_refused(quick(se, dimred = "PCA"), "input", "`dimred`")
  expect_refused(quick_run(sce, subset_row = 1.5), "input", "subset_row")
  expect_refused(quick_run(sce, dimred = "PCA", n_dimred = c(1, 1.5)), "input", "n_dimred")
})

test_that("a matrix that seems to be transposed is recognised", {
  expect_refused(quick(iris_x), "perplexity", "transposed = TRUE")
})

test_that("what is not there at all is said, with the function to run", {
  sce <- SingleCellExperiment::SingleCellExperiment(list(t(iris_x)))
  expect_refused(plot_embedding(sce), "input", "none yet.*runEE")
  expect_refused(quick(sce), "input", "no named assays")
  expect_refused(quick(sce, altexp = "ADT"), "input", "There are none")
})

test_that("containers of another kind are sent elsewhere", {
  seurat <- any_seurat()
  for (refused in list(runEE, calculateEE, ee, log_shift)) {
    expect_refused(refused(seurat), "input", "as.SingleCellExperiment")
  }
  expect_refused(ee(iris_sce()), "input", "runEE")
})

test_that("a stored map prints short, whole or in part", {
  map <- quick(t(iris_x))
  for (shown in list(map[1:5, ], utils::head(map, 5))) {
    expect_s3_class(shown, "reduced.dim.matrix")
    expect_lt(length(capture.output(print(shown))), 25L)
  }
  expect_identical(attr(map, "params")[c("d", "maxit")], list(d = 2L, maxit = 15L))
  expect_identical(nrow(head(attr(map, "trace"), 3)), 3L)
  expect_identical(class(as.data.frame(attr(map, "trace"))), "data.frame")
})

test_that("BPPARAM sets the number of threads", {
  skip_if_not_installed("BiocParallel")
  map <- quick(t(iris_x), BPPARAM = BiocParallel::SerialParam())
  expect_identical(attr(map, "params")$threads, 1L)
})
