#' Mouse cortex and hippocampus (CORTEX)
#'
#' Cells of the somatosensory cortex and of the CA1 region of the hippocampus of mice, sequenced
#' with unique molecular identifiers (UMI): 3,005 cells and 19,972 genes, in 7 types (`level1class`)
#' and 47 subtypes (`level2class`, and cells called `(none)`).
#'
#' The file is text with tabs. Ten lines with an annotation of the cells each come first, with its
#' name in the second column: `tissue`, `group #`, `total mRNA mol`, `well`, `sex`, `age`,
#' `diameter`, `cell_id`, `level1class` and `level2class`. An empty line follows, and then a line
#' for each gene: its name, its group in the biclustering of the authors (BackSPIN), and its counts.
#'
#' An annotation may have values for the first cells only. Then the others have `NA`, with a message
#' (of class `neuralee_message_partial`).
#'
#' All genes are kept; see `additional_genes`. (The help of NeuralEE for Python speaks of 558 genes;
#' those its examples choose afterwards: `subsample_genes(log_shift(x), 558)`.) Names of genes stay
#' as they are in the file, `Thy1`; the three arguments that name genes ignore case.
#'
#' @param path Path of the file `expression_mRNA_17-Aug-2014.txt` (which NeuralEE for Python calls
#'   `expression.bin`), or of a folder that holds it. `NULL` to download it.
#' @param genes_to_keep Names of genes to keep beside the `additional_genes`, which are all genes if
#'   that is `NULL`.
#' @param genes_fish Names of genes, such as those of a spatial data set. They are kept, become the
#'   first genes in the order given, and cells with 10 UMIs or fewer on all of them together are
#'   dropped, with a message (of class `neuralee_message_removed`).
#' @param additional_genes How many of the most variable genes to keep (by the variance of their
#'   counts) besides those named: a whole number. `NULL` for all genes.
#' @param verbose Whether to show progress.
#' @return A [SingleCellExperiment::SingleCellExperiment-class] of genes by cells: `counts` (a
#'   `dgCMatrix`). `colData` has the annotations under the names they have in the file
#'   (`level1class` and `level2class` are factors with levels in alphabetical (C) order) and, as
#'   NeuralEE for Python calls them, `cell_type`, which is `level1class`, and `precise_label`, which
#'   is `group #` as a factor: the number of one of the authors' 9 groups of cells, and not the
#'   subtype, which is `level2class`. `rowData` has `group`, the group of each gene. Genes are in
#'   the order of the file, after those of `genes_fish`.
#' @section Errors:
#' `neuralee_error_file_format` where the file is not there, is truncated or has another layout
#' (file, line and what is expected there are named). `neuralee_error_input` for names of genes that
#' are not there, or that are several genes if case is ignored and none is spelt so; and those of
#' [read_csv_counts()].
#' @source
#' <https://storage.googleapis.com/linnarsson-lab-www-blobs/blobs/cortex/expression_mRNA_17-Aug-2014.txt>,
#'   GEO accession GSE60361. Bioconductor has these data as `scRNAseq::ZeiselBrainData()`.
#' @references Zeisel A et al. (2015). Cell types in the mouse cortex and hippocampus revealed by
#'   single-cell RNA-seq. Science 347, 1138-1142. \doi{10.1126/science.aaa1934}
#' @family data sets
#' @export
#' @examples
#' # A file in the layout of the true one, with two genes and three cells.
#' annotations <- c(
#'   "tissue", "group #", "total mRNA mol", "well", "sex", "age", "diameter", "cell_id",
#'   "level1class", "level2class"
#' )
#' values <- c(
#'   rep("1\t1\t2", 7), "c1\tc2\tc3", "interneurons\tinterneurons\tmicroglia", "Int1\tInt2\tMgl1"
#' )
#' file <- tempfile(fileext = ".txt")
#' genes <- c("Thy1\t1\t5\t4\t0", "Cx3cr1\t3\t0\t0\t9")
#' writeLines(c(paste0("\t", annotations, "\t", values), "", genes), file)
#' cells <- CortexDataset(file)
#' SummarizedExperiment::assay(cells)
#' cells$cell_type
#' unlink(file)
CortexDataset <- function(path = NULL, genes_to_keep = NULL, genes_fish = NULL,
                          additional_genes = NULL, verbose = interactive()) {
  check_flag(verbose, "verbose")
  for (name in c("genes_to_keep", "genes_fish")) {
    if (!is.null(get(name))) assign(name, check_names(get(name), name, "names of genes"))
  }
  if (!is.null(additional_genes)) {
    additional_genes <- check_count(additional_genes, "additional_genes")
  }
  file <- known_file(
    path, c("expression_mRNA_17-Aug-2014.txt", "expression.bin"),
    paste0(
      "https://storage.googleapis.com/linnarsson-lab-www-blobs/blobs/cortex/",
      "expression_mRNA_17-Aug-2014.txt"
    ),
    verbose
  )
  x <- read_cortex(file, verbose)
  first <- find_in_any_case(genes_fish, rownames(x), "genes_fish")
  kept <- find_in_any_case(genes_to_keep, rownames(x), "genes_to_keep")
  if (length(first)) {
    umi <- Matrix::colSums(SummarizedExperiment::assay(x, "counts")[first, , drop = FALSE])
    x <- keep_cells(x, umi > 10, "they have 10 UMIs or fewer on `genes_fish`", file)
  }
  if (is.null(additional_genes)) {
    variable <- seq_len(nrow(x))
  } else if (additional_genes > 0L) {
    variable <- most_variable(x, additional_genes)
  } else {
    variable <- integer()
  }
  chosen <- union(first, sort(union(kept, variable)))
  if (!length(chosen)) {
    refuse_argument(
      additional_genes, "additional_genes", "a number of at least 1, or name genes to keep"
    )
  }
  x[chosen, ]
}

cortex_annotations <- c(
  "tissue", "group #", "total mRNA mol", "well", "sex", "age", "diameter", "cell_id", "level1class",
  "level2class"
)

read_cortex <- function(file, verbose) {
  data <- read_text_table(
    file, TRUE, "\t", FALSE, verbose, "CortexDataset", above = 11L, text_columns = 1L
  )
  n <- length(data$cells)
  columns <- list()
  partial <- character()
  for (i in seq_along(cortex_annotations)) {
    line <- data$above[[i]]
    name <- cortex_annotations[[i]]
    found <- if (length(line) >= 2L) line[[2L]] else ""
    if (found != name) {
      refuse_cortex(
        file, i, sprintf("the second field is %s", describe(found)),
        sprintf("the annotation %s", describe(name))
      )
    }
    values <- line[-c(1L, 2L)]
    if (length(values) > n) {
      refuse_cortex(
        file, i, sprintf("the annotation %s has %d values", describe(name), length(values)),
        sprintf("at most one for each of the %d cells that the lines of the genes have", n)
      )
    }
    # Those of the first cells.
    values <- c(values, rep(NA, n - length(values)))
    values[!nzchar(values)] <- NA
    if (anyNA(values)) {
      partial <- c(partial, sprintf("%s (%d of %d)", describe(name), sum(!is.na(values)), n))
    }
    columns[[name]] <- if (name %in% c("cell_id", "tissue")) {
      values
    } else {
      utils::type.convert(values, as.is = TRUE)
    }
  }
  if (any(nzchar(data$above[[11L]]))) refuse_cortex(file, 11L, "there is text", "an empty line")
  for (name in c("level1class", "level2class")) {
    types <- as.character(columns[[name]])
    columns[[name]] <- factor(types, sort(unique(types), method = "radix"))
  }
  columns$cell_type <- columns$level1class
  columns$precise_label <- factor(columns[["group #"]])
  names <- columns$cell_id
  names[is.na(names)] <- which(is.na(names))
  columns$cell_id <- NULL
  if (length(partial)) {
    rlang::inform(
      c(
        sprintf(
          "%s: not all cells have these annotations: %s.", describe(file),
          paste(partial, collapse = ", ")
        ),
        i = "The other cells have NA, and their number where it is `cell_id`."
      ),
      class = "neuralee_message_partial"
    )
  }
  sparse_experiment(
    data$counts,
    genes = as_data_frame(list(
      names = data$genes,
      columns = list(group = utils::type.convert(data$text_columns[[1L]], as.is = TRUE))
    )),
    cells = as_data_frame(list(names = names, columns = columns))
  )
}

refuse_cortex <- function(file, line, found, expected) {
  abort_neuralee(
    "file_format",
    sprintf("%s, line %d: %s, where %s is expected.", describe(file), line, found, expected),
    "Give the file expression_mRNA_17-Aug-2014.txt as it was published."
  )
}

# The rows of `genes` among `names`, as they are spelt or else in any case; several of one name are
# refused.
find_in_any_case <- function(genes, names, argument) {
  row_of <- function(gene) {
    found <- which(names == gene)
    if (!length(found)) found <- which(toupper(names) == toupper(gene))
    if (length(found) > 1L) {
      abort_neuralee(
        "input",
        sprintf(
          "`%s` names %s, which are several genes: %s.", argument, describe(gene),
          list_some(names[found])
        ),
        "Spell it as the one that is meant; genes of the same name cannot be chosen."
      )
    }
    if (length(found)) found else NA_integer_
  }
  rows <- vapply(genes %||% character(), row_of, 0L, USE.NAMES = FALSE)
  refuse_lost(genes[is.na(rows)], argument, "genes that are not in the file", names)
  unique(rows)
}
