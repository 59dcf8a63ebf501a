# What the plots take from matrices, fits and containers.

is_container <- function(object) {
  methods::is(object, "SingleCellExperiment") || inherits(object, "Seurat")
}

# NULL stands for the map that runEE() stores, or else for that of runNeuralEE().
map_to_draw <- function(object, dimred) {
  if (!is.null(dimred) || !is_container(object)) return(dimred)
  if (inherits(object, "Seurat")) {
    require_seurat_object()
    usual <- c("ee", "neuralee")
    known <- SeuratObject::Reductions(object = object)
  } else {
    usual <- c("EE", "NeuralEE")
    known <- SingleCellExperiment::reducedDimNames(object)
  }
  c(usual[usual %in% known], usual)[[1L]]
}

coordinates_of <- function(object, dimred) {
  coordinates <- if (inherits(object, "Seurat")) {
    seurat_reduction(object, dimred)
  } else if (methods::is(object, "SingleCellExperiment")) {
    reduction_of(object, dimred)
  } else if (inherits(object, "ee_fit")) {
    as.matrix(object)
  } else {
    object
  }
  if (is.data.frame(coordinates)) coordinates <- as.matrix(coordinates)
  if (is.matrix(coordinates) && is.numeric(coordinates) && !length(coordinates)) {
    abort_neuralee("input", "`object` has no cells to draw.")
  }
  if (!is.matrix(coordinates) || !is.numeric(coordinates)) {
    abort_neuralee(
      "input",
      "`object` must be a numeric matrix, a fit of ee(), a SingleCellExperiment or a Seurat object."
    )
  }
  coordinates
}

# The cells to draw: x, y, name, one column of `colours` for each of the features or columns,
# `groups` to facet by, and columns for `hover`.
cells_to_draw <- function(object, dimred, dims, colour_by, facet_by, assay.type, size, seed,
                          hover = NULL) {
  dimred <- map_to_draw(object, dimred)
  coordinates <- coordinates_of(object, dimred)
  n <- nrow(coordinates)
  # A reduction of Seurat 5 may have some of the cells, such as those of a sketch.
  if (inherits(object, "Seurat") && n < ncol(object)) object <- object[, rownames(coordinates)]
  dims <- check_dims(dims, ncol(coordinates))
  columns <- columns_to_draw(object, colour_by, "colour_by", n, assay.type)
  groups <- columns_to_draw(object, facet_by, "facet_by", n, assay.type)
  if (length(groups) > 1L) abort_neuralee("input", "`facet_by` names several columns.", "Name one.")
  places <- coordinates[, dims, drop = FALSE]
  storage.mode(places) <- "double"
  check_finite(places, "object", "rows")
  x <- unname(places[, 1L])
  colours <- lapply(columns, values_to_colour)
  if (length(colours) > 1L) {
    none <- vapply(colours, is.null, NA)
    colours[none] <- list(rep(NA_real_, n))
  }
  cells <- list(
    x = x, y = if (length(dims) == 2L) unname(places[, 2L]) else strip_height(x),
    name = rownames(coordinates) %||% as.character(seq_len(n)),
    colours = colours, groups = if (length(groups)) values_to_facet(groups[[1L]]),
    # Whether the other groups are left out of the panel of each.
    apart = FALSE
  )
  labelled <- !vapply(cells$colours, is.numeric, NA)
  if (length(labelled) > 1L && any(labelled)) {
    abort_neuralee(
      "input",
      sprintf(
        "`colour_by` asks for several panels, but %s holds labels.",
        list_some(names(columns)[labelled])
      ),
      "Give features or columns of numbers, or one column of labels."
    )
  }
  cells$hover <- columns_to_draw(object, hover, "hover", n, assay.type)
  cells$axes <- axis_names(coordinates, dims, if (is.character(dimred)) dimred else "Dimension ")
  cells$one_dimension <- length(dims) == 1L
  cells$colour_name <- if (length(columns) == 1L && nzchar(names(columns))) names(columns)
  chosen <- choose_cells(n, size, "random", seed, NULL)
  if (is.null(chosen)) cells else choose_drawn(cells, chosen)
}

choose_drawn <- function(cells, chosen) {
  for (part in c("x", "y", "name")) cells[[part]] <- cells[[part]][chosen]
  drop_unused <- function(values) if (is.factor(values)) droplevels(values) else values
  cells$colours <- lapply(cells$colours, function(values) drop_unused(values[chosen]))
  cells$hover <- lapply(cells$hover, function(values) values[chosen])
  if (!is.null(cells$groups)) cells$groups <- drop_unused(cells$groups[chosen])
  cells
}

check_dims <- function(dims, d) {
  if (is.null(dims)) return(seq_len(min(2L, d)))
  if (!is.numeric(dims) || !length(dims) %in% c(1L, 2L) || anyNA(dims) ||
    any(!dims %in% seq_len(d))) {
    abort_neuralee("input", sprintf("`dims` must be one or two of the dimensions 1 to %d.", d))
  }
  as.integer(dims)
}

axis_names <- function(coordinates, dims, prefix) {
  names <- colnames(coordinates) %||% paste0(prefix, seq_len(ncol(coordinates)))
  if (length(dims) == 2L) names[dims] else c(names[dims], "")
}

# A list of columns with an entry for each cell, named where `by` names them; empty for NULL.
columns_to_draw <- function(object, by, argument, n, assay.type) {
  if (is.null(by)) return(list())
  # With one cell, one text is its label.
  if (is.character(by) && is.null(dim(by)) && length(by) != n && is_container(object)) {
    columns <- named_columns(object, unique(by), argument, n, assay.type)
  } else if (length(dim(by)) == 2L) {
    if (methods::is(by, "Matrix")) by <- as.matrix(by)
    # Columns of a DataFrame may be more than as.data.frame() can take.
    if (!methods::is(by, "DataFrame")) {
      by <- as.data.frame(by, optional = TRUE, stringsAsFactors = FALSE)
    }
    columns <- as.list(by)
    if (is.null(names(columns))) names(columns) <- sprintf("column %d", seq_along(columns))
  } else {
    columns <- list(by)
    names(columns) <- ""
  }
  named <- is.character(by)
  Map(
    function(values, name) plain_values(values, name, argument, n, named), columns, names(columns)
  )
}

# A vector or factor with an entry for each cell, which can be drawn as labels or numbers.
plain_values <- function(values, name, argument, n, named) {
  if (methods::is(values, "Rle")) values <- S4Vectors::decode(values)
  what <- if (nzchar(name)) {
    sprintf("Column %s of `%s`", dQuote(name, FALSE), argument)
  } else {
    sprintf("`%s`", argument)
  }
  drawable <- is.numeric(values) || is.logical(values) || is.character(values) ||
    is.factor(values) ||
    inherits(values, c("Date", "POSIXct", "difftime"))
  if (!drawable || inherits(values, "integer64") ||
    (length(dim(values)) == 2L && ncol(values) != 1L)) {
    abort_neuralee(
      "input", sprintf("%s is %s, which is neither labels nor numbers.", what, describe(values)),
      "Give a vector or factor with one entry per cell."
    )
  }
  if (length(values) != n) {
    abort_neuralee(
      "input", sprintf("`%s` has %d entries, but there are %d cells.", argument, length(values), n),
      if (named) "Names of columns or features work with containers of cells only." else ""
    )
  }
  check_text(name, sprintf("the names of the columns of `%s`", argument))
  if (is.factor(values) || is.character(values)) check_text(as.character(values), what)
  values
}

named_columns <- function(object, names, argument, n, assay.type) {
  check_text(names, sprintf("`%s`", argument))
  seurat <- inherits(object, "Seurat")
  annotations <- if (seurat) object[[]] else SummarizedExperiment::colData(object)
  columns <- colnames(annotations)
  features <- rownames(object)
  unknown <- setdiff(names, c(columns, features, if (seurat) "ident"))
  if (length(unknown)) {
    several <- length(names) > 1L && length(unknown) == length(names)
    abort_neuralee(
      "input",
      sprintf(
        "%s\"%s\" is neither a %s nor a feature.",
        if (several) sprintf(
          "`%s` has %d entries, but there are %d cells, and ", argument, length(names), n
        ) else "",
        unknown[[1L]], if (seurat) "column of the meta data" else "colData column"
      ),
      sprintf(
        "%s: %s. Features: %s.", if (seurat) "Columns of the meta data" else "colData columns",
        list_some(columns), list_some(features)
      )
    )
  }
  wanted <- setdiff(names, columns)
  wanted <- wanted[wanted %in% features]
  expressed <- if (length(wanted)) feature_values(object, wanted, assay.type)
  values <- lapply(names, function(name) {
    if (name %in% columns) {
      annotations[[name]]
    } else if (name %in% wanted) {
      expressed[name, ]
    } else {
      SeuratObject::Idents(object = object)
    }
  })
  stats::setNames(values, names)
}

feature_values <- function(object, names, assay.type) {
  assay <- if (inherits(object, "Seurat")) {
    seurat_layer(object, assay.type, names)
  } else {
    assay_of(object, assay.type)
  }
  rows <- match(names, rownames(assay) %||% rownames(object))
  if (anyNA(rows)) {
    abort_neuralee(
      "input", sprintf("%s has no row for %s.", entry(assay.type), list_some(names[is.na(rows)])),
      "Set assay.type to another."
    )
  }
  values <- as.matrix(assay[rows, , drop = FALSE])
  rownames(values) <- names
  values
}

# Numbers, a factor, or NULL where no cell has a value.
values_to_colour <- function(values) {
  if (all(is.na(values))) {
    NULL
  } else if (is.numeric(values)) {
    as.vector(values)
  } else {
    droplevels(as.factor(values))
  }
}

most_panels <- 60L

values_to_facet <- function(values) {
  groups <- droplevels(addNA(as.factor(values), ifany = TRUE))
  levels(groups)[is.na(levels(groups))] <- "NA"
  if (nlevels(groups) > most_panels) {
    abort_neuralee(
      "input", sprintf("`facet_by` has %d different values, each for a panel.", nlevels(groups)),
      sprintf("Give a column of at most %d groups.", most_panels)
    )
  }
  groups
}

# Multiples of the golden ratio modulo 1 scatter evenly: an order, and heights, that look
# random without drawing random numbers.
scattered <- function(n) (seq_len(n) * 0.6180339887498949) %% 1

strip_height <- function(x) scattered(length(x)) * 0.2 * max(diff(range(x)), 1e-12)
