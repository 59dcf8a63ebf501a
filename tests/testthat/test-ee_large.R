# Many cells: the approximate search reorders them on the way.
many <- function(n = 21000) {
  values <- (seq_len(n * 6) * 0.6180339887) %% 1 + (seq_len(n * 6)^2 * 0.7548776662) %% 1
  x <- matrix(values, n) + 4 * (seq_len(n) %% 7)
  rownames(x) <- paste0("c", seq_len(n))
  x
}

test_that("cells come back in the order in which they came", {
  x <- many()
  fit <- ee(x, perplexity = 10, lambda = 10, maxit = 15, threads = 2, verbose = FALSE)
  expect_identical(rownames(fit$embedding), rownames(x))
  # The seven groups of the data are groups of the map.
  group <- factor(seq_len(nrow(x)) %% 7)
  within <- stats::ave(fit$embedding[, 1], group) - fit$embedding[, 1]
  expect_lt(stats::var(within) / stats::var(fit$embedding[, 1]), 0.2)

  affinity <- entropic_affinity(x, 10)
  expect_s4_class(affinity$weights, "dgCMatrix")
  expect_true(Matrix::isSymmetric(affinity$weights))
  expect_equal(sum(affinity$weights), 1)
  given <- ee(x, affinity = affinity, lambda = 10, maxit = 15, verbose = FALSE)
  # But for the noise of the start, which goes by the place of a cell.
  expect_equal(given$trace$loss, fit$trace$loss, tolerance = 1e-3)
  expect_equal(
    ee_loss(fit$embedding, x, affinity, lambda = 10, method = "grid"), fit$loss, tolerance = 1e-8
  )
  from_start <- ee(
    x, init = fit$embedding, perplexity = 10, lambda = 10, maxit = 1, verbose = FALSE
  )
  expect_equal(from_start$trace$loss[1], fit$loss, tolerance = 1e-8)
})

test_that("an embedding that would not fit is refused, with what would", {
  before <- options(neuralee.max_memory_gb = 0.045)
  on.exit(options(before))
  condition <- expect_refused(
    ee(many(), perplexity = 10, verbose = FALSE), "memory", "What would fit"
  )
  size <- as.numeric(sub(".*a subset of ([0-9]+) cells.*", "\\1", conditionMessage(condition)))
  expect_lt(size, 21000)
  fit <- ee(many(), perplexity = 10, size = size, maxit = 3, verbose = FALSE)
  expect_identical(nrow(fit$embedding), as.integer(size))
  options(neuralee.max_memory_gb = "much")
  expect_refused(ee(iris_x, perplexity = 10), "input", "max_memory_gb")
})

test_that("several lambdas are taken in turn", {
  path <- ee(iris_x, lambda = c(1, 10, 100), perplexity = 20, maxit = 150, verbose = FALSE)
  expect_identical(unique(path$trace$lambda), c(1, 10, 100))
  expect_identical(path$params$lambda, 100)
  expect_identical(path$params$lambda_path, c(1, 10, 100))
  expect_equal(
    path$loss,
    ee_loss(
      path$embedding, iris_x, entropic_affinity(iris_x, 20), lambda = 100,
      method = path$params$method
    )
  )
  expect_refused(ee(iris_x, lambda = c(1, -1)), "input", "lambda.2.")
  expect_refused(ee(iris_x, lambda = numeric()), "input", "lambda")
})

test_that("a run that was killed ends with the same bits when it is run again", {
  skip_on_os("windows")
  file <- tempfile("killed-", fileext = ".ckpt")
  on.exit(unlink(file))
  script <- tempfile(fileext = ".R")
  on.exit(unlink(script), add = TRUE)
  embed <- function(...) {
    neuralee::ee(
      as.matrix(iris[, 1:4]),
      perplexity = 20, lambda = 10, maxit = 60, tol = 0, every = 10, verbose = FALSE, ...
    )
  }
  writeLines(c(
    paste0(".libPaths(", paste(deparse(.libPaths()), collapse = ""), ")"),
    paste(c("embed <-", deparse(embed)), collapse = "\n"),
    "embed(",
    sprintf("  checkpoint = \"%s\", resume = TRUE,", file),
    "  callback = function(iteration, ...) {",
    "    if (iteration == 30 || iteration == 50) tools::pskill(Sys.getpid(), tools::SIGKILL)",
    "  }",
    ")"
  ), script)
  run <- function() {
    suppressWarnings(
      system2(file.path(R.home("bin"), "Rscript"), script, stdout = FALSE, stderr = FALSE)
    )
  }
  expect_true(run() != 0)
  expect_true(file.exists(file))
  expect_true(run() != 0)
  resumed <- embed(checkpoint = file, resume = TRUE)
  straight <- embed()
  expect_identical(resumed$embedding, straight$embedding)
  expect_identical(resumed$trace$loss, straight$trace$loss)
  expect_identical(embed(checkpoint = file, resume = FALSE)$embedding, straight$embedding)
  expect_refused(embed(resume = TRUE), "input", "checkpoint")
})
