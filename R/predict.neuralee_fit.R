#' Map cells with a trained network
#'
#' Places cells by the network that [neuralee()] trained and by its landmarks. Landmarks have the
#' places that they have in the fit; without landmarks so has each cell of the training. The place
#' of a cell depends on nothing but the cell, unless cells are placed `together`. By rounding it
#' depends on its position within the 1,024 cells that are computed at once.
#'
#' Values are taken as they are: give the same kind (counts, logarithms, scaled values) as in
#' training. The preprocessing that was learned in training is applied. A DelayedMatrix is read
#' block by block.
#'
#' @section Features:
#' The features of new cells are matched by name, in any order, and more of them do no harm. Only
#' the features that are used count. Where the old or the new ones have no names, all features of
#' the training are taken by position. Where only one side has names, a message of class
#' `neuralee_message_by_position` says so.
#'
#' Symbols of genes may repeat. Features that share a name are matched by order: the first to the
#' first of the training, the second to the second. That is right for data of one reference, whose
#' genes stand in the order of the training. If the order of the features differs, those of one
#' name may be swapped too, and a warning of class `neuralee_warning_repeated_features` says so. If
#' only they are swapped, nothing can tell. Cells are refused if a name stands for more or fewer
#' features than in the training. Unique identifiers (`read_10x(gene_names = "id")`) avoid all this.
#'
#' The kind of the values cannot be matched by name. Counts get a warning of class
#' `neuralee_warning_counts` if the model was trained on something else.
#'
#' @section New cells together:
#' A cell that is placed alone keeps some of its immediate neighbours (see [neuralee()]). With
#' `together = TRUE` these places are where the new cells start. They then go to a minimum of E of
#' the cells of `data` and the new ones. Only the new cells move (see [predict.ee_fit()]). Kernel,
#' lambda, perplexity and `k` are those of the model. All cells must fit into memory, and a place
#' then depends on the other cells that are placed and on `data`.
#'
#' @section Many cells:
#' With `BPPARAM` workers map blocks of cells: other processes or other machines, on any back-end of
#' BiocParallel, such as `MulticoreParam(8)`, `SnowParam(8)` or
#' `BatchtoolsParam(100, cluster = "slurm")`. They must have the same version of neuralee. A matrix
#' on disk is read by the workers themselves, at its path; of a matrix in memory each is sent its
#' blocks. A block is a multiple of 1,024 cells, of at most `DelayedArray::getAutoBlockSize()` bytes
#' (but 1,024 cells at least). So on the processor the result has the same bits for every back-end,
#' number of workers and block size.
#'
#' A block whose worker ends, or fails for another reason than its values, goes out again, at most
#' `retries` times and the last time alone. Values that are refused are an error at once, with the
#' class and the numbers that they have without workers. A machine that falls silent without closing
#' its connection is not noticed.
#'
#' With `output` this process alone writes an HDF5 file: each block as it comes (`MulticoreParam`,
#' `SnowParam`, `SerialParam`) or as its round of four blocks a worker is over (others, such as
#' `BatchtoolsParam`). Until the map is whole the file has `.partial` at the end of its name. If the
#' call ends before (an error, Ctrl-C, a machine that goes down), the same call computes only what
#' is missing, with any `BPPARAM`. Once the file is whole, it computes nothing. A file that holds
#' anything else than this map is refused, never replaced. Compared are the model, the number and
#' the names of the cells, the values of eight of them, the version of neuralee and the device. The
#' file has the map as the dataset `embedding`, with its names, for [HDF5Array::HDF5Array()]. One
#' call at a time may write it.
#'
#' @param object A fit of [neuralee()] or [fine_tune()], or a model ([load_neuralee()]);
#'   [embedding_model()] gives that of a map that [runNeuralEE()] or [RunNeuralEE()] stored.
#' @param newdata Cells: a matrix, sparse matrix, DelayedMatrix or data frame with cells in rows
#'   (one cell may be a vector), or a SummarizedExperiment, SingleCellExperiment or Seurat object,
#'   or an assay of Seurat. Of a Seurat object the assay of the training is taken if it is there
#'   with all cells, else the default assay.
#' @param data With `together`, cells of the map, such as those of the training: of the kinds that
#'   `newdata` may be, with the same features. `assay.type` and `dimred` are for both. `NULL` takes
#'   those that `neuralee(keep = TRUE)` put into the fit.
#' @param assay.type For a container, name or number of the assay (for Seurat: the layer) to take.
#'   `NULL` for the one that the model was trained on, else `"counts"` if its preprocessing takes
#'   logarithms and `"logcounts"` (Seurat: `"data"`) if not.
#' @param dimred Name or number of the reduction of a SingleCellExperiment or Seurat object to take
#'   instead; `NULL` for what the model was trained on. New cells must have been projected on the
#'   same loadings. Dimensions of Seurat are matched by their numbers, whatever the key of the
#'   reduction.
#' @param missing The value given to features of the model that cells lack. `"error"` refuses such
#'   cells. `"zero"` gives each of these features the value 0 before the model's preprocessing, such
#'   as a count of 0. `"mean"` gives them their mean in the training, where the model knows it (not
#'   of cosine distances without `scale`). A warning of class `neuralee_warning_missing_features`
#'   says how many these are, and names some.
#' @param together Place the new cells by each other and by the cells of `data`, which stay where
#'   the model puts them? See the section on it.
#' @param affinity `NULL`, or how to judge the map: `"entropic"` or `"bisection"` affinities of the
#'   new cells, or an object of [entropic_affinity()] for them. E of the new cells among themselves,
#'   with perplexity and lambda of the model, is then in the attribute `loss` of the result.
#' @param threads Number of threads, as in [ee()]; with `BPPARAM` that of each worker, where `NULL`
#'   stands for 1.
#' @param device Where the network runs, as in [ee()].
#' @param BPPARAM A BiocParallelParam whose workers map the cells, or `NULL` for this process.
#' @param output Path of an HDF5 file for the map, or `NULL` for a matrix in memory.
#' @param retries How often a block that failed in a worker is tried again.
#' @param verbose Show progress?
#' @param ... Not used.
#' @return A matrix with a row for every cell and the columns `NeuralEE1`, `NeuralEE2`, …; with
#'   `output` a DelayedMatrix (of the package HDF5Array) that stands on the file.
#' @section Errors:
#' `neuralee_error_input` for features that are missing (the message names them) or too many, for no
#' cell and for values that the preprocessing cannot take. `neuralee_error_not_finite` for NA, NaN
#' and Inf (the message names cell and feature). `neuralee_error_interrupted` on Ctrl-C.
#' `neuralee_error_worker` for workers that cannot be used and for blocks that failed in each try
#' (the message says which cells, and why). `neuralee_error_input` where `output` cannot be written
#' or holds another map, and `neuralee_error_file_format` where it is no map at all. With `together`
#' also `neuralee_error_input` where there are no cells of the map, `neuralee_error_perplexity`
#' where there are too few, and `neuralee_error_memory` where there are too many.
#' @seealso [neuralee()], [fine_tune()], [save_neuralee()].
#' @examples
#' x <- as.matrix(iris[, 1:4])
#' fit <- neuralee(x[1:100, ], perplexity = 20, maxit = 50, verbose = FALSE)
#' predict(fit, x[101:103, ])
#' predict(fit, x[101:103, 4:1]) # by name
#' attr(predict(fit, x[51:150, ], affinity = "entropic"), "loss")
#' head(predict(fit, x[101:150, ], together = TRUE, data = x[1:100, ]))
#' @export
predict.neuralee_fit <- function(object, newdata, data = NULL, ..., assay.type = NULL,
                                 dimred = NULL, missing = c("error", "zero", "mean"),
                                 together = FALSE, affinity = NULL, threads = NULL,
                                 device = "cpu", BPPARAM = NULL, output = NULL, retries = 2,
                                 verbose = interactive()) {
  given <- list(...)
  known <- setdiff(names(formals(predict.neuralee_fit)), c("object", "..."))
  check_dot_names(names(given) %||% rep("", length(given)), known)
  if (missing(newdata)) {
    abort_neuralee(
      "input", "There are no new cells.",
      "Give newdata =; the map of a fit itself is as.matrix(fit)."
    )
  }
  check_flag(verbose, "verbose")
  check_together(object, together, data, BPPARAM, output)
  retries <- check_count(retries, "retries", max = 100)
  if (!is.null(BPPARAM)) bpparam_workers(BPPARAM)
  # Workers may share a machine, and each has a thread of it.
  threads <- resolve_threads(if (is.null(BPPARAM)) threads else threads %||% 1)
  output <- check_output(output)
  if (!is.null(output) && !is.null(affinity)) {
    abort_neuralee(
      "input", "`affinity` judges a map in memory, but `output` puts it into a file.",
      "Leave one of them out."
    )
  }
  # Each cell is sent there once, so that nothing need stay.
  device <- resolve_device(device, pin_memory = FALSE, verbose)
  model <- model_of(object)
  info <- model_info(model)
  fill <- fill_for_model(missing, model)
  cells <- cells_for_model(newdata, info, assay.type, dimred, fill = fill)
  if (together && is.null(data) &&
    (ncol(object$data) != info$inputs || ncol(object$embedding) != info$d)) refuse_kept()
  old <- if (!is.null(data)) {
    cells_for_model(data, info, assay.type, dimred, "data", fill)
  }
  if (together) {
    count <- function(cells) dim(cells$x)[[if (cells$at == "rows") 1L else 2L]]
    options <- map_options(info, info$kernel)
    count_old <- if (is.null(old)) nrow(object$data) else count(old)
    check_room_together(options, count_old + count(cells), info$inputs, info$d)
  }
  progress <- progress_reporter(verbose, "NeuralEE")
  classed_interrupts(
    {
      network_map <- function(cells) {
        by_blocks(cells, info$d, "mapping", progress, function(block, first) {
          reporter <- if (!is_delayed(cells$x)) progress
          rust_call(
            rs_model_map(model$bytes, block, cells$at == "rows", first, threads, device, reporter)
          )
        })
      }
      places <- if (is.null(BPPARAM) && is.null(output)) {
        network_map(cells)
      } else {
        task <- list(
          x = cells$x, at = cells$at, bytes = model$bytes, threads = threads, device = device
        )
        identity <- if (!is.null(output)) map_identity(model$bytes, cells, device)
        map_in_blocks(task, info$d, cells$names, identity, output, BPPARAM, retries, progress)
      }
      if (together || !is.null(affinity)) inputs <- model_inputs(model, info, cells, threads)
      if (together) {
        old_inputs <- if (is.null(old)) object$data else model_inputs(model, info, old, threads)
        old_places <- if (is.null(old)) unname(object$embedding) else network_map(old)
        places <- rust_call(
          rs_map_place(old_inputs, old_places, NULL, inputs, places, options, threads, progress)
        )
      }
      if (is.null(output)) places <- name_embedding(places, cells$names, "NeuralEE")
      if (!is.null(affinity)) {
        attr(places, "loss") <- loss_of_map(places, inputs, affinity, info, threads)
      }
      places
    }
  )
}

#' @rdname predict.neuralee_fit
#' @export
predict.neuralee_model <- predict.neuralee_fit

check_together <- function(object, together, data, BPPARAM, output) {
  check_flag(together, "together")
  if (!together) {
    if (!is.null(data)) {
      abort_neuralee(
        "input", "`data` is for new cells that are placed together.",
        "Give together = TRUE with it."
      )
    }
    return()
  }
  if (is.null(data) && (!inherits(object, "neuralee_fit") || is.null(object$data))) {
    abort_neuralee(
      "input", "New cells are placed together by the cells of the map, and none are kept.",
      paste(
        "Give data = with cells of the map, such as those of the training, or fit with",
        "neuralee(keep = TRUE)."
      )
    )
  }
  sound <- function(kept, map) are_numbers(kept) && are_numbers(map) && nrow(kept) == nrow(map)
  if (is.null(data) && !sound(object$data, object$embedding)) refuse_kept()
  if (!is.null(BPPARAM) || !is.null(output)) {
    abort_neuralee(
      "input", "Cells that are placed together must be in this process.",
      "Leave out `BPPARAM` and `output`."
    )
  }
}

refuse_kept <- function() {
  abort_neuralee(
    "input", "The cells that `object` keeps are not those of its map.",
    "Give what neuralee() returned, or data =."
  )
}

# What enters the network, as a dense matrix with cells in rows.
model_inputs <- function(model, info, cells, threads) {
  by_blocks(cells, info$inputs, "inputs", NULL, function(block, first) {
    rust_call(rs_model_inputs(model$bytes, block, cells$at == "rows", first, threads, NULL))
  })
}

# A cells x columns matrix from blocks of cells that are read one by one, or from all at once.
# Values are checked where they are read. `compute` takes a block and the number of cells before it.
by_blocks <- function(cells, columns, stage, progress, compute) {
  x <- cells$x
  if (!is_delayed(x)) return(compute(x, 0))
  axis <- if (cells$at == "rows") 1L else 2L
  result <- matrix(0, dim(x)[[axis]], columns)
  grid <- task_grid(x, axis, task_blocks(dim(x), axis))
  for (i in seq_along(grid)) {
    viewport <- grid[[i]]
    block <- read_block_of(x, viewport)
    check_finite(block, cells$name, cells$at, block_offset(viewport))
    result[block_range(viewport, axis), ] <- compute(block, block_offset(viewport)[[axis]])
    report_cells(progress, stage, BiocGenerics::end(viewport)[[axis]], dim(x)[[axis]])
  }
  result
}

# E of new cells among themselves.
loss_of_map <- function(places, inputs, affinity, info, threads) {
  if (!inherits(affinity, "neuralee_affinity")) {
    affinity <- compute_affinity(
      inputs, check_solver(affinity), info$perplexity, NULL, NULL, "euclidean", 42, threads
    )
  }
  weights <- check_affinity(affinity, nrow(places))
  slots <- list(p = weights@p, i = weights@i, x = weights@x)
  options <- list(
    kernel = info$kernel, repulsion = list(lambda = info$lambda), agreement = info$agreement,
    uniform = info$uniform, densities = info$densities, method = "auto"
  )
  rust_call(
    rs_ee_loss_gradient(inputs, unname(places), slots, NULL, options, FALSE, threads, NULL)
  )$loss
}

# The cells that a user gave as a checked matrix that has the features of the model in their order:
# `x`, where its cells are (`at`), and their names.
cells_for_model <- function(newdata, info, assay.type, dimred, name = "newdata", fill = NULL) {
  found <- container_values(newdata, info, assay.type, dimred)
  at <- found$at
  x <- found$x
  if (is.null(at)) {
    check_no_container(assay.type, dimred)
    at <- "rows"
    if (is.numeric(x) && is.null(dim(x))) x <- matrix(x, 1L, dimnames = list(NULL, names(x)))
  }
  x <- as_number_matrix(x, name)
  axis <- if (at == "rows") 1L else 2L
  if (dim(x)[[axis]] < 1L) {
    abort_neuralee("input", sprintf("`%s` has no cells.", name), "Give at least one.")
  }
  # What kind of values these are no name tells.
  if (!info$log && !identical(info$source$assay.type, "counts")) {
    warn_counts(x, "Give values of the kind that the model was trained on.", name)
  }
  x <- match_features(x, info, 3L - axis, name, fill)
  if (!is_delayed(x)) check_finite(x, name, at)
  list(x = x, at = at, names = dimnames(x)[[axis]], name = name)
}

check_no_container <- function(assay.type, dimred) {
  if (!is.null(assay.type) || !is.null(dimred)) {
    abort_neuralee(
      "input", "`assay.type` and `dimred` are for SingleCellExperiment and Seurat objects.",
      "Leave them out for a matrix."
    )
  }
}

take <- function(x, which, axis) {
  if (axis == 1L) x[which, , drop = FALSE] else x[, which, drop = FALSE]
}

# The values of a container; `at` is NULL where `x` is none.
container_values <- function(x, info, assay.type, dimred) {
  if (inherits(x, c("Seurat", "Assay", "StdAssay"))) {
    return(seurat_values(x, info, assay.type, dimred))
  }
  if (!methods::is(x, "SummarizedExperiment")) return(list(x = x, at = NULL))
  source <- info$source
  altexp <- if (methods::is(x, "SingleCellExperiment")) source$altexp
  if (!is.null(altexp)) x <- experiment_of(x, as_entry(altexp))
  # A model that was trained on a reduction without its loadings can only take that again.
  if (is.null(dimred) && is.null(assay.type)) dimred <- as_entry(source$dimred)
  if (!is.null(dimred)) {
    return(list(x = with_loadings_hint(reduction_of(x, dimred), source), at = "rows"))
  }
  usual <- as_entry(source$assay.type)
  # Trained on Seurat's "data", which Bioconductor calls so.
  if (identical(usual, "data") && !"data" %in% SummarizedExperiment::assayNames(x)) {
    usual <- "logcounts"
  }
  assay.type <- assay.type %||% usual %||% if (info$log) "counts" else "logcounts"
  list(x = assay_of(x, assay.type), at = "columns")
}

# A model of a reduction without known loadings cannot make that reduction of new cells.
with_loadings_hint <- function(expr, source) {
  if (is.null(source$dimred)) return(expr)
  tryCatch(expr, neuralee_error_input = function(condition) {
    abort_neuralee(
      "input", rlang::cnd_header(condition),
      sprintf(
        paste(
          "The model takes the reduction \"%s\" and does not know its loadings:",
          "project new cells on those of the training, or",
          "train on principal_components(), whose loadings become part of the model."
        ), source$dimred
      )
    )
  })
}

# A name or number that a model keeps as text.
as_entry <- function(text) {
  if (is.null(text) || !grepl("^\\[\\[[0-9]+\\]\\]$", text)) {
    text
  } else {
    as.integer(gsub("[][]", "", text))
  }
}
