# An object as Seurat 4 stores it, for the tests of what Seurat 5 makes of it:
#   Rscript data-raw/make_seurat.R
# Made with Seurat 4.3.0, SeuratObject 4.1.3 and R 4.2.2.

library(neuralee)
stopifnot(utils::packageVersion("SeuratObject") < "5.0.0")
cells <- seq(1, 150, by = 3)
x <- matrix(
  as.matrix(iris[cells, 1:4]), length(cells),
  dimnames = list(sprintf("cell%d", cells), c("sl", "sw", "pl", "pw"))
)
object <- SeuratObject::CreateSeuratObject(counts = methods::as(10 * t(x), "CsparseMatrix"))
colnames(x) <- paste0("PC_", 1:4)
object[["pca"]] <- SeuratObject::CreateDimReducObject(embeddings = x, key = "PC_", assay = "RNA")
object <- RunEE(object, dims = 1:4, perplexity = 5, maxit = 20, verbose = FALSE)
object <- RunNeuralEE(
  object, features = c("pl", "sw", "pw"), layer = "counts", perplexity = 5, maxit = 20, hidden = 5,
  verbose = FALSE
)
saveRDS(object, "tests/testthat/fixtures/seurat_4.rds", version = 2, compress = "xz")
