# A Seurat object of counts, features x cells.
seurat_of <- function(counts, ...) SeuratObject::CreateSeuratObject(counts = sparse(counts), ...)

has_seurat_5 <- function() {
  requireNamespace("SeuratObject", quietly = TRUE) &&
    utils::packageVersion("SeuratObject") >= "5.0.0"
}

skip_without_seurat_5 <- function() skip_if_not(has_seurat_5(), "Seurat 4 has no such assays")

# The object with these values as a layer (in Seurat 4 a slot) of its assay.
with_layer <- function(object, layer, values) {
  place <- stats::setNames(list(layer), if (has_seurat_5()) "layer" else "slot")
  do.call(SeuratObject::SetAssayData, c(list(object = object, new.data = values), place))
}
