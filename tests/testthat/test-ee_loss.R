square <- function(x) as.matrix(stats::dist(x))^2

loss_by_definition <- function(embedding, w_plus, w_minus, lambda) {
  d <- square(embedding)
  sum(w_plus * d) + lambda * sum(w_minus * exp(-d))
}

test_that("loss and gradient match the original's for its own weights", {
  w_plus <- golden("iris_Wp_p30.npy")
  distances <- square(golden("iris_X.npy"))
  affinity <- list(w_plus = w_plus, w_minus = distances / sum(distances))
  at <- golden("iris_Xfix.npy")
  for (case in list(list(1, 3.895181929924354), list(100, 23.512990234833623))) {
    expect_equal(ee_loss(at, NULL, affinity, lambda = case[[1]]), case[[2]], tolerance = 1e-6)
    wanted <- golden(sprintf("iris_grad64_lam%d.npy", case[[1]]))
    got <- ee_gradient(at, NULL, affinity, lambda = case[[1]])
    expect_lt(norm(got - wanted, "F") / norm(wanted, "F"), 1e-6)
  }
})

test_that("sparse affinities and data give the loss of the definition", {
  affinity <- entropic_affinity(iris_x, 20)
  w_minus <- square(iris_x) / sum(square(iris_x))
  for (d in c(1, 2, 3, 4)) {
    at <- scale(stats::prcomp(iris_x)$x[, seq_len(d), drop = FALSE])
    wanted <- loss_by_definition(at, as.matrix(affinity$weights), w_minus, 7)
    expect_equal(ee_loss(at, iris_x, affinity, lambda = 7), wanted, tolerance = 1e-10)
    if (d <= 3) {
      expect_equal(
        ee_loss(at, iris_x, affinity, lambda = 7, method = "grid"), wanted, tolerance = 1e-5
      )
      exact <- ee_gradient(at, iris_x, affinity, lambda = 7)
      grid <- ee_gradient(at, iris_x, affinity, lambda = 7, method = "grid")
      expect_lt(norm(grid - exact, "F") / norm(exact, "F"), 1e-3)
    }
  }
})

test_that("the gradient is the derivative of the loss and shifts change nothing", {
  affinity <- entropic_affinity(iris_x, 20)
  at <- stats::prcomp(iris_x)$x[, 1:2]
  gradient <- ee_gradient(at, iris_x, affinity, lambda = 10)
  expect_identical(dimnames(gradient), dimnames(at))
  expect_lt(max(abs(colSums(gradient))), 1e-12)
  step <- 1e-5
  for (entry in list(c(1, 1), c(77, 2))) {
    up <- down <- at
    up[entry[1], entry[2]] <- at[entry[1], entry[2]] + step
    down[entry[1], entry[2]] <- at[entry[1], entry[2]] - step
    slope <- (ee_loss(up, iris_x, affinity, 10) - ee_loss(down, iris_x, affinity, 10)) / (2 * step)
    expect_equal(slope, gradient[[entry[1], entry[2]]], tolerance = 1e-6)
  }
  expect_equal(
    ee_loss(at + 5, iris_x, affinity, 10), ee_loss(at, iris_x, affinity, 10), tolerance = 1e-10
  )
})

test_that("explicit weights may be sparse", {
  at <- stats::prcomp(iris_x)$x[, 1:2]
  weights <- as.matrix(entropic_affinity(iris_x, 20)$weights)
  dense <- ee_loss(at, NULL, list(w_plus = weights, w_minus = weights))
  expect_identical(ee_loss(at, NULL, list(w_plus = sparse(weights), w_minus = weights)), dense)
})

test_that("where all points coincide the loss is lambda", {
  affinity <- entropic_affinity(iris_x, 20)
  expect_equal(ee_loss(matrix(0, 150, 2), iris_x, affinity, lambda = 3), 3, tolerance = 1e-12)
})

test_that("what does not fit together is refused", {
  affinity <- entropic_affinity(iris_x, 20)
  at <- stats::prcomp(iris_x)$x[, 1:2]
  expect_refused(ee_loss(at[1:100, ], iris_x, affinity), "input", "100 rows")
  expect_refused(ee_loss(at[1:100, ], iris_x[1:100, ], affinity), "input", "150 cells")
  expect_refused(ee_loss(at, iris_x, affinity, lambda = -1), "input", "lambda")
  expect_refused(ee_loss(at, iris_x, "entropic"), "input", "entropic_affinity")
  expect_refused(ee_loss(at, iris_x, affinity, method = "gird"), "input", "exact")
  expect_refused(ee_loss(replace(at, 5, NaN), iris_x, affinity), "not_finite", "row 5")
  expect_refused(
    ee_loss(stats::prcomp(iris_x)$x, iris_x, affinity, method = "grid"), "dimension", "exact"
  )
  uneven <- affinity
  uneven$weights[1, 2] <- 0.5
  expect_refused(ee_loss(at, iris_x, uneven), "input")
  with_weights <- function(change) replace(affinity, "weights", list(change(affinity$weights)))
  expect_refused(ee_loss(at, iris_x, with_weights(function(w) -w)), "input", "not negative")
  one_sided <- function(w) methods::as(2 * Matrix::triu(w), "generalMatrix")
  expect_refused(ee_loss(at, iris_x, with_weights(one_sided)), "input", "symmetric")
  holes <- replace(diag(150), 7, NaN)
  expect_refused(
    ee_loss(at, NULL, list(w_plus = diag(150), w_minus = holes)), "not_finite", "affinity\\$w_minus"
  )
  expect_refused(
    ee_loss(at, NULL, list(w_plus = diag(3), w_minus = diag(3))), "input", "150 x 150"
  )
})

test_that("a grid that would be too large points to the exact sum", {
  affinity <- entropic_affinity(iris_x, 5)
  expect_refused(
    ee_loss(iris_x[, 1:2] * 1e9, iris_x, affinity, method = "grid"), "memory", "method = \"exact\""
  )
})
