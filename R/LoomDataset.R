#' A data set in a loom file
#'
#' Reads a loom file as [read_loom()] does, calls batches and clusters by the names that the
#' functions of this package look for, and drops the cells without counts (with a message of class
#' `neuralee_message_removed`).
#'
#' The row attribute `Gene` becomes row names, the column attribute `BatchID` the factor `batch`,
#' and `ClusterID` the factor `label`. Where the file names its clusters in the global attribute
#' `CellTypes`, the factor `cell_type` has these names; see [read_loom()].
#'
#' @param path Path of the file, or of a folder that holds the file which `url` names. `NULL` to
#'   download it.
#' @param url Address of the file, or `NULL`.
#' @param verbose Whether to show progress.
#' @return A [SingleCellExperiment::SingleCellExperiment-class] of genes by cells, as [read_loom()]
#'   gives it.
#' @section Errors:
#' Those of [read_loom()]; `neuralee_error_file_format` where no cell is left;
#' `neuralee_error_input` where neither `path` nor `url` is given.
#' @family data sets
#' @export
#' @examplesIf requireNamespace("rhdf5", quietly = TRUE)
#' file <- tempfile(fileext = ".loom")
#' rhdf5::h5createFile(file)
#' for (group in c("row_attrs", "col_attrs")) rhdf5::h5createGroup(file, group)
#' rhdf5::h5write(rbind(c(4L, 0L, 1L), c(0L, 7L, 0L)), file, "matrix")
#' rhdf5::h5write(c("CD4", "LYZ", "NKG7"), file, "row_attrs/Gene")
#' rhdf5::h5write(c("c1", "c2"), file, "col_attrs/CellID")
#' rhdf5::h5write(c(0L, 1L), file, "col_attrs/ClusterID")
#' LoomDataset(file)$label
#' unlink(file)
LoomDataset <- function(path = NULL, url = NULL, verbose = interactive()) {
  check_flag(verbose, "verbose")
  file <- any_file(path, url, verbose)
  drop_empty_cells(read_loom_cells(file, verbose), file)
}

# BatchID and ClusterID under the names that they have here.
read_loom_cells <- function(file, verbose) {
  x <- read_loom(file, verbose = verbose)
  cells <- SummarizedExperiment::colData(x)
  for (new in c("batch", "label")) {
    old <- c(batch = "BatchID", label = "ClusterID")[[new]]
    if (old %in% colnames(cells) && !new %in% colnames(cells)) {
      cells[[old]] <- factor(cells[[old]])
      colnames(cells)[colnames(cells) == old] <- new
    }
  }
  SummarizedExperiment::colData(x) <- cells
  x
}

#' Mouse retinal bipolar cells (RETINA)
#'
#' Bipolar cells of the mouse retina in two batches, after the quality control of the authors:
#' 19,829 cells and 13,166 genes of the paper's 27,499 cells, in 15 types. (The help of NeuralEE for
#' Python gives the larger number.)
#'
#' @param path Path of the file `retina.loom`, or of a folder that holds it. `NULL` to download it.
#' @inheritParams LoomDataset
#' @return A [SingleCellExperiment::SingleCellExperiment-class] of genes by cells, as
#'   [LoomDataset()] gives it, with `cell_type`: a factor with the paper's names of the clusters 0
#'   to 14, which are RBC, MG, BC5A, BC7, BC6, BC5C, BC1A, BC3B, BC1B, BC2, BC5D, BC3A, BC5B, BC4
#'   and BC8_9. RBC are rod bipolar cells, MG Mueller glia, and BC the types of cone bipolar cells.
#' @section Errors:
#' Those of [LoomDataset()]; `neuralee_error_file_format` where `ClusterID` is missing or is no
#' whole number from 0 to 14.
#' @source <https://github.com/YosefLab/scVI-data/raw/master/retina.loom>, GEO accession GSE81904.
#'   Bioconductor has all cells as `scRNAseq::ShekharRetinaData()`.
#' @references Shekhar K et al. (2016). Comprehensive classification of retinal bipolar neurons by
#'   single-cell transcriptomics. Cell 166, 1308-1323. \doi{10.1016/j.cell.2016.07.054}
#' @family data sets
#' @export
#' @examplesIf requireNamespace("rhdf5", quietly = TRUE)
#' # A file in the layout of the true one, with three genes and two cells.
#' file <- tempfile(fileext = ".loom")
#' rhdf5::h5createFile(file)
#' for (group in c("row_attrs", "col_attrs")) rhdf5::h5createGroup(file, group)
#' rhdf5::h5write(rbind(c(4L, 0L, 1L), c(0L, 7L, 0L)), file, "matrix")
#' rhdf5::h5write(c("Prkca", "Apoe", "Scgn"), file, "row_attrs/Gene")
#' rhdf5::h5write(c("c1", "c2"), file, "col_attrs/CellID")
#' rhdf5::h5write(c(0L, 1L), file, "col_attrs/ClusterID")
#' RetinaDataset(file)$cell_type
#' unlink(file)
RetinaDataset <- function(path = NULL, verbose = interactive()) {
  check_flag(verbose, "verbose")
  file <- dataset_file(
    path, "retina.loom", "https://github.com/YosefLab/scVI-data/raw/master/retina.loom", verbose
  )
  x <- read_loom_cells(file, verbose)
  if (!"label" %in% colnames(SummarizedExperiment::colData(x))) {
    require_columns(SummarizedExperiment::colData(x), "ClusterID", file, "column attribute")
  }
  numbers <- suppressWarnings(as.numeric(as.character(x$label)))
  type <- match(numbers, seq_along(retina_types) - 1)
  if (anyNA(type)) {
    other <- as.character(x$label)[is.na(type)][[1L]]
    abort_neuralee(
      "file_format", sprintf("%s has a cell with the ClusterID %s.", describe(file), other),
      sprintf(
        "Whole numbers from 0 to %d are expected, one for each type of cell.",
        length(retina_types) - 1L
      )
    )
  }
  x$cell_type <- factor(retina_types[type], retina_types)
  drop_empty_cells(x, file)
}

retina_types <- c(
  "RBC", "MG", "BC5A", "BC7", "BC6", "BC5C", "BC1A", "BC3B", "BC1B", "BC2", "BC5D", "BC3A", "BC5B",
  "BC4", "BC8_9"
)

#' Mouse somatosensory cortex by osmFISH (SMFISH)
#'
#' Counts of 33 genes in cells of a section of the mouse somatosensory cortex, by cyclic
#' single-molecule fluorescence in situ hybridisation, with the coordinates of the cells.
#'
#' With `cell_type_level = "minor"`, all cells with counts are kept, and `cell_type` is their
#' `ClusterName`. With `"major"`, `cell_type` is one of six groups of the clusters (`ClusterID`):
#' `Astrocytes` (2, 3), `Endothelial` (7, 26), `Inhibitory` (14 to 20), `Microglia` (28, 29),
#' `Oligodendrocytes` (21, 22, 30, 32, 33) and `Excitatory` (1, 4, 5, 6, 8, 9, 10, 12, 13). Cells of
#' all other clusters are dropped, and a message (of class `neuralee_message_removed`) says which
#' and how many: those that the authors left out (0), vascular smooth muscle (25), choroid plexus
#' (24), ependymal cells (27), pericytes (31), and numbers that are not known here. No cluster is in
#' two groups. (NeuralEE for Python counts 25 among the endothelial cells and among the smooth
#' muscle cells, drops 26, and keeps cells of unknown clusters without a label.)
#'
#' @param path Path of the file `osmFISH_SScortex_mouse_all_cells.loom`, or of a folder that holds
#'   it. `NULL` to download it.
#' @param cell_type_level `"major"` or `"minor"`, see above.
#' @inheritParams LoomDataset
#' @return A [SingleCellExperiment::SingleCellExperiment-class] of genes by cells, as
#'   [LoomDataset()] gives it: `label` is the `ClusterID` as a factor, `cell_type` a factor, and the
#'   reduced dimension `spatial` holds the coordinates of the cells, with the columns `x_coord` and
#'   `y_coord` (`X` and `Y` in the file, in pixels). The levels of `cell_type` are the groups in the
#'   order above, or the names in the order of `ClusterID`. Groups without cells stay levels.
#' @section Errors:
#' Those of [LoomDataset()]; `neuralee_error_file_format` where `ClusterID`, `ClusterName`, `X` or
#' `Y` is missing.
#' @source <http://linnarssonlab.org/osmFISH/osmFISH_SScortex_mouse_all_cells.loom>
#' @references Codeluppi S et al. (2018). Spatial organization of the somatosensory cortex revealed
#'   by osmFISH. Nature Methods 15, 932-935. \doi{10.1038/s41592-018-0175-z}
#' @family data sets
#' @export
#' @examplesIf requireNamespace("rhdf5", quietly = TRUE)
#' # A file in the layout of the true one, with three genes and two cells.
#' file <- tempfile(fileext = ".loom")
#' rhdf5::h5createFile(file)
#' for (group in c("row_attrs", "col_attrs")) rhdf5::h5createGroup(file, group)
#' rhdf5::h5write(rbind(c(4L, 0L, 1L), c(0L, 7L, 0L)), file, "matrix")
#' rhdf5::h5write(c("Gad2", "Gfap", "Rorb"), file, "row_attrs/Gene")
#' rhdf5::h5write(c(18L, 2L), file, "col_attrs/ClusterID")
#' rhdf5::h5write(c("Inhibitory Kcnip2", "Astrocyte Gfap"), file, "col_attrs/ClusterName")
#' rhdf5::h5write(c("c1", "c2"), file, "col_attrs/CellID")
#' rhdf5::h5write(c(12.5, 80), file, "col_attrs/X")
#' rhdf5::h5write(c(33, 7.5), file, "col_attrs/Y")
#' cells <- SmfishDataset(file)
#' cells$cell_type
#' SingleCellExperiment::reducedDim(cells, "spatial")
#' unlink(file)
SmfishDataset <- function(path = NULL, cell_type_level = c("major", "minor"),
                          verbose = interactive()) {
  check_flag(verbose, "verbose")
  cell_type_level <- match_choice(cell_type_level, "cell_type_level", c("major", "minor"))
  file <- known_file(
    path, c("osmFISH_SScortex_mouse_all_cells.loom", "osmFISH_SScortex_mouse_all_cell.loom"),
    "http://linnarssonlab.org/osmFISH/osmFISH_SScortex_mouse_all_cells.loom", verbose
  )
  x <- read_loom(file, verbose = verbose)
  cells <- SummarizedExperiment::colData(x)
  require_columns(cells, c("ClusterID", "ClusterName", "X", "Y"), file, "column attribute")
  x <- add_coordinates(x, cells$X, cells$Y)
  SummarizedExperiment::colData(x) <- cells[!colnames(cells) %in% c("X", "Y", "ClusterID")]
  x$label <- factor(cells$ClusterID)
  names <- as.character(cells$ClusterName)
  if (cell_type_level == "minor") {
    x$cell_type <- factor(names, unique(names[order(cells$ClusterID)]))
  } else {
    group <- rep(names(smfish_groups), lengths(smfish_groups))
    x$cell_type <- factor(
      group[match(cells$ClusterID, unlist(smfish_groups))], names(smfish_groups)
    )
    left <- is.na(x$cell_type)
    numbers <- table(sprintf("%s (%s)", names, cells$ClusterID)[left])
    reason <- sprintf(
      "their clusters are in none of the groups (%s)",
      paste(numbers, names(numbers), collapse = ", ")
    )
    x <- keep_cells(x, !left, reason, file)
  }
  drop_empty_cells(x, file)
}

# Numbers of clusters of the osmFISH data.
smfish_groups <- list(
  Astrocytes = c(3, 2), Endothelial = c(7, 26), Inhibitory = c(18, 17, 14, 19, 15, 16, 20),
  Microglia = c(29, 28), Oligodendrocytes = c(32, 33, 30, 22, 21),
  Excitatory = c(9, 8, 10, 6, 5, 4, 12, 1, 13)
)
