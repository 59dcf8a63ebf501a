wait <- function(seconds, progress = NULL, panics = FALSE, threads = 1L, here = FALSE) {
  rust_call(rs_wait(seconds, panics, threads, here, progress))
}

test_that("progress counts up to the total in the named stage", {
  for (here in c(FALSE, TRUE)) {
    seen <- list()
    progress <- function(stage, done, total) {
      seen[[length(seen) + 1L]] <<- list(stage, done, total)
      TRUE
    }
    wait(0.5, progress, here = here)
    expect_gt(length(seen), 1L)
    done <- vapply(seen, `[[`, 0, 2L)
    expect_true(all(diff(done) > 0) && all(done <= 500))
    expect_equal(unique(lapply(seen, `[`, c(1L, 3L))), list(list("waiting", 500)))
  }
})

test_that("a progress function can stop the computation, and so does its failure", {
  for (answer in list(function(...) FALSE, function(...) stop("broken display"))) {
    expect_error(suppressMessages(wait(600, answer)), class = "neuralee_error_interrupted")
    expect_error(
      suppressMessages(wait(600, answer, here = TRUE)), class = "neuralee_error_interrupted"
    )
  }
})

test_that("Ctrl-C stops the computation and the session goes on", {
  skip_without_interrupts()
  for (here in c(FALSE, TRUE)) {
    interrupt_in(0.5)
    expect_error(wait(600, here = here), class = "neuralee_error_interrupted")
    expect_null(wait(0.01))
  }
})

test_that("a panic becomes an internal error and the session goes on", {
  expect_error(wait(1, panics = TRUE), "asked to panic", class = "neuralee_error_internal")
  expect_error(
    wait(1, panics = TRUE, here = TRUE), "asked to panic", class = "neuralee_error_internal"
  )
  expect_null(wait(0.01))
})

test_that("an argument of a wrong type becomes an internal error", {
  expect_error(rust_call(rs_wait("a", FALSE, 1L, FALSE, NULL)), class = "neuralee_error_internal")
})

test_that("failures of the core come with class, message and remedy", {
  failure <- expect_error(
    wait(0, threads = 0L), "at least 1 thread", class = "neuralee_error_input"
  )
  expect_null(failure$row)
})

test_that("the reporter is silent unless verbose, and outlives its display's errors", {
  expect_null(progress_reporter(FALSE))
  report <- progress_reporter(TRUE, "test")
  expect_true(report("first", 1, 10))
  expect_true(report("second", 0, 0))
  expect_true(report("second", "no number", "no number"))
})
