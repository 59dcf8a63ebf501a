test_that("a fraction is one of the cells, not of the genes", {
  x <- golden_counts()
  # The original kept 60, half of the genes.
  expect_identical(dim(subsample_cells(x, 0.5)), c(100L, 120L))
  expect_identical(ncol(subsample_cells(counts_sce(), 0.5)), 100L)
  expect_identical(nrow(subsample_cells(x, 0.5, by = "random")), 100L)
  expect_identical(nrow(subsample_cells(x[1:100, ], 0.29)), 29L)
  expect_length(
    ee(iris_x[1:100, ], size = 0.29, maxit = 1, perplexity = 5, verbose = FALSE)$subset, 29
  )
  expect_identical(nrow(subsample_cells(x[1:7, ], 0.5)), 3L)
  expect_identical(subsample_cells(x, 1), x)
  expect_identical(subsample_cells(x, 200), x)
})

test_that("the cells of largest totals are kept, in their order", {
  x <- golden_counts()
  rownames(x) <- sprintf("c%d", 1:200)
  found <- subsample_cells(x, 50)
  chosen <- sort(order(rowSums(x), decreasing = TRUE)[1:50])
  expect_identical(found, x[chosen, ])
  expect_false(identical(order(rowSums(found), decreasing = TRUE), 1:50))
  expect_gte(min(rowSums(found)), max(rowSums(x[-chosen, ])))
  expect_identical(subsample_cells(sparse(x), 50), sparse(x)[chosen, ])
  expect_identical(subsample_cells(as.data.frame(x), 50), as.data.frame(x)[chosen, ])
  triplets <- methods::as(sparse(x), "TsparseMatrix")
  expect_equal(as.matrix(subsample_cells(triplets, 50)), x[chosen, ])
  found <- with_small_blocks(subsample_cells(delayed(x), 50))
  expect_s4_class(found, "DelayedMatrix")
  expect_identical(as.matrix(found), x[chosen, ])
  found <- with_small_blocks(subsample_cells(delayed(sparse(x)), 50))
  expect_equal(as.matrix(found), x[chosen, ])
})

test_that("of equal totals the first cells are taken", {
  x <- cbind(c(1, 3, 0, 2, 3), c(2, 0, 3, 1, 1))
  rownames(x) <- letters[1:5]
  expect_identical(rownames(subsample_cells(x, 3)), c("a", "b", "e"))
})

test_that("a random choice depends on the seed alone", {
  x <- golden_counts()
  rownames(x) <- 1:200
  before <- random_seed_of_r()
  found <- rownames(subsample_cells(x, 50, by = "random", seed = 7))
  expect_identical(random_seed_of_r(), before)
  expect_identical(rownames(subsample_cells(x, 50, by = "random", seed = 7)), found)
  expect_false(identical(rownames(subsample_cells(x, 50, by = "random", seed = 8)), found))
  expect_false(is.unsorted(as.integer(found)))
  expect_identical(anyDuplicated(found), 0L)
  fit <- ee(iris_x, size = 40, seed = 7, maxit = 1, perplexity = 5, verbose = FALSE)
  expect_equal(subsample_cells(iris_x, 40, by = "random", seed = 7), iris_x[fit$subset, ])
})

test_that("a random choice reads no values", {
  x <- delayed(matrix(c(1, NA, -3, 4, 5, 6), 3))
  found <- subsample_cells(x, 2, by = "random")
  expect_s4_class(found, "DelayedMatrix")
  expect_identical(dim(found), c(2L, 2L))
  sce <- typed_sce()
  SummarizedExperiment::assayNames(sce) <- "X"
  expect_identical(ncol(subsample_cells(sce, 10, by = "random")), 10L)
  expect_refused(subsample_cells(sce, 10), "input", "\"counts\"")
  expect_identical(ncol(subsample_cells(sce, 10, assay.type = "X")), 10L)
})

test_that("all parts of a container go with the cells", {
  sce <- typed_sce()
  expect_cells(
    subsample_cells(sce, 50), sort(order(colSums(counts_of(sce)), decreasing = TRUE)[1:50])
  )
  found <- subsample_cells(sce, 50, by = "random")
  expect_cells(found, found$number)
})

test_that("a container of which all cells are kept is the same", {
  sce <- counts_sce()
  expect_identical(subsample_cells(sce, 1), sce)
})

test_that("bad input is refused", {
  x <- golden_counts()
  for (size in list(0, -1, 1.5, 201, NA, Inf, "3", NULL, c(2, 3), TRUE, list(2))) {
    expect_refused(subsample_cells(x, size), "input", "`size`")
  }
  expect_refused(subsample_cells(x, 0.001), "input", "leaves none of the 200")
  expect_refused(subsample_cells(x, 3, by = "variance"), "input", "`by`.*total")
  expect_refused(subsample_cells(x, 3, by = "random", seed = -1), "input", "`seed`")
  expect_refused(subsample_cells(x, 3, sead = 1), "input", "`seed`")
  expect_refused(subsample_cells(letters, 3), "input", "`x`")
  expect_refused(subsample_cells(matrix("a", 3, 3), 2), "input", "`x`")
  expect_refused(subsample_cells(matrix(c(1, NA, 2, 3), 2), 0.5), "not_finite", "row 2")
  expect_refused(subsample_cells(standard_scale(x), 3), "input", "no count")
  damaged <- sparse(x)
  damaged@i[[5L]] <- 100000L
  expect_refused(subsample_cells(damaged, 3), "input", "damaged")
  condition <- expect_refused(
    with_small_blocks(subsample_cells(delayed(rbind(x, -1)), 3)), "input",
    "-1 in row 201 .*column 1 "
  )
  expect_identical(c(condition$row, condition$column), c(201, 1))
})
