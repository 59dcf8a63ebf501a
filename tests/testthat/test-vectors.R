# A matrix that is long enough for Rust to keep its values.
long_matrix <- function() {
  cells <- 1200L
  genes <- 1000L
  matrix <- Matrix::sparseMatrix(
    i = rep(seq_len(genes), cells), p = seq.int(0L, by = genes, length.out = cells + 1L),
    x = as.double(seq_len(cells * genes) %% 7 + 1), dims = c(genes, cells),
    dimnames = list(paste0("g", seq_len(genes)), paste0("c", seq_len(cells)))
  )
  file <- tempfile(fileext = ".h5ad")
  on.exit(unlink(file))
  cells <- SingleCellExperiment::SingleCellExperiment(list(counts = matrix))
  write_h5ad(cells, file, verbose = FALSE)
  list(written = matrix, read = SummarizedExperiment::assay(read_h5ad(file, verbose = FALSE)))
}

test_that("long vectors are used where Rust has them, and are vectors as any other", {
  long <- long_matrix()
  x <- long$read
  expect_true(rs_is_owned(x@i))
  expect_true(rs_is_owned(x@x))
  expect_true(methods::validObject(x))
  expect_identical(x, long$written)
  expect_identical(Matrix::colSums(x), Matrix::colSums(long$written))
  expect_identical(x[5:1, 7:9], long$written[5:1, 7:9])

  copy <- x
  copy@x[[1]] <- 100
  expect_identical(x, long$written)
  expect_identical(copy[1, 1], 100)

  file <- tempfile()
  on.exit(unlink(file))
  saveRDS(x, file, compress = FALSE)
  restored <- readRDS(file)
  expect_identical(restored, long$written)
  expect_false(rs_is_owned(restored@x))
})

test_that("long vectors outlive what they came with, and garbage does not touch them", {
  values <- long_matrix()$read@x
  for (i in 1:2) gc()
  again <- long_matrix()$read@x
  expect_identical(values, again)
})
