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
