#' @rdname seurat_RunEE
#' @export
RunNeuralEE <- function(object, ...) {
  check_given()
  UseMethod("RunNeuralEE")
}

#' @rdname seurat_RunEE
#' @export
RunNeuralEE.default <- function(object, ..., assay = NULL, n.components = 2L, seed.use = 42L,
                                reduction.key = "NeuralEE_", verbose = TRUE) {
  embedder <- neuralee_embedder()
  object <- as_number_matrix(object, "object")
  embed_seurat(embedder, object, assay, n.components, seed.use, reduction.key, verbose, ...)
}

#' @rdname seurat_RunEE
#' @export
RunNeuralEE.Assay <- function(object, ..., features = NULL, layer = slot, slot = "data",
                              assay = NULL, n.components = 2L, seed.use = 42L,
                              reduction.key = "NeuralEE_", verbose = TRUE) {
  embed_seurat_assay(
    neuralee_embedder(), object, features, layer, n.components = n.components, seed.use = seed.use,
    reduction.key = reduction.key, verbose = verbose, ..., assay = assay
  )
}

#' @rdname seurat_RunEE
#' @export
RunNeuralEE.StdAssay <- RunNeuralEE.Assay

#' @rdname seurat_RunEE
#' @export
RunNeuralEE.Seurat <- function(object, dims = NULL, reduction = "pca", features = NULL,
                               graph = NULL, nn.name = NULL, assay = NULL, layer = slot,
                               slot = "data", n.components = 2L, neighbors = NULL,
                               seed.use = 42L, verbose = TRUE, reduction.name = "neuralee",
                               reduction.key = "NeuralEE_", ...) {
  object <- embed_seurat_object(
    neuralee_embedder(), object,
    dims = dims, reduction = reduction, features = features, graph = graph, nn.name = nn.name,
    assay = assay, layer = layer, reduction.name = reduction.name, neighbors = neighbors,
    n.components = n.components, seed.use = seed.use, reduction.key = reduction.key,
    verbose = verbose, ...
  )
  # The log names the command by these, and UpdateSeuratObject() looks for them in the object.
  if (!is.null(features)) reduction <- NULL
  assay <- SeuratObject::DefaultAssay(object = object[[reduction.name]])
  SeuratObject::LogSeuratCommand(object = object)
}
