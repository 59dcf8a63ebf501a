#' The most variable genes
#'
#' Keeps the `n` genes of largest variance over the cells (divisor: the number of cells), in
#' descending order of variance. Genes of equal variance keep their order. All cells stay, also
#' those that have no count in any chosen gene. The other genes leave the object; to keep them and
#' only embed the variable ones, use `runEE(ntop = n)` instead.
#'
#' The variance of counts and of their logarithms changes with the mean, whatever the gene does.
#' With `by = "trend"` the genes are those whose variance lies furthest above what is usual for
#' their mean, in descending order of the difference (the trend is never below 0, nor the difference
#' above the variance). The trend is [stats::lowess()] (`f = 0.3`) of log variance over log mean, so
#' that values must not be negative. Genes without variance take no part and come last.
#'
#' @inheritParams log_shift
#' @param x Usually logarithms of counts: a numeric matrix, sparse matrix, DelayedMatrix or
#'   data frame of numbers with at least 2 cells in rows, or a SummarizedExperiment or
#'   SingleCellExperiment with cells in columns.
#' @param n How many genes to keep: a whole number, at least 1.
#' @param by `"variance"`, or `"trend"` for the variance above the trend of all genes, of which at
#'   least 10 must vary.
#' @return `x` with the chosen genes alone, of the same type; `x` as it is where `n` is not
#'   less than the number of genes.
#' @section Errors:
#' `neuralee_error_input` for `n` that is no whole number of at least 1, for fewer than 2 cells, for
#' data that are no numbers, for an assay that is not there (the message lists those there are), and
#' for a trend of genes with negative mean or of too few genes. `neuralee_error_not_finite` for
#' `NA`, `NaN` and infinite values (the message names the first cell and gene).
#' @section Warnings:
#' `neuralee_warning_orientation` where the names of a matrix say that it lies the wrong way, as in
#' [ee()].
#' @references The original selects by variance: see [log_shift()]. For variance above a trend: Lun
#' ATL, McCarthy DJ, Marioni JC (2016). A step-by-step workflow for low-level analysis of
#' single-cell RNA-seq data with Bioconductor. *F1000Research* 5, 2122.
#' \doi{10.12688/f1000research.9501.2}.
#' @examples
#' x <- log_shift(matrix(rpois(60, c(1, 9)), 10, dimnames = list(NULL, paste0("gene", 1:6))))
#' colnames(subsample_genes(x, 3))
#' @export
subsample_genes <- function(x, n, ...) {
  check_given()
  UseMethod("subsample_genes")
}

#' @rdname subsample_genes
#' @export
subsample_genes.default <- function(x, n, ..., by = c("variance", "trend"), threads = NULL) {
  check_no_dots(...)
  by <- match_choice(by, "by", c("variance", "trend"))
  warn_orientation(x, "rows")
  chosen <- variable_genes(x, n, "rows", resolve_threads(threads), by)
  if (is.null(chosen)) x else x[, chosen, drop = FALSE]
}

#' @rdname subsample_genes
#' @export
subsample_genes.SummarizedExperiment <- function(x, n, ..., by = c("variance", "trend"),
                                                 assay.type = "logcounts", threads = NULL) {
  check_no_dots(...)
  by <- match_choice(by, "by", c("variance", "trend"))
  values <- assay_of(x, assay.type)
  chosen <- variable_genes(values, n, "columns", resolve_threads(threads), by)
  if (is.null(chosen)) x else x[chosen, ]
}

# Numbers of the n most variable genes, or NULL where there are no more.
variable_genes <- function(x, n, cells, threads, by = "variance") {
  n <- check_count(n, "n", min = 1)
  moments <- gene_moments(x, cells, threads)
  check_moments(moments, by == "trend")
  if (n >= length(moments$variance)) return(NULL)
  variance <- if (by == "trend") variance_above_trend(moments) else moments$variance
  rs_top_variable(variance, n)
}

# Variances are squares: where these overflow or vanish, no gene can be told from another.
check_moments <- function(moments, by_trend) {
  size <- max(abs(moments$mean))
  overflows <- !all(is.finite(moments$variance)) || !is.finite(size) || size > 1e150
  if (overflows || (by_trend && size > 0 && size < 1e-150)) {
    abort_neuralee(
      "input",
      sprintf(
        "Means of genes in `x` have a size of %s, whose squares are beyond what a number holds.",
        if (is.finite(size)) format(size, digits = 3) else "more than 1e+308"
      ),
      "Bring the values to a usual scale first."
    )
  }
}

# What the variance of each gene exceeds that of genes of the same mean by.
variance_above_trend <- function(moments) {
  varies <- moments$variance > 0
  if (any(moments$mean[varies] <= 0)) {
    abort_neuralee(
      "input", sprintf(
        "Gene %d has the mean %s, and the trend runs over the logarithm of the mean.",
        which(varies & moments$mean <= 0)[[1L]],
        format(moments$mean[varies & moments$mean <= 0][[1L]])
      ),
      "Give values that are not negative, such as logcounts, or select by = \"variance\"."
    )
  }
  if (sum(varies) < 10L) {
    abort_neuralee(
      "input", sprintf("Only %d genes vary over the cells: too few for a trend.", sum(varies)),
      "Select by = \"variance\"."
    )
  }
  mean <- log(moments$mean[varies])
  variance <- moments$variance[varies]
  trend <- stats::lowess(mean, log(variance), f = 0.3)
  # lowess() gives each distinct mean once or more, in order: looked up, not copied.
  usual <- exp(stats::approx(trend$x, trend$y, mean, ties = "ordered")$y)
  above <- rep(-Inf, length(varies))
  above[varies] <- variance - usual
  above
}
