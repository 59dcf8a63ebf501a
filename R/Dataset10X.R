# The data sets of 10x Genomics that are known by name, by the version of Cell Ranger that made
# them. Their lengths and checksums are unverified.
tenx_versions <- list(
  "1.1.0" = c(
    "frozen_pbmc_donor_a", "frozen_pbmc_donor_b", "frozen_pbmc_donor_c", "fresh_68k_pbmc_donor_a",
    "cd14_monocytes", "b_cells", "cd34", "cd56_nk", "cd4_t_helper", "regulatory_t", "naive_t",
    "memory_t", "cytotoxic_t", "naive_cytotoxic"
  ),
  "2.1.0" = c("pbmc8k", "pbmc4k", "t_3k", "t_4k", "neuron_9k")
)

tenx_names <- unlist(tenx_versions, use.names = FALSE)

# Before version 3, Cell Ranger knew genes only; since then the matrix is one of features.
tenx_archive <- function(filename, type, version) {
  matrix <- if (is.null(version) || numeric_version(version) < "3") {
    "gene_bc_matrices"
  } else {
    "feature_bc_matrix"
  }
  sprintf("%s_%s_%s.tar.gz", filename, type, matrix)
}

tenx_url <- function(version, filename, file) {
  # The site's own links are of http; it answers to https under the same names.
  sprintf("https://cf.10xgenomics.com/samples/cell-exp/%s/%s/%s", version, filename, file)
}

#' Data sets of 10x Genomics
#'
#' Reads the counts of one of the public data sets of 10x Genomics by its name, or those of any
#' folder or archive of Cell Ranger, version 2 or 3. Cells without counts are dropped, with a
#' message: in a `"raw"` matrix these are most barcodes.
#'
#' Known by name, and downloaded where `path = NULL`, are:
#'
#' | data set | cells, about |
#' | --- | --- |
#' | `"pbmc4k"`, `"pbmc8k"` | 4,340 and 8,381 PBMCs of one donor, 33,694 genes |
#' | `"t_3k"`, `"t_4k"` | 3,555 and 4,538 pan T cells |
#' | `"neuron_9k"` | 9,128 brain cells of a mouse embryo, 27,998 genes |
#' | `"fresh_68k_pbmc_donor_a"` | 68,579 PBMCs, 32,738 genes |
#' | `"frozen_pbmc_donor_a"`, `"_b"`, `"_c"` | 2,900, 7,783 and 9,519 PBMCs |
#' | `"b_cells"`, `"cd34"` and eight others | sorted cells, listed in [PurifiedPBMCDataset()] |
#'
#' Their addresses are
#' `https://cf.10xgenomics.com/samples/cell-exp/VERSION/NAME/NAME_TYPE_gene_bc_matrices.tar.gz`,
#' with VERSION 2.1.0 for the first five and 1.1.0 for the others. No checksum is known for them;
#' lengths are compared with what the server announces. The Bioconductor package TENxPBMCData has
#' many of these data sets, and others.
#'
#' @param filename Name of the data set. With `path` it may be any name, or be left out where `path`
#'   is the archive or the folder itself.
#' @param type `"filtered"` for the barcodes that Cell Ranger takes for cells, `"raw"` for all.
#' @param ... Not used.
#' @param path `NULL` to download the data set. Else its archive, the folder of its matrix, or a
#'   folder that holds either under the data set's name: `NAME_TYPE_gene_bc_matrices.tar.gz`,
#'   `NAME_TYPE_feature_bc_matrix.tar.gz` or a folder `NAME`. Which folder within is read is said in
#'   [read_10x()]; of several in a folder `NAME`, it is the one whose name begins with `type`.
#' @param gene_names Which names the rows get: `"symbol"` or `"id"`.
#' @param verbose Whether to show progress.
#' @return A [SingleCellExperiment::SingleCellExperiment-class] of genes by cells with the sparse
#'   assay `counts`. `rowData` has the columns `ID`, `Symbol` and, from version 3 on, `Type`;
#'   `colData` has `Barcode`.
#' @section Errors:
#' `neuralee_error_input` for a name that is not known where `path` is `NULL` (those known are
#' listed). `neuralee_error_file_format` where `path` holds no such data set, and for all that
#' [read_10x()] refuses. `neuralee_error_download` where a file cannot be had.
#' @inheritSection dataset_files Where files are kept
#' @references Zheng GXY et al. (2017). Massively parallel digital transcriptional profiling of
#'   single cells. *Nature Communications* 8, 14049. \doi{10.1038/ncomms14049}
#'
#'   The data sets: <https://www.10xgenomics.com/datasets>.
#' @seealso [read_10x()], which reads a folder or an archive as it is, with cells that have no
#'   counts.
#' @family data sets
#' @export
#' @examples
#' folder <- tempfile()
#' dir.create(file.path(folder, "mine"), recursive = TRUE)
#' put <- function(lines, name) writeLines(lines, file.path(folder, "mine", name))
#' put(
#'   c("%%MatrixMarket matrix coordinate integer general", "3 2 3", "1 1 4", "3 1 1", "2 2 7"),
#'   "matrix.mtx"
#' )
#' put(c("ENSG1\tCD4", "ENSG2\tLYZ", "ENSG3\tNKG7"), "genes.tsv")
#' put(c("AAAC-1", "AAAG-1"), "barcodes.tsv")
#' Dataset10X("mine", path = folder)
Dataset10X <- function(filename = NULL, type = c("filtered", "raw"), ..., path = NULL,
                       gene_names = c("symbol", "id"), verbose = interactive()) {
  check_no_dots(...)
  type <- match_choice(type, "type", c("filtered", "raw"))
  gene_names <- match_choice(gene_names, "gene_names", c("symbol", "id"))
  check_flag(verbose, "verbose")
  read_tenx_dataset(filename, type, path, gene_names, verbose)
}

read_tenx_dataset <- function(filename, type, path, gene_names, verbose) {
  file <- if (is.null(path)) {
    download_tenx(filename, type, verbose)
  } else {
    find_tenx(filename, type, path)
  }
  remove_zero_cells(read_10x(file, gene_names = gene_names, assay = "counts", verbose = verbose))
}

download_tenx <- function(filename, type, verbose) {
  known <- is.character(filename) && length(filename) == 1L && filename %in% tenx_names
  if (!known) {
    near <- if (is.character(filename) && length(filename) == 1L && !is.na(filename)) {
      nearest_name(filename, tenx_names)
    }
    abort_neuralee(
      "input",
      sprintf("`filename` is %s, which is no data set that is known by name.", describe(filename)),
      c(
        if (!is.null(near)) sprintf("Did you mean %s?", describe(near)),
        there_are(tenx_names), "For any other give the folder or the archive as `path`."
      )
    )
  }
  tenx_file(filename, type, NULL, verbose)
}

# The archive of a known data set in the folder `path`, or for NULL downloaded.
tenx_file <- function(filename, type, path, verbose) {
  version <- names(tenx_versions)[vapply(tenx_versions, function(names) filename %in% names, NA)]
  file <- tenx_archive(filename, type, version)
  dataset_file(path, file, tenx_url(version, filename, file), verbose, alone = FALSE)
}

# The archive or folder that read_10x() shall read.
find_tenx <- function(filename, type, path) {
  check_string(path, "path", "the path of an archive or a folder, or NULL")
  path <- path.expand(path)
  if (is.null(filename)) return(if (dir.exists(path)) matrix_folder(path, type) else path)
  check_string(filename, "filename", "the name of a data set, or NULL")
  if (!file.exists(path)) {
    abort_neuralee(
      "file_format", sprintf("There is no file or folder %s.", describe(path)),
      "Give `path` the archive, the folder with the matrix, or a folder that holds one of them."
    )
  }
  if (!dir.exists(path)) return(path)
  inside <- file.path(path, filename)
  archives <- file.path(
    path, vapply(list(NULL, "3"), function(version) tenx_archive(filename, type, version), "")
  )
  archives <- archives[file.exists(archives)]
  if (dir.exists(inside)) {
    matrix_folder(inside, type)
  } else if (length(archives)) {
    archives[[1L]]
  } else {
    matrix_folder(path, type)
  }
}

# A folder of both matrices holds each in a folder of its own.
matrix_folder <- function(path, type) {
  inside <- list.dirs(path, recursive = FALSE)
  inside <- inside[startsWith(basename(inside), type)]
  if (length(inside) == 1L) inside else path
}
