test_that("whole numbers below 2^53 are seeds, integers and doubles alike", {
  for (seed in list(0, 42L, 42, 2^53 - 1)) {
    expect_identical(check_seed(seed), as.numeric(seed))
  }
})

test_that("anything else is refused", {
  for (bad in list(1.5, -1, NA, NaN, Inf, 2^53, "42", TRUE, NULL, c(1, 2), numeric(), list(1))) {
    expect_error(check_seed(bad), "`seed` is .*whole number", class = "neuralee_error_input")
  }
})
