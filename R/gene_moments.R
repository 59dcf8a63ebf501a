# Mean, population variance and divisor of each gene, with finite values checked. Blocks
# of a DelayedMatrix follow its chunks: each has some genes of some cells.
gene_moments <- function(x, cells, threads) {
  if (!is_delayed(x)) {
    x <- check_cells(x, "x", cells)
    return(rust_call(rs_gene_moments(x, cells == "rows", threads)))
  }
  check_delayed_type(x, "x")
  check_extent(x, "x", cells)
  axes <- if (cells == "rows") c(cells = 1L, genes = 2L) else c(cells = 2L, genes = 1L)
  n_genes <- dim(x)[[axes[["genes"]]]]
  seen <- numeric(n_genes)
  moments <- list(mean = numeric(n_genes), variance = numeric(n_genes), scale = numeric(n_genes))
  grid <- DelayedArray::defaultAutoGrid(x)
  for (i in seq_along(grid)) {
    viewport <- grid[[i]]
    block <- read_block_of(x, viewport)
    check_finite(block, "x", cells, block_offset(viewport))
    part <- rust_call(rs_gene_moments(block, cells == "rows", threads))
    genes <- block_range(viewport, axes[["genes"]])
    before <- seen[[genes[[1L]]]]
    more <- dim(block)[[axes[["cells"]]]]
    if (before > 0) {
      part <- rs_merge_moments(
        before, moments$mean[genes], moments$variance[genes], as.double(more), part$mean,
        part$variance
      )
    }
    seen[genes] <- before + more
    for (field in names(moments)) moments[[field]][genes] <- part[[field]]
  }
  moments
}
