#' A data set in an h5ad file
#'
#' Reads an h5ad file as [read_h5ad()] does and drops the cells whose values are all zero, with
#' their annotations (and a message of class `neuralee_message_removed`).
#'
#' @inheritParams LoomDataset
#' @param new_n_genes How many of the most variable genes to keep (by the variance of the values in
#'   the file), in descending order of variance: a whole number. `NULL` for all. Cells without a
#'   value in the chosen genes are dropped too.
#' @param subset_genes Genes to keep, in this order: names, numbers from 1 on, or `TRUE` or `FALSE`
#'   for each gene. `NULL` for all.
#' @return A [SingleCellExperiment::SingleCellExperiment-class] of genes by cells, as [read_h5ad()]
#'   gives it.
#' @section Errors:
#' Those of [read_h5ad()]. `neuralee_error_input` where both `new_n_genes` and `subset_genes` are
#' given, for genes that are not there, and where neither `path` nor `url` is given.
#' `neuralee_error_file_format` where no cell is left.
#' @family data sets
#' @export
#' @examples
#' AnnDataset(system.file("extdata", "cortex.h5ad", package = "neuralee"), new_n_genes = 50)
AnnDataset <- function(path = NULL, url = NULL, new_n_genes = NULL, subset_genes = NULL,
                       verbose = interactive()) {
  check_flag(verbose, "verbose")
  file <- any_file(path, url, verbose)
  x <- read_h5ad(file, verbose = verbose)
  choose_genes(drop_empty_cells(x, file), new_n_genes, subset_genes, file)
}

#' A data set in a text table
#'
#' Reads a table of counts as [read_csv_counts()] does, plain or compressed, and drops the cells
#' without counts, with their labels (and a message of class `neuralee_message_removed`). All genes
#' are kept, unless `new_n_genes` or `subset_genes` says otherwise. (NeuralEE for Python keeps 600
#' genes and does not say so.)
#'
#' @inheritParams AnnDataset
#' @inheritParams read_csv_counts
#' @param gene_by_cell Is each line a gene (`TRUE`) or a cell (`FALSE`)?
#' @param labels_file,batch_ids_file Path of a file with a label, or the batch, of each cell, one a
#'   line, or `NULL`; see [read_csv_counts()].
#' @return A [SingleCellExperiment::SingleCellExperiment-class] of genes by cells, as
#'   [read_csv_counts()] gives it.
#' @section Errors:
#' Those of [read_csv_counts()]. `neuralee_error_input` where both `new_n_genes` and `subset_genes`
#' are given, for genes that are not there, and where neither `path` nor `url` is given.
#' `neuralee_error_file_format` where no cell is left.
#' @family data sets
#' @export
#' @examples
#' file <- tempfile(fileext = ".csv")
#' writeLines(c("gene,cell1,cell2,cell3", "CD4,0,3,0", "LYZ,12,0,0", "NKG7,1,1,0"), file)
#' cells <- CsvDataset(file, new_n_genes = 2)
#' SummarizedExperiment::assay(cells)
#' unlink(file)
CsvDataset <- function(path = NULL, url = NULL, new_n_genes = NULL, subset_genes = NULL,
                       sep = NULL, gene_by_cell = TRUE, labels_file = NULL,
                       batch_ids_file = NULL, verbose = interactive()) {
  check_flag(verbose, "verbose")
  check_flag(gene_by_cell, "gene_by_cell")
  for (name in c("labels_file", "batch_ids_file")) {
    if (!is.null(get(name))) check_string(get(name), name, "the path of one file, or NULL")
  }
  file <- any_file(path, url, verbose)
  x <- read_csv_counts(
    file, genes_in_rows = gene_by_cell, sep = sep, labels_file = labels_file,
    batches_file = batch_ids_file, verbose = verbose
  )
  choose_genes(drop_empty_cells(x, file), new_n_genes, subset_genes, file)
}

#' Spatial transcriptomics of a breast tumour and of the olfactory bulb
#'
#' Counts on spots of a section of tissue (not on single cells): layer 2 of a human breast tumour,
#' and replicate 11 of the mouse olfactory bulb.
#'
#' The files are text with tabs: a line of gene names, and then a line for each spot, which begins
#' with its coordinates, such as `17.907x4.967`. Spots that are called by whole numbers have `NA`
#' for them, with a message; where all are, there is no reduced dimension `spatial`. Spots without
#' counts are dropped, with a message (of class `neuralee_message_removed`). All genes are kept,
#' unless `new_n_genes` says otherwise. (NeuralEE for Python keeps 600.)
#'
#' @param path Path of the file (`Layer2_BC_count_matrix-1.tsv`, `Rep11_MOB_count_matrix-1.tsv`), or
#'   of a folder that holds it. `NULL` to download it.
#' @inheritParams AnnDataset
#' @return A [SingleCellExperiment::SingleCellExperiment-class] of genes by spots with `counts`. The
#'   reduced dimension `spatial` holds the coordinates of the spots, with the columns `x_coord` and
#'   `y_coord` (in distances between neighbouring spots).
#' @section Errors:
#' Those of [read_csv_counts()]; `neuralee_error_file_format` where a line begins neither with
#' coordinates nor with a number.
#' @source <http://www.spatialtranscriptomicsresearch.org>
#' @references Stahl PL et al. (2016). Visualization and analysis of gene expression in tissue
#'   sections by spatial transcriptomics. Science 353, 78-82. \doi{10.1126/science.aaf2403}
#' @family data sets
#' @export
#' @examples
#' file <- tempfile(fileext = ".tsv")
#' writeLines(c("\tGAPDH\tESR1", "17.9x4.97\t3\t0", "18x6.03\t5\t1"), file)
#' SingleCellExperiment::reducedDim(BreastCancerDataset(file), "spatial")
#' unlink(file)
BreastCancerDataset <- function(path = NULL, new_n_genes = NULL, verbose = interactive()) {
  read_spots(path, "Layer2_BC_count_matrix-1.tsv", new_n_genes, verbose)
}

#' @rdname BreastCancerDataset
#' @export
MouseOBDataset <- function(path = NULL, new_n_genes = NULL, verbose = interactive()) {
  read_spots(path, "Rep11_MOB_count_matrix-1.tsv", new_n_genes, verbose)
}

read_spots <- function(path, name, new_n_genes, verbose) {
  check_flag(verbose, "verbose")
  url <- paste0("http://www.spatialtranscriptomicsresearch.org/wp-content/uploads/2016/07/", name)
  file <- dataset_file(path, name, url, verbose)
  x <- as_published(
    read_csv_counts(file, genes_in_rows = FALSE, sep = "\t", assay = "counts", verbose = verbose)
  )
  if (!ncol(x)) {
    abort_neuralee(
      "file_format", sprintf("%s has a line of gene names and no spots.", describe(file)),
      "Give the file as it was published."
    )
  }
  number <- "([0-9]+[.]?[0-9]*)"
  parts <- regmatches(colnames(x), regexec(sprintf("^%sx%s$", number, number), colnames(x)))
  # A table that was written anew may have numbers instead.
  numbered <- grepl("^[0-9]+$", colnames(x))
  wrong <- which(lengths(parts) != 3L & !numbered)
  if (length(wrong)) {
    abort_neuralee(
      "file_format",
      sprintf(
        "%s: spot %d is called %s.", describe(file), wrong[[1L]],
        describe(colnames(x)[[wrong[[1L]]]])
      ),
      "Names of spots are their coordinates, such as \"17.907x4.967\"."
    )
  }
  refuse_twice(colnames(x)[!numbered], file, "spot")
  refuse_negative(x, file)
  if (any(numbered)) {
    inform_left_out(sprintf(
      "%d of %d spots are called by a number, such as %s: their coordinates are not known%s.",
      sum(numbered), ncol(x), describe(colnames(x)[numbered][[1L]]),
      if (all(numbered)) ", and there is no `spatial`" else " (NA)"
    ))
  }
  if (!all(numbered)) {
    parts[numbered] <- list(rep(NA_character_, 3L))
    x <- add_coordinates(x, vapply(parts, `[[`, "", 2L), vapply(parts, `[[`, "", 3L))
  }
  choose_genes(drop_empty_cells(x, file), new_n_genes, NULL, file)
}
