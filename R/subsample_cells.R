#' Some of the cells
#'
#' Keeps the cells with the largest total counts, or a random choice of cells. They stay in their
#' order. Of cells with equal totals the first are taken. In a container, `colData`, reduced
#' dimensions and alternative experiments of these cells are kept with them.
#'
#' To embed some of the cells without taking an object apart, see `size` in [ee()] and [neuralee()];
#' with the same `size` and `seed` they draw the same cells as `by = "random"` does here.
#'
#' @param x Counts: a numeric matrix, sparse matrix, DelayedMatrix or data frame of numbers with
#'   cells in rows, or a SummarizedExperiment or SingleCellExperiment with cells in columns. A
#'   DelayedMatrix is read in blocks for the totals, and not at all for a random choice.
#' @param size How many cells to keep: a fraction of the cells in (0, 1] or, from 2 on, their
#'   number.
#' @param ... Not used.
#' @param by `"total"` for the cells with the largest sums of counts, `"random"` for any.
#' @param seed A whole number, 0 or more, for the random choice. R's own generator is neither read
#'   nor moved.
#' @return `x` with the chosen cells alone, of the same type; `x` as it is where all are kept.
#' @section Errors:
#' `neuralee_error_input` for a `size` that is neither a fraction nor a number of cells that there
#' are, for a fraction that leaves no cell, for values of `by` and `seed` that are none of the
#' above, for data that are no numbers; with `by = "total"` also for negative values, which are no
#' counts (the message names the first cell and gene), and for an assay that is not there (the
#' message lists those there are). `neuralee_error_not_finite` for `NA`, `NaN` and infinite values
#' among those summed.
#' @seealso [remove_zero_cells()], [filter_cell_types()], [subsample_genes()].
#' @examples
#' counts <- matrix(rpois(60, 3), 10, dimnames = list(paste0("cell", 1:10), NULL))
#' subsample_cells(counts, 0.5)
#' rownames(subsample_cells(counts, 4, by = "random", seed = 1))
#' @export
subsample_cells <- function(x, size, ...) {
  check_given()
  UseMethod("subsample_cells")
}

#' @rdname subsample_cells
#' @export
subsample_cells.default <- function(x, size, ..., by = c("total", "random"), seed = 42L) {
  check_no_dots(...)
  values <- as_number_matrix(x, "x")
  chosen <- choose_cells(nrow(values), size, by, seed, function() cell_totals(values, "rows"))
  if (is.null(chosen)) x else x[chosen, , drop = FALSE]
}

#' @rdname subsample_cells
#' @param assay.type Name or number of the assay with the counts, for `by = "total"`.
#' @export
subsample_cells.SummarizedExperiment <- function(x, size, ..., by = c("total", "random"),
                                                 seed = 42L, assay.type = "counts") {
  check_no_dots(...)
  totals <- function() cell_totals(assay_of(x, assay.type), "columns")
  chosen <- choose_cells(ncol(x), size, by, seed, totals)
  if (is.null(chosen)) x else x[, chosen]
}

# Numbers of the chosen cells, ascending, or NULL for all `n`. `totals` gives the sums of counts.
choose_cells <- function(n, size, by, seed, totals) {
  by <- match_choice(by, "by", c("total", "random"))
  seed <- check_seed(seed)
  count <- subset_count(n, size)
  if (count < 1) {
    abort_neuralee(
      "input", sprintf("`size` is %s, which leaves none of the %d cells.", describe(size), n),
      "Raise `size`."
    )
  }
  if (count == n) return(NULL)
  if (by == "random") return(rust_call(rs_sample(as.double(n), count, seed)))
  # Unlike rev(order()), this keeps cells of equal totals in their order.
  sort(order(-totals())[seq_len(count)])
}
