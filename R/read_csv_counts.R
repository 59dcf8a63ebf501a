#' Read counts from a text table
#'
#' Reads a table of counts as comma-, tab- or semicolon-separated text, with genes in rows or
#' cells in rows, plain or compressed: by gzip, bzip2 or xz, or as the only file in a zip archive.
#' The first bytes of the file, not its name, say which.
#'
#' The text is read once, piece by piece, and only values other than zero are kept: the counts are a
#' `dgCMatrix` wherever that takes less memory than a dense matrix, and cells in rows are transposed
#' while they are read. What was read is compared with the free memory as it grows, and the matrix
#' once more before it is made. A compressed file may expand to at most 64 times the free memory.
#'
#' Fields may be quoted, and then hold separators, line breaks and doubled quotes, as
#' [utils::write.csv()] writes them. Lines end with a line feed, a carriage return or both, the last
#' one with or without. Text is UTF-8, with or without a byte order mark. Numbers have a decimal
#' point and may have an exponent; spaces around them do not matter. Every value must be there and
#' finite, and all lines must have as many, at least one.
#'
#' Names are kept as they are, also when they repeat; see [base::make.unique()]. Where the file
#' has none, genes or cells are numbered.
#'
#' A file of labels has one label a line, quoted or not, in the order of the cells. Commas in a
#' label need no quotes, unless all lines have as many. If there is exactly one line more than
#' cells, the first is a header and is not used. It may be compressed like the counts.
#'
#' @param file Path of the file.
#' @param genes_in_rows Is each line a gene (`TRUE`) or a cell (`FALSE`)?
#' @param sep The separator: one character, such as `","` or `"\t"`. `NULL` takes the one of tab,
#'   semicolon and comma that stands as often in each of the first 20 lines, or else the most
#'   frequent.
#' @param header Does the first line name the columns? It may have a field for the corner above the
#'   names of the rows, or not. In a table without further lines, and with names of rows, the first
#'   field is the corner.
#' @param row_names Does each line begin with the name of its gene or cell?
#' @param labels_file,batches_file Path of a file with a label, or the batch, of each cell, or
#'   `NULL`. A label may be `NA` (without quotes), a batch may not.
#' @param assay Name of the assay. `NULL` stands for `"counts"` if all values are whole and
#'   none is negative, else for `"X"`.
#' @param verbose Whether to show progress.
#'
#' @return A [SingleCellExperiment::SingleCellExperiment-class] of genes by cells with one assay (a
#'   `dgCMatrix` or a matrix). `colData` has `label`, a factor with levels in alphabetical (C)
#'   order, and `batch`, a factor with levels in the order of their first appearance, as far as
#'   files for them were given.
#'
#' @section Errors:
#' `neuralee_error_file_format` where a file is missing, damaged or no such table: a value that is
#' no number, a line of another length, a quote that is not closed, labels of another number.
#' `neuralee_error_not_finite` for a value that is empty, `NA`, `NaN` or infinite, and for a missing
#' batch. `neuralee_error_memory` where the matrix would not fit, or a compressed file expands too
#' far. `neuralee_error_input` for arguments out of range. The file and the line are named, and for
#' values the column, gene and cell.
#'
#' @seealso [read_h5ad()] and [read_10x()] for formats that are smaller and faster to read;
#'   [write_csv_embedding()] for the way back.
#' @export
#' @examples
#' file <- tempfile(fileext = ".csv")
#' writeLines(c("gene,cell1,cell2", "CD4,0,3", "LYZ,12,0", "NKG7,0,0"), file)
#' labels <- tempfile(fileext = ".txt")
#' writeLines(c("monocyte", "T cell"), labels)
#' cells <- read_csv_counts(file, labels_file = labels)
#' SummarizedExperiment::assay(cells)
#' cells$label
read_csv_counts <- function(file, genes_in_rows = TRUE, sep = NULL, header = TRUE,
                            row_names = TRUE, labels_file = NULL, batches_file = NULL,
                            assay = NULL, verbose = interactive()) {
  check_given()
  check_string(file, "file", "the path of one file")
  check_flag(genes_in_rows, "genes_in_rows")
  check_separator(sep)
  check_flag(header, "header")
  check_flag(row_names, "row_names")
  check_flag(verbose, "verbose")
  for (name in c("labels_file", "batches_file")) {
    path <- get(name)
    if (!is.null(path)) check_string(path, name, "the path of one file, or NULL")
  }
  if (!is.null(assay)) check_string(assay, "assay", "the name of an assay, or NULL")

  progress <- progress_reporter(verbose, "read_csv_counts")
  data <- rust_call(
    rs_read_csv(
      path_for_rust(file), genes_in_rows, sep %||% "", header, row_names, 0L, 0L, progress
    )
  )
  n <- length(data$cells)
  cells <- S4Vectors::make_zero_col_DFrame(n)
  rownames(cells) <- data$cells
  if (!is.null(labels_file)) {
    labels <- rust_call(rs_read_labels(path_for_rust(labels_file), n, TRUE, progress))$labels
    cells$label <- factor(labels, sort(unique(labels), method = "radix"))
  }
  if (!is.null(batches_file)) {
    batches <- rust_call(rs_read_labels(path_for_rust(batches_file), n, FALSE, progress))$labels
    cells$batch <- factor(batches, unique(batches))
  }
  genes <- S4Vectors::make_zero_col_DFrame(length(data$genes))
  rownames(genes) <- data$genes
  assay <- assay %||% if (data$counts$whole) "counts" else "X"
  as_experiment(data$counts, assay, genes, cells)
}

# One byte that can neither be part of a number nor end a line or a quote.
check_separator <- function(sep) {
  if (is.null(sep)) return(invisible())
  wanted <- "one character that numbers do not have, such as \",\" or \"\\t\", or NULL"
  if (!is.character(sep) || length(sep) != 1L || is.na(sep) || nchar(sep, "bytes") != 1L ||
    grepl("[0-9A-Za-z.+\r\n\"-]", sep)) {
    refuse_argument(sep, "sep", wanted)
  }
  invisible()
}
