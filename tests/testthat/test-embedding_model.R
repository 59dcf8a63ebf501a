x <- as.matrix(iris[, 1:4])
sce <- SingleCellExperiment::SingleCellExperiment(list(logcounts = t(x)))
train <- function(sce, name, seed = 1) {
  runNeuralEE(
    sce,
    name = name, perplexity = 20, maxit = 3, hidden = 5, seed = seed, verbose = FALSE
  )
}
two <- train(train(sce, "first"), "second", seed = 2)
two <- runEE(two, perplexity = 20, maxit = 3, verbose = FALSE)

test_that("the model of a fit, a reduction and an object is the same", {
  fit <- neuralee(x, perplexity = 20, maxit = 3, hidden = 5, verbose = FALSE)
  expect_identical(embedding_model(fit), fit$model)
  expect_identical(embedding_model(fit$model), fit$model)
  map <- SingleCellExperiment::reducedDim(two, "first")
  expect_identical(embedding_model(map), attr(map, "model"))
  expect_identical(embedding_model(two, dimred = "first"), attr(map, "model"))
  expect_identical(embedding_model(two, dimred = 1), attr(map, "model"))
  expect_identical(embedding_model(two[, 1:3], dimred = "first"), attr(map, "model"))
})

test_that("without a name it is the last map that holds one", {
  last <- SingleCellExperiment::reducedDim(two, "second")
  expect_identical(embedding_model(two), attr(last, "model"))
  expect_equal(
    predict(embedding_model(two), two, verbose = FALSE), last,
    ignore_attr = TRUE, tolerance = 1e-5
  )
})

test_that("what holds no model is refused", {
  expect_refused(embedding_model(two, dimred = "EE"), "input", "`EE` is .*holds no model")
  expect_refused(embedding_model(two, dimred = "third"), "input", "no reducedDim \"third\"")
  expect_refused(embedding_model(sce), "input", "None of the reductions")
  fit <- ee(x, perplexity = 20, maxit = 2, verbose = FALSE)
  expect_refused(embedding_model(fit), "input", "`x` is .*holds no model")
  expect_refused(embedding_model(two, dimrd = "first"), "input", "Did you mean `dimred`")
})

test_that("the methods of reductions go on working, with a note that is shown once", {
  rlang::local_options(rlib_message_verbosity = "verbose")
  map <- SingleCellExperiment::reducedDim(two, "first")
  moved <- "neuralee_message_moved"
  expect_message(places <- predict(map, two, verbose = FALSE), class = moved)
  expect_identical(places, predict(embedding_model(map), two, verbose = FALSE))
  expect_message(found <- coef(map), "embedding_model", class = moved)
  expect_identical(found, coef(embedding_model(map)))
  expect_message(found <- weights(map), class = moved)
  expect_identical(found, weights(embedding_model(map)))
  expect_message(
    embedded <- ee(x, affinity = "gaussian", maxit = 2, verbose = FALSE), class = moved
  )
  expect_identical(embedded$params$affinity, "bisection")
})
