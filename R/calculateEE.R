#' Elastic embedding of a matrix or a SingleCellExperiment
#'
#' Computes an elastic embedding from an assay or from an existing dimension reduction,
#' with the arguments of scater's `calculateUMAP()`. [runEE()] stores the result in the
#' object.
#'
#' A matrix has features in rows and cells in columns, unless `transposed`. Without
#' `subset_row` the `ntop` rows of largest variance are used. `dimred` takes the cells'
#' coordinates from a reduction instead, such as `"PCA"`; features are then not selected
#' or scaled.
#'
#' @param x A numeric matrix (dense, `dgCMatrix` or DelayedMatrix), a SummarizedExperiment
#'   or a SingleCellExperiment.
#' @param ncomponents Number of dimensions, 1 to 50.
#' @param ntop Number of features of largest variance to use.
#' @param subset_row Features to use instead: names, numbers or a logical vector.
#' @param scale Bring the features to unit variance?
#' @param transposed Does `x` have cells in rows?
#' @param exprs_values,assay.type Name or number of the assay.
#' @param dimred Name or number of the reduction to start from, or `NULL` for an assay.
#' @param n_dimred How many of its dimensions, or which ones; `NULL` for all.
#' @param altexp Name or number of the alternative experiment to use instead of the main one.
#' @param BNPARAM `NULL`. neuralee searches neighbours itself (see [find_neighbors()]); give
#'   neighbours found otherwise as `neighbors = BiocNeighbors::findKNN(...)`.
#' @param threads Number of threads, as in [ee()].
#' @param BPPARAM A BiocParallelParam whose number of workers sets the number of threads
#'   instead, or `NULL`.
#' @param ... For the container methods, arguments of the matrix method; for that, arguments of
#'   [ee()] such as `lambda`, `perplexity`, `agreement`, `seed` or
#'   `verbose` (not `size`: subset the object instead).
#' @return A matrix of class `reduced.dim.matrix` with a row per cell and columns `EE1`, `EE2`, ….
#'   Its attributes `loss`, `trace`, `timing` and `params` are those of [ee()], `trace` and `params`
#'   as objects that print in a line (`as.data.frame()` and `unclass()` show all of them). For a
#'   container `params$source` says what the map was computed from. They survive subsetting. On
#'   `cbind` of two objects they survive where they are identical; otherwise SingleCellExperiment
#'   drops them with a warning.
#' @section Errors:
#' Those of [ee()]. `neuralee_error_input` for an assay, reduction, alternative experiment or row
#' that is not there (the message lists those there are), and for an argument that no function takes
#' (the message names the nearest one).
#' @section Warnings:
#' Those of [ee()], before the work starts: `neuralee_warning_orientation` where the names say that
#' `x` lies the wrong way (the cells of a matrix belong in its columns, unless `transposed`),
#' `neuralee_warning_counts` where `x` seems to hold counts without logarithms.
#' @inherit ee references
#' @examples
#' x <- t(as.matrix(iris[, 1:4]))
#' map <- calculateEE(x, perplexity = 20, maxit = 30, verbose = FALSE)
#' head(map)
#' @importClassesFrom Matrix dgCMatrix
#' @export
calculateEE <- function(x, ...) {
  check_given()
  UseMethod("calculateEE")
}

#' @rdname calculateEE
#' @export
calculateEE.default <- function(x, ncomponents = 2, ntop = 500, subset_row = NULL, scale = FALSE,
                                transposed = FALSE, ..., threads = NULL, BNPARAM = NULL,
                                BPPARAM = NULL) {
  embed_matrix(
    ee_embedder(), x,
    ncomponents = ncomponents, ntop = ntop, subset_row = subset_row, scale = scale,
    transposed = transposed, ..., threads = threads, BNPARAM = BNPARAM, BPPARAM = BPPARAM
  )
}

#' @rdname calculateEE
#' @export
calculateEE.SummarizedExperiment <- function(x, ..., exprs_values = "logcounts",
                                             assay.type = exprs_values) {
  embed_assay(ee_embedder(), x, ..., assay.type = assay.type)
}

#' @rdname calculateEE
#' @export
calculateEE.SingleCellExperiment <- function(x, ..., exprs_values = "logcounts",
                                             assay.type = exprs_values, dimred = NULL,
                                             n_dimred = NULL, altexp = NULL) {
  embed_experiment(
    ee_embedder(), x, ...,
    assay.type = assay.type, dimred = dimred, n_dimred = n_dimred, altexp = altexp
  )
}

# What embed_matrix() and its neighbours have to know of ee().
ee_embedder <- function() {
  list(
    name = "ee", fit = ee, formals = formals(ee), matrix_method = calculateEE.default,
    keep = "a reduced dimension holds the map alone. Use ee() where new cells are to be placed.",
    attributes = function(fit, steps, source) {
      list(params = new_ee_params(c(fit$params, list(source = source))))
    }
  )
}
