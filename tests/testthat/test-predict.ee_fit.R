old_flowers <- seq(1, 150, by = 2)

fit_of <- function(x = iris_x[old_flowers, ], ...) {
  ee(x, perplexity = 15, lambda = 10, maxit = 100, verbose = FALSE, ...)
}

test_that("new cells land among their own kind", {
  fit <- fit_of(keep = TRUE)
  places <- predict(fit, iris_x[-old_flowers, ], verbose = FALSE)
  expect_identical(dim(places), c(75L, 2L))
  expect_identical(colnames(places), c("EE1", "EE2"))
  nearest <- apply(places, 1, function(place) which.min(colSums((t(fit$embedding) - place)^2)))
  expect_gt(mean(iris$Species[old_flowers][nearest] == iris$Species[-old_flowers]), 0.9)
})

test_that("the data may be given instead of kept, and a cell's place is its own", {
  x <- iris_x[old_flowers, ]
  new <- iris_x[-old_flowers, ]
  kept <- fit_of(keep = TRUE)
  places <- predict(kept, new, verbose = FALSE)
  expect_identical(predict(fit_of(), new, data = x, threads = 2, verbose = FALSE), places)
  expect_identical(predict(kept, new[5, ], verbose = FALSE), places[5, , drop = FALSE])
  # Features are found by their names.
  expect_identical(predict(kept, new[, 4:1], verbose = FALSE), places)
  expect_identical(predict(kept, as.data.frame(new), verbose = FALSE), places)
  expect_identical(predict(fit_of(), delayed(new), data = delayed(x), verbose = FALSE), places)
  rownames(new) <- paste0("n", 1:75)
  expect_identical(rownames(predict(kept, new, verbose = FALSE)), rownames(new))
})

test_that("together, new cells of a kind that the map lacks come to a lower E of all cells", {
  known <- iris$Species != "virginica"
  for (kernel in c("gaussian", "student")) {
    fit <- fit_of(iris_x[known, ], kernel = kernel, keep = TRUE)
    new <- iris_x[!known, ]
    rownames(new) <- paste0("v", 1:50)
    together <- predict(fit, new, together = TRUE, verbose = FALSE)
    expect_identical(dimnames(together), list(rownames(new), c("EE1", "EE2")))
    all <- rbind(iris_x[known, ], new)
    loss <- function(places) {
      ee_loss(
        rbind(fit$embedding, places), all, entropic_affinity(all, 15), lambda = 10, kernel = kernel
      )
    }
    expect_lt(loss(together), loss(predict(fit, new, verbose = FALSE)))
    expect_identical(predict(fit, new, together = TRUE, threads = 2, verbose = FALSE), together)
  }
})

test_that("cells that are too many to be placed together are refused beforehand", {
  fit <- fit_of(keep = TRUE)
  withr::with_options(list(neuralee.max_memory_gb = 1e-6), {
    expect_refused(
      predict(fit, iris_x, together = TRUE, verbose = FALSE), "memory", "fewer cells at a time"
    )
    expect_identical(nrow(predict(fit, iris_x, verbose = FALSE)), 150L)
  })
})

test_that("cells come together on a map that is one point", {
  fit <- ee(iris_x[old_flowers, ], perplexity = 15, lambda = 0, keep = TRUE, verbose = FALSE)
  places <- predict(fit, iris_x[-old_flowers, ], together = TRUE, verbose = FALSE)
  expect_true(all(is.finite(places)))
})

test_that("one cell alone hardly notices that it is placed together", {
  fit <- fit_of(keep = TRUE)
  one <- iris_x[2, , drop = FALSE]
  expect_equal(
    predict(fit, one, together = TRUE, verbose = FALSE), predict(fit, one, verbose = FALSE),
    tolerance = 0.1
  )
})

test_that("the metric of the fit is that of the new cells", {
  x <- iris_x[old_flowers, ]
  fit <- fit_of(metric = "cosine", keep = TRUE)
  expect_equal(
    predict(fit, 7 * iris_x[2, ], verbose = FALSE),
    predict(fit_of(metric = "cosine"), iris_x[2, ], data = x, verbose = FALSE)
  )
})

test_that("a fit says what it keeps", {
  expect_output(print(fit_of(keep = TRUE)), "Keeps its cells for predict..: 2.3 Kb")
  expect_null(fit_of()$data)
})

test_that("cells that do not fit the map are refused", {
  fit <- fit_of(keep = TRUE)
  place <- function(newdata, ...) predict(fit, newdata, ..., verbose = FALSE)
  expect_refused(predict(fit_of(), iris_x), "input", "keep = TRUE")
  expect_refused(place(iris_x[, 1:3]), "input", "Petal.Width")
  expect_refused(place(unname(iris_x)[, 1:3]), "input", "has 3 features, but the map takes 4")
  expect_refused(place(iris_x[0, ]), "input", "`newdata` has no cells")
  expect_refused(place(iris_x, data = iris_x), "input", "150 x 4")
  turned <- fit$data[75:1, ]
  rownames(turned) <- 75:1
  rownames(fit$embedding) <- 1:75
  expect_refused(place(iris_x, data = turned), "input", "another order")
  expect_refused(place("a"), "input", "newdata")
  expect_refused(predict(fit), "input", "as.matrix")
  expect_refused(place(iris_x, thread = 2), "input", "threads")
  expect_refused(place(iris_x, together = NA), "input", "together")
  expect_refused(place(iris_x * 1e300), "input", "overflow")
  bad <- iris_x
  bad[3, 2] <- NA
  expect_refused(place(bad), "not_finite", "newdata")
  expect_refused(place(delayed(bad)), "not_finite", "newdata")
  expect_refused(calculateEE(iris_x, transposed = TRUE, keep = TRUE), "input", "keep")
})

test_that("a fit whose parts were changed by hand is refused", {
  fit <- fit_of(keep = TRUE)
  changes <- list(
    list(params = 1), list(params = NULL), list(embedding = "a"),
    list(embedding = fit$embedding * NaN),
    list(params = utils::modifyList(fit$params, list(kernel = "cauchy"))),
    list(params = utils::modifyList(fit$params, list(lambda = NaN))),
    list(params = utils::modifyList(fit$params, list(k = 1.5))),
    list(data = as.data.frame(fit$data)), list(data = fit$data * NaN), list(data = 1:300)
  )
  for (change in changes) {
    changed <- fit
    changed[names(change)] <- change
    expect_refused(predict(changed, iris_x[1:3, ], verbose = FALSE), "input", "`object`")
  }
})
