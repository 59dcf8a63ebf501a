measures <- c(
  "neighborhood_preservation", "trustworthiness", "auc_rnx", "distance_correlation",
  "density_correlation"
)

test_that("the data themselves are a perfect embedding", {
  found <- embedding_quality(iris_x, iris_x)
  expect_s3_class(found, "neuralee_quality")
  expect_equal(unlist(unclass(found)[measures]), setNames(rep(1, 5), measures))
  expect_identical(found$label_accuracy, NA_real_)
  expect_identical(c(found$n, found$k, found$compared), c(150L, 10L, 150L))
})

# The definitions, written out over all cells.
by_definition <- function(embedding, x, labels, k) {
  n <- nrow(x)
  ranks <- function(points) {
    d <- as.matrix(stats::dist(points))^2
    diag(d) <- -1
    t(apply(d, 1L, rank, ties.method = "first")) - 1
  }
  high <- ranks(x)
  low <- ranks(embedding)
  others <- row(high) != col(high)
  q <- vapply(seq_len(n - 2), function(K) sum(others & high <= K & low <= K) / (K * n), 0)
  K <- seq_len(n - 2)
  r <- ((n - 1) * q - K) / (n - 1 - K)
  intruders <- others & low <= k & high > k
  majority <- vapply(seq_len(n), function(i) {
    near <- labels[order(low[i, ])[seq_len(k) + 1]]
    votes <- sort(table(near), decreasing = TRUE)
    if (length(votes) > 1 && votes[[1]] == votes[[2]]) NA_character_ else names(votes)[[1]]
  }, "")
  radii <- function(points) {
    apply(as.matrix(stats::dist(points)), 1L, function(from) mean(sort(from)[1 + seq_len(k)]))
  }
  list(
    neighborhood_preservation = q[[k]],
    trustworthiness = 1 - 2 / (n * k * (2 * n - 3 * k - 1)) * sum(high[intruders] - k),
    auc_rnx = sum(r / K) / sum(1 / K),
    r_nx = list(r),
    distance_correlation = stats::cor(
      as.vector(stats::dist(x)), as.vector(stats::dist(embedding)), method = "spearman"
    ),
    density_correlation = stats::cor(radii(x), radii(embedding), method = "spearman"),
    label_accuracy = mean(majority == labels)
  )
}

test_that("the measures are what their definitions say", {
  # Points without ties in distance.
  x <- vapply(1:5, function(j) sin(seq_len(60)^1.3 * j), numeric(60))
  embedding <- x[, 1:2] + 0.3 * x[, 3:4]
  labels <- ifelse(x[, 1] > 0, "up", "down")
  found <- embedding_quality(embedding, x, labels = labels, k = 7)
  expected <- by_definition(embedding, x, labels, 7)
  expect_equal(unclass(found)[names(expected)], expected)
})

# `map` in the first columns of data of as many cells.
picture <- function(map) {
  x <- cbind(map, sin(seq_len(nrow(map))))
  found <- embedding_quality(map, x, k = 1, cells = 1, pairs = 2)
  unlist(unclass(found)[c("compactness", "spread")])
}

test_that("compactness is the share of the boxes that hold a cell", {
  compactness <- function(map) picture(map)[["compactness"]]
  lattice <- function(side, d) as.matrix(expand.grid(rep(list(seq_len(side)), d)))
  expect_identical(compactness(lattice(2500, 1)), 1)
  expect_identical(compactness(lattice(50, 2)), 1)
  expect_identical(compactness(lattice(14, 3)), 1)
  expect_identical(compactness(lattice(25, 2)), 0.25)
  expect_identical(compactness(lattice(3, 5)), NA_real_)
  # As many cells as one likes in two boxes, at the lowest and at the highest corner.
  for (d in 1:3) {
    corners <- matrix(rep(c(0, 0, 0, 1, 1), d), 5)
    expect_equal(compactness(corners), 2 / c(2500, 2500, 14^3)[[d]])
  }
  # A map without height fills one row.
  expect_identical(compactness(cbind(1:50, 7)), 50 / 2500)
})

test_that("spread is low where a few cells lie far from all others", {
  spread <- function(map) picture(map)[["spread"]]
  around <- cbind(cos(1:40), sin(1:40))
  far <- rbind(around, c(100, 0))
  middle <- apply(far, 2, stats::median)
  radius <- sqrt(rowSums(sweep(far, 2, middle)^2))
  expect_equal(spread(far), stats::quantile(radius, 0.9, names = FALSE) / max(radius))
  expect_lt(spread(far), 0.02)
  expect_gt(spread(around), 0.9)
  expect_identical(spread(matrix(c(0, 0, 1, 1))), 1)
  # Around the median, 10, nine tenths of the cells lie within 9, the farthest at 990.
  expect_equal(spread(matrix(c(0:19, 1000))), 9 / 990)
  expect_equal(spread(diag(5)), 1)
})

test_that("neither depends on where the map lies and how large it is, to very large and small", {
  for (d in c(1, 2, 3, 5)) {
    map <- vapply(seq_len(d), function(j) sin(seq_len(200)^1.3 * j), numeric(200))
    expected <- picture(map)
    expect_identical(is.na(expected[["compactness"]]), d > 3)
    expect_equal(picture(map * 1e3 + 17), expected)
    expect_equal(picture(map * 1e-140), expected)
    expect_equal(picture(map * 1e140), expected)
  }
})

test_that("a map of cells that all have one place has neither", {
  for (d in c(1, 2, 5)) {
    nowhere <- c(compactness = NA_real_, spread = NA_real_)
    expect_identical(picture(matrix(3.7, 20, d)), nowhere)
  }
})

test_that("a part of the cells estimates the whole, and only the seed decides which", {
  x <- log_shift(golden_counts())
  embedding <- stats::prcomp(x)$x[, 1:2]
  of <- function(...) embedding_quality(embedding, x, cells = 120, pairs = 5000, ...)
  set.seed(1)
  before <- .Random.seed
  found <- of()
  expect_identical(.Random.seed, before)
  expect_identical(found$compared, 120L)
  expect_identical(of(threads = 2), found)
  expect_false(identical(of(seed = 7), found))
  whole <- embedding_quality(embedding, x)
  expect_lt(max(abs(unlist(unclass(whole)[measures]) - unlist(unclass(found)[measures]))), 0.1)
})

test_that("densities that are all equal have no correlation", {
  even <- cbind(rep(1:8, each = 8), 1:8)
  expect_identical(embedding_quality(even, cbind(even, 0), k = 1)$density_correlation, NA_real_)
})

test_that("labels may be factors, text or numbers, and some may be missing", {
  of <- function(labels) embedding_quality(iris_x, iris_x, labels = labels)$label_accuracy
  accuracy <- of(iris$Species)
  expect_gt(accuracy, 0.9)
  expect_identical(of(as.character(iris$Species)), accuracy)
  expect_identical(of(as.integer(iris$Species)), accuracy)
  some <- replace(iris$Species, 51:150, NA)
  expect_identical(of(some), 1)
})

test_that("sparse data, data frames and fits are taken", {
  x <- iris_x
  map <- x[, 1:2]
  expected <- embedding_quality(map, x)
  expect_identical(embedding_quality(map, sparse(x)), expected)
  expect_identical(embedding_quality(as.data.frame(map), as.data.frame(x)), expected)
  fit <- structure(list(embedding = map[11:60, ], subset = 11:60), class = "ee_fit")
  found <- embedding_quality(fit, x, labels = iris$Species)
  expect_equal(found, embedding_quality(map[11:60, ], x[11:60, ], labels = iris$Species[11:60]))
})

test_that("a container names embedding, data and labels", {
  sce <- iris_sce()
  SingleCellExperiment::reducedDim(sce, "EE") <- SingleCellExperiment::reducedDim(sce, "PCA")[, 1:2]
  found <- embedding_quality(sce, "PCA", labels = "species")
  expected <- embedding_quality(
    stats::prcomp(iris_x)$x[, 1:2], stats::prcomp(iris_x)$x, labels = iris$Species
  )
  expect_equal(found, expected)
  expect_equal(embedding_quality(sce, "PCA", dimred = "PCA")$auc_rnx, 1)
  expect_equal(
    embedding_quality(sce, "logcounts"),
    embedding_quality(stats::prcomp(iris_x)$x[, 1:2], log1p(iris_x))
  )
  expect_refused(embedding_quality(sce), "input", "`x`.*\"PCA\".*\"logcounts\"")
  expect_refused(embedding_quality(sce, dimred = "TSNE"), "input", "\"PCA\"")
  expect_refused(embedding_quality(sce, "UMAP"), "input", "\"PCA\"")
  expect_refused(embedding_quality(sce, "PCA", labels = "type"), "input", "\"species\"")
})

test_that("a map is judged by default against what it was computed from", {
  run <- function(...) runEE(..., perplexity = 20, maxit = 15, verbose = FALSE)
  sce <- iris_sce()
  by_pca <- run(sce, dimred = "PCA", n_dimred = 3)
  expect_equal(
    embedding_quality(by_pca),
    embedding_quality(by_pca, SingleCellExperiment::reducedDim(sce, "PCA")[, 1:3])
  )
  by_assay <- run(sce, ntop = 2, scale = TRUE)
  variable <- order(-apply(log1p(iris_x), 2, stats::var))[1:2]
  expect_equal(
    embedding_quality(by_assay), embedding_quality(by_assay, scale(log1p(iris_x)[, variable])),
    tolerance = 1e-4
  )
})

test_that("swapped arguments are refused", {
  expect_refused(embedding_quality(iris_x, iris_x[, 1:2]), "input", "swapped")
})

test_that("values whose squares overflow or vanish are refused", {
  for (factor in c(1e200, 1e-200)) {
    expect_refused(embedding_quality(iris_x[, 1:2], iris_x * factor), "input", "`x`.*squares")
  }
})

test_that("data of the wrong size for a fit of a subset are refused", {
  fit <- ee(iris_x, perplexity = 5, size = 0.5, maxit = 5, verbose = FALSE)
  expect_refused(embedding_quality(fit, iris_x[1:100, ]), "input", "75 cells.*100")
  expect_refused(embedding_quality(fit, 1:150), "input", "`x`")
})

test_that("one prints as a report, several rows as a table", {
  one <- embedding_quality(iris_x[, 1:2], iris_x)
  shown <- capture.output(print(one))
  expect_match(shown[[1]], "Embedding of 150 cells, k = 10; 1 is perfect")
  expect_true(any(grepl("trustworthiness +0\\.9", shown)))
  expect_false(any(grepl("label", shown)))
  expect_true(any(grepl("spread +0\\.[0-9]{4}$", shown)))
  in_one_place <- capture.output(print(embedding_quality(iris_x[, 1:2] * 0, iris_x)))
  expect_false(any(grepl("picture|compactness|spread", in_one_place)))
  both <- rbind(one, embedding_quality(iris_x[, 3:4], iris_x))
  expect_identical(dim(both), c(2L, 12L))
  expect_identical(lengths(both$r_nx), c(148L, 148L))
  table <- capture.output(print(both))
  expect_match(table[[1]], "n +k +compared")
  expect_false(any(grepl("r_nx", table)))
  expect_match(capture.output(print(both["k"])), "10", all = FALSE)
})

test_that("bad input is refused", {
  map <- iris_x[, 1:2]
  for (k in list(0, 75, 1.5, NA)) {
    expect_refused(embedding_quality(map, iris_x, k = k), "input", "`k`.*from 1 to 74")
  }
  expect_refused(embedding_quality(map[-1, ], iris_x), "input", "149 cells.*150")
  named <- iris_x
  rownames(named) <- sprintf("cell%d", 1:150)
  expect_refused(embedding_quality(named[150:1, 1:2], named), "input", "Row 1 is cell \"cell150\"")
  expect_refused(embedding_quality(map, iris_x, labels = 1:3), "input", "150 cells")
  expect_refused(
    embedding_quality(map, iris_x, labels = rep(NA, 150)), "input", "0 cells have a label"
  )
  expect_refused(embedding_quality(replace(map, 3, NA), iris_x), "not_finite", "`embedding`")
  expect_refused(embedding_quality(map, iris_x, seed = 1.5), "input", "`seed`")
  expect_refused(embedding_quality(map[1:2, ], iris_x[1:2, ]), "input", "at least 3")
})
