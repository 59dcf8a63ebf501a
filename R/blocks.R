# Blocks of a DelayedMatrix, one in memory at a time. (blockApply() would hide the class
# of an error.) Their size is that of DelayedArray::getAutoBlockSize().

is_delayed <- function(x) inherits(x, "DelayedMatrix")

# Blocks with all genes of some cells.
cell_blocks <- function(x, cells) {
  if (cells == "rows") DelayedArray::rowAutoGrid(x) else DelayedArray::colAutoGrid(x)
}

# A double matrix, or a dgCMatrix where `x` is sparse, with its names.
read_block_of <- function(x, viewport, sparse = DelayedArray::is_sparse(x)) {
  block <- DelayedArray::read_block(x, viewport, as.sparse = sparse)
  if (sparse) return(methods::as(block, "dgCMatrix"))
  storage.mode(block) <- "double"
  block
}

# What comes before a block: rows and columns.
block_offset <- function(viewport) BiocGenerics::start(viewport) - 1

block_range <- function(viewport, axis) {
  BiocGenerics::start(viewport)[[axis]] + seq_len(BiocGenerics::width(viewport)[[axis]]) - 1L
}

# The whole matrix (cells in rows) as doubles, its values finite. `rows` are the numbers
# that its rows have for the user, where it is a part of what was given.
read_whole <- function(x, name, rows = NULL) {
  values <- matrix(0, nrow(x), ncol(x), dimnames = dimnames(x))
  grid <- DelayedArray::defaultAutoGrid(x)
  for (i in seq_along(grid)) {
    viewport <- grid[[i]]
    block <- read_block_of(x, viewport, sparse = FALSE)
    check_finite(block, name, "rows", block_offset(viewport), rows)
    values[block_range(viewport, 1L), block_range(viewport, 2L)] <- block
  }
  values
}
