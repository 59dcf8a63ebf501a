#' How much of the data an embedding keeps
#'
#' Measures of an embedding against the data that it was made from, all from Euclidean
#' distances. The last two, `compactness` and `spread`, describe the picture and not the data:
#'
#' * `neighborhood_preservation`: mean share of the `k` nearest cells in the data that are
#'   among the `k` nearest in the embedding, Q_NX(k) of Lee and Verleysen (2009). 1 is
#'   perfect, k / (N - 1) is chance.
#' * `trustworthiness` of the `k` nearest cells in the embedding (Venna and Kaski 2001):
#'   1 is perfect, about 0.5 is chance.
#' * `auc_rnx`: area under R_NX(K) = ((N - 1) Q_NX(K) - K) / (N - 1 - K), the preservation of K
#'   neighbours rescaled so that chance gives 0 and 1 is perfect, over a logarithmic scale of K = 1,
#'   ..., N - 2 (Lee et al. 2015). It weighs all sizes of neighbourhoods; the curve itself is in
#'   `r_nx`.
#' * `distance_correlation`: Spearman's correlation of the distances between cells in data
#'   and embedding, which speaks of the global arrangement (as in Kobak and Berens 2019).
#'   `NA` where all distances are equal.
#' * `density_correlation`: Spearman's correlation of the cells' local radii in data and embedding.
#'   A local radius is the mean distance to the `k` nearest cells, and each space has its own. It
#'   is high where dense parts of the data are dense in the embedding (as in Narayan, Berger and Cho
#'   2021). `NA` where all radii are equal.
#' * `label_accuracy`: share of cells whose label is that of the majority of their `k`
#'   nearest other cells in the embedding (leave-one-out classification by k nearest
#'   neighbours, Cover and Hart 1967). Tied labels go to the one whose cells have the smaller
#'   sum of ranks. `NA` without labels.
#' * `compactness`: share of the boxes of a grid over the extent of the map that hold a cell. The
#'   grid has 50 x 50 boxes in two dimensions, 2,500 in one and 14 x 14 x 14 in three. Low: islands
#'   in much white. High: cells all over the picture. N cells fill at most N boxes, so compare maps
#'   of equally many cells. In two dimensions the share cannot pass N / 2,500. `NA` beyond three
#'   dimensions, and where all cells have one place.
#' * `spread`: 90 % quantile of the cells' distances from the middle over the largest of them. The
#'   middle is the median of each axis. Low: a few cells lie far from all others. A disc that is
#'   evenly filled has 0.95. `NA` where all cells have one place.
#'
#' Cells at equal distance are ranked by their position. The first three measures are means
#' over `cells` cells, each compared with all N; the fourth is taken over `pairs` pairs of cells.
#' Both are drawn with `seed` where there are more. The other four are of all cells. Time grows
#' as cells x N x columns of `x`, and for the labels as N^2. For the densities it grows as N^2 x
#' columns of `x` up to 20,000 cells. Beyond, their neighbours are searched approximately.
#'
#' @param embedding The embedding: a numeric matrix with cells in rows, a fit of [ee()], or
#'   a SingleCellExperiment that holds it.
#' @param x The data: a numeric matrix, sparse matrix or data frame of numbers with the same cells
#'   in rows (at least 3). It is made dense. For a fit with `preprocess`, give what entered the
#'   network (`neuralee(keep = TRUE)$data`) rather than raw counts. For a SingleCellExperiment also
#'   the name or number of a reducedDim, or the name of an assay (all its features). `NULL` stands
#'   for the reducedDim or assay, with its genes and scaling, that [runEE()] computed the map from.
#' @param labels One label per cell (factor, character or whole numbers), or `NULL`. Cells whose
#'   label is `NA` are left out of the label accuracy. For a SingleCellExperiment also the name
#'   of a column of `colData`.
#' @param k Number of neighbours, less than half of the number of cells.
#' @param cells How many cells to compare at most.
#' @param pairs How many pairs of cells to compare at most.
#' @param seed A whole number, 0 or more, for the choice of cells and pairs. R's generator is
#'   not used.
#' @param threads Number of threads; `NULL` for the default (see [neuralee-package]). The
#'   result does not depend on it.
#' @param verbose Show progress?
#' @param ... Arguments of the matrix method.
#' @return A data frame of class `neuralee_quality` with one row and the columns `n` (number of
#'   cells), `k`, `compared` (cells whose neighbours were compared), the eight measures above, and
#'   `r_nx`, a list: its entry is the curve R_NX(K), one number for each K = 1, ..., N - 2, whose
#'   area `auc_rnx` is. Bind the rows of several to compare embeddings: they print as a table
#'   (without the curves), and [plot_quality()] draws them. Drop `r_nx` before you write the table
#'   as text.
#' @section Errors:
#' `neuralee_error_input` for `k` out of range, for different numbers or names of cells in
#' `embedding`, `x` and `labels`, for an embedding of more columns than `x`, and for a reducedDim or
#' column that is not there (the message lists those there are). `neuralee_error_not_finite` for
#' `NA`, `NaN` and infinite values.
#' @references
#' Cover T, Hart P (1967). Nearest neighbor pattern classification. *IEEE Transactions on
#' Information Theory* 13, 21-27.
#'
#' Kobak D, Berens P (2019). The art of using t-SNE for single-cell transcriptomics. *Nature
#' Communications* 10, 5416.
#'
#' Lee JA, Verleysen M (2009). Quality assessment of dimensionality reduction: rank-based
#' criteria. *Neurocomputing* 72, 1431-1443.
#'
#' Lee JA, Peluffo-Ordonez DH, Verleysen M (2015). Multi-scale similarities in stochastic
#' neighbour embedding. *Neurocomputing* 169, 246-261.
#'
#' Narayan A, Berger B, Cho H (2021). Assessing single-cell transcriptomic variability through
#' density-preserving data visualization. *Nature Biotechnology* 39, 765-774.
#'
#' Venna J, Kaski S (2001). Neighborhood preservation in nonlinear projection methods: an
#' experimental study. *ICANN 2001*, 485-491.
#' @examples
#' x <- as.matrix(iris[, 1:4])
#' embedding_quality(prcomp(x)$x[, 1:2], x, labels = iris$Species)
#'
#' sce <- SingleCellExperiment::SingleCellExperiment(list(logcounts = t(x)))
#' sce <- runEE(sce, perplexity = 20, maxit = 30, verbose = FALSE)
#' rbind(embedding_quality(sce), embedding_quality(sce, "logcounts"))
#' @export
embedding_quality <- function(embedding, x, ...) {
  check_given("embedding")
  UseMethod("embedding_quality")
}

#' @rdname embedding_quality
#' @export
embedding_quality.default <- function(embedding, x, labels = NULL, k = 10, ..., cells = 2000,
                                      pairs = 100000, seed = 42L, threads = NULL,
                                      verbose = FALSE) {
  check_given()
  check_no_dots(...)
  pair <- embedding_and_data(embedding, x)
  embedding <- pair$embedding
  x <- pair$x
  n <- nrow(x)
  k <- check_count(k, "k", min = 1, max = (n - 1) %/% 2)
  cells <- check_count(cells, "cells", min = 1)
  pairs <- check_count(pairs, "pairs", min = 2)
  seed <- check_seed(seed)
  threads <- resolve_threads(threads)
  progress <- progress_reporter(check_flag(verbose, "verbose"), "quality")
  codes <- if (!is.null(labels)) label_codes(labels, n, k)

  found <- rust_call(rs_embedding_quality(embedding, x, k, cells, pairs, seed, threads, progress))
  accuracy <- NA_real_
  if (!is.null(codes)) {
    labelled <- !is.na(codes)
    accuracy <- rust_call(
      rs_label_accuracy(embedding[labelled, , drop = FALSE], codes[labelled], k, threads, progress)
    )
  }
  quality <- data.frame(
    n = n, k = k, compared = found$compared,
    neighborhood_preservation = found$neighborhood_preservation,
    trustworthiness = found$trustworthiness, auc_rnx = found$auc_rnx,
    distance_correlation = found$distance_correlation %||% NA_real_,
    density_correlation = found$density_correlation %||% NA_real_,
    label_accuracy = accuracy, compactness = map_compactness(embedding),
    spread = map_spread(embedding)
  )
  quality$r_nx <- list(found$r_nx)
  structure(quality, class = c("neuralee_quality", "data.frame"))
}

#' @rdname embedding_quality
#' @export
embedding_quality.ee_fit <- function(embedding, x, labels = NULL, ...) {
  chosen <- embedding$subset
  whole <- x
  x <- rows_of_fit(x, embedding)
  if (!identical(dim(x), dim(whole)) && length(labels) == nrow(whole)) labels <- labels[chosen]
  embedding_quality(embedding$embedding, x, labels = labels, ...)
}

# The data may be those of all cells or those of the subset that was embedded.
rows_of_fit <- function(x, fit) {
  chosen <- fit$subset
  all <- !is.null(chosen) && length(dim(x)) == 2L && nrow(x) >= max(chosen) &&
    nrow(x) > length(chosen)
  if (all) x[chosen, , drop = FALSE] else x
}

#' @rdname embedding_quality
#' @param dimred Name or number of the reducedDim to judge.
#' @export
embedding_quality.SingleCellExperiment <- function(embedding, x = NULL, labels = NULL, ...,
                                                   dimred = "EE") {
  sce <- embedding
  embedding <- reduction_of(sce, dimred)
  x <- data_of_map(sce, x, dimred)
  if (is.character(labels) && length(labels) == 1L) {
    columns <- names(SummarizedExperiment::colData(sce))
    if (!labels %in% columns) {
      abort_neuralee(
        "input", sprintf("`colData` has no column %s.", dQuote(labels, FALSE)), there_are(columns)
      )
    }
    labels <- SummarizedExperiment::colData(sce)[[labels]]
  }
  embedding_quality(embedding, x, labels = labels, ...)
}

# Cells in rows: `x` itself or what it names, NULL standing for what the map was computed from.
data_of_map <- function(sce, x, dimred) {
  if (is.null(x)) {
    recorded_source(sce, dimred)
  } else if (is.character(x) || (is.numeric(x) && is.null(dim(x)))) {
    named_source(sce, x)
  } else {
    x
  }
}

# Cells in rows: what runEE() recorded that the map was computed from.
recorded_source <- function(sce, dimred) {
  source <- attr(SingleCellExperiment::reducedDim(sce, dimred), "params")$source
  if (is.null(source)) {
    abort_neuralee(
      "input", sprintf("reducedDim %s does not record what it was computed from.", entry(dimred)),
      paste("Set `x` to the name of a reducedDim or an assay, or to the data.", known_sources(sce))
    )
  }
  from <- experiment_of(sce, source$altexp)
  if (!is.null(source$dimred)) return(reduction_of(from, source$dimred, source$n_dimred))
  values <- assay_of(from, source$assay.type)
  select_features(values, source$ntop, source$subset_row, source$scale, resolve_threads(NULL))$x
}

named_source <- function(sce, name) {
  reductions <- SingleCellExperiment::reducedDimNames(sce)
  if (is_entry(name, reductions, length(reductions))) return(reduction_of(sce, name))
  if (is.character(name) && is_entry(name, SummarizedExperiment::assayNames(sce), 0L)) {
    return(Matrix::t(as_number_matrix(SummarizedExperiment::assay(sce, name), "x")))
  }
  abort_neuralee(
    "input", sprintf("`x`: there is no reducedDim or assay %s.", entry(name)),
    paste("Set `x` to one of these, or to the data.", known_sources(sce))
  )
}

known_sources <- function(sce) {
  sprintf(
    "reducedDims: %s. Assays: %s.", list_some(SingleCellExperiment::reducedDimNames(sce)),
    list_some(SummarizedExperiment::assayNames(sce))
  )
}

# The share of the boxes over the map that hold a cell.
map_compactness <- function(embedding) {
  d <- ncol(embedding)
  if (d > 3L) return(NA_real_)
  bins <- c(2500L, 50L, 14L)[[d]]
  box <- 0
  extent <- 0
  for (axis in seq_len(d)) {
    place <- embedding[, axis] - min(embedding[, axis])
    width <- max(place)
    extent <- max(extent, width)
    # The farthest cell belongs to the last bin.
    bin <- if (width > 0) pmin(floor(place / width * bins), bins - 1L) else 0
    box <- box * bins + bin
  }
  if (extent > 0) length(unique(box)) / bins^d else NA_real_
}

# How far from the middle nine tenths of the cells are, where the farthest is at 1.
map_spread <- function(embedding) {
  far <- embedding - rep(apply(embedding, 2L, stats::median), each = nrow(embedding))
  widest <- max(abs(far))
  if (widest == 0) return(NA_real_)
  radius <- sqrt(rowSums((far / widest)^2))
  stats::quantile(radius, 0.9, names = FALSE) / max(radius)
}

# What a map keeps of the data; 1 is perfect.
kept_measures <- c(
  neighborhood_preservation = "neighborhood preservation",
  trustworthiness = "trustworthiness",
  auc_rnx = "area under R_NX",
  distance_correlation = "distance correlation",
  density_correlation = "density correlation",
  label_accuracy = "label accuracy"
)

# How its picture is filled.
picture_measures <- c(compactness = "compactness", spread = "spread")

quality_measures <- c(kept_measures, picture_measures)

#' @export
print.neuralee_quality <- function(x, ...) {
  if (nrow(x) != 1L || !all(c("n", "k", "compared", names(quality_measures)) %in% names(x))) {
    table <- structure(x, class = "data.frame")
    print(table[setdiff(names(table), "r_nx")], ...)
    return(invisible(x))
  }
  cat(sprintf(
    "Embedding of %s cells, k = %d%s; 1 is perfect\n", format(x$n, big.mark = ","), x$k,
    if (x$compared < x$n) sprintf(" (from %s cells)", format(x$compared, big.mark = ",")) else ""
  ))
  print_measures(x, kept_measures)
  if (!all(is.na(x[names(picture_measures)]))) {
    cat("Its picture; near 0: islands in white, or a few cells far from all others\n")
    print_measures(x, picture_measures)
  }
  invisible(x)
}

print_measures <- function(x, measures) {
  for (measure in names(measures)) {
    if (!is.na(x[[measure]])) cat(sprintf("  %-27s %.4f\n", measures[[measure]], x[[measure]]))
  }
}

# Both as dense matrices of the same cells.
embedding_and_data <- function(embedding, x) {
  embedding <- dense_cells(embedding, "embedding")
  x <- dense_cells(x, "x")
  check_same_cells(embedding, x)
  if (ncol(embedding) > ncol(x)) {
    abort_neuralee(
      "input",
      sprintf("`embedding` has %d columns, more than the %d of `x`.", ncol(embedding), ncol(x)),
      "Give the embedding first and the data second: are the arguments swapped?"
    )
  }
  check_squares(embedding, "embedding")
  check_squares(x, "x")
  if (nrow(x) < 3L) abort_neuralee("input", "`x` has 2 cells.", "Give at least 3 cells.")
  list(embedding = embedding, x = x)
}

# Squared distances must neither overflow nor vanish.
check_squares <- function(x, name) {
  size <- max(abs(x))
  if (size > 1e150 || (size > 0 && size < 1e-150)) {
    abort_neuralee(
      "input",
      sprintf(
        "`%s` has values of a size of %s, whose squares are beyond what a number holds.", name,
        format(size, digits = 3)
      ),
      "Bring the values to a usual scale first."
    )
  }
}

check_same_cells <- function(embedding, x) {
  if (nrow(embedding) != nrow(x)) {
    abort_neuralee(
      "input",
      sprintf("`embedding` has %d cells, but `x` has %d.", nrow(embedding), nrow(x)),
      "Give the same cells in the rows of both."
    )
  }
  if (is.null(rownames(embedding)) || is.null(rownames(x))) return(invisible())
  other <- which(rownames(embedding) != rownames(x))
  if (length(other)) {
    at <- other[[1L]]
    abort_neuralee(
      "input",
      sprintf(
        "Row %d is cell %s in `embedding`, but %s in `x`.", at,
        dQuote(rownames(embedding)[[at]], FALSE), dQuote(rownames(x)[[at]], FALSE)
      ),
      "Give the same cells in the same order."
    )
  }
}

# Whole numbers for labels, NA where there is none.
label_codes <- function(labels, n, k) {
  if (!is.atomic(labels) || !is.null(dim(labels)) || length(labels) != n) {
    abort_neuralee(
      "input", sprintf("`labels` is %s, but there are %d cells.", describe(labels), n),
      "Give a vector or factor with one label per cell."
    )
  }
  codes <- match(labels, unique(labels[!is.na(labels)]))
  if (sum(!is.na(codes)) <= k) {
    abort_neuralee(
      "input", sprintf("Only %d cells have a label, but `k` is %d.", sum(!is.na(codes)), k),
      "Label more cells or lower `k`."
    )
  }
  codes
}
