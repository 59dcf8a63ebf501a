#' Read a loom file
#'
#' Reads one matrix of a `.loom` file, as loompy and other programs write it, with the attributes of
#' its genes (rows), its cells (columns) and of the file as a whole. Files of version 3 of the
#' format and of earlier versions are read. The matrix may hold numbers of any type or true and
#' false, and be stored in chunks or not.
#'
#' Loom files store every value, zeros too. The matrix is read in parts and never expanded as
#' a whole unless it has to be: it becomes a `dgCMatrix` if less than a third of its values
#' differ from zero.
#'
#' Row attributes become columns of `rowData` and column attributes columns of `colData`, as they
#' are: text stays text, integers stay integers (loompy writes true and false as 0 and 1). An
#' attribute of the cells with several numbers for each, such as a reduction, becomes a reduced
#' dimension, with names as in [read_h5ad()]. Graphs (`row_graphs`, `col_graphs`) and what has no
#' counterpart or no values are left out with a message. Names of genes and cells are kept as they
#' are, also when they repeat; see [base::make.unique()]. Before version 3, text is ASCII and other
#' characters are written by their numbers (`&#181;`); they are put back.
#'
#' @section Names of cell types:
#' Some files number the cells' clusters in the column attribute `ClusterID` and name them in
#' the global attribute `CellTypes`, by a text for each or by one text with commas between
#' the names. Where both are there and fit, `colData` gets a factor `cell_type` beside them,
#' unless the file has a column of that name. Numbers count from 0 if any cell has a 0, else
#' from 1; negative ones become `NA`. Where no cell has a 0 and none the number of the last
#' type either, both countings are possible: then a message says that 1 was taken for the
#' first. Numbers beyond the names give no factor, and a message.
#'
#' @section Files from strangers:
#' The file is not trusted. Sizes it claims are held against its length and the free memory
#' before anything is allocated, and links to other files, external and virtual datasets and
#' filter plugins are refused. What [read_h5ad()] says of HDF5's own library holds here too.
#'
#' @param file Path of the file.
#' @param layer Which matrix: `""` for the main one (`/matrix`), or the name of a layer.
#' @param gene_names Name of the row attribute that becomes row names. If the file has no
#'   `Gene` the rows stay without names, with a message that lists the attributes; any other
#'   must be there. Files that anndata wrote have `"var_names"`.
#' @param cell_names Name of the column attribute that becomes column names, likewise. Files
#'   that anndata wrote have `"obs_names"`.
#' @param assay Name of the assay. `NULL` stands for `"counts"` if all values (with `on_disk`:
#'   the first 65,536 or a few less) are whole and none is negative, else for `layer`, or
#'   `"matrix"` for the main one.
#' @param on_disk Leave the matrix in the file? Then the assay is a DelayedMatrix (of the
#'   package HDF5Array) whose values are read when they are needed, block by block; see
#'   [principal_components()]. The file must stay where it is. Types of values that HDF5Array
#'   does not read are read as [read_h5ad()] does.
#' @param verbose Whether to show progress.
#'
#' @return A [SingleCellExperiment::SingleCellExperiment-class] of genes by cells, with one
#'   assay (a `dgCMatrix`, a matrix or a DelayedMatrix), row attributes as `rowData`, column
#'   attributes as `colData` and `reducedDims`, and global attributes as `metadata`.
#'
#' @section Errors:
#' `neuralee_error_file_format` where the file is missing, damaged, refers to other files or is no
#' loom file (then with the function that reads it, where there is one), where the length of an
#' attribute is not that of the matrix, and where neuralee was installed without HDF5.
#' `neuralee_error_input` for a layer or an attribute that is not there (those there are, are
#' listed), and where `on_disk` is asked for and the package HDF5Array is not installed.
#' `neuralee_error_not_finite` for NaN or an infinite value in the matrix, naming the first cell and
#' gene (not with `on_disk`: there the functions that read the values look). `neuralee_error_memory`
#' where the matrix would not fit.
#'
#' @references The format: <http://linnarssonlab.org/loompy/format/>.
#' @seealso [read_h5ad()], [read_10x()] and [read_10x_h5()]; [principal_components()] for matrices
#'   on disk.
#' @export
#' @examplesIf requireNamespace("rhdf5", quietly = TRUE)
#' file <- tempfile(fileext = ".loom")
#' rhdf5::h5createFile(file)
#' for (group in c("row_attrs", "col_attrs")) rhdf5::h5createGroup(file, group)
#' # rhdf5 turns matrices round: this is stored as 3 genes by 2 cells.
#' rhdf5::h5write(rbind(c(4L, 0L, 1L), c(0L, 7L, 0L)), file, "matrix")
#' rhdf5::h5write(c("CD4", "LYZ", "NKG7"), file, "row_attrs/Gene")
#' rhdf5::h5write(c("AAAC-1", "AAAG-1"), file, "col_attrs/CellID")
#' cells <- read_loom(file)
#' SummarizedExperiment::assay(cells)
#' unlink(file)
read_loom <- function(file, layer = "", gene_names = "Gene", cell_names = "CellID", assay = NULL,
                      on_disk = FALSE, verbose = interactive()) {
  check_given()
  check_string(file, "file", "the path of one file")
  if (!identical(layer, "")) check_string(layer, "layer", "\"\" or the name of a layer")
  check_string(gene_names, "gene_names", "the name of a row attribute")
  check_string(cell_names, "cell_names", "the name of a column attribute")
  check_flag(on_disk, "on_disk")
  check_flag(verbose, "verbose")
  if (!is.null(assay)) check_string(assay, "assay", "the name of an assay, or NULL")
  if (on_disk) require_hdf5array()

  progress <- progress_reporter(verbose, "read_loom")
  read <- if (on_disk) rs_outline_loom else rs_read_loom
  data <- rust_call(
    read(path_for_rust(file), enc2utf8(layer), enc2utf8(gene_names), enc2utf8(cell_names), progress)
  )
  inform_left_out(data$notes)
  assay <- assay %||% if (data$counts$whole) "counts" else if (nzchar(layer)) layer else "matrix"
  reduced <- data$reductions
  names(reduced) <- reduced_dim_names(names(reduced))
  counts <- data$counts
  if (on_disk) {
    # R sees the file's rows as columns.
    open <- function(file, path) BiocGenerics::t(HDF5Array::HDF5Array(file, path))
    counts <- stored_matrix(
      file, counts, c(data$genes$n, data$cells$n), open,
      "write the file again with a current loompy"
    )
  }
  cells <- as_experiment(
    counts, assay, genes = as_data_frame(data$genes, data$genes$n),
    cells = as_data_frame(data$cells, data$cells$n), reduced = reduced
  )
  S4Vectors::metadata(cells) <- data$attributes
  cells
}
