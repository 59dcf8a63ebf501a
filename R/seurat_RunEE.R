#' Elastic embedding of a Seurat object
#'
#' Embeds the cells of a Seurat object and keeps the map in it as a reduction, as and with the
#' arguments of Seurat's `RunUMAP()`: `DimPlot()`, `FeaturePlot()` and what else takes a reduction
#' go on working.
#'
#' The map is computed from dimensions of a reduction (`dims`) or from features of an assay
#' (`features`). `graph` and `nn.name` replace the search for nearest neighbours, which decides
#' where attraction acts. They do not replace these coordinates: the repulsion acts between all
#' pairs of cells by their distances. The perplexity must lie below the number of neighbours that
#' each cell has: `FindNeighbors(k.param = 20)` lists 19 others, which is enough for a perplexity of
#' 6. From a graph (such as `"RNA_nn"`) as many neighbours are taken of each cell as all have, the
#' nearest.
#'
#' Distances are Euclidean. Seurat's `RunUMAP()` takes `metric = "cosine"`, which [ee()] has as
#' well.
#'
#' @section Seurat 4 and 5:
#' Objects of both are taken, with any assay: of Seurat 4, of `SCTransform()`, of Seurat 5.
#'
#' A layer of Seurat 5 that is split by sample (`"data.1"`, `"data.2"`) is read as one. The cells
#' stand in the order of the assay, and `JoinLayers()` need not be called. A feature that one of the
#' parts lacks is refused by name: `JoinLayers()` would take it as zero in these cells. The parts
#' must have all cells of the assay, each once. A part that is named (`layer = "data.1"`) is
#' embedded alone.
#'
#' An assay that has some of the cells, such as a sketch (`SketchData()`), gives a reduction of
#' these cells. `RunNeuralEE()` on it gives a model, and [predict()][predict.neuralee_fit] maps all
#' cells by that.
#'
#' Matrices of BPCells and DelayedArray stay where they are. Of them only the chosen features are
#' read.
#'
#' `subset()`, `RenameCells()`, `UpdateSeuratObject()` and `saveRDS()` keep map and model. `merge()`
#' keeps the places of the cells alone; take the model from the object before.
#'
#' @param object A Seurat object; an assay; or a matrix with cells in rows (as for `RunUMAP()`).
#' @param dims Which dimensions of `reduction` to embed, such as `1:30`.
#' @param reduction Name of the reduction that `dims` refers to.
#' @param features Names of features to embed instead; for an assay, `NULL` stands for its variable
#'   features.
#' @param graph Name of a graph of nearest neighbours in the object to take neighbours from, or
#'   `NULL`.
#' @param nn.name Name of a Neighbor object (`FindNeighbors(return.neighbor = TRUE)`) to take
#'   neighbours from, or `NULL`.
#' @param assay Name of the assay; `NULL` for the default assay, with `dims` for that of the
#'   reduction. For an assay or a matrix, the name that the reduction notes as its assay; `NULL`
#'   stands for `"RNA"`, as in Seurat.
#' @param layer,slot Name of the layer (before Seurat 5: slot) for `features`. Take `"scale.data"`
#'   to bring features to unit variance.
#' @param n.components Number of dimensions, 1 to 50.
#' @param neighbors Neighbours found otherwise, as in [ee()].
#' @param seed.use Seed, as `seed` of [ee()].
#' @param reduction.name,reduction.key Name of the new reduction, and what its columns' names begin
#'   with.
#' @param verbose Show progress?
#' @param ... For [RunEE()], arguments of [ee()] such as `perplexity`, `agreement`, `maxit`
#'   or `threads`; for [RunNeuralEE()], those of
#'   [neuralee()], such as `hidden` or `batch_size` too.
#' @return For a Seurat object, the object with the new reduction and the command in its log.
#'   Otherwise a `DimReduc`. The loss E, the trace, the timing, the settings and (of NeuralEE) the
#'   model are in its `misc`: `Misc(object[["ee"]], "trace")`. Reductions made from `dims` are
#'   global: they stay when their assay is removed.
#' @section Errors:
#' Those of [ee()] and [neuralee()]. `neuralee_error_input` where not exactly one of `dims` and
#' `features` is given, for a reduction, assay, layer, feature, graph or Neighbor object that is not
#' there (the message lists those there are), for a split layer whose parts lack features or cells,
#' and for an argument that no function takes.
#' @inherit ee references
#' @seealso [embedding_model()], by which [predict()][predict.neuralee_fit] places new cells;
#'   [plot_embedding()]; [runEE()] for SingleCellExperiment objects.
#' @name seurat_RunEE
#' @examplesIf requireNamespace("SeuratObject", quietly = TRUE)
#' counts <- matrix(rpois(20 * 60, rep(c(1, 8), each = 10)), 20)
#' dimnames(counts) <- list(paste0("gene", 1:20), paste0("cell", 1:60))
#' object <- SeuratObject::CreateSeuratObject(methods::as(counts, "CsparseMatrix"))
#' object <- RunEE(
#'   object,
#'   features = rownames(object), layer = "counts", perplexity = 10, maxit = 30, verbose = FALSE
#' )
#' head(SeuratObject::Embeddings(object, "ee"))
NULL

#' @rdname seurat_RunEE
#' @export
RunEE <- function(object, ...) {
  check_given()
  UseMethod("RunEE")
}

#' @rdname seurat_RunEE
#' @export
RunEE.default <- function(object, ..., assay = NULL, n.components = 2L, seed.use = 42L,
                          reduction.key = "EE_", verbose = TRUE) {
  embedder <- ee_embedder()
  object <- as_number_matrix(object, "object")
  embed_seurat(embedder, object, assay, n.components, seed.use, reduction.key, verbose, ...)
}

#' @rdname seurat_RunEE
#' @export
RunEE.Assay <- function(object, ..., features = NULL, layer = slot, slot = "data", assay = NULL,
                        n.components = 2L, seed.use = 42L, reduction.key = "EE_", verbose = TRUE) {
  embed_seurat_assay(
    ee_embedder(), object, features, layer, n.components = n.components, seed.use = seed.use,
    reduction.key = reduction.key, verbose = verbose, ..., assay = assay
  )
}

#' @rdname seurat_RunEE
#' @export
RunEE.StdAssay <- RunEE.Assay

#' @rdname seurat_RunEE
#' @export
RunEE.Seurat <- function(object, dims = NULL, reduction = "pca", features = NULL, graph = NULL,
                         nn.name = NULL, assay = NULL, layer = slot, slot = "data",
                         n.components = 2L, neighbors = NULL, seed.use = 42L, verbose = TRUE,
                         reduction.name = "ee", reduction.key = "EE_", ...) {
  object <- embed_seurat_object(
    ee_embedder(), object,
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
