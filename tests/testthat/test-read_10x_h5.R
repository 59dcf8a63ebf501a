expect_refused <- function(object, regexp, class = "neuralee_error_file_format") {
  expect_error(object, regexp, class = class)
}

# Three genes by four cells, the third of which is empty; the second is not in order.
expected_counts <- function() matrix(c(0, 2, 0, 5, 0, 7, 0, 0, 0, 1, 0, 0), 3)

# Writes `parts`, a list of groups and values, and removes the file with the test.
tenx_file <- function(parts, envir = parent.frame()) {
  file <- tempfile(fileext = ".h5")
  do.call(on.exit, list(bquote(unlink(.(file))), add = TRUE), envir = envir)
  rhdf5::h5createFile(file)
  put <- function(parts, path) {
    for (name in names(parts)) {
      at <- paste0(path, name)
      if (is.list(parts[[name]])) {
        rhdf5::h5createGroup(file, at)
        put(parts[[name]], paste0(at, "/"))
      } else {
        rhdf5::h5write(parts[[name]], file, at)
      }
    }
  }
  put(parts, "")
  rhdf5::h5closeAll()
  file
}

counts <- list(
  barcodes = c("AAA-1", "CCC-1", "GGG-1", "TTT-1"), shape = c(3L, 4L),
  indptr = c(0L, 1L, 3L, 3L, 4L), indices = c(1L, 2L, 0L, 0L), data = c(2L, 7L, 5L, 1L)
)
version_3 <- c(counts, list(features = list(
  id = paste0("ENSG", 1:3), name = c("CD4", "LYZ", "LYZ"),
  feature_type = c("Gene Expression", "Gene Expression", "Antibody Capture"),
  genome = c("GRCh38", "GRCh38", "none")
)))
version_2 <- c(counts, list(genes = paste0("ENSG", 1:3), gene_names = c("CD4", "LYZ", "LYZ")))

read <- function(file, ...) read_10x_h5(file, ..., verbose = FALSE)

test_that("bytes on disk are numbers, and annotation without values is left out", {
  skip_without_hdf5()
  file <- tenx_file(list(matrix = version_3[names(version_3) != "data"]))
  rhdf5::h5createDataset(file, "matrix/data", 4, H5type = "H5T_STD_U8LE")
  rhdf5::h5write(counts$data, file, "matrix/data")
  handle <- rhdf5::H5Fopen(file)
  group <- rhdf5::H5Gopen(handle, "matrix/features")
  rhdf5::H5Ldelete(group, "genome")
  space <- rhdf5::H5Screate("H5S_NULL")
  rhdf5::H5Dclose(rhdf5::H5Dcreate(group, "genome", "H5T_IEEE_F64LE", space))
  rhdf5::h5closeAll()
  for (on_disk in c(FALSE, TRUE)) {
    if (on_disk) skip_if_not_installed("HDF5Array")
    expect_message(
      cells <- read(file, on_disk = on_disk), "genome was left out: it holds no values",
      class = "neuralee_message_left_out"
    )
    expect_equal(unname(as.matrix(SummarizedExperiment::assay(cells, "counts"))), expected_counts())
    expect_null(SummarizedExperiment::rowData(cells)$Genome)
    expect_false(is.null(SummarizedExperiment::rowData(cells)$Type))
  }
  expect_true(DelayedArray::type(SummarizedExperiment::assay(cells)) %in% c("integer", "double"))
  expect_equal(dim(log_shift(cells)), c(3L, 4L))
})

test_that("both versions give the same cells, named as asked", {
  skip_without_hdf5()
  for (parts in list(list(matrix = version_3), list(mm10 = version_2))) {
    file <- tenx_file(parts)
    cells <- read(file)
    expect_s4_class(cells, "SingleCellExperiment")
    expect_equal(SummarizedExperiment::assayNames(cells), "counts")
    found <- SummarizedExperiment::assay(cells)
    expect_s4_class(found, "dgCMatrix")
    expect_true(methods::validObject(found))
    expect_equal(unname(as.matrix(found)), expected_counts())
    expect_equal(rownames(cells), c("CD4", "LYZ", "LYZ"))
    expect_equal(colnames(cells), counts$barcodes)
    expect_equal(cells$Barcode, counts$barcodes)
    by_id <- read(file, gene_names = "id")
    expect_equal(rownames(by_id), paste0("ENSG", 1:3))
    genes <- SummarizedExperiment::rowData(by_id)
    expect_equal(genes$Symbol, c("CD4", "LYZ", "LYZ"))
    if (is.null(parts$matrix)) {
      expect_named(genes, c("ID", "Symbol"))
    } else {
      expect_equal(levels(genes$Type), c("Gene Expression", "Antibody Capture"))
      expect_equal(as.character(genes$Genome), version_3$features$genome)
    }
  }
})

test_that("a folder and a file with the same matrix give the same cells", {
  skip_without_hdf5()
  folder <- tempfile()
  dir.create(folder)
  on.exit(unlink(folder, recursive = TRUE))
  writeLines(c(
    "%%MatrixMarket matrix coordinate integer general", "3 4 4", "2 1 2", "1 2 5", "3 2 7", "1 4 1"
  ), file.path(folder, "matrix.mtx"))
  writeLines(
    paste(version_2$genes, version_2$gene_names, sep = "\t"), file.path(folder, "genes.tsv")
  )
  writeLines(counts$barcodes, file.path(folder, "barcodes.tsv"))
  expect_equal(read(tenx_file(list(mm10 = version_2))), read_10x(folder, verbose = FALSE))
})

test_that("of several genomes one must be named", {
  skip_without_hdf5()
  other <- version_2
  other$data <- counts$data * 2L
  file <- tenx_file(list(hg19 = version_2, mm10 = other))
  expect_refused(read(file), "hg19, mm10", "neuralee_error_input")
  expect_equal(
    unname(as.matrix(SummarizedExperiment::assay(read(file, group = "mm10")))),
    2 * expected_counts()
  )
  expect_refused(read(file, group = "rn5"), "rn5.*hg19, mm10", "neuralee_error_input")
})

test_that("values that are no counts name the assay X", {
  skip_without_hdf5()
  version_3$data <- c(0.5, 1, 2, 3)
  file <- tenx_file(list(matrix = version_3))
  expect_equal(SummarizedExperiment::assayNames(read(file)), "X")
  expect_equal(SummarizedExperiment::assayNames(read(file, assay = "scaled")), "scaled")
})

test_that("the matrix stays in the file on request, with the rest read as always", {
  skip_without_hdf5()
  skip_if_not_installed("HDF5Array")
  for (parts in list(list(matrix = version_3), list(mm10 = version_2))) {
    file <- tenx_file(parts)
    cells <- read(file, on_disk = TRUE)
    expect_s4_class(SummarizedExperiment::assay(cells), "DelayedMatrix")
    expect_true(DelayedArray::is_sparse(SummarizedExperiment::assay(cells)))
    whole <- read(file)
    SummarizedExperiment::assay(cells, 1) <- as.matrix(SummarizedExperiment::assay(cells, 1)) + 0
    SummarizedExperiment::assay(whole, 1) <- as.matrix(SummarizedExperiment::assay(whole, 1))
    expect_equal(cells, whole)
  }
  version_3$indptr[[5]] <- 9L
  expect_refused(read(tenx_file(list(matrix = version_3)), on_disk = TRUE), "does not ascend")
})

test_that("damaged files and files of other kinds are refused with what to do", {
  skip_without_hdf5()
  expect_refused(read(tempfile()), "no such file")
  expect_refused(read(tempdir()), "folder.*read_10x")
  expect_refused(
    read(system.file("extdata", "cortex.h5ad", package = "neuralee")), "AnnData.*read_h5ad"
  )
  loom <- tenx_file(list(matrix = diag(2), row_attrs = list(), col_attrs = list()))
  expect_refused(read(loom), "loom file")
  twice <- version_3
  twice$indices[[3]] <- 2L
  expect_refused(
    read(tenx_file(list(matrix = twice))), "two values for one gene of cell 2 \\('CCC-1'\\)"
  )
  without <- version_3
  without$features <- NULL
  expect_refused(read(tenx_file(list(matrix = without))), "no /matrix/features")
  file <- tenx_file(list(matrix = version_3))
  bytes <- readBin(file, "raw", 1e6)
  for (tenth in 1:9) {
    writeBin(utils::head(bytes, length(bytes) * tenth / 10), file)
    expect_refused(read(file), "damaged or incomplete")
  }
})

test_that("arguments of the wrong kind are refused", {
  refused <- function(...) expect_refused(read_10x_h5(...), "Give", "neuralee_error_input")
  refused(1)
  refused(c("a", "b"))
  refused("a.h5", group = 1)
  refused("a.h5", assay = "")
  refused("a.h5", on_disk = NA)
  refused("a.h5", verbose = NULL)
  expect_error(read_10x_h5("a.h5", gene_names = "ensembl"), "gene_names")
})
