repeated <- "neuralee_warning_repeated_features"
fewer <- "neuralee_warning_missing_features"
position <- "neuralee_message_by_position"

# Symbols of genes, of which two stand for two genes each; the copies of one have nothing in common.
symbols <- c("Gapdh", "Actb", "Twin", "Mbp", "Twin", "Pair", "Reln", "Pair")

genes_of <- function(cells = 120, names = symbols) {
  cell <- seq_len(cells)
  # No two genes run alike, so that taking one for another moves every cell.
  run <- function(gene) 3 + gene * sin(cell * gene * 0.7) + (cell %% 3) * gene
  x <- vapply(seq_along(names), run, numeric(cells))
  dimnames(x) <- list(paste0("cell", cell), names)
  x
}

fit_genes <- function(x = genes_of(), ...) train(x, maxit = 5, ...)

places_of <- function(fit, x, ...) predict(fit, x, ..., verbose = FALSE)

# Counts of the same genes, for models that take logarithms.
gene_counts <- function(...) round(10 * abs(genes_of(...)))

genes_sce <- function(x = genes_of()) {
  SingleCellExperiment::SingleCellExperiment(list(logcounts = t(x)))
}

test_that("genes that share a name are found by order, with a warning where that may differ", {
  x <- genes_of()
  fit <- fit_genes(x)
  expect_no_warning(same <- places_of(fit, x))
  expect_equal(same, fit$embedding)
  # More features before and between, as in a table that was filtered otherwise.
  wider <- cbind(More = 1, x[, 1:4], Between = 2, x[, 5:8])
  expect_no_warning(expect_equal(places_of(fit, wider), same))
  # Another order, with the copies in theirs.
  turned <- x[, c(8, 7, 2, 3, 5, 4, 1, 6)][, c(8, 1, 2:7)]
  expect_identical(colnames(turned)[c(1, 2)], c("Pair", "Pair"))
  warning <- expect_warning(other <- places_of(fit, turned), class = repeated)
  expect_match(conditionMessage(warning), "order in `newdata` alone: \"Twin\", \"Pair\"")
  expect_identical(other, same)
  wide <- cbind(More = 1, x[, 8:1], Other = 2)
  colnames(wide)[c(2, 4, 5, 7)] <- c("Pair", "Pair", "Twin", "Twin")
  expect_warning(swapped <- places_of(fit, wide), class = repeated)
  # Reversed copies cannot be told from right ones, which is what the warning says.
  expect_gt(max(abs(swapped - same)), 1e-3)
  expect_warning(from_disk <- places_of(fit, delayed(turned)), class = repeated)
  expect_equal(from_disk, same)
  expect_warning(from_sparse <- places_of(fit, sparse(turned)), class = repeated)
  expect_equal(from_sparse, same)
})

test_that("names that stand for more or fewer genes than in the training are refused", {
  x <- genes_of()
  fit <- fit_genes(x)
  expect_refused(places_of(fit, x[, -5]), "input", "\"Twin\" .1, not 2.*missing = ")
  more <- cbind(x, Twin = 1)
  expect_refused(places_of(fit, more), "input", "\"Twin\" .3, not 2")
  # Repeats on one side only.
  unique_names <- make.unique(symbols)
  of_unique <- fit_genes(genes_of(names = unique_names))
  expect_refused(
    places_of(of_unique, cbind(x, Twin.1 = 1, Pair.1 = 1)), "input", "\"Twin\" .2, not 1"
  )
  expect_refused(places_of(fit, genes_of(names = unique_names)), "input", "\"Twin\" .1, not 2")
  free <- ee(x, perplexity = 10, maxit = 5, keep = TRUE, verbose = FALSE)
  expect_refused(places_of(free, more), "input", "the map.*\"Twin\"")
  # Left out, they can be made up for.
  expect_warning(found <- places_of(fit, x[, -c(3, 5)], missing = "zero"), class = fewer)
  expect_equal(found, places_of(fit, replace(x, col(x) %in% c(3, 5), 0)))
})

test_that("repeats among genes that a model does not use are no matter", {
  x <- genes_of()
  # The first and the last copy vary most: the others are left out.
  used <- c("Reln", "Mbp", "Actb")
  x[, !colnames(x) %in% used] <- x[, !colnames(x) %in% used] / 1000
  fit <- fit_genes(x, preprocess = preprocessing(ntop = 3))
  expect_setequal(model_info(fit$model)$names, used)
  expect_null(model_info(fit$model)$copies)
  expect_no_warning(found <- places_of(fit, cbind(x[, 8:1], Gapdh = 5, Other = 1)))
  expect_equal(found, fit$embedding)
})

test_that("which copy was chosen is known to a model that uses one of them, also from its file", {
  x <- genes_of()
  x[, c(3, 6)] <- x[, c(3, 6)] / 1000
  fit <- fit_genes(x, preprocess = preprocessing(ntop = 4))
  expect_setequal(model_info(fit$model)$selected, c(4, 5, 7, 8))
  file <- tempfile(fileext = ".nee")
  on.exit(unlink(file))
  save_neuralee(fit, file)
  read <- load_neuralee(file)
  of_copies <- function(model) model_info(model)[c("occurrence", "copies")]
  expect_identical(of_copies(read), of_copies(fit$model))
  # All in their places: nothing to warn of.
  expect_no_warning(found <- places_of(read, x))
  expect_equal(found, fit$embedding)
  moved <- x[, c(7, 1, 3, 5, 2, 6, 8, 4)]
  expect_warning(found <- places_of(read, moved), class = repeated)
  expect_equal(found, fit$embedding)
  expect_refused(places_of(read, x[, -3]), "input", "\"Twin\" .1, not 2")
})

test_that("containers, components and training on share these rules", {
  x <- genes_of()
  sce <- genes_sce(x)
  order <- c(7, 1, 3, 5, 2, 6, 8, 4)
  settings <- list(perplexity = 10, maxit = 5, hidden = 5, verbose = FALSE)
  map <- do.call(calculateNeuralEE, c(list(sce, ntop = 6, scale = TRUE), settings))
  expect_no_warning(found <- predict(embedding_model(map), sce, verbose = FALSE))
  expect_equal(found, map, ignore_attr = TRUE)
  expect_warning(
    found <- predict(embedding_model(map), sce[order, ], verbose = FALSE), class = repeated
  )
  expect_equal(found, map, ignore_attr = TRUE)

  sce <- principal_components(sce, 3, ntop = 6, verbose = FALSE)
  map <- do.call(calculateNeuralEE, c(list(sce, dimred = "PCA"), settings))
  expect_no_warning(found <- predict(embedding_model(map), sce, verbose = FALSE))
  expect_equal(found, map, ignore_attr = TRUE, tolerance = 1e-4)
  expect_warning(
    found <- predict(embedding_model(map), sce[order, ], verbose = FALSE), class = repeated
  )
  expect_equal(found, map, ignore_attr = TRUE, tolerance = 1e-4)

  fit <- fit_genes(x[1:80, ])
  together <- function(new, old) places_of(fit, new, together = TRUE, data = old)
  reference <- together(x[81:120, ], x[1:80, ])
  expect_warning(found <- together(x[81:120, order], x[1:80, ]), "`newdata`", class = repeated)
  expect_equal(found, reference, tolerance = 1e-6)
  expect_warning(found <- together(x[81:120, ], x[1:80, order]), "`data`", class = repeated)
  expect_equal(found, reference, tolerance = 1e-6)
  expect_warning(
    more <- fine_tune(fit, x[81:120, order], maxit = 3, verbose = FALSE), class = repeated
  )
  expect_equal(more$embedding, fine_tune(fit, x[81:120, ], maxit = 3, verbose = FALSE)$embedding)
  # A model that went on still tells the copies.
  expect_identical(model_info(more$model)$copies, model_info(fit$model)$copies)
})

test_that("a Seurat object, whose genes have names of their own, is matched by name", {
  skip_if_not_installed("SeuratObject")
  counts <- gene_counts(names = make.unique(symbols))
  object <- suppressWarnings(SeuratObject::CreateSeuratObject(sparse(t(counts))))
  fit <- train(counts, maxit = 5, preprocess = preprocessing(log = TRUE))
  expect_equal(places_of(fit, object[8:1, ]), fit$embedding, tolerance = 1e-5)
  expect_warning(
    found <- places_of(fit, object[-2, ], missing = "zero"), "lacks 1 of the 8 .*\"Actb\"",
    class = fewer
  )
  expect_equal(found, places_of(fit, replace(counts, col(counts) == 2, 0)), tolerance = 1e-5)
})

test_that("a map of ee() matches features by the same rules", {
  x <- genes_of()
  old <- 1:80
  fit <- ee(x[old, ], perplexity = 10, maxit = 20, keep = TRUE, verbose = FALSE)
  new <- x[-old, ]
  reference <- places_of(fit, new)
  expect_warning(
    found <- places_of(fit, new[, c(7, 1, 3, 5, 2, 6, 8, 4)]), "Features of the map share",
    class = repeated
  )
  expect_identical(found, reference)
  expect_message(found <- places_of(fit, unname(new)), class = position)
  expect_identical(unname(found), unname(reference))
  expect_warning(
    found <- places_of(fit, new[, -2], missing = "mean"),
    "lacks 1 of the 8 features of the map: \"Actb\"", class = fewer
  )
  expect_equal(found, places_of(fit, replace(new, col(new) == 2, mean(x[old, 2]))))
  expect_warning(found <- places_of(fit, new[, -2], missing = "zero"), class = fewer)
  expect_equal(found, places_of(fit, replace(new, col(new) == 2, 0)))
  expect_refused(
    places_of(fit, new[, -2]), "input", "lacks 1 of the 8 features of the map: \"Actb\""
  )
  expect_refused(places_of(fit, new, missing = "median"), "input", "`missing`")
  cosine <- ee(
    x[old, ], perplexity = 10, maxit = 5, metric = "cosine", keep = TRUE, verbose = FALSE
  )
  expect_refused(
    places_of(cosine, new[, -2], missing = "mean"), "input", "cosine.*missing = \"zero\""
  )
})

test_that("genes without a name are taken where all stand as in the training, and else refused", {
  for (none in c(NA, "")) {
    x <- genes_of(names = replace(make.unique(symbols), c(2, 5), none))
    fit <- fit_genes(x)
    expect_equal(places_of(fit, x), fit$embedding)
    expect_refused(
      places_of(fit, x[, 8:1]), "input", "2 of the 8 features of the model have no name"
    )
    # One without a name that is not used is no matter.
    x[, 2] <- x[, 2] / 1000
    x[, 5] <- x[, 5] / 1000
    few <- fit_genes(x, preprocess = preprocessing(ntop = 6))
    expect_equal(places_of(few, x[, 8:1]), few$embedding)
  }
  all_empty <- genes_of(names = rep("", 8))
  expect_null(model_info(fit_genes(all_empty)$model)$names)
})

test_that("features without names are taken by position, with a message, if their number agrees", {
  x <- genes_of()
  unnamed <- fit_genes(unname(x))
  expect_message(found <- places_of(unnamed, x), "the model have none", class = position)
  expect_equal(unname(found), unname(unnamed$embedding))
  expect_message(places_of(fit_genes(x), unname(x)), "`newdata` .* have no names", class = position)
  expect_no_message(places_of(unnamed, unname(x)))
  expect_refused(places_of(unnamed, x[, -1]), "input", "has 7 features, but the model takes 8")
})

test_that("genes that cells lack get 0 or their mean, whatever holds the cells", {
  counts <- gene_counts(names = make.unique(symbols))
  lacking <- c(2, 7)
  steps <- list(
    preprocessing(log = TRUE), preprocessing(log = TRUE, scale = TRUE),
    preprocessing(log = TRUE, ntop = 7, components = 3)
  )
  for (preprocess in steps) {
    fit <- fit_genes(counts, preprocess = preprocess)
    mean_of <- expm1(colMeans(log1p(counts)))
    for (missing in c("zero", "mean")) {
      whole <- counts
      whole[, lacking] <- rep(
        if (missing == "zero") c(0, 0) else mean_of[lacking], each = nrow(counts)
      )
      reference <- places_of(fit, whole)
      for (kind in list(identity, sparse, delayed)) {
        warning <- expect_warning(
          found <- places_of(fit, kind(counts[, -lacking]), missing = missing), class = fewer
        )
        expect_equal(found, reference, tolerance = 1e-5)
      }
      expect_match(
        conditionMessage(warning), "lacks 2 of the [78] features of the model: .*\"Actb\""
      )
      sce <- SingleCellExperiment::SingleCellExperiment(list(counts = t(counts[, -lacking])))
      expect_warning(found <- places_of(fit, sce, missing = missing), class = fewer)
      expect_equal(found, reference, tolerance = 1e-5)
      SummarizedExperiment::assay(sce) <- delayed(sparse(t(counts[, -lacking])))
      expect_warning(
        found <- with_small_blocks(places_of(fit, sce, missing = missing), 400),
        class = fewer
      )
      expect_equal(found, reference, tolerance = 1e-5)
    }
  }
})

test_that("a matrix on disk is made up for block by block, also by workers and into a file", {
  skip_if_not_installed("HDF5Array")
  skip_if_not_installed("BiocParallel")
  flowers <- many_flowers()
  fit <- train(flowers[1:300, ], maxit = 5)
  lacking <- flowers_on_disk()[, -2]
  for (missing in c("zero", "mean")) {
    value <- if (missing == "zero") 0 else mean(flowers[1:300, 2])
    reference <- places_of(fit, replace(flowers, col(flowers) == 2, value))
    file <- tempfile(fileext = ".h5")
    expect_warning(
      found <- with_small_blocks(
        places_of(
          fit, lacking, missing = missing, output = file, BPPARAM = BiocParallel::SerialParam()
        ),
        32768
      ),
      class = fewer
    )
    expect_equal(as.matrix(found), reference, tolerance = 1e-5)
    unlink(file)
  }
})

test_that("what is scaled without being centred has means too", {
  x <- genes_of(names = make.unique(symbols))
  map <- calculateNeuralEE(
    genes_sce(x), scale = TRUE, perplexity = 10, maxit = 5, hidden = 5, verbose = FALSE
  )
  expect_warning(found <- places_of(map, x[, -4], missing = "mean"), class = fewer)
  reference <- places_of(map, replace(x, col(x) == 4, mean(x[, 4])))
  expect_equal(found, reference, tolerance = 1e-5)
})

test_that("what cannot be made up for is refused", {
  x <- genes_of(names = make.unique(symbols))
  fit <- fit_genes(x)
  expect_refused(
    places_of(fit, x[, -2]), "input", "lacks 1 of the 8 .*\"Actb\".*missing = \"zero\" or \"mean\""
  )
  renamed <- x
  colnames(renamed) <- paste0("ENSMUSG0000000000", 1:8)
  expect_refused(places_of(fit, renamed, missing = "zero"), "input", "lacks 8 of the 8")
  expect_refused(places_of(fit, t(x), missing = "zero"), "input", "names of its rows: transpose it")
  expect_refused(places_of(fit, x, missing = NA), "input", "`missing`")
  cosine <- fit_genes(x, metric = "cosine")
  expect_refused(
    places_of(cosine, x[, -2], missing = "mean"), "input", "not kept the means.*missing = \"zero\""
  )
  expect_refused(fine_tune(fit, x[, -2], maxit = 2, verbose = FALSE), "input", "lacks 1")
  expect_warning(
    fine_tune(fit, x[, -2], missing = "zero", maxit = 2, verbose = FALSE), class = fewer
  )
})

test_that("a model without names from an older version takes features by position, and says so", {
  model <- load_neuralee(test_path("fixtures", "iris.nee"))
  expect_true(all(c("occurrence", "copies") %in% names(model_info(model))))
  expect_null(model_info(model)$copies)
  # Older versions dropped all names where one repeated.
  info <- model_info(model)
  steps <- c(rust_call(rs_model_preprocessing(model$bytes)), info[c("selected", "width")])
  unnamed <- describe_model(model, steps, info)
  expect_null(model_info(unnamed)$names)
  expect_message(
    found <- places_of(unnamed, iris_x[1:3, ]), "the model have none", class = position
  )
  expect_equal(found, places_of(model, iris_x[1:3, ]))
  expect_refused(places_of(unnamed, iris_x[1:3, -1]), "input", "has 3 features")
})

test_that("a name that is chosen and stands for several rows takes the first, and says so", {
  sce <- iris_sce()
  rownames(sce)[2] <- rownames(sce)[1]
  expect_warning(
    found <- find_rows(SingleCellExperiment::logcounts(sce), rownames(sce)[c(3, 1)]),
    "more than once: \"Sepal.Length\"", class = "neuralee_warning_repeated_features"
  )
  expect_identical(found, c(3L, 1L))
})
