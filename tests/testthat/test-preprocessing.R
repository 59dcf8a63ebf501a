flowers <- function() {
  x <- round(10 * iris_x)
  rownames(x) <- paste0("f", 1:150)
  cbind(x, constant = 3, Petal.Area = x[, 3] * x[, 4])
}

steps_by_hand <- function(x, ntop = 4) {
  x <- log_shift(x)
  standard_scale(subsample_genes(x, ntop))
}

test_that("a model takes new cells as they come and does what was learned", {
  x <- flowers()
  fit <- train(x, preprocess = preprocessing(log = TRUE, ntop = 4, scale = TRUE))
  by_hand <- steps_by_hand(x)
  plain <- train(matrix(by_hand, 150, dimnames = dimnames(by_hand)))
  expect_equal(fit$embedding, plain$embedding, tolerance = 1e-5)
  expect_identical(fit$params$features, 4L)
  expect_identical(predict(fit, x, verbose = FALSE), fit$embedding)
  # The means of the first cells, not of the new ones.
  expect_equal(predict(fit, x[7, ], verbose = FALSE)[1, ], fit$embedding[7, ], tolerance = 1e-5)
  expect_equal(
    predict(
      plain,
      sweep(
        sweep(log1p(x[1:3, colnames(by_hand)] + 1), 2, attr(by_hand, "scaled:center")), 2,
        attr(by_hand, "scaled:scale"), "/"
      ),
      verbose = FALSE
    ),
    predict(fit, x[1:3, ] + 1, verbose = FALSE),
    tolerance = 1e-4
  )
  expect_output(print(fit), "log\\(1 \\+ x\\), 4 of 6 features, centred, scaled")
})

test_that("components are those of the training, from dense, sparse and delayed counts", {
  x <- flowers()
  fit <- train(x, preprocess = preprocessing(log = TRUE, components = 3))
  scores <- principal_components(log_shift(x), 3, verbose = FALSE)
  expect_equal(
    fit$embedding, train(matrix(scores, 150, dimnames = dimnames(scores)))$embedding,
    tolerance = 1e-4
  )
  expect_equal(predict(fit, x, verbose = FALSE), fit$embedding, tolerance = 1e-4)
  for (other in list(sparse(x), delayed(x))) {
    again <- with_small_blocks(
      train(other, preprocess = preprocessing(log = TRUE, components = 3)), size = 2000
    )
    expect_equal(again$embedding, fit$embedding, tolerance = 1e-3)
    expect_equal(
      with_small_blocks(predict(fit, other, verbose = FALSE), size = 2000), fit$embedding,
      tolerance = 1e-4
    )
  }
  scaled <- train(x[, -5], preprocess = preprocessing(components = 2, scale = TRUE))
  expect_equal(predict(scaled, x, verbose = FALSE), scaled$embedding, tolerance = 1e-4)
})

test_that("features without names are taken by their places among all", {
  x <- unname(flowers())
  fit <- train(x, preprocess = preprocessing(ntop = 4))
  expect_identical(predict(fit, x, verbose = FALSE), fit$embedding)
  # Chosen features have an order of their own, which nobody should have to know.
  expect_refused(
    predict(fit, x[, 1:4], verbose = FALSE), "input", "takes 6 \\(of which it uses 4\\)"
  )
})

test_that("cosine distances are part of the model", {
  x <- flowers()
  fit <- train(x, metric = "cosine")
  expect_equal(predict(fit, 7 * x, verbose = FALSE), fit$embedding, tolerance = 1e-4)
  expect_refused(predict(fit, 0 * x, verbose = FALSE), "input", "Cell 1 is zero")
})

test_that("steps that cannot be taken are refused", {
  expect_refused(preprocessing(log = "yes"), "input", "log")
  expect_refused(preprocessing(ntop = 0), "input", "ntop")
  expect_refused(preprocessing(scale = NA), "input", "scale")
  expect_refused(preprocessing(components = 1.5), "input", "components")
  expect_refused(train(-iris_x, preprocess = preprocessing(log = TRUE)), "input", "log")
  fit <- train(flowers(), preprocess = preprocessing(log = TRUE))
  expect_refused(
    predict(fit, -flowers(), verbose = FALSE), "input", "Cell 1 has the value .* no log"
  )
  expect_output(
    print(preprocessing(log = TRUE, ntop = 500, components = 50)),
    "500 most variable features, then 50"
  )
  expect_output(print(preprocessing()), "none")
})
