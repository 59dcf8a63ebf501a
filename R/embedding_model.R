#' The model that a stored map holds
#'
#' [runNeuralEE()] and [RunNeuralEE()] keep the network beside the map, in the reduction. This takes
#' it out, for `predict()`, `coef()`, `weights()`, [fine_tune()] or [save_neuralee()].
#'
#' @param x What holds the model. It may be a SingleCellExperiment or Seurat object with a map of
#'   [runNeuralEE()] or [RunNeuralEE()], or such a reduction itself. A fit of [neuralee()] or
#'   [fine_tune()] and a model are taken too.
#' @param dimred,reduction Name or number of the reduction. `NULL` for the last one that holds a
#'   model.
#' @param ... Not used.
#' @return An object of class [`neuralee_model`][save_neuralee].
#' @section Errors:
#' `neuralee_error_input` where there is no such reduction, or where it holds no model. A map of
#' [runEE()] or [RunEE()] holds none, nor does a fit of [ee()], which [predict()][predict.ee_fit]
#' takes itself.
#' @seealso [predict()][predict.neuralee_fit], [save_neuralee()].
#' @examples
#' sce <- SingleCellExperiment::SingleCellExperiment(list(logcounts = t(as.matrix(iris[, 1:4]))))
#' sce <- runNeuralEE(sce, scale = TRUE, perplexity = 20, maxit = 20, verbose = FALSE)
#' model <- embedding_model(sce)
#' predict(model, sce[, 1:3])
#' lapply(weights(model), dim)
#' @export
embedding_model <- function(x, ...) {
  check_given()
  UseMethod("embedding_model")
}

#' @export
embedding_model.default <- function(x, ...) {
  check_no_dots(...)
  model_of(x, "x")
}

#' @rdname embedding_model
#' @export
embedding_model.SingleCellExperiment <- function(x, dimred = NULL, ...) {
  check_no_dots(...)
  names <- SingleCellExperiment::reducedDimNames(x)
  dimred <- dimred %||% last_with_model(SingleCellExperiment::reducedDims(x))
  none <- "There are none yet: run runNeuralEE() first."
  check_entry(dimred, names, "reducedDim", none, "Set dimred")
  model_of(SingleCellExperiment::reducedDim(x, dimred), dimred)
}

#' @rdname embedding_model
#' @export
embedding_model.Seurat <- function(x, reduction = NULL, ...) {
  check_no_dots(...)
  require_seurat_object()
  names <- SeuratObject::Reductions(object = x)
  reduction <- reduction %||%
    last_with_model(stats::setNames(lapply(names, function(name) x[[name]]), names))
  model_of(dim_reduc_of(x, reduction, "reduction"), reduction)
}

# The name of the last reduction that holds a model.
last_with_model <- function(reductions) {
  is_ours <- function(x) inherits(stored_model(x), "neuralee_model")
  ours <- vapply(as.list(reductions), is_ours, NA)
  if (!any(ours)) {
    abort_neuralee(
      "input", "None of the reductions of `x` holds a model.",
      "Train one by runNeuralEE(), or RunNeuralEE() in Seurat."
    )
  }
  names(reductions)[[max(which(ours))]]
}

# Earlier forms, for one version. The classes belong to other packages, whose own methods these
# would hide.

#' @method predict reduced.dim.matrix
#' @export
predict.reduced.dim.matrix <- function(object, ...) predict(moved_model(object, "predict"), ...)

#' @export
predict.DimReduc <- predict.reduced.dim.matrix

#' @method coef reduced.dim.matrix
#' @export
coef.reduced.dim.matrix <- function(object, ...) coef(moved_model(object, "coef"))

#' @export
coef.DimReduc <- coef.reduced.dim.matrix

#' @method weights reduced.dim.matrix
#' @export
weights.reduced.dim.matrix <- function(object, ...) weights(moved_model(object, "weights"))

#' @export
weights.DimReduc <- weights.reduced.dim.matrix

moved_model <- function(object, verb) {
  model <- model_of(object)
  inform_moved(sprintf("%s() of a reduction", verb), sprintf("%s() of its embedding_model()", verb))
  model
}
