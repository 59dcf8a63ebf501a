local_settings <- function(option = NULL, limit = "", check = "", envir = parent.frame()) {
  old <- options(neuralee.threads = option)
  names <- c("OMP_THREAD_LIMIT", "_R_CHECK_LIMIT_CORES_", "_R_CHECK_PACKAGE_NAME_")
  before <- Sys.getenv(names)
  do.call(Sys.setenv, as.list(stats::setNames(c(limit, check, ""), names)))
  do.call(on.exit, list(
    bquote({
      options(.(old))
      do.call(Sys.setenv, .(as.list(before)))
    }),
    add = TRUE
  ), envir = envir)
}

test_that("the default is half of the cores, from 1 to 8, and at most 2 under R CMD check", {
  local_settings()
  expect_equal(vapply(c(1L, 2L, 5L, 16L, 64L), default_threads, 0L), c(1L, 1L, 2L, 8L, 8L))
  expect_equal(resolve_threads(), default_threads())
  local_settings(check = "true")
  expect_equal(default_threads(64L), 2L)
  local_settings(check = "false")
  expect_equal(default_threads(64L), 8L)
})

test_that("BPPARAM wins over the argument, the argument over the option", {
  local_settings(option = 5)
  expect_identical(resolve_threads(), 5L)
  expect_identical(resolve_threads(3), 3L)
  skip_if_not_installed("BiocParallel")
  expect_identical(resolve_threads(3, BiocParallel::SerialParam()), 1L)
})

test_that("OMP_THREAD_LIMIT bounds every choice", {
  local_settings(option = 5, limit = "2")
  expect_identical(resolve_threads(), 2L)
  expect_identical(resolve_threads(8), 2L)
  expect_identical(resolve_threads(1), 1L)
  local_settings(limit = "none")
  expect_identical(resolve_threads(8), 8L)
})

test_that("what is no number of threads is refused by name", {
  local_settings()
  for (bad in list(0, -1, NA, NA_integer_, 1.5, "two", Inf, NaN, c(1, 2), TRUE, list(1))) {
    expect_error(resolve_threads(bad), "`threads`", class = "neuralee_error_input")
  }
  expect_error(resolve_threads(BPPARAM = 4), "`BPPARAM`", class = "neuralee_error_input")
  local_settings(option = "many")
  expect_error(resolve_threads(), "options\\(neuralee.threads\\)", class = "neuralee_error_input")
})
