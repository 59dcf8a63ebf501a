# Mean, population variance and divisor of each gene, with finite values checked. A
# DelayedMatrix is read in blocks of genes.
gene_moments <- function(x, cells, threads, call) {
  if (!inherits(x, "DelayedMatrix")) {
    x <- check_cells(x, "x", cells, call = call)
    return(rust_call(rs_gene_moments(x, cells == "rows", threads), call = call))
  }
  check_delayed_type(x, "x", call)
  check_extent(x, "x", cells, call)
  parts <- over_blocks(x, cells, function(block, offset) {
    check_finite(block, "x", cells, call, offset)
    rust_call(rs_gene_moments(block, cells == "rows", threads), call = call)
  })
  lapply(
    c(mean = "mean", variance = "variance", scale = "scale"),
    function(field) unlist(lapply(parts, `[[`, field), use.names = FALSE)
  )
}

# Applies `work(block, offset)` to blocks of a DelayedMatrix, each with some genes of all
# cells in memory, `offset` genes or cells after the first row and column. (blockApply()
# would hide the class of an error.)
over_blocks <- function(x, cells, work) {
  grid <- if (cells == "rows") DelayedArray::colAutoGrid(x) else DelayedArray::rowAutoGrid(x)
  lapply(seq_along(grid), function(i) {
    viewport <- grid[[i]]
    block <- DelayedArray::read_block(x, viewport)
    storage.mode(block) <- "double"
    work(block, BiocGenerics::start(viewport) - 1)
  })
}
