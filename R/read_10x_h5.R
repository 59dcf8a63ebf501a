#' Read an HDF5 matrix of Cell Ranger
#'
#' Reads `filtered_feature_bc_matrix.h5` and its like. In version 3 of the format, the group
#' `matrix` holds the counts and `features` the annotations of the genes; in version 2, each
#' genome has a group of its own, with `genes` and `gene_names`, and where there are several,
#' `group` says which one to read.
#'
#' The genes of a cell may come in any order; a gene that a cell holds twice is refused. The file is
#' not trusted: the sizes it claims are held against its length, its own parts and the free memory
#' before anything is allocated, and links to other files, external and virtual datasets and filter
#' plugins are refused. What [read_h5ad()] says of HDF5's own library holds here as well. With
#' `on_disk` the values are read later, by HDF5Array, without these checks of what they are.
#'
#' Names of genes are kept as they are, also when they repeat, as some symbols do; see
#' [base::make.unique()]. A group may hold the matrix alone (`data`, `indices`, `indptr` and
#' `shape`); then genes and cells are named by their numbers, with a message. Annotation of the
#' genes that holds no values is left out with a message.
#'
#' @param file Path of the file.
#' @param gene_names Which names the rows get: `"symbol"` or `"id"`.
#' @param group Name of the group to read, such as `"mm10"`. `NULL` stands for the only one
#'   that holds a matrix.
#' @param assay Name of the assay. `NULL` stands for `"counts"` if all values (with `on_disk`:
#'   the first 65,536) are whole and none is negative, else for `"X"`.
#' @param on_disk Leave the matrix in the file? Then the assay is a DelayedMatrix (mostly a
#'   `TENxMatrix` of the package HDF5Array) whose values are read when they are needed, block
#'   by block; see [principal_components()]. The file must stay where it is.
#' @param verbose Whether to show progress.
#'
#' @return A [SingleCellExperiment::SingleCellExperiment-class] of genes by cells with one
#'   sparse assay (a `dgCMatrix`, or a DelayedMatrix with `on_disk`). `rowData` has the columns
#'   `ID`, `Symbol` and, where the file of version 3 has them, `Type` ("Gene Expression",
#'   "Antibody Capture" and others) and `Genome`, as factors; `colData` has `Barcode`. Where
#'   there are no symbols, the identifiers stand for them.
#'
#' @section Errors:
#' `neuralee_error_file_format` where the file is missing, damaged or something else (for AnnData
#' and loom files and for `molecule_info.h5` with what to read instead), and where neuralee was
#' installed without HDF5. `neuralee_error_input` for a group that is not there, or not named where
#' there are several (those there are, are listed). `neuralee_error_not_finite` for an infinite
#' value or NaN, naming the first cell and gene (not with `on_disk`: there the functions that read
#' the values look). `neuralee_error_memory` where the matrix would not fit. `neuralee_error_input`
#' where `on_disk` is asked for and the package HDF5Array is not installed.
#'
#' @references The format:
#' <https://www.10xgenomics.com/support/software/cell-ranger/latest/analysis/outputs/cr-outputs-h5-matrices>.
#' @seealso [read_10x()] for folders and archives; [read_h5ad()]; [principal_components()] for
#'   matrices on disk.
#' @export
#' @examplesIf requireNamespace("rhdf5", quietly = TRUE)
#' file <- tempfile(fileext = ".h5")
#' rhdf5::h5createFile(file)
#' rhdf5::h5createGroup(file, "matrix")
#' rhdf5::h5createGroup(file, "matrix/features")
#' put <- function(values, name) rhdf5::h5write(values, file, paste0("matrix/", name))
#' put(c("ENSG1", "ENSG2", "ENSG3"), "features/id")
#' put(c("CD4", "LYZ", "NKG7"), "features/name")
#' put(c("AAAC-1", "AAAG-1"), "barcodes")
#' put(c(3L, 2L), "shape")
#' put(c(0L, 2L, 3L), "indptr")
#' put(c(0L, 2L, 1L), "indices")
#' put(c(4L, 1L, 7L), "data")
#' cells <- read_10x_h5(file)
#' SummarizedExperiment::assay(cells)
read_10x_h5 <- function(file, gene_names = c("symbol", "id"), group = NULL, assay = NULL,
                        on_disk = FALSE, verbose = interactive()) {
  check_given()
  check_string(file, "file", "the path of one file")
  gene_names <- match_choice(gene_names, "gene_names", c("symbol", "id"))
  if (!is.null(group)) check_string(group, "group", "the name of a group, or NULL")
  if (!is.null(assay)) check_string(assay, "assay", "the name of an assay, or NULL")
  check_flag(on_disk, "on_disk")
  check_flag(verbose, "verbose")
  if (on_disk) require_hdf5array()

  progress <- progress_reporter(verbose, "read_10x_h5")
  read <- if (on_disk) rs_outline_10x_h5 else rs_read_10x_h5
  data <- rust_call(read(path_for_rust(file), enc2utf8(group %||% ""), progress))
  inform_left_out(data$notes)
  counts <- data$counts
  if (on_disk) {
    counts <- stored_matrix(
      file, counts, lengths(list(data$ids, data$barcodes)), HDF5Array::TENxMatrix,
      "take the file as Cell Ranger wrote it"
    )
  }
  tenx_experiment(data, gene_names, assay, counts)
}
