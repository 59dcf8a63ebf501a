# Matrices that stay in their files: genes by cells, read when they are asked for. HDF5Array reads
# them where it can. What it cannot (true and false, half precision, LZF without its plugin) this
# package reads itself.

# A matrix that this package reads: by block, and every value of it, zeros too.
methods::setClass(
  "StoredSeed",
  representation(
    file = "character", path = "character", sparse = "logical", by_cells = "logical",
    extent = "integer"
  )
)

#' @export
dim.StoredSeed <- function(x) x@extent

# Known without a look into the file, which may be gone: whatever reads it then says so.
#' @importFrom BiocGenerics type
methods::setMethod("type", "StoredSeed", function(x) "double")

#' @importFrom DelayedArray extract_array
methods::setMethod("extract_array", "StoredSeed", function(x, index) {
  rust_call(
    rs_read_part(
      path_for_rust(x@file), x@path, x@sparse, x@by_cells, x@extent, whole_numbers(index[[1L]]),
      whole_numbers(index[[2L]])
    )
  )
})

#' @importFrom DelayedArray chunkdim
methods::setMethod("chunkdim", "StoredSeed", function(x) {
  pmin(if (x@by_cells) c(x@extent[[1L]], 1L) else c(1L, x@extent[[2L]]), x@extent)
})

whole_numbers <- function(index) if (!is.null(index)) as.integer(index)

# `open` is what opens the matrix by HDF5Array, `extent` its numbers of genes and cells.
stored_matrix <- function(file, stored, extent, open, otherwise,
                          readable = hdf5array_reads(file, stored)) {
  file <- path.expand(file)
  if (!readable) {
    return(DelayedArray::DelayedArray(methods::new(
      "StoredSeed", file = normalizePath(file), path = stored$path, sparse = stored$sparse,
      by_cells = stored$by_cells, extent = as.integer(extent)
    )))
  }
  # The two packages may share one HDF5 library, as Debian's do. HDF5Array then turns off the errors
  # that rhdf5 counts on when it looks whether something is in the file.
  if (requireNamespace("rhdf5", quietly = TRUE)) rhdf5::h5errorHandling()
  x <- tryCatch(
    open(file, stored$path),
    error = function(e) {
      abort_neuralee(
        "file_format",
        sprintf("HDF5Array cannot open %s of %s: %s", stored$path, file, conditionMessage(e)),
        sprintf("Leave `on_disk` out, or %s.", otherwise)
      )
    }
  )
  # Bytes come as raw, which is no number in R.
  if (DelayedArray::type(x) == "raw") BiocGenerics::type(x) <- "integer"
  x
}

# Whether HDF5Array knows the type of the values and has the filters that they went through: it
# reads the first of them.
hdf5array_reads <- function(file, stored) {
  path <- if (stored$sparse) paste0(stored$path, "/data") else stored$path
  tryCatch(
    {
      values <- HDF5Array::HDF5ArraySeed(path.expand(file), path)
      first <- lapply(dim(values), function(n) seq_len(min(n, 1L)))
      is.atomic(DelayedArray::extract_array(values, first))
    },
    error = function(e) FALSE
  )
}
