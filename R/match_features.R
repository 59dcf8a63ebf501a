# Features of new cells as those of a model or a map: by name, and features that share a name by
# their order.

# Names as text ("" for a feature without one; NULL where none has one). Where a name repeats,
# `occurrence` says of each feature which it is among those of its name, and `copies` how many these
# are.
name_features <- function(names) {
  unnamed <- list(names = NULL, occurrence = NULL, copies = NULL)
  if (is.null(names)) return(unnamed)
  known <- is_text(names)
  if (!all(known)) {
    abort_neuralee(
      "input", sprintf("The name of feature %d is no valid text.", which(!known)[[1L]]),
      "Name the features in UTF-8, or declare the encoding of the names."
    )
  }
  names <- enc2utf8(names)
  names[is.na(names)] <- ""
  if (!any(nzchar(names))) return(unnamed)
  if (!anyDuplicated(names[nzchar(names)])) {
    return(utils::modifyList(unnamed, list(names = names), keep.null = TRUE))
  }
  group <- match(names, names)
  count <- tabulate(group, length(names))
  occurrence <- integer(length(names))
  occurrence[order(group)] <- sequence(count[count > 0L])
  list(names = names, occurrence = occurrence, copies = count[group])
}

# `x` with the features of `known` along `axis`, in their order. `known` has the names, as
# name_features() gives them, the numbers (`selected`) of these features among the `width` of the
# training, and how many they are (`features`). `fill` stands for features that `x` lacks (see
# fill_for_model()); without it they are refused. `whole` is what `known` belongs to, in a message.
match_features <- function(x, known, axis, name, fill = NULL, whole = "model") {
  given <- name_features(dimnames(x)[[axis]])
  if (is.null(known$names) || is.null(given$names)) {
    return(features_by_position(x, known, given, axis, name, whole))
  }
  wanted <- known$names
  at <- match(wanted, given$names)
  at[!nzchar(wanted)] <- NA
  check_copies(at, known, given, name, whole)
  if (stand_as_before(known, given)) {
    return(if (is.null(known$selected)) x else take(x, known$selected, axis))
  }
  nameless <- !nzchar(wanted)
  if (any(nameless)) {
    abort_neuralee(
      "input",
      sprintf(
        "%d of the %d features of the %s have no name, and `%s` has another order than it.",
        sum(nameless), length(wanted), whole, name
      ),
      "Give all features of the training in their order, or name each of them and train anew."
    )
  }
  lacking <- is.na(at)
  if (any(lacking)) {
    swapped <- all(lacking) && axis == 2L && any(wanted %in% rownames(x))
    announce_lacking(wanted[lacking], length(wanted), given$names, name, fill, whole, swapped)
  }
  several <- !lacking & (known$copies %||% 1L) > 1L
  if (any(several)) {
    key <- function(features) paste(features$occurrence, features$names)
    at[several] <- match(key(known)[several], key(given))
    in_order <- at[order(known$selected %||% seq_along(at))]
    if (is.unsorted(in_order, na.rm = TRUE)) warn_copies(unique(wanted[several]), name, whole)
  }
  if (any(lacking)) filled(x, at, fill$values, axis) else take(x, at, axis)
}

# A name that stands for more or fewer features than in the training may be the name of others.
check_copies <- function(at, known, given, name, whole) {
  copies <- function(features) features$copies %||% rep(1L, length(features$names))
  now <- copies(given)[at]
  before <- copies(known)
  other <- !is.na(at) & now != before
  if (any(other)) {
    names <- dQuote(known$names[other], FALSE)
    counts <- unique(sprintf("%s (%.0f, not %.0f)", names, now[other] + 0, before[other] + 0))
    abort_neuralee(
      "input",
      sprintf(
        "`%s` has features of the %s more or less often than the training: %s%s.", name, whole,
        paste(utils::head(counts, 5L), collapse = ", "),
        if (length(counts) > 5L) sprintf(" and %d more", length(counts) - 5L) else ""
      ),
      paste(
        "Which is which cannot be told. Give each as often as in the training; or leave out all of",
        "that name and set missing = \"zero\" or \"mean\"; or train with unique names,",
        "such as identifiers."
      )
    )
  }
}

# Do all features of `known` stand where they stood in the training, under the same names?
stand_as_before <- function(known, given) {
  chosen <- known$selected %||% seq_along(known$names)
  length(given$names) == known$width && identical(given$names[chosen], known$names)
}

# By position among all features of the training: those that were chosen have an order of their own.
features_by_position <- function(x, known, given, axis, name, whole) {
  count <- dim(x)[[axis]]
  if (count != known$width) {
    abort_neuralee(
      "input",
      sprintf(
        "`%s` has %d features, but the %s takes %.0f%s.", name, count, whole, known$width,
        if (is.null(known$selected)) "" else sprintf(" (of which it uses %.0f)", known$features)
      ),
      if (axis == 2L && dim(x)[[1L]] == known$width) {
        "Cells belong in the rows: transpose it."
      } else if (is.null(known$selected)) {
        "Give the same features in the same order."
      } else {
        "Give all features of the training in their order, or name them."
      }
    )
  }
  if (!is.null(known$names) || !is.null(given$names)) {
    rlang::inform(
      c(
        sprintf(
          "The features of `%s` are taken by position: %s.", name,
          if (is.null(given$names)) {
            "they have no names"
          } else {
            sprintf("those of the %s have none", whole)
          }
        ),
        i = "They must stand in the order of the training."
      ),
      class = "neuralee_message_by_position"
    )
  }
  if (is.null(known$selected)) x else take(x, known$selected, axis)
}

announce_lacking <- function(lacking, count, names, name, fill, whole, swapped) {
  message <- sprintf(
    "`%s` lacks %d of the %d features of the %s: %s.",
    name, length(lacking), count, whole, list_some(lacking)
  )
  if (is.null(fill) || length(lacking) == count) {
    abort_neuralee(
      "input", message,
      if (swapped) {
        "They are the names of its rows: transpose it."
      } else {
        paste0(
          sprintf("Give the features of the training. `%s` has %s.", name, list_some(names, 3L)),
          if (is.null(fill)) {
            " missing = \"zero\" or \"mean\" makes up for those that are not there."
          }
        )
      }
    )
  }
  warn_neuralee("missing_features", c(message, i = sprintf("Each of these gets %s.", fill$words)))
}

warn_copies <- function(names, name, whole) {
  warn_neuralee(
    "repeated_features",
    c(
      sprintf(
        "Features of the %s share a name and are told apart by their order in `%s` alone: %s.",
        whole, name, list_some(names)
      ),
      i = "Features stand in another order than in the training, and so may these.",
      i = "Give them in the order of the training, or train with unique names, such as identifiers."
    )
  )
}

# What features get that new cells lack: NULL where they are refused, else a value for each feature
# of the model, on the scale of the cells as they come, and this in words.
fill_for_model <- function(missing, model) {
  missing <- match_choice(missing, "missing", c("error", "zero", "mean"))
  if (missing == "error") return(NULL)
  steps <- rust_call(rs_model_preprocessing(model$bytes))
  values <- if (missing == "zero") numeric(steps$features) else training_means(steps, model)
  fill_with(missing, values)
}

fill_with <- function(missing, values) {
  words <- c(zero = "the value 0", mean = "its mean over the cells of the training")
  list(values = values, words = words[[missing]])
}

# Means of the features in the training. Without steps that subtract them, they are what the network
# subtracts from its inputs; after logarithms, the values whose logarithm is the mean.
training_means <- function(steps, model) {
  means <- steps$centre
  if (is.null(means) && steps$components == 0 && !steps$unit_length) {
    means <- coef(model)$centre * (steps$scale %||% 1)
  }
  if (is.null(means)) {
    abort_neuralee(
      "input", "`missing` is \"mean\", but the model has not kept the means of its features.",
      "Take missing = \"zero\", or train with preprocessing(scale = TRUE), which keeps them."
    )
  }
  if (steps$log) expm1(means) else means
}

# `x` with the features numbered `at` along `axis`; where `at` is NA, each cell has the value of
# `values`.
filled <- function(x, at, values, axis) {
  lacking <- which(is.na(at))
  present <- which(!is.na(at))
  cells <- dim(x)[[3L - axis]]
  constant <- constant_features(x, values[lacking], cells)
  dimnames(constant) <- list(NULL, dimnames(x)[[3L - axis]])
  given <- take(x, at[present], axis)
  bound <- if (axis == 1L) {
    BiocGenerics::rbind(given, constant)
  } else {
    BiocGenerics::cbind(given, Matrix::t(constant))
  }
  take(bound, order(c(present, lacking)), axis)
}

# Features in rows, of the kind of `x`: in memory only where `x` is.
constant_features <- function(x, values, cells) {
  if (is_delayed(x)) {
    all_of <- function(value) DelayedArray::ConstantArray(c(length(values), cells), value)
    return(if (any(values != 0)) all_of(1) * values else all_of(0))
  }
  if (is.matrix(x)) return(matrix(values, length(values), cells))
  stored <- which(values != 0)
  Matrix::sparseMatrix(
    i = rep(stored, each = cells), j = rep(seq_len(cells), length(stored)),
    x = rep(values[stored], each = cells), dims = c(length(values), cells)
  )
}
