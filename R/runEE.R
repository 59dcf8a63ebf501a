#' Embed a SingleCellExperiment and keep the map in it
#'
#' Calls [calculateEE()] and stores the result in `reducedDim(x, name)`.
#'
#' From an assay, set `scale = TRUE` to bring the genes to unit variance. Without it the few genes
#' of largest variance decide the distances, and with them the map. From principal components
#' (`dimred = "PCA"`) leave it: their variances are meant.
#'
#' @param x A SingleCellExperiment.
#' @param ... Arguments of [calculateEE()] and [ee()]: for example `dimred = "PCA"`,
#'   `perplexity = 30`, `agreement = 1`, `seed = 1`.
#' @param altexp Name or number of an alternative experiment to compute from; the map is
#'   stored in the main experiment.
#' @param name Name of the new reduction.
#' @return `x` with the map in `reducedDim(x, name)`: a `reduced.dim.matrix`, cells in rows,
#'   whose attributes `loss`, `trace`, `timing` and `params` survive subsetting.
#' @inheritSection calculateEE Errors
#' @inheritSection calculateEE Warnings
#' @inherit ee references
#' @seealso [plot_embedding()], [plot_trace()].
#' @examples
#' sce <- SingleCellExperiment::SingleCellExperiment(
#'   list(logcounts = t(as.matrix(iris[, 1:4]))),
#'   colData = S4Vectors::DataFrame(species = iris$Species)
#' )
#' sce <- runEE(sce, scale = TRUE, perplexity = 20, maxit = 30, verbose = FALSE)
#' plot_embedding(sce, colour_by = "species")
#' @export
runEE <- function(x, ..., altexp = NULL, name = "EE") {
  check_given()
  run_embedding(x, name, function(x) calculateEE(x, ..., altexp = altexp), "EE")
}
