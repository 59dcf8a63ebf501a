table_lines <- function() {
  c("gene,a,b,c,d", "CD4,0,0,3,1", "LYZ,12,0,0,0", "NKG7,1,0,1,1", "MS4A1,0,0,0,2")
}

test_that("all genes of a table are kept, and empty cells go with their labels (D12)", {
  folder <- data_folder(list(
    counts.csv = table_lines(), labels.txt = c("mono", "none", "T", "B"),
    batches.txt = c("1", "1", "2", "2")
  ))
  file <- function(name) file.path(folder, name)
  expect_message(
    x <- CsvDataset(
      file("counts.csv"), labels_file = file("labels.txt"), batch_ids_file = file("batches.txt"),
      verbose = FALSE
    ),
    "1 of 4 cells removed", class = "neuralee_message_removed"
  )
  expect_identical(dim(x), c(4L, 3L))
  expect_identical(as.character(x$label), c("mono", "T", "B"))
  expect_identical(as.character(x$batch), c("1", "2", "2"))
  many <- c("gene,a,b", sprintf("g%d,%d,1", 1:700, 1:700))
  writeLines(many, file("many.csv"))
  expect_identical(nrow(CsvDataset(file("many.csv"), verbose = FALSE)), 700L)
})

test_that("genes of a table are chosen by variance, name, number or flag", {
  file <- file.path(data_folder(list(counts.csv = table_lines())), "counts.csv")
  genes <- function(...) suppressMessages(CsvDataset(file, ..., verbose = FALSE))
  expect_identical(rownames(genes(new_n_genes = 2)), c("LYZ", "CD4"))
  expect_identical(rownames(genes(new_n_genes = 9)), c("CD4", "LYZ", "NKG7", "MS4A1"))
  expect_identical(rownames(genes(subset_genes = c("NKG7", "CD4"))), c("NKG7", "CD4"))
  expect_identical(rownames(genes(subset_genes = c(4, 1))), c("MS4A1", "CD4"))
  expect_identical(rownames(genes(subset_genes = c(FALSE, TRUE, TRUE, FALSE))), c("LYZ", "NKG7"))
  expect_identical(colnames(genes(subset_genes = "MS4A1")), "d")
  refused <- function(regexp, ...) expect_refused(genes(...), "input", regexp)
  refused("`subset_genes` names genes that are not there: \"x\"", subset_genes = "x")
  for (wrong in list(0, 5, c(1, 1), c(TRUE, FALSE), list(1), 1.5)) refused(
    "`subset_genes`", subset_genes = wrong
  )
  refused("Both", subset_genes = 1, new_n_genes = 1)
  refused("`new_n_genes`", new_n_genes = 0)
  refused("`gene_by_cell`", gene_by_cell = NA)
  refused("`batch_ids_file`", batch_ids_file = 1)
})

test_that("tables of cells by genes, with another separator or compressed, are read likewise", {
  folder <- data_folder(list(genes.csv = table_lines()))
  expected <- suppressMessages(CsvDataset(file.path(folder, "genes.csv"), verbose = FALSE))
  turned <- utils::read.csv(file.path(folder, "genes.csv"), row.names = 1)
  connection <- gzfile(file.path(folder, "cells.txt"), "wb")
  utils::write.table(t(turned), connection, sep = ";", quote = FALSE)
  close(connection)
  x <- suppressMessages(
    CsvDataset(file.path(folder, "cells.txt"), gene_by_cell = FALSE, sep = ";", verbose = FALSE)
  )
  expect_identical(counts_in(x), counts_in(expected))
})

test_that("annotations of an h5ad file stay with their cells when empty ones go (D12)", {
  skip_without_rhdf5()
  file <- tempfile(fileext = ".h5ad")
  on.exit(unlink(file))
  rhdf5::h5createFile(file)
  # rhdf5 turns matrices round: cells by genes in the file.
  rhdf5::h5write(cbind(c(0, 2, 1), c(0, 0, 0), c(3, 0, 0), c(0, 9, 0)), file, "X")
  frame <- function(group, index, columns = list()) {
    rhdf5::h5createGroup(file, group)
    for (name in names(columns)) rhdf5::h5write(columns[[name]], file, paste0(group, "/", name))
    rhdf5::h5write(index, file, paste0(group, "/_index"))
    object <- rhdf5::H5Gopen(handle <- rhdf5::H5Fopen(file), group)
    rhdf5::h5writeAttribute("_index", object, "_index", asScalar = TRUE)
    rhdf5::h5writeAttribute("dataframe", object, "encoding-type", asScalar = TRUE)
    rhdf5::h5writeAttribute("0.2.0", object, "encoding-version", asScalar = TRUE)
    rhdf5::H5Gclose(object)
    rhdf5::H5Fclose(handle)
  }
  frame("obs", paste0("c", 1:4), list(depth = c(3L, 0L, 3L, 9L)))
  frame("var", c("CD4", "LYZ", "NKG7"))
  x <- suppressMessages(AnnDataset(file, verbose = FALSE))
  expect_identical(colnames(x), c("c1", "c3", "c4"))
  expect_identical(x$depth, c(3L, 3L, 9L))
  expect_identical(unname(Matrix::colSums(counts_in(x))), as.numeric(x$depth))
  fewer <- suppressMessages(AnnDataset(file, new_n_genes = 1, verbose = FALSE))
  expect_identical(dimnames(fewer), list("LYZ", c("c1", "c4")))
  expect_identical(fewer$depth, c(3L, 9L))
  expect_refused(AnnDataset(verbose = FALSE), "input", "`path`")
  expect_refused(AnnDataset(tempdir(), verbose = FALSE), "file_format", "folder")
})

test_that("spots have their coordinates, and all genes", {
  lines <- c("\tGAPDH\tESR1\tACTB", "17.907x4.967\t3\t0\t1", "18x6\t0\t0\t0", "2x10.5\t0\t1\t0")
  folder <- data_folder(
    list(`Layer2_BC_count_matrix-1.tsv` = lines, `Rep11_MOB_count_matrix-1.tsv` = lines[-3])
  )
  x <- suppressMessages(BreastCancerDataset(folder, verbose = FALSE))
  expect_identical(
    counts_in(x), cbind(`17.907x4.967` = c(GAPDH = 3, ESR1 = 0, ACTB = 1), `2x10.5` = c(0, 1, 0))
  )
  expect_identical(
    SingleCellExperiment::reducedDim(x, "spatial"),
    matrix(c(17.907, 2, 4.967, 10.5), 2, dimnames = list(colnames(x), c("x_coord", "y_coord")))
  )
  y <- MouseOBDataset(folder, verbose = FALSE)
  expect_identical(counts_in(y), counts_in(x))
  expect_identical(SingleCellExperiment::reducedDims(y), SingleCellExperiment::reducedDims(x))
  expect_identical(
    rownames(suppressMessages(BreastCancerDataset(folder, new_n_genes = 1, verbose = FALSE))),
    "GAPDH"
  )
  bad <- data_folder(list(`Rep11_MOB_count_matrix-1.tsv` = sub("2x10.5", "2-10.5", lines)))
  expect_refused(
    MouseOBDataset(bad, verbose = FALSE), "file_format", "Rep11.*spot 3 is called \"2-10.5\""
  )
  spots <- function(...) {
    folder <- data_folder(list(`Rep11_MOB_count_matrix-1.tsv` = c(lines[1], ...)))
    expect_message(
      z <- MouseOBDataset(folder, verbose = FALSE), "called by a number",
      class = "neuralee_message_left_out"
    )
    z
  }
  some <- spots("0\t3\t0\t1", "2x10.5\t0\t1\t0", "0\t1\t1\t1")
  expect_identical(unname(counts_in(some)), cbind(c(3, 0, 1), c(0, 1, 0), c(1, 1, 1)))
  expect_identical(
    unname(SingleCellExperiment::reducedDim(some, "spatial")),
    rbind(c(NA, NA), c(2, 10.5), c(NA, NA))
  )
  none <- spots("0\t3\t0\t1", "1\t0\t1\t0")
  expect_identical(colnames(none), c("0", "1"))
  expect_length(SingleCellExperiment::reducedDims(none), 0)
  bad <- data_folder(list(`Rep11_MOB_count_matrix-1.tsv` = sub("2x10.5", "18x6", lines)))
  expect_refused(
    MouseOBDataset(bad, verbose = FALSE), "file_format", "Rep11.*has the spot \"18x6\" twice"
  )
  bad <- data_folder(list(`Rep11_MOB_count_matrix-1.tsv` = sub("\t3", "\t-3", lines)))
  expect_refused(
    MouseOBDataset(bad, verbose = FALSE), "file_format", "Rep11.*holds negative values"
  )
  bad <- data_folder(list(`Rep11_MOB_count_matrix-1.tsv` = lines[1]))
  expect_refused(
    MouseOBDataset(bad, verbose = FALSE), "file_format", "Rep11.*gene names and no spots"
  )
})
