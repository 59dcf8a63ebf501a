#' Mouse hippocampus by seqFISH (SEQFISH)
#'
#' Transcripts counted in single cells of the mouse hippocampus by sequential fluorescence in situ
#' hybridisation: the sheet "Hippocampus Counts" of a supplement. Each of its rows is a gene, whose
#' name comes first and in single quotes, and each further column a cell; there is no header. The
#' cells have no names.
#'
#' All rows are read, and genes stay genes. (NeuralEE for Python takes the first gene for a header,
#' and the other genes for the cells.)
#'
#' @param path Path of the file `SeqFISH.xlsx`, or of a folder that holds it. `NULL` to download it.
#' @param verbose Whether to show progress.
#' @return A [SingleCellExperiment::SingleCellExperiment-class] of genes by cells, with the assay
#'   `counts` (a matrix); row names are the genes' names, without the quotes.
#' @section Errors:
#' `neuralee_error_file_format` where the file is missing, damaged or no workbook, has no such sheet
#' (those it has are listed), or has a cell that is empty or holds something else than a number
#' (named as in Excel, such as C12), or a count that is negative or not whole.
#' `neuralee_error_memory` where the workbook would not fit into memory.
#' @source Supplementary file mmc6 of the paper,
#'   <https://www.cell.com/cms/attachment/2080562255/2072099886/mmc6.xlsx>.
#' @references Shah S, Lubeck E, Zhou W, Cai L (2016). In situ transcription profiling of single
#'   cells reveals spatial organization of cells in the mouse hippocampus. Neuron 92, 342-357.
#'   \doi{10.1016/j.neuron.2016.10.001}
#' @family data sets
#' @export
#' @examplesIf file.exists("SeqFISH.xlsx")
#' SeqfishDataset("SeqFISH.xlsx")
SeqfishDataset <- function(path = NULL, verbose = interactive()) {
  check_flag(verbose, "verbose")
  url <- "https://www.cell.com/cms/attachment/2080562255/2072099886/mmc6.xlsx"
  file <- dataset_file(path, "SeqFISH.xlsx", url, verbose)
  progress <- progress_reporter(verbose, "SeqfishDataset")
  data <- rust_call(rs_read_xlsx(path_for_rust(file), "Hippocampus Counts", FALSE, TRUE, progress))
  if (!data$counts$whole) {
    abort_neuralee(
      "file_format", sprintf("%s holds values that are negative or not whole.", describe(file)),
      "The sheet must hold counts; download the file again."
    )
  }
  genes <- sub("^'(.*)'$", "\\1", data$row_names)
  as_experiment(
    data$counts, "counts", genes = as_data_frame(list(names = genes)),
    cells = S4Vectors::make_zero_col_DFrame(data$counts$dim[[2L]])
  )
}
