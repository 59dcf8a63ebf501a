#' Cells with RNA and surface proteins (CITE-seq)
#'
#' Counts of RNA and of antibody tags (ADT) in the same cells: mononuclear cells of cord blood
#' (`"cbmc"`: 8,617 cells, 13 proteins), of peripheral blood (`"pbmc"`), and CD8 T cells (`"cd8"`).
#' `CbmcDataset()` is the first.
#'
#' Each has three files, tables of genes or proteins by cells: of counts of RNA, of counts of tags,
#' and of the tags after the authors' centred log-ratio transformation. Names of genes begin with
#' their species, as the cells were mixed with mouse cells. Genes with `HUMAN_` are kept, and no
#' choice is made among them. (The help of NeuralEE for Python speaks of a choice that is not made.)
#' Where no name begins so, all genes are kept, with a message.
#'
#' Cells that are not in all three files, and cells without counts of RNA, are dropped, with a
#' message (of class `neuralee_message_removed`).
#'
#' @param name `"cbmc"`, `"pbmc"` or `"cd8"`.
#' @param path Path of a folder that holds the three files, under the names that they have at GEO
#'   (`GSE100866_CBMC_8K_13AB_10X-RNA_umi.csv.gz`, `-ADT_umi`, `-ADT_clr-transformed`;
#'   `PBMC_vs_flow_10X` and `CD8_merged` for the others) or those that NeuralEE for Python gives
#'   them (`cbmc_rna.csv.gz`, `cbmc_adt.csv.gz`, `cbmc_adt_centered.csv.gz`). `NULL` to download
#'   them.
#' @param verbose Whether to show progress.
#' @return A [SingleCellExperiment::SingleCellExperiment-class] of genes by cells with `counts`.
#'   `rowData` has `symbol`: the part of the name after its last underscore in upper case, so that
#'   `filter_genes(x, "CD4", by = "symbol")` finds `HUMAN_CD4`. The alternative experiment `ADT` has
#'   the proteins in rows, whose names are the protein markers, with the assays `counts` and `clr`.
#'   Proteins that are only in one of their files are left out, with a message (of class
#'   `neuralee_message_left_out`).
#' @section Errors:
#' Those of [read_csv_counts()]; `neuralee_error_file_format` where a file is not there, and where
#' the files have no cell or no protein in common, or one twice.
#' @source GEO accession GSE100866. Bioconductor has the cells of cord blood as
#'   `SingleCellMultiModal::CITEseq("cord_blood")`.
#' @references Stoeckius M et al. (2017). Simultaneous epitope and transcriptome measurement in
#'   single cells. Nature Methods 14, 865-868. \doi{10.1038/nmeth.4380}
#' @family data sets
#' @export
#' @examples
#' folder <- tempfile()
#' dir.create(folder)
#' put <- function(name, lines) writeLines(lines, file.path(folder, name))
#' put("cbmc_rna.csv.gz", c(",AAAC,AAAG", "HUMAN_CD4,2,0", "HUMAN_LYZ,0,9", "MOUSE_Actb,0,1"))
#' put("cbmc_adt.csv.gz", c(",AAAC,AAAG", "CD4,90,3", "CD14,2,80"))
#' put("cbmc_adt_centered.csv.gz", c(",AAAC,AAAG", "CD4,1.9,-1.4", "CD14,-1.9,1.4"))
#' cells <- CbmcDataset(folder)
#' SummarizedExperiment::assay(SingleCellExperiment::altExp(cells, "ADT"), "clr")
#' unlink(folder, recursive = TRUE)
CiteSeqDataset <- function(name = c("cbmc", "pbmc", "cd8"), path = NULL, verbose = interactive()) {
  name <- match_choice(name, "name", c("cbmc", "pbmc", "cd8"))
  check_flag(verbose, "verbose")
  read_cite_seq(name, path, verbose)
}

#' @rdname CiteSeqDataset
#' @export
CbmcDataset <- function(path = NULL, verbose = interactive()) {
  check_flag(verbose, "verbose")
  read_cite_seq("cbmc", path, verbose)
}

read_cite_seq <- function(name, path, verbose) {
  at_geo <- c(cbmc = "CBMC_8K_13AB_10X", pbmc = "PBMC_vs_flow_10X", cd8 = "CD8_merged")[[name]]
  files <- vapply(
    c(rna = "RNA_umi", adt = "ADT_umi", adt_centered = "ADT_clr-transformed"), function(part) {
      ours <- c(RNA_umi = "rna", ADT_umi = "adt", "ADT_clr-transformed" = "adt_centered")[[part]]
      file <- sprintf("GSE100866_%s-%s.csv.gz", at_geo, part)
      names <- c(file, sprintf("%s_%s.csv.gz", name, ours))
      names <- c(names, sub("[.]gz$", "", names))
      url <- paste0("https://ftp.ncbi.nlm.nih.gov/geo/series/GSE100nnn/GSE100866/suppl/", file)
      known_file(path, names, url, verbose, alone = FALSE)
    }, ""
  )
  read <- function(file, assay) {
    as_published(read_csv_counts(file, sep = ",", assay = assay, verbose = verbose))
  }
  rna <- read(files[["rna"]], "counts")
  adt <- read(files[["adt"]], "counts")
  clr <- read(files[["adt_centered"]], "clr")

  refuse_negative(rna, files[["rna"]])
  refuse_negative(adt, files[["adt"]])
  for (part in list(list(rna, "rna"), list(adt, "adt"), list(clr, "adt_centered"))) {
    refuse_twice(colnames(part[[1L]]), files[[part[[2L]]]], "cell")
    if (part[[2L]] != "rna") refuse_twice(rownames(part[[1L]]), files[[part[[2L]]]], "protein")
  }
  shared <- colnames(rna) %in% intersect(colnames(adt), colnames(clr))
  rna <- keep_cells(rna, shared, "they are not in the files of the proteins", files[["rna"]])
  proteins <- intersect(rownames(adt), rownames(clr))
  left_out <- setdiff(union(rownames(adt), rownames(clr)), proteins)
  if (!length(proteins)) {
    abort_neuralee(
      "file_format",
      sprintf(
        "%s and %s have no protein in common.", describe(files[["adt"]]),
        describe(files[["adt_centered"]])
      ),
      there_are(
        rownames(adt), "There are none in the first.", "Give the files as they were published"
      )
    )
  }
  if (length(left_out)) {
    inform_left_out(
      sprintf("%s left out: only one of their two files has them.", list_some(left_out))
    )
  }
  matrix_of <- function(x, name) {
    as.matrix(SummarizedExperiment::assay(x, name)[proteins, colnames(rna), drop = FALSE])
  }
  adt <- SingleCellExperiment::SingleCellExperiment(
    list(counts = matrix_of(adt, "counts"), clr = matrix_of(clr, "clr"))
  )

  human <- startsWith(rownames(rna), "HUMAN_")
  if (any(human)) {
    rna <- rna[which(human), ]
  } else {
    inform_left_out(
      sprintf("No gene in %s begins with HUMAN_: all are kept.", describe(files[["rna"]]))
    )
  }
  SummarizedExperiment::rowData(rna)$symbol <- toupper(sub("^.*_", "", rownames(rna)))
  SingleCellExperiment::altExp(rna, "ADT") <- adt
  drop_empty_cells(rna, files[["rna"]])
}
