# A model is the core's own bytes (with version, length and checksum) and nothing else. So nothing
# of it can be lost by saveRDS() or disagree with the rest.
new_model <- function(bytes) structure(list(bytes = bytes), class = "neuralee_model")

# `steps` as learn_preprocessing() gives them; `origin`: what the model was trained on.
describe_model <- function(model, steps, origin, source = NULL) {
  source <- Filter(function(value) length(value) == 1L, source)
  # Numbers of entries are told from names that are made of digits.
  as_text <- function(value) {
    if (is.numeric(value)) sprintf("[[%d]]", as.integer(value)) else as.character(value)
  }
  source <- lapply(source, as_text)
  origin <- c(
    origin[
      c(
        "cells", "lambda", "agreement", "uniform", "densities", "perplexity", "k", "affinity",
        "kernel"
      )
    ],
    list(
      names = if (!is.null(steps$names)) as.list(steps$names),
      occurrence = whole(steps$occurrence), copies = whole(steps$copies),
      selected = whole(steps$selected), width = steps$width,
      version = as.character(utils::packageVersion("neuralee")),
      source_names = as.list(names(source)), source_values = unname(source)
    )
  )
  steps <- steps[c("features", "log", "centre", "scale", "rotation", "components", "unit_length")]
  if (!is.null(steps$rotation)) steps$rotation <- as.vector(steps$rotation)
  new_model(rust_call(rs_model_describe(model$bytes, steps, origin)))
}

# The core takes whole numbers of several features as integers.
whole <- function(numbers) if (!is.null(numbers)) as.integer(numbers)

# All that is known of a model but its weights.
model_info <- function(model) {
  info <- rust_call(rs_model_info(model$bytes))
  info$source <- stats::setNames(as.list(info$source_values), info$source_names)
  info
}

# The model of a fit, a reduced dimension, or of itself.
stored_model <- function(object) {
  if (inherits(object, "neuralee_fit")) {
    object$model
  } else if (inherits(object, "reduced.dim.matrix")) {
    attr(object, "model")
  } else if (inherits(object, "DimReduc")) {
    SeuratObject::Misc(object = object, slot = "model")
  } else {
    object
  }
}

model_of <- function(object, name = "object") {
  model <- stored_model(object)
  if (!inherits(model, "neuralee_model") || !is.list(model) || !is.raw(model$bytes)) {
    abort_neuralee(
      "input", sprintf("`%s` is %s, which holds no model.", name, describe(object)),
      paste(
        "Give a fit of neuralee(), a model that load_neuralee() read, or a reduction of",
        "runNeuralEE() or RunNeuralEE()."
      )
    )
  }
  model
}

#' Models of NeuralEE
#'
#' A model is what [neuralee()] leaves to map cells with: the network, the preprocessing that leads
#' to its inputs, the names of the features, and the landmarks of [neuralee()]. With `landmarks = 0`
#' it holds no cells. It takes 10 to 2,000 kilobytes:
#' 4 bytes a weight, 8 a loading. `save_neuralee()` writes it to a file, `load_neuralee()` reads it
#' back; `saveRDS()` of a fit or of a model works too, and in another session.
#'
#' The file is plain data: 8 bytes that name its kind, its version, its length, a checksum, and the
#' numbers in postcard's format. Reading one runs nothing. Later versions of this package read the
#' files of earlier ones.
#'
#' @param object A fit of [neuralee()] or [fine_tune()], a model, or the reduction that
#'   [runNeuralEE()] or [RunNeuralEE()] stored.
#' @param file Path of a file. An existing one is replaced, in one move, once the new one is whole.
#' @param ... Not used.
#' @return `save_neuralee()`: the path, invisibly. `load_neuralee()`: an object of class
#'   `neuralee_model`. `weights()`: a list with the weight matrix of every layer, a row per unit; of
#'   a TorchScript program all parameters as one vector. `coef()`: a list of `layers`, each with all
#'   of its parameters (`weight` and, with batch normalisation, `gamma`, `beta` and the `mean` and
#'   `variance` that normalise, else `bias`), and `centre` and `scale`: what is subtracted from each
#'   input of the network, and what divides them all.
#' @section Errors:
#' `neuralee_error_file_format` for a file that is missing, damaged or of another kind,
#' `neuralee_error_model_version` for one of a later version, `neuralee_error_input` where
#' the file cannot be written or `object` holds no model.
#' @seealso [embedding_model()], [predict()][predict.neuralee_fit], [fine_tune()].
#' @name neuralee_model
#' @examples
#' fit <- neuralee(as.matrix(iris[, 1:4]), perplexity = 20, maxit = 20, verbose = FALSE)
#' file <- tempfile(fileext = ".nee")
#' save_neuralee(fit, file)
#' model <- load_neuralee(file)
#' model
#' lapply(weights(model), dim)
#' head(predict(model, iris[1:3, 1:4]))
NULL

#' @rdname neuralee_model
#' @export
save_neuralee <- function(object, file) {
  check_given()
  model <- model_of(object)
  check_string(file, "file", "the path of one file")
  file <- path.expand(file)
  if (dir.exists(file) || (file.exists(file) && !is_regular_file(file))) {
    abort_neuralee(
      "input", sprintf("`file`: \"%s\" exists and is no regular file.", file), "Give another path."
    )
  }
  rust_call(rs_model_save(model$bytes, file))
  invisible(file)
}

#' @rdname neuralee_model
#' @export
load_neuralee <- function(file) {
  check_given()
  check_string(file, "file", "the path of one file")
  file <- path.expand(file)
  if (!file.exists(file)) {
    abort_neuralee(
      "file_format", sprintf("There is no file \"%s\".", file),
      "Give one that save_neuralee() wrote."
    )
  }
  model <- new_model(rust_call(rs_model_read(file)))
  model_info(model)
  model
}

#' @importFrom stats coef
#' @rdname neuralee_model
#' @export
coef.neuralee_model <- function(object, ...) {
  object <- model_of(object)
  found <- rust_call(rs_model_weights(object$bytes))
  names(found$layers) <- c(sprintf("hidden%d", seq_len(length(found$layers) - 1L)), "output")
  found
}

#' @importFrom stats weights
#' @rdname neuralee_model
#' @export
weights.neuralee_model <- function(object, ...) lapply(coef(object)$layers, `[[`, "weight")

#' @rdname neuralee_model
#' @export
coef.neuralee_fit <- function(object, ...) coef(model_of(object))

#' @rdname neuralee_model
#' @export
weights.neuralee_fit <- function(object, ...) weights(model_of(object))

# "558-50-50-2, relu, batch norm"
describe_network <- function(info) {
  if (info$program) return(sprintf("%d-%d, a TorchScript program", info$inputs, info$d))
  paste0(
    paste(c(info$inputs, info$hidden, info$d), collapse = "-"), ", ", info$activation,
    if (info$batch_norm) ", batch norm",
    if (info$dropout > 0) sprintf(", dropout %s", format(info$dropout)),
    if (info$residual) ", residual"
  )
}

describe_steps <- function(info) {
  steps <- c(
    if (info$log) "log(1 + x)",
    if (!is.null(info$selected)) sprintf("%d of %.0f features", info$features, info$width),
    if (info$centred) "centred", if (info$scaled) "scaled",
    if (!is.null(info$components)) sprintf("%d components", info$components),
    if (info$unit_length) "length 1"
  )
  if (length(steps)) paste(steps, collapse = ", ") else "none"
}

#' @export
print.neuralee_model <- function(x, ...) {
  info <- model_info(model_of(x, "x"))
  cat(sprintf("NeuralEE model: network %s\n", describe_network(info)))
  cat(sprintf("%s parameters, %s landmarks, %s\n",
    format(info$parameters, big.mark = ","), format(info$landmarks, big.mark = ","),
    format(structure(length(x$bytes), class = "object_size"), units = "auto")
  ))
  cat(sprintf(
    "%d features (%s); preprocessing: %s\n", info$features,
    if (is.null(info$names)) "unnamed" else list_some(info$names, 3L), describe_steps(info)
  ))
  cat(sprintf(
    "Trained on %s cells: E = %s at lambda = %s, perplexity %s, after %.0f epochs\n",
    format(info$cells, big.mark = ","), format(info$loss, digits = 6), format(info$lambda),
    format(info$perplexity), info$epochs
  ))
  invisible(x)
}
