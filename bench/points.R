# Points for the benchmarks: the first n rows of a NumPy file of 32-bit floats (as
# make_large.py writes them) and their labels from FILE.labels.npy.
npy_header <- function(connection) {
  readBin(connection, "raw", 8L)
  header <- readChar(connection, readBin(connection, "integer", 1L, size = 2L, endian = "little"))
  as.numeric(strsplit(gsub(".*\\(([0-9, ]+)\\).*", "\\1", header), "[, ]+")[[1L]])
}

read_points <- function(file, n) {
  connection <- file(file, "rb")
  on.exit(close(connection))
  columns <- npy_header(connection)[2L]
  points <- matrix(0, n, columns)
  # Blocks, since R reads 32-bit floats as doubles and rows come first in the file.
  for (first in seq(1, n, by = 50000)) {
    rows <- first:min(first + 49999, n)
    values <- readBin(connection, "numeric", length(rows) * columns, size = 4L, endian = "little")
    points[rows, ] <- matrix(values, length(rows), byrow = TRUE)
  }
  points
}

read_labels <- function(file, n) {
  connection <- file(sub("[.]npy$", ".labels.npy", file), "rb")
  on.exit(close(connection))
  npy_header(connection)
  readBin(connection, "integer", n, size = 4L, endian = "little")
}
