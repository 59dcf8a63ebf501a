# A place for a file that vanishes with the test.
h5ad_file <- function(envir = parent.frame()) {
  path <- tempfile(fileext = ".h5ad")
  do.call(on.exit, list(bquote(unlink(.(path))), add = TRUE), envir = envir)
  path
}

every_type <- function() {
  set.seed(4)
  counts <- Matrix::rsparsematrix(8, 6, 0.3, rand.x = function(n) stats::rpois(n, 5) + 1)
  counts[, 4] <- 0
  x <- SingleCellExperiment::SingleCellExperiment(
    list(counts = Matrix::drop0(counts), logcounts = log1p(counts), scaled = as.matrix(counts) - 1),
    rowData = S4Vectors::DataFrame(symbol = c("a", "a", letters[3:8]), length = 1:8)
  )
  dimnames(x) <- list(c("g1", "g1", paste0("\u03b2", 3:8)), c("c1", "c1", "", "\u4e2d", "e", "f"))
  x$type <- factor(c("T", NA, "B", "B", "T", "T"), c("T", "B", "none"))
  x$stage <- factor(c("l", "h", "l", "h", "l", NA), c("l", "h"), ordered = TRUE)
  x$age <- c(NA, 2:6)
  x$batch <- 6:1
  x$kept <- c(TRUE, FALSE, TRUE, TRUE, FALSE, TRUE)
  x$doublet <- c(NA, FALSE, TRUE, TRUE, FALSE, TRUE)
  x$depth <- c(NA, NaN, Inf, -0.1, 1e300, 5)
  x$note <- c("", "\u00fc", "NA", "a,\"b\"", "\n", "a")
  x$missing <- c(NA, "NA", "", "a", "a", NA)
  x$nothing <- NA_character_
  SingleCellExperiment::reducedDims(x) <- list(
    EE = matrix(1:12 / 7, 6), NeuralEE = matrix(-1, 6, 2), PCA = matrix(0, 6, 3),
    scVI = matrix(1, 6, 1), spatial = matrix(2, 6, 2)
  )
  S4Vectors::metadata(x) <- list(
    title = "\u00fc", n = 3L, share = 0.5, ready = TRUE, steps = c("a", "b")
  )
  x
}

read_quietly <- function(...) suppressMessages(read_h5ad(..., verbose = FALSE))

test_that("what is written reads back as it was, from memory", {
  skip_without_hdf5()
  x <- every_type()
  for (compression in c("gzip", "none")) {
    file <- h5ad_file()
    expect_silent(
      expect_identical(write_h5ad(x, file, compression = compression, verbose = FALSE), file)
    )
    back <- read_quietly(file)
    expect_identical(SummarizedExperiment::assayNames(back), "counts")
    expect_identical(SummarizedExperiment::assay(back), SummarizedExperiment::assay(x))
    expect_identical(SummarizedExperiment::colData(back), SummarizedExperiment::colData(x))
    expect_identical(SummarizedExperiment::rowData(back), SummarizedExperiment::rowData(x))
    expect_identical(
      lapply(SingleCellExperiment::reducedDims(back, withDimnames = FALSE), unname)[
        SingleCellExperiment::reducedDimNames(x)
      ],
      lapply(SingleCellExperiment::reducedDims(x, withDimnames = FALSE), unname)
    )
    for (layer in c("logcounts", "scaled")) {
      expect_identical(
        as.matrix(SummarizedExperiment::assay(read_quietly(file, layer))),
        as.matrix(SummarizedExperiment::assay(x, layer)),
        info = layer
      )
    }
    expect_identical(list.files(dirname(file), paste0(basename(file), "[.]partial")), character())
  }
})

test_that("matrices on disk are written block by block, as those in memory", {
  skip_without_hdf5()
  set.seed(5)
  counts <- Matrix::rsparsematrix(30, 40, 0.2, rand.x = function(n) stats::rpois(n, 5) + 1)
  old <- DelayedArray::getAutoBlockSize()
  on.exit(suppressMessages(DelayedArray::setAutoBlockSize(old)))
  suppressMessages(DelayedArray::setAutoBlockSize(30 * 7 * 8))
  for (values in list(counts, as.matrix(counts) + 0.5)) {
    delayed <- DelayedArray::DelayedArray(values)
    expect_gt(length(cell_blocks(delayed, "columns")), 4)
    x <- SingleCellExperiment::SingleCellExperiment(list(m = delayed))
    file <- h5ad_file()
    write_h5ad(x, file, verbose = FALSE)
    back <- SummarizedExperiment::assay(read_quietly(file))
    expect_identical(methods::is(back, "sparseMatrix"), methods::is(values, "sparseMatrix"))
    expect_identical(unname(as.matrix(back)), unname(as.matrix(values)))
  }
})

test_that("a file on disk can be written to its own place", {
  skip_without_hdf5()
  skip_if_not_installed("HDF5Array")
  x <- every_type()
  file <- h5ad_file()
  write_h5ad(x, file, verbose = FALSE)
  on_disk <- read_quietly(file, on_disk = TRUE)
  write_h5ad(on_disk[, 6:1], file, overwrite = TRUE, verbose = FALSE)
  back <- SummarizedExperiment::assay(read_quietly(file))
  expect_identical(as.matrix(back), as.matrix(SummarizedExperiment::assay(x))[, 6:1])
})

test_that("experiments without cells, genes or names are written", {
  skip_without_hdf5()
  for (shape in list(c(0L, 0L), c(0L, 4L), c(3L, 0L))) {
    for (sparse in c(TRUE, FALSE)) {
      m <- Matrix::Matrix(0, shape[[1]], shape[[2]], sparse = TRUE)
      m <- if (sparse) as_sparse_columns(m) else as.matrix(m)
      file <- h5ad_file()
      write_h5ad(SingleCellExperiment::SingleCellExperiment(list(m)), file, verbose = FALSE)
      expect_identical(dim(read_quietly(file)), shape)
    }
  }
  write_h5ad(
    SingleCellExperiment::SingleCellExperiment(list(diag(3))), file <- h5ad_file(), verbose = FALSE
  )
  expect_identical(dimnames(read_quietly(file)), rep(list(c("1", "2", "3")), 2))
})

test_that("X and layers are chosen by name", {
  skip_without_hdf5()
  x <- every_type()
  file <- h5ad_file()
  write_h5ad(x, file, assay.type = "scaled", layers = "counts", verbose = FALSE)
  back <- as.matrix(SummarizedExperiment::assay(read_quietly(file)))
  expect_identical(back, SummarizedExperiment::assay(x, "scaled"))
  expect_error(read_quietly(file, "logcounts"), "X, counts", class = "neuralee_error_input")
  refused <- function(..., message) {
    expect_refused(write_h5ad(x, h5ad_file(), ..., verbose = FALSE), "input", message)
  }
  refused(assay.type = "none", message = "no assay \"none\"")
  refused(layers = "none", message = "\"none\".*\"logcounts\", \"scaled\"")
  refused(layers = "counts", message = "beside X")
  SummarizedExperiment::assayNames(x)[2:3] <- "twice"
  refused(message = "Several assays are called \"twice\"")
  SummarizedExperiment::assayNames(x)[2:3] <- ""
  expect_message(
    write_h5ad(x, file, overwrite = TRUE, verbose = FALSE), "2 assays",
    class = "neuralee_message_left_out"
  )
})

test_that("what has no counterpart is left out with a message", {
  skip_without_hdf5()
  x <- every_type()
  x$day <- Sys.Date()
  x$run <- S4Vectors::Rle(1:2, c(3, 3))
  x$level <- addNA(x$type)
  S4Vectors::metadata(x)$fit <- list(1)
  SingleCellExperiment::altExp(x, "adt") <- x[1:2, ]
  file <- h5ad_file()
  said <- tryCatch(
    write_h5ad(x, file, verbose = FALSE), neuralee_message_left_out = conditionMessage
  )
  expect_match(said, "\"day\"|day of colData")
  expect_match(said, "\"fit\"")
  expect_match(said, "alternative experiments")
  suppressMessages(write_h5ad(x, file, verbose = FALSE))
  back <- read_quietly(file)
  expect_false("day" %in% names(SummarizedExperiment::colData(back)))
  expect_identical(back$run, rep(1:2, each = 3))
  expect_identical(back$level, x$type)
})

test_that("names of reductions are found again, and none is lost", {
  names <- c("PCA", "TSNE", "UMAP", "MDS", "NMF", "EE", "NeuralEE", "scVI", "spatial", "X_")
  expect_identical(
    obsm_names(names),
    c(
      "X_pca", "X_tsne", "X_umap", "X_mds", "X_nmf", "X_ee", "X_neuralee", "X_scVI", "spatial", "X_"
    )
  )
  expect_identical(reduced_dim_names(obsm_names(names)), names)
  expect_identical(obsm_names(c("PCA", "pca")), c("PCA", "pca"))
})

test_that("what cannot be written is refused and leaves what was there", {
  skip_without_hdf5()
  x <- every_type()
  file <- h5ad_file()
  writeLines("before", file)
  expect_refused(write_h5ad(x, file, verbose = FALSE), "input", "overwrite = TRUE")
  named <- x
  named$`a/b` <- 1
  expect_refused(write_h5ad(named, file, overwrite = TRUE, verbose = FALSE), "input", "\"a/b\"")
  bad <- x
  SummarizedExperiment::assay(bad, "scaled", withDimnames = FALSE) <- matrix("a", 8, 6)
  expect_refused(
    write_h5ad(bad, file, overwrite = TRUE, verbose = FALSE), "input", "character matrix"
  )
  expect_identical(readLines(file), "before")
  expect_identical(list.files(dirname(file), paste0(basename(file), "[.]partial")), character())
  expect_refused(
    write_h5ad(x, file.path(tempfile(), "x.h5ad"), verbose = FALSE), "input", "folder exists"
  )
  expect_refused(write_h5ad(x, tempdir(), verbose = FALSE), "input", "no regular file")
  expect_refused(write_h5ad(diag(3), file), "input", "`x` is")
  expect_refused(write_h5ad(x, 1), "input", "`file`")
  expect_refused(write_h5ad(x, file, compression = "lzf"), "input", "compression")
  expect_refused(write_h5ad(x, file, overwrite = NA), "input", "`overwrite`")
})

test_that("an embedding is added by the names of cells, under scanpy's names", {
  skip_without_hdf5()
  x <- every_type()
  colnames(x) <- letters[1:6]
  file <- h5ad_file()
  write_h5ad(x, file, verbose = FALSE)
  before <- read_quietly(file)
  map <- matrix(stats::rnorm(12), 6, dimnames = list(letters[6:1], NULL))
  expect_refused(write_h5ad_embedding(map, file), "input", "obsm/X_ee")
  expect_identical(write_h5ad_embedding(map, file, overwrite = TRUE), file)
  write_h5ad_embedding(unname(map), file, name = "X_other")
  SingleCellExperiment::reducedDim(x, "TSNE") <- matrix(7, 6, 2)
  write_h5ad_embedding(x, file, dimred = "TSNE")
  back <- read_quietly(file)
  reductions <- lapply(
    as.list(SingleCellExperiment::reducedDims(back, withDimnames = FALSE)), unname
  )
  expect_identical(reductions$EE, unname(map[letters[1:6], ]))
  expect_identical(reductions$other, unname(map))
  expect_identical(reductions$TSNE, matrix(7, 6, 2))
  SingleCellExperiment::reducedDims(back) <- SingleCellExperiment::reducedDims(
    before, withDimnames = FALSE
  )
  expect_identical(back, before)
})

test_that("fits are added under their own names", {
  skip_without_hdf5()
  file <- h5ad_file()
  write_h5ad(iris_sce(), file, verbose = FALSE)
  write_h5ad_embedding(ee(iris_x, perplexity = 20, maxit = 3, verbose = FALSE), file)
  write_h5ad_embedding(train(maxit = 2), file)
  expect_true(
    all(c("EE", "NeuralEE") %in% SingleCellExperiment::reducedDimNames(read_quietly(file)))
  )
})

test_that("an embedding that does not fit is refused and leaves the file as it was", {
  skip_without_hdf5()
  file <- h5ad_file()
  write_h5ad(iris_sce(), file, verbose = FALSE)
  before <- tools::md5sum(file)
  expect_refused(write_h5ad_embedding(iris_x[1:10, ], file), "input", "10 cells and the file 150")
  expect_refused(write_h5ad_embedding("x", file), "input")
  expect_refused(write_h5ad_embedding(replace(iris_x, 5, NA), file), "not_finite")
  expect_refused(write_h5ad_embedding(iris_sce(), file), "input", "no reducedDim \"EE\"")
  expect_refused(write_h5ad_embedding(iris_x, file, name = "a/b"), "input", "\"a/b\"")
  expect_refused(write_h5ad_embedding(iris_x, tempfile()), "file_format", "no such file")
  old <- h5ad_file()
  file.copy(test_path("fixtures", "old.h5ad"), old)
  expect_refused(write_h5ad_embedding(matrix(0, 5, 2), old), "file_format", "before 0.7")
  expect_identical(tools::md5sum(file), before)
  expect_identical(list.files(dirname(file), paste0(basename(file), "[.]partial")), character())
})

test_that("anndata reads what is written, and we what it writes of that", {
  skip_without_hdf5()
  python <- Sys.getenv("NEURALEE_PYTHON")
  skip_if(!nzchar(python), "NEURALEE_PYTHON names no Python that imports anndata")
  x <- every_type()
  file <- h5ad_file()
  again <- h5ad_file()
  write_h5ad(x, file, verbose = FALSE)
  SingleCellExperiment::reducedDim(x, "UMAP") <- matrix(9, 6, 2)
  write_h5ad_embedding(x, file, dimred = "UMAP")
  script <- tempfile(fileext = ".py")
  on.exit(unlink(script), add = TRUE)
  writeLines(c(
    "import sys, warnings, anndata, numpy, scipy.sparse",
    "warnings.simplefilter('ignore')",
    "a = anndata.read_h5ad(sys.argv[1])",
    "assert a.shape == (6, 8), a.shape",
    paste(
      "assert scipy.sparse.isspmatrix_csr(a.X) and a.X.indptr.dtype == a.X.indices.dtype ==",
      "numpy.int32"
    ),
    paste(
      "assert scipy.sparse.issparse(a.layers['logcounts']) and isinstance(a.layers['scaled'],",
      "numpy.ndarray)"
    ),
    "assert numpy.array_equal(a.X.toarray() - 1, a.layers['scaled'])",
    paste(
      "assert list(a.obs['type'].cat.categories) == ['T', 'B', 'none'] and",
      "a.obs['type'].isna().sum() == 1"
    ),
    "assert a.obs['stage'].cat.ordered and not a.obs['type'].cat.ordered",
    "assert a.obs['age'].isna().sum() == 1 and a.obs['age'].iloc[1] == 2",
    "assert a.obs['doublet'].isna().sum() == 1 and a.obs['kept'].dtype == bool",
    "assert a.obs['missing'].isna().sum() == 2 and a.obs['nothing'].isna().all()",
    "assert list(a.obs['note'])[:3] == ['', '\\u00fc', 'NA']",
    "assert set(a.obsm) == {'X_ee', 'X_neuralee', 'X_pca', 'X_scVI', 'X_umap', 'spatial'}",
    "assert (a.obsm['X_umap'] == 9).all()",
    "assert a.uns['title'] == '\\u00fc' and a.uns['n'] == 3 and list(a.uns['steps']) == ['a', 'b']",
    "a.write_h5ad(sys.argv[2])"
  ), script, useBytes = TRUE)
  # Python with its own libraries, not those that R prefers.
  said <- suppressWarnings(
    system2(
      python, shQuote(c(script, file, again)), stdout = TRUE, stderr = TRUE,
      env = "LD_LIBRARY_PATH="
    )
  )
  expect_null(attr(said, "status"), info = paste(said, collapse = "\n"))
  back <- read_quietly(again)
  expect_identical(SummarizedExperiment::assay(back), SummarizedExperiment::assay(x))
  same <- setdiff(names(SummarizedExperiment::colData(x)), c("missing", "nothing", "note"))
  expect_identical(
    SummarizedExperiment::colData(back)[same], SummarizedExperiment::colData(x)[same]
  )
  # Where it is missing, text stays what anndata takes it for.
  expect_identical(as.character(back$missing), x$missing)
  expect_identical(as.character(back$note), x$note)
})
