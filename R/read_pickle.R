#' Read a table from a Python pickle
#'
#' Reads data frames and series of pandas and arrays of numpy, and dictionaries and lists of these,
#' from a pickle (`.pickle`, `.pkl`), without Python. The file may be compressed by gzip, bzip2 or
#' xz, or be the only file in a zip archive.
#'
#' Pickles of the protocols 0 to 5 are read, with the layouts that pandas has used since
#' version 0.15. A data frame or a series becomes a data frame. Its index becomes row names; where
#' labels repeat or are missing, it becomes the first column, called like the index or else
#' `"index"`. Integers stay integers where R has them, and become numbers otherwise. `None`, `NaT`
#' and pandas' `NA` become `NA` (`NaN` in columns of numbers), categories become factors with their
#' levels, and ordered ones ordered factors. Columns of dates, intervals and complex numbers are
#' left out with a message.
#'
#' An array with one index, or a list of single values, becomes a vector. An array with two indices
#' a matrix. An array of records a data frame; and any other list and a dictionary a list.
#'
#' @section Files from strangers:
#' A pickle is a program, and Python runs it when it reads it. Here nothing is run. Only the names
#' of classes and functions that pandas and numpy write for tables are known, and they are compared,
#' not called. Any other name ends the reading. Lengths are held against the length of the file, and
#' what the file holds may not expand to more than 256 times its length (and 1 MiB).
#'
#' @param file Path of the file.
#' @param verbose Whether to show progress.
#'
#' @return A data frame, vector, matrix or list, by what the file holds; `NULL` for `None`.
#'
#' @section Errors:
#' `neuralee_error_file_format` where the file is missing or damaged (the position is named), uses a
#' name that is no part of a table (it is named; among them those of pyarrow), has an index of dates
#' or of several levels, or holds what is no table. `neuralee_error_memory` where the table would
#' not fit.
#'
#' @references The format: <https://docs.python.org/3/library/pickle.html>.
#' @seealso [PbmcDataset()] and [BrainSmallDataset()], whose annotations are pickles.
#' @export
#' @examples
#' file <- tempfile(fileext = ".pickle")
#' # What Python's pickle.dumps({"cells": ["AAAC", "AAAG"], "umis": [7, None]}, protocol=0) gives.
#' writeLines(c(
#'   "(dp0", "Vcells", "p1", "(lp2", "VAAAC", "p3", "aVAAAG", "p4", "asVumis", "p5", "(lp6",
#'   "I7", "aNas."
#' ), file)
#' as.data.frame(read_pickle(file))
#' unlink(file)
read_pickle <- function(file, verbose = interactive()) {
  check_given()
  check_string(file, "file", "the path of one file")
  check_flag(verbose, "verbose")
  progress <- progress_reporter(verbose, "read_pickle")
  data <- rust_call(rs_read_pickle(path_for_rust(file), progress))
  inform_left_out(data$notes)
  unpickled(data$content)
}

unpickled <- function(content) {
  switch(content$kind,
    nothing = NULL,
    values = content$values,
    matrix = pickled_matrix(content),
    table = pickled_table(content),
    list = pickled_list(content)
  )
}

# Of a key that a dictionary is given twice, the first position and the last value, as in Python.
pickled_list <- function(content) {
  items <- lapply(content$items, unpickled)
  if (is.null(content$names)) return(items)
  last <- length(items) + 1L - match(content$names, rev(content$names))
  stats::setNames(items[last], content$names)[!duplicated(content$names)]
}

pickled_matrix <- function(content) {
  values <- unlist(content$columns, use.names = FALSE)
  matrix(if (is.null(values)) numeric() else values, content$rows, length(content$columns))
}

pickled_table <- function(content) {
  n <- content$rows
  labels <- content$names
  if (is.null(labels) && n > 0L && !(content$start == 0 && content$step == 1)) {
    labels <- content$start + content$step * (seq_len(n) - 1)
  }
  columns <- content$columns
  text <- as.character(labels)
  if (!is.null(labels) && (anyNA(labels) || anyDuplicated(text))) {
    columns <- c(stats::setNames(list(labels), content$title %||% "index"), columns)
    labels <- NULL
  }
  if (is.null(names(columns))) names(columns) <- character()
  row_names <- if (is.null(labels)) .set_row_names(n) else text
  structure(columns, class = "data.frame", row.names = row_names)
}
