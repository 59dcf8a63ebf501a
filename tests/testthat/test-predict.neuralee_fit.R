fit <- train(iris_x[1:100, ])
places <- predict(fit, iris_x[101:150, ], verbose = FALSE)
mapped <- function(newdata, ...) predict(fit, newdata, ..., verbose = FALSE)

test_that("cells come to their places, and each place is its own", {
  expect_identical(mapped(iris_x[1:100, ]), fit$embedding)
  expect_identical(colnames(places), c("NeuralEE1", "NeuralEE2"))
  expect_equal(mapped(iris_x[120:130, ], threads = 2), places[20:30, ], tolerance = 1e-6)
  named <- iris_x[101:103, ]
  rownames(named) <- c("a", "b", "c")
  expect_identical(rownames(mapped(named)), c("a", "b", "c"))
  expect_equal(mapped(iris_x[101, ])[1, ], places[1, ], tolerance = 1e-5)
})

test_that("every kind of matrix gives the same places", {
  x <- iris_x[101:150, ]
  expect_identical(mapped(as.data.frame(x)), places)
  expect_identical(mapped(sparse(x)), places)
  expect_identical(mapped(delayed(x)), places)
  expect_identical(with_small_blocks(mapped(delayed(x)), size = 400), places)
  expect_identical(mapped(methods::as(sparse(x), "RsparseMatrix")), places)
})

test_that("together, cells go from where the network puts them to a lower E of all cells", {
  old <- iris_x[1:100, ]
  new <- iris_x[101:150, ]
  together <- mapped(new, together = TRUE, data = old)
  expect_identical(dimnames(together), dimnames(places))
  all <- rbind(old, new)
  loss <- function(places) {
    ee_loss(
      rbind(fit$embedding, places), all, entropic_affinity(all, fit$params$perplexity),
      lambda = fit$params$lambda
    )
  }
  expect_lt(loss(together), loss(places))
  # A fit that keeps its cells needs no others, and gives the same.
  kept <- train(iris_x[1:100, ], keep = TRUE)
  expect_equal(predict(kept, new, together = TRUE, verbose = FALSE), together, tolerance = 1e-6)
  expect_identical(mapped(delayed(new), together = TRUE, data = as.data.frame(old)), together)
  # The loss is that of the final places.
  found <- mapped(new, together = TRUE, data = old, affinity = "entropic")
  of_new <- ee_loss(
    unname(together), new, entropic_affinity(new, fit$params$perplexity), lambda = fit$params$lambda
  )
  expect_equal(attr(found, "loss"), of_new, tolerance = 1e-6)
  # Few cells of the map have fewer neighbours, but are no other error.
  expect_identical(dim(mapped(new, together = TRUE, data = old[1:9, ])), c(50L, 2L))
  expect_refused(
    mapped(new[1:2, ], together = TRUE, data = old[1:9, ]), "perplexity",
    "only 10 cells.*more cells as `data`"
  )
  withr::with_options(
    list(neuralee.max_memory_gb = 1e-6),
    expect_refused(mapped(new, together = TRUE, data = old), "memory", "fewer cells at a time")
  )
  expect_refused(mapped(new, together = TRUE), "input", "keep = TRUE")
  expect_refused(mapped(new, data = old), "input", "together = TRUE")
  expect_refused(mapped(new, together = "yes"), "input", "together")
  expect_refused(
    mapped(new, together = TRUE, data = old[, 1:3]), "input", "`data` lacks 1 of the 4"
  )
  expect_refused(mapped(new, together = TRUE, data = old[0, ]), "input", "`data` has no cells")
  expect_refused(mapped(new, together = TRUE, data = old * NaN), "not_finite", "`data`")
  expect_refused(mapped(new, together = TRUE, data = delayed(old * NaN)), "not_finite", "`data`")
  for (change in list(
    list(data = kept$data[-1, ]), list(data = kept$data[, -1]), list(embedding = NULL),
    list(data = "a")
  )) {
    expect_refused(
      predict(utils::modifyList(kept, change), new, together = TRUE), "input",
      "not those of its map"
    )
  }
  expect_refused(mapped(new, together = TRUE, data = old, output = tempfile()), "input", "output")
})

test_that("features are found by name, whatever their order and company", {
  x <- iris_x[101:150, ]
  expect_identical(mapped(x[, 4:1]), places)
  expect_identical(mapped(cbind(more = 1, x)), places)
  expect_identical(suppressMessages(mapped(unname(x))), places)
  expect_identical(mapped(delayed(x)[, 4:1]), places)
  expect_refused(
    mapped(x[, 1:3]), "input", "lacks 1 of the 4 features of the model: \"Petal.Width\""
  )
  expect_refused(
    mapped(x[, c(1:4, 4)]), "input",
    "more or less often than the training: \"Petal.Width\" .2, not 1."
  )
  expect_refused(mapped(unname(x)[, 1:3]), "input", "has 3 features, but the model takes 4")
  expect_refused(mapped(unname(t(x[1:4, ]))[, 1:3]), "input", "transpose")
})

test_that("containers give the assay that the model was trained on", {
  sce <- iris_sce()
  reference <- mapped(t(SummarizedExperiment::assay(sce, "logcounts")))
  expect_identical(mapped(sce), reference)
  expect_identical(mapped(sce[4:1, ]), reference)
  expect_identical(unname(mapped(sce, assay.type = "counts")), unname(mapped(iris_x)))
  expect_identical(mapped(methods::as(sce, "SummarizedExperiment")), reference)
  expect_refused(mapped(sce, assay.type = "tpm"), "input", "counts")
  expect_refused(mapped(sce[1:3, ]), "input", "Petal.Width")
  expect_refused(mapped(sce[, 0]), "input", "no cells")
  expect_refused(mapped(sce, dimred = "PCA"), "input", "Sepal.Length")
  expect_refused(mapped(iris_x, assay.type = "counts"), "input", "SingleCellExperiment")
})

test_that("a Seurat object gives its data or counts", {
  skip_if_not_installed("SeuratObject")
  counts <- round(10 * t(iris_x))
  colnames(counts) <- paste0("f", 1:150)
  seurat <- seurat_of(counts)
  on_counts <- train(t(counts), preprocess = preprocessing(log = TRUE))
  expect_equal(predict(on_counts, seurat, verbose = FALSE), on_counts$embedding, tolerance = 1e-6)
  plain <- train(t(counts))
  logarithms <- with_layer(seurat, "data", sparse(log1p(counts)))
  expect_identical(
    predict(plain, logarithms, verbose = FALSE), predict(plain, t(log1p(counts)), verbose = FALSE)
  )
  expect_equal(
    predict(plain, seurat, assay.type = "counts", verbose = FALSE), plain$embedding,
    tolerance = 1e-6
  )
  expect_refused(
    predict(plain, seurat, dimred = "pca", verbose = FALSE), "input", "no reduction \"pca\""
  )
  expect_refused(predict(plain, seurat, assay.type = "no such", verbose = FALSE), "input", "layer")
})

test_that("the loss of new cells is that of their own affinities", {
  x <- iris_x[101:150, ]
  model <- train(perplexity = 12)
  found <- predict(model, x, affinity = "entropic", verbose = FALSE)
  affinity <- entropic_affinity(x, 12)
  expect_equal(
    attr(found, "loss"), ee_loss(unname(found), x, affinity, lambda = 10), tolerance = 1e-5
  )
  expect_identical(
    attr(predict(model, x, affinity = affinity, verbose = FALSE), "loss"), attr(found, "loss")
  )
  expect_false(
    identical(
      attr(predict(model, x, affinity = "bisection", verbose = FALSE), "loss"), attr(found, "loss")
    )
  )
  blocks <- with_small_blocks(
    predict(model, delayed(x), affinity = "entropic", verbose = FALSE), size = 400
  )
  expect_equal(attr(blocks, "loss"), attr(found, "loss"), tolerance = 1e-5)
  expect_refused(predict(model, x[1:5, ], affinity = "entropic", verbose = FALSE), "perplexity")
  expect_refused(
    predict(model, x, affinity = entropic_affinity(iris_x, 12), verbose = FALSE), "input",
    "150 cells"
  )
  expect_refused(predict(model, x, affinity = TRUE, verbose = FALSE), "input", "bisection")
})

test_that("what cannot be mapped is refused", {
  expect_refused(predict(fit), "input", "newdata")
  expect_refused(mapped(iris_x[0, ]), "input", "no cells")
  expect_refused(mapped(replace(iris_x, 152, NA)), "not_finite", "row 2.*Sepal.Width")
  expect_refused(mapped(sparse(replace(iris_x, 152, NaN))), "not_finite", "row 2.*Sepal.Width")
  expect_refused(
    with_small_blocks(mapped(delayed(replace(iris_x, 152, Inf))), size = 400), "not_finite",
    "row 2 "
  )
  expect_refused(mapped(iris_x * 1e300), "not_finite", "Cell 1 has no finite place")
  expect_refused(mapped(iris), "input", "Species")
  expect_refused(mapped("a"), "input", "newdata")
  expect_refused(mapped(iris_x, thread = 2), "input", "threads")
  expect_refused(mapped(iris_x, threads = 0), "input", "threads")
  expect_refused(
    predict(structure(list(bytes = as.raw(1:50)), class = "neuralee_model"), iris_x), "file_format"
  )
  expect_refused(predict(structure(list(), class = "neuralee_model"), iris_x), "input", "no model")
})

test_that("unnamed dimensions of a reduction are those of the training", {
  sce <- iris_sce()
  SingleCellExperiment::reducedDim(sce, "P") <- unname(stats::prcomp(iris_x)$x)
  run <- function(n_dimred) {
    calculateNeuralEE(
      sce, dimred = "P", n_dimred = n_dimred, perplexity = 20, maxit = 3, hidden = 5,
      verbose = FALSE
    )
  }
  for (n_dimred in list(c(2, 3), c(3, 1), 2)) {
    map <- run(n_dimred)
    expect_equal(predict(embedding_model(map), sce), map, ignore_attr = TRUE, tolerance = 1e-5)
  }
})

test_that("assays whose names are made of digits are found by name", {
  sce <- iris_sce()
  SummarizedExperiment::assays(sce) <- list(
    `2` = SummarizedExperiment::assay(sce) * 3, `1` = SummarizedExperiment::assay(sce)
  )
  run <- function(assay.type) {
    calculateNeuralEE(
      sce, assay.type = assay.type, perplexity = 20, maxit = 3, hidden = 5, verbose = FALSE
    )
  }
  expect_equal(predict(run("2"), sce), run("2"), ignore_attr = TRUE, tolerance = 1e-5)
  expect_equal(predict(run(2), sce), run("1"), ignore_attr = TRUE, tolerance = 1e-5)
})

test_that("errors in a block number the cells of all", {
  x <- replace(iris_x, cbind(90, 2), -3)
  fit <- train(preprocess = preprocessing(log = TRUE))
  expect_refused(with_small_blocks(predict(fit, delayed(x)), size = 400), "input", "Cell 90 ")
})
