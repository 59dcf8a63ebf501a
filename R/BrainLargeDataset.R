# Its length and checksum are unverified.
brain_large_file <- "1M_neurons_filtered_gene_bc_matrices_h5.h5"

#' 1.3 million brain cells
#'
#' Reads the most variable genes of 1,306,127 cells from the brains of two mouse embryos (day 18),
#' of which 10x Genomics published the counts of 27,998 genes in one HDF5 file of 4 GB.
#'
#' The file is read in blocks of cells and is never in memory as a whole, nor is anything expanded
#' to a dense matrix. The genes are those with the largest variance of log(1 + count) over the first
#' `variance_cells` cells of the file (divisor: the number of cells), in descending order. They do
#' not depend on which cells are kept. As in the original, counts are returned, not their
#' logarithms: see [log_shift()].
#'
#' What is kept is small beside the file, so that it is read into memory as a sparse matrix by
#' default (12 bytes for each count that is not 0), and what follows does not read the file again.
#' With `on_disk` it stays in the file, where each pass over the cells reads all genes of these
#' cells.
#'
#' The Bioconductor package TENxBrainData has the same cells as an HDF5 file of another layout.
#'
#' @inheritParams Dataset10X
#' @param nb_genes_kept How many genes to keep: a whole number, at least 1.
#' @param max_cells At most how many cells to keep: a whole number, at least 2, or `NULL` for all.
#'   They are drawn at random with `seed` and stay in the order of the file.
#' @param path `NULL` to download the file. Else the file itself, or a folder that holds it as
#'   `1M_neurons_filtered_gene_bc_matrices_h5.h5`. Any file of [read_10x_h5()] can be read.
#' @param seed A whole number, 0 or more, for the choice of cells; they are those of
#'   `subsample_cells(by = "random")`.
#' @param variance_cells Over how many cells of the file, from the first on, the variances are
#'   taken: a whole number, at least 2.
#' @param remove_zeros Drop the cells that have no count in any of the kept genes? A message says
#'   how many.
#' @param on_disk Leave the counts in the file? Then the assay is a DelayedMatrix, and the file must
#'   stay where it is. `remove_zeros` reads the chosen cells once.
#' @param threads Number of threads; see [ee()].
#' @return A [SingleCellExperiment::SingleCellExperiment-class] of genes by cells with the assay
#'   `counts` (a `dgCMatrix`, or a DelayedMatrix with `on_disk`). `rowData` has the columns `ID` and
#'   `Symbol`. `colData` has `Barcode` and the factor `batch`, the number behind the barcode, which
#'   is that of the library (133 in the published file). Where the file holds no more than the
#'   matrix, genes and cells are named by their numbers, and `batch` is `NA`.
#' @section Errors:
#' `neuralee_error_input` for arguments that are none of the above, and where the package HDF5Array
#' is not installed. `neuralee_error_file_format` where the file is missing or damaged.
#' `neuralee_error_memory` where the kept counts are too many for a sparse matrix.
#' `neuralee_error_download` where the file cannot be had.
#' @inheritSection dataset_files Where files are kept
#' @references 10x Genomics (2017). Transcriptional profiling of 1.3 million brain cells with the
#'   Chromium Single Cell 3' Solution, application note. The file:
#' <https://cf.10xgenomics.com/samples/cell-exp/1.3.0/1M_neurons/1M_neurons_filtered_gene_bc_matrices_h5.h5>.
#'   No checksum is known for it.
#' @seealso [read_10x_h5()] for all genes of such a file; [principal_components()], which takes
#'   matrices on disk.
#' @family data sets
#' @export
#' @examplesIf requireNamespace("HDF5Array", quietly = TRUE)
#' file <- tempfile(fileext = ".h5")
#' rhdf5::h5createFile(file)
#' rhdf5::h5createGroup(file, "mm10")
#' put <- function(values, name) rhdf5::h5write(values, file, paste0("mm10/", name))
#' put(c("ENSMUSG1", "ENSMUSG2", "ENSMUSG3"), "genes")
#' put(c("Gad1", "Malat1", "Reln"), "gene_names")
#' put(c("AAAC-1", "AAAG-1", "AACC-2"), "barcodes")
#' put(c(3L, 3L), "shape")
#' put(c(0L, 1L, 3L, 5L), "indptr")
#' put(c(1L, 0L, 1L, 1L, 2L), "indices")
#' put(c(5L, 9L, 5L, 6L, 1L), "data")
#' cells <- BrainLargeDataset(nb_genes_kept = 2, path = file)
#' SummarizedExperiment::assay(cells)
#' unlink(file)
BrainLargeDataset <- function(nb_genes_kept = 720, max_cells = NULL, ..., path = NULL,
                              seed = 42L, variance_cells = 100000, remove_zeros = TRUE,
                              on_disk = FALSE, gene_names = c("symbol", "id"), threads = NULL,
                              verbose = interactive()) {
  check_no_dots(...)
  nb_genes_kept <- check_count(nb_genes_kept, "nb_genes_kept", min = 1)
  if (!is.null(max_cells)) max_cells <- check_count(max_cells, "max_cells", min = 2)
  variance_cells <- check_count(variance_cells, "variance_cells", min = 2)
  seed <- check_seed(seed)
  check_flag(remove_zeros, "remove_zeros")
  check_flag(on_disk, "on_disk")
  gene_names <- match_choice(gene_names, "gene_names", c("symbol", "id"))
  threads <- resolve_threads(threads)
  check_flag(verbose, "verbose")
  require_hdf5array(purpose = "BrainLargeDataset()", otherwise = "")
  file <- dataset_file(
    path, brain_large_file, tenx_url("1.3.0", "1M_neurons", brain_large_file), verbose
  )

  cells <- read_10x_h5(
    file, gene_names = gene_names, assay = "counts", on_disk = TRUE, verbose = verbose
  )
  cells$batch <- library_of(cells$Barcode)
  counts <- SummarizedExperiment::assay(cells, withDimnames = FALSE)
  genes <- brain_large_genes(counts, nb_genes_kept, variance_cells, threads)
  chosen <- seq_len(ncol(cells))
  if (!is.null(max_cells) && max_cells < ncol(cells)) {
    chosen <- rust_call(rs_sample(as.double(ncol(cells)), as.double(max_cells), seed))
  }
  cells <- cells[genes, chosen]
  if (!on_disk) {
    progress <- progress_reporter(verbose, "BrainLargeDataset")
    SummarizedExperiment::assay(cells, withDimnames = FALSE) <- classed_interrupts(
      read_sparse(counts, genes, chosen, progress)
    )
  }
  if (remove_zeros) remove_zero_cells(cells) else cells
}

# The library of a cell is the number that Cell Ranger puts behind its barcode.
library_of <- function(barcodes) {
  behind <- ifelse(grepl("-", barcodes), sub("^.*-", "", barcodes), NA)
  number <- suppressWarnings(as.integer(behind))
  factor(number, sort(unique(number)))
}

brain_large_genes <- function(counts, n, variance_cells, threads) {
  first <- seq_len(min(variance_cells, ncol(counts)))
  variable_genes(log1p(counts[, first, drop = FALSE]), n, "columns", threads) %||%
    seq_len(nrow(counts))
}

# Some genes and cells of a sparse matrix on disk, in memory. A block is as many cells as have all
# their genes in one, since these are what is read for it.
read_sparse <- function(counts, genes, cells, progress) {
  chosen <- counts[genes, cells, drop = FALSE]
  width <- ncol(cell_blocks(counts[, cells, drop = FALSE], "columns")[[1L]])
  grid <- DelayedArray::RegularArrayGrid(dim(chosen), c(length(genes), width))
  parts <- vector("list", length(grid))
  entries <- 0
  for (i in seq_along(grid)) {
    viewport <- grid[[i]]
    parts[[i]] <- read_block_of(chosen, viewport)
    check_finite(parts[[i]], "counts", "columns", block_offset(viewport))
    entries <- entries + length(parts[[i]]@x)
    check_entries(entries, "counts")
    if (!is.null(progress) && !progress("reading cells", i, length(grid))) rlang::interrupt()
  }
  do.call(cbind, parts)
}
