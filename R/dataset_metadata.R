# What is known of the cells of a data set beside their counts, from a pickle or from a csv of one
# table.

# The content of `stem`.pickle, or of `stem`.csv where the folder has only that, with the file it
# came from.
read_metadata <- function(path, stem, url, verbose) {
  file <- known_file(path, paste0(stem, c(".pickle", ".csv")), url, verbose, alone = FALSE)
  content <- if (endsWith(file, ".csv")) {
    read_metadata_csv(file)
  } else {
    read_pickle(file, verbose = verbose)
  }
  list(file = file, content = content)
}

# What a first column that is no name of a cell may be called.
no_barcodes <- c("cell_type", "label", "labels", "batch", "batchpbmc4k", "cluster", "clusters")

# A table whose first column has a name for each row, unless another is called `barcode`.
read_metadata_csv <- function(file) {
  table <- read_small_table(
    file, "table of comma-separated text",
    "Write it again, with one line of names and one for each cell."
  )
  if (ncol(table) < 2L || !nrow(table)) {
    refuse_metadata(file, sprintf("has %d rows and %d columns", nrow(table), ncol(table)))
  }
  named <- which(tolower(names(table)) %in% c("barcode", "barcodes"))
  if (!length(named) && (is.numeric(table[[1L]]) || tolower(names(table)[[1L]]) %in% no_barcodes)) {
    refuse_metadata(
      file,
      sprintf(
        "has no column barcode, and its first, %s, has no names of cells",
        describe(names(table)[[1L]])
      )
    )
  }
  named <- if (length(named)) named[[1L]] else 1L
  barcodes <- as.character(table[[named]])
  table <- table[-named]
  attr(table, "barcodes") <- barcodes
  table
}

# The barcodes of a table of cells: its row names, its first column of text, or what a csv had for
# them.
barcodes_of <- function(table) {
  barcodes <- attr(table, "barcodes")
  if (is.null(barcodes) && is.character(attr(table, "row.names"))) barcodes <- row.names(table)
  if (is.null(barcodes)) {
    text <- Filter(function(column) is.character(column) || is.factor(column), table)
    if (length(text)) barcodes <- as.character(text[[1L]])
  }
  barcodes
}

# The first column of a table that has one of the names, whatever the case.
column_among <- function(table, names) {
  found <- match(names, tolower(names(table)))
  found <- found[!is.na(found)]
  if (length(found)) table[[found[[1L]]]]
}

# Those columns of a table that hold numbers, without some of the others.
number_columns <- function(table, except = character()) {
  numbers <- vapply(table, is.numeric, NA) & !tolower(names(table)) %in% except
  table <- as.list(table)[numbers]
  table[nzchar(names(table))]
}

check_barcodes <- function(barcodes, file) {
  if (!is.character(barcodes) || !length(barcodes) || anyNA(barcodes) || !all(nzchar(barcodes))) {
    refuse_metadata(file, "names no barcodes, or not for all cells")
  }
}

# One value for each cell.
check_for_cells <- function(values, what, n, file) {
  found <- if (length(dim(values)) == 2L) nrow(values) else length(values)
  if (found != n) {
    refuse_metadata(file, sprintf("has %d barcodes and %s for %d cells", n, what, found))
  }
}

refuse_metadata <- function(file, problem) {
  abort_neuralee(
    "file_format", sprintf("%s %s.", describe(file), problem),
    "The help of this data set says what the file must hold; download or write it again."
  )
}

# Where the archive or the folder of one of 10x Genomics' sets is that belongs to a data set of
# several files.
tenx_source <- function(name, path, verbose) {
  if (is.null(path)) return(download_tenx(name, "filtered", verbose))
  check_string(path, "path", "the path of a folder with the files of the data set, or NULL")
  for (folder in file.path(path.expand(path), c("", "10X"), name)) {
    if (dir.exists(folder)) {
      inside <- matrix_folder(folder, "filtered")
      archive <- file.path(folder, "filtered_gene_bc_matrices.tar.gz")
      return(if (inside == folder && file.exists(archive)) archive else inside)
    }
  }
  tenx_file(name, "filtered", path, verbose)
}
