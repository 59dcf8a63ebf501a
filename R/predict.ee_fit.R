#' Place new cells on a map
#'
#' Finds places for cells that were not there when a map was made. The map stays as it is. Each new
#' cell is pulled towards its nearest neighbours among the cells of the map and pushed away from all
#' of them, as in [ee()]. New cells do not feel each other, unless they are placed `together`.
#'
#' A new cell with inputs y and entropic affinities \eqn{p_m} to its `k` nearest cells on the map
#' goes to a minimum of \deqn{f(x) = \sum_m p_m \|x - x_m\|^2 + \lambda N / S \sum_m \|y - y_m\|^2
#' \exp(-\|x - x_m\|^2)} with \eqn{S = \sum_{nm} \|y_n - y_m\|^2}, starting from the mean of these
#' neighbours. With `kernel = "student"` the terms are those of [ee()] with that kernel. The cell
#' then starts at the neighbour that is pulled least by the others. Perplexity, `k`, `lambda` and
#' `metric` are those of the fit. The result for a cell does not depend on the other new cells or
#' the number of threads. With `weights` a cell of the map repels as often as its weight says, and a
#' new cell has the weight of its nearest neighbour.
#'
#' With `together = TRUE` that is where the new cells start. They then go to a minimum of E of all
#' cells, old and new (see [ee()]), as a function of the new cells' places alone. Neighbours are
#' searched among all cells, so that new cells which are neighbours come together, and a place
#' depends on the other new cells. A group of more than `k` cells that the map does not have lies
#' apart; how far says nothing. The search ends after 200 iterations at the latest. It takes about
#' as long as `ee()` of all cells, started from a nearly finished map.
#'
#' The sum over the cells of a map of more than 1,000 is read from a grid, as in [ee()]
#' (`method = "grid"`), where that is less work. With `kernel = "student"` a place is then off the
#' minimum by some tenth of the kernel's width, or in another of close minima.
#'
#' @param object A fit of [ee()].
#' @param newdata New cells in rows, with the features of the fit in columns, brought to the same
#'   scale. For principal components, project the new cells onto the loadings of the old ones.
#' @param data The cells that the map was made from, N x D, as they were given to [ee()] (only those
#'   of the subset where `size` was used). `NULL` takes those that `ee(keep = TRUE)` put into the
#'   fit.
#' @param missing What features of the map get that `newdata` lacks: `"error"` refuses such cells,
#'   `"zero"` puts 0 there, `"mean"` their mean over the cells of the map (not with cosine
#'   distances). A warning of class `neuralee_warning_missing_features` names them.
#' @param together Place the new cells by each other too, not only by those of the map?
#' @param threads Number of threads, as in [ee()].
#' @param verbose Show progress?
#' @param ... Not used.
#' @return A matrix with a row for every row of `newdata` and the columns of the embedding.
#' @inheritSection predict.neuralee_fit Features
#' @section Errors:
#' `neuralee_error_input` where the fit keeps no data and none are given, and where features or
#' cells do not match. `neuralee_error_not_finite` for NA, NaN or Inf. `neuralee_error_memory` where
#' the cells are too many to be placed together (`options(neuralee.max_memory_gb = )`, as in
#' [ee()]); `neuralee_error_interrupted` on Ctrl-C.
#' @references Carreira-Perpinan (2010), "The elastic embedding algorithm for dimensionality
#'   reduction", ICML, section 5 (out-of-sample extension).
#' @seealso [ee()].
#' @examples
#' x <- as.matrix(iris[, 1:4])
#' old <- seq(1, 150, by = 2)
#' fit <- ee(x[old, ], perplexity = 15, lambda = 10, keep = TRUE, verbose = FALSE)
#' head(predict(fit, x[-old, ]))
#' head(predict(fit, x[-old, ], together = TRUE))
#' @importFrom stats predict
#' @export
predict.ee_fit <- function(object, newdata, data = NULL, ...,
                           missing = c("error", "zero", "mean"), together = FALSE, threads = NULL,
                           verbose = interactive()) {
  given <- list(...)
  known <- c("newdata", "data", "missing", "together", "threads", "verbose")
  check_dot_names(names(given) %||% rep("", length(given)), known)
  if (missing(newdata)) {
    abort_neuralee(
      "input", "There are no new cells.",
      "Give newdata =; the map itself is object$embedding or as.matrix(object)."
    )
  }
  check_flag(verbose, "verbose")
  check_flag(together, "together")
  missing <- match_choice(missing, "missing", c("error", "zero", "mean"))
  threads <- resolve_threads(threads)
  params <- check_ee_fit(object)
  data <- data %||% object$data
  if (is.null(data)) {
    abort_neuralee(
      "input", "The fit keeps no data, and new cells are placed by their neighbours in these.",
      "Give data = with the cells that the map was made from, or fit with ee(keep = TRUE)."
    )
  }
  kept <- identical(data, object$data)
  data <- if (kept) data else dense_cells(data, "data")
  if (nrow(data) != nrow(object$embedding) || ncol(data) != params$features) {
    abort_neuralee(
      "input",
      sprintf(
        "`data` is %d x %d, but the map was made from %d cells with %d features.",
        nrow(data), ncol(data), nrow(object$embedding), params$features
      ),
      "Give the cells as they were given to ee()."
    )
  }
  check_order(rownames(data), rownames(object$embedding))
  metric <- params$metric
  newdata <- new_cells(newdata, data, missing, metric)
  data <- if (kept) data else in_metric(data, metric)
  newdata <- in_metric(newdata, metric)
  map <- unname(object$embedding)
  options <- map_options(params, params$kernel %||% "gaussian")
  if (together) check_room_together(options, nrow(data) + nrow(newdata), ncol(data), ncol(map))
  progress <- progress_reporter(verbose, "Placing")
  places <- classed_interrupts(
    place_on_map(data, map, object$weights, newdata, together, options, threads, progress)
  )
  name_embedding(places, rownames(newdata))
}

# Cells of the map that are there in another order.
check_order <- function(given, of_map) {
  if (!is.null(given) && !is.null(of_map) && !identical(given, of_map) && setequal(given, of_map)) {
    abort_neuralee(
      "input", "The cells of `data` are in another order than those of the map.",
      "Give them as they were given to ee()."
    )
  }
}

# The settings of a fit, which is a list that may have been changed by hand.
check_ee_fit <- function(object) {
  params <- object$params
  among <- function(name, choices) is.character(name) && length(name) == 1L && name %in% choices
  map <- object$embedding
  sound <- are_numbers(map) && is.list(params) &&
    all(vapply(params[c("features", "perplexity", "k", "seed", "lambda")], is_number, NA)) &&
      params$lambda >= 0 &&
    among(params$kernel %||% "gaussian", c("gaussian", "student")) &&
    among(params$affinity, c("entropic", "bisection", "gaussian")) &&
      among(params$metric, c("euclidean", "cosine")) &&
    is_whole(params$k) && is_whole(params$features) &&
      (is.null(object$data) || are_numbers(object$data)) &&
      (is.null(object$weights) ||
        (is.double(object$weights) && length(object$weights) == nrow(map)))
  if (!sound) {
    abort_neuralee(
      "input", "`object` is no fit of ee(), or its parts were changed.", "Give what ee() returned."
    )
  }
  params
}

is_whole <- function(x) x >= 1 && x <= .Machine$integer.max && x == round(x)

# Numbers of cells in rows.
are_numbers <- function(x) is.matrix(x) && is.double(x) && all(is.finite(x))

# One new cell is enough, also as a vector; columns are matched as match_features() says.
new_cells <- function(newdata, data, missing, metric) {
  if (is.numeric(newdata) && is.null(dim(newdata))) {
    newdata <- matrix(newdata, 1L, dimnames = list(NULL, names(newdata)))
  }
  newdata <- as_number_matrix(newdata, "newdata")
  if (nrow(newdata) < 1L) {
    abort_neuralee("input", "`newdata` has no cells.", "Give at least one, in a row.")
  }
  known <- no_steps(ncol(data), colnames(data))
  fill <- fill_for_map(missing, data, metric)
  newdata <- match_features(newdata, known, 2L, "newdata", fill, "map")
  if (!is_delayed(newdata)) check_finite(newdata, "newdata", "rows")
  densify(newdata, "newdata")
}

fill_for_map <- function(missing, data, metric) {
  if (missing == "error") return(NULL)
  if (missing == "mean" && metric == "cosine") {
    abort_neuralee(
      "input", "`missing` is \"mean\", but means of cells say nothing where distances are cosines.",
      "Take missing = \"zero\"."
    )
  }
  fill_with(missing, if (missing == "zero") numeric(ncol(data)) else colMeans(data))
}
