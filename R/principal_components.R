#' Principal components, in memory or block by block
#'
#' Computes the leading principal components of the cells. A sparse matrix stays sparse. A
#' DelayedMatrix, such as a matrix that is kept in an HDF5 file, is read block by block. So only the
#' memory of the scores grows with the number of cells (8 bytes a cell and component).
#'
#' Blocks are read twice. The first pass sums the products of all pairs of genes, whose eigenvectors
#' are the components. The second projects the cells. Up to 5,000 genes are taken this way (200 MB);
#' choose variable ones first. A block is as large as [DelayedArray::getAutoBlockSize()] says. A
#' file that is stored cell by cell (CSR in h5ad files) is read fastest.
#'
#' The loading of largest absolute value of each component is positive. Components beyond
#' the rank of the data are 0.
#'
#' @inheritParams log_shift
#' @param x Usually logarithms of counts: a numeric matrix, sparse matrix, DelayedMatrix or
#'   data frame of numbers with at least 2 cells in rows, or a SingleCellExperiment with
#'   cells in columns.
#' @param n How many components, at least 1. Where there are fewer cells or genes, as many
#'   as the smaller of the two.
#' @param scale Bring the genes to unit variance? Constant genes stay as they are.
#' @param seed A whole number, 0 or more, for the random start of the search for
#'   components; its influence is below 1e-8. R's own generator is neither read nor moved.
#' @param verbose Show progress?
#' @return For a matrix, the scores: a matrix with a row per cell and the columns `PC1`,
#'   `PC2`, …, with the attributes that scater's `calculatePCA()` gives and two more:
#'   \describe{
#'     \item{`varExplained`}{variance of each component (divisor: cells less 1).}
#'     \item{`percentVar`}{the same in percent of the variance of all genes.}
#'     \item{`rotation`}{genes x components, the loadings.}
#'     \item{`centre`, `scale`}{what is subtracted from each gene, and by what it is divided.}
#'   }
#'   For a SingleCellExperiment, `x` with that matrix in `reducedDim(x, name)`; its attribute
#'   `assay.type` names the assay, and `genes` says which of its rows were taken.
#' @section Errors:
#' `neuralee_error_not_finite` for `NA`, `NaN` and infinite values (the message names the cell and
#' gene). `neuralee_error_memory` for a DelayedMatrix of more than 5,000 genes.
#' `neuralee_error_interrupted` on Ctrl-C. `neuralee_error_input` for any other argument of the
#' wrong kind and for an assay or a row that is not there.
#' @section Warnings:
#' `neuralee_warning_orientation` where the names say that `x` lies the wrong way,
#' `neuralee_warning_counts` where it seems to hold counts without logarithms, as in [ee()].
#' @references
#' Chan TF, Golub GH, LeVeque RJ (1983). Algorithms for computing the sample variance:
#' analysis and recommendations. *The American Statistician* 37, 242-247 (how the sums of
#' blocks are merged).
#'
#' Musco C, Musco C (2015). Randomized block Krylov methods for stronger and faster
#' approximate singular value decomposition. *Advances in Neural Information Processing
#' Systems* 28.
#' @seealso [read_h5ad()] with `on_disk = TRUE`, [subsample_genes()]; [ee()] and [runEE()]
#'   (`dimred = "PCA"`), which take the scores.
#' @examples
#' x <- as.matrix(iris[, 1:4])
#' scores <- principal_components(x, n = 2)
#' head(scores, 3)
#' attr(scores, "percentVar")
#'
#' # The same from blocks
#' blocks <- principal_components(DelayedArray::DelayedArray(x), n = 2)
#' all.equal(blocks, scores)
#' @export
principal_components <- function(x, n = 50, ...) {
  check_given()
  UseMethod("principal_components")
}

#' @rdname principal_components
#' @export
principal_components.default <- function(x, n = 50, ..., scale = FALSE, seed = 42L, threads = NULL,
                                         verbose = interactive()) {
  check_no_dots(...)
  x <- as_number_matrix(x, "x")
  warn_orientation(x, "rows")
  warn_counts(x, "Take log_shift(x) first.")
  components_of(x, "rows", n, scale, seed, threads, verbose)
}

#' @rdname principal_components
#' @param ntop Number of genes of largest variance to use.
#' @param subset_row Genes to use instead: names, numbers or a logical vector.
#' @param name Name of the new reduction.
#' @export
principal_components.SummarizedExperiment <- function(x, n = 50, ..., ntop = 500, subset_row = NULL,
                                                      scale = FALSE, assay.type = "logcounts",
                                                      name = "PCA", seed = 42L, threads = NULL,
                                                      verbose = interactive()) {
  check_no_dots(...)
  if (!methods::is(x, "SingleCellExperiment")) {
    abort_neuralee(
      "input", sprintf("`x` is a %s, which holds no reduced dimensions.", class(x)[[1L]]),
      "Turn it into a SingleCellExperiment with as(x, \"SingleCellExperiment\")."
    )
  }
  name <- check_name(name, "name")
  values <- as_number_matrix(assay_of(x, assay.type), "x")
  warn_orientation(values, "columns", remedy = "Make the object anew, of the transposed matrix.")
  warn_counts(values, "Take log_shift(x) first.", counts = identical(assay.type, "counts"))
  scores <- classed_interrupts({
    rows <- chosen_features(values, ntop, subset_row, resolve_threads(threads))
    genes <- if (is.null(rows)) values else values[rows, , drop = FALSE]
    components_of(genes, "columns", n, scale, seed, threads, verbose)
  })
  # For models that are trained on these components: what their genes are taken from, and which of
  # these they are.
  attr(scores, "assay.type") <- assay.type
  attr(scores, "genes") <- numbers_of_genes(rownames(values), nrow(values), rows)
  SingleCellExperiment::reducedDim(x, name) <- scores
  x
}

# Which genes were chosen among `width` of these names, and which of those that share a name.
numbers_of_genes <- function(names, width, chosen) {
  steps <- no_steps(width, if (!is.null(names) && all(is_text(names))) names)
  if (!is.null(chosen)) steps <- select_steps(steps, chosen)
  Filter(length, steps[c("occurrence", "copies", "selected", "width")])
}

# Scores with their attributes.
components_of <- function(x, cells, n, scale, seed, threads, verbose) {
  n <- check_count(n, "n", min = 1)
  check_flag(scale, "scale")
  seed <- check_seed(seed)
  threads <- resolve_threads(threads)
  check_flag(verbose, "verbose")
  x <- check_cells(x, "x", cells)
  n <- min(n, dim(x))
  names <- if (cells == "rows") dimnames(x) else rev(dimnames(x))

  classed_interrupts(
    {
      progress <- progress_reporter(verbose, "Principal components")
      if (is_delayed(x)) {
        components_by_blocks(x, cells, n, scale, seed, threads, progress, names)
      } else {
        found <- rust_call(rs_pca(x, cells == "rows", n, scale, seed, threads, progress))
        scores <- found$scores
        attributes(scores) <- score_attributes(dim(scores), found, names)
        scores
      }
    }
  )
}

score_attributes <- function(dim, found, names) {
  components <- paste0("PC", seq_len(dim[[2L]]))
  variance <- found$sdev^2
  list(
    dim = dim, dimnames = list(names[[1L]], components), varExplained = variance,
    percentVar = if (found$total_variance > 0) 100 * variance / found$total_variance else variance,
    rotation = structure(found$rotation, dimnames = list(names[[2L]], components)),
    centre = rlang::set_names(found$centre, names[[2L]]),
    scale = rlang::set_names(found$scale, names[[2L]])
  )
}

# Two passes over blocks of cells. Only one block, the products of the genes and the scores
# are in memory.
components_by_blocks <- function(x, cells, n, scale, seed, threads, progress, names) {
  axis <- if (cells == "rows") 1L else 2L
  sums <- rust_call(rs_gram_new(dim(x)[[3L - axis]]))
  grid <- cell_blocks(x, cells)
  for (i in seq_along(grid)) {
    viewport <- grid[[i]]
    block <- read_block_of(x, viewport)
    check_finite(block, "x", cells, block_offset(viewport))
    rust_call(rs_gram_add(sums, block, cells == "rows", threads))
    report_cells(progress, "products", BiocGenerics::end(viewport)[[axis]], dim(x)[[axis]])
  }
  found <- rust_call(rs_gram_finish(sums, n, scale, seed, threads, progress))
  scores <- matrix(0, dim(x)[[axis]], n)
  for (i in seq_along(grid)) {
    viewport <- grid[[i]]
    block <- read_block_of(x, viewport)
    scores[block_range(viewport, axis), ] <- rust_call(
      rs_project(found$projection, block, cells == "rows", threads)
    )
    report_cells(progress, "scores", BiocGenerics::end(viewport)[[axis]], dim(x)[[axis]])
  }
  # Here, where nothing else refers to the scores, so that they are not copied.
  attributes(scores) <- score_attributes(dim(scores), found, names)
  scores
}

report_cells <- function(progress, stage, done, total) {
  if (!is.null(progress) && isFALSE(progress(stage, done, total))) {
    abort_neuralee("interrupted", "The computation was interrupted.")
  }
}
