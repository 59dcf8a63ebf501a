# Values of a layer of Seurat's assays, features x cells. Assays of Seurat 4 (Assay, SCTAssay) have
# three slots. Those of Seurat 5 (StdAssay) have any layers, and each may be split into parts. The
# class of the assay decides, since Seurat 5 has assays of both kinds.

# `features` are the names of those that are needed: a layer whose parts lack one is refused.
seurat_layer <- function(x, layer, features = NULL) {
  require_seurat_object()
  assay <- if (inherits(x, "Seurat")) x[[SeuratObject::DefaultAssay(object = x)]] else x
  if (identical(layer, "logcounts")) layer <- "data"
  layers <- layer_names(assay)
  names <- if (is_entry(layer, layers, 0L)) layer else parts_of_layer(layer, layers)
  if (!length(names)) refuse_missing_layer(layer, layers)
  parts <- lapply(stats::setNames(names, names), function(name) layer_values(assay, name))
  values <- if (identical(names, layer)) parts[[1L]] else join_parts(parts, layer, assay, features)
  if (!all(dim(values))) {
    abort_neuralee(
      "input", sprintf("The layer %s of the Seurat object is empty.", entry(layer)),
      "Name another layer."
    )
  }
  values
}

three_slots <- c("counts", "data", "scale.data")

# The layers that have values.
layer_names <- function(assay) {
  if (inherits(assay, "StdAssay")) {
    return(getExportedValue("SeuratObject", "Layers")(object = assay))
  }
  three_slots[vapply(three_slots, function(name) all(dim(methods::slot(assay, name)) > 0L), NA)]
}

# Seurat 5 names the parts of "data" by what it was split by: "data.1", "data.2".
parts_of_layer <- function(layer, layers) {
  if (is.character(layer) && length(layer) == 1L) layers[startsWith(layers, paste0(layer, "."))]
}

layer_values <- function(assay, name) {
  values <- if (inherits(assay, "StdAssay")) {
    getExportedValue("SeuratObject", "LayerData")(object = assay, layer = name)
  } else {
    methods::slot(assay, name)
  }
  # Matrices of BPCells stay in their files, and are read block by block as other matrices on disk.
  if (inherits(values, "IterableMatrix")) {
    DelayedArray::DelayedArray(new_iterable_seed(matrix = values))
  } else {
    values
  }
}

refuse_missing_layer <- function(layer, layers) {
  makes <- c(data = "NormalizeData()", scale.data = "ScaleData()")
  made_by <- if (is.character(layer) && length(layer) == 1L) makes[layer] else NA
  if (!is.na(made_by)) {
    abort_neuralee(
      "input", sprintf("The layer %s of the Seurat object is empty.", entry(layer)),
      paste(sprintf("Run %s first, or name another layer.", made_by), there_are(layers))
    )
  }
  abort_neuralee(
    "input", sprintf("The Seurat object has no layer %s.", entry(layer)),
    there_are(layers, remedy = "Name another")
  )
}

# The features that all parts have, for all cells of the assay in its order. Nothing is copied.
join_parts <- function(parts, layer, assay, features) {
  cells <- unlist(lapply(parts, colnames), use.names = FALSE)
  split <- sprintf("The layer %s is split into %s", entry(layer), list_some(names(parts)))
  if (anyDuplicated(cells)) {
    abort_neuralee(
      "input",
      sprintf("%s, which share cells, such as %s.", split, list_some(cells[duplicated(cells)], 1L)),
      "Name one of these layers."
    )
  }
  without <- setdiff(colnames(assay), cells)
  if (length(without)) {
    abort_neuralee(
      "input",
      sprintf(
        "%s, which lack %d of the %d cells: %s.", split, length(without), ncol(assay),
        list_some(without)
      ),
      "Make the layer for all cells, or choose the cells by subset()."
    )
  }
  common <- Reduce(intersect, lapply(parts, rownames), rownames(assay))
  for (name in names(parts)) {
    lost <- setdiff(intersect(features, rownames(assay)), rownames(parts[[name]]))
    if (length(lost)) {
      abort_neuralee(
        "input", sprintf("%s. %s lacks features: %s.", split, dQuote(name, FALSE), list_some(lost)),
        "Leave them out. JoinLayers() would take them as zero in these cells."
      )
    }
  }
  joined <- do.call(
    BiocGenerics::cbind,
    lapply(unname(parts), function(part) DelayedArray::DelayedArray(part)[common, , drop = FALSE])
  )
  joined[, match(colnames(assay), cells), drop = FALSE]
}

# What DelayedArray asks of a matrix that it does not know, for those of BPCells.
methods::setClass("neuralee_iterable_seed", slots = c(matrix = "ANY"))

#' @importFrom DelayedArray extract_array
new_iterable_seed <- function(matrix) methods::new("neuralee_iterable_seed", matrix = matrix)

#' @export
dim.neuralee_iterable_seed <- function(x) dim(x@matrix)

#' @export
dimnames.neuralee_iterable_seed <- function(x) dimnames(x@matrix)

methods::setMethod("extract_array", "neuralee_iterable_seed", function(x, index) {
  whole <- dim(x)
  index <- Map(function(chosen, length) chosen %||% seq_len(length), index, whole)
  if (!all(lengths(index))) return(matrix(0, length(index[[1L]]), length(index[[2L]])))
  block <- x@matrix
  # To choose all of them would wrap the matrix once more.
  if (!identical(index[[1L]], seq_len(whole[[1L]]))) block <- block[index[[1L]], , drop = FALSE]
  if (!identical(index[[2L]], seq_len(whole[[2L]]))) block <- block[, index[[2L]], drop = FALSE]
  unname(as.matrix(methods::as(block, "dgCMatrix")))
})
