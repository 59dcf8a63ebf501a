# Principal components of sparse counts that stay in an h5ad file: seconds and peak memory,
# each step in an R process of its own.
#   Rscript bench/pca_on_disk.R [cells [genes [method ...]]]
# Methods: neuralee; in_memory (the same function on the counts as a dgCMatrix); scater
# (runPCA of the same DelayedMatrix with its default, IRLBA); and, if named, random (runPCA
# with BiocSingular's RandomParam), and subset and in_memory_subset (subsample_genes() keeps half of
# the genes, those of largest variance, before the first two). Two threads for neuralee, one process
# for scater.
arguments <- commandArgs(TRUE)
script <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))

peak_mb <- function() {
  status <- grep("^VmHWM", readLines("/proc/self/status"), value = TRUE)
  as.numeric(gsub("[^0-9]", "", status)) / 1024
}

# Twelve kinds of cells; about one in twenty counts is not 0. Written in blocks of cells.
write_counts <- function(file, cells, genes, block = 10000L) {
  set.seed(1)
  mean <- exp(rnorm(genes, -4.3, 1.5))
  kinds <- matrix(exp(rnorm(12 * genes, 0, 0.8)), 12)
  create <- function(name, length, type) {
    rhdf5::h5createDataset(
      file, name, length, rhdf5::H5Sunlimited(), storage.mode = type, chunk = 100000L, level = 1
    )
  }
  rhdf5::h5createFile(file)
  rhdf5::h5createGroup(file, "X")
  create("X/data", 0, "integer")
  create("X/indices", 0, "integer")
  starts <- 0
  for (first in seq(1, cells, by = block)) {
    n <- min(block, cells - first + 1)
    depth <- exp(rnorm(n, 0, 0.4))
    counts <- rpois(n * genes, t(outer(depth, mean) * kinds[sample(12, n, TRUE), ]))
    at <- which(counts > 0)
    done <- starts[[length(starts)]]
    starts <- c(starts, done + cumsum(tabulate((at - 1) %/% genes + 1, n)))
    indices <- as.integer((at - 1) %% genes)
    for (part in list(list("X/data", counts[at]), list("X/indices", indices))) {
      rhdf5::h5set_extent(file, part[[1]], done + length(at))
      rhdf5::h5write(part[[2]], file, part[[1]], start = done + 1, count = length(at))
    }
  }
  rhdf5::h5write(starts, file, "X/indptr")
  handle <- rhdf5::H5Fopen(file)
  on.exit(rhdf5::h5closeAll())
  group <- rhdf5::H5Gopen(handle, "X")
  rhdf5::h5writeAttribute("csr_matrix", group, "encoding-type", asScalar = TRUE)
  rhdf5::h5writeAttribute(c(cells, genes), group, "shape")
  for (table in list(list("obs", "cell", cells), list("var", "gene", genes))) {
    rhdf5::h5createGroup(handle, table[[1]])
    rhdf5::h5write(paste0(table[[2]], seq_len(table[[3]])), handle, paste0(table[[1]], "/_index"))
    rhdf5::h5writeAttribute("_index", rhdf5::H5Gopen(handle, table[[1]]), "_index", asScalar = TRUE)
  }
  share <- starts[[length(starts)]] / cells / genes
  cat(sprintf("%d cells x %d genes, %.1f %% not 0\n", cells, genes, 100 * share))
}

measure <- function(method, file) {
  suppressPackageStartupMessages(library(neuralee))
  cells <- read_h5ad(file, on_disk = !startsWith(method, "in_memory"))
  cells <- log_shift(cells)
  before <- peak_mb()
  seconds <- system.time({
    if (endsWith(method, "subset")) cells <- subsample_genes(cells, nrow(cells) / 2, threads = 2)
    if (method %in% c("neuralee", "in_memory", "subset", "in_memory_subset")) {
      cells <- principal_components(cells, ntop = nrow(cells), n = 50, threads = 2)
    } else {
      set.seed(1)
      by <- if (method == "random") BiocSingular::RandomParam() else BiocSingular::IrlbaParam()
      cells <- scater::runPCA(cells, ntop = nrow(cells), ncomponents = 50, BSPARAM = by)
    }
  })[["elapsed"]]
  variance <- attr(SingleCellExperiment::reducedDim(cells, "PCA"), "varExplained")
  cat(sprintf(
    "| %s | %d x %d | %.1f | %.0f | %.0f | %.0f | %.6f |\n", method, ncol(cells), nrow(cells),
    seconds, seconds / ncol(cells) * 1e6, before, peak_mb(), sum(variance)
  ))
}

if (length(arguments) && arguments[[1]] == "--measure") {
  measure(arguments[[2]], arguments[[3]])
} else {
  cells <- if (length(arguments)) as.integer(arguments[[1]]) else 200000L
  genes <- if (length(arguments) > 1) as.integer(arguments[[2]]) else 2000L
  methods <- if (length(arguments) > 2) arguments[-(1:2)] else c("neuralee", "in_memory", "scater")
  file <- file.path(tempdir(), "counts.h5ad")
  write_counts(file, cells, genes)
  cat(sprintf("%.0f MB on disk\n", file.size(file) / 1e6))
  cat(
    "| method | cells x genes | seconds | us per cell | MB before | MB at most |",
    "variance of 50 PCs |\n"
  )
  cat("| --- | --- | --- | --- | --- | --- | --- |\n")
  for (method in methods) {
    system2(
      file.path(R.home("bin"), "Rscript"), c(shQuote(script), "--measure", method, shQuote(file))
    )
  }
}
