# Writes the matrix of Cell Ranger `version` (2 or 3) into `folder`: three genes, and cells of which
# the second has no counts.
write_tenx <- function(folder, counts = cbind(c(4, 0, 1), 0, c(0, 7, 2)), version = 2,
                       barcodes = sprintf("AAA%s-1", c("A", "C", "G"))) {
  dir.create(folder, recursive = TRUE)
  put <- function(lines, name) {
    connection <- if (version == 3) {
      gzfile(file.path(folder, paste0(name, ".gz")))
    } else {
      file(file.path(folder, name))
    }
    writeLines(lines, connection)
    close(connection)
  }
  at <- which(counts != 0, arr.ind = TRUE)
  put(c(
    "%%MatrixMarket matrix coordinate integer general", paste(nrow(counts), ncol(counts), nrow(at)),
    paste(at[, 1], at[, 2], counts[at])
  ), "matrix.mtx")
  features <- c("ENSG1\tCD4", "ENSG2\tLYZ", "ENSG3\tLYZ")
  if (version == 3) {
    put(paste0(features, "\tGene Expression"), "features.tsv")
  } else {
    put(features, "genes.tsv")
  }
  put(barcodes, "barcodes.tsv")
  folder
}

# Packs `inside` of `folder`, which goes, as 10x Genomics does.
pack_tenx <- function(folder, inside, archive) {
  old <- setwd(folder)
  on.exit(setwd(old))
  utils::tar(archive, inside, compression = "gzip", tar = "internal")
  unlink(inside, recursive = TRUE)
}

tenx <- function(...) suppressMessages(Dataset10X(..., verbose = FALSE))

new_folder <- function(envir = parent.frame()) {
  folder <- tempfile("tenx")
  dir.create(folder)
  do.call(on.exit, list(bquote(unlink(.(folder), recursive = TRUE)), add = TRUE), envir = envir)
  folder
}

test_that("a folder and an archive of both versions give the cells with counts (D9)", {
  expected <- cbind(c(4, 0, 1), c(0, 7, 2))
  for (version in 2:3) {
    folder <- new_folder()
    top <- if (version == 2) "filtered_gene_bc_matrices" else "filtered_feature_bc_matrix"
    write_tenx(file.path(folder, top, "GRCh38"), version = version)
    expect_message(
      cells <- Dataset10X(path = folder, verbose = FALSE), "1 of 3 cells removed",
      class = "neuralee_message_removed"
    )
    expect_s4_class(counts_of(cells), "dgCMatrix")
    expect_equal(unname(as.matrix(counts_of(cells))), expected)
    expect_identical(cells$Barcode, c("AAAA-1", "AAAG-1"))
    expect_identical(rownames(cells), c("CD4", "LYZ", "LYZ"))
    expect_identical(rownames(tenx(path = folder, gene_names = "id")), paste0("ENSG", 1:3))
    pack_tenx(folder, top, sprintf("mine_%s.tar.gz", top))
    expect_equal(tenx("mine", path = folder), cells)
    expect_equal(tenx(path = file.path(folder, list.files(folder))), cells)
  }
})

test_that("of several matrices the one of the type is read, whatever lies beside it (D14)", {
  folder <- new_folder()
  counts <- list(
    analysis = diag(3), filtered_gene_bc_matrices = diag(3) * 2, raw_gene_bc_matrices = diag(3) * 3
  )
  for (name in names(counts)) write_tenx(
    file.path(folder, "pbmc8k", name, "GRCh38"), counts[[name]]
  )
  expect_equal(unname(as.matrix(counts_of(tenx("pbmc8k", path = folder)))), diag(3) * 2)
  expect_equal(unname(as.matrix(counts_of(tenx("pbmc8k", "raw", path = folder)))), diag(3) * 3)
})

test_that("names lead to the addresses of the site", {
  expect_identical(
    tenx_url("2.1.0", "pbmc8k", tenx_archive("pbmc8k", "filtered", "2.1.0")),
    paste0(
      "https://cf.10xgenomics.com/samples/cell-exp/2.1.0/pbmc8k/",
      "pbmc8k_filtered_gene_bc_matrices.tar.gz"
    )
  )
  expect_identical(
    tenx_archive("pbmc_1k_v3", "raw", "3.0.0"), "pbmc_1k_v3_raw_feature_bc_matrix.tar.gz"
  )
  expect_false(anyDuplicated(tenx_names) > 0)
  expect_true(all(purified_types %in% tenx_versions[["1.1.0"]]))
})

test_that("wrong names and places are refused", {
  refused <- function(object, regexp, class) {
    expect_error(object, regexp, class = paste0("neuralee_error_", class))
  }
  refused(Dataset10X("pmbc8k"), "Did you mean \"pbmc8k\"", "input")
  refused(Dataset10X(), "`filename` is NULL", "input")
  refused(Dataset10X("pbmc8k", "both"), "`type`", "input")
  refused(Dataset10X("pbmc8k", dense = TRUE), "no argument `dense`", "input")
  refused(Dataset10X("pbmc8k", path = 3), "`path` is 3", "input")
  refused(Dataset10X("pbmc8k", path = tempfile()), "no file or folder", "file_format")
  refused(
    Dataset10X("pbmc8k", path = new_folder(), verbose = FALSE), "no matrix.mtx", "file_format"
  )
})

test_that("what is downloaded is read as what lies there", {
  server <- start_file_server()
  write_tenx(file.path(server$folder, "filtered_gene_bc_matrices", "hg19"))
  pack_tenx(server$folder, "filtered_gene_bc_matrices", "b_cells_filtered_gene_bc_matrices.tar.gz")
  file <- download_file(
    server$url("folder/b_cells_filtered_gene_bc_matrices.tar.gz"),
    "b_cells_filtered_gene_bc_matrices.tar.gz", FALSE
  )
  expect_identical(dim(tenx(path = file)), c(3L, 2L))
})

test_that("the sorted populations are read once each, with their types (D7)", {
  folder <- new_folder()
  for (i in seq_along(purified_types)) {
    top <- file.path(folder, purified_types[[i]], "filtered_matrices_mex")
    # The second gene has no count in any population.
    write_tenx(
      file.path(top, "hg19"), cbind(c(i, 0, 1), c(2, 0, i)),
      barcodes = c("AAAA-1", paste0("CC-", i))
    )
  }
  pack_tenx(
    file.path(folder, "cd34"), "filtered_matrices_mex", "../cd34_filtered_gene_bc_matrices.tar.gz"
  )
  unlink(file.path(folder, "cd34"), recursive = TRUE)
  cells <- PurifiedPBMCDataset(path = folder, verbose = FALSE)
  expect_identical(levels(cells$cell_type), purified_types)
  expect_identical(as.integer(table(cells$cell_type)), rep(2L, 10))
  expect_identical(SummarizedExperiment::rowData(cells)$ID, c("ENSG1", "ENSG3"))
  expect_identical(rownames(cells), c("CD4", "LYZ"))
  expect_equal(as.integer(counts_of(cells)["CD4", ]), c(rbind(1:10, 2)))
  expect_identical(colnames(cells)[1:3], c("AAAA-1-cd4_t_helper", "CC-1", "AAAA-1-regulatory_t"))
  expect_null(cells$batch)

  some <- PurifiedPBMCDataset(
    c("cd34", "b_cells"), path = folder, gene_names = "id", verbose = FALSE
  )
  expect_identical(levels(some$cell_type), c("cd34", "b_cells"))
  expect_equal(as.integer(counts_of(some)["ENSG1", ]), c(8, 2, 7, 2))
  expect_identical(dim(PurifiedPBMCDataset("b_cells", path = folder, verbose = FALSE)), c(2L, 2L))

  refused <- function(object, regexp, class = "input") {
    expect_error(object, regexp, class = paste0("neuralee_error_", class))
  }
  refused(PurifiedPBMCDataset(c("b_cells", "b_cells")), "several times")
  refused(PurifiedPBMCDataset("b_cell"), "no population here: \"b_cell\"")
  refused(PurifiedPBMCDataset(2), "`filter_cell_types` is 2")
  unlink(file.path(folder, "cd56_nk"), recursive = TRUE)
  refused(
    PurifiedPBMCDataset("cd56_nk", path = folder, verbose = FALSE),
    "no file .*cd56_nk_filtered_gene_bc_matrices.tar.gz", "file_format"
  )
})
