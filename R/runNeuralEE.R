#' Embed a SingleCellExperiment by a network and keep map and model in it
#'
#' Calls [calculateNeuralEE()] and stores the result in `reducedDim(x, name)`.
#'
#' From an assay, set `scale = TRUE` to bring the genes to unit variance. Without it the few genes
#' of largest variance decide the distances, and with them the map. From principal components
#' (`dimred = "PCA"`) leave it: their variances are meant.
#'
#' @param x A SingleCellExperiment.
#' @param ... Arguments of [calculateNeuralEE()] and [neuralee()]: for example `dimred = "PCA"`,
#'   `lambda = 10`, `agreement = 1`, `hidden = c(100, 100)`, `seed = 1`.
#' @inheritParams runEE
#' @return `x` with the map in `reducedDim(x, name)`: a `reduced.dim.matrix`, cells in rows, whose
#'   attributes `loss`, `trace`, `timing`, `params` and `model` survive subsetting.
#' @inheritSection calculateNeuralEE Errors
#' @inheritSection calculateEE Warnings
#' @inherit neuralee references
#' @seealso [embedding_model()], by which [predict()][predict.neuralee_fit] maps new cells;
#'   [plot_embedding()], [plot_trace()].
#' @examples
#' sce <- SingleCellExperiment::SingleCellExperiment(
#'   list(logcounts = t(as.matrix(iris[, 1:4]))),
#'   colData = S4Vectors::DataFrame(species = iris$Species)
#' )
#' sce <- runNeuralEE(sce, scale = TRUE, perplexity = 20, maxit = 30, verbose = FALSE)
#' plot_embedding(sce, colour_by = "species", dimred = "NeuralEE")
#' head(predict(embedding_model(sce), sce[, 1:5]))
#' @export
runNeuralEE <- function(x, ..., altexp = NULL, name = "NeuralEE") {
  check_given()
  run_embedding(x, name, function(x) calculateNeuralEE(x, ..., altexp = altexp), "NeuralEE")
}
