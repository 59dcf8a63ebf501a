#' Genes to mean 0 and standard deviation 1
#'
#' Subtracts the mean of each gene over the cells and divides by its standard deviation
#' (divisor n, the number of cells). A constant gene, and one whose variance is within
#' the rounding of its sums, is divided by 1 and becomes 0.
#'
#' The result is **dense** also for sparse `x`, because a zero is no longer zero: 8 bytes
#' for each cell and gene. Choose genes first ([subsample_genes()]). A DelayedMatrix is
#' read in blocks and stays delayed.
#'
#' @inheritParams log_shift
#' @param x Logarithms of counts or other values, in units that the result forgets: a
#'   numeric matrix, sparse matrix, DelayedMatrix or data frame of numbers with at least 2
#'   cells in rows, or a SummarizedExperiment or SingleCellExperiment with cells in columns.
#' @return For a matrix, a double matrix (DelayedMatrix for a DelayedMatrix) of the same
#'   shape and names, in units of standard deviations. As with [base::scale()], its
#'   attributes `scaled:center` and `scaled:scale` hold what was subtracted from and divided
#'   by for each gene; they vanish on subsetting. For a container, `x` with that matrix as
#'   assay `name`.
#' @section Errors:
#' `neuralee_error_not_finite` for `NA`, `NaN` and infinite values (the message names the
#' first cell and gene); `neuralee_error_input` for fewer than 2 cells or no gene, for data
#' that are no numbers, and for an assay that is not there.
#' @references
#' The rule for constant genes is that of scikit-learn's StandardScaler: Pedregosa F et al.
#' (2011). Scikit-learn: machine learning in Python. *Journal of Machine Learning
#' Research* 12, 2825-2830.
#' @examples
#' x <- log_shift(matrix(rpois(60, 3), 10))
#' scaled <- standard_scale(x)
#' round(colMeans(scaled), 12)
#' attr(scaled, "scaled:scale")
#' @export
standard_scale <- function(x, ...) UseMethod("standard_scale")

#' @rdname standard_scale
#' @export
standard_scale.default <- function(x, ..., threads = NULL) {
  check_no_dots(...)
  scale_genes(x, "rows", resolve_threads(threads), environment())
}

#' @rdname standard_scale
#' @export
standard_scale.SummarizedExperiment <- function(x, ..., assay.type = "logcounts", name = "scaled",
                                                threads = NULL) {
  check_no_dots(...)
  name <- check_name(name, "name")
  threads <- resolve_threads(threads)
  scaled <- scale_genes(assay_of(x, assay.type), "columns", threads, environment())
  SummarizedExperiment::assay(x, name, withDimnames = FALSE) <- scaled
  x
}

scale_genes <- function(x, cells, threads, call) {
  if (is_delayed(x)) {
    by <- gene_moments(x, cells, threads, call)
    by$centre <- by$mean
    # Arithmetic with a vector runs along the rows.
    scaled <- if (cells == "rows") t((t(x) - by$centre) / by$scale) else (x - by$centre) / by$scale
  } else {
    x <- check_cells(x, "x", cells, call = call)
    by <- rust_call(rs_standard_scale(x, cells == "rows", threads), call = call)
    scaled <- by$values
    if (!is.null(rownames(x)) || !is.null(colnames(x))) {
      dimnames(scaled) <- dimnames(x)
    }
  }
  genes <- if (cells == "rows") colnames(x) else rownames(x)
  attr(scaled, "scaled:center") <- rlang::set_names(by$centre, genes)
  attr(scaled, "scaled:scale") <- rlang::set_names(by$scale, genes)
  scaled
}
