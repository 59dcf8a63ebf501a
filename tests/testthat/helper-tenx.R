# Sixteen letters for a number, as data-raw/make_pickles.py has them.
barcode <- function(i) {
  letter <- function(k) c("A", "C", "G", "T")[((i * 7 + 13) %/% 4^k) %% 4 + 1]
  paste0(do.call(paste0, lapply(0:15, letter)), "-1")
}

# Writes a matrix with names, genes by cells, as Cell Ranger 2 does; the symbols are the identifiers
# in small letters.
write_tenx_matrix <- function(folder, counts) {
  dir.create(folder, recursive = TRUE)
  put <- function(lines, name) writeLines(lines, file.path(folder, name))
  at <- which(counts != 0, arr.ind = TRUE)
  put(c(
    "%%MatrixMarket matrix coordinate integer general", paste(nrow(counts), ncol(counts), nrow(at)),
    paste(at[, 1], at[, 2], counts[at])
  ), "matrix.mtx")
  put(paste(rownames(counts), tolower(rownames(counts)), sep = "\t"), "genes.tsv")
  put(colnames(counts), "barcodes.tsv")
}
