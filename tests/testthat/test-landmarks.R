# Models that keep cells of the map; how they place others is tested in the core (landmarks.rs).

old_cells <- seq(1, 150, by = 2)
landmarked <- train(iris_x[old_cells, ], lambda = NULL, landmarks = 40, keep = TRUE)

test_that("a fit shows the map of its landmarks and has that of the network beside it", {
  fit <- landmarked
  expect_identical(fit$params$landmarks, 40L)
  expect_identical(dimnames(fit$network_embedding), dimnames(fit$embedding))
  x <- iris_x[old_cells, ]
  free <- ee(x, perplexity = 20, verbose = FALSE)
  expect_equal(unname(fit$embedding), unname(free$embedding), tolerance = 1e-3)
  affinity <- entropic_affinity(x, perplexity = 20)
  expect_equal(fit$loss, ee_loss(fit, x, affinity), tolerance = 1e-3)
  expect_equal(
    fit$params$network_loss, ee_loss(fit$network_embedding, x, affinity), tolerance = 1e-3
  )
  expect_output(print(fit), "40 landmarks.*network_embedding")
  expect_output(print(fit$model), "40 landmarks")
  expect_null(train(maxit = 2)$network_embedding)
})

test_that("cells are placed by landmarks, alone as in company, and from a file too", {
  fit <- landmarked
  new <- iris_x[-old_cells, ]
  places <- predict(fit, new, verbose = FALSE)
  expect_identical(predict(fit, new[3, , drop = FALSE], verbose = FALSE), places[3, , drop = FALSE])
  file <- tempfile(fileext = ".nee")
  on.exit(unlink(file))
  save_neuralee(fit, file)
  expect_identical(predict(load_neuralee(file), new, verbose = FALSE), places)
  # Landmarks themselves come back to their places.
  own <- predict(fit, iris_x[old_cells, ], verbose = FALSE)
  off <- sqrt(rowSums((own - fit$embedding)^2))
  expect_gte(sum(off < 1e-9), 35)
  together <- predict(fit, new, together = TRUE, verbose = FALSE)
  expect_true(all(is.finite(together)))
})

test_that("small data are all landmarks, and random starts have none", {
  all <- neuralee(iris_x, perplexity = 20, maxit = 2, hidden = 5, verbose = FALSE)
  expect_identical(all$params$landmarks, 150L)
  none <- neuralee(iris_x, perplexity = 20, maxit = 2, hidden = 5, init = "none", verbose = FALSE)
  expect_identical(none$params$landmarks, 0L)
  given <- train(landmarks = 30, init = prcomp(iris_x)$x[, 1:2], maxit = 2)
  expect_equal(abs(cor(given$embedding[, 1], iris_x[, 3])), 1, tolerance = 0.01)
})

test_that("bad numbers of landmarks are refused", {
  for (bad in list(-1, 1.5, "5", NA, c(1, 2), Inf)) {
    expect_refused(train(landmarks = bad), "input", "landmarks")
  }
  expect_refused(train(landmarks = 5, init = "none"), "input", "landmarks")
})

test_that("fine-tuning leaves old cells where they are, and forgets none", {
  x <- iris_x[old_cells, ]
  new <- iris_x[-old_cells, ]
  tuned <- function(...) fine_tune(landmarked, new, maxit = 4, verbose = FALSE, ...)
  both <- tuned(data = TRUE)
  expect_identical(dim(both$embedding), c(150L, 2L))
  # But for the mean, which is at the origin.
  moved <- function(places) {
    off <- places - landmarked$embedding
    sweep(off, 2, apply(off, 2, stats::median))
  }
  expect_lt(max(abs(moved(both$embedding[seq_along(old_cells), ]))), 1e-9)
  expect_identical(dim(tuned(data = x)$embedding), c(150L, 2L))
  expect_refused(tuned(size = 0.5), "input", "`size`")
  alone <- tuned()
  expect_identical(rownames(alone$embedding), rownames(new))
  expect_identical(nrow(alone$network_embedding), nrow(new))
  expect_identical(alone$params$n, nrow(new))
  # Cells of the first training are still placed by landmarks of theirs.
  off <- moved(predict(alone, x, verbose = FALSE))
  expect_lt(stats::median(sqrt(rowSums(off^2))), 0.5)
})
