test_that("optimizers say what they are", {
  expect_output(print(adam()), "adam, lr 0.01 $")
  expect_output(
    print(adamw(lr = 0.1, schedule = "cosine")),
    "adamw, lr 0.1 \\(cosine to 0.01 of it\\), weight decay 0.01"
  )
  expect_output(
    print(
      sgd(nesterov = TRUE, schedule = lr_schedule("step", every = 10, factor = 0.5, warmup = 3))
    ),
    "times 0.5 every 10 epochs after 3 epochs of warm-up\\), momentum 0.9 \\(Nesterov\\)"
  )
  expect_output(print(lr_schedule("linear", last = 0)), "Learning rate: linear to 0 of it")
})

test_that("schedules change the learning rate as they say", {
  rates <- function(...) {
    train(optimizer = adam(lr = 0.1, schedule = lr_schedule(...)), maxit = 10)$trace$learning_rate
  }
  expect_identical(rates("constant"), rep(0.1, 11))
  expect_equal(rates("linear", last = 0), seq(0.1, 0, by = -0.01))
  expect_equal(rates("exponential", last = 0.01), 0.1 * 0.01^(0:10 / 10))
  expect_equal(rates("cosine", last = 0.2), 0.1 * (0.2 + 0.8 * (1 + cos(pi * 0:10 / 10)) / 2))
  expect_equal(rates("step", every = 4, factor = 0.5), 0.1 * 0.5^(0:10 %/% 4))
  expect_equal(rates("constant", warmup = 4)[1:5], 0.1 * c(0.25, 0.5, 0.75, 1, 1))
})

test_that("values out of range are refused by name", {
  expect_refused(adam(lr = 0), "input", "lr")
  expect_refused(adam(lr = -0.01), "input", "lr")
  expect_refused(adam(lr = Inf), "input", "lr")
  expect_refused(adam(lr = "fast"), "input", "lr")
  expect_refused(adam(beta1 = 1), "input", "beta1")
  expect_refused(adam(beta2 = -0.1), "input", "beta2")
  expect_refused(adam(eps = 0), "input", "eps")
  expect_refused(adamw(weight_decay = -1), "input", "weight_decay")
  expect_refused(sgd(momentum = 1), "input", "momentum")
  expect_refused(sgd(momentum = 0, nesterov = TRUE), "input", "momentum")
  expect_refused(sgd(nesterov = 2), "input", "nesterov")
  expect_refused(adam(schedule = "sinus"), "input", "cosine")
  expect_refused(adam(schedule = 1), "input", "schedule")
  expect_refused(lr_schedule("cosine", last = 2), "input", "last")
  expect_refused(lr_schedule("exponential", last = 0), "input", "never")
  expect_refused(lr_schedule("step", every = 0), "input", "every")
  expect_refused(lr_schedule("step", factor = 0), "input", "factor")
  expect_refused(lr_schedule(warmup = -1), "input", "warmup")
})

test_that("an optimizer that was changed by hand is refused before any work", {
  changed <- function(part, value, of = adam()) {
    of[[part]] <- value
    of
  }
  refused <- function(optimizer, message) {
    condition <- expect_error(
      neuralee(iris_x, perplexity = 20, maxit = 2, optimizer = optimizer, verbose = FALSE),
      class = "neuralee_error_input"
    )
    expect_match(conditionMessage(condition), message)
  }
  refused(changed("lr", "a"), "`lr`")
  refused(changed("method", "zzz"), "`optimizer`")
  refused(changed("schedule", NULL), "`optimizer`")
  refused(changed("schedule", changed("decay", NA, lr_schedule())), "`decay`")
  refused(changed("momentum", 2, sgd()), "`momentum`")
})
