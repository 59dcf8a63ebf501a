#' Cells without a count
#'
#' Drops the cells whose counts are all 0. In a container the counts decide, whatever other assays
#' hold: values that were centred say nothing about them. With the cells go their `colData`,
#' reduced dimensions and alternative experiments. A message (of class `neuralee_message_removed`)
#' says how many cells were dropped.
#'
#' @param x Counts: a numeric matrix, sparse matrix, DelayedMatrix (read in blocks) or data frame of
#'   numbers with cells in rows, or a SummarizedExperiment or SingleCellExperiment with cells in
#'   columns. Zeros that a sparse matrix stores are zeros.
#' @param ... Not used.
#' @return `x` without these cells, of the same type; `x` as it is where there are none.
#' @section Errors:
#' `neuralee_error_input` for a negative value, which is no count (the message names the first cell
#' and gene), where no cell would be left, for data that are no numbers, and for an assay that is
#' not there (the message lists those there are). `neuralee_error_not_finite` for `NA`, `NaN` and
#' infinite values.
#' @seealso [filter_genes()] and [subsample_genes()], which keep all cells; [subsample_cells()].
#' @examples
#' counts <- rbind(a = c(0, 3, 1), b = c(0, 0, 0), c = c(2, 0, 0))
#' remove_zero_cells(counts)
#'
#' sce <- SingleCellExperiment::SingleCellExperiment(list(counts = t(counts)))
#' colnames(remove_zero_cells(sce))
#' @export
remove_zero_cells <- function(x, ...) {
  check_given()
  UseMethod("remove_zero_cells")
}

#' @rdname remove_zero_cells
#' @export
remove_zero_cells.default <- function(x, ...) {
  check_no_dots(...)
  kept <- cells_with_counts(x, "rows")
  if (all(kept)) x else x[kept, , drop = FALSE]
}

#' @rdname remove_zero_cells
#' @param assay.type Name or number of the assay with the counts.
#' @export
remove_zero_cells.SummarizedExperiment <- function(x, ..., assay.type = "counts") {
  check_no_dots(...)
  kept <- cells_with_counts(assay_of(x, assay.type), "columns")
  if (all(kept)) x else x[, kept]
}

cells_with_counts <- function(x, cells) {
  kept <- cell_totals(x, cells) > 0
  if (!any(kept)) {
    abort_neuralee(
      "input", sprintf("None of the %d cells of `x` has a count.", length(kept)),
      "Look whether the right matrix was read, and whether its genes were chosen rightly."
    )
  }
  if (!all(kept)) inform_removed(kept, "they have no counts")
  kept
}
