population_variances <- function(x) colMeans(sweep(x, 2L, colMeans(x))^2)

test_that("the order is that of the golden variances", {
  x <- log_shift(golden_counts())
  colnames(x) <- seq_len(ncol(x))
  variances <- golden("prep_log_var.npy")
  chosen <- as.integer(colnames(subsample_genes(x, 119)))
  expect_equal(variances[chosen], sort(variances, decreasing = TRUE)[1:119], tolerance = 1e-6)
})

test_that("columns come by descending variance, and every cell stays", {
  x <- golden_counts()
  dimnames(x) <- list(sprintf("c%d", 1:200), sprintf("g%d", 1:120))
  scaled <- standard_scale(log_shift(x))
  found <- subsample_genes(scaled - 5, 8)
  expect_identical(rownames(found), rownames(x))
  order <- order(population_variances(x), decreasing = TRUE)[1:8]
  expect_identical(subsample_genes(x, 8), x[, order])
  expect_identical(subsample_genes(sparse(x), 8), sparse(x)[, order])
  expect_identical(subsample_genes(as.data.frame(x), 8), as.data.frame(x)[, order])
  found <- with_small_blocks(subsample_genes(delayed(x), 8))
  expect_s4_class(found, "DelayedMatrix")
  expect_identical(as.matrix(found), x[, order])
  expect_identical(dim(subsample_genes(x, 1)), c(200L, 1L))
})

test_that("genes of equal variance keep their order", {
  x <- cbind(a = c(0, 1), b = c(0, 3), c = c(1, 0), d = c(3, 0))
  expect_identical(colnames(subsample_genes(x, 3)), c("b", "d", "a"))
})

test_that("nothing changes where n is not less than the number of genes", {
  x <- golden_counts()
  expect_identical(subsample_genes(x, 120), x)
  expect_identical(subsample_genes(x, 500), x)
  sce <- log_shift(counts_sce())
  expect_identical(subsample_genes(sce, 120), sce)
})

test_that("a container keeps its genes in order of variance", {
  sce <- log_shift(counts_sce())
  variances <- population_variances(t(SummarizedExperiment::assay(sce, "logcounts")))
  expected <- rownames(sce)[order(variances, decreasing = TRUE)[1:10]]
  found <- subsample_genes(sce, 10)
  expect_identical(rownames(found), expected)
  expect_identical(ncol(found), ncol(sce))
  expect_identical(SummarizedExperiment::assayNames(found), c("counts", "logcounts"))
})

test_that("a gene whose variance stands out from genes of its mean comes first by trend", {
  # Poisson counts with means from 0.1 to 30, whose variance is their mean, and one gene that has
  # more.
  set.seed(1)
  means <- exp(seq(log(0.1), log(30), length.out = 200))
  x <- vapply(means, function(mean) rpois(500, mean), numeric(500))
  x[, 60] <- rpois(500, means[[60]] * rep(c(0, 0, 3), length.out = 500))
  colnames(x) <- sprintf("g%d", 1:200)
  logs <- log_shift(x)
  expect_false("g60" %in% colnames(subsample_genes(logs, 3)))
  found <- subsample_genes(logs, 3, by = "trend")
  expect_identical(colnames(found)[[1L]], "g60")
  expect_identical(colnames(subsample_genes(sparse(logs), 3, by = "trend")), colnames(found))
  sce <- SingleCellExperiment::SingleCellExperiment(list(logcounts = t(logs)))
  expect_identical(rownames(subsample_genes(sce, 3, by = "trend")), colnames(found))
})

test_that("genes without variance come last by trend", {
  x <- cbind(log_shift(golden_counts()), 7)
  found <- subsample_genes(x, 120, by = "trend")
  expect_false(any(apply(found, 2L, function(gene) all(gene == 7))))
})

test_that("bad input is refused", {
  expect_refused(subsample_genes(golden_counts(), 3, by = "loess"), "input", "variance.*trend")
  expect_refused(
    subsample_genes(standard_scale(golden_counts()), 3, by = "trend"), "input",
    "logarithm of the mean"
  )
  expect_refused(
    subsample_genes(golden_counts()[, 1:8], 3, by = "trend"), "input", "too few for a trend"
  )
  x <- golden_counts()
  for (n in list(0, 1.5, NA, "3", NULL, c(1, 2))) {
    expect_refused(subsample_genes(x, n), "input", "`n`")
  }
  expect_refused(subsample_genes(x[1, , drop = FALSE], 3), "input", "transposed")
  expect_refused(subsample_genes(matrix(c(1, Inf, 1, 2), 2), 1), "not_finite", "row 2 .*column 1")
  expect_refused(subsample_genes(counts_sce(), 3), "input", "\"counts\"")
  # The variances overflow, the sum of the values does, the variances vanish.
  x <- x + 1
  for (by in c("variance", "trend")) {
    expect_refused(
      subsample_genes(x * 1e200, 3, by = by), "input", "size of .*e\\+20[0-9], whose squares"
    )
    expect_refused(subsample_genes(x / max(x) * 1.7e308, 3, by = by), "input", "more than 1e\\+308")
  }
  expect_refused(
    subsample_genes(x * 1e-200, 3, by = "trend"), "input", "size of .*e-1[0-9]{2}, whose squares"
  )
})
