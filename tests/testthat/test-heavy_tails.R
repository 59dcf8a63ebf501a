heavy <- function(..., x = iris_x, perplexity = 20, maxit = 40, verbose = FALSE) {
  ee(x, kernel = "student", perplexity = perplexity, maxit = maxit, verbose = verbose, ...)
}

test_that("a heavy-tailed map finds its lambda, or takes the one that it is given", {
  fit <- heavy()
  expect_identical(fit$params[c("kernel", "share")], list(kernel = "student", share = 1))
  expect_identical(fit$params$lambda, fit$trace$lambda[nrow(fit$trace)])
  affinity <- entropic_affinity(iris_x, 20)
  expect_equal(
    fit$loss, ee_loss(fit, iris_x, affinity, repulsion_share(1), kernel = "student"),
    tolerance = 1e-5
  )
  # A stationary point by its share is one by its lambda.
  by_share <- ee_gradient(fit, iris_x, affinity, repulsion_share(1), kernel = "student")
  by_lambda <- ee_gradient(fit, iris_x, affinity, fit$params$lambda, kernel = "student")
  expect_equal(by_lambda, by_share, tolerance = 1e-6)
  expect_output(print(fit), "heavy tails")

  expect_warning(given <- heavy(lambda = 50), class = "neuralee_warning_lambda")
  expect_identical(given$params$lambda, 50)
  expect_null(given$params$share)
  path <- heavy(lambda = repulsion_share(c(0.5, 1)))
  expect_identical(path$params$lambda_path, c(0.5, 1))
})

test_that("the loss is what the help says", {
  set.seed(1)
  x <- matrix(rnorm(60), 20)
  embedding <- matrix(3 * rnorm(40), 20)
  affinity <- entropic_affinity(x, 5, k = 19)
  squares <- as.matrix(dist(embedding))^2
  far <- scale(x, scale = FALSE)
  norms <- sqrt(rowSums(far^2))
  far <- far * pmin(1, 1.75 * sort(norms)[[11]] / norms)
  v <- mean(squares[row(squares) != col(squares)])
  pairs <- row(squares) > col(squares)
  agreement <- stats::cor(as.matrix(dist(far))[pairs]^2, squares[pairs]) * v / (v + 1)
  w_minus <- as.matrix(dist(x))^2
  w_minus <- 0.75 * w_minus / sum(w_minus) + 0.25 / (20 * 19) * (1 - diag(20))
  attraction <- sum(as.matrix(affinity$weights) * (log(1 + squares) + squares / 1000))
  repulsion <- sum(w_minus / (1 + squares))
  p <- as.matrix(affinity$weights)
  p <- p / rowSums(p)
  radii <- rowSums(p * as.matrix(dist(x))^2)
  data <- log(radii / sort(radii)[[11]] + 0.01)
  map <- rowSums(p * log(1 + squares))
  variance <- mean((map - mean(map))^2)
  densities <- stats::cor(data, map) * sqrt(variance / (variance + 0.1))
  found <- function(lambda) {
    ee_loss(
      embedding, x, affinity, lambda, kernel = "student", agreement = 3, uniform = 0.25,
      densities = 0.5
    )
  }
  rest <- attraction - 3 * agreement - 0.5 * densities + (v / 20)^2 / 1000
  expect_equal(found(7), rest + 7 * repulsion)
  expect_equal(found(repulsion_share(0.5)), rest + 0.5 * log(repulsion))
  expect_equal(found("auto"), rest + log(repulsion))
})

test_that("threads and a stop change nothing", {
  x <- rbind(iris_x, iris_x + 1, iris_x - 1)
  whole <- heavy(x = x, threads = 1, method = "grid")
  expect_identical(heavy(x = x, threads = 2, method = "grid")$embedding, whole$embedding)
  file <- withr::local_tempfile()
  stopped <- heavy(
    x = x, method = "grid", checkpoint = file, every = 15, callback = function(...) FALSE
  )
  expect_identical(stopped$params$iterations, 15L)
  expect_identical(heavy(x = x, method = "grid", resume = file)$embedding, whole$embedding)
  expect_error(
    ee(x, perplexity = 20, maxit = 40, kernel = "gaussian", resume = file, verbose = FALSE),
    class = "neuralee_error_input"
  )
})

test_that("it serves containers, networks and new cells", {
  fit <- heavy(x = iris_x[-(1:5 * 30), ], keep = TRUE)
  placed <- predict(fit, iris_x[1:5 * 30, ])
  species <- iris$Species[-(1:5 * 30)]
  nearest <- apply(placed, 1, function(place) which.min(colSums((t(fit$embedding) - place)^2)))
  expect_identical(species[nearest] == "setosa", iris$Species[1:5 * 30] == "setosa")

  sce <- SingleCellExperiment::SingleCellExperiment(list(logcounts = t(unname(iris_x))))
  sce <- runEE(sce, kernel = "student", perplexity = 20, maxit = 20, verbose = FALSE)
  expect_identical(attr(SingleCellExperiment::reducedDim(sce, "EE"), "params")$kernel, "student")

  network <- neuralee(
    iris_x, kernel = "student", densities = 0.5, perplexity = 20, maxit = 30, verbose = FALSE
  )
  expect_identical(network$params$kernel, "student")
  expect_gt(network$params$lambda, 1)
  file <- withr::local_tempfile()
  save_neuralee(network, file)
  expect_equal(
    predict(load_neuralee(file), iris_x), network$embedding, tolerance = 1e-5, ignore_attr = TRUE
  )
  more <- fine_tune(network, iris_x, maxit = 5, verbose = FALSE)
  expect_identical(
    more$params[c("kernel", "densities")], list(kernel = "student", densities = 0.5)
  )
})

test_that("what is no kernel, weight or share is refused", {
  refused <- function(code, pattern) expect_error(code, pattern, class = "neuralee_error_input")
  refused(ee(iris_x, kernel = "cauchy", verbose = FALSE), "kernel")
  refused(ee(iris_x, lambda = "most", verbose = FALSE), "lambda")
  refused(repulsion_share(0), "share")
  refused(repulsion_share(c(1, -1)), "share\\[2\\]")
  refused(repulsion_share("1"), "share")
  refused(ee_loss(iris_x[, 1:2], iris_x, entropic_affinity(iris_x), repulsion_share(1:2)), "lambda")
  for (changed in list(numeric(), "a", NaN, -1, list(1))) {
    refused(
      ee(iris_x, lambda = structure(changed, class = "neuralee_share"), verbose = FALSE), "`lambda`"
    )
  }
  refused(ee(iris_x, lambda = matrix(1), verbose = FALSE), "`lambda` is an object of class matrix")
  for (lambda in list(1e308, repulsion_share(1e308))) {
    refused(ee_gradient(iris_x[, 1:2], iris_x, entropic_affinity(iris_x), lambda), "gradient")
  }
  dense <- list(w_plus = diag(150), w_minus = diag(150))
  refused(ee_loss(iris_x[, 1:2], NULL, dense, "auto"), "lambda")
  expect_output(print(repulsion_share(0.5)), "share of 0.5")
})
