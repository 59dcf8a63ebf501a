#' Nearest neighbours
#'
#' Finds the `k` nearest other cells of every cell, as [ee()] and [entropic_affinity()] do:
#' exactly up to 20,000 cells, approximately beyond.
#'
#' The approximate search divides the cells into groups of near cells (k-means on a sample) and
#' compares each cell with those groups whose border lies close enough. On principal components of
#' single-cell data it finds 96 to 99 % of the true neighbours. The distances of those found are
#' right to about six digits.
#'
#' @inheritParams entropic_affinity
#' @param k Number of neighbours per cell, 1 to N - 1.
#' @param search `"auto"`, `"exact"` or `"approximate"`.
#' @param verbose Show progress?
#' @return A list that `neighbors =` of [ee()] and [entropic_affinity()] takes: `index`, an N x k
#'   matrix of cell numbers, nearest first, and `distance`, their distances.
#' @section Errors:
#' `neuralee_error_input` for arguments of the wrong kind, `neuralee_error_not_finite` for NA, NaN
#' or Inf in `x`, `neuralee_error_interrupted` on Ctrl-C.
#' @section Warnings:
#' `neuralee_warning_orientation` where the names of a matrix say that it lies the wrong way, as in
#' [ee()].
#' @seealso [entropic_affinity()], [ee()].
#' @examples
#' x <- as.matrix(iris[, 1:4])
#' found <- find_neighbors(x, k = 60)
#' fit <- ee(x, neighbors = found, perplexity = 20, maxit = 30, verbose = FALSE)
#' @export
find_neighbors <- function(x, k = 60, search = c("auto", "exact", "approximate"),
                           metric = c("euclidean", "cosine"), seed = 42L, threads = NULL,
                           verbose = FALSE) {
  check_given()
  check_flag(verbose, "verbose")
  search <- match_choice(search, "search", c("auto", "exact", "approximate"))
  metric <- match_choice(metric, "metric", c("euclidean", "cosine"))
  seed <- check_seed(seed)
  x <- dense_cells(x)
  warn_orientation(x, "rows")
  k <- check_count(k, "k", min = 1, max = nrow(x) - 1L)
  x <- in_metric(x, metric)
  threads <- resolve_threads(threads)
  found <- classed_interrupts(
    rust_call(rs_neighbors(x, k, search, seed, threads, progress_reporter(verbose, "Neighbours")))
  )
  lapply(found[c("index", "distance")], function(values) {
    rownames(values) <- rownames(x)
    values
  })
}

# Cosine distance is the Euclidean one between cells scaled to length 1: its square is twice
# one minus the cosine.
in_metric <- function(x, metric) {
  if (metric == "euclidean") return(x)
  # Divided by the largest value first, so that no square overflows or vanishes.
  largest <- apply(abs(x), 1L, max)
  if (any(largest == 0)) {
    abort_neuralee(
      "input",
      sprintf("Cell %d is zero in every feature: it has no direction.", which(largest == 0)[1L]),
      "Remove such cells, or use metric = \"euclidean\".", row = which(largest == 0)[1L]
    )
  }
  x <- x / largest
  x / sqrt(rowSums(x^2))
}

# How to search, or the lists that the caller found: shapes, types and entries.
check_neighbors <- function(neighbors, n) {
  if (is.null(neighbors)) return(list(search = "auto", lists = NULL))
  if (is.character(neighbors)) {
    search <- match_choice(neighbors, "neighbors", c("auto", "exact", "approximate"))
    return(list(search = search, lists = NULL))
  }
  remedy <- paste(
    "Give list(index = , distance = ), two matrices with a row per cell, as find_neighbors() and",
    "BiocNeighbors::findKNN() return them, or a Neighbor object of Seurat."
  )
  refuse <- function(message, remedy = NULL) abort_neuralee("input", message, remedy)
  neighbors <- neighbor_lists(neighbors)
  if (is.null(neighbors)) {
    refuse("`neighbors` must be a list with the elements `index` and `distance`.", remedy)
  }
  index <- neighbors$index
  distance <- neighbors$distance
  if (!is.matrix(index) || !is.numeric(index) || !is.matrix(distance) || !is.numeric(distance)) {
    refuse("`neighbors$index` and `neighbors$distance` must be numeric matrices.", remedy)
  }
  if (nrow(index) != n || ncol(index) < 1L || !identical(dim(index), dim(distance))) {
    refuse(
      sprintf(
        paste(
          "`neighbors$index` is %d x %d and `neighbors$distance` %d x %d; both need %d rows, one",
          "per cell."
        ),
        nrow(index), ncol(index), nrow(distance), ncol(distance), n
      ),
      remedy
    )
  }
  bad <- which(is.na(index) | index < 1 | index > n | index != trunc(index))
  if (length(bad)) {
    refuse(sprintf(
      "`neighbors$index` must hold whole numbers from 1 to %d; row %d, column %d is %s.",
      n, row(index)[bad[1L]], col(index)[bad[1L]], format(index[bad[1L]])
    ))
  }
  at <- function(bad) sprintf("row %d, column %d", row(index)[bad[1L]], col(index)[bad[1L]])
  bad <- which(!is.finite(distance))
  if (length(bad)) {
    abort_neuralee(
      "not_finite",
      sprintf("`neighbors$distance` has the value %s in %s.", format(distance[bad[1L]]), at(bad)),
      "Give the Euclidean distance to each neighbour.", row = row(index)[bad[1L]],
      column = col(index)[bad[1L]]
    )
  }
  bad <- which(distance < 0)
  if (length(bad)) refuse(sprintf("`neighbors$distance` is negative in %s.", at(bad)))
  # Seurat, uwot and RANN list every cell as its own first neighbour.
  if (ncol(index) > 1L && mean(index[, 1L] == seq_len(n)) > 0.5) {
    kept <- without_self(index, distance)
    index <- kept$index
    distance <- kept$distance
  }
  bad <- which(index == row(index))
  if (length(bad)) {
    refuse(
      sprintf("`neighbors$index` has the cell itself in %s.", at(bad)),
      "Leave each cell out of its own neighbours."
    )
  }
  storage.mode(index) <- "integer"
  storage.mode(distance) <- "double"
  list(search = "auto", lists = list(index = unname(index), distance = unname(distance)))
}

# The two matrices, whatever the package that made them calls them; NULL if there are none.
neighbor_lists <- function(neighbors) {
  if (methods::is(neighbors, "Neighbor")) {
    return(
      list(
        index = methods::slot(neighbors, "nn.idx"), distance = methods::slot(neighbors, "nn.dist")
      )
    )
  }
  if (!is.list(neighbors)) return(NULL)
  if (is.null(names(neighbors)) && length(neighbors) == 2L) {
    return(list(index = neighbors[[1L]], distance = neighbors[[2L]]))
  }
  # BiocNeighbors; uwot; FNN and dbscan; RANN.
  known <- list(
    c("index", "distance"), c("idx", "dist"), c("nn.index", "nn.dist"), c("nn.idx", "nn.dists")
  )
  for (pair in known) {
    if (all(pair %in% names(neighbors))) {
      return(list(index = neighbors[[pair[1L]]], distance = neighbors[[pair[2L]]]))
    }
  }
  NULL
}

# Leaves each cell out of its own list. A cell that more than k twins have pushed out of it
# loses its farthest neighbour instead.
without_self <- function(index, distance) {
  n <- nrow(index)
  k <- ncol(index)
  own <- max.col(index == row(index), ties.method = "first")
  own[index[cbind(seq_len(n), own)] != seq_len(n)] <- k
  kept <- t(matrix(TRUE, n, k))
  kept[cbind(own, seq_len(n))] <- FALSE
  without <- function(x) matrix(t(x)[kept], n, k - 1L, byrow = TRUE)
  list(index = without(index), distance = without(distance))
}

# The k nearest of each cell's neighbours, whatever order they came in; ties by number.
nearest_of <- function(neighbors, k) {
  by_distance <- order(row(neighbors$index), neighbors$distance, neighbors$index)
  lapply(neighbors, function(x) {
    matrix(x[by_distance], nrow(x), byrow = TRUE)[, seq_len(k), drop = FALSE]
  })
}
