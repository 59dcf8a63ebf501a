#' Go on training a model with new cells
#'
#' Takes up a trained model and trains it further, on old and new cells.
#'
#' **With landmarks** (the default of [neuralee()]) old cells stay where they are. The new cells are
#' placed among them, together, as by `predict(together = TRUE)`. The network learns that map, and
#' landmarks are chosen anew from all cells. Without `data` the landmarks of the model stand for the
#' old cells, so that nothing is forgotten.
#'
#' **Without landmarks** the network is trained further on the cells that are given. The map keeps
#' its arrangement, but no cell is held where it was. In trials with halves of two data sets old
#' cells moved by a tenth to a quarter of the map's radius. With new cells alone nothing draws the
#' map towards the old ones.
#'
#' E is that of the cells given, and depends on their number: compare it between fits of the same
#' cells only.
#'
#' The preprocessing of the model is applied as it was learned, and the inputs are centred and
#' scaled as before. Affinities are computed anew among all cells given.
#'
#' @param object A fit of [neuralee()] or `fine_tune()`, or a model.
#' @param newdata New cells, as [predict()][predict.neuralee_fit] takes them.
#' @param data Old cells to train on too, of the kinds that `newdata` may be. `TRUE` for those that
#'   `neuralee(keep = TRUE)` put into the fit. `NULL` for the new cells alone.
#' @param maxit Epochs. `NULL` is 60 with landmarks, else 200.
#' @param lambda,perplexity Those of the model where `NULL`.
#' @param assay.type,dimred As for [predict()][predict.neuralee_fit], for `newdata` and `data`.
#' @param missing The value given to features that cells lack, as for
#'   [predict()][predict.neuralee_fit].
#' @param ... Other arguments of [neuralee()], such as `optimizer`, `batch_size`, `seed`, `callback`
#'   or `verbose`; not those that the model determines (the network and the preprocessing).
#' @return A fit as [neuralee()] returns it, of the old cells (if given) and then the new ones.
#' @section Errors:
#' Those of [neuralee()] and [predict()][predict.neuralee_fit].
#' @seealso [neuralee()].
#' @examples
#' x <- as.matrix(iris[, 1:4])
#' fit <- neuralee(x[1:100, ], perplexity = 20, maxit = 50, keep = TRUE, verbose = FALSE)
#' more <- fine_tune(fit, x[101:150, ], data = TRUE, maxit = 50, verbose = FALSE)
#' dim(more$embedding)
#' @export
fine_tune <- function(object, newdata, ..., data = NULL, maxit = NULL, lambda = NULL,
                      perplexity = NULL, assay.type = NULL, dimred = NULL,
                      missing = c("error", "zero", "mean")) {
  check_given()
  model <- model_of(object)
  info <- model_info(model)
  given <- list(...)
  own <- c(
    "x", "d", "net", "hidden", "activation", "batch_norm", "dropout", "residual", "initial_sd",
    "preprocess", "metric", "kernel", "agreement", "uniform", "densities"
  )
  fixed <- intersect(names(given), own)
  if (length(fixed)) {
    abort_neuralee(
      "input", sprintf("`%s` is what the model determines.", fixed[[1L]]),
      "Leave it out, or train anew with neuralee()."
    )
  }
  known <- unique(c(
    "data", "maxit", "lambda", "perplexity", "assay.type", "dimred", "missing",
    setdiff(names(formals(neuralee)), own)
  ))
  check_dot_names(names(given) %||% rep("", length(given)), known)
  threads <- resolve_threads(given$threads)
  fill <- fill_for_model(missing, model)
  prepared <- function(cells, name) {
    cells <- cells_for_model(cells, info, assay.type, dimred, name, fill)
    inputs <- model_inputs(model, info, cells, threads)
    rownames(inputs) <- cells$names
    inputs
  }
  cells <- classed_interrupts(list(
    old = old_cells(object, data, prepared), new = prepared(newdata, "newdata")
  ))
  # The lambda that a heavy-tailed network found is the one to go on with.
  start <- list(maxit = maxit %||% 200, lambda = lambda %||% info$lambda)
  if (info$landmarks > 0) {
    if (!is.null(given$size) && !identical(as.numeric(given$size), 1)) {
      abort_neuralee(
        "input", "`size` is not for a model with landmarks, whose old cells stay.",
        "Take a subset of the new cells first."
      )
    }
    found <- if (info$kernel == "student") "auto" else info$lambda
    start <- list(maxit = maxit, lambda = lambda %||% found)
    map <- if (is.null(cells$old)) {
      rust_call(rs_model_landmarks(model$bytes))
    } else if (isTRUE(data)) {
      list(x = cells$old, places = unname(object$embedding))
    } else {
      places <- predict(
        model, data, assay.type = assay.type, dimred = dimred, missing = missing,
        threads = threads, verbose = FALSE
      )
      list(x = cells$old, places = unname(places))
    }
    start$init <- extended_map(map, cells$new, info, threads, given$verbose %||% interactive())
    cells$old <- map$x
  }
  fit <- without_warning("lambda", do.call(neuralee, c(
    list(
      bind_cells(cells$old, cells$new), d = info$d, kernel = info$kernel,
      agreement = info$agreement, uniform = info$uniform, densities = info$densities,
      perplexity = perplexity %||% info$perplexity, net = model
    ),
    start, given[setdiff(names(given), names(start))]
  )))
  if (info$landmarks > 0 && is.null(data)) fit <- drop_landmarks(fit, cells)
  fit$model <- redescribe_model(fit$model, model, info)
  if (info$unit_length) fit$params$metric <- "cosine"
  fit
}

# The places of old cells, which stay, and of new ones among them.
extended_map <- function(map, new, info, threads, verbose) {
  options <- map_options(info, info$kernel)
  check_room_together(options, nrow(map$x) + nrow(new), info$inputs, info$d)
  progress <- progress_reporter(verbose, "Placing")
  places <- classed_interrupts(
    place_on_map(unname(map$x), map$places, NULL, unname(new), TRUE, options, threads, progress)
  )
  rbind(map$places, places)
}

# A fit of the new cells alone, where landmarks stood for the old ones.
drop_landmarks <- function(fit, cells) {
  own <- nrow(cells$old) + seq_len(nrow(cells$new))
  for (part in intersect(c("embedding", "network_embedding", "data"), names(fit))) {
    if (is.null(fit[[part]])) next
    fit[[part]] <- fit[[part]][own, , drop = FALSE]
    rownames(fit[[part]]) <- rownames(cells$new)
  }
  fit$params$n <- nrow(cells$new)
  fit
}

old_cells <- function(object, data, prepared) {
  if (is.null(data) || isFALSE(data)) return(NULL)
  if (!isTRUE(data)) return(prepared(data, "data"))
  kept <- if (inherits(object, "neuralee_fit")) object$data
  if (is.null(kept)) {
    abort_neuralee(
      "input", "`data` is TRUE, but the fit keeps no cells.",
      "Give the cells as `data`, or fit with neuralee(keep = TRUE)."
    )
  }
  kept
}

bind_cells <- function(old, new) {
  if (is.null(old)) return(new)
  names <- if (!is.null(rownames(old)) && !is.null(rownames(new))) c(rownames(old), rownames(new))
  both <- rbind(unname(old), unname(new))
  rownames(both) <- names
  both
}

# A model that goes on has the preprocessing and the features of the one it came from.
redescribe_model <- function(model, old, info) {
  steps <- c(
    rust_call(rs_model_preprocessing(old$bytes)),
    info[c("names", "occurrence", "copies", "selected", "width")]
  )
  describe_model(model, steps, model_info(model), info$source)
}
