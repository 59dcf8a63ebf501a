#' NeuralEE of a matrix or a SingleCellExperiment
#'
#' Trains a network on an assay or on an existing dimension reduction, with the arguments of
#' scater's `calculateUMAP()`. [runNeuralEE()] stores the result in the object.
#'
#' A matrix has features in rows and cells in columns, unless `transposed`. Without `subset_row` the
#' `ntop` rows of largest variance are used. `dimred` takes the cells' coordinates from a reduction
#' instead.
#'
#' The choice of features and their scale become part of the model, so that `predict()` takes the
#' same assay of new cells. From a reduction that [principal_components()] made, the loadings become
#' part of it as well, and `predict()` takes the assay that they were computed from. From any other
#' reduction, new cells need that reduction, projected on the same loadings.
#'
#' @inheritParams calculateEE
#' @param ... For the container methods, arguments of the matrix method; for that, arguments of
#'   [neuralee()] such as `lambda`, `agreement`, `hidden`, `batch_size`,
#'   `maxit` or `verbose` (not `size`: subset the object instead; not `preprocess`: take `ntop`,
#'   `subset_row` and `scale`, or [principal_components()]).
#' @return A matrix of class `reduced.dim.matrix` with a row per cell and columns `NeuralEE1`,
#'   `NeuralEE2`, …. Its attributes `loss`, `trace`, `timing`, `params` and `model` are those of
#'   [neuralee()]. They survive subsetting. On `cbind` of two objects they survive where they are
#'   identical; otherwise SingleCellExperiment drops them with a warning.
#' @section Errors:
#' Those of [neuralee()] and [calculateEE()].
#' @inheritSection calculateEE Warnings
#' @inherit neuralee references
#' @seealso [predict()][predict.neuralee_fit], which takes the [embedding_model()].
#' @examples
#' x <- t(as.matrix(iris[, 1:4]))
#' map <- calculateNeuralEE(x, perplexity = 20, maxit = 20, verbose = FALSE)
#' head(map)
#' predict(embedding_model(map), iris[1:3, 1:4])
#' @export
calculateNeuralEE <- function(x, ...) {
  check_given()
  UseMethod("calculateNeuralEE")
}

#' @rdname calculateNeuralEE
#' @export
calculateNeuralEE.default <- function(x, ncomponents = 2, ntop = 500, subset_row = NULL,
                                      scale = FALSE, transposed = FALSE, ..., threads = NULL,
                                      BNPARAM = NULL, BPPARAM = NULL) {
  embed_matrix(
    neuralee_embedder(), x,
    ncomponents = ncomponents, ntop = ntop, subset_row = subset_row, scale = scale,
    transposed = transposed, ..., threads = threads, BNPARAM = BNPARAM, BPPARAM = BPPARAM
  )
}

#' @rdname calculateNeuralEE
#' @export
calculateNeuralEE.SummarizedExperiment <- function(x, ..., exprs_values = "logcounts",
                                                   assay.type = exprs_values) {
  embed_assay(neuralee_embedder(), x, ..., assay.type = assay.type)
}

#' @rdname calculateNeuralEE
#' @export
calculateNeuralEE.SingleCellExperiment <- function(x, ..., exprs_values = "logcounts",
                                                   assay.type = exprs_values, dimred = NULL,
                                                   n_dimred = NULL, altexp = NULL) {
  embed_experiment(
    neuralee_embedder(), x, ...,
    assay.type = assay.type, dimred = dimred, n_dimred = n_dimred, altexp = altexp
  )
}

# What embed_matrix() and its neighbours have to know of neuralee().
neuralee_embedder <- function() {
  list(
    name = "neuralee", fit = neuralee, formals = formals(neuralee),
    matrix_method = calculateNeuralEE.default,
    keep = "a reduced dimension holds the map and its model.",
    attributes = function(fit, steps, source) {
      if (fit$params$metric == "cosine") steps$unit_length <- TRUE
      # What new cells are taken from: the genes, where components come from genes by known
      # loadings.
      taken <- if (steps$components > 0) {
        list(assay.type = attr(steps, "assay.type"), altexp = source$altexp)
      } else {
        source
      }
      origin <- model_info(fit$model)
      list(
        params = new_ee_params(c(fit$params, list(source = source))),
        model = describe_model(fit$model, steps, origin, taken)
      )
    }
  )
}
