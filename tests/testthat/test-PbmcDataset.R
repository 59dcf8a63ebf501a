fixture <- function(name) test_path("fixtures", name)

# Cell i has i + 1 counts of the first gene, more of the others, and 100 more each in pbmc4k.
batch_counts <- function(cells, more) {
  counts <- outer(1:4, cells, function(gene, i) 10 * gene + i + 1 + more)
  dimnames(counts) <- list(paste0("ENSG", 1:4), barcode(cells))
  counts
}

# The cells that data-raw/make_pickles.py writes the annotation for. Both batches have the barcodes
# 6 and 7.
pbmc_folder <- function(layout = c("folder", "archive"), envir = parent.frame()) {
  folder <- tempfile("pbmc")
  do.call(on.exit, list(bquote(unlink(.(folder), recursive = TRUE)), add = TRUE), envir = envir)
  sets <- list(pbmc8k = batch_counts(0:7, 0), pbmc4k = batch_counts(6:11, 100))
  for (name in names(sets)) {
    inside <- switch(
      match.arg(layout), folder = file.path(folder, "10X", name), archive = file.path(folder, name)
    )
    write_tenx_matrix(file.path(inside, "filtered_gene_bc_matrices", "GRCh38"), sets[[name]])
    if (layout[[1L]] == "archive") {
      old <- setwd(inside)
      utils::tar(
        file.path("..", sprintf("%s_filtered_gene_bc_matrices.tar.gz", name)),
        "filtered_gene_bc_matrices", compression = "gzip", tar = "internal"
      )
      setwd(old)
      unlink(inside, recursive = TRUE)
    }
  }
  genes <- c(",ENSG,GS,CD_logFC", "5,ENSG3,c,0.5", "7,ENSG99,z,1", "9,ENSG1,a,-2")
  writeLines(genes, file.path(folder, "gene_info_pbmc.csv"))
  file.copy(fixture("pbmc_metadata.pickle"), folder)
  folder
}

pbmc <- function(...) suppressMessages(PbmcDataset(..., verbose = FALSE))

put_csv <- function(folder, table) {
  unlink(file.path(folder, "pbmc_metadata.pickle"))
  utils::write.csv(table, file.path(folder, "pbmc_metadata.csv"), row.names = FALSE, quote = FALSE)
}

test_that("cells get the type, batch and counts of their barcode, whatever is missing or double", {
  cells <- pbmc(pbmc_folder())
  numbers <- c(5, 0, 1, 3, 4, 6, 7, 8, 11, 9)
  first <- rep(c(TRUE, FALSE), c(7, 3))
  expect_identical(colnames(cells), barcode(numbers))
  expect_identical(cells$Barcode, barcode(numbers))
  expect_identical(as.character(cells$batch), ifelse(first, "pbmc8k", "pbmc4k"))
  # Barcode 99, in place 3 of the annotation, is in no matrix; places 8 and 10 end with -11.
  place <- c(0:2, 4:7, 9, 11, 12)
  types <- c("CD4 T cells", "B cells", "Other")
  expect_identical(cells$cell_type, factor(types[place %% 3 + 1], types))
  # 6 and 7 are in both batches; the original took the counts of pbmc4k for them.
  expected <- outer(c(3, 1), seq_along(numbers), function(gene, j) {
    10 * gene + numbers[j] + 1 + ifelse(first[j], 0, 100)
  })
  expect_identical(unname(as.matrix(counts_of(cells))), expected)
  expect_s4_class(counts_of(cells), "dgCMatrix")
  expect_identical(cells$num_umi, as.integer(place * 10))
  expect_identical(cells$mapped_reads, place / 8)
  expect_identical(cells$normalized_num_umi, as.double(place))
  components <- SingleCellExperiment::reducedDim(cells, "qc_pc")
  expect_identical(unname(components), cbind(as.double(place), -as.double(place)))
})

test_that("what is left out is told", {
  told <- capture_messages(PbmcDataset(pbmc_folder(), verbose = FALSE))
  expect_match(told, "1 genes of gene_info_pbmc.csv .*\"ENSG99\"", all = FALSE)
  expect_match(told, "2 cells with barcodes that end in -11", all = FALSE)
  expect_match(told, sprintf("1 barcodes of the annotation .*\"%s\"", barcode(99)), all = FALSE)
})

test_that("genes are those of gene_info_pbmc.csv, in its order, with its columns", {
  folder <- pbmc_folder()
  cells <- pbmc(folder)
  genes <- SummarizedExperiment::rowData(cells)
  expect_identical(rownames(cells), c("ensg3", "ensg1"))
  expect_identical(genes$ID, c("ENSG3", "ENSG1"))
  expect_identical(genes$CD_logFC, c(0.5, -2))
  expect_identical(rownames(pbmc(folder, gene_names = "id")), c("ENSG3", "ENSG1"))
})

test_that("archives are read like folders", {
  expect_equal(pbmc(pbmc_folder("archive")), pbmc(pbmc_folder()))
})

test_that("a csv of the same table gives the same cells", {
  folder <- pbmc_folder()
  expected <- pbmc(folder)
  about <- read_pickle(fixture("pbmc_metadata.pickle"), verbose = FALSE)
  table <- data.frame(
    barcode = rownames(about$barcodes), cell_type = about$list_clusters[about$clusters + 1],
    batch = ifelse(about$design$batchpbmc4k == 1, "pbmc4k", "pbmc8k"), about$raw_qc
  )
  put_csv(folder, table)
  cells <- pbmc(folder)
  same <- c("Barcode", "cell_type", "batch", "num_umi", "mapped_reads")
  expect_equal(SummarizedExperiment::colData(cells), SummarizedExperiment::colData(expected)[same])
  expect_equal(counts_of(cells), counts_of(expected))
  # In another order, each cell keeps what belongs to it.
  put_csv(folder, table[13:1, ])
  turned <- pbmc(folder)
  expect_equal(counts_of(turned)[, colnames(cells)], counts_of(cells))
  expect_identical(as.character(turned[, colnames(cells)]$cell_type), as.character(cells$cell_type))
})

test_that("without batches a barcode is that of the first batch that has it", {
  folder <- pbmc_folder()
  put_csv(folder, data.frame(barcode = barcode(c(6, 10, 2)), cell_type = c("a", "b", "a")))
  cells <- pbmc(folder)
  expect_identical(as.character(cells$batch), c("pbmc8k", "pbmc4k", "pbmc8k"))
  expect_identical(unname(counts_of(cells)[2L, ]), 10 + c(6, 10 + 100, 2) + 1)
})

test_that("the same barcode in both batches is two cells with two names", {
  folder <- pbmc_folder()
  put_csv(
    folder,
    data.frame(
      barcode = barcode(c(6, 6, 1)), cell_type = "a", batch = c("pbmc4k", "pbmc8k", "pbmc8k")
    )
  )
  cells <- pbmc(folder)
  expect_identical(colnames(cells), c(paste0(barcode(6), c("_pbmc4k", "_pbmc8k")), barcode(1)))
  expect_identical(unname(counts_of(cells)[2L, ]), c(117, 17, 12))
})

test_that("a measure of quality takes no column's place", {
  folder <- pbmc_folder()
  put_csv(
    folder,
    data.frame(barcode = barcode(1), cell_type = "a", Barcode = 3, batch = "pbmc8k", depth = 7)
  )
  cells <- pbmc(folder)
  expect_identical(cells$Barcode, barcode(1))
  expect_identical(cells$depth, 7L)
})

test_that("a barcode of the other batch is missing, not taken", {
  folder <- pbmc_folder()
  put_csv(
    folder, data.frame(barcode = barcode(c(0, 1)), cell_type = "a", batch = c("pbmc4k", "pbmc8k"))
  )
  told <- capture_messages(cells <- PbmcDataset(folder, verbose = FALSE))
  expect_match(told, "1 barcodes .* not in the matrix of their batch", all = FALSE)
  expect_identical(colnames(cells), barcode(1))
})

test_that("missing and unfitting files are refused with what to do", {
  refused <- function(folder, regexp, class = "neuralee_error_file_format") {
    expect_error(pbmc(folder), regexp, class = class)
  }
  refused(tempfile(), "There is no file .*pbmc8k_filtered.*\\n.*cf.10xgenomics.com")
  folder <- pbmc_folder()
  unlink(file.path(folder, "gene_info_pbmc.csv"))
  refused(folder, "gene_info_pbmc.csv.*\\n.*scVI-data/raw/master/gene_info.csv")
  writeLines(c("GS", "a"), file.path(folder, "gene_info_pbmc.csv"))
  refused(folder, "no column ENSG")
  writeLines(c("ENSG,GS", "1,a", "2,b"), file.path(folder, "gene_info_pbmc.csv"))
  refused(folder, "has 1 for gene 1 in the column ENSG, which names no gene")
  writeLines(c("ENSG,GS", "ENSG1,a", "NA,b"), file.path(folder, "gene_info_pbmc.csv"))
  refused(folder, "has NA for gene 2 in the column ENSG")
  writeLines("ENSG,GS", file.path(folder, "gene_info_pbmc.csv"))
  refused(folder, "names no genes")
  writeLines(c("ENSG", "ENSMUSG1"), file.path(folder, "gene_info_pbmc.csv"))
  refused(folder, "None of the genes.*\\n.*ENSMUSG1.*ENSG1")
  folder <- pbmc_folder()
  pickle <- file.path(folder, "pbmc_metadata.pickle")
  unlink(pickle)
  refused(folder, "pbmc_metadata.pickle.*\\n.*scVI-data/raw/master/pbmc_metadata.pickle")
  writeLines("cos\nsystem\n(Vtrue\ntR.", pickle)
  refused(folder, "os.system")
  writeLines("(dVbarcodes\n(lVa\nas.", pickle)
  refused(folder, "no entry \"clusters\", \"list_clusters\"")
  clusters <- "(dVbarcodes\n(lVa\nasVclusters\n(lI%d\nasVlist_clusters\n(lVB cells\nas."
  writeLines(sprintf(clusters, 1L), pickle)
  refused(folder, "clusters that are not 0 to 0")
  writeLines(sprintf(clusters, 0L), pickle)
  refused(folder, "None of the annotation's barcodes")
  put_csv(folder, data.frame(barcode = barcode(0), type = "a"))
  refused(folder, "no column cell_type")
  put_csv(folder, data.frame(barcode = barcode(0), cell_type = "a", batch = "pbmc3k"))
  refused(folder, "the batch \"pbmc3k\"")
  put_csv(folder, data.frame(barcode = barcode(0:1), cell_type = "a", batchpbmc4k = c("yes", "no")))
  refused(folder, "other values than 0 and 1 in batchpbmc4k")
  put_csv(
    folder,
    data.frame(barcode = barcode(c(0, 1, 0)), cell_type = c("a", "a", "b"), batch = "pbmc8k")
  )
  refused(folder, paste("barcodes several times for one batch:", dQuote(barcode(0), FALSE)))
})

test_that("arguments of the wrong kind are refused", {
  refused <- function(...) expect_error(PbmcDataset(...), class = "neuralee_error_input")
  refused(1)
  refused(c("a", "b"))
  refused("a", gene_names = "name")
  refused("a", verbose = NA)
  refused("a", save_path = "b")
})

test_that("a csv whose first column has no names of cells is said to lack them", {
  folder <- pbmc_folder()
  firsts <- list(cell_type = c("a", "b"), batch = "pbmc8k", num_umi = 1:2)
  for (name in names(firsts)) {
    put_csv(folder, data.frame(firsts[name], label = c("u", "v")))
    expect_refused(
      pbmc(folder), "file_format", sprintf("has no column barcode, and its first, \"%s\"", name)
    )
  }
  put_csv(folder, data.frame(cell = barcode(1:2), cell_type = c("u", "v")))
  expect_identical(pbmc(folder)$Barcode, barcode(1:2))
})
