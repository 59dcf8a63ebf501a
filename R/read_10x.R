#' Read a 10x Genomics folder
#'
#' Reads the matrix, features and barcodes that Cell Ranger writes: `matrix.mtx` with
#' `genes.tsv` (version 2) or `features.tsv` (version 3) and `barcodes.tsv`, each as it is or
#' gzipped. Where the folder itself holds no matrix, the one folder in it that does is taken;
#' of several, the only one whose name begins with `filtered`.
#'
#' A tar archive of such a folder (`.tar`, `.tar.gz` or `.tgz`), as 10x Genomics offers for
#' download, is read without being unpacked. The folder in it is chosen in the same way, at any
#' depth. The archive is expanded several times while it is read, so that a large one is read faster
#' once it is unpacked. One that holds links, names that lead out of it or anything but files and
#' folders, that holds a file twice, or that would expand to more than 100 times its length (and 16
#' MiB) is refused.
#'
#' Entries may come in any order and hold whole or real numbers, or nothing (then each counts
#' 1). An entry that is given twice is refused, as is a symmetric matrix. Without
#' `barcodes.tsv` the cells are numbered. The announced numbers of genes, cells and entries
#' are held against the other files, the length of the file and the free memory before
#' anything is allocated.
#'
#' Names of genes are kept as they are, also when they repeat, as some symbols do; see
#' [base::make.unique()].
#'
#' @param folder Path of the folder or the archive.
#' @param gene_names Which names the rows get: `"symbol"` (the second column of the features)
#'   or `"id"` (the first).
#' @param assay Name of the assay. `NULL` stands for `"counts"` if all values are whole and
#'   none is negative, else for `"X"`.
#' @param verbose Whether to show progress.
#'
#' @return A [SingleCellExperiment::SingleCellExperiment-class] of genes by cells with one
#'   sparse assay (a `dgCMatrix`). `rowData` has the columns `ID`, `Symbol` and, from version
#'   3 on, `Type` ("Gene Expression", "Antibody Capture" and others, as a factor); `colData`
#'   has `Barcode`.
#'
#' @section Errors:
#' `neuralee_error_file_format` where a file is missing, damaged (the line is named), or does not
#' belong to the others, and for an archive that is damaged or refused. `neuralee_error_not_finite`
#' for an infinite value or NaN. `neuralee_error_memory` where the matrix would not fit.
#'
#' @references The format:
#' <https://www.10xgenomics.com/support/software/cell-ranger/latest/analysis/outputs/cr-outputs-mex-matrices>.
#' @seealso [read_10x_h5()] for the same matrix in one HDF5 file; [read_h5ad()].
#' @export
#' @examples
#' folder <- tempfile()
#' dir.create(folder)
#' writeLines(c(
#'   "%%MatrixMarket matrix coordinate integer general",
#'   "3 2 3", "1 1 4", "3 1 1", "2 2 7"
#' ), file.path(folder, "matrix.mtx"))
#' writeLines(c("ENSG1\tCD4", "ENSG2\tLYZ", "ENSG3\tNKG7"), file.path(folder, "genes.tsv"))
#' writeLines(c("AAAC-1", "AAAG-1"), file.path(folder, "barcodes.tsv"))
#' cells <- read_10x(folder)
#' SummarizedExperiment::assay(cells)
read_10x <- function(folder, gene_names = c("symbol", "id"), assay = NULL,
                     verbose = interactive()) {
  check_given()
  check_string(folder, "folder", "the path of one folder or archive")
  gene_names <- match_choice(gene_names, "gene_names", c("symbol", "id"))
  check_flag(verbose, "verbose")
  if (!is.null(assay)) check_string(assay, "assay", "the name of an assay, or NULL")

  progress <- progress_reporter(verbose, "read_10x")
  data <- rust_call(rs_read_10x(path_for_rust(folder), progress))
  tenx_experiment(data, gene_names, assay)
}

# What the readers of Cell Ranger's matrices give, with the matrix as it came or on disk.
tenx_experiment <- function(data, gene_names, assay, counts = data$counts) {
  genes <- S4Vectors::DataFrame(ID = data$ids, Symbol = data$symbols)
  genes$Type <- in_order(data$types)
  genes$Genome <- in_order(data$genomes)
  rownames(genes) <- if (gene_names == "symbol") data$symbols else data$ids
  cells <- S4Vectors::DataFrame(Barcode = data$barcodes, row.names = data$barcodes)
  assay <- assay %||% if (data$counts$whole) "counts" else "X"
  as_experiment(counts, assay, genes, cells)
}

# A factor whose levels come in the order of the text, or nothing.
in_order <- function(text) if (!is.null(text)) factor(text, unique(text))
