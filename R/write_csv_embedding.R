#' Write an embedding as text
#'
#' Writes a line for each cell, separated by commas: its name, its coordinates and, if there are
#' any, its label. The file replaces an existing one in one move, once it is whole.
#'
#' The header is `cell`, the names of the dimensions (those of the columns, else `EE1`, `EE2` and so
#' on) and `label`. Names and labels are quoted, quotes within them doubled. Coordinates have as
#' many digits as it takes to read them back as the same numbers. Cells without names are numbered.
#'
#' @param x The embedding: a fit of [ee()] or [neuralee()], a numeric matrix with cells in rows, or
#'   a SingleCellExperiment that holds it.
#' @param file Path of the file; it is gzipped if its name ends with `.gz`.
#' @param dimred Name or number of the reduction of a SingleCellExperiment.
#' @param labels One label per cell (factor, character, logical or number), or `NULL`; for a
#'   SingleCellExperiment also the name of a column of `colData`. `NA` is written without quotes.
#' @return The path, invisibly.
#' @section Errors:
#' `neuralee_error_input` where `x` is no embedding, for a reduction or column that is not there
#' (the message lists those there are), for `labels` of another length, and where the file cannot be
#' written. `neuralee_error_not_finite` for coordinates that are not finite.
#' @seealso [write_h5ad_embedding()] for AnnData files; [read_csv_counts()].
#' @export
#' @examples
#' fit <- ee(as.matrix(iris[, 1:4]), perplexity = 20, maxit = 30, verbose = FALSE)
#' file <- tempfile(fileext = ".csv")
#' write_csv_embedding(fit, file, labels = iris$Species)
#' head(read.csv(file))
write_csv_embedding <- function(x, file, dimred = "EE", labels = NULL) {
  check_given()
  check_string(file, "file", "the path of one file")
  embedding <- embedding_to_write(x, dimred)
  in_experiment <- methods::is(x, "SingleCellExperiment")
  if (in_experiment && is.character(labels) && length(labels) == 1L && ncol(x) != 1L) {
    columns <- names(SummarizedExperiment::colData(x))
    if (!labels %in% columns) {
      abort_neuralee(
        "input", sprintf("`colData` has no column %s.", dQuote(labels, FALSE)), there_are(columns)
      )
    }
    labels <- SummarizedExperiment::colData(x)[[labels]]
  }
  n <- nrow(embedding)
  if (!is.null(labels)) {
    if (!is.atomic(labels) || !is.null(dim(labels)) || length(labels) != n) {
      abort_neuralee(
        "input", sprintf("`labels` is %s, but there are %d cells.", describe(labels), n),
        "Give a vector or factor with one label per cell."
      )
    }
    labels <- enc2utf8(as.character(labels))
  }

  cells <- rownames(embedding) %||% as.character(seq_len(n))
  dimensions <- colnames(embedding) %||% sprintf("EE%d", seq_len(ncol(embedding)))
  rust_call(
    rs_write_csv(
      unname(embedding), enc2utf8(cells), enc2utf8(dimensions), labels, path_for_rust(file)
    )
  )
  invisible(file)
}

# A fit, a matrix or a reduction of a SingleCellExperiment as a matrix of finite doubles with names
# of cells, where there are any, and of dimensions.
embedding_to_write <- function(x, dimred) {
  refuse_seurat(x)
  embedding <- if (methods::is(x, "SingleCellExperiment")) {
    reduction_of(x, dimred)
  } else if (inherits(x, "ee_fit")) {
    as.matrix(x)
  } else {
    as_number_matrix(x, "x")
  }
  if (is_delayed(embedding) || methods::is(embedding, "Matrix")) embedding <- as.matrix(embedding)
  storage.mode(embedding) <- "double"
  check_finite(embedding, "x", "rows")
  cells <- rownames(embedding) %||% if (methods::is(x, "SingleCellExperiment")) colnames(x)
  # Other attributes of a reduction are of no use here.
  matrix(embedding, nrow(embedding), dimnames = list(cells, colnames(embedding)))
}
