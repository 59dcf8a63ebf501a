attribute_values <- function(x) {
  list(attr(x, "scaled:center"), attr(x, "scaled:scale"))
}

test_that("golden values of the most variable genes", {
  chosen <- subsample_genes(log_shift(golden_counts()), 30)
  # The original has dropped the one cell without a count.
  scaled <- standard_scale(chosen[rowSums(chosen) > 0, ])
  expect_equal(attr(scaled, "scaled:center"), golden("prep_log_sub30_mean.npy"), tolerance = 1e-6)
  expect_equal(attr(scaled, "scaled:scale"), golden("prep_log_sub30_scale.npy"), tolerance = 1e-6)
  expected <- golden("prep_log_sub30_std_Y.npy")
  expect_lt(max(abs(scaled - expected) / pmax(1, abs(expected))), 1e-6)
})

test_that("genes have mean 0 and population standard deviation 1, constant ones are 0", {
  x <- golden_counts()
  dimnames(x) <- list(NULL, sprintf("g%d", 1:120))
  scaled <- standard_scale(x)
  expect_identical(colnames(scaled), colnames(x))
  expect_equal(colMeans(scaled), setNames(rep(0, 120), colnames(x)))
  constant <- apply(x, 2L, function(v) length(unique(v)) == 1L)
  expect_true(any(constant))
  expect_equal(unname(colMeans(scaled^2)), as.numeric(!constant))
  expect_equal(unname(attr(scaled, "scaled:scale")[constant]), rep(1, sum(constant)))
  expect_true(all(scaled[, constant] == 0))
})

test_that("sparse and delayed matrices give the same", {
  x <- log_shift(golden_counts())
  expected <- standard_scale(x)
  expect_equal(standard_scale(sparse(x)), expected)
  found <- with_small_blocks(standard_scale(delayed(x)))
  expect_s4_class(found, "DelayedMatrix")
  expect_equal(as.matrix(found), expected, ignore_attr = TRUE)
  expect_equal(attribute_values(found), attribute_values(expected))
})

test_that("a container gains a dense assay with genes in rows", {
  sce <- log_shift(counts_sce())
  logs <- SummarizedExperiment::assay(sce, "logcounts")
  expected <- t(standard_scale(t(logs)))
  found <- SummarizedExperiment::assay(standard_scale(sce), "scaled")
  expect_equal(found, expected, ignore_attr = TRUE)
  expect_identical(dimnames(found), dimnames(logs))
  expect_named(attr(found, "scaled:center"), rownames(sce))
  SummarizedExperiment::assay(sce, "logcounts") <- with_small_blocks(delayed(logs))
  found <- with_small_blocks(SummarizedExperiment::assay(standard_scale(sce), "scaled"))
  expect_equal(as.matrix(found), expected, ignore_attr = TRUE)
})

test_that("new cells come to the scale of others", {
  x <- log_shift(golden_counts())
  colnames(x) <- sprintf("g%d", 1:120)
  whole <- standard_scale(x)
  again <- whole[1:20, ]
  expect_equal(standard_scale(x[1:20, ], like = whole), again, ignore_attr = TRUE)
  expect_equal(
    attribute_values(standard_scale(x[1, , drop = FALSE], like = whole)), attribute_values(whole)
  )
  expect_equal(standard_scale(sparse(x[1:20, ]), like = whole), again, ignore_attr = TRUE)
  expect_equal(
    as.matrix(standard_scale(delayed(x[1:20, ]), like = whole)), again, ignore_attr = TRUE
  )
  # By name where there are names.
  expect_equal(standard_scale(x[1:20, 120:3], like = whole), again[, 120:3], ignore_attr = TRUE)
  expect_equal(standard_scale(unname(x[1:20, ]), like = whole), unname(again), ignore_attr = TRUE)
  sce <- log_shift(counts_sce())
  scaled <- standard_scale(sce)
  expect_equal(
    SummarizedExperiment::assay(standard_scale(sce[, 1:20], like = scaled), "scaled"),
    SummarizedExperiment::assay(scaled, "scaled")[, 1:20],
    ignore_attr = TRUE
  )
})

test_that("bad input is refused", {
  whole <- standard_scale(log_shift(golden_counts()))
  expect_refused(
    standard_scale(golden_counts(), like = whole[1:5, ]), "input", "vanish on subsetting"
  )
  expect_refused(
    standard_scale(golden_counts()[, 1:5], like = whole), "input",
    "5 genes, but `like` was made of 120"
  )
  named <- standard_scale(cbind(a = 1:3, b = 3:1))
  expect_refused(standard_scale(cbind(a = 1, z = 2), like = named), "input", "no gene \"?z")
  expect_refused(
    standard_scale(cbind(a = 1, b = NA), like = named), "not_finite", "row 1 .*column 2"
  )
  twins <- standard_scale(cbind(a = 1:3, twin = 3:1, twin = c(1, 5, 2)))
  expect_identical(
    unname(standard_scale(cbind(a = 1, twin = 2, twin = 3), like = twins))[1, ],
    unname((1:3 - attr(twins, "scaled:center")) / attr(twins, "scaled:scale"))
  )
  expect_refused(
    standard_scale(cbind(twin = 2, a = 1, twin = 3), like = twins), "input",
    "share a name.*\"twin\""
  )
  expect_refused(
    standard_scale(cbind(a = 1, twin = 2), like = twins), "input", "share a name.*\"twin\""
  )
  x <- matrix(c(1, 2, 3, NaN), 2)
  expect_refused(standard_scale(x), "not_finite", "row 2 .*column 2")
  expect_refused(standard_scale(delayed(x)), "not_finite", "row 2 .*column 2")
  expect_refused(standard_scale(matrix(1, 1, 5)), "input", "transposed")
  expect_refused(standard_scale(delayed(matrix(1, 1, 5))), "input", "transposed")
  expect_refused(standard_scale(counts_sce()), "input", "\"counts\"")
})
