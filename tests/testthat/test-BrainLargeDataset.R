# A file of the true layout: 3 libraries, genes that differ in how far their counts vary. The counts
# are those of `brain_counts`; gene k has its place in `indices`, and what is in `data` are small
# numbers.
brain_counts <- function(cells = 60, genes = 30) {
  counts <- outer(seq_len(genes), seq_len(cells), function(gene, cell) {
    ifelse((cell * 7 + gene * 3) %% 5 == 0, (cell * gene) %% (1 + gene %% 11), 0)
  })
  counts[, 8] <- 0
  counts
}

brain_file <- function(counts = brain_counts(), envir = parent.frame(), named = TRUE) {
  skip_if(is.null(rs_build_info()$hdf5), "neuralee was built without HDF5")
  skip_if_not_installed("rhdf5")
  skip_if_not_installed("HDF5Array")
  file <- tempfile(fileext = ".h5")
  do.call(on.exit, list(bquote(unlink(.(file))), add = TRUE), envir = envir)
  sparse <- methods::as(methods::as(counts, "generalMatrix"), "CsparseMatrix")
  cells <- seq_len(ncol(counts))
  rhdf5::h5createFile(file)
  rhdf5::h5createGroup(file, "mm10")
  put <- function(values, name) rhdf5::h5write(values, file, paste0("mm10/", name))
  if (named) {
    put(sprintf("ENSMUSG%08d", seq_len(nrow(counts))), "genes")
    put(sprintf("Gene%d", seq_len(nrow(counts))), "gene_names")
    put(sprintf("ACGT%02d-%d", cells, 1 + cells %/% 25), "barcodes")
  }
  put(dim(counts), "shape")
  put(sparse@p, "indptr")
  put(sparse@i, "indices")
  put(as.integer(sparse@x), "data")
  rhdf5::h5closeAll()
  file
}

# Numbers of the genes with the largest variances, by definition.
most_variable <- function(counts, n) {
  logs <- log(1 + counts)
  order(-(rowMeans(logs^2) - rowMeans(logs)^2))[seq_len(n)]
}

brain <- function(file, ...) suppressMessages(BrainLargeDataset(..., path = file, verbose = FALSE))

test_that("genes are those that vary most over the first cells, found by their indices (D1)", {
  file <- brain_file()
  counts <- brain_counts()
  for (first in c(60, 20)) {
    cells <- with_small_blocks(brain(file, 5, variance_cells = first, remove_zeros = FALSE), 3000)
    genes <- most_variable(counts[, seq_len(first)], 5)
    expect_identical(rownames(cells), sprintf("Gene%d", genes))
    expect_equal(unname(as.matrix(counts_of(cells))), counts[genes, ])
  }
  # Counts are small numbers: taken for the genes' places, as the original does, they name other
  # genes.
  values <- matrix(0, nrow(counts), ncol(counts))
  for (cell in seq_len(ncol(counts))) {
    stored <- counts[counts[, cell] != 0, cell]
    for (value in stored) values[value + 1, cell] <- values[value + 1, cell] + value
  }
  expect_lt(length(intersect(most_variable(values, 5), most_variable(counts, 5))), 5)
})

test_that("the parts are there, and the counts sparse or on disk", {
  file <- brain_file()
  cells <- brain(file, 4, remove_zeros = FALSE)
  expect_s4_class(cells, "SingleCellExperiment")
  expect_s4_class(counts_of(cells), "dgCMatrix")
  expect_identical(SummarizedExperiment::assayNames(cells), "counts")
  expect_identical(as.integer(table(cells$batch)), c(24L, 25L, 11L))
  expect_identical(levels(cells$batch), c("1", "2", "3"))
  genes <- SummarizedExperiment::rowData(cells)
  expect_identical(sub("Gene", "", genes$Symbol), sub("ENSMUSG0*", "", genes$ID))
  expect_identical(rownames(brain(file, 4, gene_names = "id")), genes$ID)
  on_disk <- brain(file, 4, remove_zeros = FALSE, on_disk = TRUE)
  expect_s4_class(counts_of(on_disk), "DelayedMatrix")
  expect_equal(as.matrix(counts_of(on_disk)), as.matrix(counts_of(cells)))
  expect_identical(dim(brain(file, 720, remove_zeros = FALSE)), c(30L, 60L))
})

test_that("a file may hold the matrix alone", {
  file <- brain_file(named = FALSE)
  expected <- brain(brain_file(), 4, remove_zeros = FALSE)
  expect_message(
    cells <- BrainLargeDataset(4, path = file, remove_zeros = FALSE, verbose = FALSE),
    "does not name the cells", class = "neuralee_message_left_out"
  )
  expect_equal(unname(as.matrix(counts_of(cells))), unname(as.matrix(counts_of(expected))))
  expect_identical(rownames(cells), sub("Gene", "", rownames(expected)))
  expect_identical(colnames(cells), as.character(1:60))
  expect_true(all(is.na(cells$batch)))
  expect_identical(dim(brain(file, 4, on_disk = TRUE)), dim(brain(brain_file(), 4, on_disk = TRUE)))
})

test_that("some cells are drawn with the seed, and the genes do not depend on them", {
  file <- brain_file()
  all <- brain(file, 6, remove_zeros = FALSE)
  some <- brain(file, 6, max_cells = 20, seed = 7, remove_zeros = FALSE)
  expect_identical(colnames(some), colnames(subsample_cells(all, 20, by = "random", seed = 7)))
  expect_equal(counts_of(some), counts_of(all)[, colnames(some)])
  expect_false(
    identical(
      colnames(brain(file, 6, max_cells = 20, seed = 8, remove_zeros = FALSE)), colnames(some)
    )
  )
  expect_identical(brain(file, 6, max_cells = 100, remove_zeros = FALSE), all)
})

test_that("cells without a count in the kept genes are dropped on request", {
  file <- brain_file()
  counts <- brain_counts()[most_variable(brain_counts(), 3), ]
  for (on_disk in c(FALSE, TRUE)) {
    expect_message(
      cells <- BrainLargeDataset(3, path = file, on_disk = on_disk, verbose = FALSE),
      "of 60 cells removed", class = "neuralee_message_removed"
    )
    expect_equal(unname(as.matrix(counts_of(cells))), counts[, colSums(counts) > 0])
  }
})

test_that("wrong arguments and files are refused before anything is read or downloaded", {
  expect_error(BrainLargeDataset(0), "`nb_genes_kept` is 0", class = "neuralee_error_input")
  expect_error(
    BrainLargeDataset(max_cells = 0.5), "`max_cells` is 0.5", class = "neuralee_error_input"
  )
  expect_error(
    BrainLargeDataset(variance_cells = 1), "`variance_cells` is 1", class = "neuralee_error_input"
  )
  expect_error(
    BrainLargeDataset(remove_zeros = NA), "`remove_zeros`", class = "neuralee_error_input"
  )
  expect_error(
    BrainLargeDataset(subsample_size = 5), "no argument `subsample_size`",
    class = "neuralee_error_input"
  )
  skip_if_not_installed("HDF5Array")
  folder <- tempfile()
  dir.create(folder)
  on.exit(unlink(folder, recursive = TRUE))
  expect_error(
    BrainLargeDataset(path = folder),
    "no file .*1M_neurons_filtered.*1.3.0/1M_neurons/1M_neurons_filtered",
    class = "neuralee_error_file_format"
  )
})
