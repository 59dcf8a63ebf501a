iris_x <- as.matrix(iris[, 1:4])

expect_refused <- function(expression, kind, message = NULL) {
  condition <- expect_error(expression, class = paste0("neuralee_error_", kind))
  expect_s3_class(condition, "neuralee_error")
  if (!is.null(message)) {
    expect_match(conditionMessage(condition), message)
  }
  invisible(condition)
}

# A Seurat object; where SeuratObject is not there, what has its class.
any_seurat <- function() {
  if (!requireNamespace("SeuratObject", quietly = TRUE)) {
    return(structure(list(), class = "Seurat"))
  }
  counts <- matrix(1:12, 3, dimnames = list(c("a", "b", "c"), sprintf("cell%d", 1:4)))
  SeuratObject::CreateSeuratObject(sparse(counts))
}

# Outputs of NeuralEE 0.1.6. The small ones lie beside the tests; the folder named by
# NEURALEE_GOLDEN may hold the rest.
golden <- function(name) {
  file <- test_path("golden", name)
  if (!file.exists(file)) {
    file <- file.path(Sys.getenv("NEURALEE_GOLDEN", "no-such-folder"), name)
  }
  skip_if_not(file.exists(file), paste("golden output", name))
  read_npy(file)
}

# Numpy's format, version 1: little-endian floats or integers in row-major order.
read_npy <- function(file) {
  connection <- file(file, "rb")
  on.exit(close(connection))
  readBin(connection, "raw", 8L)
  header <- readChar(connection, readBin(connection, "integer", 1L, size = 2L, endian = "little"))
  shape <- as.integer(strsplit(gsub(".*\\(([0-9, ]+)\\).*", "\\1", header), "[, ]+")[[1L]])
  width <- if (grepl("<[fi]4", header)) 4L else 8L
  type <- if (grepl("<i", header)) "integer" else "double"
  values <- readBin(connection, type, prod(shape), size = width, endian = "little")
  if (length(shape) == 1L) values else matrix(values, shape[1L], shape[2L], byrow = TRUE)
}

random_seed_of_r <- function() {
  if (exists(".Random.seed", globalenv())) get(".Random.seed", globalenv()) else NULL
}

iris_sce <- function() {
  counts <- t(iris_x)
  colnames(counts) <- paste0("flower", seq_len(ncol(counts)))
  sce <- SingleCellExperiment::SingleCellExperiment(
    list(counts = counts, logcounts = log1p(counts)),
    colData = S4Vectors::DataFrame(species = iris$Species, width = iris$Sepal.Width)
  )
  SingleCellExperiment::reducedDim(sce, "PCA") <- stats::prcomp(iris_x)$x
  sce
}
