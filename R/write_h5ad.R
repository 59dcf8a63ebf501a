#' Write an AnnData file
#'
#' Writes a SingleCellExperiment as an `.h5ad` file that anndata and scanpy read, from version 0.8
#' of anndata on, and [read_h5ad()] too.
#'
#' The assay that `assay.type` names becomes `X`, and other assays become `layers` under their
#' names. `colData` and the names of the cells become `obs`, `rowData` and the names of the genes
#' `var`. `reducedDims` become `obsm`: `PCA` as `X_pca`, likewise `TSNE`, `UMAP`, `MDS`, `NMF`, `EE`
#' and `NeuralEE`; `spatial` as it is, others with a leading `X_`. `metadata` becomes `uns`, as far
#' as it is text, numbers, true and false, and vectors of these.
#'
#' Sparse matrices stay sparse (CSR of cells by genes), others are written dense. All are of
#' doubles, so that no value changes. A DelayedMatrix is read and written block by block; see
#' [DelayedArray::setAutoBlockSize()].
#'
#' Factors become categories in the order of their levels; where values are missing, so does text,
#' and the file notes that it was text. Integers and logical values with `NA` become nullable
#' arrays; a missing double is a NaN. Genes or cells without names are numbered from 1. Names of
#' dimensions are not kept. What has no counterpart is left out with a message (of class
#' `neuralee_message_left_out`): columns of other types, alternative experiments, ranges of genes,
#' pairings of cells or of genes.
#'
#' The file is written as `<file>.partial` and gets its own name once it is whole and on the disk.
#'
#' @param x A SingleCellExperiment or SummarizedExperiment.
#' @param file Path of the file.
#' @param assay.type Name or number of the assay for `X`. `NULL` stands for `"counts"` where there
#'   is such an assay, else for the first.
#' @param layers Names of the assays to write as layers, `TRUE` for all but that of `X`, or `FALSE`.
#' @param compression `"gzip"` or `"none"`, for the matrices of `X` and the layers.
#' @param overwrite May a file that is there be replaced?
#' @param verbose Whether to show progress.
#' @return The path, invisibly.
#' @section Errors:
#' `neuralee_error_input` for an assay that is not there, for names that a path in the file cannot
#' have (empty, or with `/`) or that repeat, for a file that exists, and where it cannot be written
#' (its folder is missing or not writable, the disk is full). `neuralee_error_file_format` where
#' neuralee was installed without HDF5.
#' @references Virshup et al. (2024). anndata: Access and store annotated data matrices.
#'   *Journal of Open Source Software* 9(101), 4371. \doi{10.21105/joss.04371}. The layout is
#'   described at <https://anndata.readthedocs.io/en/stable/fileformat-prose.html>.
#' @seealso [write_h5ad_embedding()] to add an embedding to a file; [read_h5ad()].
#' @export
#' @examples
#' cells <- read_h5ad(system.file("extdata", "cortex.h5ad", package = "neuralee"))
#' file <- tempfile(fileext = ".h5ad")
#' write_h5ad(cells[, 1:100], file)
#' read_h5ad(file)
#' unlink(file)
write_h5ad <- function(x, file, assay.type = NULL, layers = TRUE,
                       compression = c("gzip", "none"), overwrite = FALSE,
                       verbose = interactive()) {
  check_given()
  refuse_seurat(x)
  if (!methods::is(x, "SummarizedExperiment")) refuse_argument(x, "x", "a SingleCellExperiment")
  check_string(file, "file", "the path of one file")
  compression <- match_choice(compression, "compression", c("gzip", "none"))
  check_flag(overwrite, "overwrite")
  check_flag(verbose, "verbose")
  matrices <- matrices_to_write(x, assay.type, layers)

  path <- path_for_rust(file)
  gzip <- if (compression == "gzip") 4L else 0L
  cells <- columns_to_write(SummarizedExperiment::colData(x), "colData")
  genes <- columns_to_write(SummarizedExperiment::rowData(x), "rowData")
  reductions <- reductions_to_write(x)
  metadata <- metadata_to_write(S4Vectors::metadata(x))
  notes <- c(
    cells$notes, genes$notes, reductions$notes, metadata$notes, matrices$notes, others_left_out(x)
  )
  inform_left_out(notes)

  progress <- progress_reporter(verbose, "write_h5ad")
  on.exit(rs_h5ad_discard(path))
  rust_call(rs_h5ad_begin(
    path, overwrite, gzip, names_to_write(colnames(x), ncol(x), "cells"), cells$values,
    names_to_write(rownames(x), nrow(x), "genes"), genes$values, reductions$values, metadata$values
  ))
  for (entry in names(matrices$values)) {
    append_matrix(path, gzip, entry, matrices$values[[entry]], progress)
  }
  rust_call(rs_h5ad_finish(path, gzip, overwrite))
  invisible(file)
}

#' Add an embedding to an AnnData file
#'
#' Adds an embedding to `obsm` of an existing `.h5ad` file, where `scanpy.pl.embedding()` finds it:
#' `basis = "ee"` for `X_ee`. All else in the file stays as it is.
#'
#' Where the embedding has names of cells, they are matched with those in the file, in any order.
#' All of the file's cells must be there. Without names the order must be that of the file.
#'
#' The file is copied, the copy changed and then moved over the file: HDF5 keeps no journal, and a
#' program that dies while it changes a file as it stands can leave all of it unreadable. So for a
#' moment the disk must have room for the file once more, and it takes as long as copying it. For 10
#' GB that is seconds on a fast disk, and a minute or two on a slow one. File systems that share
#' blocks (Btrfs, XFS) take next to nothing.
#'
#' @param x The embedding: a fit of [ee()] or [neuralee()], a numeric matrix with cells in rows, or
#'   a SingleCellExperiment that holds it.
#' @param file Path of the file.
#' @param name Its name in `obsm`. `NULL` stands for the name that [write_h5ad()] would give the
#'   reduction `dimred`, for `"X_neuralee"` where `x` is a fit of [neuralee()], else for `"X_ee"`.
#' @param dimred Name or number of the reduction of a SingleCellExperiment.
#' @param overwrite May an embedding of this name be replaced? (HDF5 does not give back the room
#'   that it took.)
#' @return The path, invisibly.
#' @section Errors:
#' `neuralee_error_input` where `x` is no embedding, for another number of cells than the file has,
#' for a cell of the file that `x` lacks, for names that repeat and so cannot be matched, for a name
#' that is taken, and where the file cannot be written. `neuralee_error_not_finite` for coordinates
#' that are not finite. `neuralee_error_file_format` where `file` is missing, damaged, no AnnData
#' file or one of anndata before 0.7, and where neuralee was installed without HDF5. After an error
#' the file is as it was.
#' @seealso [write_h5ad()], [read_h5ad()]; [write_csv_embedding()] for text.
#' @export
#' @examples
#' file <- tempfile(fileext = ".h5ad")
#' file.copy(system.file("extdata", "cortex.h5ad", package = "neuralee"), file)
#' cells <- read_h5ad(file)
#' coordinates <- matrix(rnorm(2 * ncol(cells)), ncol = 2, dimnames = list(colnames(cells), NULL))
#' write_h5ad_embedding(coordinates, file)
#' SingleCellExperiment::reducedDimNames(read_h5ad(file))
#' unlink(file)
write_h5ad_embedding <- function(x, file, name = NULL, dimred = "EE", overwrite = FALSE) {
  check_given()
  check_string(file, "file", "the path of one file")
  if (!is.null(name)) check_string(name, "name", "the name of an embedding, or NULL")
  check_flag(overwrite, "overwrite")
  embedding <- embedding_to_write(x, dimred)
  in_experiment <- methods::is(x, "SingleCellExperiment")
  cells <- rownames(embedding)
  if (!is.null(cells)) check_text(cells, "the names of the cells of `x`")
  if (is.null(name)) {
    name <- if (in_experiment) {
      known <- SingleCellExperiment::reducedDimNames(x)
      obsm_names(if (is.character(dimred)) dimred else known[[dimred]])
    } else if (inherits(x, "neuralee_fit")) {
      "X_neuralee"
    } else {
      "X_ee"
    }
  }
  cells <- if (!is.null(cells)) enc2utf8(cells)
  rust_call(
    rs_h5ad_add_embedding(path_for_rust(file), enc2utf8(name), unname(embedding), cells, overwrite)
  )
  invisible(file)
}

# The assays under their paths in the file.
matrices_to_write <- function(x, assay.type, layers) {
  assays <- SummarizedExperiment::assays(x, withDimnames = FALSE)
  names <- names(assays) %||% rep("", length(assays))
  if (is.null(assay.type)) assay.type <- if ("counts" %in% names) "counts" else 1L
  # Matrix says so where an assay has no names.
  values <- list(X = suppressMessages(assay_of(x, assay.type)))
  main <- if (is.character(assay.type)) match(assay.type, names) else as.integer(assay.type)
  notes <- NULL
  others <- setdiff(seq_along(names), main)
  if (is.logical(layers)) {
    check_flag(layers, "layers")
    others <- if (layers) others
    unnamed <- !nzchar(names[others])
    if (any(unnamed)) notes <- sprintf("%d assays were left out: layers need names.", sum(unnamed))
    others <- others[!unnamed]
  } else {
    layers <- check_names(layers, "layers", "names of assays, TRUE or FALSE")
    missing <- setdiff(layers, names[others])
    if (length(missing)) {
      abort_neuralee(
        "input",
        sprintf("`layers` names %s, but beside X there is no such assay.", list_some(missing)),
        there_are(names[others])
      )
    }
    others <- match(layers, names)
  }
  repeated <- names[others][duplicated(names[others])]
  if (length(repeated)) {
    abort_neuralee(
      "input", sprintf("Several assays are called %s.", describe(repeated[[1L]])),
      "Rename them with assayNames()."
    )
  }
  for (i in others) values[[paste0("layers/", enc2utf8(names[[i]]))]] <- assays[[i]]
  list(values = values, notes = notes)
}

append_matrix <- function(path, gzip, entry, values, progress) {
  # Without values there are no blocks.
  if (is_delayed(values) && !all(dim(values))) values <- as.matrix(values)
  values <- as_number_matrix(values, "x")
  sparse <- if (is_delayed(values)) DelayedArray::is_sparse(values) else !is.matrix(values)
  rust_call(rs_h5ad_add_matrix(path, gzip, entry, sparse, nrow(values)))
  if (!is_delayed(values)) {
    rust_call(rs_h5ad_append(path, gzip, entry, values, progress))
    return(invisible())
  }
  grid <- cell_blocks(values, "columns")
  for (i in seq_along(grid)) {
    block <- read_block_of(values, grid[[i]], sparse)
    rust_call(rs_h5ad_append(path, gzip, entry, block, progress))
  }
}

names_to_write <- function(names, n, what) {
  names <- names %||% as.character(seq_len(n))
  check_text(names, paste("the names of the", what))
  enc2utf8(names)
}

# A vector or factor of a type that AnnData has, without attributes; NULL for all else.
column_to_write <- function(values, where) {
  if (methods::is(values, "Rle")) values <- S4Vectors::decode(values)
  if (is.factor(values)) {
    known <- levels(values)[!is.na(levels(values))]
    check_text(known, where)
    # A level NA is no category.
    return(factor(values, known, enc2utf8(known), ordered = is.ordered(values)))
  }
  plain <- !is.object(values) && is.null(dim(values))
  if (!plain || !typeof(values) %in% c("double", "integer", "logical", "character")) return(NULL)
  if (is.character(values)) {
    check_text(values[!is.na(values)], where)
    values <- enc2utf8(values)
  }
  as.vector(unname(values))
}

columns_to_write <- function(table, where) {
  named <- stats::setNames(as.list(table), enc2utf8(names(table)))
  write <- function(column, name) column_to_write(column, paste(describe(name), "of", where))
  values <- Map(write, named, names(named))
  out <- vapply(values, is.null, NA)
  list(
    values = values[!out],
    notes = sprintf(
      "%s of %s was left out: its type has no counterpart in AnnData.", names(named)[out], where
    )
  )
}

reductions_to_write <- function(x) {
  reductions <- if (methods::is(x, "SingleCellExperiment")) {
    as.list(SingleCellExperiment::reducedDims(x))
  }
  names <- names(reductions) %||% rep("", length(reductions))
  values <- lapply(reductions, function(reduction) {
    reduction <- as.matrix(reduction)
    if (is.numeric(reduction)) matrix(as.double(reduction), nrow(reduction))
  })
  out <- vapply(values, is.null, NA) | !nzchar(names)
  list(
    values = stats::setNames(values, enc2utf8(obsm_names(names)))[!out],
    notes = sprintf(
      "The reduction %s was left out: it has no name or no numbers.", dQuote(names[out], FALSE)
    )
  )
}

metadata_to_write <- function(metadata) {
  names <- names(metadata) %||% rep("", length(metadata))
  values <- Map(
    function(value, name) column_to_write(value, paste("metadata", describe(name))), metadata, names
  )
  out <- vapply(values, is.null, NA) | !nzchar(names)
  list(
    values = stats::setNames(values, enc2utf8(names))[!out],
    notes = sprintf(
      "The metadata %s was left out: only named text, numbers and logical values are written.",
      dQuote(names[out], FALSE)
    )
  )
}

others_left_out <- function(x) {
  what <- c(
    "alternative experiments" = methods::is(x, "SingleCellExperiment") &&
      length(SingleCellExperiment::altExps(x)) > 0L,
    "pairings of cells" = methods::is(x, "SingleCellExperiment") &&
      length(SingleCellExperiment::colPairs(x)) > 0L,
    "pairings of genes" = methods::is(x, "SingleCellExperiment") &&
      length(SingleCellExperiment::rowPairs(x)) > 0L,
    "ranges of genes" = methods::is(x, "RangedSummarizedExperiment") &&
      any(lengths(SummarizedExperiment::rowRanges(x)) > 0L)
  )
  if (any(what)) sprintf("The %s were left out.", paste(names(what)[what], collapse = ", "))
}
