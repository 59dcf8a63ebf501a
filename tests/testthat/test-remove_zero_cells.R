test_that("cells without a count are dropped, with a message", {
  x <- golden_counts()
  rownames(x) <- sprintf("c%d", 1:200)
  expect_message(
    found <- remove_zero_cells(x), "1 of 200 cells removed", class = "neuralee_message_removed"
  )
  expect_identical(found, x[-14, ])
  expect_silent(expect_identical(remove_zero_cells(found), found))
})

test_that("sparse, delayed and other matrices keep their type", {
  x <- golden_counts()
  x[c(3, 77), ] <- 0
  suppressMessages({
    # The original made of a sparse matrix with such cells one row of single elements.
    expect_identical(remove_zero_cells(sparse(x)), sparse(x)[-c(3, 14, 77), ])
    expect_identical(remove_zero_cells(as.data.frame(x)), as.data.frame(x)[-c(3, 14, 77), ])
    for (counts in list(x, sparse(x))) {
      found <- with_small_blocks(remove_zero_cells(delayed(counts)))
      expect_s4_class(found, "DelayedMatrix")
      expect_equal(as.matrix(found), x[-c(3, 14, 77), ])
    }
  })
})

test_that("a stored zero is no count", {
  x <- Matrix::sparseMatrix(i = c(1, 2, 3), j = c(1, 1, 2), x = c(1, 0, 2))
  expect_message(found <- remove_zero_cells(x), "1 of 3")
  expect_equal(as.matrix(found), rbind(c(1, 0), c(0, 2)))
})

test_that("counts decide, whatever was scaled since", {
  sce <- standard_scale(log_shift(typed_sce()))
  # The original dropped every cell whose scaled values have a negative sum.
  expect_gt(sum(colSums(SummarizedExperiment::assay(sce, "scaled")) < 0), 50)
  expect_message(found <- remove_zero_cells(sce), "1 of 200")
  expect_cells(found, (1:200)[-14])
  expect_identical(
    SummarizedExperiment::assay(found, "scaled"), SummarizedExperiment::assay(sce, "scaled")[, -14]
  )
  expect_refused(remove_zero_cells(sce, assay.type = "scaled"), "input", "no count")
  expect_refused(remove_zero_cells(standard_scale(golden_counts())), "input", "scaled")
})

test_that("bad input is refused", {
  x <- golden_counts()
  expect_refused(remove_zero_cells(0 * x), "input", "None of the 200")
  expect_refused(remove_zero_cells(x[, 0]), "input", "None of the 200")
  expect_refused(remove_zero_cells(delayed(x[, 0])), "input", "None of the 200")
  expect_refused(remove_zero_cells(matrix(c(1, NaN), 1)), "not_finite", "column 2")
  expect_refused(remove_zero_cells(delayed(matrix(c(1, Inf), 1))), "not_finite", "column 2")
  expect_refused(remove_zero_cells(NULL), "input", "`x`")
  expect_refused(remove_zero_cells(matrix("a")), "input", "`x`")
  expect_refused(remove_zero_cells(x, 3), "input", "name")
  expect_refused(remove_zero_cells(counts_sce(), assay = "X"), "input", "assay.type")
  expect_refused(remove_zero_cells(counts_sce(), assay.type = "X"), "input", "\"counts\"")
})
