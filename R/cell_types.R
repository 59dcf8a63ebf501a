#' Cells of some types
#'
#' Keeps the cells of the given types, in the order that they have. (NeuralEE for Python groups them
#' by type.) The labels become a factor whose levels are `types`, in the order given; with the cells
#' go `colData`, reduced dimensions and alternative experiments. Cells without a label are of no
#' type.
#'
#' @section How types are named:
#' By their names or, where the labels are a factor, by the numbers of its levels, from 1 on. Labels
#' that are numbers are named by these numbers. Numbers are refused where they could mean both,
#' because the levels of the factor look like numbers (clusters, mostly): then give text, such as
#' `"0"`. Labels that are no factor become one, with its levels in order of first appearance.
#'
#' @param x A SummarizedExperiment or SingleCellExperiment with cells in columns.
#' @param types The types to keep, each once: names, or numbers (see below).
#' @param labels Name of the column of `colData` that holds the type of each cell.
#' @return `x` with these cells alone. A type that is a level of the factor but has no cells stays a
#'   level.
#' @section Errors:
#' `neuralee_error_input` for types that are not there (the message names them and lists those there
#' are), that are given twice or are neither text nor whole numbers, where no cell is of these
#' types, for a column that is not there or holds no labels, and for an `x` of another class.
#' @seealso [merge_cell_types()], [map_cell_types()]; [subsample_cells()].
#' @examples
#' sce <- SingleCellExperiment::SingleCellExperiment(
#'   list(counts = matrix(rpois(30, 3), 5)),
#'   colData = S4Vectors::DataFrame(label = factor(c("NK", "CD4", "B", "CD8", "CD4", "CD8")))
#' )
#' filter_cell_types(sce, c("CD8", "B"))$label
#' @export
filter_cell_types <- function(x, types, labels = "label") {
  check_given()
  current <- labels_of(x, labels)
  types <- find_types(types, "types", current)
  keep_types(x, labels, factor(current$values, types), types)
}

#' Several cell types as one
#'
#' Gives the cells of `types` the label `new`, which becomes the last level of the labels. All cells
#' stay, and so do the other levels, also those without cells.
#'
#' @inheritParams filter_cell_types
#' @inheritSection filter_cell_types How types are named
#' @param types The types to merge, each once: names, or numbers (see below).
#' @param new Name of the type that they become: a new one, or one of `types`.
#' @return `x` with these labels, which are a factor. Cells without a label still have none.
#' @section Errors:
#' `neuralee_error_input` for types that are not there (the message names them and lists those there
#' are), that are given twice or are neither text nor whole numbers, for a `new` that is no name or
#' that of a type which is not merged, for a column that is not there or holds no labels, and for an
#' `x` of another class.
#' @seealso [map_cell_types()] to rename several groups and drop the rest; [filter_cell_types()].
#' @examples
#' sce <- SingleCellExperiment::SingleCellExperiment(
#'   list(counts = matrix(rpois(30, 3), 5)),
#'   colData = S4Vectors::DataFrame(label = factor(c("NK", "CD4", "B", "CD8", "CD4", "CD8")))
#' )
#' merge_cell_types(sce, c("CD4", "CD8"), "T")$label
#' @export
merge_cell_types <- function(x, types, new, labels = "label") {
  check_given()
  current <- labels_of(x, labels)
  types <- find_types(types, "types", current)
  new <- check_names(check_name(new, "new"), "new", "one name")
  others <- setdiff(levels(current$values), types)
  if (new %in% others) {
    abort_neuralee(
      "input", sprintf("`new` is %s, a type that is there and not among `types`.", describe(new)),
      "Name it in `types` too, or choose another name."
    )
  }
  SummarizedExperiment::colData(x)[[labels]] <- rename_levels(
    current$values, stats::setNames(list(types), new), others
  )
  x
}

#' New names for groups of cell types
#'
#' Keeps the cells of the types that `map` names and gives each group its new name. The names of
#' `map` become the levels of the labels. All types are those of `x` as it is given: no name or
#' number refers to what an earlier group became.
#'
#' @inheritParams filter_cell_types
#' @inheritSection filter_cell_types How types are named
#' @param map A list with a name for each group, `list(new1 = c("a", "b"), new2 = "c")`. Each
#'   element holds the types of the group: names, or numbers (see below). A type can be in one group
#'   only.
#' @return `x` with these cells alone, in the order that they have.
#' @section Errors:
#' `neuralee_error_input` for a `map` that is no list, or one with missing or repeated names, for
#' types that are not there (the message names them and lists those there are), that are named twice
#' or are neither text nor whole numbers, where no cell is of these types, for a column that is not
#' there or holds no labels, and for an `x` of another class.
#' @seealso [merge_cell_types()], which keeps all cells; [filter_cell_types()].
#' @examples
#' sce <- SingleCellExperiment::SingleCellExperiment(
#'   list(counts = matrix(rpois(30, 3), 5)),
#'   colData = S4Vectors::DataFrame(label = factor(c("NK", "CD4", "B", "CD8", "CD4", "CD8")))
#' )
#' map_cell_types(sce, list("T cells" = c("CD4", "CD8"), "B cells" = "B"))$label
#' @export
map_cell_types <- function(x, map, labels = "label") {
  check_given()
  current <- labels_of(x, labels)
  if (!is.list(map) || is.object(map)) {
    refuse_argument(map, "map", "a list such as list(new1 = c(\"a\", \"b\"), new2 = \"c\")")
  }
  check_names(names(map) %||% rep("", length(map)), "names(map)", "a name for each group")
  groups <- Map(
    function(types, new) find_types(types, sprintf("map$%s", new), current), map, names(map)
  )
  types <- unlist(groups, use.names = FALSE)
  if (anyDuplicated(types)) {
    abort_neuralee(
      "input",
      sprintf(
        "`map` has types in several groups: %s.", list_some(unique(types[duplicated(types)]))
      ),
      "Name each type once."
    )
  }
  keep_types(x, labels, rename_levels(current$values, groups), types)
}

# The labels of the cells: a factor in `values`, and in `numbered` what a number means: the number
# of a level, the value itself, or nothing.
labels_of <- function(x, labels) {
  check_container(x)
  labels <- check_name(labels, "labels")
  values <- annotation_of(SummarizedExperiment::colData(x), labels, "labels", "the colData of `x`")
  numbered <- if (is.factor(values)) "level" else if (is.numeric(values)) "value" else "nothing"
  values <- as_labels(values)
  digits <- grepl("^ *[-+]?[0-9.]+([eE][-+]?[0-9]+)? *$", levels(values))
  if (numbered == "level" && any(digits)) numbered <- "both"
  list(values = values, numbered = numbered, column = labels)
}

check_container <- function(x) {
  refuse_seurat(x)
  if (!methods::is(x, "SummarizedExperiment")) {
    refuse_argument(x, "x", "a SingleCellExperiment, whose colData holds the labels")
  }
}

# A factor without a level for NA; levels of other values by first appearance.
as_labels <- function(values) {
  if (!is.factor(values)) {
    values <- as.character(values)
    return(factor(values, unique(values[!is.na(values)])))
  }
  factor(as.character(values), levels(values)[!is.na(levels(values))])
}

# The names of the types that an argument asks for.
find_types <- function(types, name, current) {
  known <- levels(current$values)
  if (is.numeric(types) && !is.object(types)) {
    whole <- length(types) && all(is.finite(types))
    if (current$numbered == "value" && whole) {
      # By value, as 100000 and 1e5 are the same number but not the same text.
      level <- match(types, as.numeric(known))
      types <- ifelse(is.na(level), as.character(types), known[level])
    } else if (current$numbered == "level" && whole && all(types %in% seq_along(known))) {
      types <- known[types]
    } else {
      remedy <- switch(
        current$numbered,
        level = sprintf("the numbers of levels, from 1 to %d, or their names", length(known)),
        both = "text: the levels look like numbers themselves, so that numbers could mean both",
        nothing = "names: the labels are no factor, so that their values have no numbers",
        value = "the numbers that the labels are"
      )
      refuse_argument(types, name, remedy)
    }
  }
  types <- check_names(types, name, "names of cell types")
  column <- sprintf("types that are not in the column %s", describe(current$column))
  refuse_lost(setdiff(types, known), name, column, known)
  types
}

# `others` stay as they are, before the groups.
rename_levels <- function(values, groups, others = character()) {
  from <- c(others, unlist(groups, use.names = FALSE))
  to <- c(others, rep(names(groups), lengths(groups)))
  factor(to[match(as.character(values), from)], c(others, names(groups)))
}

# The cells that have a label, with these labels.
keep_types <- function(x, column, labels, types) {
  kept <- which(!is.na(labels))
  if (!length(kept)) {
    abort_neuralee(
      "input", sprintf("No cell is of the types %s.", list_some(types)),
      "Look with table(colData(x)[[labels]]) which types have cells."
    )
  }
  x <- x[, kept]
  SummarizedExperiment::colData(x)[[column]] <- labels[kept]
  x
}
