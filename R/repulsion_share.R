#' Repulsion by its share
#'
#' A value for `lambda` of [ee()] and [neuralee()]: instead of the weight of the repulsion its
#' share beside the attraction. The map then finds the weight for itself, and one share serves few
#' and many cells.
#'
#' With a share \eqn{\rho} the embedding minimises
#' \deqn{\sum_{nm} w^+_{nm} a(\|x_n - x_m\|^2) + \rho \log \sum_{nm} w^-_{nm} k(\|x_n - x_m\|^2),}
#' as t-SNE does with \eqn{\rho = 1} and uniform weights instead of W-. Every stationary point of
#' it is one of the sum with \eqn{\lambda = \rho / \sum_{nm} w^-_{nm} k(\|x_n - x_m\|^2)}, which the
#' fit tells as `params$lambda`.
#'
#' With a small share the attraction rules: groups shrink to islands and, smaller still, to lines
#' along which cells change. A large one gives each cell room and keeps more of its neighbours. What
#' is an exaggeration of `e` for t-SNE is a share of `1 / e` here.
#' @param share Numbers above 0; several are taken in turn, as the values of `lambda`. A single one
#'   is come to by way of 0.3, 0.6 and 0.8 times it, ten iterations each. Then it is kept until the
#'   map has converged or half of `maxit` is done. Until then heavy tails are summed on a coarser
#'   grid, and 14 principal components and the norms of all stand for `x` in W-. The loss of this
#'   part is not to be compared with that of the last part of the trace.
#' @return The numbers, as an object of class `neuralee_share`.
#' @section Errors:
#' `neuralee_error_input` where a number is not above 0.
#' @references van der Maaten and Hinton (2008), "Visualizing data using t-SNE", JMLR 9. Yang,
#'   Peltonen and Kaski (2014), "Optimization equivalence of divergences improves neighbor
#'   embedding", ICML.
#' @seealso [ee()], whose `lambda = "auto"` is `repulsion_share(1)`.
#' @examples
#' x <- as.matrix(iris[, 1:4])
#' fit <- ee(x,
#'   kernel = "student", lambda = repulsion_share(0.5), perplexity = 20, maxit = 50, verbose = FALSE
#' )
#' fit$params$lambda
#' @export
repulsion_share <- function(share = 1) {
  structure(check_weights(share, "share", "above 0", above = 0), class = "neuralee_share")
}

#' @export
format.neuralee_share <- function(x, ...) {
  sprintf("a share of %s", paste(format(unclass(x)), collapse = ", "))
}

#' @export
print.neuralee_share <- function(x, ...) {
  cat("<repulsion by ", format(x), ">\n", sep = "")
  invisible(x)
}
