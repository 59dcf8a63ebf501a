#' neuralee: elastic embedding for single-cell data
#'
#' Elastic embedding (EE) places cells in a few dimensions by minimising
#' \deqn{E(X; \lambda) = \sum_{nm} w^+_{nm} \|x_n - x_m\|^2 +
#'   \lambda \sum_{nm} w^-_{nm} \exp(-\|x_n - x_m\|^2),}{
#'   E(X; lambda) = sum w+_nm |x_n - x_m|^2 + lambda sum w-_nm exp(-|x_n - x_m|^2),}
#' where the attraction \eqn{w^+}{w+} comes from the entropic affinities of nearest neighbours
#' and the repulsion \eqn{w^-}{w-} grows with the squared distance of two cells in the
#' input. Both sums are evaluated in time and memory linear in the number of cells.
#'
#' @section Start here:
#' * [runEE()] embeds a SingleCellExperiment, [ee()] a matrix with cells in rows.
#' * [runNeuralEE()] and [neuralee()] let a network learn the map; [predict()][predict.neuralee_fit]
#'   then takes new cells, [fine_tune()] goes on with them, and [save_neuralee()] keeps the model.
#' * [read_h5ad()], [read_loom()], [read_10x()], [read_10x_h5()] and [read_csv_counts()] read data;
#'   [log_shift()], [subsample_genes()], [standard_scale()] and [principal_components()] prepare
#'   them.
#' * [concat_datasets()], [map_cell_types()], [filter_cell_types()], [subsample_cells()],
#'   [filter_genes()] and [remove_zero_cells()] choose and join cells with all that belongs to them.
#' * [plot_embedding()] draws the map, [plot_trace()] how it converged, and
#'   [embedding_quality()] measures what it keeps.
#' * `vignette("neuralee")` goes from counts to a map; [neuralee_sitrep()] says what this
#'   installation has.
#'
#' @section Options:
#' * `neuralee.threads`: how many threads to use where `threads = NULL`. Without it, half
#'   of the cores that the process may use, at least 1 and at most 8, and at most 2 under
#'   `R CMD check`. The environment variable `OMP_THREAD_LIMIT` is an upper bound for both
#'   and for `threads`. Results do not depend on the number of threads.
#' * `neuralee.torch_backend`: the file of a libtorch backend; else the one that
#'   [build_torch_backend()] or the installation made.
#' * `neuralee.max_device_memory_gb`: the memory, in GiB, that a run may use on a GPU; else nine
#'   tenths of what it has.
#' * `neuralee.max_dense_gb`: the largest matrix, in GB as doubles, that a sparse or delayed
#'   one is turned into; 8 without it.
#'
#' @section Random numbers:
#' R's random number generator is neither read nor moved: `set.seed()` has no effect on
#' this package. Give `seed` instead.
#'
#' @section Errors:
#' Every error has the class `neuralee_error` and one that names its kind: `neuralee_error_`
#' followed by `input`, `file_format`, `not_finite`, `perplexity`, `dimension`, `memory`, `device`,
#' `model_version`, `download`, `interrupted`, `worker` or `internal`.
#'
#' @references
#' Carreira-Perpinan MA (2010). The elastic embedding algorithm for dimensionality
#' reduction. *Proceedings of the 27th International Conference on Machine Learning*,
#' 167-174.
#'
#' Vladymyrov M, Carreira-Perpinan MA (2013). Entropic affinities: properties and
#' efficient numerical computation. *Proceedings of the 30th International Conference on
#' Machine Learning*, 477-485.
#'
#' @keywords internal
#' @importFrom rlang caller_env
#' @docType package
#' @name neuralee-package
NULL
