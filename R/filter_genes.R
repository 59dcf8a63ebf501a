#' Genes by name
#'
#' Keeps the named genes, in the order in which they are named. All cells stay, also those that have
#' no count in any of these genes: see [remove_zero_cells()].
#'
#' @param x A numeric matrix, sparse matrix, DelayedMatrix or data frame of numbers with cells in
#'   rows and named columns, or a SummarizedExperiment or SingleCellExperiment with cells in
#'   columns.
#' @param genes Names of the genes to keep, each once, as text or a factor.
#' @param ... Not used.
#' @return `x` with these genes alone, of the same type.
#' @section Errors:
#' `neuralee_error_input` for genes that are not there (the message names them), for a name that is
#' given twice or that several genes carry, for an `x` whose genes have no names, for a column `by`
#' that is not there (the message lists those there are) or holds no names, and for data that are no
#' numbers.
#' @seealso [subsample_genes()] for the most variable genes, [remove_zero_cells()].
#' @examples
#' counts <- matrix(rpois(60, 3), 10, dimnames = list(NULL, paste0("gene", 1:6)))
#' filter_genes(counts, c("gene5", "gene2"))
#'
#' sce <- SingleCellExperiment::SingleCellExperiment(
#'   list(counts = t(counts)),
#'   rowData = S4Vectors::DataFrame(Symbol = c("CD4", "LYZ", "NKG7", "CD8A", "MS4A1", "CD3E"))
#' )
#' rownames(filter_genes(sce, c("MS4A1", "CD4"), by = "Symbol"))
#' @export
filter_genes <- function(x, genes, ...) {
  check_given()
  UseMethod("filter_genes")
}

#' @rdname filter_genes
#' @export
filter_genes.default <- function(x, genes, ...) {
  check_no_dots(...)
  names <- colnames(as_number_matrix(x, "x"))
  kept <- find_genes(names, genes, "The columns of `x` carry no names")
  x[, kept, drop = FALSE]
}

#' @rdname filter_genes
#' @param by Column of `rowData` that holds the names, such as symbols; `NULL` for the names of the
#'   rows.
#' @export
filter_genes.SummarizedExperiment <- function(x, genes, ..., by = NULL) {
  check_no_dots(...)
  names <- gene_names_of(x, by, "x")
  # An error within the brackets would lose its class to their dispatch.
  kept <- find_genes(names, genes, "The rows of `x` carry no names")
  x[kept, ]
}

# The rows of `genes` among `names`; `argument` is what they are called in a message.
find_genes <- function(names, genes, unnamed, argument = "genes") {
  genes <- check_names(genes, argument, "names of genes")
  if (is.null(names)) abort_neuralee("input", paste0(unnamed, "."), "Name the genes first.")
  names <- as.character(names)
  check_text(names, "`x`")
  rows <- match(genes, names)
  refuse_lost(genes[is.na(rows)], argument, "genes that are not there", names)
  refuse_repeated(intersect(genes, names[duplicated(names)]), "`x`")
  rows
}

# Of several genes of one name, none is taken for the other.
refuse_repeated <- function(genes, where) {
  if (length(genes)) {
    abort_neuralee(
      "input", sprintf("In %s several genes have the same name: %s.", where, list_some(genes)),
      "Make the names unique with make.unique(), or go by a column of rowData that is (`by`)."
    )
  }
}
