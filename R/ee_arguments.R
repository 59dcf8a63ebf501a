# Checks of the arguments that ee() and the functions around it share.

match_choice <- function(x, name, choices) {
  if (identical(x, choices)) return(choices[1L])
  if (!is.character(x) || length(x) != 1L || is.na(x) || !x %in% choices) {
    refuse_argument(x, name, paste("one of", list_some(choices)))
  }
  x
}

check_dimension <- function(d, name = "d") {
  ok <- is.numeric(d) && length(d) == 1L && is.finite(d) && d == trunc(d) && d >= 1 && d <= 50
  if (!ok) {
    wanted <- "one whole number from 1 to 50: 2 for a map on paper, 3 for one in space"
    refuse_argument(d, name, wanted, "dimension")
  }
  as.integer(d)
}

# Checks the arguments that ee(), ee_path() and neuralee() share, as they are `given`; `repulsion`
# is that of check_repulsion().
check_run <- function(given, repulsion) {
  given$begin <- seconds_now()
  check_flag(given$verbose, "verbose")
  check_flag(given$keep, "keep")
  given$repulsion <- repulsion
  warn_fixed_lambda(repulsion)
  given$metric <- match_choice(given$metric, "metric", c("euclidean", "cosine"))
  given$seed <- check_seed(given$seed)
  given$threads <- resolve_threads(given$threads)
  given
}

# How cells repel: the kernel, and the weights that a run takes in turn, of the repulsion or with
# `share` of its logarithm; and the other terms of E. A number for `lambda` chooses the kernel that
# it was published for, unless the caller chose one.
check_repulsion <- function(kernel, lambda, agreement, uniform, densities) {
  numbers <- is.numeric(lambda) && !inherits(lambda, "neuralee_share")
  if (identical(kernel, c("student", "gaussian")) && numbers) kernel <- "gaussian"
  kernel <- match_choice(kernel, "kernel", c("student", "gaussian"))
  path <- if (is.null(lambda)) {
    "auto"
  } else if (identical(lambda, "auto")) {
    "found"
  } else if (is.character(lambda)) {
    refuse_argument(lambda, "lambda", 'numbers of at least 0, "auto" or a repulsion_share()')
  } else if (inherits(lambda, "neuralee_share")) {
    list(share = check_weights(unclass(lambda), "lambda", "above 0", above = 0))
  } else {
    list(lambda = check_weights(lambda, "lambda", "of at least 0", min = 0))
  }
  usual <- rust_call(rs_repulsion(kernel, path))
  if (!is.null(agreement)) usual$agreement <- check_number(agreement, "agreement", min = 0)
  if (!is.null(uniform)) usual$uniform <- check_number(uniform, "uniform", min = 0, max = 0.999)
  if (!is.null(densities)) usual$densities <- check_number(densities, "densities", min = 0)
  c(list(kernel = kernel), usual)
}

# Heavy tails with a lambda that does not follow from the map are seldom what is wanted.
warn_fixed_lambda <- function(repulsion) {
  if (repulsion$kernel != "student" || repulsion$share) return(invisible())
  warn_neuralee("lambda", c(
    sprintf("`lambda` is %s, but with heavy tails the map finds it.", format(repulsion$lambda[1L])),
    i = "Leave `lambda` out for the map that keeps most, or set kernel = \"gaussian\"."
  ))
}

# The same in the words of the core.
repulsion_options <- function(repulsion) {
  weights <- stats::setNames(list(repulsion$lambda), if (repulsion$share) "share" else "lambda")
  list(
    kernel = repulsion$kernel, repulsion = weights, agreement = repulsion$agreement,
    uniform = repulsion$uniform, densities = repulsion$densities
  )
}

# What a fit tells of its repulsion: `lambda`, given or reached, and whatever else is not the usual.
repulsion_settings <- function(repulsion, trace) {
  path <- if (length(repulsion$lambda) > 1L) repulsion$lambda
  last <- repulsion$lambda[[length(repulsion$lambda)]]
  list(
    kernel = repulsion$kernel, lambda = if (repulsion$share) trace$lambda[[nrow(trace)]] else last,
    share = if (repulsion$share) last, lambda_path = path, agreement = repulsion$agreement,
    uniform = repulsion$uniform, densities = repulsion$densities
  )
}

# Weights of the repulsion or shares of its logarithm, one or several; `...` are the bounds of each.
# Objects of the class of shares may have been changed by hand.
check_weights <- function(values, name, wanted, ...) {
  if (!is.numeric(values) || is.object(values) || !length(values) || !is.null(dim(values))) {
    refuse_argument(values, name, paste0("one number ", wanted, ", or several to take in turn"))
  }
  names <- if (length(values) > 1L) sprintf("%s[%d]", name, seq_along(values)) else name
  for (i in seq_along(values)) check_number(values[[i]], names[[i]], ...)
  as.double(values)
}

# How much each of `n` cells counts, and only for those of a subset; `cells` are their names.
check_cell_weights <- function(weights, n, cells, subset = NULL) {
  if (is.null(weights)) return(NULL)
  if (!is.numeric(weights) || is.factor(weights) || length(dim(weights)) > 1L) {
    refuse_argument(weights, "weights", "NULL or a number above 0 for each cell")
  }
  if (length(weights) != n) {
    abort_neuralee(
      "input", sprintf("`weights` is of length %d, but there are %d cells.", length(weights), n),
      "Give one number above 0 for each cell."
    )
  }
  # Names may be those of groups, as in 1 / table(type)[type].
  named <- names(weights)
  if (!is.null(named) && !identical(named, cells) && setequal(named, cells)) {
    abort_neuralee(
      "input", "The names of `weights` are in another order than the cells.",
      "Take weights[rownames(x)]."
    )
  }
  wrong <- which(!is.finite(weights) | weights <= 0)
  if (length(wrong)) {
    abort_neuralee(
      "input", sprintf("`weights` has %s at cell %d.", format(weights[[wrong[1L]]]), wrong[1L]),
      "Give each cell a finite number above 0."
    )
  }
  weights <- as.double(weights)
  if (is.null(subset)) weights else weights[subset]
}

# Elastic embedding repels cells by their distance in all features, so that a sparse
# matrix has to be made dense and a DelayedMatrix read. The limit keeps a whole
# transcriptome of a million cells from taking the machine down before a gene selection
# was made.
dense_cells <- function(x, name = "x") {
  densify(check_cells(x, name), name)
}

# Of a DelayedMatrix only the chosen `rows` are read.
densify <- function(x, name = "x", rows = NULL) {
  if (is_delayed(x) && !is.null(rows)) x <- x[rows, , drop = FALSE]
  if (is.matrix(x)) return(x)
  gigabytes <- prod(as.numeric(dim(x))) * 8 / 1024^3
  limit <- check_number(
    getOption("neuralee.max_dense_gb", 8), "options(neuralee.max_dense_gb)", above = 0
  )
  if (gigabytes > limit) {
    abort_neuralee(
      "memory",
      sprintf(
        "`%s` (%s x %s, %s) would take %.3g GB as a dense matrix; the limit is %s GB.",
        name, format(nrow(x), big.mark = ","), format(ncol(x), big.mark = ","),
        if (is_delayed(x)) "on disk or delayed" else "sparse", gigabytes, format(limit)
      ),
      paste(
        "Select variable genes with subsample_genes()",
        "or give principal components (principal_components()),",
        "or raise options(neuralee.max_dense_gb = )."
      )
    )
  }
  if (is_delayed(x)) read_whole(x, name, rows) else as.matrix(x)
}

# How many of `n` cells are asked for. A number in (0, 1] is a fraction of them, a whole number from
# 2 on a count.
subset_count <- function(n, size) {
  if (!is_number(size) || size <= 0 || (size > 1 && (size != trunc(size) || size > n))) {
    wanted <- sprintf("a fraction in (0, 1] or a whole number of cells from 2 to %d", n)
    refuse_argument(size, "size", wanted)
  }
  # As doubles, 0.29 * 100 is a little less than 29.
  if (size <= 1) floor(signif(size * n, 12)) else as.double(size)
}

choose_subset <- function(n, size, seed) {
  count <- subset_count(n, size)
  if (count == n) return(NULL)
  if (count < 3) {
    abort_neuralee(
      "input",
      sprintf("`size` leaves %d of the %d cells; at least 3 are needed.", as.integer(count), n),
      "Raise `size`."
    )
  }
  rust_call(rs_sample(as.double(n), count, seed))
}

# Only the chosen cells, where there are any; a DelayedMatrix is left to be read in part.
subset_cells <- function(x, subset, neighbors, affinity) {
  if (is.null(subset)) return(x)
  if ((!is.null(neighbors) && !is.character(neighbors)) ||
    inherits(affinity, "neuralee_affinity")) {
    abort_neuralee(
      "input", "`neighbors` and an affinity object are for all cells, but `size` takes a subset.",
      "Take the subset of `x` first and compute them on it."
    )
  }
  if (is_delayed(x)) x else x[subset, , drop = FALSE]
}

# The name of a start, or a matrix that is given, with its rows for the chosen cells.
check_init <- function(init, n, subset, d, choices = c("pca", "spectral", "random")) {
  if (is.character(init)) return(list(name = match_choice(init, "init", choices), matrix = NULL))
  if (!is.matrix(init) || !is.numeric(init)) {
    abort_neuralee(
      "input", sprintf("`init` is %s.", describe(init)),
      sprintf(
        "Give %s or a numeric matrix with a row per cell.",
        paste(dQuote(choices, FALSE), collapse = ", ")
      )
    )
  }
  wanted <- c(n, length(subset))
  if (!nrow(init) %in% wanted || ncol(init) != d) {
    abort_neuralee(
      "input",
      sprintf(
        "`init` is %d x %d, but %d cells and d = %d need %d x %d.", nrow(init), ncol(init), n, d, n,
        d
      )
    )
  }
  bad <- which(!is.finite(init))
  if (length(bad)) {
    abort_neuralee(
      "not_finite",
      sprintf(
        "`init` has a value that is not finite in row %d, column %d.", row(init)[bad[1L]],
        col(init)[bad[1L]]
      )
    )
  }
  if (!is.null(subset) && nrow(init) == n) init <- init[subset, , drop = FALSE]
  storage.mode(init) <- "double"
  list(name = "matrix", matrix = unname(init))
}

check_callback <- function(callback, arguments) {
  if (is.null(callback)) return(NULL)
  wanted <- sprintf("NULL or a function of %s", arguments)
  if (!is.function(callback)) refuse_argument(callback, "callback", wanted)
  taken <- formals(args(callback))
  if (!"..." %in% names(taken) && length(taken) < 3L) {
    abort_neuralee(
      "input", "`callback` does not take three arguments.", sprintf("Give %s.", wanted)
    )
  }
  callback
}
