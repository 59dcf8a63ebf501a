clustered <- function(n, dim = 8) {
  # Numbers that look random but are the same everywhere; R's generator stays where it is.
  values <- (seq_len(n * dim) * 0.6180339887) %% 1 + (seq_len(n * dim)^2 * 0.7548776662) %% 1
  matrix(values, n) + 3 * (seq_len(n) %% 5)
}

brute_force <- function(x, k) {
  distances <- as.matrix(dist(x))
  diag(distances) <- Inf
  index <- t(apply(distances, 1L, order))[, seq_len(k)]
  list(index = unname(index), distance = unname(t(apply(distances, 1L, sort))[, seq_len(k)]))
}

test_that("neighbours are those of brute force, with the names of the cells", {
  x <- clustered(300)
  rownames(x) <- paste0("c", 1:300)
  found <- find_neighbors(x, k = 12)
  expected <- brute_force(x, 12)
  expect_identical(unname(found$index), expected$index)
  expect_equal(unname(found$distance), expected$distance)
  expect_identical(rownames(found$index), rownames(x))
  close <- find_neighbors(x, k = 12, search = "approximate", threads = 2)
  expect_identical(close$index, found$index)
  expect_equal(close$distance, found$distance, tolerance = 1e-6)
})

test_that("cosine neighbours are those of cells of length 1", {
  x <- clustered(200)
  found <- find_neighbors(x, k = 10, metric = "cosine")
  expected <- brute_force(x / sqrt(rowSums(x^2)), 10)
  expect_identical(found$index, expected$index)
  expect_identical(
    ee(x, metric = "cosine", perplexity = 10, maxit = 20, verbose = FALSE)$embedding,
    ee(in_metric(x, "cosine"), perplexity = 10, maxit = 20, verbose = FALSE)$embedding
  )
  affinity <- entropic_affinity(x, 10, metric = "cosine")
  expect_identical(
    ee(x, affinity = affinity, maxit = 20, verbose = FALSE)$embedding,
    ee(x, metric = "cosine", perplexity = 10, maxit = 20, verbose = FALSE)$embedding
  )
  x[7, ] <- 0
  expect_refused(find_neighbors(x, k = 10, metric = "cosine"), "input", "Cell 7 is zero")
})

test_that("lists are taken from whatever package made them", {
  x <- clustered(150)
  lists <- brute_force(x, 30)
  expected <- entropic_affinity(x, 10, neighbors = lists)$weights
  itself <- list(index = cbind(1:150, lists$index), distance = cbind(0, lists$distance))
  forms <- list(
    pair = unname(lists), uwot = list(idx = itself$index, dist = itself$distance),
    FNN = list(nn.index = lists$index, nn.dist = lists$distance),
    RANN = list(nn.idx = itself$index, nn.dists = itself$distance)
  )
  for (form in names(forms)) {
    expect_identical(
      entropic_affinity(x, 10, neighbors = forms[[form]])$weights, expected, info = form
    )
  }
  # Found here, they are the same.
  expect_equal(entropic_affinity(x, 10, k = 30)$weights, expected)
  expect_equal(entropic_affinity(x, 10, neighbors = find_neighbors(x, k = 30))$weights, expected)
})

test_that("a Neighbor object of Seurat is taken", {
  skip_if_not_installed("SeuratObject")
  x <- clustered(150)
  lists <- brute_force(x, 30)
  object <- methods::new(
    methods::getClass("Neighbor", where = asNamespace("SeuratObject")),
    nn.idx = cbind(1:150, lists$index), nn.dist = cbind(0, lists$distance)
  )
  expect_identical(
    entropic_affinity(x, 10, neighbors = object)$weights,
    entropic_affinity(x, 10, neighbors = lists)$weights
  )
})

test_that("cells that twins push out of their own list lose their farthest neighbour", {
  index <- rbind(c(1, 2, 3), c(2, 3, 4), c(4, 2, 1), c(4, 3, 1))
  distance <- rbind(c(0, 1, 2), c(0, 1, 2), c(0, 1, 2), c(0, 1, 2))
  kept <- without_self(index, distance)
  expect_equal(kept$index, rbind(c(2, 3), c(3, 4), c(4, 2), c(3, 1)))
  expect_equal(kept$distance, rbind(c(1, 2), c(1, 2), c(0, 1), c(1, 2)))
})

test_that("ways to search that do not exist are refused", {
  expect_refused(entropic_affinity(iris_x, 20, neighbors = "annoy"), "input", "annoy")
  expect_refused(entropic_affinity(iris_x, 20, neighbors = list(1, 2)), "input", "matrices")
  expect_refused(entropic_affinity(iris_x, 20, neighbors = 1:3), "input", "index")
  expect_refused(find_neighbors(iris_x, k = 150), "input", "149")
  expect_refused(find_neighbors(iris_x, k = 10, metric = "manhattan"), "input", "manhattan")
})
