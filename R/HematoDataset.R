#' Mouse haematopoietic progenitors (HEMATO)
#'
#' Progenitors of the blood in the bone marrow of mice, on their way from stem cells to erythrocytes
#' on one side and granulocytes on the other: 4,016 cells and 7,397 genes, with what population
#' balance analysis found for them.
#'
#' Three files belong together. `bBM.raw_umifm_counts.csv.gz` has a line for each cell: `cell_id`,
#' `barcode`, `library_id`, `seq_run_id`, `pass_filter` and then the counts of all genes.
#' `bBM.spring_and_pba.csv` has for each cell of the paper its coordinates in the authors' SPRING
#' plot, its potential and its probabilities of fate. `bBM.filtered_gene_list.paper.txt` has the
#' genes that are kept, one a line. The last two are taken from the folder or, where they are not in
#' it, from `data.zip`, of which nothing else is read.
#'
#' The library `basal_bm1` is left out, as the authors advise. The cells are those in both tables,
#' in the order of the counts; where the tables have further columns in common, these agree too.
#' Cells without counts in the genes that are kept are dropped, with a message (of class
#' `neuralee_message_removed`).
#'
#' @param path Path of a folder that holds the files. `NULL` to download them.
#' @param verbose Whether to show progress.
#' @return A [SingleCellExperiment::SingleCellExperiment-class] of genes by cells with `counts` (a
#'   `dgCMatrix`). `colData` has the columns of both tables, and `potential`: logit(`Pr_Gr`) -
#'   logit(`Pr_Er`), a number for each cell, positive towards granulocytes. A probability of 0 or 1
#'   counts as the nearest one between. Beside the authors' `Potential`, the probabilities of fate
#'   are `Pr_Er` (erythroid), `Pr_Gr` (granulocytic neutrophil), `Pr_Ly` (lymphocytic), `Pr_DC`
#'   (dendritic), `Pr_Mk` (megakaryocytic), `Pr_Mo` (monocytic) and `Pr_Ba` (basophilic). The
#'   reduced dimension `SPRING` has the columns `x_spring` and `y_spring`.
#' @section Errors:
#' `neuralee_error_file_format` where a file is not there or has another layout, where it lacks a
#' column or a gene, where a cell is in it twice, and where no cell is in both tables; and those of
#' [read_csv_counts()]. Files are named, and what is expected.
#' @source GEO accession GSM2388072 for the counts,
#'   <https://github.com/romain-lopez/scVI-reproducibility/raw/master/additional/data.zip> for the
#'   other files.
#' @references Tusi BK et al. (2018). Population snapshots predict early haematopoietic and
#'   erythroid hierarchies. Nature 555, 54-60. \doi{10.1038/nature25741}
#' @family data sets
#' @export
#' @examples
#' folder <- tempfile()
#' dir.create(folder)
#' writeLines(
#'   c(
#'     "cell_id,barcode,library_id,seq_run_id,pass_filter,Gata1,Elane",
#'     "c1,AC-GT,basal_bm2,run1,1,4,0", "c2,GT-AC,basal_bm2,run1,1,1,7"
#'   ),
#'   file.path(folder, "bBM.raw_umifm_counts.csv.gz")
#' )
#' writeLines(
#'   c("cell_id,x_spring,y_spring,Potential,Pr_Er,Pr_Gr,Pr_Ly,Pr_DC,Pr_Mk,Pr_Mo,Pr_Ba",
#'     "c1,10,20,0.1,0.9,0.1,0,0,0,0,0", "c2,30,5,0.4,0.2,0.7,0,0,0,0.1,0"),
#'   file.path(folder, "bBM.spring_and_pba.csv")
#' )
#' writeLines(c("Gata1", "Elane"), file.path(folder, "bBM.filtered_gene_list.paper.txt"))
#' cells <- HematoDataset(folder)
#' cells$potential
#' unlink(folder, recursive = TRUE)
HematoDataset <- function(path = NULL, verbose = interactive()) {
  check_flag(verbose, "verbose")
  counts_file <- known_file(
    path,
    c(
      "bBM.raw_umifm_counts.csv.gz", "GSM2388072_basal_bone_marrow.raw_umifm_counts.csv.gz",
      "bBM.raw_umifm_counts.csv", "GSM2388072_basal_bone_marrow.raw_umifm_counts.csv"
    ),
    paste0(
      "https://www.ncbi.nlm.nih.gov/geo/download/?acc=GSM2388072&format=file&",
      "file=GSM2388072%5Fbasal%5Fbone%5Fmarrow%2Eraw%5Fumifm%5Fcounts%2Ecsv%2Egz"
    ),
    verbose, alone = FALSE
  )
  extras <- hemato_extras(path, verbose)
  on.exit(unlink(extras$temporary, recursive = TRUE))

  spring <- read_spring(extras$spring)
  genes <- read_gene_list(extras$genes)
  x <- read_hemato_counts(counts_file, verbose)
  good <- which(x$library_id != "basal_bm1")
  if (!length(good)) {
    abort_neuralee(
      "file_format",
      sprintf(
        "%s has %s.", describe(counts_file),
        if (ncol(x)) {
          sprintf("%d cells, all of the library basal_bm1, which is left out", ncol(x))
        } else {
          "no cells"
        }
      ),
      "Give the file as it was published."
    )
  }
  x <- x[, good]
  x <- join_spring(x, spring, counts_file, extras$spring)
  lost <- setdiff(genes, rownames(x))
  repeated <- intersect(genes, rownames(x)[duplicated(rownames(x))])
  if (length(lost) || length(repeated)) {
    problem <- if (length(lost)) "has no column for genes" else "has several columns for genes"
    abort_neuralee(
      "file_format",
      sprintf(
        "%s %s of %s: %s.", describe(counts_file), problem, basename(extras$genes),
        list_some(c(lost, repeated))
      ),
      "Give the files as they were published."
    )
  }
  drop_empty_cells(x[match(genes, rownames(x)), ], counts_file)
}

# The two small files, from the folder or else from data.zip; `temporary` is a folder to delete.
hemato_extras <- function(path, verbose) {
  names <- c(genes = "bBM.filtered_gene_list.paper.txt", spring = "bBM.spring_and_pba.csv")
  if (!is.null(path)) {
    if (all(file.exists(file.path(path.expand(path), names)))) {
      return(lapply(names, function(name) dataset_file(path, name, "", verbose, alone = FALSE)))
    }
  }
  archive <- dataset_file(
    path, "data.zip",
    "https://github.com/romain-lopez/scVI-reproducibility/raw/master/additional/data.zip", verbose,
    alone = FALSE
  )
  folder <- tempfile("hemato")
  dir.create(folder)
  tryCatch(
    c(lapply(names, function(name) unzip_one(archive, name, folder)), temporary = folder),
    error = function(e) {
      unlink(folder, recursive = TRUE)
      stop(e)
    }
  )
}

# The only member of that name, in whatever folder of the archive it is, unpacked into `folder`.
unzip_one <- function(archive, name, folder) {
  refuse <- function(problem) {
    abort_neuralee(
      "file_format", sprintf("%s %s.", describe(archive), problem),
      sprintf("It should hold %s once; the file may also lie unpacked beside it.", name)
    )
  }
  members <- tryCatch(
    suppressWarnings(utils::unzip(archive, list = TRUE)),
    error = function(e) refuse("is damaged or no zip archive")
  )
  found <- which(basename(members$Name) == name & !startsWith(members$Name, "__MACOSX/"))
  if (length(found) != 1L) refuse(sprintf("holds %d files %s", length(found), name))
  most <- 2^28
  if (members$Length[[found]] > most) refuse(sprintf("holds a %s of more than 256 MiB", name))
  out <- tryCatch(
    suppressWarnings(
      utils::unzip(archive, members$Name[[found]], exdir = folder, junkpaths = TRUE)
    ),
    error = function(e) character()
  )
  if (!identical(basename(out), name) || file.size(out) != members$Length[[found]]) {
    refuse(sprintf("holds a damaged %s", name))
  }
  out
}

read_spring <- function(file) {
  table <- read_small_table(
    file, "table", "Give the file as it was published.", colClasses = "character"
  )
  refuse_twice(names(table), file, "column")
  require_columns(table, c("cell_id", "x_spring", "y_spring", "Pr_Er", "Pr_Gr"), file, "column")
  for (name in grep("^Pr_|_spring$|^Potential$", names(table), value = TRUE)) {
    numbers <- suppressWarnings(as.numeric(table[[name]]))
    range <- if (startsWith(name, "Pr_")) c(0, 1) else c(-Inf, Inf)
    wrong <- which(!is.finite(numbers) | numbers < range[[1L]] | numbers > range[[2L]])
    if (length(wrong)) {
      abort_neuralee(
        "file_format",
        sprintf(
          "%s, cell %d: %s is %s.", describe(file), wrong[[1L]], name,
          describe(table[[name]][[wrong[[1L]]]])
        ),
        if (startsWith(name, "Pr_")) "A probability is expected." else "A number is expected."
      )
    }
    table[[name]] <- numbers
  }
  table
}

read_gene_list <- function(file) {
  lines <- read_lines(file)
  check_text_of(lines, file)
  genes <- trimws(lines)
  genes <- genes[nzchar(genes)]
  if (!length(genes) || anyDuplicated(genes)) {
    twice <- list_some(genes[duplicated(genes)])
    problem <- if (length(genes)) paste("names genes twice:", twice) else "names no gene"
    abort_neuralee(
      "file_format", sprintf("%s %s.", describe(file), problem), "One gene a line is expected."
    )
  }
  genes
}

# The counts with the columns before the genes as colData. These are the known ones, and what else
# stands before or between them; the others are told from counts by holding text.
read_hemato_counts <- function(file, verbose) {
  # Whatever is wrong with the text, the reader of the whole table finds, and says better.
  lines <- tryCatch(read_lines(file, 2L), neuralee_error = function(e) character())
  fields <- lapply(lines, function(line) {
    suppressWarnings(
      scan(
        text = line, what = "", sep = ",", quiet = TRUE, na.strings = character(),
        encoding = "UTF-8"
      )
    )
  })
  first <- if (length(fields)) utils::head(fields[[1L]], 20L)
  known <- which(first %in% c("cell_id", "barcode", "library_id", "seq_run_id", "pass_filter"))
  text <- if (length(fields) == 2L) {
    which(is.na(suppressWarnings(as.numeric(utils::head(fields[[2L]], length(first))))))
  }
  before <- max(0L, known, text)
  lost <- setdiff(c("cell_id", "library_id"), first[known])
  check_text_of(lines, file)
  if (length(lines) && length(lost)) {
    abort_neuralee(
      "file_format",
      sprintf("%s has no column %s among its first.", describe(file), list_some(lost)),
      paste(
        paste(
          "The columns cell_id, barcode, library_id, seq_run_id and pass_filter are expected, and",
          "then genes."
        ),
        there_are(first)
      )
    )
  }
  data <- read_text_table(
    file, FALSE, ",", TRUE, verbose, "HematoDataset", text_columns = max(0L, before - 1L)
  )
  columns <- stats::setNames(c(list(data$cells), data$text_columns), first[seq_len(before)])
  if (!is.null(columns$pass_filter)) {
    columns$pass_filter <- utils::type.convert(columns$pass_filter, as.is = TRUE)
  }
  names <- columns$cell_id
  sparse_experiment(
    data$counts, genes = as_data_frame(list(names = data$genes)),
    cells = as_data_frame(list(names = names, columns = columns))
  )
}

join_spring <- function(x, spring, counts_file, spring_file) {
  cells <- SummarizedExperiment::colData(x)
  common <- intersect(colnames(cells), names(spring))
  key <- function(table) {
    do.call(paste, c(lapply(common, function(name) as.character(table[[name]])), sep = "\r"))
  }
  keys <- list(key(cells), key(spring))
  for (i in seq_along(keys)) {
    if (anyDuplicated(keys[[i]])) {
      twice <- list(cells, spring)[[i]]$cell_id[[anyDuplicated(keys[[i]])]]
      abort_neuralee(
        "file_format",
        sprintf(
          "%s has the cell %s twice.", describe(c(counts_file, spring_file)[[i]]), describe(twice)
        ),
        "Each cell is expected once."
      )
    }
  }
  row <- match(keys[[1L]], keys[[2L]])
  if (all(is.na(row))) {
    abort_neuralee(
      "file_format",
      sprintf(
        "No cell is in both %s and %s by %s.", describe(counts_file), describe(spring_file),
        list_some(common)
      ),
      "Give the files as they were published."
    )
  }
  x <- x[, which(!is.na(row))]
  spring <- spring[row[!is.na(row)], , drop = FALSE]
  for (name in setdiff(names(spring), c(common, "x_spring", "y_spring"))) {
    SummarizedExperiment::colData(x)[[name]] <- spring[[name]]
  }
  x$potential <- logit(spring$Pr_Gr, "Pr_Gr", spring_file) - logit(
    spring$Pr_Er, "Pr_Er", spring_file
  )
  add_coordinates(x, spring$x_spring, spring$y_spring, "SPRING", c("x_spring", "y_spring"))
}

# With the nearest probability between for 0 and 1.
logit <- function(p, name, file) {
  inside <- p[p > 0 & p < 1]
  if (!length(inside)) {
    abort_neuralee(
      "file_format", sprintf("%s: all values of %s are 0 or 1.", describe(file), name),
      "Probabilities are expected."
    )
  }
  stats::qlogis(pmin(pmax(p, min(inside)), max(inside)))
}
