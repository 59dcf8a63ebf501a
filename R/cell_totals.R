# Sum of the counts of each cell. Negative values are refused, so that a sum is 0 only where every
# value is: after scaling, sums say nothing about counts. A DelayedMatrix is read in blocks.
cell_totals <- function(x, cells) {
  if (!is_delayed(x)) return(block_totals(as_number_matrix(x, "x"), cells))
  check_delayed_type(x, "x")
  axis <- if (cells == "rows") 1L else 2L
  totals <- numeric(dim(x)[[axis]])
  if (!all(dim(x) > 0L)) return(totals)
  grid <- DelayedArray::defaultAutoGrid(x)
  for (i in seq_along(grid)) {
    viewport <- grid[[i]]
    part <- block_range(viewport, axis)
    more <- block_totals(read_block_of(x, viewport), cells, block_offset(viewport))
    totals[part] <- totals[part] + more
  }
  totals
}

block_totals <- function(x, cells, offset = c(0, 0)) {
  check_finite(x, "x", cells, offset)
  values <- stored_values(x)
  if (length(values) && min(values) < 0) {
    at <- which(values < 0)[[1L]]
    found <- locate_value(x, at, cells, offset)
    abort_neuralee(
      "input",
      sprintf("`x` has the value %s in %s, which is no count.", format(values[[at]]), found$text),
      "Give counts, not scaled values; of a container, name their assay with `assay.type`.",
      row = found$row, column = found$column
    )
  }
  unname(if (cells == "rows") Matrix::rowSums(x) else Matrix::colSums(x))
}
