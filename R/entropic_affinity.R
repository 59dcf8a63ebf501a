#' Entropic affinities
#'
#' Gives every cell a Gaussian neighbourhood of such a width that the cell has `perplexity`
#' effective neighbours. From these come the symmetric attractive weights W+ of elastic embedding.
#'
#' For cell n with squared distances \eqn{d_{nm}} to its `k` nearest neighbours, the
#' weights are \eqn{p_{nm} = \exp(-\beta_n d_{nm}) / \sum_m \exp(-\beta_n d_{nm})}, and
#' \eqn{\beta_n} solves \eqn{H(p_n) = \log(\mathrm{perplexity})}. Then
#' \eqn{W^+ = (P + P^\top) / (2N)}. The result does not depend on the unit or the offset
#' of `x`. A cell with at least `perplexity` exact duplicates has equal weights on them.
#' The random number generator of R is neither read nor moved.
#'
#' @param x Cells in rows and features (genes or principal components) in columns: a numeric matrix,
#'   a data frame of numbers, a sparse `dgCMatrix` or a DelayedMatrix. The last two are made dense,
#'   a DelayedMatrix block by block, after a size check (`options(neuralee.max_dense_gb = 8)`).
#' @param perplexity Effective number of neighbours per cell, greater than 1 and below
#'   `k`.
#' @param k Number of nearest neighbours that get a weight. `NULL` means
#'   `min(N - 1, ceiling(3 * perplexity))`; `N - 1` gives the dense weights of the
#'   original method.
#' @param neighbors How to find the neighbours: `NULL` or `"auto"` (exactly up to 20,000 cells,
#'   approximately beyond, see [find_neighbors()]), `"exact"`, `"approximate"`; or neighbours found
#'   elsewhere: `list(index = , distance = )`, both N x k, 1-based cell numbers and Euclidean
#'   distances, as [find_neighbors()] and `BiocNeighbors::findKNN()` return them, a `Neighbor`
#'   object of Seurat, or the lists of uwot, FNN and RANN. Where each cell comes first in its own
#'   list, it is left out.
#' @param metric `"euclidean"`, or `"cosine"`: cells are scaled to length 1 first.
#' @param seed A whole number, 0 or more, for the approximate search.
#' @param threads Number of threads; `NULL` takes `getOption("neuralee.threads")`, else
#'   half of the cores, at most 8. The result is the same for any number.
#' @return An object of class `neuralee_affinity`, a list:
#'   \describe{
#'     \item{`weights`}{W+, a symmetric sparse N x N `dgCMatrix` with zero diagonal that
#'       sums to 1.}
#'     \item{`log_beta`}{N numbers, the logarithm of each cell's \eqn{\beta_n}.}
#'     \item{`perplexity`}{N numbers, the perplexity reached.}
#'     \item{`params`}{a list with the settings.}
#'   }
#' @section Errors:
#' `neuralee_error_perplexity` for a perplexity that is not above 1 or that `k` neighbours cannot
#' reach. `neuralee_error_not_finite` for NA, NaN or Inf in `x`. `neuralee_error_input` for any
#' other argument of the wrong kind. `neuralee_error_memory` for a sparse or delayed `x` that is too
#' large when dense, and for affinities that would not fit into memory.
#' @section Warnings:
#' `neuralee_warning_orientation` where the names of a matrix say that it lies the wrong way, as in
#' [ee()].
#' @references Vladymyrov and Carreira-Perpinan (2013), "Entropic affinities: properties
#'   and efficient numerical computation", ICML. The idea is that of Hinton and Roweis
#'   (2002), "Stochastic neighbor embedding", NIPS.
#' @seealso [gaussian_affinity()], [ee()].
#' @examples
#' x <- as.matrix(iris[, 1:4])
#' affinity <- entropic_affinity(x, perplexity = 20)
#' affinity
#' sum(affinity$weights)
#' @export
entropic_affinity <- function(x, perplexity = 20, k = NULL, neighbors = NULL,
                              metric = c("euclidean", "cosine"), seed = 42L, threads = NULL) {
  check_given()
  affinity_of_cells(x, "entropic", perplexity, k, neighbors, metric, seed, threads)
}
