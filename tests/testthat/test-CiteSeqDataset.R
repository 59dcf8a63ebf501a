cite_files <- function() {
  list(
    rna = c(
      ",AAAC,AAAG,AACC", "HUMAN_CD4,2,0,0", "HUMAN_lyz,0,9,0", "MOUSE_Actb,0,1,5",
      "HUMAN_RP11_34P13.7,1,0,0"
    ),
    adt = c(",AAAG,AAAC,AACC", "CD4,3,90,1", "CD14,80,2,4"),
    clr = c(",AAAC,AAAG,AACC", "CD14,-1.9,1.4,0.25", "CD4,1.9,-1.4,-0.25")
  )
}

cite_folder <- function(files = cite_files(), prefix = "GSE100866_CBMC_8K_13AB_10X-",
                        envir = parent.frame()) {
  ends <- c(rna = "RNA_umi.csv.gz", adt = "ADT_umi.csv.gz", clr = "ADT_clr-transformed.csv.gz")
  data_folder(stats::setNames(files, paste0(prefix, ends[names(files)])), envir)
}

test_that("human genes keep names and symbols, and proteins go with their cells (D12)", {
  expect_message(
    x <- CbmcDataset(cite_folder(), verbose = FALSE), "1 of 3 cells removed: they have no counts",
    class = "neuralee_message_removed"
  )
  expect_identical(
    counts_in(x),
    cbind(AAAC = c(HUMAN_CD4 = 2, HUMAN_lyz = 0, HUMAN_RP11_34P13.7 = 1), AAAG = c(0, 9, 0))
  )
  expect_identical(SummarizedExperiment::rowData(x)$symbol, c("CD4", "LYZ", "34P13.7"))
  expect_identical(rownames(filter_genes(x, "LYZ", by = "symbol")), "HUMAN_lyz")
  proteins <- SingleCellExperiment::altExp(x, "ADT")
  expect_identical(
    SummarizedExperiment::assay(proteins, "counts"),
    cbind(AAAC = c(CD4 = 90, CD14 = 2), AAAG = c(3, 80))
  )
  expect_identical(
    SummarizedExperiment::assay(proteins, "clr"),
    cbind(AAAC = c(CD4 = 1.9, CD14 = -1.9), AAAG = c(-1.4, 1.4))
  )
})

test_that("each set has its files, under either name", {
  expected <- suppressMessages(CbmcDataset(cite_folder(), verbose = FALSE))
  for (name in c("pbmc", "cd8")) {
    prefix <- c(pbmc = "GSE100866_PBMC_vs_flow_10X-", cd8 = "GSE100866_CD8_merged-")[[name]]
    found <- suppressMessages(CiteSeqDataset(name, cite_folder(prefix = prefix), verbose = FALSE))
    expect_identical(found, expected)
  }
  files <- cite_files()
  folder <- data_folder(
    list(
      cbmc_rna.csv.gz = files$rna, cbmc_adt.csv.gz = files$adt, cbmc_adt_centered.csv.gz = files$clr
    )
  )
  expect_identical(suppressMessages(CiteSeqDataset(path = folder, verbose = FALSE)), expected)
  expect_refused(
    CiteSeqDataset("pbmc", folder, verbose = FALSE), "file_format",
    "no file .*PBMC_vs_flow_10X-RNA_umi.csv.gz"
  )
  expect_refused(CiteSeqDataset("bmmc", folder, verbose = FALSE), "input", "`name` is \"bmmc\"")
})

test_that("cells and proteins that a file lacks are left out, with a message", {
  files <- cite_files()
  files$adt <- sub("AAAG", "TTTG", files$adt)
  files$clr <- files$clr[1:2]
  messages <- testthat::capture_messages(x <- CbmcDataset(cite_folder(files), verbose = FALSE))
  expect_match(messages[[1]], "1 of 3 cells removed: they are not in the files of the proteins")
  expect_match(messages[[2]], "\"CD4\" left out")
  expect_identical(colnames(x), "AAAC")
  expect_identical(rownames(SingleCellExperiment::altExp(x, "ADT")), "CD14")

  files <- cite_files()
  files$rna <- sub("(HUMAN|MOUSE)_", "", files$rna)
  expect_message(
    x <- CbmcDataset(cite_folder(files), verbose = FALSE), "No gene in .* begins with HUMAN_"
  )
  expect_identical(rownames(x), c("CD4", "lyz", "Actb", "RP11_34P13.7"))
})

test_that("files that do not belong together are refused by name", {
  refused <- function(file, from, to, regexp) {
    files <- cite_files()
    files[[file]] <- gsub(from, to, files[[file]])
    expect_refused(
      suppressMessages(CbmcDataset(cite_folder(files), verbose = FALSE)), "file_format", regexp
    )
  }
  refused(
    "adt", "AA", "TT", "RNA_umi.csv.gz\" none is left: they are not in the files of the proteins"
  )
  refused("rna", "AAAG", "AAAC", "RNA_umi.csv.gz\" has the cell \"AAAC\" twice")
  refused("clr", "CD14", "CD4", "clr-transformed.csv.gz\" has the protein \"CD4\" twice")
  refused("clr", "^CD", "TCR", "have no protein in common")
  refused("adt", ",90,", ",-90,", "ADT_umi.csv.gz\" holds negative values")
  refused(
    "adt", ",90,", ",",
    "ADT_umi.csv.gz: The header names 4 columns, but line 2 holds 2 values.*as it was published"
  )
})
