#' The most variable genes
#'
#' Keeps the `n` genes of largest variance over the cells (divisor: the number of cells),
#' in descending order of variance; genes of equal variance keep their order. All cells
#' stay, also those that have no count in any chosen gene. The other genes leave the object;
#' to keep them and only embed the variable ones, use `runEE(ntop = n)` instead.
#'
#' @inheritParams log_shift
#' @param x Usually logarithms of counts: a numeric matrix, sparse matrix, DelayedMatrix or
#'   data frame of numbers with at least 2 cells in rows, or a SummarizedExperiment or
#'   SingleCellExperiment with cells in columns.
#' @param n How many genes to keep: a whole number, at least 1.
#' @return `x` with the chosen genes alone, of the same type; `x` as it is where `n` is not
#'   less than the number of genes.
#' @section Errors:
#' `neuralee_error_input` for `n` that is no whole number of at least 1, for fewer than 2
#' cells, for data that are no numbers, and for an assay that is not there (the message
#' lists those there are); `neuralee_error_not_finite` for `NA`, `NaN` and infinite values
#' (the message names the first cell and gene).
#' @inherit log_shift references
#' @examples
#' x <- log_shift(matrix(rpois(60, c(1, 9)), 10, dimnames = list(NULL, paste0("gene", 1:6))))
#' colnames(subsample_genes(x, 3))
#' @export
subsample_genes <- function(x, n, ...) UseMethod("subsample_genes")

#' @rdname subsample_genes
#' @export
subsample_genes.default <- function(x, n, ..., threads = NULL) {
  check_no_dots(...)
  chosen <- variable_genes(x, n, "rows", resolve_threads(threads), environment())
  if (is.null(chosen)) x else x[, chosen, drop = FALSE]
}

#' @rdname subsample_genes
#' @export
subsample_genes.SummarizedExperiment <- function(x, n, ..., assay.type = "logcounts",
                                                 threads = NULL) {
  check_no_dots(...)
  values <- assay_of(x, assay.type)
  chosen <- variable_genes(values, n, "columns", resolve_threads(threads), environment())
  if (is.null(chosen)) x else x[chosen, ]
}

# Numbers of the n most variable genes, or NULL where there are no more.
variable_genes <- function(x, n, cells, threads, call) {
  n <- check_count(n, "n", min = 1, call = call)
  moments <- gene_moments(x, cells, threads, call)
  if (n >= length(moments$variance)) {
    return(NULL)
  }
  rs_top_variable(moments$variance, n)
}
