test_that("weights are symmetric, hollow and sum to 1, and the perplexity is reached", {
  for (affinity in list(entropic_affinity(iris_x, 20), gaussian_affinity(iris_x, 20))) {
    w <- affinity$weights
    expect_s4_class(w, "dgCMatrix")
    expect_equal(dim(w), c(150L, 150L))
    expect_true(Matrix::isSymmetric(w))
    expect_equal(max(abs(Matrix::diag(w))), 0)
    expect_equal(sum(w), 1, tolerance = 1e-12)
    expect_equal(affinity$params$k, 60L)
    # Bisection stops within 1e-3 of the entropy.
    expect_lt(max(abs(log(affinity$perplexity / 20))), 1.001e-3)
  }
})

test_that("the roots are those of the entropy equation", {
  x <- golden("iris_X.npy")
  for (case in list(
    list(5, 90, "iris_ea_p5_k90"), list(30, 90, "iris_ea_p30_k90"),
    list(30, 149, "iris_ea_p30_kall")
  )) {
    exact <- golden(paste0(case[[3]], "_logbeta_exact.npy"))
    got <- entropic_affinity(x, perplexity = case[[1]], k = case[[2]])
    expect_lt(max(abs(got$log_beta - exact)), 1e-6)
    expect_lt(max(abs(got$perplexity - case[[1]])), 1e-6)
  }
})

test_that("bisection agrees with the original's x2p", {
  p <- golden("iris_x2p_p30_P.npy")
  wanted <- (p + t(p)) / (2 * nrow(p))
  got <- as.matrix(gaussian_affinity(golden("iris_X.npy"), perplexity = 30, k = 149)$weights)
  expect_lt(norm(got - wanted, "F") / norm(wanted, "F"), 1e-3)
})

test_that("unit, offset and the storage of the input change nothing", {
  # All others as neighbours: iris has ties, and which of two equally far cells is the
  # last neighbour may change with the rounding of an offset.
  weights_of <- function(x) entropic_affinity(x, 10, k = 149)$weights
  reference <- weights_of(iris_x)
  expect_equal(weights_of(iris_x * 1e-3), reference, tolerance = 1e-8)
  expect_equal(weights_of(iris_x + 1000), reference, tolerance = 1e-6)
  expect_identical(weights_of(as.data.frame(iris_x)), reference)
  expect_identical(weights_of(methods::as(iris_x, "CsparseMatrix")), reference)
})

test_that("the same bits come from any number of threads", {
  expect_identical(
    entropic_affinity(iris_x, 20, threads = 1), entropic_affinity(iris_x, 20, threads = 4)
  )
})

test_that("neighbours of the caller replace the search", {
  distances <- as.matrix(stats::dist(iris_x))
  diag(distances) <- Inf
  order_of <- t(apply(distances, 1, order))[, 1:60]
  neighbors <- list(
    index = order_of,
    distance = matrix(distances[cbind(c(row(order_of)), c(order_of))], nrow(order_of))
  )
  own <- entropic_affinity(iris_x, 20, neighbors = neighbors)
  expect_equal(own$log_beta, entropic_affinity(iris_x, 20)$log_beta, tolerance = 1e-8)

  shuffled <- lapply(neighbors, function(m) m[, 60:1])
  expect_identical(
    entropic_affinity(iris_x, 10, k = 30, neighbors = shuffled)$weights,
    entropic_affinity(iris_x, 10, k = 30, neighbors = neighbors)$weights
  )

  with_self <- neighbors
  with_self$index[3, 1] <- 3L
  expect_refused(entropic_affinity(iris_x, 20, neighbors = with_self), "input", "itself")
  outside <- neighbors
  outside$index[7, 2] <- 151L
  expect_refused(entropic_affinity(iris_x, 20, neighbors = outside), "input", "row 7")
  expect_refused(
    entropic_affinity(iris_x, 20, neighbors = lapply(neighbors, utils::head, 100)), "input", "150"
  )
  expect_refused(entropic_affinity(iris_x, 20, neighbors = neighbors$index), "input", "findKNN")
})

test_that("duplicates share their weight evenly and no cell is its own neighbour", {
  x <- rbind(matrix(1, 12, 2), as.matrix(expand.grid(1:5, 11:14)) / 10)
  affinity <- entropic_affinity(x, perplexity = 4, k = 20)
  twins <- as.matrix(affinity$weights)[1:12, 1:12]
  expect_equal(diag(twins), rep(0, 12))
  expect_lt(diff(range(twins[upper.tri(twins)])), 1e-12)
})

test_that("row names come back", {
  x <- iris_x
  rownames(x) <- paste0("f", 1:150)
  affinity <- entropic_affinity(x, 10)
  expect_identical(rownames(affinity$weights), rownames(x))
  expect_named(affinity$log_beta, rownames(x))
  expect_output(print(affinity), "150 cells, 30 neighbours")
})

test_that("a perplexity out of reach is refused with a proposal", {
  expect_refused(entropic_affinity(iris_x, 1), "perplexity", "greater than 1")
  expect_refused(entropic_affinity(iris_x, NA_real_), "perplexity")
  expect_refused(entropic_affinity(iris_x, 150), "perplexity", "149 others")
  expect_refused(entropic_affinity(iris_x, 30, k = 30), "perplexity", "k = 90")
  expect_refused(entropic_affinity(iris_x[1:10, ], 30), "perplexity", "perplexity = 3 ")
  for (n in 3:12) {
    # What the message proposes works.
    proposal <- tryCatch(
      entropic_affinity(iris_x[seq_len(n), ], 30),
      neuralee_error_perplexity = function(e) {
        sub(".*perplexity = ([0-9.]+) .*", "\\1", conditionMessage(e))
      }
    )
    expect_s3_class(
      entropic_affinity(iris_x[seq_len(n), ], as.numeric(proposal)), "neuralee_affinity"
    )
  }
  expect_refused(entropic_affinity(iris_x, 20, k = 150), "input", "149")
  expect_refused(entropic_affinity(iris_x[1:2, ], 20), "input", "at least 3")
})

test_that("a matrix that would not fit is refused before it is made dense or read", {
  before <- options(neuralee.max_dense_gb = 1e-6)
  on.exit(options(before))
  expect_refused(
    entropic_affinity(methods::as(iris_x, "CsparseMatrix"), 20), "memory", "subsample_genes"
  )
  expect_refused(entropic_affinity(delayed(iris_x), 20), "memory", "principal_components")
})

test_that("neighbours with entries that cannot be are refused by name and place", {
  set <- list(index = matrix(c(2, 1, 1, 3, 3, 2), 3), distance = matrix(1, 3, 2))
  with_entry <- function(field, value) {
    set[[field]][3, 2] <- value
    entropic_affinity(iris_x[1:3, ], 1.5, neighbors = set)
  }
  expect_refused(with_entry("distance", NA), "not_finite", "`neighbors.distance`.*row 3, column 2")
  expect_refused(with_entry("distance", -1), "input", "negative in row 3")
  expect_refused(with_entry("index", 3), "input", "itself in row 3")
  expect_refused(with_entry("index", 1), "input", "Neighbour 2 of point 3 is listed twice")
})

test_that("the perplexity that is proposed is above 1", {
  for (k in 2:4) {
    condition <- expect_refused(entropic_affinity(iris_x, k + 1, k = k), "perplexity", "about")
    proposed <- as.numeric(sub(".*about ([0-9.]+).*", "\\1", conditionMessage(condition)))
    expect_s3_class(entropic_affinity(iris_x, proposed, k = k), "neuralee_affinity")
  }
})

test_that("an affinity whose settings were changed is refused before any work", {
  affinity <- entropic_affinity(iris_x, 20)
  for (params in list(NULL, 5, list(k = 3), replace(affinity$params, "metric", "zz"))) {
    changed <- affinity
    changed$params <- params
    expect_error(
      ee(iris_x, affinity = changed, verbose = FALSE), "affinity\\$params",
      class = "neuralee_error_input"
    )
  }
  # Arguments that a given affinity leaves without use.
  before <- options(neuralee.max_memory_gb = 1e12)
  on.exit(options(before))
  fit <- ee(
    iris_x, affinity = affinity, k = -1, neighbors = "none", maxit = 3, verbose = FALSE
  )
  expect_identical(fit$params$k, affinity$params$k)
})
