test_that("golden values", {
  suppressMessages({
    found <- remove_zero_cells(filter_genes(typed_sce(), c("g005", "g100", "g003")))
    expect_equal(
      t(counts_of(found)), golden("prep_filter_genes_Y.npy"), tolerance = 1e-6, ignore_attr = TRUE
    )
    x <- golden_counts()
    colnames(x) <- sprintf("g%03d", 0:119)
    found <- remove_zero_cells(filter_genes(x, c("g005", "g100", "g003")))
  })
  expect_equal(found, golden("prep_filter_genes_Y.npy"), tolerance = 1e-6, ignore_attr = TRUE)
})

test_that("genes come in the given order, all cells stay", {
  x <- golden_counts()
  dimnames(x) <- list(sprintf("c%d", 1:200), sprintf("g%d", 1:120))
  genes <- c("g7", "g120", "g1")
  expected <- x[, genes]
  expect_identical(filter_genes(x, genes), expected)
  expect_identical(filter_genes(x, factor(genes)), expected)
  expect_identical(filter_genes(sparse(x), genes), sparse(x)[, genes])
  expect_identical(filter_genes(as.data.frame(x), genes), as.data.frame(x)[, genes])
  expect_identical(as.matrix(filter_genes(delayed(x), genes)), expected)
  expect_identical(dim(filter_genes(x, "g9")), c(200L, 1L))
  expect_identical(filter_genes(x, colnames(x)), x)
})

test_that("all parts of a container stay", {
  found <- filter_genes(typed_sce(), rownames(typed_sce()))
  expect_cells(found, 1:200)
  found <- filter_genes(typed_sce(), "g007")
  expect_identical(SingleCellExperiment::reducedDimNames(found), "PCA")
  expect_identical(SingleCellExperiment::altExpNames(found), "spikes")
})

test_that("a column of rowData may hold the names", {
  sce <- typed_sce()
  symbols <- sprintf("S%d", 1:120)
  symbols[2:3] <- "S2"
  symbols[[9]] <- NA
  for (column in list(symbols, factor(symbols), S4Vectors::Rle(symbols))) {
    SummarizedExperiment::rowData(sce)$Symbol <- column
    found <- filter_genes(sce, c("S40", "S1"), by = "Symbol")
    expect_identical(rownames(found), c("g039", "g000"))
    expect_refused(filter_genes(sce, c("S1", "S2"), by = "Symbol"), "input", "same name: \"S2\"")
  }
  rownames(sce) <- NULL
  expect_identical(nrow(filter_genes(sce, "S40", by = "Symbol")), 1L)
  expect_refused(filter_genes(sce, "S40"), "input", "no names")
  expect_refused(filter_genes(sce, "S40", by = "ID"), "input", "\"ID\".*\"Symbol\"")
  expect_refused(filter_genes(sce, "S40", by = 1), "input", "`by`")
  SummarizedExperiment::rowData(sce)$pairs <- matrix(1, 120, 2)
  expect_refused(filter_genes(sce, "S40", by = "pairs"), "input", "\"pairs\"")
})

test_that("bad input is refused", {
  x <- golden_counts()
  expect_refused(filter_genes(x, "g1"), "input", "columns of `x` carry no names")
  colnames(x) <- sprintf("g%d", 1:120)
  expect_refused(filter_genes(x, c("g1", "nanog", "sox2")), "input", "\"nanog\", \"sox2\".*\"g1\"")
  expect_refused(filter_genes(x, c("g1", "g2", "g1")), "input", "several times: \"g1\"")
  strange <- "g\xff"
  Encoding(strange) <- "bytes"
  expect_refused(filter_genes(x, strange), "input", "`genes` is no valid text")
  y <- x[, 1:2]
  colnames(y)[[2L]] <- strange
  expect_refused(filter_genes(y, "g1"), "input", "Name 2 in `x` is no valid text")
  for (genes in list(NULL, character(), NA_character_, "", 1:3, list("g1"), TRUE)) {
    expect_refused(filter_genes(x, genes), "input", "`genes`")
    expect_refused(filter_genes(typed_sce(), genes), "input", "`genes`")
  }
  expect_refused(filter_genes(x, "g1", by = "Symbol"), "input", "`by`")
  expect_refused(filter_genes("g1", "g1"), "input", "`x`")
  colnames(x)[[2L]] <- "g1"
  expect_refused(filter_genes(x, "g1"), "input", "same name: \"g1\"")
  expect_identical(colnames(filter_genes(x, "g3")), "g3")
})
