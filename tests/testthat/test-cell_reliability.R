columns <- c("neighbors_kept", "distances_kept")

# The definitions, written out over all cells.
by_definition <- function(embedding, x, k) {
  n <- nrow(x)
  high <- as.matrix(stats::dist(x))
  low <- as.matrix(stats::dist(embedding))
  near <- function(distances) order(distances)[seq_len(k)]
  of_cell <- function(i) {
    others <- setdiff(seq_len(n), i)
    q <- length(intersect(near(high[i, others]), near(low[i, others]))) / k
    c(
      ((n - 1) * q - k) / (n - 1 - k),
      stats::cor(high[i, others], low[i, others], method = "spearman")
    )
  }
  found <- t(vapply(seq_len(n), of_cell, numeric(2L)))
  data.frame(neighbors_kept = found[, 1L], distances_kept = found[, 2L])
}

# Points without ties in distance.
points <- vapply(1:5, function(j) sin(seq_len(60)^1.3 * j), numeric(60))
map <- points[, 1:2] + 0.3 * points[, 3:4]

test_that("both numbers are what their definitions say", {
  expect_equal(cell_reliability(map, points, k = 7), by_definition(map, points, 7))
})

test_that("data are reliable everywhere as their own map, and chance keeps nothing", {
  same <- cell_reliability(points, points, k = 10)
  expect_equal(same, data.frame(neighbors_kept = rep(1, 60), distances_kept = rep(1, 60)))
  chance <- cell_reliability(map[(seq_len(60) * 37) %% 60 + 1, ], points, k = 10)
  expect_lt(max(abs(colMeans(chance))), 0.1)
})

test_that("the mean over cells is R_NX of the whole map", {
  whole <- embedding_quality(map, points, k = 10)
  for (k in c(1, 10, 58)) {
    expect_equal(mean(cell_reliability(map, points, k = k)$neighbors_kept), whole$r_nx[[1]][[k]])
  }
})

test_that("the seed alone decides which cells stand for all: not threads, not R's generator", {
  of <- function(...) cell_reliability(map, points, k = 5, references = 20, ...)
  set.seed(1)
  before <- .Random.seed
  found <- of()
  expect_identical(.Random.seed, before)
  expect_identical(of(threads = 2), found)
  other <- of(seed = 7)
  expect_identical(other$neighbors_kept, found$neighbors_kept)
  expect_false(identical(other$distances_kept, found$distances_kept))
  whole <- cell_reliability(map, points, k = 5)
  expect_lt(abs(mean(whole$distances_kept - found$distances_kept)), 0.1)
})

test_that("distances that are all equal have no order", {
  point <- matrix(1, 60, 2)
  found <- cell_reliability(point, points, k = 5)
  expect_identical(found$distances_kept, rep(NA_real_, 60))
  expect_false(anyNA(found$neighbors_kept))
})

test_that("the cells' names stay, where each has its own", {
  named <- map
  rownames(named) <- sprintf("cell%d", 1:60)
  expect_identical(rownames(cell_reliability(named, points)), rownames(named))
  expect_identical(
    rownames(cell_reliability(map, `rownames<-`(points, rownames(named)))), rownames(named)
  )
  rownames(named)[2] <- "cell1"
  expect_identical(rownames(cell_reliability(named, points)), as.character(1:60))
})

test_that("sparse data, data frames and fits of subsets are taken", {
  x <- iris_x
  map <- x[, 1:2]
  expected <- cell_reliability(map, x)
  expect_identical(cell_reliability(map, sparse(x)), expected)
  expect_identical(cell_reliability(as.data.frame(map), as.data.frame(x)), expected)
  fit <- structure(list(embedding = map[11:60, ], subset = 11:60), class = "ee_fit")
  expect_identical(cell_reliability(fit, x), cell_reliability(map[11:60, ], x[11:60, ]))
  expect_refused(cell_reliability(fit), "input", "`x` is missing")
  expect_refused(cell_reliability(fit, x[1:30, ]), "input", "50 cells.*30")
})

test_that("a container has its map judged against its source, and takes the columns", {
  sce <- runEE(
    iris_sce(), dimred = "PCA", n_dimred = 3, perplexity = 20, maxit = 15, verbose = FALSE
  )
  embedding <- SingleCellExperiment::reducedDim(sce, "EE")
  pca <- SingleCellExperiment::reducedDim(sce, "PCA")
  found <- cell_reliability(sce)
  expect_equal(found, cell_reliability(as.matrix(embedding), pca[, 1:3]), ignore_attr = "row.names")
  expect_identical(rownames(found), colnames(sce))
  expect_equal(cell_reliability(sce, "PCA"), cell_reliability(sce, pca))
  expect_true(all(cell_reliability(sce, "PCA", dimred = "PCA")$neighbors_kept == 1))
  SummarizedExperiment::colData(sce) <- cbind(SummarizedExperiment::colData(sce), found)
  expect_identical(sce$distances_kept, found$distances_kept)
  plot <- plot_embedding(sce, colour_by = "neighbors_kept")
  expect_setequal(plot$data$colour, found$neighbors_kept)
  unnamed <- sce[, 1:40]
  colnames(unnamed) <- NULL
  SummarizedExperiment::colData(unnamed) <- cbind(
    SummarizedExperiment::colData(unnamed)["species"], cell_reliability(unnamed)
  )
  expect_null(colnames(unnamed))
  expect_refused(cell_reliability(sce, "UMAP"), "input", "\"PCA\"")
  expect_refused(cell_reliability(iris_sce()), "input", "reducedDim.*\"EE\"")
})

test_that("a Seurat object names map, data and dimensions", {
  skip_if_not_installed("SeuratObject")
  cells <- sprintf("cell%d", 1:60)
  object <- SeuratObject::CreateSeuratObject(
    sparse(matrix(1, 3, 60, dimnames = list(letters[1:3], cells)))
  )
  reduction <- function(values, key) {
    dimnames(values) <- list(cells, paste0(key, seq_len(ncol(values))))
    SeuratObject::CreateDimReducObject(embeddings = values, key = key, assay = "RNA")
  }
  object[["pca"]] <- reduction(points, "PC_")
  object[["ee"]] <- reduction(map, "EE_")
  found <- cell_reliability(object, k = 7)
  expect_equal(found, cell_reliability(map, points, k = 7), ignore_attr = "row.names")
  expect_identical(rownames(found), cells)
  expect_equal(
    unname(cell_reliability(object, dims = 1:3)), unname(cell_reliability(object, points[, 1:3]))
  )
  object <- SeuratObject::AddMetaData(object, found)
  expect_identical(object[[]]$distances_kept, found$distances_kept)
  expect_setequal(
    plot_embedding(object, colour_by = "distances_kept")$data$colour, found$distances_kept
  )
  expect_refused(cell_reliability(object, "lsi"), "input", "\"pca\"")
  expect_refused(cell_reliability(object, dims = 1:6), "input", "5 dimensions")
  expect_refused(cell_reliability(object, points, dims = 1:2), "input", "`dims`")
  expect_refused(cell_reliability(object, dimred = "umap"), "input", "\"ee\"")
})

test_that("bad input is refused", {
  refused <- function(code, message, kind = "input") expect_refused(code, kind, message)
  refused(cell_reliability(), "`embedding` is missing")
  refused(cell_reliability(map), "`x` is missing")
  for (k in list(0, 59, 1.5, NA, "a")) {
    refused(cell_reliability(map, points, k = k), "`k`.*from 1 to 58")
  }
  for (references in list(2, 10.5, NULL)) {
    refused(cell_reliability(map, points, references = references), "`references`.*from 3 to")
  }
  refused(cell_reliability(map[-1, ], points), "59 cells.*60")
  refused(cell_reliability(points, map), "swapped")
  refused(cell_reliability(replace(map, 3, NA), points), "`embedding`", "not_finite")
  refused(cell_reliability(map, points * 1e200), "`x`.*squares")
  refused(cell_reliability(map, points, seed = 1.5), "`seed`")
  refused(cell_reliability(map, points, neighbours = 5), "`neighbours`")
  refused(cell_reliability(map[1:2, ], points[1:2, ]), "at least 3")
})
