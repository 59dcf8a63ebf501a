# Matrices that lie the wrong way, and counts without their logarithms. Both run for minutes without
# a word and end in a map of something else. They are told by their names and a few of their values.
# A warning that is false is worse than none, so that names which could be anything say nothing.

# Warns where the names of cells stand where `x` should have its genes, or the other way round.
# `cells` says where the cells should be; `remedy` is for people.
warn_orientation <- function(x, cells, name = "x", remedy = sprintf("Transpose it: t(%s).", name)) {
  if (length(dim(x)) != 2L) return(invisible())
  names <- dimnames(x)
  if (cells == "columns") names <- rev(names)
  of_cells <- names[[1L]]
  of_genes <- names[[2L]]
  swapped <- if (are_cell_names(of_genes) && !are_cell_names(of_cells)) {
    list(where = if (cells == "rows") "columns" else "rows", what = "cells", names = of_genes)
  } else if (are_gene_names(of_cells) && !are_gene_names(of_genes)) {
    list(where = cells, what = "genes", names = of_cells)
  }
  if (!is.null(swapped)) {
    warn_now(
      "orientation",
      c(
        sprintf(
          "The %s of `%s` have the names of %s (%s), but %s.", swapped$where, name, swapped$what,
          list_some(swapped$names, 2L),
          if (cells == "rows") "cells belong in the rows" else "cells belong in the columns"
        ),
        i = remedy
      )
    )
  }
}

# Warns where `x` holds counts as they were counted, whose few largest genes decide every distance.
# `counts`: whether `x` is called so; else its names have to be those of genes or cells, since
# digits and pixels are whole numbers too.
warn_counts <- function(x, remedy, name = "x", counts = FALSE) {
  if (length(dim(x)) != 2L || is.data.frame(x)) return(invisible())
  tell <- function(names) are_cell_names(names) || are_gene_names(names)
  named <- counts || any(vapply(dimnames(x), tell, NA))
  values <- if (named) some_values(x)
  if (named && are_counts(values)) {
    warn_now(
      "counts",
      c(
        sprintf(
          "`%s` holds counts (whole numbers, up to %s and more), not their logarithms.", name,
          format(max(values))
        ),
        i = "Distances of counts are those of the few largest: deep cells, abundant genes.",
        i = remedy
      )
    )
  }
}

# At once, not when a long call is over, as R does with options(warn = 0).
warn_now <- function(kind, message) {
  if (getOption("warn") == 0) {
    before <- options(warn = 1)
    on.exit(options(before))
  }
  warn_neuralee(kind, message)
}

# For a call with cells that were looked at before.
without_warnings_of_input <- function(expr) {
  muffle <- function(condition) rlang::cnd_muffle(condition)
  withCallingHandlers(expr, neuralee_warning_orientation = muffle, neuralee_warning_counts = muffle)
}

# A few hundred of the names, from all over.
some_of <- function(values, most) {
  if (length(values) <= most) values else values[round(seq(1, length(values), length.out = most))]
}

# "cell1", or barcodes of droplets: ten bases and more, with what programs put before and behind
# them. Sequences of tags are barcodes too ("CD3-CTCATTGTAACTCCT"), but each has another name before
# it.
are_cell_names <- function(names) {
  if (length(names) < 5L) return(FALSE)
  names <- some_of(names, 200L)
  # The bytes, whatever the encoding.
  if (all(grepl("^cell[._-]?[0-9]+$", names, ignore.case = TRUE, useBytes = TRUE))) return(TRUE)
  found <- grepl("(^|[^A-Za-z])[ACGT]{10,}(x?$|[^A-Za-z])", names, useBytes = TRUE)
  before <- sub("[ACGT]{10,}.*$", "", names[found], useBytes = TRUE)
  mean(found) >= 0.8 && length(unique(before)) <= max(1, length(before) / 4)
}

# "gene1", identifiers of Ensembl, FlyBase and WormBase, peaks of ATAC, or at least three symbols
# that stand for a gene and nothing else. No genome has more than 200,000.
are_gene_names <- function(names) {
  if (length(names) < 3L || length(names) > 200000L) return(FALSE)
  numbered <- "^[Gg]ene[._-]?[0-9]+$"
  identifier <- "(ENS[A-Z]{0,6}[GT][0-9]{11}|FBgn[0-9]{7}|WBGene[0-9]{8})"
  peak <- "^(GRCh38_|mm10_)?chr[0-9XYM]+[:_-][0-9]+[_-][0-9]+$"
  few <- some_of(names, 200L)
  known <- grepl(identifier, few, useBytes = TRUE) | grepl(peak, few, useBytes = TRUE) |
    grepl(numbered, few, useBytes = TRUE)
  # Some cells may be named after a gene that marks them: of few names a tenth have to be known.
  found <- sum(unique(names) %in% well_known_genes)
  mean(known) >= 0.5 || (found >= 3L && found >= min(length(names) / 10, 10))
}

# Genes that nearly every table of counts has, and those that tell cells of blood and brain apart;
# of human and mouse. None that people name cells after, such as CD4.
well_known_genes <- local({
  human <- c(
    "MT-CO1", "MT-CO2", "MT-CO3", "MT-ND1", "MT-ND2", "MT-ND4", "MT-CYB", "MT-ATP6", "ACTB",
    "ACTG1", "GAPDH", "MALAT1", "NEAT1", "B2M", "TMSB4X", "TMSB10", "EEF1A1", "EEF2", "FTL",
    "FTH1", "UBC", "TUBA1B", "TPT1", "HSP90AA1", "HSPA8", "VIM", "LGALS1", "S100A4", "S100A6",
    "JUN", "FOS", "JUNB", "MKI67", "TOP2A", "XIST", "RPL3", "RPL10", "RPL13", "RPL13A", "RPL32",
    "RPLP0", "RPLP1", "RPS2", "RPS3", "RPS6", "RPS12", "RPS18", "RPS27", "RPSA", "LYZ", "NKG7",
    "GNLY", "CST3", "CD74", "S100A8", "S100A9", "PPBP", "PF4", "CD3D", "CD3E", "CD79A", "MS4A1",
    "IL7R", "CCL5", "HBB", "HBA1", "HBA2", "ALAS2", "TYROBP", "FCER1G", "PTPRC", "GAD1", "GAD2",
    "RELN", "MBP", "PLP1", "APOE", "SNAP25", "GFAP", "AQP4", "SLC17A7", "TTR", "CLDN5", "MOBP",
    "TAC1", "CCK", "NPY"
  )
  mouse <- paste0(substr(human, 1L, 1L), tolower(substring(human, 2L)))
  mouse <- sub("^Mt-(.)(.*)$", "mt-\\U\\1\\L\\2", mouse, perl = TRUE)
  c(human, mouse, "Hbb-bs", "Hba-a1", "Lyz1", "Lyz2")
})

# At most 50,000 values, of a sparse matrix those that it stores; of one on disk those of eight
# cells, which are taken to be more than the genes.
some_values <- function(x) {
  if (is_delayed(x)) {
    axis <- which.max(dim(x))
    x <- as.matrix(take(x, some_of(seq_len(dim(x)[[axis]]), 8L), axis))
  }
  if (is.matrix(x)) {
    values <- some_of(x, 50000L)
    return(values[values != 0])
  }
  if (methods::.hasSlot(x, "x")) some_of(x@x, 50000L) else numeric()
}

# Whole numbers, many of them different, a few of them much larger than the rest, which no grey
# value of an image is.
are_counts <- function(values) {
  length(values) >= 20L && all(is.finite(values)) && all(values >= 0) &&
    all(values == round(values)) && length(unique(values)) >= 10L &&
    max(values) >= max(30, 10 * stats::median(values))
}
