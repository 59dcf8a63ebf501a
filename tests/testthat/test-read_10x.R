# A folder with three genes and two cells; `version` 3 is gzipped and has types.
tenx_folder <- function(version, matrix = NULL, envir = parent.frame()) {
  folder <- tempfile("tenx")
  dir.create(folder)
  unlink_later(folder, envir)
  matrix <- matrix %||% c(
    "%%MatrixMarket matrix coordinate integer general", "3 2 3", "2 1 4", "3 2 6", "1 2 5"
  )
  features <- c("ENSG1\tCD4", "ENSG2\tLYZ", "ENSG3\tLYZ")
  if (version == 3) {
    features <- paste0(features, "\t", c("Gene Expression", "Gene Expression", "Antibody Capture"))
  }
  put <- function(lines, name) {
    path <- file.path(folder, if (version == 3) paste0(name, ".gz") else name)
    connection <- if (version == 3) gzfile(path, "w") else file(path, "w")
    writeLines(lines, connection)
    close(connection)
  }
  put(matrix, "matrix.mtx")
  put(features, if (version == 3) "features.tsv" else "genes.tsv")
  put(c("AAAC-1", "AAAG-1"), "barcodes.tsv")
  folder
}

unlink_later <- function(folder, envir) {
  do.call(on.exit, list(bquote(unlink(.(folder), recursive = TRUE)), add = TRUE), envir = envir)
}

`%||%` <- rlang::`%||%`

test_that("both versions give the same cells, named as asked", {
  for (version in 2:3) {
    folder <- tenx_folder(version)
    cells <- read_10x(folder, verbose = FALSE)
    expect_s4_class(cells, "SingleCellExperiment")
    counts <- SummarizedExperiment::assay(cells, "counts")
    expect_s4_class(counts, "dgCMatrix")
    expect_equal(unname(as.matrix(counts)), matrix(c(0, 4, 0, 5, 0, 6), 3))
    expect_equal(rownames(cells), c("CD4", "LYZ", "LYZ"))
    expect_equal(colnames(cells), c("AAAC-1", "AAAG-1"))
    expect_equal(cells$Barcode, colnames(cells))
    by_id <- read_10x(folder, gene_names = "id", verbose = FALSE)
    expect_equal(rownames(by_id), paste0("ENSG", 1:3))
    genes <- SummarizedExperiment::rowData(by_id)
    expect_equal(genes$Symbol, c("CD4", "LYZ", "LYZ"))
    if (version == 3) {
      expect_equal(as.character(genes$Type[[3]]), "Antibody Capture")
    } else {
      expect_null(genes$Type)
    }
  }
})

test_that("values that are no counts name the assay X", {
  lines <- c("%%MatrixMarket matrix coordinate real general", "3 2 1", "3 2 0.5")
  folder <- tenx_folder(2, lines)
  expect_equal(SummarizedExperiment::assayNames(read_10x(folder, verbose = FALSE)), "X")
  named <- read_10x(folder, assay = "scaled", verbose = FALSE)
  expect_equal(SummarizedExperiment::assayNames(named), "scaled")
})

test_that("a damaged matrix is refused with file and line", {
  lines <- c("%%MatrixMarket matrix coordinate integer general", "3 2 2", "1 1 4", "1 1 5")
  expect_error(
    read_10x(tenx_folder(3, lines), verbose = FALSE),
    "matrix.mtx.gz: Line 4: this row and column already had a value",
    class = "neuralee_error_file_format"
  )
  lines[[3]] <- "4 1 4"
  expect_error(
    read_10x(tenx_folder(2, lines), verbose = FALSE), "Line 3: place \\(4, 1\\)",
    class = "neuralee_error_file_format"
  )
})

test_that("an archive gives the cells of its folder", {
  folder <- tenx_folder(3)
  archives <- tempfile("archives")
  dir.create(archives)
  unlink_later(archives, environment())
  pack <- function(name, compression, files = basename(folder)) {
    archive <- tempfile(tmpdir = archives, fileext = name)
    old <- setwd(dirname(folder))
    on.exit(setwd(old))
    utils::tar(archive, files, compression = compression, tar = "internal")
    archive
  }
  expected <- read_10x(folder, verbose = FALSE)
  expect_equal(read_10x(pack(".tar", "none"), verbose = FALSE), expected)
  expect_equal(read_10x(pack(".tar.gz", "gzip"), verbose = FALSE), expected)
  by_id <- read_10x(pack(".tgz", "gzip"), gene_names = "id", verbose = FALSE)
  expect_equal(rownames(by_id), paste0("ENSG", 1:3))

  refused <- function(archive, regexp) {
    expect_error(read_10x(archive, verbose = FALSE), regexp, class = "neuralee_error_file_format")
  }
  whole <- pack(".tar.gz", "gzip")
  bytes <- readBin(whole, "raw", 1e6)
  writeBin(utils::head(bytes, length(bytes) / 2), whole)
  refused(whole, "damaged or incomplete")
  refused(pack(".tar", "none", file.path(basename(folder), "barcodes.tsv.gz")), "no matrix.mtx")
  refused(file.path(folder, "barcodes.tsv.gz"), "no tar archive")
  skip_on_os("windows")
  file.symlink("matrix.mtx.gz", file.path(folder, "link"))
  refused(pack(".tar", "none"), "is a link")
})

test_that("folders without a matrix and wrong arguments are refused", {
  expect_error(read_10x(tempfile()), "no such folder", class = "neuralee_error_file_format")
  empty <- tempfile()
  dir.create(empty)
  unlink_later(empty, environment())
  expect_error(read_10x(empty), "no matrix.mtx", class = "neuralee_error_file_format")
  expect_error(read_10x(1), "`folder` is 1", class = "neuralee_error_input")
  expect_error(read_10x(empty, verbose = NA), "`verbose`", class = "neuralee_error_input")
  expect_error(read_10x(empty, gene_names = "ensembl"), "gene_names")
})
