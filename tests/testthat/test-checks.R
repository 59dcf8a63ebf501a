expect_refused <- function(object, regexp, class = "neuralee_error_input") {
  expect_error(object, regexp, class = class)
}

test_that("counts, numbers and flags of the right kind pass unchanged", {
  expect_identical(check_count(3, "n"), 3L)
  expect_identical(check_number(1L, "v"), 1)
  expect_identical(check_number(0.5, "v", above = 0, max = 1), 0.5)
  expect_identical(check_flag(FALSE, "f"), FALSE)
})

test_that("others are refused with name, value and range", {
  expect_refused(check_count(0, "maxit", min = 1, max = 10), "`maxit` is 0.*from 1 to 10")
  expect_refused(check_count(2.5, "maxit"), "`maxit` is 2.5.*one whole number")
  for (bad in list("a", NA, NULL, c(1, 2), Inf, -1, 1e10, factor(1))) {
    expect_refused(check_count(bad, "maxit"), "`maxit`")
  }
  expect_refused(check_number(0, "lambda", above = 0), "`lambda` is 0.*greater than 0")
  expect_refused(check_number(-1, "lambda", min = 0), "`lambda` is -1.*of at least 0")
  expect_refused(check_number(NaN, "lambda"), "`lambda` is NaN")
  for (bad in list(NA, "yes", 1, NULL, c(TRUE, FALSE))) {
    expect_refused(check_flag(bad, "verbose"), "`verbose`.*TRUE or FALSE")
  }
})

test_that("numbers in any container become a double matrix or a dgCMatrix, names kept", {
  x <- matrix(c(1, 0, 2, 0, 0, 3), 3, dimnames = list(letters[1:3], c("g1", "g2")))
  whole <- x
  storage.mode(whole) <- "integer"
  expect_identical(check_cells(x), x)
  expect_identical(check_cells(whole), x)
  expect_identical(check_cells(x > 0), (x > 0) + 0)
  expect_identical(check_cells(as.data.frame(x)), x)
  sparse <- Matrix::Matrix(x, sparse = TRUE)
  expect_identical(check_cells(sparse), sparse)
  expect_identical(check_cells(methods::as(sparse, "TsparseMatrix")), sparse)
  expect_identical(check_cells(methods::as(sparse, "RsparseMatrix")), sparse)
  expect_identical(check_cells(Matrix::Matrix(x, sparse = FALSE)), x)
  expect_equal(check_cells(sparse != 0), (sparse != 0) * 1)
})

test_that("a DelayedMatrix stays one until it is read, block by block and without a message", {
  x <- matrix(1:6000, 100, dimnames = list(paste0("cell", 1:100), paste0("g", 1:60)))
  given <- DelayedArray::DelayedArray(x)
  expect_identical(check_cells(given), given)
  expect_message(read <- with_small_blocks(dense_cells(given)), NA)
  expect_identical(read, x + 0)
  expect_identical(with_small_blocks(dense_cells(DelayedArray::DelayedArray(sparse(x + 0)))), x + 0)
  expect_refused(check_cells(DelayedArray::DelayedArray(matrix("a", 3, 3))), "of type character")
  expect_refused(check_cells(given[1, , drop = FALSE]), "transposed")
})

test_that("a value of a DelayedMatrix that is not finite is named as it is counted by the user", {
  x <- matrix(1, 100, 60, dimnames = list(paste0("cell", 1:100), paste0("g", 1:60)))
  x[77, 41] <- NaN
  expect_refused(
    with_small_blocks(dense_cells(DelayedArray::DelayedArray(x))),
    "NaN in row 77 \\(cell \"cell77\"\\), column 41 \\(gene \"g41\"\\)",
    class = "neuralee_error_not_finite"
  )
  condition <- expect_refused(
    densify(DelayedArray::DelayedArray(unname(x)), rows = c(4L, 77L)), "row 77",
    class = "neuralee_error_not_finite"
  )
  expect_equal(c(condition$row, condition$column), c(77, 41))
})

test_that("text is refused, and the columns that hold it are named", {
  expect_refused(check_cells(iris), "columns that hold no numbers: \"Species\"")
  expect_refused(check_cells(matrix("1", 2, 2)), "`x` is a character matrix")
  expect_refused(check_cells(1:4), "a vector of 4 values of type integer")
  expect_refused(check_cells(NULL, name = "counts"), "`counts` is NULL")
  expect_equal(list_some(letters), '"a", "b", "c", "d", "e" and 21 more')
})

test_that("too few cells or genes are refused", {
  expect_refused(check_cells(matrix(0, 0, 3)), "0 cells")
  expect_refused(check_cells(matrix(0, 3, 0)), "0 genes")
  expect_refused(check_cells(matrix(0, 1, 3)), "1 cells.*transposed")
  expect_refused(check_cells(matrix(0, 3, 1), cells = "columns"), "1 cells \\(columns\\)")
})

test_that("the first value that is not finite is named with its cell and gene", {
  x <- matrix(1, 3, 2, dimnames = list(paste0("cell", 1:3), c("Gad1", "Mbp")))
  for (bad in c(NA, NaN, Inf, -Inf)) {
    y <- x
    y[2, 2] <- bad
    condition <- expect_refused(
      check_cells(y), "row 2 \\(cell \"cell2\"\\), column 2 \\(gene \"Mbp\"\\)",
      class = "neuralee_error_not_finite"
    )
    expect_equal(c(condition$row, condition$column), c(2, 2))
    expect_refused(
      check_cells(t(y), cells = "columns"), "row 2 \\(gene \"Mbp\"\\), column 2 \\(cell",
      class = "neuralee_error_not_finite"
    )
  }
  sparse <- Matrix::sparseMatrix(i = c(1, 3, 2), j = c(1, 2, 4), x = c(1, 2, NaN), dims = c(3, 5))
  expect_refused(
    check_cells(sparse), "NaN in row 2 \\(cell\\), column 4", class = "neuralee_error_not_finite"
  )
  integers <- matrix(c(1L, NA, 3L, 4L), 2)
  expect_refused(check_cells(integers), "NA in row 2", class = "neuralee_error_not_finite")
})

test_that("sparse matrices with damaged slots are refused before they are used", {
  good <- methods::as(iris_x, "CsparseMatrix")
  p <- good
  p@p[3] <- 100000L
  i <- good
  i@i[1] <- 999L
  for (damaged in list(p, i, methods::as(good, "TsparseMatrix"))) {
    if (methods::is(damaged, "TsparseMatrix")) damaged@j[2] <- -1L
    expect_error(ee(damaged, verbose = FALSE), "damaged", class = "neuralee_error_input")
    expect_error(standard_scale(damaged), "damaged", class = "neuralee_error_input")
  }
  affinity <- entropic_affinity(iris_x, 5)
  affinity$weights@p[5] <- 10000L
  expect_error(ee_loss(iris_x[, 1:2], iris_x, affinity), "damaged", class = "neuralee_error_input")
  expect_identical(check_cells(methods::as(good, "RsparseMatrix")), good)
})

test_that("every function refuses a call that leaves out what it needs", {
  namespace <- asNamespace("neuralee")
  asked <- 0L
  for (name in getNamespaceExports(namespace)) {
    method <- get(name, namespace)
    # Tables of S4 methods are exported too.
    if (!is.function(method)) next
    without <- Filter(
      function(default) identical(default, quote(expr = )), as.list(formals(method))
    )
    needed <- setdiff(names(without), "...")
    if (!length(needed)) next
    expect_refused(method(), sprintf("`%s` is missing", needed[[1]]))
    asked <- asked + 1L
  }
  expect_gt(asked, 35L)
  expect_refused(subsample_genes(iris_x), "`n` is missing")
  expect_refused(embedding_quality(iris_x), "`x` is missing")
  # Also where the argument was handed on.
  hand_on <- function(cells) ee(cells)
  expect_refused(hand_on(), "`x` is missing")
})
