# Values, reductions and neighbours of Seurat objects, of versions 4 and 5, and reductions for them.

require_seurat_object <- function() require_package("SeuratObject", "take Seurat objects")

seurat_reduction <- function(x, dimred) {
  SeuratObject::Embeddings(object = dim_reduc_of(x, dimred, "dimred"))
}

# Cells for a model: a reduction or layer that was named, else what the model was trained on.
seurat_values <- function(x, info, assay.type, dimred) {
  require_seurat_object()
  source <- info$source
  if (is.null(dimred) && is.null(assay.type)) dimred <- as_entry(source$dimred)
  if (!is.null(dimred)) {
    if (!inherits(x, "Seurat")) {
      abort_neuralee(
        "input", sprintf("An assay has no reduction %s.", entry(dimred)),
        "Give the Seurat object that has it."
      )
    }
    values <- with_loadings_hint(seurat_reduction(x, dimred), source)
    if (!is.null(source$dimred)) {
      colnames(values) <- dimensions_as_trained(colnames(values), info$names)
    }
    return(list(x = values, at = "rows"))
  }
  layer <- assay.type %||% as_entry(source$assay.type) %||% if (info$log) "counts" else "data"
  if (inherits(x, "Seurat")) x <- assay_for_model(x, source$assay)
  list(x = seurat_layer(x, layer, info$names), at = "columns")
}

# Seurat names the dimensions of a reduction by its key and their numbers. A projection, such as
# that of ProjectData(), has a key of its own: the numbers count.
dimensions_as_trained <- function(names, trained) {
  key <- unique(sub("[0-9]+$", "", trained))
  if (length(key) == 1L) sub("^.*?([0-9]+)$", paste0(key, "\\1"), names, perl = TRUE) else names
}

# The assay that the network was trained on, if it is there and has all cells. A sketch has some,
# and new cells are those of the whole.
assay_for_model <- function(x, trained_on) {
  usual <- SeuratObject::DefaultAssay(object = x)
  known <- isTRUE(trained_on %in% SeuratObject::Assays(object = x))
  if (known && ncol(x[[trained_on]]) == ncol(x)) x[[trained_on]] else x[[usual]]
}

dim_reduc_of <- function(x, dimred, argument) {
  require_seurat_object()
  names <- SeuratObject::Reductions(object = x)
  none <- "There are none yet: run RunPCA() first."
  check_entry(dimred, names, "reduction", none, paste("Set", argument))
  x[[if (is.numeric(dimred)) names[[dimred]] else dimred]]
}

# What RunEE() and RunNeuralEE() share. `embedder` is that of calculateEE() or calculateNeuralEE().

# A map of `x`, cells in rows, as a DimReduc. `source` says what of the object `x` is, for
# predict(); `neighbors` may be a function of `x`.
embed_seurat <- function(embedder, x, assay, n.components, seed.use, reduction.key, verbose, ...,
                         neighbors = NULL, source = NULL, steps = NULL, global = FALSE) {
  require_seurat_object()
  d <- check_dimension(n.components, "n.components")
  seed <- check_seed(seed.use, "seed.use")
  check_flag(verbose, "verbose")
  check_reduction_key(reduction.key)
  check_seurat_dots(embedder, list(...))
  check_seurat_cells(x)
  if (is.null(rownames(x))) {
    abort_neuralee(
      "input", "The cells have no names, which Seurat needs.", "Give `object` row names."
    )
  }
  if (anyDuplicated(rownames(x))) {
    abort_neuralee(
      "input",
      sprintf("Cells share a name: %s.", list_some(unique(rownames(x)[duplicated(rownames(x))]))),
      "Give each cell a name of its own, for example by make.unique()."
    )
  }
  if (is.function(neighbors)) neighbors <- neighbors(x)
  map <- embed_values(
    embedder, x, source,
    transposed = TRUE, steps = steps, ncomponents = d, seed = seed, verbose = verbose,
    neighbors = neighbors, ...
  )
  attributes <- attributes(map)
  embeddings <- matrix(
    map, nrow(map), dimnames = list(rownames(x), paste0(reduction.key, seq_len(d)))
  )
  SeuratObject::CreateDimReducObject(
    embeddings = embeddings, key = reduction.key, assay = assay %||% "RNA", global = global,
    misc = attributes[intersect(c("loss", "trace", "timing", "params", "model"), names(attributes))]
  )
}

# What the functions below would find too, but of an `x` that the user has not given.
check_seurat_cells <- function(x) {
  if (nrow(x) < 3L) {
    abort_neuralee(
      "input",
      sprintf(
        "`object` has %d cell%s; an embedding needs at least 3.", nrow(x),
        if (nrow(x) == 1L) "" else "s"
      ),
      "Give more cells."
    )
  }
  if (!is_delayed(x)) check_finite(x, "object", "rows")
}

check_reduction_key <- function(key) {
  if (!is.character(key) || length(key) != 1L || is.na(key) ||
    !grepl("^[A-Za-z][A-Za-z0-9]*_$", key)) {
    refuse_argument(
      key, "reduction.key",
      "one key of letters and digits with an underscore at its end, such as \"EE_\""
    )
  }
}

# Seurat keeps assays, graphs, reductions and columns of cells under one set of names.
check_reduction_name <- function(name, object) {
  check_string(name, "reduction.name", "the name of the new reduction")
  taken <- c(
    SeuratObject::Assays(object = object), SeuratObject::Graphs(object = object),
    SeuratObject::Neighbors(object = object), colnames(object[[]])
  )
  if (name %in% taken) {
    abort_neuralee(
      "input", sprintf("The object has %s already, and it is no reduction.", describe(name)),
      "Choose another `reduction.name`."
    )
  }
  if (!identical(name, make.names(name))) {
    refuse_argument(
      name, "reduction.name", "a name of letters, digits, points and underscores, such as \"ee\""
    )
  }
}

# Arguments that Seurat has its own names for are asked for by these.
check_seurat_dots <- function(embedder, given) {
  renamed <- c(
    d = "n.components", ncomponents = "n.components", seed = "seed.use", dimred = "reduction",
    assay.type = "layer"
  )
  names <- names(given) %||% rep("", length(given))
  for (name in intersect(names, names(renamed))) {
    abort_neuralee(
      "input", sprintf("There is no argument `%s`.", name),
      sprintf("Did you mean `%s`?", renamed[[name]])
    )
  }
  known <- setdiff(
    c(names(embedder$formals), "BPPARAM"),
    c("x", "d", "seed", "verbose", "size", "preprocess", "keep", "...")
  )
  check_dot_names(names, known)
}

# The features of an assay, cells in rows, and the steps that lead to them.
embed_seurat_assay <- function(embedder, x, features, layer, ..., assay = NULL) {
  require_seurat_object()
  check_string(layer, "layer", "the name of a layer, such as \"data\"")
  if (is.null(features)) {
    features <- SeuratObject::VariableFeatures(object = x)
    if (!length(features)) {
      abort_neuralee(
        "input", "There are no variable features in the assay, and no `features` are given.",
        "Run FindVariableFeatures() first, or name the features."
      )
    }
  }
  values <- seurat_layer(x, layer, if (is.character(features)) features)
  rows <- find_rows(values, features, "features")
  chosen <- values[rows, , drop = FALSE]
  steps <- select_steps(no_steps(nrow(values), rownames(values)), rows)
  chosen <- Matrix::t(as_number_matrix(chosen, "object"))
  check_seurat_cells(chosen)
  embed_seurat(
    embedder, densify(chosen, "object"), assay, ...,
    source = list(assay.type = layer, assay = assay), steps = steps
  )
}

embed_seurat_object <- function(embedder, object, dims, reduction, features, graph, nn.name, assay,
                                layer, reduction.name, neighbors, ...) {
  require_seurat_object()
  check_reduction_name(reduction.name, object)
  if (!is.null(assay)) assay <- seurat_assay(object, assay)
  if (is.null(dims) == is.null(features)) {
    abort_neuralee(
      "input",
      if (is.null(dims)) {
        "Neither `dims` nor `features` are given."
      } else {
        "Both `dims` and `features` are given."
      },
      paste(
        "Give dims = 1:30 for dimensions of `reduction`,",
        "or features = VariableFeatures(object) for an assay.",
        "Both the attraction and the repulsion are computed from them;",
        "`graph` and `nn.name` replace the search for neighbours alone."
      )
    )
  }
  neighbors <- seurat_neighbors(object, graph, nn.name, neighbors)
  if (!is.null(features)) {
    assay <- seurat_assay(object, assay)
    map <- embed_seurat_assay(
      embedder, object[[assay]], features, layer, ..., assay = assay, neighbors = neighbors
    )
  } else {
    input <- dim_reduc_of(object, reduction, "reduction")
    coordinates <- SeuratObject::Embeddings(object = input)
    columns <- chosen_dims(coordinates, dims, reduction)
    steps <- select_steps(no_steps(ncol(coordinates), colnames(coordinates)), columns)
    map <- embed_seurat(
      embedder, coordinates[, columns, drop = FALSE], assay %||% assay_of_reduction(input, object),
      ..., source = list(dimred = reduction), steps = steps, global = TRUE, neighbors = neighbors
    )
  }
  object[[reduction.name]] <- map
  object
}

# Reductions from elsewhere may name no assay.
assay_of_reduction <- function(reduction, object) {
  named <- SeuratObject::DefaultAssay(object = reduction)
  if (length(named) == 1L && nzchar(named)) named else SeuratObject::DefaultAssay(object = object)
}

seurat_assay <- function(object, assay) {
  assay <- assay %||% SeuratObject::DefaultAssay(object = object)
  check_entry(
    assay, SeuratObject::Assays(object = object), "assay", remedy = "Set assay", count = 0L
  )
  assay
}

chosen_dims <- function(coordinates, dims, reduction) {
  if (!is.numeric(dims) || !length(dims) || anyNA(dims) ||
    any(!dims %in% seq_len(ncol(coordinates)))) {
    abort_neuralee(
      "input",
      sprintf(
        "`dims` must number some of the %d dimensions of \"%s\".", ncol(coordinates), reduction
      ),
      sprintf("Give for example dims = 1:%d.", min(30L, ncol(coordinates)))
    )
  }
  as.integer(dims)
}

# Neighbours that the object already has: lists, or for a graph a function that measures distances
# in the coordinates.
seurat_neighbors <- function(object, graph, nn.name, neighbors) {
  if (is.null(graph) && is.null(nn.name)) return(neighbors)
  if (!is.null(graph)) check_string(graph, "graph", "the name of a graph in the object, or NULL")
  if (!is.null(nn.name)) {
    check_string(nn.name, "nn.name", "the name of a Neighbor object in the object, or NULL")
  }
  if (sum(!is.null(graph), !is.null(nn.name), !is.null(neighbors)) > 1L) {
    abort_neuralee(
      "input", "Neighbours are given more than once.",
      "Give one of `graph`, `nn.name` and `neighbors`."
    )
  }
  if (!is.null(nn.name)) {
    check_entry(
      nn.name, SeuratObject::Neighbors(object = object), "Neighbor object",
      "Make one with FindNeighbors(return.neighbor = TRUE).", "Set nn.name", 0L
    )
    return(function(x) neighbors_by_name(object[[nn.name]], x, nn.name))
  }
  check_entry(
    graph, SeuratObject::Graphs(object = object), "graph", "Make one with FindNeighbors().",
    "Set graph", 0L
  )
  function(x) neighbors_of_graph(object[[graph]], x, graph)
}

# The lists for the cells of `x`, whatever the order of the cells in the Neighbor object.
neighbors_by_name <- function(neighbors, x, nn.name) {
  cells <- methods::slot(neighbors, "cell.names")
  check_neighbor_cells(cells, x, sprintf("The Neighbor object \"%s\"", nn.name))
  at <- match(rownames(x), cells)
  list(
    index = matrix(match(cells, rownames(x))[methods::slot(neighbors, "nn.idx")[at, ]], length(at)),
    distance = methods::slot(neighbors, "nn.dist")[at, , drop = FALSE]
  )
}

check_neighbor_cells <- function(cells, x, what) {
  if (length(cells) != nrow(x) || anyNA(match(rownames(x), cells))) {
    abort_neuralee(
      "input", sprintf("%s is not one of the %d cells that are embedded.", what, nrow(x)),
      "Run FindNeighbors() on these cells."
    )
  }
}

# As many neighbours of each cell as the graph has of every cell, the nearest in `x`.
neighbors_of_graph <- function(weights, x, graph) {
  check_neighbor_cells(rownames(weights), x, sprintf("The graph \"%s\"", graph))
  if (anyNA(weights@x)) {
    abort_neuralee(
      "not_finite", sprintf("The graph \"%s\" has weights that are NA.", graph),
      "Run FindNeighbors() again."
    )
  }
  at <- match(rownames(x), rownames(weights))
  weights <- methods::as(methods::as(weights, "CsparseMatrix"), "generalMatrix")[at, at]
  rows <- Matrix::drop0(Matrix::t(weights))
  cell <- rep.int(seq_len(ncol(rows)), diff(rows@p))
  other <- rows@i + 1L
  kept <- cell != other
  cell <- cell[kept]
  other <- other[kept]
  count <- tabulate(cell, nrow(x))
  k <- min(count)
  if (k < 2L) {
    least <- which.min(count)
    abort_neuralee(
      "input",
      sprintf("The graph \"%s\" has %d neighbours of cell %s.", graph, k, rownames(x)[[least]]),
      paste(
        "Take a graph of nearest neighbours, such as \"RNA_nn\", or leave `graph` out: neighbours",
        "are then searched for."
      )
    )
  }
  distance <- numeric(length(cell))
  for (part in split(seq_along(cell), (seq_along(cell) - 1L) %/% 1000000L)) {
    distance[part] <- sqrt(
      rowSums((x[cell[part], , drop = FALSE] - x[other[part], , drop = FALSE])^2)
    )
  }
  order <- order(cell, distance, other)
  nearest <- order[sequence(rep(k, length(count)), from = cumsum(c(1L, count[-length(count)])))]
  shape <- function(values) matrix(values[nearest], length(count), k, byrow = TRUE)
  list(index = shape(other), distance = shape(distance))
}
