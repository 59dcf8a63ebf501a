# What the functions that load one data set have in common.

# The file of a data set that goes by several names: its own, and those that NeuralEE for Python
# gave it. In a folder, the first that is there is taken; else see dataset_file().
known_file <- function(path, names, url, verbose, alone = TRUE) {
  name <- names[[1L]]
  if (is.character(path) && length(path) == 1L && !is.na(path)) {
    found <- names[file.exists(file.path(path.expand(path), names))]
    if (length(found)) name <- found[[1L]]
  }
  dataset_file(path, name, url, verbose, alone)
}

# A file that the user names, or that is downloaded from the address that the user gives.
any_file <- function(path, url, verbose) {
  if (is.null(url)) {
    check_string(path, "path", "the path of one file, or an address as `url`")
    return(path.expand(path))
  }
  check_string(url, "url", "the address of one file, or NULL")
  dataset_file(path, utils::URLdecode(sub("[?#].*$", "", basename(url))), url, verbose)
}

# Drops the cells whose values are all zero, with all that belongs to them. `file` is where they
# came from.
drop_empty_cells <- function(x, file) {
  # Errors of reading would lose their class to the dispatch of assay().
  force(x)
  keep_cells(
    x, Matrix::colSums(SummarizedExperiment::assay(x, 1L) != 0) > 0, "they have no counts", file
  )
}

keep_cells <- function(x, kept, reason, file) {
  if (all(kept) && length(kept)) return(x)
  if (!any(kept)) {
    abort_neuralee(
      "file_format",
      sprintf("Of the %d cells in %s none is left: %s.", length(kept), describe(file), reason),
      "Look whether the file is the right one, and whether genes and cells were chosen rightly."
    )
  }
  inform_removed(kept, reason)
  x[, kept]
}

# The genes that a loader is asked for: by name, number or TRUE and FALSE, or the most variable.
choose_genes <- function(x, n, subset, file) {
  force(x)
  if (!is.null(n) && !is.null(subset)) {
    abort_neuralee("input", "Both `new_n_genes` and `subset_genes` are given.", "Give one of them.")
  }
  if (is.null(n) && is.null(subset)) return(x)
  chosen <- if (is.null(subset)) {
    n <- check_count(n, "new_n_genes", min = 1)
    most_variable(x, n)
  } else {
    genes_by_any(x, subset)
  }
  drop_empty_cells(x[chosen, ], file)
}

# Numbers of the genes of largest variance, in descending order.
most_variable <- function(x, n) {
  values <- SummarizedExperiment::assay(x, 1L)
  variable_genes(values, n, "columns", resolve_threads(NULL)) %||% seq_len(nrow(x))
}

genes_by_any <- function(x, subset) {
  wanted <- sprintf("names of genes, numbers from 1 to %d, or TRUE or FALSE for each gene", nrow(x))
  if (is.character(subset) || is.factor(subset)) {
    return(find_genes(rownames(x), subset, "The genes of the file carry no names", "subset_genes"))
  }
  numbers <- if (is.logical(subset) && length(subset) == nrow(x) && !anyNA(subset)) {
    which(subset)
  } else {
    subset
  }
  sound <- is.numeric(numbers) && !is.object(numbers) && length(numbers) &&
    all(numbers %in% seq_len(nrow(x))) && !anyDuplicated(numbers)
  if (!sound) {
    refuse_argument(subset, "subset_genes", paste(wanted, "- each once, and at least one"))
  }
  as.integer(numbers)
}

# The answer of the reader of text tables, with lines above the table and columns of text as they
# are.
read_text_table <- function(file, genes_in_rows, sep, header, verbose, label, above = 0L,
                            text_columns = 0L) {
  progress <- progress_reporter(verbose, label)
  as_published(rust_call(
    rs_read_csv(
      path_for_rust(file), genes_in_rows, sep, header, TRUE, above, text_columns, progress
    )
  ))
}

# A table of comma-separated text that holds no counts. `what` it should be, and what to do where it
# is not.
read_small_table <- function(file, what, remedy, ...) {
  refuse <- function(problem) {
    abort_neuralee(
      "file_format", sprintf("%s is no %s: %s.", describe(file), what, problem), remedy
    )
  }
  lines <- read_lines(file)
  # R only warns of a quote that is not closed.
  table <- tryCatch(
    utils::read.csv(
      text = lines, check.names = FALSE, stringsAsFactors = FALSE, encoding = "UTF-8", ...
    ),
    error = function(e) refuse(conditionMessage(e)),
    warning = function(w) refuse(conditionMessage(w))
  )
  check_text_of(lines, file)
  table
}

# The lines of a text file, or the first `n` of them, without a mark of byte order.
read_lines <- function(file, n = -1L) {
  lines <- tryCatch(
    suppressWarnings(readLines(file, n, warn = FALSE, encoding = "UTF-8")),
    error = function(e) {
      abort_neuralee(
        "file_format", sprintf("%s cannot be read: %s.", describe(file), conditionMessage(e)),
        "Give the file as it was published, and one that may be read."
      )
    }
  )
  if (length(lines)) lines[[1L]] <- sub("^\xef\xbb\xbf", "", lines[[1L]], useBytes = TRUE)
  Encoding(lines) <- "UTF-8"
  lines
}

check_text_of <- function(lines, file) {
  wrong <- which(!validUTF8(lines))
  if (length(wrong)) {
    abort_neuralee(
      "file_format", sprintf("%s: line %d is not UTF-8.", describe(file), wrong[[1L]]),
      "Give the file as it was published, or write it anew in UTF-8."
    )
  }
}

# Errors of a reader as those of the function that the user called. A published file is no matter of
# the reader's arguments, which its remedies speak of.
as_published <- function(expr) {
  withCallingHandlers(expr, neuralee_error_file_format = function(condition) {
    abort_neuralee(
      "file_format", condition$message,
      "The file is damaged, incomplete or another one: give it as it was published."
    )
  })
}

# A container with sparse counts, whatever their share of zeros is.
sparse_experiment <- function(counts, genes, cells) {
  x <- as_experiment(counts, "counts", genes, cells)
  SummarizedExperiment::assay(x, "counts") <- as_sparse_columns(
    SummarizedExperiment::assay(x, "counts")
  )
  x
}

# Columns of the cells that a file must have.
require_columns <- function(table, columns, file, what) {
  lost <- setdiff(columns, colnames(table))
  if (length(lost)) {
    abort_neuralee(
      "file_format", sprintf("%s has no %s %s.", describe(file), what, list_some(lost)),
      there_are(colnames(table), "It has none at all.")
    )
  }
}

# Coordinates of the cells as a reduced dimension.
add_coordinates <- function(x, first, second, name = "spatial", columns = c("x_coord", "y_coord")) {
  coordinates <- cbind(as.numeric(first), as.numeric(second))
  dimnames(coordinates) <- list(colnames(x), columns)
  SingleCellExperiment::reducedDim(x, name) <- coordinates
  x
}

refuse_twice <- function(names, file, what) {
  if (anyDuplicated(names)) {
    abort_neuralee(
      "file_format",
      sprintf(
        "%s has the %s %s twice.", describe(file), what, describe(names[[anyDuplicated(names)]])
      ),
      "Give the file as it was published."
    )
  }
}

refuse_negative <- function(x, file) {
  if (any(SummarizedExperiment::assay(x, 1L) < 0)) {
    abort_neuralee(
      "file_format", sprintf("%s holds negative values.", describe(file)),
      "Counts are expected: give the file as it was published."
    )
  }
}
