#' Elastic embedding
#'
#' Embeds cells in a few dimensions by elastic embedding (EE). Neighbours attract each other. All
#' pairs repel each other, the more the further apart they are in the data.
#'
#' With no argument but `x` the map keeps neighbours about as t-SNE does, and the order of distances
#' about as the best methods for that do. The embedding X minimises
#' \deqn{E(X) = \sum_{nm} w^+_{nm} a(r_{nm}^2) + \log \sum_{nm} w^-_{nm} k(r_{nm}^2)
#'   - \mu \, \mathrm{corr}(\|y_n - y_m\|^2, r_{nm}^2), \quad r_{nm} = \|x_n - x_m\|}
#' over all ordered pairs. No N x N matrix is formed. For `d` up to 3 the repulsion is summed over a
#' grid, in time and memory linear in N.
#'
#' * **Attraction.** W+ comes from [entropic_affinity()] and sums to 1. The tail of
#'   \eqn{a = \log(1 + r^2) + r^2 / 1000} is heavy, as in t-SNE.
#' * **Repulsion.** \eqn{k = 1 / (1 + r^2)}. The weights are
#'   \eqn{w^-_{nm} = (1 - u) \|y_n - y_m\|^2 / S + u / (N (N - 1))} and sum to 1. With `uniform`
#'   u = 0 groups that lie far apart leave no repulsion within a group, so that it is drawn as a
#'   knot.
#' * **Agreement.** The last term is the correlation of squared distances in data and map, over all
#'   pairs. `agreement` is its weight \eqn{\mu}. In this term no cell counts as farther from the
#'   middle than 1.75 times the median, so that a few far cells do not stretch the map.
#'
#' With `densities` \eqn{\nu} above 0 a cell's surroundings on the map are as dense as those in the
#' data, as in densMAP (Narayan, Berger and Cho 2021). E then has the further term
#' \deqn{-\nu \, \frac{\mathrm{cov}(L, l)}{\sqrt{\mathrm{var}(L) (\mathrm{var}(l) + 0.1)}}, \quad
#'   L_n = \log\Big(\frac{R_n}{R} + 0.01\Big), \quad R_n = \sum_m p_{nm} \|y_n - y_m\|^2, \quad
#'   l_n = \sum_m p_{nm} \log(1 + r_{nm}^2),}
#' \eqn{p_{nm} = w^+_{nm} / \sum_m w^+_{nm}} and R the median of the \eqn{R_n}.
#'
#' A tether, \eqn{(V / N)^2 / 1000} with V the mean of \eqn{r^2}, keeps groups in one picture that
#' share no neighbours.
#'
#' @section Elastic embedding as published:
#' `kernel = "gaussian"` with a number for `lambda` minimises
#' \deqn{E(X) = \sum_{nm} w^+_{nm} \|x_n - x_m\|^2 +
#'   \lambda \sum_{nm} w^-_{nm} \exp(-\|x_n - x_m\|^2),}
#' with `agreement`, `uniform` and `densities` 0 unless they are given. A number for `lambda` alone
#' chooses this kernel too. The Python package takes `perplexity = 30`. This kernel is the faster
#' one; its map keeps fewer neighbours. Where W+ falls into parts, they are held together by
#' V / 1000.
#'
#' @section Accuracy:
#' On its grids the Gaussian repulsion is off by about 1e-5 in E and 1e-3 in the gradient. A heavy
#' tail reaches over the whole map. It is summed over all pairs of some thousand cells, and over a
#' pyramid of grids of more: off by about 1e-3 in E and 1e-2 to 1e-1 in the gradient. `"exact"` has
#' no such error.
#'
#' @section Reproducibility:
#' One `seed` gives one result, the same for any number of threads and for a run that was
#' stopped and resumed. R's own random number generator is neither read nor moved, so
#' `set.seed()` has no effect.
#'
#' @section Large data:
#' Time and memory grow linearly with the number of cells: beyond 20,000 cells neighbours are
#' searched approximately, and the repulsion is summed over a grid. What the run will take is
#' estimated first. Where it is more than there is (or than `options(neuralee.max_memory_gb = )`
#' allows), it is refused with `neuralee_error_memory`, and the message says what would fit. The
#' weights W+ of 100,000 cells and more are kept in single precision.
#'
#' @section Interrupting and resuming:
#' Ctrl-C stops the run within about a second with a condition of class
#' `neuralee_error_interrupted`. With `checkpoint`, the iterations done so far are in that file. The
#' same call with `resume =` that file goes on from there. Give it the same data and settings
#' (`method`, `maxit` and `tol` are those of the interrupted run). A fit that a `callback` stopped
#' can be resumed too (`resume = fit`), also after `saveRDS()` and `readRDS()`.
#'
#' @inheritParams entropic_affinity
#' @param x Cells in rows and features (genes or principal components) in columns: a numeric matrix,
#'   a data frame of numbers, a sparse `dgCMatrix` or a DelayedMatrix. The last two are made dense,
#'   a DelayedMatrix block by block, after a size check (`options(neuralee.max_dense_gb = 8)`).
#'   Elastic embedding uses the distances as they are, so bring genes to a common scale first (see
#'   [standard_scale()]).
#' @param d Number of dimensions of the embedding, 1 to 50.
#' @param lambda Weight of the repulsion, 0 or more; `"auto"`, with which the map finds it for
#'   itself, or a [repulsion_share()]. `NULL` is `"auto"`, and 1 for `kernel = "gaussian"`. Larger
#'   values spread the map; 1 to 100 are usual. A number chooses `kernel = "gaussian"` unless you
#'   give a kernel. Several values are taken in turn, each from the map of the one before
#'   (homotopy), which often ends lower than the last value alone. `maxit` is shared out evenly
#'   among them.
#' @param kernel How attraction and repulsion fall with distance in the map: `"student"`, with the
#'   heavy tails of t-SNE, or `"gaussian"`, elastic embedding as published (see below).
#' @param agreement Weight of the correlation of squared distances in data and map, 0 or more.
#'   `NULL` is 2, and 0 for `kernel = "gaussian"`. More keeps the order of distances better and
#'   fewer neighbours.
#' @param uniform The part of the repulsive weights that is the same for all pairs, 0 to 0.999.
#'   `NULL` is 0.5, and 0 for `kernel = "gaussian"`. Towards 1 cells repel each other as in t-SNE.
#' @param densities Weight of the correlation of local radii in data and map, 0 or more. The radius
#'   of a cell tells how far its neighbours are. `NULL` is 0, which leaves the term out. With 1,
#'   dense groups are small on the map and sparse ones large, as in densMAP. Of the 10 nearest cells
#'   it keeps .02 to .05 fewer than 0, and 0.3 at most .01 fewer. The map is wider, and a run takes
#'   about a third longer: each evaluation of E has two more sums over the neighbours.
#' @param weights How much each cell counts: `NULL` for all alike, or a number above 0 for each row
#'   of `x`. Only their ratios matter: a cell of weight 2 counts as two cells at one place would
#'   among cells of weight 1. `1 / table(type)[type]` gives each type the same total, so that a
#'   large type does not take most of the map. `device` must be `"cpu"`.
#' @param affinity `"entropic"`, `"bisection"` or an object that [entropic_affinity()] or
#'   [gaussian_affinity()] made from the same cells (then `perplexity`, `k`, `neighbors` and
#'   `metric` are not used).
#' @param method How the repulsion is summed: `"grid"` (linear time, `d` up to 3; relative
#'   error about 1e-5), `"exact"` (all pairs) or `"auto"`, the cheaper of the two.
#' @param init Start: `"pca"`, `"spectral"`, `"random"`, or an N x d matrix.
#' @param size Embed a random subset: a fraction in (0, 1] or a whole number of cells from 3
#'   on. Affinities are computed within the subset, whose row numbers are returned as
#'   `subset`.
#' @param maxit Largest number of iterations.
#' @param tol The run has converged in one of three ways. Ten iterations lower E by less than this
#'   fraction. One moves the embedding by less than this fraction of its norm. Or the gradient's
#'   norm times that of the embedding is below this fraction of E. With `"auto"` or a share the
#'   first and the last are compared with `tol` itself, not with a fraction of E. A short step then
#'   does not end the run. `NULL` is 1e-5, or 4e-3 with `"auto"` or a share.
#' @param every Report, call `callback` and write `checkpoint` each time this many
#'   iterations are done. 0 means no reports, and 25 for `callback` and `checkpoint`.
#' @param seed A whole number, 0 or more, for the random start, the subset and the approximate
#'   search.
#' @param device Where to compute. `"cpu"`, the default, needs nothing else. `"cuda"` or `"cuda:1"`
#'   is a GPU, through libtorch, and `"torch"` libtorch on the processor. `"auto"` is the first GPU,
#'   else the processor. All but `"cpu"` need the backend that [build_torch_backend()] makes.
#'   Neighbours and affinities are always computed on the processor. The results are those of
#'   `"cpu"` to rounding; on a GPU two runs, and with libtorch two numbers of threads, may differ by
#'   rounding too. A map so wide that its grid does not fit into one box there is summed over all
#'   pairs.
#' @param pin_memory For a GPU: keep all cells on the device? If `FALSE`, they stay in main memory
#'   and are sent in blocks for each evaluation, which takes less memory there and more time. What a
#'   run takes on the device is estimated before. More than nine tenths of its memory, or than
#'   `options(neuralee.max_device_memory_gb = )`, is refused.
#' @param checkpoint A file that is rewritten (in one move, so that it is never half
#'   written) every `every` iterations, at the end and on interrupt.
#' @param resume `TRUE` goes on from `checkpoint` if that file exists and starts anew if not, so
#'   that a script can simply be run again. Else a checkpoint file, a fit that a callback stopped,
#'   or the raw bytes of its `state`.
#' @param keep Keep the cells in the fit, so that [predict()][predict.ee_fit] can place new ones
#'   without being given them? They take 8 bytes a number, which `print()` shows.
#' @param callback A function of `iteration`, `loss` and `embedding` (N x d). If it returns
#'   `FALSE`, the run stops there.
#' @param verbose Show progress and the number of threads?
#' @return An object of class `ee_fit`, a list:
#'   \describe{
#'     \item{`embedding`}{N x d matrix with the row names of `x` and column names `EE1`, …}
#'     \item{`loss`}{E over all cells at the end.}
#'     \item{`trace`}{data frame with a row for the start (iteration 0) and one per iteration:
#'       `iteration`, `lambda`, `loss`, `gradient_norm` (Frobenius) and `seconds` of optimisation
#'       so far.}
#'     \item{`timing`}{seconds for `neighbors`, `affinity`, `optimize` and in `total`.}
#'     \item{`params`}{list of all settings, with `iterations`, `converged`, `reason` and the
#'       `method` that was chosen.}
#'     \item{`subset`}{row numbers of the embedded cells where `size` was used, else `NULL`.}
#'     \item{`weights`}{those of the embedded cells, where they were given.}
#'     \item{`data`}{with `keep = TRUE`, the embedded cells, N x D.}
#'     \item{`state`}{raw bytes to resume from, where a callback stopped the run.}
#'   }
#'   It has methods for `print`, `summary`, `plot`, `as.matrix`,
#'   `as.data.frame` and `head`; the last three give the embedding.
#' @section Errors:
#' Classed conditions `neuralee_error_<kind>`: `perplexity` is one that is not above 1, or more than
#' the neighbours can give. `dimension` is a `d` that is not 1 to 50, `not_finite` an NA, NaN or Inf
#' (it names the first cell and feature). `file_format` and `model_version` are about `resume`. The
#' others are `device`, `memory`, `interrupted`, and `input` for any other argument of the wrong
#' kind.
#' @section Warnings:
#' Before the work starts, `neuralee_warning_orientation` says that `x` seems to lie the wrong way.
#' Then the names of its columns are those of cells, or the names of its rows those of genes.
#' `neuralee_warning_counts` says that it seems to hold counts of genes without logarithms. The
#' check reads names and a few values; a matrix without names gets no warning. If this is intended,
#' `suppressWarnings(classes = "neuralee_warning_counts")` around the call keeps it quiet.
#' `neuralee_warning_lambda` says that `lambda` is a number although `kernel = "student"` lets the
#' map find it.
#' @references Carreira-Perpinan (2010), "The elastic embedding algorithm for
#'   dimensionality reduction", ICML. Narayan, Berger and Cho (2021), "Assessing single-cell
#'   transcriptomic variability through density-preserving data visualization", Nature Biotechnology
#'   39 (the densities). van der Maaten and Hinton (2008), "Visualizing data using
#'   t-SNE", JMLR 9 (the heavy tails). Vladymyrov and Carreira-Perpinan (2012),
#'   "Partial-Hessian strategies for fast learning of nonlinear embeddings", ICML (the
#'   spectral direction). Xiong et al. (2020), "NeuralEE: a GPU-accelerated elastic embedding
#'   dimensionality reduction method for visualizing large-scale scRNA-seq data", Frontiers
#'   in Genetics 11.
#' @seealso [runEE()] for a SingleCellExperiment, [plot_embedding()], [plot_trace()],
#'   [embedding_quality()].
#' @examples
#' x <- as.matrix(iris[, 1:4])
#' fit <- ee(x, perplexity = 20, verbose = FALSE)
#' fit
#' plot(fit, colour_by = iris$Species)
#' @export
ee <- function(x, d = 2, lambda = NULL, perplexity = 20, kernel = c("student", "gaussian"),
               agreement = NULL, uniform = NULL, densities = NULL, weights = NULL, k = NULL,
               neighbors = NULL,
               metric = c("euclidean", "cosine"),
               affinity = c("entropic", "bisection"), method = c("auto", "grid", "exact"),
               init = c("pca", "spectral", "random"), size = 1, maxit = 200, tol = NULL,
               every = 0, seed = 42L, threads = NULL, device = "cpu", pin_memory = TRUE,
               checkpoint = NULL, resume = NULL, callback = NULL, keep = FALSE,
               verbose = interactive()) {
  check_given()
  repulsion <- check_repulsion(kernel, lambda, agreement, uniform, densities)
  given <- check_run(as.list(environment()), repulsion)
  given$options <- ee_options(given)
  every <- check_count(every, "every", min = 0)
  callback <- check_callback(callback, "iteration, loss and embedding")
  checkpoint <- check_checkpoint(checkpoint)
  state <- read_resume(resume, checkpoint, "ee")
  given$resolved_device <- resolve_device(device, pin_memory, verbose)

  classed_interrupts({
    problem <- ee_problem(given)
    if (verbose) {
      x <- problem$x
      cli::cli_inform("Embedding {nrow(x)} cells, {ncol(x)} features, {given$threads} thread{?s}")
    }
    session <- open_session("ee", problem, state)
    run <- run_session(session, every, checkpoint, callback)
    warn_resumed(
      state, if (!missing(maxit)) maxit, session_summary(session)$maxit,
      "init = a finished map goes on from it."
    )
    new_ee_fit(session, run, problem)
  })
}

# The options of ee() and ee_path() in the words of the core, as far as they are known without the
# cells.
ee_options <- function(given) {
  options <- list(
    d = check_dimension(given$d),
    method = match_choice(given$method, "method", c("auto", "grid", "exact")),
    maxit = check_count(given$maxit, "maxit", min = 1),
    tol = if (!is.null(given$tol)) check_number(given$tol, "tol", min = 0), seed = given$seed
  )
  rust_call(rs_session_check("ee", options))
  options
}

# What ee() or ee_path() is to solve; see run_problem().
ee_problem <- function(given) {
  x <- check_cells(given$x)
  warn_orientation(x, "rows")
  warn_counts(x, "Take log_shift(x) first, or principal components of it.")
  size <- given$size %||% 1
  subset <- choose_subset(nrow(x), size, given$seed)
  start <- check_init(given$init, nrow(x), subset, given$options$d)
  weights <- check_cell_weights(given$weights, nrow(x), rownames(x), subset)
  x <- densify(subset_cells(x, subset, given$neighbors, given$affinity), rows = subset)
  problem <- run_problem(given, x, start, size, subset)
  init <- if (is.null(start$matrix)) start$name else "pca"
  problem$options <- c(given$options, list(init = init), problem$options)
  problem$given$weights <- weights
  problem
}

# What a session of ee() has come to.
new_ee_fit <- function(session, run, problem) {
  embedding <- session_embedding(session, rownames(problem$x))
  fit <- new_fit("ee_fit", session, run, problem, embedding, session_summary(session)$loss)
  fit$weights <- problem$given$weights
  fit
}
