#' Elastic embedding of a matrix or a SingleCellExperiment
#'
#' Computes an elastic embedding from an assay or from an existing dimension reduction,
#' with the arguments of scater's `calculateUMAP()`. [runEE()] stores the result in the
#' object.
#'
#' A matrix has features in rows and cells in columns, unless `transposed`. Without
#' `subset_row` the `ntop` rows of largest variance are used. `dimred` takes the cells'
#' coordinates from a reduction instead, such as `"PCA"`; features are then not selected
#' or scaled.
#'
#' @param x A numeric matrix (dense, `dgCMatrix` or DelayedMatrix), a SummarizedExperiment
#'   or a SingleCellExperiment.
#' @param ncomponents Number of dimensions, 1 to 50.
#' @param ntop Number of features of largest variance to use.
#' @param subset_row Features to use instead: names, numbers or a logical vector.
#' @param scale Bring the features to unit variance?
#' @param transposed Does `x` have cells in rows?
#' @param exprs_values,assay.type Name or number of the assay.
#' @param dimred Name or number of the reduction to start from, or `NULL` for an assay.
#' @param n_dimred How many of its dimensions, or which ones; `NULL` for all.
#' @param altexp Name or number of the alternative experiment to use instead of the main one.
#' @param BNPARAM `NULL`. neuralee searches neighbours itself (see [find_neighbors()]); give
#'   neighbours found otherwise as `neighbors = BiocNeighbors::findKNN(...)`.
#' @param threads Number of threads, as in [ee()].
#' @param BPPARAM A BiocParallelParam whose number of workers sets the number of threads
#'   instead, or `NULL`.
#' @param ... For the container methods, arguments of the matrix method; for that,
#'   arguments of [ee()] such as `lambda`, `perplexity`, `seed` or `verbose` (not `size`:
#'   subset the object instead).
#' @return A matrix of class `reduced.dim.matrix` with a row per cell and columns `EE1`, `EE2`,
#'   …; its attributes `loss`, `trace`, `timing` and `params` are those of [ee()], `trace` and
#'   `params` as objects that print in a line (`as.data.frame()` and `unclass()` show all of
#'   them). For a container `params$source` says what the map was computed from. They
#'   survive subsetting. On `cbind` of two objects they survive where they are identical;
#'   otherwise SingleCellExperiment drops them with a warning.
#' @section Errors:
#' Those of [ee()]; `neuralee_error_input` for an assay, reduction, alternative experiment or
#' row that is not there (the message lists those there are), and for an argument that no
#' function takes (the message names the nearest one).
#' @inherit ee references
#' @examples
#' counts <- t(as.matrix(iris[, 1:4]))
#' map <- calculateEE(counts, perplexity = 20, maxit = 30, verbose = FALSE)
#' head(map)
#' @importClassesFrom Matrix dgCMatrix
#' @export
calculateEE <- function(x, ...) UseMethod("calculateEE")

#' @rdname calculateEE
#' @export
calculateEE.default <- function(x, ncomponents = 2, ntop = 500, subset_row = NULL, scale = FALSE,
                                transposed = FALSE, ..., threads = NULL, BNPARAM = NULL,
                                BPPARAM = NULL) {
  call <- quote(calculateEE())
  check_flag(transposed, "transposed", call = call)
  given <- list(...)
  check_dot_names(names(given) %||% rep("", length(given)), known_arguments(calculateEE.default), call = call)
  perplexity <- given$perplexity %||% 30
  if (!transposed && length(dim(x)) == 2L && is_number(perplexity) && perplexity >= ncol(x) - 1 &&
    !inherits(given$affinity, "neuralee_affinity")) {
    abort_neuralee(
      "perplexity",
      sprintf("`x` has %d columns: too few cells for a perplexity of %s.", ncol(x), format(perplexity)),
      "If `x` has its cells in rows, set transposed = TRUE; else lower `perplexity`.",
      call = call
    )
  }
  embed_values(
    x, NULL,
    ncomponents = ncomponents, ntop = ntop, subset_row = subset_row, scale = scale, transposed = transposed,
    ..., threads = threads, BNPARAM = BNPARAM, BPPARAM = BPPARAM
  )
}

# `source` says where in a container `x` comes from; it is kept with the settings.
embed_values <- function(x, source, ncomponents = 2, ntop = 500, subset_row = NULL, scale = FALSE,
                         transposed = FALSE, ..., threads = NULL, BNPARAM = NULL, BPPARAM = NULL) {
  call <- quote(calculateEE())
  d <- check_dimension(ncomponents, "ncomponents", call = call)
  check_flag(scale, "scale", call = call)
  if (!is.null(BNPARAM)) {
    abort_neuralee(
      "input", "`BNPARAM` is not supported: neighbours are searched by neuralee itself.",
      "Leave it NULL, or give neighbors = BiocNeighbors::findKNN(...) from your search.",
      call = call
    )
  }
  if ("size" %in% names(list(...))) {
    abort_neuralee(
      "input", "`size` would embed only some of the cells.", "Subset the object first.", call = call
    )
  }
  if ("keep" %in% names(list(...))) {
    abort_neuralee(
      "input", "`keep` is for fits of ee(): a reduced dimension holds the map alone.",
      "Use ee() where new cells are to be placed.", call = call
    )
  }
  threads <- resolve_threads(threads, BPPARAM = BPPARAM, call = call)
  if (!transposed) {
    x <- select_features(x, ntop, subset_row, scale, threads, call = call)
    source <- if (!is.null(source)) c(source, list(ntop = ntop, subset_row = subset_row, scale = scale))
  }
  fit <- ee(x, d = d, threads = threads, ...)
  SingleCellExperiment::reduced.dim.matrix(
    fit$embedding,
    loss = fit$loss, trace = new_ee_trace(fit$trace), timing = fit$timing,
    params = new_ee_params(c(fit$params, list(source = source)))
  )
}

# The arguments that a method takes by name, with those that it passes on to ee().
known_arguments <- function(...) {
  methods <- lapply(list(...), function(method) names(formals(method)))
  setdiff(unique(c(unlist(methods), names(formals(ee)))), c("x", "d", "..."))
}

# The chosen and scaled features as a dense matrix, cells in rows. Only the chosen rows of
# a file-backed matrix are read into memory as a whole.
select_features <- function(x, ntop, subset_row, scale, threads, call = caller_env()) {
  x <- keep_features(as_number_matrix(x, "x", call), ntop, subset_row, threads, call = call)
  if (scale) {
    x <- x / gene_moments(x, "columns", threads, call)$scale
  }
  dense_cells(Matrix::t(x), call = call)
}

# The rows that `subset_row` names, or those of largest variance.
keep_features <- function(x, ntop, subset_row, threads, call = caller_env()) {
  rows <- if (is.null(subset_row)) {
    ntop <- check_count(ntop, "ntop", min = 1, call = call)
    # A file need not be read to keep all.
    if (is_delayed(x) && ntop >= nrow(x)) NULL else variable_genes(x, ntop, "columns", threads, call)
  } else {
    find_rows(x, subset_row, call = call)
  }
  if (is.null(rows)) x else x[rows, , drop = FALSE]
}

find_rows <- function(x, subset_row, call = caller_env()) {
  n <- nrow(x)
  if (is.character(subset_row)) {
    rows <- match(subset_row, rownames(x))
    if (anyNA(rows)) {
      abort_neuralee(
        "input", sprintf("`subset_row` names rows that are not there: %s.", list_some(subset_row[is.na(rows)])),
        there_are(rownames(x), "The rows of `x` carry no names."), call = call
      )
    }
  } else if (is.logical(subset_row) && length(subset_row) == n && !anyNA(subset_row)) {
    rows <- which(subset_row)
  } else {
    rows <- subset_row
  }
  if (!is.numeric(rows) || !length(rows) || anyNA(rows) || any(rows < 1 | rows > n | rows != trunc(rows))) {
    abort_neuralee(
      "input", sprintf("`subset_row` must name rows, number them from 1 to %d or be logical of that length.", n),
      call = call
    )
  }
  rows
}

#' @rdname calculateEE
#' @export
calculateEE.SummarizedExperiment <- function(x, ..., exprs_values = "logcounts", assay.type = exprs_values) {
  call <- quote(calculateEE())
  check_container_dots(list(...), "assay.type", call)
  embed_values(assay_of(x, assay.type, call = call), list(assay.type = assay.type), ...)
}

#' @rdname calculateEE
#' @export
calculateEE.SingleCellExperiment <- function(x, ..., exprs_values = "logcounts", assay.type = exprs_values,
                                             dimred = NULL, n_dimred = NULL, altexp = NULL) {
  call <- quote(calculateEE())
  check_container_dots(list(...), c("assay.type", "dimred", "n_dimred", "altexp"), call)
  x <- experiment_of(x, altexp, call = call)
  if (is.null(dimred)) {
    values <- assay_of(x, assay.type, call = call)
    return(embed_values(values, list(assay.type = assay.type, altexp = altexp), ...))
  }
  values <- reduction_of(x, dimred, n_dimred, call = call)
  source <- list(dimred = dimred, n_dimred = n_dimred, altexp = altexp)
  embed_values(values, source, transposed = TRUE, ...)
}

check_container_dots <- function(given, own, call) {
  known <- setdiff(c(own, known_arguments(calculateEE.default)), "transposed")
  check_dot_names(names(given) %||% rep("", length(given)), known, call = call)
}

assay_of <- function(x, assay.type, call = caller_env()) {
  names <- SummarizedExperiment::assayNames(x)
  if (!is_entry(assay.type, names, length(SummarizedExperiment::assays(x, withDimnames = FALSE)))) {
    abort_neuralee(
      "input", sprintf("There is no assay %s.", entry(assay.type)),
      there_are(names, "There are no named assays: name them with assayNames().", "Set assay.type"), call = call
    )
  }
  SummarizedExperiment::assay(x, assay.type)
}

reduction_of <- function(x, dimred, n_dimred = NULL, call = caller_env()) {
  names <- if (methods::is(x, "SingleCellExperiment")) SingleCellExperiment::reducedDimNames(x)
  if (!is_entry(dimred, names, length(names))) {
    abort_neuralee(
      "input", sprintf("There is no reducedDim %s.", entry(dimred)),
      there_are(names, "There are none yet: run runEE() first, or runPCA() of scater.", "Set dimred"), call = call
    )
  }
  y <- SingleCellExperiment::reducedDim(x, dimred)
  if (is.null(n_dimred)) {
    return(as.matrix(y))
  }
  chosen <- if (length(n_dimred) == 1L) seq_len(check_count(n_dimred, "n_dimred", min = 1, call = call)) else n_dimred
  if (!is.numeric(chosen) || anyNA(chosen) || any(!chosen %in% seq_len(ncol(y)))) {
    abort_neuralee(
      "input", sprintf("`n_dimred` must ask for some of the %d dimensions of %s.", ncol(y), entry(dimred)),
      call = call
    )
  }
  as.matrix(y[, chosen, drop = FALSE])
}

experiment_of <- function(x, altexp, call = caller_env()) {
  if (is.null(altexp)) {
    return(x)
  }
  names <- SingleCellExperiment::altExpNames(x)
  if (!is_entry(altexp, names, length(names))) {
    abort_neuralee(
      "input", sprintf("There is no alternative experiment %s.", entry(altexp)),
      there_are(names, "There are none.", "Set altexp"), call = call
    )
  }
  SingleCellExperiment::altExp(x, altexp)
}

is_entry <- function(which, names, count) {
  length(which) == 1L && !is.na(which) &&
    ((is.character(which) && which %in% names) || (is.numeric(which) && which %in% seq_len(count)))
}

entry <- function(which) if (is.character(which)) paste0("\"", which, "\"", collapse = ", ") else toString(which)
