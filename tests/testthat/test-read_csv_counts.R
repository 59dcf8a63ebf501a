# A file with these lines, or raw bytes, that vanishes with the test.
text_file <- function(lines, fileext = ".csv", envir = parent.frame(), open = file) {
  path <- tempfile(fileext = fileext)
  do.call(on.exit, list(bquote(unlink(.(path))), add = TRUE), envir = envir)
  if (is.raw(lines)) {
    writeBin(lines, path)
  } else {
    connection <- open(path, "wb")
    writeLines(lines, connection, useBytes = TRUE)
    close(connection)
  }
  path
}

read <- function(lines, ..., envir = parent.frame()) {
  read_csv_counts(text_file(lines, envir = envir), ..., verbose = FALSE)
}

counts_of <- function(sce) as.matrix(SummarizedExperiment::assay(sce))

random_counts <- function(genes = 200, cells = 300, share = 0.1) {
  set.seed(1)
  matrix(
    stats::rpois(genes * cells, 20) * stats::rbinom(genes * cells, 1, share), genes,
    dimnames = list(paste0("gene", seq_len(genes)), paste0("cell", seq_len(cells)))
  ) + 0
}

test_that("a random matrix comes back, in either orientation and form", {
  for (share in c(0.1, 0.9)) {
    counts <- random_counts(share = share)
    by_genes <- tempfile(fileext = ".csv")
    by_cells <- tempfile(fileext = ".tsv")
    on.exit(unlink(c(by_genes, by_cells)))
    utils::write.csv(counts, by_genes)
    utils::write.table(t(counts), by_cells, sep = "\t", quote = FALSE)
    sce <- read_csv_counts(by_genes, verbose = FALSE)
    expect_s4_class(sce, "SingleCellExperiment")
    expect_identical(SummarizedExperiment::assayNames(sce), "counts")
    expect_identical(is(SummarizedExperiment::assay(sce), "dgCMatrix"), share < 0.5)
    expect_identical(counts_of(sce), counts)
    expect_identical(counts_of(sce), as.matrix(utils::read.csv(by_genes, row.names = 1)) + 0)
    expect_identical(
      counts_of(read_csv_counts(by_cells, genes_in_rows = FALSE, verbose = FALSE)), counts
    )
    if (share < 0.5) expect_true(methods::validObject(SummarizedExperiment::assay(sce)))
  }
})

test_that("real numbers are read as read.csv() reads them", {
  set.seed(2)
  values <- c(stats::rnorm(20), 10^stats::runif(20, -30, 30), 0.1 + 0.2, 1e22, 123456789012345678)
  lines <- c("g,a", paste0("x", seq_along(values), ",", format(values, digits = 17, trim = TRUE)))
  sce <- read(lines)
  expect_identical(SummarizedExperiment::assayNames(sce), "X")
  expect_equal(unname(counts_of(sce)[, 1]), values, tolerance = 1e-15)
  expect_identical(SummarizedExperiment::assayNames(read(lines, assay = "scaled")), "scaled")
})

test_that("quotes, ends of lines, marks and corners make no difference", {
  lines <- c("gene,a,b", "CD4,0,3", "LYZ,12,0", "CD4,0,0")
  expected <- matrix(c(0, 12, 0, 3, 0, 0), 3, dimnames = list(c("CD4", "LYZ", "CD4"), c("a", "b")))
  text <- paste(lines, collapse = "\n")
  variants <- c(
    text, paste0(text, "\n\n"), gsub("\n", "\r\n", text), gsub("\n", "\r", text),
    paste0("\ufeff", text), sub("gene,", "", text), sub("gene", "\"\"", text), gsub(",", ";", text),
    gsub(",", "\t", text), sub("12", "\"1.2e1\"", text)
  )
  for (variant in variants) {
    expect_identical(counts_of(read(charToRaw(enc2utf8(variant)))), expected)
  }
  sce <- read(charToRaw(enc2utf8("\"\",\"a,1\",\"\u03b1 \"\"2\"\"\"\n\"g\n1\",1,2")))
  expect_identical(dimnames(sce), list("g\n1", c("a,1", "\u03b1 \"2\"")))
  expect_identical(
    dimnames(read(c("1 0", "0 2"), sep = " ", header = FALSE, row_names = FALSE)),
    rep(list(c("1", "2")), 2)
  )
  expect_identical(dim(read("gene,a,b")), c(0L, 2L))
})

test_that("all kinds of compression are read and their damage is noticed", {
  counts <- random_counts()
  lines <- c(
    paste(colnames(counts), collapse = ","),
    paste(rownames(counts), apply(counts, 1, paste, collapse = ","), sep = ",")
  )
  for (open in list(gzfile, bzfile, xzfile)) {
    path <- text_file(lines, open = open)
    expect_identical(counts_of(read_csv_counts(path, verbose = FALSE)), counts)
    bytes <- readBin(path, "raw", file.size(path))
    middle <- length(bytes) %/% 2
    refused <- function(bytes) {
      expect_error(read(bytes), class = "neuralee_error")
    }
    refused(utils::head(bytes, -3))
    refused(utils::head(bytes, middle))
    bytes[middle] <- xor(bytes[middle], as.raw(4))
    refused(bytes)
  }
  skip_if(!nzchar(Sys.which("zip")), "there is no zip")
  path <- text_file(lines)
  archive <- tempfile(fileext = ".zip")
  on.exit(unlink(archive), add = TRUE)
  utils::zip(archive, path, flags = "-qj")
  expect_identical(counts_of(read_csv_counts(archive, verbose = FALSE)), counts)
  utils::zip(archive, text_file("x"), flags = "-qj")
  expect_error(
    read_csv_counts(archive, verbose = FALSE), "holds 2 files", class = "neuralee_error_file_format"
  )
})

test_that("what is wrong is named by file, line and column", {
  refused <- function(lines, kind, message, ...) {
    expect_error(read(lines, ...), message, class = paste0("neuralee_error_", kind))
  }
  refused(
    c("g,a,b", "CD4,1,NA"), "not_finite",
    "\\.csv: Line 2, column 3 \\(gene 'CD4'\\): the value is NA"
  )
  refused(
    c("g,a,b", "CD4,1,2", "LYZ,,2"), "not_finite",
    "Line 3, column 2 \\(gene 'LYZ', cell 'a'\\): the value is missing"
  )
  refused(c("g,a,b", "CD4,1,2", "LYZ,x,2"), "file_format", "'x' is no number")
  refused(c("g,a,b", "CD4,1,2", "LYZ,2"), "file_format", "Line 3 has 1 values")
  refused(c("g,a,b", "CD4,\"1,2"), "file_format", "Line 2: the quote")
  refused(character(), "file_format", "is empty")
  refused(c("g,a,b", "CD4,1,2"), "file_format", "fields end at each ';'", sep = ";")
  expect_error(
    read_csv_counts(tempfile(), verbose = FALSE), "no such file",
    class = "neuralee_error_file_format"
  )
  expect_error(
    read_csv_counts(tempdir(), verbose = FALSE), "folder", class = "neuralee_error_file_format"
  )
})

test_that("labels and batches become factors", {
  counts <- c("g,a,b,c", "CD4,1,0,2")
  labels <- text_file(c("type", "T", "B, naive", "NA"), ".txt")
  batches <- text_file(c("day2", "day1", "day2"))
  sce <- read(counts, labels_file = labels, batches_file = batches)
  expect_identical(sce$label, factor(c("T", "B, naive", NA), c("B, naive", "T")))
  expect_identical(sce$batch, factor(c("day2", "day1", "day2"), c("day2", "day1")))
  expect_identical(colnames(sce), c("a", "b", "c"))
  expect_error(
    read(counts, batches_file = labels), "Line 4: the label is NA",
    class = "neuralee_error_not_finite"
  )
  short <- text_file(c("T", "B"))
  expect_error(
    read(counts, labels_file = short), paste0(basename(short), ": There are 2 labels for 3 cells"),
    class = "neuralee_error_file_format"
  )
})

test_that("arguments of the wrong kind are refused", {
  path <- text_file(c("g,a", "x,1"))
  refused <- function(name, value) {
    arguments <- list(file = path, verbose = FALSE)
    arguments[name] <- list(value)
    expect_error(
      do.call(read_csv_counts, arguments), sprintf("`%s`", name), class = "neuralee_error_input"
    )
  }
  refused("file", NULL)
  refused("genes_in_rows", NA)
  for (sep in list("ab", "", "1", "\n", "\"", 1, NA_character_, "\u00e9")) refused("sep", sep)
  refused("header", "yes")
  refused("row_names", 1)
  refused("labels_file", c("a", "b"))
  refused("batches_file", TRUE)
  refused("assay", 1)
  refused("verbose", NULL)
})
