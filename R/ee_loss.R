#' Loss and gradient of elastic embedding
#'
#' `ee_loss()` evaluates the objective of [ee()] for a given embedding, `ee_gradient()` its
#' gradient.
#'
#' With `kernel = "gaussian"` and \eqn{L^+ = \mathrm{diag}(W^+ 1) - W^+},
#' \deqn{E(X) = \sum_{nm} w^+_{nm} \|x_n - x_m\|^2 +
#'   \lambda \sum_{nm} w^-_{nm} \exp(-\|x_n - x_m\|^2),}
#' \deqn{\nabla E = 4 (L^+ + M - \mathrm{diag}(M 1)) X, \quad
#'   m_{nm} = \lambda w^-_{nm} \exp(-\|x_n - x_m\|^2).}
#' Sums run over ordered pairs. Where all points coincide, E is `lambda`. For the other kernel see
#' [ee()], which has all terms of E.
#'
#' @param embedding N x d numeric matrix, a position per cell, or a fit of [ee()].
#' @param x N x D data, cells in rows, from which the repulsive weights come:
#'   \eqn{w^-_{nm} = \|y_n - y_m\|^2 / \sum \|y_n - y_m\|^2}. `NULL` where `affinity` gives
#'   both weights.
#' @param affinity An object of [entropic_affinity()] or [gaussian_affinity()] for the same
#'   cells; or explicit weights, `list(w_plus = , w_minus = )`, two dense symmetric N x N
#'   matrices that are used as they are.
#' @param lambda Weight of the repulsion, 0 or more, `"auto"` or a [repulsion_share()]. `NULL` and
#'   the choice of the kernel by a number are as in [ee()]. With explicit weights it is a number,
#'   and `NULL` is 1.
#' @param method `"exact"` (all pairs) or `"grid"` (linear time, `d` up to 3, relative error
#'   about 1e-5 in E and 1e-3 in the gradient).
#' @param threads Number of threads, as in [ee()].
#' @param kernel,agreement,uniform,densities,weights As in [ee()]. Explicit `w_plus` and `w_minus`
#'   take none of the last four.
#' @return `ee_loss()`: one number, E. `ee_gradient()`: an N x d matrix.
#' @section Errors:
#' `neuralee_error_input` where the numbers of cells differ or an argument is of the wrong
#' kind, `neuralee_error_not_finite` for NA, NaN or Inf, `neuralee_error_dimension` for the
#' grid with `d` above 3.
#' @references Carreira-Perpinan (2010), "The elastic embedding algorithm for dimensionality
#'   reduction", ICML, equations 1 and 2.
#' @examples
#' x <- as.matrix(iris[, 1:4])
#' affinity <- entropic_affinity(x, perplexity = 20)
#' start <- prcomp(x)$x[, 1:2]
#' ee_loss(start, x, affinity, lambda = 10)
#' gradient <- ee_gradient(start, x, affinity, lambda = 10)
#' colSums(gradient) # zero: a shift changes nothing
#' @export
ee_loss <- function(embedding, x, affinity, lambda = NULL, method = c("exact", "grid"),
                    threads = NULL, kernel = c("student", "gaussian"), agreement = NULL,
                    uniform = NULL, densities = NULL, weights = NULL) {
  check_given()
  if (is.null(lambda) && is_explicit_weights(affinity)) lambda <- 1
  repulsion <- check_repulsion(kernel, lambda, agreement, uniform, densities)
  evaluate_ee(embedding, x, affinity, weights, repulsion, method, threads, FALSE)$loss
}

#' @rdname ee_loss
#' @export
ee_gradient <- function(embedding, x, affinity, lambda = NULL, method = c("exact", "grid"),
                        threads = NULL, kernel = c("student", "gaussian"), agreement = NULL,
                        uniform = NULL, densities = NULL, weights = NULL) {
  check_given()
  if (is.null(lambda) && is_explicit_weights(affinity)) lambda <- 1
  repulsion <- check_repulsion(kernel, lambda, agreement, uniform, densities)
  result <- evaluate_ee(embedding, x, affinity, weights, repulsion, method, threads, TRUE)
  gradient <- result$gradient
  dimnames(gradient) <- dimnames(as.matrix(embedding))
  gradient
}

evaluate_ee <- function(embedding, x, affinity, weights, repulsion, method, threads,
                        want_gradient) {
  lambda <- repulsion$lambda
  if (length(lambda) > 1L) refuse_argument(lambda, "lambda", "one number or share")
  method <- match_choice(method, "method", c("exact", "grid"))
  threads <- resolve_threads(threads)
  if (inherits(embedding, "ee_fit")) embedding <- as.matrix(embedding)
  embedding <- unname(dense_cells(embedding, "embedding"))
  check_dimension(ncol(embedding), "ncol(embedding)")
  if (method == "grid" && ncol(embedding) > 3L) {
    abort_neuralee(
      "dimension",
      sprintf("`method = \"grid\"` serves 1, 2 or 3 dimensions, not %d.", ncol(embedding)),
      "Use method = \"exact\"."
    )
  }
  n <- nrow(embedding)
  if (is_explicit_weights(affinity)) {
    if (repulsion$share) {
      refuse_argument(lambda, "lambda", "a number of at least 0 where both weights are given")
    }
    if (!is.null(weights)) {
      refuse_argument(weights, "weights", "NULL where `affinity` is w_plus and w_minus")
    }
    return(rust_call(
      rs_ee_loss_gradient_dense(
        embedding, check_dense_weights(affinity$w_plus, "w_plus", n),
        check_dense_weights(affinity$w_minus, "w_minus", n),
        repulsion$kernel, repulsion$lambda, want_gradient, threads
      )
    ))
  }
  x <- dense_cells(x)
  if (nrow(x) != n) {
    abort_neuralee(
      "input",
      sprintf("`embedding` has %d rows, but `x` has %d; both need a row per cell.", n, nrow(x))
    )
  }
  w_plus <- check_affinity(affinity, n)
  slots <- list(p = w_plus@p, i = w_plus@i, x = w_plus@x)
  weights <- check_cell_weights(weights, n, rownames(x))
  options <- c(repulsion_options(repulsion), list(method = method))
  rust_call(remedy_by_exact(
    rs_ee_loss_gradient(x, embedding, slots, weights, options, want_gradient, threads, NULL)
  ))
}

# The core speaks of ee()'s method = "auto", which is not among the choices here.
remedy_by_exact <- function(result) {
  remedy <- result$err$remedy
  if (is.character(remedy) && any(grepl("\"auto\"", remedy, fixed = TRUE))) {
    result$err$remedy <- "Use method = \"exact\"."
  }
  result
}

is_explicit_weights <- function(affinity) {
  !inherits(affinity, "neuralee_affinity") && is.list(affinity) &&
    all(c("w_plus", "w_minus") %in% names(affinity))
}

check_dense_weights <- function(weights, name, n) {
  where <- sprintf("affinity$%s", name)
  if (inherits(weights, "Matrix")) weights <- as.matrix(weights)
  if (!is.matrix(weights) || !is.numeric(weights) || !identical(dim(weights), c(n, n))) {
    abort_neuralee(
      "input",
      sprintf("`%s` must be a numeric %d x %d matrix, as `embedding` has %d rows.", where, n, n, n)
    )
  }
  if (!all(is.finite(weights))) {
    abort_neuralee("not_finite", sprintf("`%s` has values that are not finite.", where))
  }
  storage.mode(weights) <- "double"
  unname(weights)
}
