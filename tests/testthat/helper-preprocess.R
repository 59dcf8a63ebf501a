golden_counts <- function() {
  unname(as.matrix(utils::read.csv(test_path("golden", "prep_counts.csv"), header = FALSE))) + 0
}

# Cells in columns, two of their genes constant.
counts_sce <- function() {
  counts <- t(golden_counts())
  dimnames(counts) <- list(sprintf("gene%d", seq_len(nrow(counts))), sprintf("cell%d", seq_len(ncol(counts))))
  SingleCellExperiment::SingleCellExperiment(list(counts = counts))
}

sparse <- function(x) methods::as(x, "dgCMatrix")

delayed <- function(x) DelayedArray::DelayedArray(x)

# Blocks of `size` bytes, so that a small DelayedMatrix takes several.
with_small_blocks <- function(code, size = 20000) {
  before <- suppressMessages(DelayedArray::getAutoBlockSize())
  on.exit(suppressMessages(DelayedArray::setAutoBlockSize(before)))
  suppressMessages(DelayedArray::setAutoBlockSize(size))
  code
}
