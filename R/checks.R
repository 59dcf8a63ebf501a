# A value as it appears in an error message.
describe <- function(x) {
  if (is.null(x)) {
    "NULL"
  } else if (is.atomic(x) && length(x) == 1L && !is.object(x) && is.null(dim(x))) {
    if (is.character(x) && !is.na(x)) dQuote(x, FALSE) else format(x, digits = 15)
  } else if (is.atomic(x) && !is.object(x) && is.null(dim(x))) {
    sprintf("a vector of %d values of type %s", length(x), typeof(x))
  } else {
    sprintf("an object of class %s", paste(class(x), collapse = "/"))
  }
}

refuse_argument <- function(x, name, wanted, kind = "input") {
  abort_neuralee(kind, sprintf("`%s` is %s.", name, describe(x)), sprintf("Give %s.", wanted))
}

in_range <- function(min, max) {
  if (is.finite(min) && is.finite(max)) {
    sprintf(" from %s to %s", format(min), format(max))
  } else if (is.finite(min)) {
    sprintf(" of at least %s", format(min))
  } else if (is.finite(max)) {
    sprintf(" of at most %s", format(max))
  } else {
    ""
  }
}

# Refuses the call of a function that leaves out an argument without a default, or one of `names`.
check_given <- function(names = NULL) {
  frame <- parent.frame()
  formals <- formals(sys.function(sys.parent()))
  without <- vapply(formals, function(default) identical(default, quote(expr = )), NA)
  for (name in names %||% setdiff(names(formals)[without], "...")) {
    if (eval(call("missing", as.name(name)), frame)) {
      abort_neuralee("input", sprintf("`%s` is missing.", name), "Give it: it has no default.")
    }
  }
}

is_number <- function(x) is.numeric(x) && !is.object(x) && length(x) == 1L && is.finite(x)

# One whole number, returned as an integer.
check_count <- function(x, name, min = 0, max = .Machine$integer.max) {
  if (!is_number(x) || x != floor(x) || x < min || x > max) {
    refuse_argument(x, name, paste0("one whole number", in_range(min, max)))
  }
  as.integer(x)
}

# One finite number, returned as a double; `above` is a bound that it must exceed.
check_number <- function(x, name, min = -Inf, max = Inf, above = -Inf) {
  if (!is_number(x) || x < min || x > max || x <= above) {
    bound <- if (is.finite(above)) sprintf(" greater than %s", format(above)) else ""
    refuse_argument(x, name, paste0("one number", bound, in_range(min, max)))
  }
  as.numeric(x)
}

check_flag <- function(x, name) {
  if (!is.logical(x) || length(x) != 1L || is.na(x)) refuse_argument(x, name, "TRUE or FALSE")
  as.logical(x)
}

check_name <- function(x, name) {
  if (!is.character(x) || length(x) != 1L || is.na(x) || !nzchar(x)) {
    refuse_argument(x, name, "one name")
  }
  x
}

# A double matrix or a dgCMatrix of finite numbers, with its dimnames: what Rust takes.
# `cells` says whether cells are the rows (matrix level) or the columns (containers). A
# DelayedMatrix stays one, and its values are looked at when they are read.
check_cells <- function(x, name = "x", cells = c("rows", "columns")) {
  cells <- match.arg(cells)
  x <- as_number_matrix(x, name)
  check_extent(x, name, cells)
  if (!is_delayed(x)) check_finite(x, name, cells)
  x
}

check_extent <- function(x, name, cells) {
  n_cells <- if (cells == "rows") nrow(x) else ncol(x)
  n_genes <- if (cells == "rows") ncol(x) else nrow(x)
  if (n_cells < 2L || n_genes < 1L) {
    abort_neuralee(
      "input",
      sprintf("`%s` has %d cells (%s) and %d genes.", name, n_cells, cells, n_genes),
      if (n_genes > 1L && n_cells < 2L) {
        "At least 2 cells are needed; is the matrix transposed?"
      } else {
        "At least 2 cells and 1 gene are needed."
      }
    )
  }
}

as_number_matrix <- function(x, name) {
  refuse_seurat(x)
  if (methods::is(x, "SummarizedExperiment")) {
    abort_neuralee(
      "input",
      sprintf("`%s` is a %s, but a matrix with cells in rows is needed.", name, class(x)[[1L]]),
      "For a SingleCellExperiment use runEE() or runNeuralEE(), or take t(assay(x))."
    )
  }
  if (is.data.frame(x)) {
    text <- names(x)[!vapply(
      x, function(v) (is.numeric(v) && !inherits(v, "integer64")) || is.logical(v), NA
    )]
    if (length(text)) {
      abort_neuralee(
        "input",
        sprintf(
          "`%s` is a data frame with columns that hold no numbers: %s.", name, list_some(text)
        ),
        "Drop or convert these columns."
      )
    }
    x <- as.matrix(x)
  }
  if (is_delayed(x)) {
    check_delayed_type(x, name)
    return(x)
  }
  if (inherits(x, "sparseMatrix")) {
    check_sparse(x, name)
    return(as_sparse_columns(x))
  }
  if (inherits(x, "denseMatrix")) x <- as.matrix(x)
  if (!is.matrix(x) || !(is.numeric(x) || is.logical(x))) {
    what <- if (is.matrix(x)) sprintf("a %s matrix", typeof(x)) else describe(x)
    abort_neuralee(
      "input", sprintf("`%s` is %s.", name, what),
      paste(
        "Give a numeric matrix, a sparse matrix (dgCMatrix), a DelayedMatrix or a data frame of",
        "numbers."
      )
    )
  }
  if (!is.double(x)) storage.mode(x) <- "double"
  x
}

check_delayed_type <- function(x, name) {
  type <- DelayedArray::type(x)
  if (!type %in% c("double", "integer", "logical")) {
    abort_neuralee(
      "input", sprintf("`%s` is a %s with values of type %s.", name, class(x)[[1L]], type),
      "Give numbers."
    )
  }
}

# A matrix whose slots were changed by hand may point outside its memory. Matrix's own check
# trusts the pointers, so that these come first.
check_sparse <- function(x, name) {
  shape <- dim(x)
  pointed <- if (methods::is(x, "RsparseMatrix")) rev(shape) else shape
  stored <- tryCatch(length(if (methods::.hasSlot(x, "j")) x@j else x@i), error = function(e) 0L)
  sound <- TRUE
  if (methods::.hasSlot(x, "p") && !methods::is(x, "indMatrix")) {
    p <- x@p
    sound <- length(p) == pointed[[2L]] + 1L && !anyNA(p) && p[[1L]] == 0L && all(diff(p) >= 0L) &&
      p[[length(p)]] == stored
  }
  if (methods::.hasSlot(x, "i")) sound <- sound && !anyNA(x@i) && all(x@i >= 0L & x@i < shape[[1L]])
  if (methods::.hasSlot(x, "j")) sound <- sound && !anyNA(x@j) && all(x@j >= 0L & x@j < shape[[2L]])
  if (!sound || !isTRUE(methods::validObject(x, test = TRUE))) {
    abort_neuralee(
      "input",
      sprintf("`%s` is a damaged %s: its slots do not fit each other.", name, class(x)[[1L]]),
      "Make the matrix anew."
    )
  }
}

as_sparse_columns <- function(x) {
  if (inherits(x, "dgCMatrix")) return(x)
  x <- methods::as(x, "dMatrix")
  x <- methods::as(x, "generalMatrix")
  methods::as(x, "CsparseMatrix")
}

# `offset` is where `x` starts, less 1, within a larger matrix that is read in blocks. `rows`, where
# given, are the numbers of that matrix's rows.
check_finite <- function(x, name, cells, offset = c(0, 0), rows = NULL) {
  values <- stored_values(x)
  at <- rs_first_not_finite(values)
  if (at == 0) return(invisible())
  found <- locate_value(x, at, cells, offset, rows)
  abort_neuralee(
    "not_finite", sprintf("`%s` has the value %s in %s.", name, format(values[[at]]), found$text),
    "All values must be finite: remove or impute these cells or genes first.", row = found$row,
    column = found$column
  )
}

stored_values <- function(x) if (is.matrix(x)) x else x@x

# Row and column of a stored value, counted in the whole matrix, and both in words.
locate_value <- function(x, at, cells, offset = c(0, 0), rows = NULL) {
  if (is.matrix(x)) {
    row <- (at - 1) %% nrow(x) + 1
    column <- (at - 1) %/% nrow(x) + 1
  } else {
    row <- x@i[[at]] + 1
    column <- findInterval(at - 1, x@p, left.open = FALSE)
  }
  words <- c(
    describe_index(row, rownames(x), if (cells == "rows") "cell" else "gene"),
    describe_index(column, colnames(x), if (cells == "rows") "gene" else "cell")
  )
  row <- row + offset[[1L]]
  if (!is.null(rows)) row <- rows[[row]]
  column <- column + offset[[2L]]
  list(
    row = row, column = column,
    text = sprintf("row %.0f (%s), column %.0f (%s)", row, words[[1L]], column, words[[2L]])
  )
}

describe_index <- function(index, names, what) {
  if (is.null(names)) what else sprintf("%s %s", what, dQuote(names[[index]], FALSE))
}

# At most five names for a message.
list_some <- function(names, most = 5L) {
  if (!length(names)) return("none")
  shown <- paste(dQuote(utils::head(names, most), FALSE), collapse = ", ")
  rest <- length(names) - most
  if (rest > 0L) paste0(shown, sprintf(" and %d more", rest)) else shown
}

# What a message says after a name that was not found; `none` where there is nothing.
there_are <- function(names, none = "There are none.", remedy = NULL) {
  if (!length(names)) return(none)
  opening <- if (is.null(remedy)) "There are" else paste0(remedy, "; there are")
  sprintf("%s: %s.", opening, list_some(names))
}

refuse_seurat <- function(x) {
  if (inherits(x, "Seurat")) {
    abort_neuralee(
      "input", "This function does not take Seurat objects.",
      paste(
        "To embed one use RunEE() or RunNeuralEE();",
        "for the rest turn it into a SingleCellExperiment: Seurat::as.SingleCellExperiment(object)."
      )
    )
  }
}

# The name among `choices` that is nearest to one that was mistyped, or NULL.
nearest_name <- function(name, choices) {
  distance <- utils::adist(name, choices, ignore.case = TRUE)[1L, ]
  if (min(distance) <= max(2, nchar(name) %/% 3)) choices[which.min(distance)]
}

# For a method that takes nothing through `...`.
check_no_dots <- function(...) {
  if (...length()) {
    known <- setdiff(names(formals(sys.function(-1L))), "...")
    check_dot_names(names(list(...)) %||% rep("", ...length()), known)
  }
}

# Refuses argument names in `...` that no function takes.
check_dot_names <- function(names, known) {
  if (!length(names)) return(invisible())
  if (any(!nzchar(names))) {
    abort_neuralee(
      "input", "An argument without a name is not taken here.",
      "Name all arguments after the first."
    )
  }
  for (name in setdiff(names, known)) {
    near <- if (name == "d" && "ncomponents" %in% known) {
      "ncomponents"
    } else {
      nearest_name(name, known)
    }
    abort_neuralee(
      "input", sprintf("There is no argument `%s`.", name),
      if (is.null(near)) {
        sprintf("There are: %s.", toString(known))
      } else {
        sprintf("Did you mean `%s`?", near)
      }
    )
  }
}

require_package <- function(name, purpose) {
  if (!rlang::is_installed(name)) {
    abort_neuralee(
      "input", sprintf("The package %s is needed to %s, but is not installed.", name, purpose),
      sprintf("install.packages(\"%s\")", name)
    )
  }
}
