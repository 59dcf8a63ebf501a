#' Preprocessing that a model learns and keeps
#'
#' Says what [neuralee()] does to the features of the cells before they enter the network. What is
#' learned from the cells becomes part of the model: which features are variable, their means and
#' deviations, the loadings of principal components. So [predict()][predict.neuralee_fit] takes new
#' cells as they come: raw counts, if the model was trained on raw counts.
#'
#' The steps are taken in the order of the arguments: [log_shift()], then the features of largest
#' variance ([subsample_genes()]), then either [standard_scale()] or, with `components`,
#' [principal_components()] (`scale` brings the features to unit variance first). Sparse and delayed
#' matrices are made dense only after the last step. Cells are not brought to a common library size.
#' Where that matters, divide by size factors first, in training and for new cells alike (for
#' example by scater's `logNormCounts()`).
#'
#' @param log Replace counts by log(1 + x)?
#' @param ntop Number of features of largest variance to keep; `NULL` for all.
#' @param scale Bring the features to mean 0 and unit variance?
#' @param components Number of principal components; `NULL` for none.
#' @return An object of class `neuralee_preprocessing` for the argument `preprocess` of
#'   [neuralee()].
#' @section Errors:
#' `neuralee_error_input` for arguments of the wrong kind.
#' @examples
#' preprocessing(log = TRUE, ntop = 500, scale = TRUE)
#' preprocessing(log = TRUE, ntop = 2000, components = 50)
#' @export
preprocessing <- function(log = FALSE, ntop = NULL, scale = FALSE, components = NULL) {
  check_flag(log, "log")
  check_flag(scale, "scale")
  if (!is.null(ntop)) ntop <- check_count(ntop, "ntop", min = 1)
  if (!is.null(components)) components <- check_count(components, "components", min = 1)
  if (!is.null(ntop) && !is.null(components) && components > ntop) {
    abort_neuralee(
      "input", sprintf("`components` is %d, but `ntop` keeps %d features.", components, ntop),
      "Give no more components than features."
    )
  }
  structure(
    list(log = log, ntop = ntop, scale = scale, components = components),
    class = "neuralee_preprocessing"
  )
}

#' @export
print.neuralee_preprocessing <- function(x, ...) {
  steps <- c(
    if (x$log) "log(1 + x)", if (!is.null(x$ntop)) sprintf("the %d most variable features", x$ntop),
    if (x$scale) "unit variance",
    if (!is.null(x$components)) sprintf("%d principal components", x$components)
  )
  cat("Preprocessing:", if (length(steps)) paste(steps, collapse = ", then ") else "none", "\n")
  invisible(x)
}

check_preprocessing <- function(preprocess) {
  if (is.null(preprocess)) return(preprocessing())
  if (!inherits(preprocess, "neuralee_preprocessing")) {
    refuse_argument(preprocess, "preprocess", "NULL or what preprocessing() returns")
  }
  preprocess
}

# Takes the steps on cells in rows: `x` for the network, still sparse or delayed where the steps
# leave it so, and in `steps` what a model has to know.
learn_preprocessing <- function(x, preprocess, seed, threads, verbose) {
  steps <- no_steps(ncol(x), colnames(x))
  if (preprocess$log) {
    steps$log <- TRUE
    x <- log_values(x, "rows", threads)
  }
  if (!is.null(preprocess$ntop)) {
    chosen <- variable_genes(x, preprocess$ntop, "rows", threads)
    if (!is.null(chosen)) {
      x <- x[, chosen, drop = FALSE]
      steps <- select_steps(steps, chosen)
    }
  }
  if (!is.null(preprocess$components)) {
    scores <- components_of(
      x, "rows", preprocess$components, preprocess$scale, seed, threads, verbose
    )
    steps <- rotate_steps(
      steps, attr(scores, "centre"), if (preprocess$scale) attr(scores, "scale"),
      attr(scores, "rotation")
    )
    x <- matrix(scores, nrow(scores), dimnames = dimnames(scores))
  } else if (preprocess$scale) {
    x <- scale_genes(x, "rows", threads)
    steps$centre <- unname(attr(x, "scaled:center"))
    steps$scale <- unname(attr(x, "scaled:scale"))
  }
  list(x = x, steps = steps)
}

# What leads from the features of a cell to the inputs of a network, as the core takes it.
no_steps <- function(features, names = NULL) {
  c(
    list(features = features), name_features(names),
    list(
      selected = NULL, width = features, log = FALSE, centre = NULL, scale = NULL, rotation = NULL,
      components = 0, unit_length = FALSE
    )
  )
}

# Which of several features with one name was chosen stays known.
select_steps <- function(steps, chosen) {
  for (part in c("names", "occurrence", "copies")) steps[part] <- list(steps[[part]][chosen])
  if (all(steps$copies == 1L)) steps[c("occurrence", "copies")] <- list(NULL)
  steps$selected <- chosen
  steps$features <- length(chosen)
  steps
}

rotate_steps <- function(steps, centre, scale, rotation) {
  steps["centre"] <- list(unname(centre))
  steps["scale"] <- list(unname(scale))
  steps$rotation <- unname(as.matrix(rotation))
  steps$components <- ncol(rotation)
  steps
}
