# Blocks of a DelayedMatrix, one in memory at a time. (blockApply() would hide the class
# of an error.) Their size is that of DelayedArray::getAutoBlockSize().

is_delayed <- function(x) inherits(x, "DelayedMatrix")

# Blocks with all genes of some cells.
cell_blocks <- function(x, cells) {
  if (cells == "rows") DelayedArray::rowAutoGrid(x) else DelayedArray::colAutoGrid(x)
}

# Applies `work(block, viewport)` to each block of `grid`: a double matrix, or a dgCMatrix
# where `x` is sparse, with its names.
over_blocks <- function(x, grid, work, dense = FALSE) {
  sparse <- !dense && DelayedArray::is_sparse(x)
  lapply(seq_along(grid), function(i) {
    viewport <- grid[[i]]
    block <- DelayedArray::read_block(x, viewport, as.sparse = sparse)
    if (sparse) {
      block <- methods::as(block, "dgCMatrix")
    } else {
      storage.mode(block) <- "double"
    }
    work(block, viewport)
  })
}

# What comes before a block: rows and columns.
block_offset <- function(viewport) BiocGenerics::start(viewport) - 1

block_range <- function(viewport, axis) {
  BiocGenerics::start(viewport)[[axis]] + seq_len(BiocGenerics::width(viewport)[[axis]]) - 1L
}

# The whole matrix (cells in rows) as doubles, its values finite. `rows` are the numbers
# that its rows have for the user, where it is a part of what was given.
read_whole <- function(x, name, rows = NULL, call = caller_env()) {
  values <- matrix(0, nrow(x), ncol(x), dimnames = dimnames(x))
  grid <- DelayedArray::defaultAutoGrid(x)
  for (i in seq_along(grid)) {
    viewport <- grid[[i]]
    block <- DelayedArray::read_block(x, viewport)
    storage.mode(block) <- "double"
    check_finite(block, name, "rows", call, block_offset(viewport), rows)
    values[block_range(viewport, 1L), block_range(viewport, 2L)] <- block
  }
  values
}
