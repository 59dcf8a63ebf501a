#' Read an AnnData file
#'
#' Reads one matrix of an `.h5ad` file, as anndata and scanpy write it, with the annotations of its
#' cells and genes. Files of anndata 0.7 and later and files of earlier versions are read. The
#' matrix may be dense, CSR or CSC, of any type of number.
#'
#' The matrix is never expanded: a sparse one stays sparse, and a dense one becomes a
#' `dgCMatrix` if less than a third of its values differ from zero. Values stored twice for
#' one entry of a sparse matrix are added up, as scipy does.
#'
#' The file is not trusted. Sizes it claims are held against its length and the free memory before
#' anything is allocated, and links to other files, external and virtual datasets and filter plugins
#' are refused. gzip, LZF and the other filters of HDF5 itself are read. Gzip is the compression to
#' use. Within the file HDF5's own library does the parsing, and older versions of it (1.10.8 among
#' them) can crash or hang on text that was damaged on purpose: read files from strangers with a
#' current HDF5. With `on_disk` the values are read later, by HDF5Array, without these checks of
#' what they are.
#'
#' Names of cells and genes are kept as they are, also when they repeat; see
#' [base::make.unique()].
#'
#' @param file Path of the file.
#' @param layer Which matrix: `"X"`, `"raw"` (`raw/X`, with the genes of `raw/var`), or the
#'   name of a layer.
#' @param obsm Whether to read the dense matrices of `obsm` as reduced dimensions. `X_pca`,
#'   `X_tsne`, `X_umap`, `X_mds` and `X_nmf` are named as scater names them (`PCA`, `TSNE` and so
#'   on), `X_ee` and `X_neuralee` as [runEE()] and [runNeuralEE()] do (`EE`, `NeuralEE`). Others
#'   lose the leading `X_`.
#' @param assay Name of the assay. `NULL` stands for `"counts"` if all values (with `on_disk`:
#'   the first 65,536) are whole and none is negative, else for `layer`.
#' @param on_disk Leave the matrix in the file? Then the assay is a DelayedMatrix (of the
#'   package HDF5Array) whose values are read when they are needed, block by block; see
#'   [principal_components()]. The file must stay where it is. What HDF5Array does not read (true
#'   and false, half precision, LZF without its plugin) is read by this package, as dense blocks.
#' @param verbose Whether to show progress.
#'
#' @return A [SingleCellExperiment::SingleCellExperiment-class] of genes by cells, with one assay (a
#'   `dgCMatrix`, a matrix or a DelayedMatrix), `obs` as `colData`, `var` as `rowData`, and `obsm`
#'   as `reducedDims`. Categories become factors, in the file's order, or text where [write_h5ad()]
#'   made them of text. `uns` is not read. Parts without a counterpart or without any value are left
#'   out with a message.
#'
#' @section Errors:
#' `neuralee_error_file_format` where the file is missing, damaged, has no `X` or is not what its
#' name says, and where neuralee was installed without HDF5. `neuralee_error_input` for a layer that
#' is not there (those there are, are listed). `neuralee_error_not_finite` for NA, NaN or an
#' infinite value, naming the first cell and gene (not with `on_disk`: there the functions that read
#' the values look). `neuralee_error_memory` where the matrix would not fit. `neuralee_error_input`
#' where `on_disk` is asked for and the package HDF5Array is not installed.
#'
#' @references Virshup et al. (2024). anndata: Access and store annotated data matrices.
#'   *Journal of Open Source Software* 9(101), 4371. \doi{10.21105/joss.04371}. The layout is
#'   described at <https://anndata.readthedocs.io/en/stable/fileformat-prose.html>.
#' @seealso [write_h5ad()]; [read_10x()], [read_10x_h5()]; [principal_components()] for matrices on
#'   disk.
#' @importFrom rlang %||%
#' @export
#' @examples
#' file <- system.file("extdata", "cortex.h5ad", package = "neuralee")
#' cells <- read_h5ad(file)
#' cells
#' table(cells$label)
read_h5ad <- function(file, layer = "X", obsm = TRUE, assay = NULL, on_disk = FALSE,
                      verbose = interactive()) {
  check_given()
  check_string(file, "file", "the path of one file")
  check_string(layer, "layer", "\"X\", \"raw\" or the name of a layer")
  check_flag(obsm, "obsm")
  check_flag(on_disk, "on_disk")
  check_flag(verbose, "verbose")
  if (!is.null(assay)) check_string(assay, "assay", "the name of an assay, or NULL")

  if (on_disk) require_hdf5array()

  progress <- progress_reporter(verbose, "read_h5ad")
  read <- if (on_disk) rs_outline_h5ad else rs_read_h5ad
  data <- rust_call(read(path_for_rust(file), enc2utf8(layer), obsm, progress))
  inform_left_out(data$notes)
  assay <- assay %||% if (data$counts$whole) "counts" else layer
  reduced <- data$reductions
  names(reduced) <- reduced_dim_names(names(reduced))
  counts <- data$counts
  if (on_disk) {
    extent <- lengths(list(data$genes$names, data$cells$names))
    counts <- matrix_on_disk(file, counts, extent)
  }
  as_experiment(
    counts, assay,
    genes = as_data_frame(data$genes), cells = as_data_frame(data$cells), reduced = reduced
  )
}

require_hdf5array <- function(installed = requireNamespace("HDF5Array", quietly = TRUE),
                              purpose = "`on_disk = TRUE`",
                              otherwise = ", or leave `on_disk` out") {
  if (!installed) {
    abort_neuralee(
      "input", sprintf("%s needs the package HDF5Array, which is not installed.", purpose),
      sprintf("Run BiocManager::install(\"HDF5Array\")%s.", otherwise)
    )
  }
}

# Genes by cells, read when they are asked for.
matrix_on_disk <- function(file, stored, extent) {
  if (!stored$by_cells) {
    rlang::inform(
      c(
        sprintf(
          "%s is stored gene by gene (CSC), so that each block of cells searches all of it.",
          stored$path
        ),
        i = "Reading goes faster once it is stored by cells: in Python adata.X = adata.X.tocsr()."
      ),
      class = "neuralee_message_by_genes"
    )
  }
  open <- if (stored$sparse) HDF5Array::H5SparseMatrix else HDF5Array::HDF5Array
  stored_matrix(file, stored, extent, open, "write the file again with a current anndata")
}

check_string <- function(x, name, wanted) {
  if (!is.character(x) || length(x) != 1L || is.na(x) || !nzchar(x)) {
    refuse_argument(x, name, wanted)
  }
  invisible(x)
}

# Rust takes UTF-8 and does not know what ~ means.
path_for_rust <- function(path) enc2utf8(path.expand(path))

as_data_frame <- function(table, n = length(table$names)) {
  frame <- S4Vectors::make_zero_col_DFrame(n)
  for (name in names(table$columns)) frame[[name]] <- table$columns[[name]]
  rownames(frame) <- table$names
  frame
}

as_experiment <- function(counts, assay, genes, cells, reduced = list()) {
  dimnames <- list(rownames(genes), rownames(cells))
  if (is_delayed(counts)) {
    matrix <- counts
    dimnames(matrix) <- dimnames
  } else if (is.null(counts$dense)) {
    # Slot by slot: new() checks that rows ascend, which they were seen to do while they were read.
    matrix <- methods::new("dgCMatrix")
    matrix@i <- counts$i
    matrix@p <- counts$p
    matrix@x <- counts$x
    matrix@Dim <- counts$dim
    matrix@Dimnames <- dimnames
  } else {
    matrix <- counts$dense
    dim(matrix) <- counts$dim
    dimnames(matrix) <- dimnames
  }
  # The matrix comes last, as what makes the object would have it checked eight times.
  x <- SingleCellExperiment::SingleCellExperiment(
    rowData = genes, colData = cells, reducedDims = reduced
  )
  SummarizedExperiment::assay(x, assay, withDimnames = FALSE) <- matrix
  x
}

# What scater and this package call reductions, named as scanpy would, less its X_.
known_reductions <- c(
  pca = "PCA", tsne = "TSNE", umap = "UMAP", mds = "MDS", nmf = "NMF", ee = "EE",
  neuralee = "NeuralEE"
)

# The names of the matrices of obsm in R; where two would be called the same, both keep the file's
# name.
reduced_dim_names <- function(names) {
  bare <- sub("^X_", "", names)
  known <- bare %in% names(known_reductions)
  bare[known] <- known_reductions[bare[known]]
  repeated <- bare %in% bare[duplicated(bare)] | !nzchar(bare)
  bare[repeated] <- names[repeated]
  bare
}

# The other way: where scanpy looks for them.
obsm_names <- function(names) {
  known <- match(names, known_reductions)
  stored <- ifelse(is.na(known), names, names(known_reductions)[known])
  # squidpy keeps coordinates under this name.
  own <- startsWith(names, "X_") | names == "spatial"
  stored[!own] <- paste0("X_", stored[!own])
  repeated <- stored %in% stored[duplicated(stored)]
  stored[repeated] <- names[repeated]
  stored
}
