#' Logarithm of counts
#'
#' Replaces every value x by log(1 + x) (natural logarithm), computed so that small values
#' keep their digits. A sparse matrix stays sparse, and a DelayedMatrix delayed. Counts are
#' not corrected for the size of each cell's library; where that is wanted, take
#' `scuttle::logNormCounts()` instead. In a container an assay of the name that is written,
#' such as an existing `logcounts`, is replaced.
#'
#' @param x Counts: a numeric matrix, sparse matrix, DelayedMatrix or data frame of numbers
#'   with cells in rows, or a SummarizedExperiment or SingleCellExperiment with cells in
#'   columns.
#' @param ... Not used.
#' @param threads Number of threads; `NULL` for the default (see [neuralee-package]).
#' @return For a matrix, a matrix of the same shape and names: double, `dgCMatrix` or
#'   DelayedMatrix. For a container, `x` with the logarithms as assay `name`.
#' @section Errors:
#' `neuralee_error_input` for a value of -1 or below, which has no logarithm (the message names the
#' first cell and gene), for data that are no numbers, and for an assay that is not there (the
#' message lists those there are). `neuralee_error_not_finite` for `NA`, `NaN` and infinite values.
#' @references
#' Xiong J, Gong F, Wan L, Ma L (2020). NeuralEE: a GPU-accelerated elastic embedding
#' dimensionality reduction method for visualizing large-scale scRNA-seq data. *Frontiers
#' in Genetics* 11, 786 (section on preprocessing).
#' @seealso [subsample_genes()] and [standard_scale()], which usually follow.
#' @examples
#' counts <- matrix(rpois(60, 3), 10, dimnames = list(NULL, paste0("gene", 1:6)))
#' log_shift(counts)[1:3, ]
#'
#' sce <- SingleCellExperiment::SingleCellExperiment(list(counts = t(counts)))
#' SummarizedExperiment::assayNames(log_shift(sce))
#' @export
log_shift <- function(x, ...) {
  check_given()
  UseMethod("log_shift")
}

#' @rdname log_shift
#' @export
log_shift.default <- function(x, ..., threads = NULL) {
  check_no_dots(...)
  log_values(x, "rows", resolve_threads(threads))
}

#' @rdname log_shift
#' @param assay.type Name or number of the assay to take.
#' @param name Name of the assay to write.
#' @export
log_shift.SummarizedExperiment <- function(x, ..., assay.type = "counts", name = "logcounts",
                                           threads = NULL) {
  check_no_dots(...)
  name <- check_name(name, "name")
  threads <- resolve_threads(threads)
  logs <- log_values(assay_of(x, assay.type), "columns", threads)
  SummarizedExperiment::assay(x, name, withDimnames = FALSE) <- logs
  x
}

log_values <- function(x, cells, threads) {
  if (is_delayed(x)) {
    check_delayed_type(x, "x")
    grid <- DelayedArray::defaultAutoGrid(x)
    for (i in seq_along(grid)) {
      block_log(read_block_of(x, grid[[i]]), cells, threads, block_offset(grid[[i]]))
    }
    return(log1p(x))
  }
  block_log(as_number_matrix(x, "x"), cells, threads)
}

block_log <- function(x, cells, threads, offset = c(0, 0)) {
  check_finite(x, "x", cells, offset)
  values <- stored_values(x)
  logs <- rust_call(rs_log1p(values, threads))
  if (logs$refused > 0) {
    found <- locate_value(x, logs$refused, cells, offset)
    abort_neuralee(
      "input",
      sprintf(
        "`x` has the value %s in %s, which has no log(1 + x).",
        format(values[[logs$refused]]), found$text
      ),
      "Give counts: all values must be greater than -1. Is `x` scaled already?", row = found$row,
      column = found$column
    )
  }
  if (is.matrix(x)) {
    dimnames <- dimnames(x)
    x <- logs$values
    dim(x) <- dim(values)
    dimnames(x) <- dimnames
  } else {
    x@x <- logs$values
    # What a factorisation may have been cached from is gone.
    x@factors <- list()
  }
  x
}
