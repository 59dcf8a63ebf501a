golden_counts <- function() {
  unname(as.matrix(utils::read.csv(test_path("golden", "prep_counts.csv"), header = FALSE))) + 0
}

# Cells in columns, two of their genes constant.
counts_sce <- function() {
  counts <- t(golden_counts())
  dimnames(counts) <- list(
    sprintf("gene%d", seq_len(nrow(counts))), sprintf("cell%d", seq_len(ncol(counts)))
  )
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

# The golden counts with their types A to D, and parts that must go with the cells.
typed_sce <- function() {
  sce <- counts_sce()
  codes <- scan(test_path("golden", "prep_labels.csv"), quiet = TRUE)
  rownames(sce) <- sprintf("g%03d", seq_len(nrow(sce)) - 1L)
  sce$label <- factor(LETTERS[codes + 1])
  sce$number <- seq_len(ncol(sce))
  SingleCellExperiment::reducedDim(sce, "PCA") <- cbind(PC1 = sce$number, PC2 = -sce$number)
  SingleCellExperiment::altExp(sce, "spikes") <- SummarizedExperiment::SummarizedExperiment(
    list(counts = matrix(sce$number, 1, dimnames = list("spike", colnames(sce))))
  )
  sce
}

counts_of <- function(sce) SummarizedExperiment::assay(sce, "counts")

# Every part of a typed_sce() holds these cells, and all genes.
expect_cells <- function(found, numbers) {
  whole <- typed_sce()
  expect_identical(found$number, as.integer(numbers))
  expect_identical(colnames(found), colnames(whole)[numbers])
  expect_identical(counts_of(found), counts_of(whole)[, numbers])
  expect_equal(
    SingleCellExperiment::reducedDim(found, "PCA")[, "PC2"], -numbers, ignore_attr = TRUE
  )
  expect_equal(drop(counts_of(SingleCellExperiment::altExp(found))), numbers, ignore_attr = TRUE)
}
