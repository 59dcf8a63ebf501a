# In the order of the original, each once.
purified_types <- c(
  "cd4_t_helper", "regulatory_t", "naive_t", "memory_t", "cytotoxic_t", "naive_cytotoxic",
  "b_cells", "cd34", "cd56_nk", "cd14_monocytes"
)

#' Ten sorted populations of blood cells
#'
#' Reads the ten populations of peripheral blood mononuclear cells (PBMCs) that 10x Genomics sorted
#' with antibodies and sequenced one by one: 94,655 cells and 32,738 genes. Genes without a count in
#' any of the cells are dropped, as are cells without counts.
#'
#' The populations are `"cd4_t_helper"`, `"regulatory_t"`, `"naive_t"`, `"memory_t"`,
#' `"cytotoxic_t"`, `"naive_cytotoxic"`, `"b_cells"`, `"cd34"`, `"cd56_nk"` and `"cd14_monocytes"`,
#' and these are their names in [Dataset10X()], which says where they come from. The Bioconductor
#' package TENxPBMCData has them one by one.
#'
#' @inheritParams Dataset10X
#' @param filter_cell_types Names of the populations to read, in the order that they shall have.
#'   `NULL` stands for all ten. Only their files are downloaded.
#' @param path `NULL` to download the files. Else a folder that holds, for each population, the
#'   archive `NAME_filtered_gene_bc_matrices.tar.gz` or a folder `NAME` with what is in it.
#' @return A [SingleCellExperiment::SingleCellExperiment-class] of genes by cells with the sparse
#'   assay `counts`. `rowData` has the columns `ID` and `Symbol`. `colData` has `Barcode` and the
#'   factor `cell_type` with the population of each cell. All cells are one batch. Cells are called
#'   by their barcodes, with the population behind where the same barcode is in several.
#' @section Errors:
#' `neuralee_error_input` for a name that is no population or is given twice.
#' `neuralee_error_file_format` where a file is missing from `path` or damaged.
#' `neuralee_error_download` where one cannot be had.
#' @inheritSection dataset_files Where files are kept
#' @inherit Dataset10X references
#' @family data sets
#' @export
#' @examples
#' folder <- tempfile()
#' for (name in c("b_cells", "cd34")) {
#'   dir.create(file.path(folder, name), recursive = TRUE)
#'   put <- function(lines, file) writeLines(lines, file.path(folder, name, file))
#'   put(
#'     c("%%MatrixMarket matrix coordinate integer general", "3 2 2", "1 1 4", "3 2 1"),
#'     "matrix.mtx"
#'   )
#'   put(c("ENSG1\tCD4", "ENSG2\tLYZ", "ENSG3\tNKG7"), "genes.tsv")
#'   put(c("AAAC-1", "AAAG-1"), "barcodes.tsv")
#' }
#' cells <- PurifiedPBMCDataset(c("b_cells", "cd34"), path = folder)
#' table(cells$cell_type)
PurifiedPBMCDataset <- function(filter_cell_types = NULL, ..., path = NULL,
                                gene_names = c("symbol", "id"), verbose = interactive()) {
  check_no_dots(...)
  gene_names <- match_choice(gene_names, "gene_names", c("symbol", "id"))
  check_flag(verbose, "verbose")
  types <- filter_cell_types %||% purified_types
  types <- check_names(types, "filter_cell_types", "names of populations, or NULL")
  lost <- setdiff(types, purified_types)
  if (length(lost)) {
    abort_neuralee(
      "input",
      sprintf("`filter_cell_types` names what is no population here: %s.", list_some(lost)),
      sprintf("There are: %s.", list_some(purified_types, 10L))
    )
  }
  files <- vapply(types, tenx_source, "", path, verbose)
  sets <- Map(function(file, type) {
    set <- remove_zero_cells(read_10x(file, assay = "counts", verbose = verbose))
    set$cell_type <- factor(rep(type, ncol(set)))
    set
  }, files, types)
  cells <- do.call(concat_datasets, c(sets, by = "ID", labels = "cell_type"))
  cells$batch <- NULL
  cells <- cells[Matrix::rowSums(SummarizedExperiment::assay(cells)) > 0, ]
  genes <- SummarizedExperiment::rowData(cells)
  rownames(cells) <- if (gene_names == "symbol") genes$Symbol else genes$ID
  cells
}
