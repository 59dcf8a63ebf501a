#' How well a map keeps the surroundings of each cell
#'
#' Two numbers for each cell, to colour a map by. They say which part of its nearest cells are still
#' near it, and whether far cells are still far. Where both are low, the map says little about a
#' cell.
#'
#' * `neighbors_kept`: \eqn{R_{NX}(k)} of one cell. With q the share of its `k` nearest cells in the
#'   data that are among its `k` nearest on the map, it is \eqn{((N - 1) q - k) / (N - 1 - k)}: 1
#'   where all are, 0 as chance has it, a little below 0 where there are fewer. The mean over the
#'   cells is the R_NX(k) of [embedding_quality()].
#' * `distances_kept`: Spearman's correlation of the distances in data and map from the cell to
#'   `references` cells, which are the same for all cells. 1 where their order is kept, 0 where it
#'   is lost.
#'
#' Values are for comparing cells on one map, or one cell on several: in two dimensions not all
#' neighbours can be kept, and 0.3 is usual. Distances are Euclidean. Neighbours are found as by
#' [find_neighbors()]: exactly up to 20,000 cells, beyond approximately, which changes
#' `neighbors_kept` of one cell in fifty by more than 0.03. Time and memory grow linearly with the
#' number of cells.
#'
#' @inheritParams embedding_quality
#' @param embedding The embedding: a numeric matrix with cells in rows, a fit of [ee()] or
#'   [neuralee()], or a SingleCellExperiment or Seurat object that holds it.
#' @param x The data: a numeric matrix, sparse matrix or data frame of numbers with the same cells
#'   in rows (at least 3). It is made dense. For a fit with `preprocess`, give what entered the
#'   network (`neuralee(keep = TRUE)$data`) rather than raw counts. For a SingleCellExperiment also
#'   the name or number of a reducedDim, or the name of an assay (all its features). `NULL` stands
#'   for the reducedDim or assay, with its genes and scaling, that [runEE()] computed the map from.
#'   For a Seurat object also the name of a reduction.
#' @param k Number of neighbours, at most the number of cells less 2.
#' @param references Number of cells, 3 or more, that distances are measured to (all, where there
#'   are no more).
#' @param seed A whole number, 0 or more, for the choice of these cells and the approximate search.
#'   R's generator is not used.
#' @param dimred Name or number of the reduction to judge. For a Seurat object `NULL` stands for
#'   `"ee"`, else `"neuralee"`.
#' @param dims For a Seurat object: which dimensions of the reduction `x` the map was computed from,
#'   such as `1:30`; `NULL` for all.
#' @return A data frame with one row per cell, under the cell's name where no two share one, and the
#'   columns `neighbors_kept` and `distances_kept`. `distances_kept` is `NA` where all distances
#'   from a cell are equal, in data or map. For a fit of a subset the rows are those cells.
#' @section Errors:
#' `neuralee_error_input` for `k` or `references` out of range, for different numbers or names of
#' cells in `embedding` and `x`, for an embedding of more columns than `x`, and for a reduction or
#' assay that is not there (the message lists those there are). `neuralee_error_not_finite` for
#' `NA`, `NaN` and infinite values; `neuralee_error_interrupted` on Ctrl-C.
#' @references
#' Lee JA, Peluffo-Ordonez DH, Verleysen M (2015). Multi-scale similarities in stochastic
#' neighbour embedding. *Neurocomputing* 169, 246-261 (R_NX, there of all cells together).
#'
#' Kobak D, Berens P (2019). The art of using t-SNE for single-cell transcriptomics. *Nature
#' Communications* 10, 5416 (the correlation of distances, there of all cells together).
#' @seealso [embedding_quality()] for the map as a whole; [plot_embedding()].
#' @examples
#' x <- as.matrix(iris[, 1:4])
#' fit <- ee(x, perplexity = 20, maxit = 30, verbose = FALSE)
#' reliability <- cell_reliability(fit, x, k = 20)
#' plot(fit, colour_by = reliability, rescale = TRUE)
#'
#' sce <- SingleCellExperiment::SingleCellExperiment(list(logcounts = t(x)))
#' sce <- runEE(sce, perplexity = 20, maxit = 30, verbose = FALSE)
#' cells <- SummarizedExperiment::colData(sce)
#' SummarizedExperiment::colData(sce) <- cbind(cells, cell_reliability(sce))
#' plot_embedding(sce, colour_by = "neighbors_kept")
#' @export
cell_reliability <- function(embedding, x, ...) {
  check_given("embedding")
  UseMethod("cell_reliability")
}

#' @rdname cell_reliability
#' @export
cell_reliability.default <- function(embedding, x, k = 30, ..., references = 500, seed = 42L,
                                     threads = NULL, verbose = FALSE) {
  check_given()
  check_no_dots(...)
  pair <- embedding_and_data(embedding, x)
  k <- check_count(k, "k", min = 1, max = nrow(pair$x) - 2L)
  references <- check_count(references, "references", min = 3)
  seed <- check_seed(seed)
  threads <- resolve_threads(threads)
  progress <- progress_reporter(check_flag(verbose, "verbose"), "reliability")
  found <- rust_call(
    rs_cell_reliability(pair$embedding, pair$x, k, references, seed, threads, progress)
  )
  cells <- rownames(pair$embedding) %||% rownames(pair$x)
  data.frame(
    neighbors_kept = found$neighbors, distances_kept = found$distances,
    # A data frame has no two rows of one name.
    row.names = if (!anyDuplicated(cells)) cells
  )
}

#' @rdname cell_reliability
#' @export
cell_reliability.ee_fit <- function(embedding, x, ...) {
  check_given()
  cell_reliability(embedding$embedding, rows_of_fit(x, embedding), ...)
}

#' @rdname cell_reliability
#' @export
cell_reliability.SingleCellExperiment <- function(embedding, x = NULL, ..., dimred = "EE") {
  cell_reliability(reduction_of(embedding, dimred), data_of_map(embedding, x, dimred), ...)
}

#' @rdname cell_reliability
#' @export
cell_reliability.Seurat <- function(embedding, x = "pca", ..., dims = NULL, dimred = NULL) {
  map <- seurat_reduction(embedding, map_to_draw(embedding, dimred))
  if (is.character(x) && length(x) == 1L) {
    coordinates <- SeuratObject::Embeddings(object = dim_reduc_of(embedding, x, "x"))
    x <- if (is.null(dims)) {
      coordinates
    } else {
      coordinates[, chosen_dims(coordinates, dims, x), drop = FALSE]
    }
  } else if (!is.null(dims)) {
    abort_neuralee(
      "input", "`dims` chooses dimensions of a reduction, but `x` does not name one.",
      "Leave it out."
    )
  }
  cell_reliability(map, x, ...)
}
