cluster_file <- function(clusters, counts = diag(length(clusters)) + 0, ..., global = list(),
                         envir = parent.frame()) {
  skip_without_rhdf5()
  names <- list(Gene = paste0("g", seq_len(nrow(counts))))
  cells <- list(CellID = paste0("c", seq_along(clusters)), ClusterID = clusters, ...)
  file <- write_loom(counts, names, cells, global)
  do.call(on.exit, list(bquote(unlink(.(file))), add = TRUE), envir = envir)
  file
}

test_that("batches, clusters and types get their names, and empty cells go with them", {
  counts <- rbind(c(1, 0, 0, 2), c(0, 0, 3, 0))
  file <- cluster_file(
    c(1L, 0L, 2L, 0L), counts, BatchID = c(5L, 5L, 7L, 7L),
    global = list(CellTypes = c("B", "T", "NK"))
  )
  expect_message(
    x <- LoomDataset(file, verbose = FALSE), "1 of 4 cells removed",
    class = "neuralee_message_removed"
  )
  expect_identical(unname(counts_in(x)), counts[, -2])
  expect_identical(x$batch, factor(c(5, 7, 7)))
  expect_identical(x$label, factor(c(1, 2, 0)))
  expect_identical(as.character(x$cell_type), c("T", "NK", "B"))
  expect_setequal(names(SummarizedExperiment::colData(x)), c("batch", "label", "cell_type"))
})

test_that("the file may be in a folder under the name that its address has", {
  file <- cluster_file(0:2)
  expect_identical(
    LoomDataset(
      dirname(file), paste0("https://example.org/", basename(file), "?raw=1"), verbose = FALSE
    ),
    LoomDataset(file, verbose = FALSE)
  )
  expect_refused(LoomDataset(verbose = FALSE), "input", "`path` is NULL")
  expect_refused(LoomDataset(file, url = 3, verbose = FALSE), "input", "`url`")
  expect_refused(LoomDataset(tempfile(), verbose = FALSE), "file_format", "no such file")
  empty <- cluster_file(0:1, matrix(0, 2, 2))
  expect_refused(
    LoomDataset(empty, verbose = FALSE), "file_format", "Of the 2 cells .* none is left"
  )
})

test_that("types of the retina can be filtered by name and by number (D10)", {
  x <- RetinaDataset(cluster_file(c(14L, 0:14)), verbose = FALSE)
  expect_identical(levels(x$cell_type)[c(1, 15)], c("RBC", "BC8_9"))
  expect_length(levels(x$cell_type), 15)
  expect_identical(as.integer(x$cell_type), c(15L, 1:15))
  expect_identical(x$label, factor(c(14, 0:14)))
  expect_identical(
    as.character(filter_cell_types(x, c("MG", "BC8_9"), "cell_type")$cell_type),
    c("BC8_9", "MG", "BC8_9")
  )
  expect_identical(ncol(filter_cell_types(x, c(2, 15), "cell_type")), 3L)
  for (wrong in list(c(0, 15), c(0.5, 1), c(-1, 1))) {
    expect_refused(
      RetinaDataset(cluster_file(wrong), verbose = FALSE), "file_format",
      "ClusterID .*\\n.*from 0 to 14"
    )
  }
  skip_without_rhdf5()
  bare <- write_loom(diag(2) + 0, list(Gene = c("a", "b")), list(BatchID = 0:1))
  expect_refused(
    suppressMessages(RetinaDataset(bare, verbose = FALSE)), "file_format",
    "no column attribute \"ClusterID\""
  )
})

# Clusters in groups, left out, unknown (11, 23) and doubtful (25, 26).
fish_file <- function(envir = parent.frame(), ...) {
  ids <- c(25L, 3L, 0L, 26L, 11L, 20L, 23L, 29L, 33L, 1L, 7L, 2L)
  names <- c(
    "Vascular Smooth Muscle", "Astrocyte Mfge8", "Excluded", "Endothelial 1", "x", "Inhibitory CP",
    "y", "Perivascular Macrophages", "Oligodendrocyte Mature", "Pyramidal L5", "Endothelial",
    "Astrocyte Gfap"
  )
  counts <- diag(12) + 0
  counts[12, 12] <- 0
  cluster_file(ids, counts, ClusterName = names, X = 1:12 / 2, Y = 12:1 + 0.25, envir = envir, ...)
}

test_that("major types group each cluster once, and all parts keep the same cells (D6)", {
  messages <- testthat::capture_messages(x <- SmfishDataset(fish_file(), verbose = FALSE))
  expect_match(
    messages[[1]],
    paste(
      "4 of 12 cells removed.*1 Excluded \\(0\\).*1 Vascular Smooth Muscle \\(25\\).*1 x",
      "\\(11\\), 1 y \\(23\\)"
    )
  )
  expect_match(messages[[2]], "1 of 8 cells removed: they have no counts")
  expect_identical(
    as.character(x$cell_type),
    c(
      "Astrocytes", "Endothelial", "Inhibitory", "Microglia", "Oligodendrocytes", "Excitatory",
      "Endothelial"
    )
  )
  kept <- c(2, 4, 6, 8, 9, 10, 11)
  expect_identical(colnames(x), paste0("c", kept))
  expect_identical(
    SingleCellExperiment::reducedDim(x, "spatial"),
    cbind(x_coord = kept / 2, y_coord = 13.25 - kept, deparse.level = 1) |>
      `rownames<-`(colnames(x))
  )
  expect_identical(unname(Matrix::colSums(counts_in(x))), rep(1, 7))
  expect_false(anyNA(x$cell_type))
  expect_identical(anyDuplicated(unlist(smfish_groups)), 0L)
})

test_that("minor types are one for each name, of all cells with counts (D6)", {
  x <- suppressMessages(SmfishDataset(fish_file(), "minor", verbose = FALSE))
  expect_identical(ncol(x), 11L)
  expect_identical(
    x$cell_type[1:3],
    factor(c("Vascular Smooth Muscle", "Astrocyte Mfge8", "Excluded"), levels(x$cell_type))
  )
  expect_identical(
    levels(x$cell_type)[1:4], c("Excluded", "Pyramidal L5", "Astrocyte Gfap", "Astrocyte Mfge8")
  )
  expect_identical(as.character(x$label)[1:3], c("25", "3", "0"))
  expect_false(any(c("X", "Y", "ClusterID") %in% names(SummarizedExperiment::colData(x))))
})

test_that("osmFISH files without an attribute, and levels that are not there, are refused", {
  expect_refused(
    SmfishDataset(cluster_file(0:2), verbose = FALSE), "file_format",
    "no column attribute \"ClusterName\", \"X\", \"Y\""
  )
  expect_refused(
    SmfishDataset(cluster_file(0:2), "all", verbose = FALSE), "input", "`cell_type_level`"
  )
})
