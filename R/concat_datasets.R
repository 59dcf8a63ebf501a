#' Several data sets as one
#'
#' Puts the cells of several data sets one after the other, with the genes that all of them have, in
#' the order of the first. Nothing is corrected: values stay as they are, and a factor says which
#' batch a cell is from.
#'
#' @section What becomes of the parts:
#' * Assays that all data sets have (by name) are kept. One that is sparse in any of them is sparse,
#'   and one that is a DelayedMatrix in any of them is one, still unread.
#' * Columns of `colData` that all have are kept; those whose kinds do not agree (text here, numbers
#'   there) are left out.
#' * Columns of `rowData` are kept where all data sets agree on them for each gene.
#' * Reduced dimensions, alternative experiments, pairings and metadata belong to one data set and
#'   are left out.
#'
#' A message (of class `neuralee_message_left_out`) says which columns of different kinds, reduced
#' dimensions and alternative experiments were left out.
#'
#' @section Names:
#' A data set is called by the name of its argument, else by its number. Names of cells that occur
#' more than once, as barcodes do, get the name of their data set behind: `AAAC-1` becomes
#' `AAAC-1-pbmc4k`. Cells without names, where others have some, are numbered within their data set.
#'
#' Batches that are kept apart are called by their data set, and by the batch within it where there
#' is such a column: `pbmc4k:2`. So are labels that are kept apart.
#'
#' @param ... SingleCellExperiment or SummarizedExperiment objects with cells in columns, which may
#'   have names: `concat_datasets(pbmc4k = x, pbmc8k = y)`. For a list of them use
#'   `do.call(concat_datasets, list)`.
#' @param by Column of `rowData` that says which genes are the same, such as their IDs; `NULL` for
#'   the names of the rows. Genes for which it is missing or empty are dropped.
#' @param batch Name of the column of `colData` with the batch of each cell, which the result gets.
#'   A data set that has none is one batch.
#' @param labels Name of the column of `colData` with the type of each cell. Cells of data sets that
#'   have none get `NA`. `NULL` to treat no column in this way.
#' @param shared_labels Are labels of the same name the same type? Else types of different data sets
#'   are kept apart.
#' @param shared_batches Are batches of the same name the same batch? Else batches of different data
#'   sets are kept apart.
#' @return A [SingleCellExperiment::SingleCellExperiment-class]. `batch` and `labels` are factors.
#'   Their levels come in the order of first appearance: first those of the first data set, in its
#'   order, then what the second adds, and so on.
#' @section Errors:
#' `neuralee_error_input` for an argument that is no such object (it is named), for names of data
#' sets that are given twice, where no gene or no assay is in all data sets, for a name that several
#' of the genes in question carry, for a column `by` that is not there, for a column `labels` that
#' is asked for and in no data set, for `shared_batches = TRUE` where a data set has no such column,
#' and for a damaged sparse matrix. `neuralee_error_memory` where the values together are too many
#' for one sparse matrix.
#' @seealso [map_cell_types()] to agree on labels first, [filter_genes()].
#' @examples
#' first <- SingleCellExperiment::SingleCellExperiment(
#'   list(counts = matrix(1:6, 3, dimnames = list(c("CD4", "LYZ", "NKG7"), c("AAAC-1", "AAAG-1")))),
#'   colData = S4Vectors::DataFrame(label = c("T cell", "monocyte"))
#' )
#' second <- SingleCellExperiment::SingleCellExperiment(
#'   list(counts = matrix(1:4, 2, dimnames = list(c("NKG7", "CD4"), c("AAAC-1", "AACC-1")))),
#'   colData = S4Vectors::DataFrame(label = c("NK cell", "T cell"))
#' )
#' both <- concat_datasets(first = first, second = second)
#' SummarizedExperiment::assay(both)
#' SummarizedExperiment::colData(both)
#' @export
concat_datasets <- function(..., by = NULL, batch = "batch", labels = "label", shared_labels = TRUE,
                            shared_batches = FALSE) {
  asked <- !missing(labels) && !is.null(labels)
  sets <- check_datasets(list(...), names(formals()))
  batch <- check_name(batch, "batch")
  if (!is.null(labels)) labels <- check_name(labels, "labels")
  if (identical(batch, labels)) {
    abort_neuralee(
      "input", sprintf("`batch` and `labels` are both %s.", describe(batch)), "Name two columns."
    )
  }
  check_flag(shared_labels, "shared_labels")
  check_flag(shared_batches, "shared_batches")
  labelled <- vapply(sets, has_column, NA, labels)
  if (asked && !any(labelled)) {
    abort_neuralee(
      "input",
      sprintf(
        "`labels` is %s, but no data set has such a column in its colData.", describe(labels)
      ),
      there_are(unique(unlist(lapply(sets, columns_of))), "They have no columns.")
    )
  }

  genes <- shared_genes(sets, by)
  check_sparse_assays(sets)
  sets <- Map(function(set, rows) set[rows, ], sets, genes)
  cells <- bind_cell_columns(sets, c(batch, labels))
  cells$columns[[batch]] <- bind_factors(sets, batch, shared_batches, TRUE)
  if (any(labelled)) cells$columns[[labels]] <- bind_factors(sets, labels, shared_labels, FALSE)
  assays <- bind_assays(sets)
  result <- SingleCellExperiment::SingleCellExperiment(
    assays, rowData = agreed_rows(sets), colData = cells$columns
  )
  dimnames(result) <- list(rownames(sets[[1L]]), cell_names(sets))
  tell_left_out(sets, cells$left_out)
  result
}

# The data sets, called by their names or numbers.
check_datasets <- function(sets, arguments) {
  given <- names(sets) %||% rep("", length(sets))
  for (i in seq_along(sets)) {
    set <- sets[[i]]
    name <- if (nzchar(given[[i]])) given[[i]] else sprintf("..%d", i)
    refuse_seurat(set)
    if (!methods::is(set, "SummarizedExperiment")) {
      near <- if (nzchar(given[[i]])) nearest_name(given[[i]], setdiff(arguments, "..."))
      wanted <- if (is.list(set)) {
        "the objects themselves; for a list of them, do.call(concat_datasets, list)"
      } else if (is.null(near)) {
        "SingleCellExperiment objects"
      } else {
        sprintf("a SingleCellExperiment; or is `%s` meant?", near)
      }
      refuse_argument(set, name, wanted)
    }
  }
  if (!length(sets)) {
    abort_neuralee(
      "input", "There is no data set.", "Give one or more SingleCellExperiment objects."
    )
  }
  unnamed <- !nzchar(given)
  given[unnamed] <- seq_along(sets)[unnamed]
  names(sets) <- check_names(given, "names(...)", "a name for each data set")
  sets
}

columns_of <- function(set) colnames(SummarizedExperiment::colData(set))

has_column <- function(set, column) !is.null(column) && column %in% columns_of(set)

# For each data set, where the genes are that all have: in the order of the first.
shared_genes <- function(sets, by) {
  keys <- Map(function(set, name) {
    names <- gene_names_of(set, by, name)
    if (is.null(names)) {
      abort_neuralee(
        "input", sprintf("The rows of `%s` carry no names.", name),
        "Name the genes, or give a column of rowData as `by`."
      )
    }
    check_text(as.character(names), sprintf("the rows of `%s`", name))
    as.character(names)
  }, sets, names(sets))
  shared <- Reduce(intersect, keys)
  shared <- shared[!is.na(shared) & nzchar(shared, "bytes")]
  if (!length(shared)) {
    abort_neuralee(
      "input", "No gene is in all data sets.",
      sprintf(
        "Are the genes named in the same way? The first are %s.",
        paste(
          vapply(keys, function(k) if (length(k)) describe(k[[1L]]) else "none", ""),
          collapse = ", "
        )
      )
    )
  }
  for (name in names(keys)) {
    refuse_repeated(
      intersect(shared, keys[[name]][duplicated(keys[[name]])]), sprintf("`%s`", name)
    )
  }
  lapply(keys, function(k) match(shared, k))
}

# Taking rows of a damaged matrix could end R.
check_sparse_assays <- function(sets) {
  for (name in names(sets)) {
    for (assay in as.list(SummarizedExperiment::assays(sets[[name]], withDimnames = FALSE))) {
      if (inherits(assay, "sparseMatrix")) check_sparse(assay, name)
    }
  }
}

bind_assays <- function(sets) {
  names <- Reduce(intersect, lapply(sets, SummarizedExperiment::assayNames))
  names <- names[nzchar(names)]
  if (!length(names)) {
    abort_neuralee(
      "input", "No assay is in all data sets.",
      "Give an assay of each the same name with assayNames()."
    )
  }
  stats::setNames(lapply(names, function(name) {
    parts <- lapply(
      sets, function(set) SummarizedExperiment::assay(set, name, withDimnames = FALSE)
    )
    bind_matrices(parts, name)
  }), names)
}

without_names <- function(x) {
  dimnames(x) <- list(NULL, NULL)
  x
}

# Matrices side by side; none is made dense.
bind_matrices <- function(parts, name) {
  parts <- lapply(unname(parts), without_names)
  if (any(vapply(parts, is_delayed, NA))) {
    return(do.call(BiocGenerics::cbind, lapply(parts, DelayedArray::DelayedArray)))
  }
  sparse <- vapply(parts, inherits, NA, "sparseMatrix")
  if (any(sparse)) {
    parts <- lapply(parts, function(part) as_sparse_columns(as_number_matrix(part, name)))
    check_entries(vapply(parts, function(part) as.double(length(part@x)), 0), name)
  }
  do.call(cbind, parts)
}

# Matrix counts the values of a sparse matrix in 32 bits.
check_entries <- function(entries, name) {
  if (sum(entries) > .Machine$integer.max) {
    abort_neuralee(
      "memory",
      sprintf(
        "The assay %s would have %s values that are not 0; a sparse matrix holds %s.",
        describe(name), format(sum(entries), big.mark = ","),
        format(.Machine$integer.max, big.mark = ",")
      ),
      paste(
        "Choose genes or cells first, or leave the values on disk (`on_disk` of the function that",
        "reads them)."
      )
    )
  }
}

# One factor over all cells. Levels of the same name are the same where they are `shared`. A data
# set without the column is a level of its own (`fill`) or has NA.
bind_factors <- function(sets, column, shared, fill) {
  parts <- Map(function(set, name) {
    if (has_column(set, column)) {
      where <- sprintf("the colData of `%s`", name)
      values <- as_labels(annotation_of(SummarizedExperiment::colData(set), column, column, where))
      if (!shared) levels(values) <- sprintf("%s:%s", name, levels(values))
      return(values)
    }
    if (fill && shared) {
      abort_neuralee(
        "input",
        sprintf(
          "`shared_batches` is TRUE, but `%s` has no column %s in its colData.", name,
          describe(column)
        ),
        "Add the column, or keep the batches apart."
      )
    }
    factor(rep(if (fill) name else NA_character_, ncol(set)), if (fill) name else character())
  }, sets, names(sets))
  names <- lapply(parts, levels)
  if (!shared) {
    # "a" with a batch "b:c" is not "a:b" with a batch "c".
    distinct <- make.unique(unlist(names, use.names = FALSE))
    names <- split(distinct, rep(factor(names(sets), names(sets)), lengths(names)))
  }
  values <- unlist(
    Map(function(part, names) names[as.integer(part)], parts, names), use.names = FALSE
  )
  factor(values, unique(unlist(names, use.names = FALSE)))
}

# The columns of colData in common, without the `special` ones, and the names of those that do not
# go together.
bind_cell_columns <- function(sets, special) {
  n <- sum(vapply(sets, ncol, 0L))
  columns <- S4Vectors::make_zero_col_DFrame(n)
  left_out <- character()
  for (name in setdiff(Reduce(intersect, lapply(sets, columns_of)), special)) {
    parts <- lapply(
      unname(sets), function(set) plain_column(SummarizedExperiment::colData(set)[[name]])
    )
    values <- bind_column(parts)
    if (NROW(values) == n) columns[[name]] <- values else left_out <- c(left_out, name)
  }
  list(columns = columns, left_out = left_out)
}

plain_column <- function(values) {
  if (methods::is(values, "Rle")) S4Vectors::decode(values) else values
}

# NULL where the parts are of different kinds.
bind_column <- function(parts) {
  kind <- function(part) {
    if (is.factor(part) || (is.character(part) && !is.object(part))) {
      "text"
    } else if (is.numeric(part) && !is.object(part)) {
      "number"
    } else {
      paste(class(part), collapse = "/")
    }
  }
  if (length(unique(vapply(parts, kind, ""))) > 1L) return(NULL)
  if (kind(parts[[1L]]) == "text" && !all(vapply(parts, is.factor, NA))) {
    parts <- lapply(parts, as.character)
  }
  # Tables within a column may differ in their own columns.
  tryCatch(S4Vectors::bindROWS(parts[[1L]], parts[-1L]), error = function(e) NULL)
}

# The columns of rowData that are the same in all data sets.
agreed_rows <- function(sets) {
  tables <- lapply(sets, function(set) {
    table <- SummarizedExperiment::rowData(set, use.names = FALSE)
    rownames(table) <- NULL
    table
  })
  alike <- vapply(colnames(tables[[1L]]), function(column) {
    first <- as_text(tables[[1L]][[column]])
    all(vapply(tables[-1L], function(table) {
      column %in% colnames(table) && identical(as_text(table[[column]]), first)
    }, NA))
  }, NA)
  tables[[1L]][, alike, drop = FALSE]
}

# What is compared: a factor by its names, whatever its levels.
as_text <- function(values) {
  values <- plain_column(values)
  if (is.factor(values)) as.character(values) else values
}

# Names of all cells, those that repeat with their data set behind; NULL where no cell has one.
cell_names <- function(sets) {
  if (all(vapply(sets, function(set) is.null(colnames(set)), NA))) return(NULL)
  names <- unlist(Map(function(set, name) {
    names <- colnames(set) %||% sprintf("%s-%d", name, seq_len(ncol(set)))
    check_text(names, sprintf("the columns of `%s`", name))
    names
  }, sets, names(sets)), use.names = FALSE)
  repeated <- names %in% names[duplicated(names)]
  origin <- rep(names(sets), vapply(sets, ncol, 0L))
  names[repeated] <- paste(names[repeated], origin[repeated], sep = "-")
  make.unique(names)
}

tell_left_out <- function(sets, columns) {
  experiments <- Filter(function(set) methods::is(set, "SingleCellExperiment"), sets)
  parts <- c(
    named_parts("columns of colData of different kinds", columns),
    named_parts(
      "reduced dimensions", unlist(lapply(experiments, SingleCellExperiment::reducedDimNames))
    ),
    named_parts(
      "alternative experiments", unlist(lapply(experiments, SingleCellExperiment::altExpNames))
    )
  )
  if (length(parts)) inform_left_out(sprintf("Left out: %s.", paste(parts, collapse = "; ")))
}

named_parts <- function(what, names) {
  if (length(names)) sprintf("%s (%s)", what, list_some(unique(names)))
}
