test_that("each kind has its class, message, remedy and fields", {
  for (kind in error_kinds) {
    condition <- expect_error(
      abort_neuralee(kind, "It failed.", "Do this.", row = 3),
      class = paste0("neuralee_error_", kind)
    )
    expect_s3_class(condition, "neuralee_error")
    expect_match(conditionMessage(condition), "It failed.\n.*Do this.")
    expect_equal(condition$row, 3)
  }
  expect_error(abort_neuralee("unheard_of", "x"), "error_kinds")
})

test_that("a message without a remedy has no empty bullet", {
  condition <- rlang::catch_cnd(abort_neuralee("input", "It failed.", ""))
  expect_equal(conditionMessage(condition), "It failed.")
})

test_that("an interrupt of R code is classed as one of Rust code", {
  expect_error(classed_interrupts(rlang::interrupt()), class = "neuralee_error_interrupted")
  expect_identical(classed_interrupts(1 + 1), 2)
})

named_by <- function(expression) {
  condition <- rlang::catch_cnd(expression, "neuralee_error")
  as.character(as.list(condition$call)[[1L]])
}

test_that("an error names the function that the user called", {
  flowers <- as.matrix(iris[c(1:20, 101:120), 1:4])
  sce <- SingleCellExperiment::SingleCellExperiment(list(logcounts = t(flowers)))
  expect_identical(named_by(runEE(sce, k = -1)), "runEE")
  expect_identical(named_by(runEE(sce, perplexity = 100)), "runEE")
  expect_identical(named_by(calculateEE(sce, k = -1)), "calculateEE")
  expect_identical(named_by(runNeuralEE(sce, hidden = -1)), "runNeuralEE")
  expect_identical(named_by(do.call("ee", list(flowers, k = -1))), "ee")
  expect_identical(
    named_by(ee(flowers, affinity = entropic_affinity(flowers, 1))), "entropic_affinity"
  )
})

test_that("an error of a call within a callback names that call", {
  flowers <- as.matrix(iris[c(1:20, 101:120), 1:4])
  asks_again <- function(iteration, loss, embedding) entropic_affinity(embedding, 1)
  # As a user writes it, outside of the package and its tests.
  environment(asks_again) <- globalenv()
  assign("entropic_affinity", entropic_affinity, globalenv())
  on.exit(rm("entropic_affinity", envir = globalenv()))
  fails <- function() ee(flowers, perplexity = 5, every = 1, maxit = 2, callback = asks_again)
  expect_identical(named_by(fails()), "entropic_affinity")
})

test_that("an error that a worker returned names the function that waited for it", {
  condition <- rlang::catch_cnd(abort_neuralee("input", "It failed."))
  condition$call <- NULL
  expect_identical(named_by(raise_again(condition)), "raise_again")
  expect_error(raise_again(simpleError("Another.")), "Another", class = "simpleError")
})
