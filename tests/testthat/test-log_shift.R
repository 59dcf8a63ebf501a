test_that("every value x becomes log(1 + x), names and container kept", {
  x <- golden_counts()[1:20, ]
  dimnames(x) <- list(sprintf("c%d", 1:20), sprintf("g%d", 1:120))
  expect_equal(log_shift(x), log1p(x))
  expect_equal(log_shift(sparse(x)), sparse(log1p(x)))
  expect_equal(log_shift(as.data.frame(x)), log1p(x))
  whole <- x
  storage.mode(whole) <- "integer"
  expect_equal(log_shift(whole), log1p(x))
  expect_identical(log_shift(matrix(1e-18)), matrix(1e-18))
  expect_identical(dim(log_shift(x[0, ])), c(0L, 120L))
})

test_that("the full golden logarithms agree", {
  expect_equal(log_shift(golden_counts()), golden("prep_log_Y.npy"), tolerance = 1e-6)
})

test_that("a DelayedMatrix stays delayed", {
  x <- golden_counts()
  logs <- with_small_blocks(log_shift(delayed(sparse(x))))
  expect_s4_class(logs, "DelayedMatrix")
  expect_true(DelayedArray::is_sparse(logs))
  expect_equal(unname(as.matrix(logs)), log1p(x))
})

test_that("a container gains an assay", {
  sce <- counts_sce()
  logged <- log_shift(sce)
  expect_identical(SummarizedExperiment::assayNames(logged), c("counts", "logcounts"))
  expected <- log1p(SummarizedExperiment::assay(sce, "counts"))
  expect_equal(SummarizedExperiment::assay(logged, "logcounts"), expected)
  other <- log_shift(logged, assay.type = "logcounts", name = "twice")
  expect_equal(SummarizedExperiment::assay(other, "twice"), log1p(expected))
})

test_that("values without a logarithm are refused with cell and gene", {
  x <- golden_counts()
  dimnames(x) <- list(sprintf("c%d", 1:200), sprintf("g%d", 1:120))
  x[7, 3] <- -1
  x[5, 90] <- -3
  place <- "row 7 \\(cell \"c7\"\\), column 3 \\(gene \"g3\"\\)"
  expect_refused(log_shift(x), "input", place)
  expect_refused(log_shift(sparse(x)), "input", place)
  expect_refused(log_shift(unname(x)), "input", "row 7 \\(cell\\), column 3 \\(gene\\)")
  expect_refused(
    with_small_blocks(log_shift(delayed(x[, 40:120]))), "input", "row 5 .*column 51 .*\"g90\""
  )
  sce <- SummarizedExperiment::SummarizedExperiment(list(counts = t(x)))
  expect_refused(log_shift(sce), "input", "row 90 \\(gene \"g90\"\\), column 5 \\(cell \"c5\"\\)")
})

test_that("other bad input is refused", {
  expect_refused(log_shift(matrix("a")), "input", "character matrix")
  expect_refused(log_shift(data.frame(a = 1, b = "x")), "input", "\"b\"")
  expect_refused(log_shift(matrix(c(1, NA), 1)), "not_finite", "column 2")
  expect_refused(log_shift(counts_sce(), assay.type = "raw"), "input", "\"counts\"")
  expect_refused(log_shift(counts_sce(), name = NA), "input", "`name`")
  expect_refused(log_shift(matrix(1), threads = 0), "input", "`threads`")
  expect_refused(log_shift(matrix(1), base = 2), "input", "no argument `base`")
  expect_refused(log_shift(delayed(matrix("a", 5, 5))), "input", "type character")
})
