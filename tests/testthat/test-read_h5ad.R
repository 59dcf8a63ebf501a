fixture <- function(name) test_path("fixtures", name)
bundled <- function(name) system.file("extdata", name, package = "neuralee", mustWork = TRUE)

expect_refused <- function(object, regexp, class = "neuralee_error_file_format") {
  expect_error(object, regexp, class = class)
}

# What data-raw/make_fixtures.py writes: genes by cells.
expected_counts <- function() {
  counts <- outer(0:3, 0:4, function(j, i) ifelse((i + j) %% 2 == 0, i * j, 0))
  dimnames(counts) <- list(paste0("gene", 0:3), paste0("cell", 0:4))
  counts
}

test_that("a file of anndata keeps matrix, annotations, reductions and layers", {
  skip_without_hdf5()
  expect_message(
    cells <- read_h5ad(fixture("new.h5ad"), verbose = FALSE),
    "obsm/frame was left out",
    class = "neuralee_message_left_out"
  )
  expect_s4_class(cells, "SingleCellExperiment")
  expect_equal(SummarizedExperiment::assayNames(cells), "counts")
  counts <- SummarizedExperiment::assay(cells)
  expect_s4_class(counts, "dgCMatrix")
  expect_equal(as.matrix(counts), expected_counts())

  expect_equal(cells$type, factor(c("B", "T", NA, "T", "B"), c("T", "B")))
  expect_equal(cells$stage, factor(c("l", "h", "l", "h", "l"), c("l", "h"), ordered = TRUE))
  expect_identical(cells$depth, 0:4 * 0.5)
  expect_identical(cells$batch, 0:4)
  expect_identical(cells$kept, c(TRUE, FALSE, TRUE, TRUE, FALSE))
  expect_identical(cells$age, c(1L, NA, 3L, 4L, 5L))
  expect_identical(cells$doublet, c(TRUE, NA, FALSE, FALSE, TRUE))
  expect_identical(cells$note, c("a", "b", "", "\u00fc", "e"))

  genes <- SummarizedExperiment::rowData(cells)
  expect_equal(genes$start, c(0L, 100L, 200L, 300L))
  expect_equal(as.character(genes$strand), c("+", "-", "+", "-"))

  expect_equal(SingleCellExperiment::reducedDimNames(cells), "PCA")
  pca <- SingleCellExperiment::reducedDim(cells, "PCA")
  expect_equal(unname(pca), matrix(0:9, 5, byrow = TRUE))
  expect_equal(rownames(pca), colnames(cells))
})

test_that("layers and raw are read by name", {
  skip_without_hdf5()
  read <- function(layer, ...) {
    suppressMessages(read_h5ad(fixture("new.h5ad"), layer, ..., verbose = FALSE))
  }
  halves <- read("columns", obsm = FALSE)
  expect_equal(SummarizedExperiment::assayNames(halves), "columns")
  expect_length(SingleCellExperiment::reducedDims(halves), 0)
  expect_equal(as.matrix(SummarizedExperiment::assay(halves)), expected_counts() / 2)
  expect_equal(as.matrix(SummarizedExperiment::assay(read("dense"))), expected_counts())
  expect_equal(SummarizedExperiment::assayNames(read("raw", assay = "umi")), "umi")
  expect_refused(
    read("nothing"), "no layer 'nothing'.*X, raw, columns, dense", "neuralee_error_input"
  )
})

test_that("a file of anndata 0.6 is read", {
  skip_without_hdf5()
  cells <- read_h5ad(fixture("old.h5ad"), verbose = FALSE)
  expect_equal(as.matrix(SummarizedExperiment::assay(cells, "counts")), expected_counts())
  expect_equal(cells$louvain, factor(c("B", "T", NA, "T", "B"), c("T", "B")))
  expect_equal(SummarizedExperiment::rowData(cells)$n_cells, 0:3)
  expect_equal(SingleCellExperiment::reducedDimNames(cells), "PCA")
})

test_that("the bundled cells are complete", {
  skip_without_hdf5()
  cortex <- read_h5ad(bundled("cortex.h5ad"), verbose = FALSE)
  expect_equal(dim(cortex), c(1000L, 3005L))
  expect_equal(SummarizedExperiment::assayNames(cortex), "counts")
  expect_equal(nlevels(cortex$label), 7L)
  expect_equal(nlevels(cortex$subclass), 48L)
  expect_equal(sum(cortex$label == "microglia"), 98L)

  pbmc <- read_h5ad(bundled("pbmc3k.h5ad"), verbose = FALSE)
  expect_equal(dim(pbmc), c(2001L, 2700L))
  expect_s4_class(SummarizedExperiment::assay(pbmc), "dgCMatrix")
  expect_true(all(c("CD3E", "CD14", "MS4A1", "NKG7", "PPBP") %in% rownames(pbmc)))
})

test_that("reductions get scater's names, and none is lost", {
  expect_equal(
    reduced_dim_names(c("X_pca", "X_umap", "X_scVI", "spatial", "X_")),
    c("PCA", "UMAP", "scVI", "spatial", "X_")
  )
  expect_equal(reduced_dim_names(c("X_pca", "pca")), c("X_pca", "pca"))
})

test_that("rhdf5 reads the same file in the same session, before and after", {
  skip_without_hdf5()
  skip_if_not_installed("rhdf5")
  skip_if_not_installed("HDF5Array")
  file <- bundled("cortex.h5ad")
  whole <- function() rhdf5::h5read(file, "X")
  before <- whole()
  ours <- SummarizedExperiment::assay(read_h5ad(file, verbose = FALSE))
  expect_equal(unname(as.matrix(ours)), matrix(as.numeric(before), nrow(before)))
  expect_identical(whole(), before)
  delayed <- HDF5Array::HDF5Array(file, "X")
  expect_equal(sum(delayed), sum(ours))
  expect_equal(dim(read_h5ad(file, verbose = FALSE)), dim(ours))
})

test_that("the matrix stays in the file on request, with the rest read as always", {
  skip_without_hdf5()
  skip_if_not_installed("HDF5Array")
  read <- function(..., on_disk = TRUE) {
    suppressMessages(read_h5ad(fixture("new.h5ad"), ..., on_disk = on_disk, verbose = FALSE))
  }
  for (layer in c("X", "raw", "columns", "dense")) {
    cells <- read(layer)
    whole <- read(layer, on_disk = FALSE)
    expect_s4_class(SummarizedExperiment::assay(cells), "DelayedMatrix")
    expect_identical(
      DelayedArray::is_sparse(SummarizedExperiment::assay(cells)), layer != "dense", info = layer
    )
    SummarizedExperiment::assay(cells, 1) <- as.matrix(SummarizedExperiment::assay(cells, 1)) + 0
    SummarizedExperiment::assay(whole, 1) <- as.matrix(SummarizedExperiment::assay(whole, 1))
    expect_equal(cells, whole, info = layer)
  }
  expect_equal(SummarizedExperiment::assayNames(read("dense", assay = "umi")), "umi")
  expect_message(
    read_h5ad(fixture("new.h5ad"), "columns", obsm = FALSE, on_disk = TRUE, verbose = FALSE),
    "gene by gene", class = "neuralee_message_by_genes"
  )
  old <- read_h5ad(fixture("old.h5ad"), on_disk = TRUE, verbose = FALSE)
  expect_equal(as.matrix(SummarizedExperiment::assay(old, "counts")), expected_counts())
})

test_that("numbers of any width, true and false are counts, in memory and on disk", {
  skip_without_hdf5()
  for (type in c("uint8", "bool", "float16")) {
    counts <- if (type == "bool") (expected_counts() != 0) + 0 else expected_counts()
    for (kind in c("dense", "csr", "csc")) {
      layer <- paste0(type, "_", kind)
      read <- function(...) {
        suppressMessages(read_h5ad(fixture("types.h5ad"), layer, ..., verbose = FALSE))
      }
      expect_equal(as.matrix(SummarizedExperiment::assay(read(), "counts")), counts, info = layer)
      skip_if_not_installed("HDF5Array")
      on_disk <- read(on_disk = TRUE)
      delayed <- SummarizedExperiment::assay(on_disk, "counts")
      expect_s4_class(delayed, "DelayedMatrix")
      expect_true(DelayedArray::type(delayed) %in% c("integer", "double"), info = layer)
      expect_equal(as.matrix(delayed), counts, info = layer)
      expect_equal(as.matrix(delayed[c(4, 1, 4), 5:2]), counts[c(4, 1, 4), 5:2], info = layer)
      sums <- with_small_blocks(DelayedArray::rowSums(delayed), 100)
      expect_equal(sums, rowSums(counts), info = layer)
      stepped <- principal_components(log_shift(on_disk), n = 2, verbose = FALSE)
      expected <- principal_components(log_shift(t(counts)), n = 2, verbose = FALSE)
      found <- SingleCellExperiment::reducedDim(stepped, "PCA")
      expect_equal(
        unname(abs(found[, 1:2])), unname(abs(expected[, 1:2])), tolerance = 1e-6, info = layer
      )
    }
  }
})

# What data-raw/make_fixtures.py writes.
lzf_counts <- function() {
  counts <- outer(0:49, 0:59, function(j, i) ifelse((i + j) %% 3 == 0, (i * j) %% 7, 0))
  dimnames(counts) <- list(paste0("gene", 0:49), paste0("cell", 0:59))
  counts
}

test_that("LZF, h5py's own compression, is read in memory and on disk", {
  skip_without_hdf5()
  for (layer in c("X", "columns", "dense")) {
    read <- function(...) {
      suppressMessages(read_h5ad(fixture("lzf.h5ad"), layer, ..., verbose = FALSE))
    }
    values <- function(x) as.matrix(SummarizedExperiment::assay(x, "counts"))
    cells <- read()
    expect_equal(values(cells), lzf_counts(), info = layer)
    expect_identical(cells$depth, 0:59 %/% 4L)
    skip_if_not_installed("HDF5Array")
    expect_equal(values(read(on_disk = TRUE)), lzf_counts(), info = layer)
    # Where HDF5Array lacks the filter.
    path <- if (layer == "X") "/X" else paste0("/layers/", layer)
    stored <- list(path = path, sparse = layer != "dense", by_cells = layer != "columns")
    delayed <- stored_matrix(fixture("lzf.h5ad"), stored, c(50L, 60L), stop, "", readable = FALSE)
    dimnames(delayed) <- dimnames(lzf_counts())
    expect_s4_class(DelayedArray::seed(delayed), "StoredSeed")
    expect_equal(as.matrix(delayed), lzf_counts(), info = layer)
    expect_equal(as.matrix(delayed[7:3, c(50, 2)]), lzf_counts()[7:3, c(50, 2)], info = layer)
  }
})

test_that("a matrix on disk whose file is gone is an error of the file", {
  skip_without_hdf5()
  skip_if_not_installed("HDF5Array")
  file <- tempfile(fileext = ".h5ad")
  file.copy(fixture("types.h5ad"), file)
  cells <- read_h5ad(file, "bool_csr", on_disk = TRUE, verbose = FALSE)
  unlink(file)
  expect_error(as.matrix(SummarizedExperiment::assay(cells)), "no such file")
})

test_that("counts on disk go through the steps that those in memory do", {
  skip_without_hdf5()
  skip_if_not_installed("HDF5Array")
  steps <- function(on_disk) {
    cells <- read_h5ad(bundled("cortex.h5ad"), on_disk = on_disk, verbose = FALSE)
    principal_components(
      subsample_genes(log_shift(cells), 300), n = 10, scale = TRUE, verbose = FALSE
    )
  }
  expected <- SingleCellExperiment::reducedDim(steps(FALSE), "PCA")
  found <- SingleCellExperiment::reducedDim(steps(TRUE), "PCA")
  expect_equal(found, expected, tolerance = 1e-7)
})

test_that("on_disk needs HDF5Array", {
  expect_refused(
    require_hdf5array(installed = FALSE), "BiocManager::install", "neuralee_error_input"
  )
})

test_that("an error in rhdf5 neither blocks our reader nor is lost through it", {
  skip_without_hdf5()
  skip_if_not_installed("rhdf5")
  # With a library that they share, rhdf5's error leaves its lock with R's thread: in a
  # process of its own, since another thread would wait for ever.
  code <- sprintf(
    "failed <- function() inherits(try(rhdf5::H5Fopen('/nothing'), silent = TRUE), 'try-error')
    stopifnot(failed()); cells <- neuralee::read_h5ad('%s', verbose = FALSE)
    neuralee::neuralee_sitrep(); stopifnot(failed()); cat(dim(cells))",
    normalizePath(bundled("cortex.h5ad"))
  )
  script <- tempfile(fileext = ".R")
  on.exit(unlink(script))
  writeLines(code, script)
  said <- system2(
    file.path(R.home("bin"), "Rscript"), shQuote(script),
    stdout = TRUE, stderr = FALSE, timeout = 120,
    env = paste0("R_LIBS=", shQuote(paste(.libPaths(), collapse = .Platform$path.sep)))
  )
  expect_equal(utils::tail(said, 1), "1000 3005")
})

test_that("files that are no h5ad are refused with what to do", {
  skip_without_hdf5()
  read <- function(file) read_h5ad(file, verbose = FALSE)
  expect_refused(read(tempfile()), "no such file")
  expect_refused(read(tempdir()), "folder.*read_10x")
  file <- tempfile(fileext = ".h5ad")
  on.exit(unlink(file))
  writeLines("cell,gene", file)
  expect_refused(read(file), "not an HDF5 file")
  bytes <- readBin(bundled("pbmc3k.h5ad"), "raw", 2e6)
  for (tenth in 1:9) {
    writeBin(utils::head(bytes, length(bytes) * tenth / 10), file)
    expect_refused(read(file), "damaged or incomplete")
  }
})

test_that("arguments of the wrong kind are refused", {
  refused <- function(...) expect_refused(read_h5ad(...), "Give", "neuralee_error_input")
  refused(1)
  refused(c("a", "b"))
  refused(fixture("new.h5ad"), layer = NA_character_)
  refused(fixture("new.h5ad"), obsm = "yes")
  refused(fixture("new.h5ad"), on_disk = NA)
  refused(fixture("new.h5ad"), assay = "")
  refused(fixture("new.h5ad"), verbose = NULL)
})
