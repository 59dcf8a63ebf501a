# What the two affinities share: the neuralee_affinity object, its checks, and the
# rules for k, perplexity and neighbours that the caller found.

affinity_of_cells <- function(x, affinity, perplexity, k, neighbors, metric, seed, threads) {
  metric <- match_choice(metric, "metric", c("euclidean", "cosine"))
  seed <- check_seed(seed)
  x <- dense_cells(x)
  warn_orientation(x, "rows")
  compute_affinity(x, affinity, perplexity, k, neighbors, metric, seed, resolve_threads(threads))
}

compute_affinity <- function(x, affinity, perplexity, k, neighbors, metric, seed, threads) {
  x <- in_metric(x, metric)
  attraction <- attraction_of(x, affinity, perplexity, k, neighbors)
  options <- c(list(d = 1L, seed = seed, memory = memory_limit()), attraction$options)
  result <- rust_call(rs_affinity(x, attraction$given$neighbors, options, threads))
  names <- rownames(x)
  structure(
    list(
      weights = weights_matrix(result, nrow(x), names),
      log_beta = stats::setNames(result$log_beta, names),
      perplexity = stats::setNames(result$perplexity, names),
      params = c(attraction$params, list(n = nrow(x), metric = metric))
    ),
    class = "neuralee_affinity"
  )
}

# Where the attractive weights of a run come from: what the core is `given`, its `options`, and the
# `params` that a fit tells of them. `parts`: are there batches with affinities of their own?
attraction_of <- function(x, affinity, perplexity, k, neighbors, parts = FALSE) {
  n <- nrow(x)
  if (inherits(affinity, "neuralee_affinity")) {
    weights <- check_affinity(affinity, n)
    params <- affinity$params[c("affinity", "perplexity", "k")]
    # Only batches that are problems of their own still search for neighbours.
    if (!parts) k <- neighbors <- NULL
    if (!is.null(k)) k <- check_count(k, "k", min = 1)
    search <- check_neighbors(neighbors, n)$search
    return(list(
      given = list(affinity = list(p = weights@p, i = weights@i, x = weights@x)),
      options = neighbor_options(params$affinity, params$perplexity, k, search), params = params
    ))
  }
  affinity <- check_solver(affinity)
  found <- check_neighbors(neighbors, n)
  count <- check_k(k, perplexity, n, found$lists)
  lists <- found$lists
  if (!is.null(lists) && count < ncol(lists$index)) lists <- nearest_of(lists, count)
  list(
    given = list(neighbors = lists),
    options = neighbor_options(affinity, perplexity, k, found$search),
    params = list(affinity = affinity, perplexity = perplexity, k = count)
  )
}

# An affinity that is given has the metric in which it was computed.
metric_of <- function(affinity, metric) {
  if (!inherits(affinity, "neuralee_affinity")) return(metric)
  known <- if (is.list(affinity) && is.list(affinity$params)) affinity$params$metric
  known %||% "euclidean"
}

# How the width of each cell's neighbourhood is found. In version 0.1.0 "bisection" was "gaussian",
# and fits of that version say so.
check_solver <- function(affinity) {
  if (identical(affinity, "gaussian")) {
    inform_moved("affinity = \"gaussian\"", "affinity = \"bisection\"")
    affinity <- "bisection"
  }
  match_choice(affinity, "affinity", c("entropic", "bisection"))
}

# `k` is NULL for three times the perplexity, of all cells and of those of a batch.
neighbor_options <- function(affinity, perplexity, k, neighbors) {
  solver <- if (identical(affinity, "entropic")) "newton" else "bisection"
  list(
    affinity = list(perplexity = perplexity, k = k, solver = solver),
    neighbors = if (is.character(neighbors)) neighbors else "auto"
  )
}

# Bytes that an embedding may take: what the user allows, or NULL for what is free.
memory_limit <- function() {
  limit <- getOption("neuralee.max_memory_gb")
  if (is.null(limit)) return(NULL)
  # More than 2^53 bytes no machine has, and no double counts.
  limit <- check_number(limit, "options(neuralee.max_memory_gb)", above = 0)
  min(floor(1024^3 * limit), 2^53)
}

weights_matrix <- function(slots, n, names) {
  methods::new(
    "dgCMatrix", p = slots$p, i = slots$i, x = slots$x, Dim = c(n, n), Dimnames = list(names, names)
  )
}

# k and perplexity belong together: the entropy of k weights is at most log k, so a
# perplexity of k or more cannot be reached.
check_k <- function(k, perplexity, n, neighbors = NULL) {
  refuse <- function(message, remedy) abort_neuralee("perplexity", message, remedy)
  if (n < 3L) {
    abort_neuralee(
      "input", sprintf("`x` has %d cells; affinities need at least 3.", n), "Give more cells."
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
  if (is.null(k)) k <- if (is.null(neighbors)) min(n - 1, ceiling(3 * perplexity)) else most
  k <- check_count(k, "k", min = 1, max = most)
  if (perplexity >= k) {
    refuse(
      sprintf(
        "`perplexity` is %s, but it must lie below the %d neighbours in use.", format(perplexity), k
      ),
      paste(c(
        if (most > perplexity) sprintf("Use k = %.0f", min(most, ceiling(3 * perplexity))),
        if (k > 1) sprintf(
          "Use a perplexity of about %s", format(max(k / 3, (1 + k) / 2.5), digits = 3)
        ),
        if (k <= 1 && most <= perplexity) "Give more neighbours"
      ), collapse = ", or: ")
    )
  }
  as.integer(k)
}

check_affinity <- function(affinity, n) {
  refuse <- function(message) {
    abort_neuralee(
      "input", message,
      "Make it with entropic_affinity() or gaussian_affinity() from the same cells."
    )
  }
  if (!inherits(affinity, "neuralee_affinity") || !is.list(affinity) ||
    !inherits(affinity$weights, "Matrix")) {
    refuse(sprintf("`affinity` is %s.", describe(affinity)))
  }
  params <- affinity$params
  among <- function(name, choices) length(params[[name]]) == 1L && params[[name]] %in% choices
  sound <- is.list(params) && is_number(params$perplexity) && is_number(params$k) &&
    among("affinity", c("entropic", "bisection", "gaussian")) &&
    (is.null(params$metric) || among("metric", c("euclidean", "cosine")))
  if (!sound) refuse("The settings in `affinity$params` were changed.")
  weights <- affinity$weights
  if (methods::is(weights, "sparseMatrix")) check_sparse(weights, "affinity$weights")
  if (!identical(dim(weights), c(n, n))) {
    refuse(sprintf("`affinity` is for %d cells, but there are %d here.", nrow(weights), n))
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
