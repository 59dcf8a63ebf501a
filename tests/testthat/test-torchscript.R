# Programs that data-raw/make_program.py wrote: 4 features to 2 dimensions.
program <- function(name) test_path("fixtures", paste0(name, ".pt"))

on_torch <- function(..., device = "torch") {
  neuralee(
    iris_x, perplexity = 20, lambda = 10, maxit = 20, tol = 0, verbose = FALSE, device = device, ...
  )
}

test_that("a program learns, from its own parameters, and maps new cells", {
  skip_without_backend()
  fit <- on_torch(net = program("net"))
  expect_lt(fit$loss, 0.8 * fit$trace$loss[1])
  expect_equal(colMeans(fit$embedding), c(NeuralEE1 = 0, NeuralEE2 = 0), tolerance = 1e-4)
  expect_equal(predict(fit, iris_x, device = "torch"), fit$embedding, tolerance = 1e-4)
  expect_equal(
    predict(fit, iris_x[7, , drop = FALSE], device = "torch"), fit$embedding[7, , drop = FALSE],
    tolerance = 1e-4
  )
  expect_output(print(fit), "4-2, a TorchScript program")
  expect_length(weights(fit)[[1]], 4 * 8 + 8 + 8 * 2 + 2)
  expect_identical(on_torch(net = program("net"))$trace$loss, fit$trace$loss)
})

test_that("programs take batches, a map to learn, dropout, checkpoints and more cells", {
  skip_without_backend()
  expect_true(all(is.finite(on_torch(net = program("net"), batch_size = 50)$trace$loss)))
  learned <- on_torch(net = program("net"), init = "ee")
  expect_lt(learned$loss, learned$trace$loss[1])
  dropping <- function(...) on_torch(net = program("net_dropout"), seed = 3, ...)
  fit <- dropping()
  expect_identical(trained(dropping()), trained(fit))
  expect_false(identical(on_torch(net = program("net_dropout"), seed = 4)$loss, fit$loss))
  file <- tempfile()
  on.exit(unlink(file))
  dropping(every = 10, checkpoint = file, callback = function(...) FALSE)
  expect_identical(trained(dropping(resume = file)), trained(fit))
  save_neuralee(fit, file)
  model <- load_neuralee(file)
  expect_identical(predict(model, iris_x, device = "torch"), predict(fit, iris_x, device = "torch"))
  more <- fine_tune(model, iris_x, maxit = 5, device = "torch", verbose = FALSE)
  expect_lt(more$loss, fit$loss)
})

test_that("programs that no model could keep, and files that are none, are refused", {
  expect_refused(
    on_torch(net = program("net"), device = "cpu"), "device", "needs libtorch.*device = \"torch\""
  )
  expect_refused(on_torch(net = tempfile()), "input", "there is no file")
  skip_without_backend()
  expect_refused(on_torch(net = program("net_running_averages")), "input", "running averages")
  expect_refused(
    on_torch(net = program("net_company")), "input", "places a cell by the other cells"
  )
  expect_refused(on_torch(net = program("net"), d = 3), "input", "of \\[4, 3\\]")
  expect_refused(
    neuralee(iris_x[, 1:3], perplexity = 20, net = program("net"), device = "torch"), "input",
    "3 features"
  )
  file <- tempfile()
  on.exit(unlink(file))
  writeLines("no program", file)
  expect_refused(on_torch(net = file), "input", "no TorchScript program")
  fit <- on_torch(net = program("net"))
  expect_refused(predict(fit, iris_x), "device", "needs libtorch")
  expect_refused(fine_tune(fit, iris_x, verbose = FALSE), "device", "needs libtorch")
  file.create(empty <- tempfile())
  expect_refused(on_torch(net = empty), "input", "is empty")
  expect_refused(on_torch(net = program("net"), accumulate = TRUE), "input", "TorchScript")
  expect_refused(
    fine_tune(fit, iris_x, accumulate = TRUE, device = "torch", verbose = FALSE), "input",
    "TorchScript"
  )
  expect_refused(
    on_torch(net = program("net_detached")), "input", "does not depend on its parameters"
  )
  expect_refused(on_torch(net = program("net_raising")), "input", "not in training")
  expect_s3_class(on_torch(net = program("net")), "neuralee_fit")
})

test_that("parameters that are frozen or not used stay, and cells that a program writes into too", {
  skip_without_backend()
  fit <- on_torch(net = program("net_partly"))
  start <- on_torch(net = program("net_partly"), optimizer = adam(lr = 1e-30))
  moved <- weights(fit)[[1]] != weights(start)[[1]]
  # 4 x 8 + 8 frozen ones, 8 x 2 + 2 trained ones, and a layer of 3 x 3 + 3 that is not used.
  expect_identical(rle(moved)$lengths, c(40L, 18L, 12L))
  expect_identical(rle(moved)$values, c(FALSE, TRUE, FALSE))
  expect_equal(predict(fit, iris_x, device = "torch"), fit$embedding, tolerance = 1e-4)
})
