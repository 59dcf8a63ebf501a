# What the two affinities share: the neuralee_affinity object, its checks, and the
# rules for k, perplexity and neighbours that the caller found.

compute_affinity <- function(x, search, perplexity, k, neighbors, threads, verbose = FALSE,
                             call = caller_env()) {
  n <- nrow(x)
  neighbors <- check_neighbors(neighbors, n, call = call)
  k <- check_k(k, perplexity, n, neighbors, call = call)
  if (!is.null(neighbors)) {
    neighbors <- nearest_of(neighbors, k)
  }
  progress <- progress_reporter(verbose, "Affinities")
  result <- rust_call(
    rs_affinity(
      if (is.null(neighbors)) x, neighbors$index, neighbors$distance,
      as.double(perplexity), as.integer(k), search, as.integer(threads), progress
    ),
    call = call
  )
  names <- rownames(x)
  structure(
    list(
      weights = weights_matrix(result, n, names),
      log_beta = stats::setNames(result$log_beta, names),
      perplexity = stats::setNames(result$perplexity, names),
      params = list(affinity = search_name(search), perplexity = perplexity, k = k, n = n)
    ),
    class = "neuralee_affinity"
  )
}

search_name <- function(search) c(entropic = "entropic", bisection = "gaussian")[[search]]

weights_matrix <- function(slots, n, names) {
  methods::new(
    "dgCMatrix",
    p = slots$p, i = slots$i, x = slots$x, Dim = c(n, n),
    Dimnames = list(names, names)
  )
}

# Shapes, types and entries.
check_neighbors <- function(neighbors, n, call = caller_env()) {
  if (is.null(neighbors)) {
    return(NULL)
  }
  remedy <- paste(
    "Give list(index = , distance = ), two matrices with a row per cell,",
    "as BiocNeighbors::findKNN() returns them."
  )
  refuse <- function(message, remedy = NULL) abort_neuralee("input", message, remedy, call = call)
  if (!is.list(neighbors) || !all(c("index", "distance") %in% names(neighbors))) {
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
        "`neighbors$index` is %d x %d and `neighbors$distance` %d x %d; both need %d rows, one per cell.",
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
      "Give the Euclidean distance to each neighbour.",
      call = call, row = row(index)[bad[1L]], column = col(index)[bad[1L]]
    )
  }
  bad <- which(distance < 0)
  if (length(bad)) {
    refuse(sprintf("`neighbors$distance` is negative in %s.", at(bad)))
  }
  bad <- which(index == row(index))
  if (length(bad)) {
    refuse(sprintf("`neighbors$index` has the cell itself in %s.", at(bad)), "Leave each cell out of its own neighbours.")
  }
  repeated <- which(apply(index, 1L, anyDuplicated) > 0L)
  if (length(repeated)) {
    refuse(sprintf("`neighbors$index` names a cell twice in row %d.", repeated[1L]))
  }
  storage.mode(index) <- "integer"
  storage.mode(distance) <- "double"
  list(index = unname(index), distance = unname(distance))
}

# The k nearest of each cell's neighbours, whatever order they came in; ties by number.
nearest_of <- function(neighbors, k) {
  by_distance <- order(row(neighbors$index), neighbors$distance, neighbors$index)
  lapply(neighbors, function(x) {
    matrix(x[by_distance], nrow(x), byrow = TRUE)[, seq_len(k), drop = FALSE]
  })
}

# k and perplexity belong together: the entropy of k weights is at most log k, so a
# perplexity of k or more cannot be reached.
check_k <- function(k, perplexity, n, neighbors = NULL, call = caller_env()) {
  refuse <- function(message, remedy) abort_neuralee("perplexity", message, remedy, call = call)
  if (n < 3L) {
    abort_neuralee(
      "input", sprintf("`x` has %d cells; affinities need at least 3.", n),
      "Give more cells.", call = call
    )
  }
  proposal <- if (n >= 6L) (n - 1) / 3 else n / 2
  propose <- sprintf("Use perplexity = %s here.", format(proposal, digits = 3))
  if (!is.numeric(perplexity) || length(perplexity) != 1L || !is.finite(perplexity)) {
    refuse("`perplexity` must be one finite number.", "Values from 5 to 50 are usual.")
  }
  if (perplexity <= 1) {
    refuse(
      sprintf("`perplexity` must be greater than 1, not %s.", format(perplexity)),
      "Values from 5 to 50 are usual."
    )
  }
  if (perplexity >= n - 1) {
    refuse(
      sprintf(
        "`perplexity` is %s, but each of the %d cells has only %d others.",
        format(perplexity), n, n - 1L
      ),
      propose
    )
  }
  most <- if (is.null(neighbors)) n - 1L else ncol(neighbors$index)
  if (is.null(k)) {
    k <- if (is.null(neighbors)) min(n - 1, ceiling(3 * perplexity)) else most
  }
  k <- check_count(k, "k", min = 1, max = most)
  if (perplexity >= k) {
    refuse(
      sprintf("`perplexity` is %s, but it must lie below the %d neighbours in use.", format(perplexity), k),
      paste(c(
        if (most > perplexity) sprintf("Use k = %d", as.integer(min(most, ceiling(3 * perplexity)))),
        if (k > 1) sprintf("Use a perplexity of about %s", format(max(k / 3, (1 + k) / 2.5), digits = 3)),
        if (k <= 1 && most <= perplexity) "Give more neighbours"
      ), collapse = ", or: ")
    )
  }
  as.integer(k)
}

check_affinity <- function(affinity, n, call = caller_env()) {
  refuse <- function(message) {
    abort_neuralee(
      "input", message, "Make it with entropic_affinity() or gaussian_affinity() from the same cells.",
      call = call
    )
  }
  if (!inherits(affinity, "neuralee_affinity") || !inherits(affinity$weights, "Matrix")) {
    refuse(sprintf("`affinity` is %s.", describe(affinity)))
  }
  weights <- affinity$weights
  if (methods::is(weights, "sparseMatrix")) check_sparse(weights, "affinity$weights", call)
  if (!identical(dim(weights), c(n, n))) {
    refuse(sprintf(
      "`affinity` is for %d cells, but there are %d here.", nrow(weights), n
    ))
  }
  weights <- methods::as(methods::as(weights, "generalMatrix"), "CsparseMatrix")
  if (!is.numeric(weights@x) || !all(is.finite(weights@x)) || any(weights@x < 0)) {
    refuse("The weights of `affinity` must be finite and not negative.")
  }
  if (abs(sum(weights@x) - 1) > 1e-6) {
    refuse(sprintf("The weights of `affinity` must sum to 1, not %s.", format(sum(weights@x))))
  }
  if (!Matrix::isSymmetric(weights, tol = 1e-8, checkDN = FALSE)) {
    refuse("The weights of `affinity` must be symmetric.")
  }
  weights
}

#' @export
print.neuralee_affinity <- function(x, ...) {
  reached <- range(x$perplexity)
  cat(sprintf(
    "Affinities (%s) of %s cells, %d neighbours each\n",
    x$params$affinity, format(x$params$n, big.mark = ","), x$params$k
  ))
  cat(sprintf(
    "Perplexity %s asked for, %s to %s reached\n",
    format(x$params$perplexity), format(reached[1L], digits = 4), format(reached[2L], digits = 4)
  ))
  cat(sprintf(
    "Symmetric weights: %s stored, %.3g %% of all pairs\n",
    format(length(x$weights@x), big.mark = ","),
    100 * length(x$weights@x) / (as.numeric(x$params$n) * (x$params$n - 1))
  ))
  invisible(x)
}
