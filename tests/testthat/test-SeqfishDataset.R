seqfish <- function() test_path("fixtures", "seqfish.xlsx")

# What data-raw/make_seqfish.py writes.
seqfish_counts <- function() {
  counts <- outer(0:4, 0:3, function(gene, cell) (3 * gene + cell) %% 5)
  rownames(counts) <- c("Aars", "Gfap", "mbp", "Dcx, splice", "Zfp90")
  counts
}

test_that("each row is a gene, the first too, and each column a cell (D5)", {
  cells <- SeqfishDataset(seqfish(), verbose = FALSE)
  expect_s4_class(cells, "SingleCellExperiment")
  expect_identical(SummarizedExperiment::assayNames(cells), "counts")
  expect_identical(SummarizedExperiment::assay(cells), seqfish_counts())
  expect_null(colnames(cells))
})

test_that("the file is found in a folder by its name", {
  folder <- tempfile()
  dir.create(folder)
  on.exit(unlink(folder, recursive = TRUE))
  file.copy(seqfish(), file.path(folder, "SeqFISH.xlsx"))
  expect_identical(dim(SeqfishDataset(folder, verbose = FALSE)), c(5L, 4L))
  unlink(file.path(folder, "SeqFISH.xlsx"))
  expect_refused(
    SeqfishDataset(folder, verbose = FALSE), "file_format", "SeqFISH.xlsx.*https://www.cell.com"
  )
})

test_that("what is no such workbook is refused", {
  text <- tempfile(fileext = ".xlsx")
  on.exit(unlink(text))
  writeLines("'Aars',1,2", text)
  expect_refused(SeqfishDataset(text, verbose = FALSE), "file_format", "not an Excel workbook")
  bytes <- readBin(seqfish(), "raw", 1e5)
  writeBin(utils::head(bytes, -100), text)
  expect_refused(SeqfishDataset(text, verbose = FALSE), "file_format", "damaged")
  expect_refused(SeqfishDataset(1, verbose = FALSE), "input", "`path`")
  expect_refused(SeqfishDataset(seqfish(), verbose = NA), "input", "`verbose`")
})
