fixture <- function(name) test_path("fixtures", name)

expect_refused <- function(object, regexp, class = "neuralee_error_file_format") {
  expect_error(object, regexp, class = class)
}

example_counts <- function() rbind(c(0, 3, 0, 0), c(1, 0, 0, 0), c(0, 0, 0, 5))

read_quietly <- function(...) suppressMessages(read_loom(..., verbose = FALSE))

# What data-raw/make_loom.py writes: genes by cells.
expected_counts <- function() {
  counts <- outer(0:5, 0:4, function(i, j) ifelse((i + j) %% 3 == 0, i * j + 1, 0))
  dimnames(counts) <- list(c(paste0("gene", 0:4), "\u03b2-actin"), paste0("cell", 0:4))
  counts
}

expect_loompy <- function(file) {
  expect_message(
    cells <- read_loom(file, verbose = FALSE), "col_graphs/KNN was left out",
    class = "neuralee_message_left_out"
  )
  expect_s4_class(cells, "SingleCellExperiment")
  expect_equal(SummarizedExperiment::assayNames(cells), "counts")
  expect_equal(as.matrix(SummarizedExperiment::assay(cells)), expected_counts())
  expect_identical(cells$ClusterID, c(1L, 2L, 3L, 2L, 1L))
  types <- c("B cells", "T cells", "NK cells")
  expect_equal(cells$cell_type, factor(types[c(1, 2, 3, 2, 1)], types))
  # loompy has no true and false.
  expect_identical(cells$Kept, c(1L, 0L, 1L, 1L, 0L))
  expect_identical(cells$Depth, 0:4 * 0.5)
  expect_equal(SummarizedExperiment::rowData(cells)$Start, 0:5 * 100L)
  pca <- SingleCellExperiment::reducedDim(cells, "PCA")
  expect_equal(unname(pca), matrix(0:9, 5, byrow = TRUE))
  expect_equal(rownames(pca), colnames(cells))
  about <- S4Vectors::metadata(cells)
  expect_identical(about$title, "5 \u00b5m")
  expect_identical(about$CellTypes, "B cells,T cells,NK cells")
  expect_identical(about$LOOM_SPEC_VERSION, "3.0.0")

  halves <- read_quietly(file, "halves")
  expect_equal(SummarizedExperiment::assayNames(halves), "halves")
  expect_equal(as.matrix(SummarizedExperiment::assay(halves)), expected_counts() / 2)
}

test_that("a file of loompy keeps matrix, layers, attributes and reductions", {
  skip_without_hdf5()
  expect_loompy(fixture("loompy.loom"))
})

test_that("sparse matrices stay sparse, and others are matrices", {
  skip_without_rhdf5()
  file <- write_loom(
    example_counts(), list(Gene = c("a", "b", "c")), list(CellID = paste0("cell", 1:4)),
    layers = list(full = example_counts() + 0.5, flags = example_counts() > 0)
  )
  cells <- read_loom(file, verbose = FALSE)
  expect_s4_class(SummarizedExperiment::assay(cells, "counts"), "dgCMatrix")
  expect_equal(unname(as.matrix(SummarizedExperiment::assay(cells))), example_counts())
  expect_equal(dimnames(cells), list(c("a", "b", "c"), paste0("cell", 1:4)))
  full <- read_loom(file, "full", verbose = FALSE)
  expect_equal(unname(SummarizedExperiment::assay(full, "full")), example_counts() + 0.5)
  flags <- read_loom(file, "flags", assay = "seen", verbose = FALSE)
  expect_equal(
    unname(as.matrix(SummarizedExperiment::assay(flags, "seen"))), (example_counts() > 0) + 0
  )
  expect_refused(
    read_loom(file, "none", verbose = FALSE), "no layer 'none'.*\\n.*flags, full",
    "neuralee_error_input"
  )
})

test_that("names may repeat, be empty, be missing or come from another attribute", {
  skip_without_rhdf5()
  counts <- example_counts()
  file <- write_loom(counts, list(Gene = c("a", "", "a")), list(CellID = c("x", "x", "\u00fc", "")))
  cells <- read_loom(file, verbose = FALSE)
  expect_equal(dimnames(cells), list(c("a", "", "a"), c("x", "x", "\u00fc", "")))
  expect_equal(ncol(SummarizedExperiment::colData(cells)), 0L)

  expect_message(
    bare <- read_loom(write_loom(counts), verbose = FALSE), "no Gene in row_attrs",
    class = "neuralee_message_left_out"
  )
  expect_null(dimnames(bare))
  expect_equal(dim(bare), c(3L, 4L))

  # As anndata writes it; columns with these names are trouble for GRanges.
  file <- write_loom(
    counts,
    list(var_names = c("a", "b", "c"), strand = c("+", "-", "+"), seqnames = c("1", "1", "2")),
    list(obs_names = paste0("cell", 1:4), X_umap = matrix(1:8, 4))
  )
  cells <- read_loom(file, gene_names = "var_names", cell_names = "obs_names", verbose = FALSE)
  expect_equal(dimnames(cells), list(c("a", "b", "c"), paste0("cell", 1:4)))
  expect_equal(SummarizedExperiment::rowData(cells)$strand, c("+", "-", "+"))
  expect_equal(unname(SingleCellExperiment::reducedDim(cells, "UMAP")), matrix(1:8, 4))
  expect_refused(
    read_loom(file, gene_names = "symbol", verbose = FALSE),
    "no symbol in row_attrs.*\\n.*seqnames", "neuralee_error_input"
  )
})

test_that("clusters get the names that the file has for them", {
  skip_without_rhdf5()
  types <- function(numbers, names = c("B", "T", "NK")) {
    file <- write_loom(
      example_counts(), list(Gene = c("a", "b", "c")),
      list(CellID = paste0("cell", 1:4), ClusterID = numbers, BatchID = c(0L, 0L, 1L, 1L)),
      list(CellTypes = names)
    )
    cells <- read_loom(file, verbose = FALSE)
    expect_equal(cells$ClusterID, numbers)
    expect_equal(cells$BatchID, c(0L, 0L, 1L, 1L))
    expect_equal(S4Vectors::metadata(cells)$CellTypes, names)
    cells$cell_type
  }
  expected <- factor(c("B", "NK", "T", "B"), c("B", "T", "NK"))
  expect_equal(types(c(0L, 2L, 1L, 0L)), expected)
  expect_equal(types(c(1, 3, 2, 1)), expected)
  expect_equal(types(c(0L, 2L, 1L, 0L), "B, T, NK"), expected)
  expect_equal(types(c(0L, -1L, 1L, 2L))[2], factor(NA, levels(expected)))
  expect_message(expect_equal(types(c(1L, 2L, 2L, 1L)), expected[c(1, 3, 3, 1)]), "to count the 3")
  expect_message(expect_null(types(c(0L, 3L, 1L, 0L))), "goes up to 3")
})

test_that("the matrix stays in the file on request, with the rest read as always", {
  skip_without_hdf5()
  skip_if_not_installed("HDF5Array")
  for (layer in c("", "halves")) {
    delayed <- read_quietly(fixture("loompy.loom"), layer, on_disk = TRUE)
    whole <- read_quietly(fixture("loompy.loom"), layer)
    expect_s4_class(SummarizedExperiment::assay(delayed), "DelayedMatrix")
    SummarizedExperiment::assay(delayed, 1) <- as.matrix(SummarizedExperiment::assay(delayed, 1)) +
      0
    SummarizedExperiment::assay(whole, 1) <- as.matrix(SummarizedExperiment::assay(whole, 1))
    expect_equal(delayed, whole, info = layer)
  }
})

test_that("a matrix on disk goes through the steps that one in memory does", {
  skip_without_rhdf5()
  skip_if_not_installed("HDF5Array")
  counts <- outer(1:40, 1:60, function(i, j) ifelse((i * j) %% 7 < 2, (i + 3 * j) %% 11, 0))
  file <- write_loom(counts, list(Gene = paste0("g", 1:40)), list(CellID = paste0("c", 1:60)))
  steps <- function(on_disk) {
    cells <- read_loom(file, on_disk = on_disk, verbose = FALSE)
    principal_components(log_shift(cells), n = 5, verbose = FALSE)
  }
  found <- SingleCellExperiment::reducedDim(steps(TRUE), "PCA")
  expect_equal(found, SingleCellExperiment::reducedDim(steps(FALSE), "PCA"), tolerance = 1e-7)
})

test_that("files that are no loom are refused with what to do", {
  skip_without_hdf5()
  read <- function(file, ...) read_loom(file, ..., verbose = FALSE)
  expect_refused(read(tempfile()), "no such file")
  expect_refused(read(tempdir()), "folder")
  for (on_disk in c(FALSE, requireNamespace("HDF5Array", quietly = TRUE))) {
    expect_refused(read(fixture("new.h5ad"), on_disk = on_disk), "not a loom file.*\\n.*read_h5ad")
  }
  file <- tempfile(fileext = ".loom")
  on.exit(unlink(file))
  writeLines("cell,gene", file)
  expect_refused(read(file), "not an HDF5 file")
  bytes <- readBin(fixture("loompy.loom"), "raw", 1e6)
  for (tenth in 1:9) {
    writeBin(utils::head(bytes, length(bytes) * tenth / 10), file)
    expect_refused(read(file), "damaged or incomplete")
  }
})

test_that("values that are not finite are refused with their place", {
  skip_without_rhdf5()
  counts <- example_counts()
  counts[2, 3] <- Inf
  file <- write_loom(counts, list(Gene = c("a", "b", "c")), list(CellID = paste0("cell", 1:4)))
  expect_refused(
    read_loom(file, verbose = FALSE), "cell 3 \\('cell3'\\), gene 2 \\('b'\\)",
    "neuralee_error_not_finite"
  )
})

test_that("bytes on disk are numbers, and attributes without values are left out", {
  skip_without_rhdf5()
  file <- write_loom(example_counts(), cells = list(CellID = paste0("cell", 1:4)))
  on.exit(unlink(file))
  rhdf5::h5delete(file, "matrix")
  rhdf5::h5createDataset(file, "matrix", c(4, 3), H5type = "H5T_STD_U8LE")
  rhdf5::h5write(t(example_counts()), file, "matrix")
  handle <- rhdf5::H5Fopen(file)
  group <- rhdf5::H5Gopen(handle, "col_attrs")
  space <- rhdf5::H5Screate("H5S_NULL")
  rhdf5::H5Dclose(rhdf5::H5Dcreate(group, "Empty", "H5T_IEEE_F64LE", space))
  rhdf5::H5Sclose(space)
  rhdf5::H5Gclose(group)
  rhdf5::H5Fclose(handle)
  expect_message(
    cells <- read_loom(file, verbose = FALSE), "/col_attrs/Empty was left out: it holds no values",
    class = "neuralee_message_left_out"
  )
  values <- as.matrix(SummarizedExperiment::assay(cells, "counts"))
  expect_identical(unname(values), example_counts())
  expect_length(SummarizedExperiment::colData(cells), 0)
  skip_if_not_installed("HDF5Array")
  delayed <- SummarizedExperiment::assay(read_quietly(file, on_disk = TRUE), "counts")
  expect_identical(DelayedArray::type(delayed), "integer")
  expect_equal(unname(as.matrix(delayed)), example_counts())
})

test_that("attributes of another length are refused", {
  skip_without_rhdf5()
  file <- write_loom(example_counts(), cells = list(Age = 1:3))
  expect_refused(read_quietly(file), "/col_attrs/Age has 3 values, but /matrix has 4 cells")
})

test_that("arguments of the wrong kind are refused", {
  refused <- function(...) expect_refused(read_loom(...), "Give", "neuralee_error_input")
  file <- fixture("loompy.loom")
  refused(1)
  refused(c("a", "b"))
  refused(file, layer = NA_character_)
  refused(file, layer = NULL)
  refused(file, gene_names = "")
  refused(file, cell_names = 1)
  refused(file, on_disk = NA)
  refused(file, assay = "")
  refused(file, verbose = NULL)
})
