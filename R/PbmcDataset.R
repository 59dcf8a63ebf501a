pbmc_sets <- c("pbmc8k", "pbmc4k")

# Columns of the cells that no measure of quality may replace.
own_columns <- c("barcode", "cell_type", "batch", "cluster")

scvi_data <- "https://github.com/YosefLab/scVI-data/raw/master/"

#' Blood cells in two batches
#'
#' Reads 11,990 peripheral blood mononuclear cells (PBMCs) of one donor, in the two batches pbmc8k
#' and pbmc4k of 10x Genomics, with the cell types and the quality of each cell as the authors of
#' scVI published them, and the 3,346 genes for which they compared expression between cell types.
#'
#' Cells are matched with their annotation by barcode and batch. The annotation calls 49 cells by a
#' barcode with a further 1 behind it (`-11`), in all likelihood those of pbmc4k whose barcode
#' pbmc8k has too. They are left out, as in the original. (There, the cells of pbmc8k with these
#' barcodes got the counts of pbmc4k, and a barcode that was missing from the matrix shifted the
#' cell types of all cells after it.) Barcodes that their batch has not are left out with a message,
#' as are genes that the matrix has not and cells without counts.
#'
#' The Bioconductor package TENxPBMCData has the counts (`"pbmc8k"`, `"pbmc4k"`) without this
#' annotation.
#'
#' @section Files:
#' With `path` a folder, it must hold
#' * pbmc8k and pbmc4k: each as `NAME_filtered_gene_bc_matrices.tar.gz` or as a folder `NAME` or
#'   `10X/NAME`, with `filtered_gene_bc_matrices.tar.gz` or the matrix in it;
#' * `gene_info_pbmc.csv`, with the identifiers of the genes in the column `ENSG`;
#' * `pbmc_metadata.pickle`, a dictionary as scVI has it: `barcodes` (a data frame with barcodes as
#'   index), `clusters` (numbers from 0), `list_clusters` (their names), `design` (a data frame with
#'   the column `batchpbmc4k`, 1 or 0), and, as far as wanted, `raw_qc`, `normalized_qc` (data
#'   frames) and `qc_pc` (an array). It is read by [read_pickle()], which runs nothing. Or
#'   `pbmc_metadata.csv`, a table with the columns `barcode`, `cell_type`, `batch` (`pbmc8k` or
#'   `pbmc4k`) and any others with numbers, which are the quality. Without `batch`, a barcode that
#'   both have belongs to pbmc8k.
#'
#' `path = NULL` downloads <https://github.com/YosefLab/scVI-data/raw/master/pbmc_metadata.pickle>,
#' `gene_info.csv` from the same address, and the archives as in [Dataset10X()]. Their checksums are
#' not known.
#'
#' @inheritParams Dataset10X
#' @param path `NULL` to download the files, or a folder that holds them, see below.
#' @return A [SingleCellExperiment::SingleCellExperiment-class] of genes by cells with the sparse
#'   assay `counts`. Cells come in the order of the annotation, genes in that of
#'   `gene_info_pbmc.csv`. `rowData` has `ID`, `Symbol` and the columns of that file. `colData` has
#'   `Barcode`, the factors `cell_type` (nine levels) and `batch`, the columns of `raw_qc`, and
#'   those of `normalized_qc` with `normalized_` before their names; `reducedDims` has `qc_pc`.
#' @section Errors:
#' `neuralee_error_file_format` where a file is missing, damaged, or has not what is said above, and
#' where no barcode or no gene is in the matrix. `neuralee_error_download` where a file cannot be
#' had.
#' @inheritSection dataset_files Where files are kept
#' @references Lopez R, Regier J, Cole MB, Jordan MI, Yosef N (2018). Deep generative modeling for
#'   single-cell transcriptomics. *Nature Methods* 15, 1053-1058. \doi{10.1038/s41592-018-0229-2}
#'
#'   Zheng GXY et al. (2017). Massively parallel digital transcriptional profiling of single cells.
#'   *Nature Communications* 8, 14049. \doi{10.1038/ncomms14049}
#' @family data sets
#' @export
#' @examples
#' folder <- tempfile()
#' for (name in c("pbmc8k", "pbmc4k")) {
#'   dir.create(file.path(folder, name), recursive = TRUE)
#'   put <- function(lines, file) writeLines(lines, file.path(folder, name, file))
#'   put(
#'     c("%%MatrixMarket matrix coordinate integer general", "3 2 3", "1 1 4", "3 1 1", "2 2 7"),
#'     "matrix.mtx"
#'   )
#'   put(c("ENSG1\tCD4", "ENSG2\tLYZ", "ENSG3\tNKG7"), "genes.tsv")
#'   put(c("AAAC-1", "AAAG-1"), "barcodes.tsv")
#' }
#' writeLines(c("ENSG,GS", "ENSG2,LYZ", "ENSG1,CD4"), file.path(folder, "gene_info_pbmc.csv"))
#' writeLines(c(
#'   "barcode,cell_type,batch,num_umi",
#'   "AAAG-1,CD14+ Monocytes,pbmc8k,7", "AAAC-1,CD4 T cells,pbmc4k,5"
#' ), file.path(folder, "pbmc_metadata.csv"))
#' cells <- PbmcDataset(path = folder)
#' SummarizedExperiment::colData(cells)
PbmcDataset <- function(path = NULL, ..., gene_names = c("symbol", "id"), verbose = interactive()) {
  check_no_dots(...)
  gene_names <- match_choice(gene_names, "gene_names", c("symbol", "id"))
  check_flag(verbose, "verbose")
  files <- vapply(pbmc_sets, tenx_source, "", path, verbose)
  genes <- read_gene_info(path, verbose)
  about <- pbmc_metadata(path, verbose)
  sets <- lapply(files, function(file) {
    read_10x(file, gene_names = "id", assay = "counts", verbose = verbose)
  })
  kept_genes <- pbmc_genes(sets, genes)
  cells <- pbmc_cells(sets, about, kept_genes$ENSG)
  more <- kept_genes[setdiff(names(kept_genes), c("", "ENSG", "ID", "Symbol"))]
  for (name in names(more)) SummarizedExperiment::rowData(cells)[[name]] <- more[[name]]
  if (gene_names == "symbol") rownames(cells) <- SummarizedExperiment::rowData(cells)$Symbol
  remove_zero_cells(cells)
}

read_gene_info <- function(path, verbose) {
  file <- dataset_file(
    path, "gene_info_pbmc.csv", paste0(scvi_data, "gene_info.csv"), verbose, alone = FALSE
  )
  wanted <- paste(
    "Give the file of scVI: comma-separated, with the identifiers of genes in a column", "ENSG."
  )
  genes <- read_small_table(file, "table of genes", wanted)
  refuse <- function(problem) abort_neuralee("file_format", paste(describe(file), problem), wanted)
  if (!"ENSG" %in% names(genes)) refuse(sprintf("has no column ENSG. %s", there_are(names(genes))))
  if (!nrow(genes)) refuse("names no genes.")
  named <- if (is.character(genes$ENSG)) !is.na(genes$ENSG) else rep(FALSE, nrow(genes))
  if (!all(named)) {
    first <- which(!named)[[1L]]
    refuse(
      sprintf(
        "has %s for gene %d in the column ENSG, which names no gene.",
        describe(genes$ENSG[[first]]), first
      )
    )
  }
  genes[!duplicated(genes$ENSG), , drop = FALSE]
}

# The genes of the table that the matrices have.
pbmc_genes <- function(sets, genes) {
  ids <- lapply(sets, rownames)
  shared <- genes$ENSG %in% ids[[1L]] & genes$ENSG %in% ids[[2L]]
  if (!any(shared)) {
    abort_neuralee(
      "file_format", "None of the genes in gene_info_pbmc.csv is in both pbmc8k and pbmc4k.",
      sprintf(
        "Give matrices of human genes; gene_info_pbmc.csv has %s and pbmc8k %s.",
        list_some(genes$ENSG, 2L), list_some(ids[[1L]], 2L)
      )
    )
  }
  if (!all(shared)) {
    inform_left_out(sprintf(
      "%d genes of gene_info_pbmc.csv are not in the matrices and were left out: %s.", sum(!shared),
      list_some(genes$ENSG[!shared])
    ))
  }
  genes[shared, , drop = FALSE]
}

# What the annotation says of each of its cells: `barcode`, `batch` (NA where it is not known),
# `type`, and the quality as columns and as a matrix.
pbmc_metadata <- function(path, verbose) {
  read <- read_metadata(path, "pbmc_metadata", paste0(scvi_data, "pbmc_metadata.pickle"), verbose)
  about <- if (is.data.frame(read$content)) {
    pbmc_table(read$content, read$file)
  } else {
    pbmc_dictionary(read$content, read$file)
  }
  n <- length(about$barcode)
  check_for_cells(about$type, "cell types", n, read$file)
  check_for_cells(about$batch, "batches", n, read$file)
  for (column in about$quality) check_for_cells(column, "quality", n, read$file)
  if (!is.null(about$components)) check_for_cells(about$components, "qc_pc", n, read$file)
  c(about, file = read$file)
}

pbmc_table <- function(table, file) {
  barcodes <- barcodes_of(table)
  check_barcodes(barcodes, file)
  labels <- c("cell_type", "label", "labels")
  types <- column_among(table, labels)
  if (is.null(types)) refuse_metadata(file, "has no column cell_type")
  batch <- pbmc_batch(table, length(barcodes), file)
  if (!is.factor(types)) types <- factor(types, unique(types[!is.na(types)]))
  list(
    barcode = barcodes, type = types, batch = batch,
    quality = number_columns(table, c(labels, "batchpbmc4k", own_columns))
  )
}

pbmc_dictionary <- function(content, file) {
  needed <- c("barcodes", "clusters", "list_clusters")
  lost <- setdiff(needed, names(content))
  if (!is.list(content) || length(lost)) {
    refuse_metadata(file, sprintf("has no entry %s", list_some(lost)))
  }
  barcodes <- content[["barcodes"]]
  barcodes <- if (is.data.frame(barcodes)) barcodes_of(barcodes) else as.character(barcodes)
  check_barcodes(barcodes, file)
  names <- as.character(unlist(content[["list_clusters"]]))
  clusters <- content[["clusters"]]
  if (is.data.frame(clusters)) clusters <- clusters[[1L]]
  # Python counts from 0.
  if (!is.numeric(clusters) || anyNA(clusters) || !all(clusters %in% (seq_along(names) - 1))) {
    wanted <- sprintf(
      "has clusters that are not 0 to %d, the numbers of its cell types", length(names) - 1L
    )
    refuse_metadata(file, wanted)
  }
  quality <- list()
  if (is.data.frame(content[["raw_qc"]])) {
    quality <- number_columns(content[["raw_qc"]], own_columns)
  }
  if (is.data.frame(content[["normalized_qc"]])) {
    normalized <- number_columns(content[["normalized_qc"]])
    if (length(normalized)) names(normalized) <- paste0("normalized_", names(normalized))
    quality <- c(quality, normalized)
  }
  list(
    barcode = barcodes, type = factor(names[clusters + 1], unique(names)),
    batch = pbmc_batch(
      if (is.data.frame(content[["design"]])) content[["design"]], length(barcodes), file
    ),
    quality = quality, components = if (is.matrix(content[["qc_pc"]])) content[["qc_pc"]]
  )
}

# The batch of each cell by name, or NA where the table does not say it.
pbmc_batch <- function(table, n, file) {
  second <- if (!is.null(table)) column_among(table, "batchpbmc4k")
  if (!is.null(second) && !all(second %in% c(0, 1))) {
    refuse_metadata(file, "has other values than 0 and 1 in batchpbmc4k")
  }
  batch <- if (!is.null(second)) {
    pbmc_sets[match(second, c(0, 1))]
  } else if (!is.null(table)) {
    column_among(table, "batch")
  }
  if (is.null(batch)) return(rep(NA_character_, n))
  batch <- as.character(batch)
  if (!all(batch %in% pbmc_sets)) {
    others <- list_some(setdiff(batch, pbmc_sets))
    refuse_metadata(file, sprintf("has the batch %s, but there are pbmc8k and pbmc4k", others))
  }
  batch
}

# The cells of both sets that the annotation knows, in its order.
pbmc_cells <- function(sets, about, genes) {
  again <- endsWith(about$barcode, "-11")
  if (any(again)) {
    inform_left_out(sprintf("%d cells with barcodes that end in -11 were left out.", sum(again)))
  }
  at <- cbind(
    match(about$barcode, colnames(sets[[1L]])), match(about$barcode, colnames(sets[[2L]]))
  )
  # Where the batch is not known, it is the first that has the barcode.
  batch <- match(about$batch, pbmc_sets)
  unknown <- is.na(about$batch)
  batch[unknown] <- ifelse(is.na(at[unknown, 1L]) & !is.na(at[unknown, 2L]), 2L, 1L)
  at <- at[cbind(seq_along(batch), batch)]
  lost <- is.na(at) & !again
  if (any(lost)) {
    inform_left_out(sprintf(
      "%d barcodes of the annotation are not in the matrix of their batch and were left out: %s.",
      sum(lost), list_some(about$barcode[lost])
    ))
  }
  kept <- which(!is.na(at) & !again)
  if (!length(kept)) {
    abort_neuralee(
      "file_format", "None of the annotation's barcodes is in the matrix of its batch.",
      sprintf(
        "Give the annotation that belongs to pbmc8k and pbmc4k; it has %s and pbmc8k %s.",
        list_some(about$barcode, 2L), list_some(colnames(sets[[1L]]), 2L)
      )
    )
  }
  pick <- function(set, which) SummarizedExperiment::assay(sets[[set]])[genes, which, drop = FALSE]
  batch <- batch[kept]
  repeated <- duplicated(cbind(about$barcode[kept], batch))
  if (any(repeated)) {
    twice <- list_some(unique(about$barcode[kept][repeated]))
    refuse_metadata(about$file, sprintf("names barcodes several times for one batch: %s", twice))
  }
  counts <- cbind(pick(1L, at[kept][batch == 1L]), pick(2L, at[kept][batch == 2L]))
  # The columns come batch by batch, the annotation need not.
  counts <- counts[, order(c(which(batch == 1L), which(batch == 2L))), drop = FALSE]
  barcodes <- about$barcode[kept]
  twice <- barcodes %in% barcodes[duplicated(barcodes)]
  names <- ifelse(twice, paste(barcodes, pbmc_sets[batch], sep = "_"), barcodes)
  dimnames(counts) <- list(genes, names)
  data <- S4Vectors::DataFrame(
    Barcode = barcodes, cell_type = about$type[kept], batch = factor(pbmc_sets[batch], pbmc_sets),
    row.names = names
  )
  for (name in names(about$quality)) data[[name]] <- about$quality[[name]][kept]
  cells <- SingleCellExperiment::SingleCellExperiment(
    list(counts = counts),
    rowData = SummarizedExperiment::rowData(sets[[1L]])[genes, , drop = FALSE], colData = data
  )
  if (!is.null(about$components)) {
    SingleCellExperiment::reducedDim(cells, "qc_pc") <- about$components[kept, , drop = FALSE]
  }
  cells
}
