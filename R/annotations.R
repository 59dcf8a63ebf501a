# Names and annotations of genes and cells, as they are and as users give them.

# Names of the genes of a container as text, from its rows or from the column `by` of its rowData.
# NULL where the rows have none. `name` is what the container is called in a message.
gene_names_of <- function(x, by, name) {
  if (is.null(by)) return(rownames(x))
  by <- check_name(by, "by")
  annotation_of(SummarizedExperiment::rowData(x), by, "by", sprintf("the rowData of `%s`", name))
}

# A column of rowData or colData as text or a factor, as it is. `argument` asked for it.
annotation_of <- function(table, column, argument, where) {
  if (!column %in% colnames(table)) {
    abort_neuralee(
      "input",
      sprintf("`%s` is %s, but there is no such column in %s.", argument, describe(column), where),
      there_are(colnames(table), "It has no columns.")
    )
  }
  values <- table[[column]]
  if (methods::is(values, "Rle")) values <- S4Vectors::decode(values)
  if (!is.atomic(values) || length(dim(values)) > 1L) {
    abort_neuralee(
      "input", sprintf("The column %s of %s is %s.", describe(column), where, describe(values)),
      "Name a column with one name or number for each."
    )
  }
  text <- if (is.factor(values)) levels(values) else as.character(values)
  check_text(text, paste(describe(column), "of", where))
  if (is.factor(values)) values else as.vector(values)
}

# Text or a factor without NA, empty or repeated names, as text.
check_names <- function(x, name, wanted) {
  if (is.factor(x)) x <- as.character(x)
  if (!is.character(x) || !length(x) || anyNA(x) || !all(nzchar(x, "bytes"))) {
    refuse_argument(x, name, paste0(wanted, ", at least one and none of them missing or empty"))
  }
  check_text(x, sprintf("`%s`", name))
  if (anyDuplicated(x)) {
    abort_neuralee(
      "input", sprintf("`%s` names several times: %s.", name, list_some(unique(x[duplicated(x)]))),
      "Give each name once."
    )
  }
  x
}

# Refuses names that are not among the `known`; `what` says so of the names that an argument has.
refuse_lost <- function(lost, argument, what, known, none = "There are none.") {
  if (length(lost)) {
    abort_neuralee(
      "input", sprintf("`%s` names %s: %s.", argument, what, list_some(lost)),
      there_are(known, none)
    )
  }
}

# Other text can neither be compared nor shown in a message.
is_text <- function(x) validEnc(x) & Encoding(x) != "bytes"

check_text <- function(x, where) {
  known <- is_text(x)
  if (!all(known)) {
    abort_neuralee(
      "input", sprintf("Name %d in %s is no valid text.", which(!known)[[1L]], where),
      "Give names in UTF-8, or declare their encoding."
    )
  }
}
