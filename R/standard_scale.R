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
#' @param like What `standard_scale()` returned for other cells: their means and deviations are
#'   used, so that new cells come to the same scale. The genes must be the same, by name where both
#'   have names, else by number.
#' @return For a matrix, a double matrix (DelayedMatrix for a DelayedMatrix) of the same
#'   shape and names, in units of standard deviations. As with [base::scale()], its
#'   attributes `scaled:center` and `scaled:scale` hold what was subtracted from and divided
#'   by for each gene; they vanish on subsetting. For a container, `x` with that matrix as
#'   assay `name`.
#' @section Errors:
#' `neuralee_error_not_finite` for `NA`, `NaN` and infinite values (the message names the first cell
#' and gene). `neuralee_error_input` for fewer than 2 cells (without `like`) or no gene, for data
#' that are no numbers, for an assay that is not there, and for `like` without its attributes or of
#' other genes, or of genes that share a name and stand in another order.
#' @section Warnings:
#' `neuralee_warning_orientation` where the names of a matrix say that it lies the wrong way, as in
#' [ee()].
#' @references
#' The rule for constant genes is that of scikit-learn's StandardScaler: Pedregosa F et al.
#' (2011). Scikit-learn: machine learning in Python. *Journal of Machine Learning
#' Research* 12, 2825-2830.
#' @examples
#' x <- log_shift(matrix(rpois(60, 3), 10))
#' scaled <- standard_scale(x)
#' round(colMeans(scaled), 12)
#' attr(scaled, "scaled:scale")
#' new <- log_shift(matrix(rpois(30, 3), 5))
#' standard_scale(new, like = scaled)
#' @export
standard_scale <- function(x, ...) {
  check_given()
  UseMethod("standard_scale")
}

#' @rdname standard_scale
#' @export
standard_scale.default <- function(x, ..., like = NULL, threads = NULL) {
  check_no_dots(...)
  threads <- resolve_threads(threads)
  warn_orientation(x, "rows")
  if (is.null(like)) scale_genes(x, "rows", threads) else scale_like(x, like, "rows")
}

#' @rdname standard_scale
#' @export
standard_scale.SummarizedExperiment <- function(x, ..., assay.type = "logcounts", name = "scaled",
                                                like = NULL, threads = NULL) {
  check_no_dots(...)
  name <- check_name(name, "name")
  threads <- resolve_threads(threads)
  values <- assay_of(x, assay.type)
  if (methods::is(like, "SummarizedExperiment")) like <- assay_of(like, name)
  scaled <- if (is.null(like)) {
    scale_genes(values, "columns", threads)
  } else {
    scale_like(values, like, "columns")
  }
  SummarizedExperiment::assay(x, name, withDimnames = FALSE) <- scaled
  x
}

scale_genes <- function(x, cells, threads) {
  if (is_delayed(x)) {
    by <- gene_moments(x, cells, threads)
    by$centre <- by$mean
    scaled <- scaled_by(x, by$centre, by$scale, cells)
  } else {
    x <- check_cells(x, "x", cells)
    by <- rust_call(rs_standard_scale(x, cells == "rows", threads))
    scaled <- by$values
    if (!is.null(rownames(x)) || !is.null(colnames(x))) dimnames(scaled) <- dimnames(x)
  }
  with_scaling(scaled, by$centre, by$scale, gene_names_at(x, cells))
}

# By the means and deviations of other cells.
scale_like <- function(x, like, cells) {
  centre <- attr(like, "scaled:center")
  scale <- attr(like, "scaled:scale")
  if (!is.numeric(centre) || !is.numeric(scale) || length(centre) != length(scale)) {
    abort_neuralee(
      "input", "`like` has no attributes \"scaled:center\" and \"scaled:scale\".",
      "Give what standard_scale() returned; its attributes vanish on subsetting."
    )
  }
  x <- as_number_matrix(x, "x")
  genes <- gene_names_at(x, cells)
  n_genes <- dim(x)[[if (cells == "rows") 2L else 1L]]
  if (!is.null(genes) && !is.null(names(centre))) {
    at <- if (identical(genes, names(centre))) seq_along(genes) else match(genes, names(centre))
    if (anyNA(at)) {
      abort_neuralee(
        "input", sprintf("`like` has no gene %s.", list_some(genes[is.na(at)])),
        "Keep the genes of `like` in `x`."
      )
    }
    twice <- function(names) names[duplicated(names)]
    repeated <- intersect(c(twice(genes), twice(names(centre))), genes)
    if (length(repeated) && !identical(genes, names(centre))) {
      abort_neuralee(
        "input",
        sprintf("Genes share a name, and which is which cannot be told: %s.", list_some(repeated)),
        "Give all genes of `like` in their order, or make the names unique in both."
      )
    }
    centre <- centre[at]
    scale <- scale[at]
  } else if (n_genes != length(centre)) {
    abort_neuralee(
      "input", sprintf("`x` has %d genes, but `like` was made of %d.", n_genes, length(centre)),
      "Give the same genes in the same order, or both with names."
    )
  }
  if (!is_delayed(x)) {
    check_finite(x, "x", cells)
    x <- as.matrix(x)
  }
  with_scaling(scaled_by(x, centre, scale, cells), centre, scale, genes)
}

gene_names_at <- function(x, cells) if (cells == "rows") colnames(x) else rownames(x)

# Arithmetic with a vector runs along the rows.
scaled_by <- function(x, centre, scale, cells) {
  if (cells == "rows") t((t(x) - centre) / scale) else (x - centre) / scale
}

with_scaling <- function(scaled, centre, scale, genes) {
  attr(scaled, "scaled:center") <- rlang::set_names(centre, genes)
  attr(scaled, "scaled:scale") <- rlang::set_names(scale, genes)
  scaled
}
