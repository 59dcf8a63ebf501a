test_that("old and new cells share the map that goes on", {
  x <- iris_x
  rownames(x) <- paste0("f", 1:150)
  first <- train(x[1:100, ], keep = TRUE, tol = 0)
  both <- fine_tune(first, x[101:150, ], data = TRUE, maxit = 10, verbose = FALSE)
  expect_identical(rownames(both$embedding), rownames(x))
  expect_identical(both$params$pretrain, 0L)
  # It begins where the old network puts all cells, but for the means and deviations, which are now
  # those of all.
  before <- ee_loss(predict(first, x, verbose = FALSE), x, entropic_affinity(x, 20), lambda = 10)
  expect_lt(both$trace$loss[1], 1.3 * before)
  expect_lt(both$loss, before)
  expect_gt(train(x, init = "none", maxit = 10)$loss, before)
  expect_identical(
    trained(fine_tune(first, x[101:150, ], data = x[1:100, ], maxit = 10, verbose = FALSE))[1:4],
    trained(both)[1:4]
  )
  alone <- fine_tune(first$model, x[101:150, ], maxit = 10, verbose = FALSE)
  expect_identical(rownames(alone$embedding), rownames(x)[101:150])
})

test_that("preprocessing and features go on as they were learned", {
  x <- round(10 * iris_x)
  sce <- iris_sce()
  SummarizedExperiment::assay(sce, "counts") <- round(
    10 * SummarizedExperiment::assay(sce, "counts")
  )
  first <- train(
    x[1:100, ], preprocess = preprocessing(log = TRUE, ntop = 3, components = 2, scale = TRUE),
    tol = 0
  )
  more <- fine_tune(first, sce[, 101:150], data = x[1:100, 4:1], maxit = 5, verbose = FALSE)
  expect_equal(predict(more, x, verbose = FALSE), more$embedding, tolerance = 1e-4)
  old <- model_info(first$model)
  new <- model_info(more$model)
  same <- c(
    "names", "selected", "width", "log", "components", "inputs", "hidden", "perplexity", "lambda"
  )
  expect_identical(new[same], old[same])
  expect_identical(new$cells, 150)
  # A model that goes on twice is still one that takes counts.
  again <- fine_tune(more, x, maxit = 2, optimizer = sgd(), verbose = FALSE)
  expect_true(model_info(again$model)$log)
})

test_that("what cannot go on is refused", {
  fit <- train()
  tune <- function(...) fine_tune(fit, ..., verbose = FALSE)
  expect_refused(tune(), "input", "newdata")
  expect_refused(tune(iris_x, data = TRUE), "input", "keeps no cells")
  expect_refused(tune(iris_x[, 1:2]), "input", "Petal.Length")
  expect_refused(tune(iris_x, data = iris_x[, 1:2]), "input", "`data` lacks")
  expect_refused(tune(iris_x[0, ]), "input", "no cells")
  expect_refused(tune(replace(iris_x, 3, NA)), "not_finite", "row 3")
  expect_refused(tune(iris_x, hidden = 5), "input", "`hidden` is what the model determines")
  expect_refused(tune(iris_x, learning_rate = 1), "input", "no argument")
  expect_refused(tune(iris_x[1:10, ]), "perplexity")
  expect_refused(
    fine_tune(ee(iris_x, perplexity = 20, maxit = 2, verbose = FALSE), iris_x), "input", "no model"
  )
})

test_that("a network of cosine distances goes on with these", {
  fit <- train(metric = "cosine", maxit = 4)
  more <- fine_tune(fit, iris_x, maxit = 2, verbose = FALSE)
  expect_identical(more$params$metric, "cosine")
  expect_equal(predict(more, iris_x * 5, verbose = FALSE), more$embedding, tolerance = 1e-4)
})
