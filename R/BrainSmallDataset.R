#' Nine thousand brain cells
#'
#' Reads 9,128 cells from the brain of a mouse embryo (day 18) with 27,998 genes, the data set
#' neuron_9k of 10x Genomics, with the clusters that Cell Ranger found and the quality of each cell
#' as the authors of scVI published them.
#'
#' Cells are matched with their annotation by barcode. Cells without annotation and barcodes that
#' the matrix has not are left out with a message, as are cells without counts. All genes are kept;
#' the original used 3,000 by variance, see [subsample_genes()], and had no gene names.
#'
#' No Bioconductor package has these cells; TENxBrainData has 1.3 million of the same kind, see
#' [BrainLargeDataset()].
#'
#' @section Files:
#' With `path` a folder, it must hold neuron_9k, as `neuron_9k_filtered_gene_bc_matrices.tar.gz` or
#' as a folder `neuron_9k` or `10X/neuron_9k` with `filtered_gene_bc_matrices.tar.gz` or the matrix
#' in it, and one of
#' * `brain_small_metadata.pickle`, a dictionary as scVI has it, with `clusters` and `raw_qc`, two
#'   data frames with barcodes as index. It is read by [read_pickle()], which runs nothing;
#' * `brain_small_metadata.csv`, a table with the columns `barcode`, `cluster` and any others with
#'   numbers, which are the quality.
#'
#' `path = NULL` downloads
#' <https://github.com/YosefLab/scVI-data/raw/master/brain_small_metadata.pickle>, and the archive
#' as in [Dataset10X()]. Their checksums are not known.
#'
#' @inheritParams Dataset10X
#' @param path `NULL` to download the files, or a folder that holds them, see below.
#' @return A [SingleCellExperiment::SingleCellExperiment-class] of genes by cells with the sparse
#'   assay `counts`. `rowData` has `ID` and `Symbol`. `colData` has `Barcode`, the factor `cluster`
#'   with Cell Ranger's numbers, which count from 1 (the original subtracted 1), and the columns of
#'   `raw_qc`.
#' @section Errors:
#' `neuralee_error_file_format` where a file is missing, damaged, or has not what is said above, and
#' where no barcode is in the matrix. `neuralee_error_download` where a file cannot be had.
#' @inheritSection dataset_files Where files are kept
#' @inherit PbmcDataset references
#' @family data sets
#' @export
#' @examples
#' folder <- tempfile()
#' dir.create(file.path(folder, "neuron_9k"), recursive = TRUE)
#' put <- function(lines, file) writeLines(lines, file.path(folder, "neuron_9k", file))
#' put(
#'   c("%%MatrixMarket matrix coordinate integer general", "3 2 3", "1 1 4", "3 1 1", "2 2 7"),
#'   "matrix.mtx"
#' )
#' put(c("ENSMUSG1\tGad1", "ENSMUSG2\tMalat1", "ENSMUSG3\tReln"), "genes.tsv")
#' put(c("AAAC-1", "AAAG-1"), "barcodes.tsv")
#' writeLines(
#'   c("barcode,cluster,num_umi", "AAAG-1,2,7", "AAAC-1,1,5"),
#'   file.path(folder, "brain_small_metadata.csv")
#' )
#' cells <- BrainSmallDataset(path = folder)
#' SummarizedExperiment::colData(cells)
BrainSmallDataset <- function(path = NULL, ..., gene_names = c("symbol", "id"),
                              verbose = interactive()) {
  check_no_dots(...)
  gene_names <- match_choice(gene_names, "gene_names", c("symbol", "id"))
  check_flag(verbose, "verbose")
  file <- tenx_source("neuron_9k", path, verbose)
  about <- brain_metadata(path, verbose)
  cells <- read_10x(file, gene_names = gene_names, assay = "counts", verbose = verbose)
  at <- match(cells$Barcode, about$barcode)
  if (all(is.na(at))) {
    abort_neuralee(
      "file_format", "None of the annotation's barcodes is in the matrix.",
      sprintf(
        "Give the annotation that belongs to neuron_9k; it has %s and the matrix %s.",
        list_some(about$barcode, 2L), list_some(cells$Barcode, 2L)
      )
    )
  }
  lost <- setdiff(about$barcode, cells$Barcode)
  if (length(lost)) {
    inform_left_out(sprintf(
      "%d barcodes of the annotation are not in the matrix and were left out: %s.", length(lost),
      list_some(lost)
    ))
  }
  if (anyNA(at)) {
    inform_left_out(sprintf(
      "%d cells are not in the annotation and were left out: %s.", sum(is.na(at)),
      list_some(cells$Barcode[is.na(at)])
    ))
  }
  cells <- cells[, !is.na(at)]
  at <- at[!is.na(at)]
  cells$cluster <- about$cluster[at]
  for (name in names(about$quality)) {
    SummarizedExperiment::colData(cells)[[name]] <- about$quality[[name]][match(
      cells$Barcode, about$quality_barcode
    )]
  }
  remove_zero_cells(cells)
}

brain_metadata <- function(path, verbose) {
  read <- read_metadata(
    path, "brain_small_metadata", paste0(scvi_data, "brain_small_metadata.pickle"), verbose
  )
  content <- read$content
  named <- c("cluster", "clusters", "label", "labels")
  if (is.data.frame(content)) {
    clusters <- content
    quality <- content
  } else {
    if (!is.list(content)) refuse_metadata(read$file, "holds no dictionary and no table")
    clusters <- content[["clusters"]]
    quality <- content[["raw_qc"]]
  }
  if (!is.data.frame(clusters)) refuse_metadata(read$file, "has no table \"clusters\"")
  barcodes <- barcodes_of(clusters)
  check_barcodes(barcodes, read$file)
  numbers <- column_among(clusters, named)
  # A series without a name has one column, and so has a table of nothing else.
  if (is.null(numbers) && ncol(clusters) == 1L) numbers <- clusters[[1L]]
  if (is.null(numbers)) refuse_metadata(read$file, "has no column cluster")
  check_for_cells(numbers, "clusters", length(barcodes), read$file)
  if (anyDuplicated(barcodes)) {
    twice <- list_some(unique(barcodes[duplicated(barcodes)]))
    refuse_metadata(read$file, sprintf("names barcodes several times: %s", twice))
  }
  about <- list(
    barcode = barcodes, cluster = if (is.factor(numbers)) numbers else factor(numbers),
    quality = list()
  )
  if (is.data.frame(quality)) {
    about$quality <- number_columns(quality, c(named, own_columns))
    about$quality_barcode <- barcodes_of(quality)
    check_barcodes(about$quality_barcode, read$file)
  }
  about
}
