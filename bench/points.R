# Points for the benchmarks: the first n rows of a NumPy file of 32-bit floats (as make_large.py and
# write_points() write them), and their labels from FILE.labels.npy where there are any.
npy_header <- function(connection) {
  readBin(connection, "raw", 8L)
  header <- readChar(connection, readBin(connection, "integer", 1L, size = 2L, endian = "little"))
  as.numeric(strsplit(gsub(".*\\(([0-9, ]+)\\).*", "\\1", header), "[, ]+")[[1L]])
}

labels_file <- function(file) sub("[.]npy$", ".labels.npy", file)

# `n`: NULL for all rows.
read_points <- function(file, n = NULL) {
  connection <- file(file, "rb")
  on.exit(close(connection))
  size <- npy_header(connection)
  if (is.null(n)) n <- size[1L]
  columns <- size[2L]
  points <- matrix(0, n, columns)
  # Blocks, since R reads 32-bit floats as doubles and rows come first in the file.
  for (first in seq(1, n, by = 50000)) {
    rows <- first:min(first + 49999, n)
    values <- readBin(connection, "numeric", length(rows) * columns, size = 4L, endian = "little")
    points[rows, ] <- matrix(values, length(rows), byrow = TRUE)
  }
  points
}

read_labels <- function(file, n = NULL) {
  if (!file.exists(labels_file(file))) {
    return(NULL)
  }
  connection <- file(labels_file(file), "rb")
  on.exit(close(connection))
  rows <- npy_header(connection)[1L]
  readBin(connection, "integer", if (is.null(n)) rows else n, size = 4L, endian = "little")
}

# A map that peers.R or peers.py wrote.
read_map <- function(file) unname(as.matrix(utils::read.csv(file, header = FALSE)))

# `labels`: NULL where there are none.
write_points <- function(x, labels, file) {
  write_npy(as.numeric(t(x)), "<f4", dim(x), file)
  if (!is.null(labels)) {
    write_npy(match(labels, sort(unique(labels))) - 1L, "<i4", length(labels), labels_file(file))
  }
}

write_npy <- function(values, type, shape, file) {
  shape <- if (length(shape) == 1L) {
    sprintf("(%d,)", shape)
  } else {
    sprintf("(%d, %d)", shape[1L], shape[2L])
  }
  header <- sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }", type, shape)
  # The data begin at a multiple of 64 bytes, behind 10 bytes, the header and the end of its line.
  header <- paste0(header, strrep(" ", -(10L + nchar(header) + 1L) %% 64L), "\n")
  connection <- file(file, "wb")
  on.exit(close(connection))
  writeBin(as.raw(c(0x93, utf8ToInt("NUMPY"), 1L, 0L)), connection)
  writeBin(nchar(header), connection, size = 2L, endian = "little")
  writeChar(header, connection, eos = NULL)
  writeBin(values, connection, size = 4L, endian = "little")
}
