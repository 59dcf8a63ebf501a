#' Gaussian affinities by bisection
#'
#' The affinities of t-SNE ("x2p"): the same Gaussian neighbourhoods as [entropic_affinity()], each
#' cell's width found by doubling and bisection instead of by Newton's method. The entropy comes to
#' within 1e-10 of `log(perplexity)`.
#'
#' Use it to reproduce work that was done with these affinities; `affinity = "bisection"` in
#' [ee()] is the same. [entropic_affinity()] is the default there.
#'
#' @inheritParams entropic_affinity
#' @return An object of class `neuralee_affinity`, as [entropic_affinity()] describes it.
#' @inheritSection entropic_affinity Errors
#' @inheritSection entropic_affinity Warnings
#' @references van der Maaten and Hinton (2008), "Visualizing data using t-SNE", Journal of
#'   Machine Learning Research 9, section 2.
#' @seealso [entropic_affinity()].
#' @examples
#' x <- as.matrix(iris[, 1:4])
#' affinity <- gaussian_affinity(x, perplexity = 20)
#' range(affinity$perplexity)
#' @export
gaussian_affinity <- function(x, perplexity = 20, k = NULL, neighbors = NULL,
                              metric = c("euclidean", "cosine"), seed = 42L, threads = NULL) {
  check_given()
  affinity_of_cells(x, "bisection", perplexity, k, neighbors, metric, seed, threads)
}
