# What calculateEE() and calculateNeuralEE() share: from containers and matrices of features x cells
# to the function at the matrix level, and back to a reduced dimension. `embedder` says which of
# them is called. Names of arguments are checked here, so that arguments that have a name come after
# the dots: none is matched in part.

embed_matrix <- function(embedder, x, ..., transposed = FALSE) {
  refuse_seurat(x)
  check_flag(transposed, "transposed")
  given <- list(...)
  check_dot_names(names(given) %||% rep("", length(given)), known_arguments(embedder))
  perplexity <- given$perplexity %||% 30
  if (!transposed && length(dim(x)) == 2L && is_number(perplexity) && perplexity >= ncol(x) - 1 &&
    !inherits(given$affinity, "neuralee_affinity")) {
    abort_neuralee(
      "perplexity",
      sprintf(
        "`x` has %d columns: too few cells for a perplexity of %s.", ncol(x), format(perplexity)
      ),
      "If `x` has its cells in rows, set transposed = TRUE; else lower `perplexity`."
    )
  }
  embed_values(embedder, x, NULL, transposed = transposed, ...)
}

# The arguments that the method for matrices takes by name, with those that it passes on.
known_arguments <- function(embedder) {
  own <- c(names(formals(embedder$matrix_method)), names(embedder$formals))
  setdiff(unique(own), c("x", "d", "..."))
}

embed_assay <- function(embedder, x, ..., assay.type) {
  check_container_dots(embedder, list(...), "assay.type")
  embed_values(embedder, assay_of(x, assay.type), list(assay.type = assay.type), ...)
}

embed_experiment <- function(embedder, x, ..., assay.type, dimred, n_dimred, altexp) {
  check_container_dots(embedder, list(...), c("assay.type", "dimred", "n_dimred", "altexp"))
  x <- experiment_of(x, altexp)
  if (is.null(dimred)) {
    values <- assay_of(x, assay.type)
    return(embed_values(embedder, values, list(assay.type = assay.type, altexp = altexp), ...))
  }
  whole <- reduction_of(x, dimred)
  columns <- chosen_dimensions(whole, dimred, n_dimred)
  source <- list(dimred = dimred, n_dimred = n_dimred, altexp = altexp)
  steps <- loadings_of(SingleCellExperiment::reducedDim(x, dimred), colnames(whole)[columns])
  if (is.null(steps)) {
    steps <- no_steps(ncol(whole), colnames(whole))
    if (!identical(columns, seq_len(ncol(whole)))) steps <- select_steps(steps, columns)
  }
  values <- whole[, columns, drop = FALSE]
  embed_values(embedder, values, source, transposed = TRUE, steps = steps, ...)
}

check_container_dots <- function(embedder, given, own) {
  known <- setdiff(c(own, known_arguments(embedder)), "transposed")
  check_dot_names(names(given) %||% rep("", length(given)), known)
}

# `source` says where in a container `x` comes from; it is kept with the settings. `steps` lead
# to the columns of `x`, where it holds dimensions of a reduction.
embed_values <- function(embedder, x, source, ..., ncomponents = 2, ntop = 500, subset_row = NULL,
                         scale = FALSE, transposed = FALSE, steps = NULL, threads = NULL,
                         BNPARAM = NULL, BPPARAM = NULL) {
  d <- check_dimension(ncomponents, "ncomponents")
  check_flag(scale, "scale")
  if (!is.null(BNPARAM)) {
    abort_neuralee(
      "input", "`BNPARAM` is not supported: neighbours are searched by neuralee itself.",
      "Leave it NULL, or give neighbors = BiocNeighbors::findKNN(...) from your search."
    )
  }
  if ("size" %in% names(list(...))) {
    abort_neuralee(
      "input", "`size` would embed only some of the cells.", "Subset the object first."
    )
  }
  if ("preprocess" %in% names(list(...))) {
    abort_neuralee(
      "input", "`preprocess` is for neuralee(), which takes a matrix.",
      paste(
        "Choose and scale the genes with ntop, subset_row and scale, or give dimred = \"PCA\"",
        "after principal_components()."
      )
    )
  }
  if ("keep" %in% names(list(...))) {
    abort_neuralee("input", sprintf("`keep` is for fits of %s(): %s", embedder$name, embedder$keep))
  }
  threads <- resolve_threads(threads, BPPARAM = BPPARAM)
  warn_orientation(
    x, if (transposed) "rows" else "columns",
    remedy = if (!is.null(source)) {
      "Make the object anew, of the transposed matrix."
    } else if (transposed) {
      "Transpose it: t(x)."
    } else {
      "If `x` has its cells in rows, set transposed = TRUE."
    }
  )
  warn_counts(
    x, "Take their logarithms: log_shift() or logNormCounts(); in Seurat NormalizeData().",
    counts = identical(source$assay.type, "counts")
  )
  if (transposed) {
    steps <- steps %||% no_steps(ncol(x), colnames(x))
  } else {
    chosen <- select_features(x, ntop, subset_row, scale, threads)
    x <- chosen$x
    steps <- chosen$steps
    source <- if (!is.null(source)) {
      c(source, list(ntop = ntop, subset_row = subset_row, scale = scale))
    }
  }
  fit <- without_warnings_of_input(embedder$fit(x, d = d, threads = threads, ...))
  do.call(SingleCellExperiment::reduced.dim.matrix, c(
    list(fit$embedding, loss = fit$loss, trace = new_ee_trace(fit$trace), timing = fit$timing),
    embedder$attributes(fit, steps, source)
  ))
}

# The chosen and scaled features as a dense matrix, cells in rows, and the steps that lead to them.
# Only the chosen rows of a file-backed matrix are read into memory as a whole.
select_features <- function(x, ntop, subset_row, scale, threads) {
  x <- as_number_matrix(x, "x")
  steps <- no_steps(nrow(x), rownames(x))
  rows <- chosen_features(x, ntop, subset_row, threads)
  if (!is.null(rows)) {
    x <- x[rows, , drop = FALSE]
    steps <- select_steps(steps, rows)
  }
  if (scale) {
    steps$scale <- gene_moments(x, "columns", threads)$scale
    x <- x / steps$scale
  }
  list(x = dense_cells(Matrix::t(x)), steps = steps)
}

# Numbers of the rows that `subset_row` names, or of those of largest variance; NULL for all.
chosen_features <- function(x, ntop, subset_row, threads) {
  if (!is.null(subset_row)) return(find_rows(x, subset_row))
  ntop <- check_count(ntop, "ntop", min = 1)
  # A file need not be read to keep all.
  if (is_delayed(x) && ntop >= nrow(x)) NULL else variable_genes(x, ntop, "columns", threads)
}

find_rows <- function(x, subset_row, name = "subset_row") {
  n <- nrow(x)
  if (is.character(subset_row)) {
    rows <- match(subset_row, rownames(x))
    refuse_lost(
      subset_row[is.na(rows)], name, "rows that are not there", rownames(x),
      "The rows of `x` carry no names."
    )
    twice <- intersect(subset_row, rownames(x)[duplicated(rownames(x))])
    if (length(twice)) {
      warn_neuralee(
        "repeated_features",
        c(
          sprintf("`%s` names rows that are there more than once: %s.", name, list_some(twice)),
          i = "The first of each is taken. Number the rows to take others."
        )
      )
    }
  } else if (is.logical(subset_row) && length(subset_row) == n && !anyNA(subset_row)) {
    rows <- which(subset_row)
  } else {
    rows <- subset_row
  }
  if (!is.numeric(rows) || !length(rows) || anyNA(rows) ||
    any(rows < 1 | rows > n | rows != trunc(rows))) {
    abort_neuralee(
      "input",
      sprintf(
        "`%s` must name rows, number them from 1 to %d or be logical of that length.", name, n
      )
    )
  }
  rows
}

# The steps from genes to the chosen components, where principal_components() made them; NULL where
# the loadings or the means are not known.
loadings_of <- function(reduction, chosen) {
  rotation <- attr(reduction, "rotation")
  centre <- attr(reduction, "centre")
  scale <- attr(reduction, "scale")
  if (is.null(rotation) || is.null(centre) || is.null(scale) ||
    !all(chosen %in% colnames(rotation))) {
    return(NULL)
  }
  steps <- no_steps(nrow(rotation), rownames(rotation))
  steps <- rotate_steps(steps, centre, if (any(scale != 1)) scale, rotation[, chosen, drop = FALSE])
  # Where they are known, the numbers of these genes among those that they were chosen from.
  steps <- utils::modifyList(steps, as.list(attr(reduction, "genes")))
  attr(steps, "assay.type") <- attr(reduction, "assay.type")
  steps
}

# Stores what a calculate function returns in a SingleCellExperiment.
run_embedding <- function(x, name, calculate, verb) {
  refuse_seurat(x)
  if (!methods::is(x, "SingleCellExperiment")) {
    abort_neuralee(
      "input", sprintf("`x` must be a SingleCellExperiment, not a %s.", class(x)[1L]),
      if (methods::is(x, "SummarizedExperiment")) {
        "Turn it into one with as(x, \"SingleCellExperiment\")."
      } else {
        sprintf("For a matrix use calculate%s() or %s().", verb, tolower(verb))
      }
    )
  }
  if (!is.character(name) || length(name) != 1L || is.na(name) || !nzchar(name)) {
    abort_neuralee("input", "`name` must be one name for the new reduction.")
  }
  SingleCellExperiment::reducedDim(x, name) <- calculate(x)
  x
}

assay_of <- function(x, assay.type) {
  names <- SummarizedExperiment::assayNames(x)
  count <- length(SummarizedExperiment::assays(x, withDimnames = FALSE))
  none <- "There are no named assays: name them with assayNames()."
  check_entry(assay.type, names, "assay", none, "Set assay.type", count)
  SummarizedExperiment::assay(x, assay.type)
}

reduction_of <- function(x, dimred, n_dimred = NULL) {
  names <- if (methods::is(x, "SingleCellExperiment")) SingleCellExperiment::reducedDimNames(x)
  if (identical(dimred, "PCA") && !"PCA" %in% names) {
    abort_neuralee(
      "input", "There is no reducedDim \"PCA\".",
      "Make it with principal_components(), or with runPCA() of scater."
    )
  }
  none <- "There are none yet: run runEE() or principal_components() first."
  check_entry(dimred, names, "reducedDim", none, "Set dimred")
  y <- as.matrix(SingleCellExperiment::reducedDim(x, dimred))
  y[, chosen_dimensions(y, dimred, n_dimred), drop = FALSE]
}

# Which columns of a reduction `n_dimred` asks for: the first so many, those numbered, or all.
chosen_dimensions <- function(y, dimred, n_dimred) {
  if (is.null(n_dimred)) return(seq_len(ncol(y)))
  chosen <- if (length(n_dimred) == 1L) {
    seq_len(check_count(n_dimred, "n_dimred", min = 1))
  } else {
    n_dimred
  }
  if (!is.numeric(chosen) || anyNA(chosen) || any(!chosen %in% seq_len(ncol(y)))) {
    abort_neuralee(
      "input",
      sprintf("`n_dimred` must ask for some of the %d dimensions of %s.", ncol(y), entry(dimred))
    )
  }
  as.integer(chosen)
}

experiment_of <- function(x, altexp) {
  if (is.null(altexp)) return(x)
  names <- SingleCellExperiment::altExpNames(x)
  check_entry(altexp, names, "alternative experiment", remedy = "Set altexp")
  SingleCellExperiment::altExp(x, altexp)
}

# Refuses what is no entry of a container: `what` it should be, and what a message says of those
# that there are (see there_are()).
check_entry <- function(which, names, what, none = "There are none.", remedy = NULL,
                        count = length(names)) {
  if (!is_entry(which, names, count)) {
    abort_neuralee(
      "input", sprintf("There is no %s %s.", what, entry(which)), there_are(names, none, remedy)
    )
  }
}

is_entry <- function(which, names, count) {
  length(which) == 1L && !is.na(which) &&
    ((is.character(which) && which %in% names) || (is.numeric(which) && which %in% seq_len(count)))
}

entry <- function(which) {
  if (is.character(which)) paste0("\"", which, "\"", collapse = ", ") else toString(which)
}
