fixture <- function(name) test_path("fixtures", name)

# Cells 0 to 6, of which 6 has no annotation, in the layout that the original unpacks to.
brain_folder <- function(cells = 0:6, envir = parent.frame()) {
  folder <- tempfile("brain")
  do.call(on.exit, list(bquote(unlink(.(folder), recursive = TRUE)), add = TRUE), envir = envir)
  counts <- outer(1:3, cells, function(gene, i) gene * (i + 1))
  dimnames(counts) <- list(paste0("ENSMUSG", 1:3), barcode(cells))
  write_tenx_matrix(
    file.path(folder, "10X", "neuron_9k", "filtered_gene_bc_matrices", "mm10"), counts
  )
  file.copy(fixture("brain_small_metadata.pickle"), folder)
  folder
}

brain <- function(...) suppressMessages(BrainSmallDataset(..., verbose = FALSE))

test_that("cells get cluster and quality by their barcode, and genes keep their names (D12)", {
  expect_message(
    cells <- BrainSmallDataset(brain_folder(), verbose = FALSE),
    sprintf("1 cells .*\"%s\"", barcode(6)), class = "neuralee_message_left_out"
  )
  # The annotation has the cells in the order 3, 0, 5, 1, 4, 2.
  place <- c(1, 3, 5, 0, 4, 2)
  expect_identical(colnames(cells), barcode(0:5))
  expect_identical(cells$cluster, factor(place %% 3 + 1))
  expect_identical(cells$num_umi, as.integer(place * 10))
  expect_identical(cells$mapped_reads, place / 8)
  expect_identical(rownames(cells), paste0("ensmusg", 1:3))
  expect_identical(rownames(brain(brain_folder(), gene_names = "id")), paste0("ENSMUSG", 1:3))
  expect_identical(unname(as.matrix(counts_of(cells))), outer(1:3, 1:6) + 0)
})

test_that("barcodes that the matrix has not shift nothing", {
  folder <- brain_folder(c(5, 2))
  expect_message(
    cells <- BrainSmallDataset(folder, verbose = FALSE),
    "4 barcodes of the annotation are not in the matrix", class = "neuralee_message_left_out"
  )
  expect_identical(as.character(cells$cluster), c("3", "3"))
  expect_identical(cells$num_umi, c(20L, 50L))
})

test_that("a csv of the same table gives the same cells", {
  folder <- brain_folder()
  expected <- brain(folder)
  about <- read_pickle(fixture("brain_small_metadata.pickle"), verbose = FALSE)
  table <- data.frame(about$clusters, about$raw_qc[rownames(about$clusters), ])
  utils::write.csv(table, file.path(folder, "brain_small_metadata.csv"))
  unlink(file.path(folder, "brain_small_metadata.pickle"))
  expect_equal(brain(folder), expected)
})

test_that("missing and unfitting files are refused with what to do", {
  refused <- function(folder, regexp) {
    expect_error(brain(folder), regexp, class = "neuralee_error_file_format")
  }
  refused(tempfile(), "There is no file .*neuron_9k_filtered.*\\n.*cf.10xgenomics.com")
  refused(brain_folder(20:21), "None of the annotation's barcodes")
  folder <- brain_folder()
  pickle <- file.path(folder, "brain_small_metadata.pickle")
  unlink(pickle)
  refused(folder, "brain_small_metadata.pickle.*\\n.*scVI-data")
  writeLines("(dVraw_qc\nNs.", pickle)
  refused(folder, "no table \"clusters\"")
  writeLines("(lVa\na.", pickle)
  refused(folder, "no dictionary and no table")
  unlink(pickle)
  csv <- file.path(folder, "brain_small_metadata.csv")
  writeLines(c("barcode,a,b", paste0(barcode(0), ",1,2")), csv)
  refused(folder, "no column cluster")
  writeLines(c("barcode,cluster", paste0(barcode(c(0, 0)), ",1")), csv)
  refused(folder, "names barcodes several times")
  writeLines(c("barcode,cluster", paste0(c(barcode(0), ""), ",1")), csv)
  refused(folder, "names no barcodes, or not for all cells")
  writeLines("barcode,cluster", csv)
  refused(folder, "has 0 rows and 2 columns")
  expect_error(BrainSmallDataset(1), class = "neuralee_error_input")
  expect_error(BrainSmallDataset("a", save_path = "b"), class = "neuralee_error_input")
})
