# A loom file of `matrix`, genes by cells, with attributes in named lists.
write_loom <- function(matrix, genes = list(), cells = list(), global = list(), layers = list()) {
  file <- tempfile(fileext = ".loom")
  rhdf5::h5createFile(file)
  # rhdf5 turns matrices round.
  rhdf5::h5write(t(matrix), file, "matrix")
  put <- function(group, values) {
    rhdf5::h5createGroup(file, group)
    for (name in names(values)) {
      value <- values[[name]]
      rhdf5::h5write(if (is.matrix(value)) t(value) else value, file, paste0(group, "/", name))
    }
  }
  put("row_attrs", genes)
  put("col_attrs", cells)
  put("attrs", global)
  put("layers", layers)
  file
}
