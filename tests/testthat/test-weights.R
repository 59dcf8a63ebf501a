# Cells that count more than others; what a weight means is tested in the core (masses.rs).

# A large group and a small one, far from each other.
grouped <- local({
  big <- matrix(sin(seq_len(180 * 4)^2), 180)
  rare <- matrix(5 + sin(seq_len(20 * 4)^2 + 1), 20)
  x <- rbind(big, rare)
  rownames(x) <- paste0("cell", seq_len(200))
  list(x = x, type = rep(c("big", "rare"), c(180, 20)))
})
alike <- 1 / table(grouped$type)[grouped$type]

test_that("groups of the same total weight take about the same room", {
  radius <- function(fit, type) {
    places <- scale(fit$embedding[grouped$type == type, ], scale = FALSE)
    sqrt(mean(rowSums(places^2)))
  }
  ratio <- function(weights) {
    fit <- ee(grouped$x, perplexity = 6, weights = weights, verbose = FALSE)
    expect_true(fit$params$converged)
    radius(fit, "rare") / radius(fit, "big")
  }
  expect_gt(ratio(alike), 2 * ratio(NULL))
})

test_that("a fit knows its weights and E, and places new cells by them", {
  x <- grouped$x
  affinity <- entropic_affinity(x, perplexity = 6)
  weighted <- function(...) {
    ee(x, affinity = affinity, weights = alike, method = "exact", verbose = FALSE, ...)
  }
  fit <- weighted(keep = TRUE)
  expect_identical(fit$weights, as.double(alike))
  expect_null(ee(x, perplexity = 6, maxit = 2, verbose = FALSE)$weights)
  # Only ratios count.
  loss <- function(weights) ee_loss(fit, x, affinity, weights = weights)
  expect_equal(loss(alike), fit$loss, tolerance = 1e-8)
  expect_equal(loss(1000 * alike), fit$loss, tolerance = 1e-8)
  expect_gt(abs(loss(NULL) - fit$loss), 0.01)
  gradient <- ee_gradient(fit, x, affinity, weights = alike)
  expect_equal(colSums(gradient), c(EE1 = 0, EE2 = 0), tolerance = 1e-8)
  for (together in c(FALSE, TRUE)) {
    places <- predict(fit, x[c(7, 190), ] + 1e-3, together = together)
    off <- sqrt(rowSums((places - fit$embedding[c(7, 190), ])^2))
    expect_lt(max(off), 1)
  }
  changed <- fit
  changed$weights <- changed$weights[-1]
  expect_refused(predict(changed, x[1:2, ]), "input", "changed")
})

test_that("weights go with their cells", {
  x <- grouped$x
  embed <- function(...) ee(x, perplexity = 6, maxit = 20, verbose = FALSE, ...)
  chosen <- embed(weights = alike, size = 120)
  expect_identical(chosen$weights, as.double(alike)[chosen$subset])
  file <- tempfile()
  on.exit(unlink(file))
  whole <- embed(weights = alike, every = 5, checkpoint = file)
  expect_identical(embed(weights = alike, checkpoint = file, resume = TRUE)$loss, whole$loss)
  expect_refused(embed(weights = alike^2, resume = file), "input", "other data")
  path <- ee_path(x, weights = alike, perplexity = 6, maxit = 10, verbose = FALSE)
  expect_identical(path[[2]]$weights, as.double(alike))

  sce <- SingleCellExperiment::SingleCellExperiment(list(logcounts = t(x)))
  sce <- runEE(sce, weights = alike, perplexity = 6, maxit = 20, verbose = FALSE)
  found <- SingleCellExperiment::reducedDim(sce, "EE")
  expect_equal(unname(found[, 1]), unname(embed(weights = alike)$embedding[, 1]))
})

test_that("what is no weight for each cell is refused", {
  x <- grouped$x
  wrong <- list(
    "numbers" = "a", "factor" = factor(grouped$type), "length 199" = alike[-1],
    "-1 at cell 1" = c(-1, alike[-1]), "0 at cell 200" = c(alike[-200], 0),
    "NA at cell 200" = c(alike[-200], NA), "Inf at cell 1" = c(Inf, alike[-1]),
    "another order" = stats::setNames(alike, rev(rownames(x)))
  )
  messages <- names(wrong)
  messages[[1L]] <- "\"a\""
  affinity <- entropic_affinity(x, perplexity = 6)
  for (i in seq_along(wrong)) {
    weights <- wrong[[i]]
    expect_refused(
      ee(x, perplexity = 6, weights = weights, verbose = FALSE), "input", messages[[i]]
    )
  }
  expect_refused(
    ee_loss(x[, 1:2], x, affinity, weights = alike[-1]), "input", "length 199"
  )
  both <- list(w_plus = diag(0, 200), w_minus = diag(0, 200))
  expect_refused(ee_loss(x[, 1:2], NULL, both, weights = alike), "input", "w_minus")
})
