components <- function(x, ..., verbose = FALSE) principal_components(x, ..., verbose = verbose)
parts <- c("varExplained", "percentVar", "rotation", "centre", "scale")
cells_by_genes <- function() {
  x <- log_shift(golden_counts())
  dimnames(x) <- list(paste0("cell", seq_len(nrow(x))), paste0("gene", seq_len(ncol(x))))
  x
}

test_that("components are those of prcomp, with the attributes of scater", {
  x <- cells_by_genes()
  for (scale in c(FALSE, TRUE)) {
    constant <- apply(x, 2, sd) == 0
    # prcomp refuses to scale constant genes, which count nothing.
    reference <- stats::prcomp(x[, !constant], scale. = scale)
    found <- components(x, n = 10, scale = scale)
    rotation <- attr(found, "rotation")
    expect_identical(dimnames(found), list(rownames(x), paste0("PC", 1:10)))
    expect_identical(dimnames(rotation), list(colnames(x), paste0("PC", 1:10)))
    expect_equal(attr(found, "varExplained"), reference$sdev[1:10]^2)
    expect_equal(attr(found, "percentVar"), 100 * reference$sdev[1:10]^2 / sum(reference$sdev^2))
    expect_equal(abs(found), abs(reference$x[, 1:10]), ignore_attr = TRUE)
    expect_lt(max(abs(rotation[constant, ])), 1e-12)
    expect_true(all(apply(rotation, 2, function(v) v[which.max(abs(v))]) > 0))
    centred <- sweep(sweep(x, 2, attr(found, "centre")), 2, attr(found, "scale"), "/")
    expect_equal(centred %*% rotation, found, ignore_attr = TRUE)
  }
})

test_that("sparse, delayed and file-backed matrices give the same from any blocks", {
  x <- cells_by_genes()
  for (scale in c(FALSE, TRUE)) {
    expected <- components(x, n = 8, scale = scale)
    for (given in list(sparse(x), delayed(x), delayed(sparse(x)), as.data.frame(x))) {
      expect_equal(
        with_small_blocks(components(given, n = 8, scale = scale)), expected, tolerance = 1e-8
      )
      expect_equal(components(given, n = 8, scale = scale), expected, tolerance = 1e-8)
    }
    skip_if_not_installed("HDF5Array")
    file <- tempfile(fileext = ".h5")
    stored <- HDF5Array::writeHDF5Array(x, file, "x", with.dimnames = TRUE)
    expect_equal(
      with_small_blocks(components(stored, n = 8, scale = scale)), expected, tolerance = 1e-8
    )
    unlink(file)
  }
  counts <- golden_counts()
  storage.mode(counts) <- "integer"
  expect_equal(components(delayed(counts), n = 3), components(counts, n = 3), tolerance = 1e-8)
})

test_that("blocks keep to the block size, and the result has the same bits for any threads", {
  x <- cells_by_genes()
  given <- delayed(x)
  with_small_blocks({
    blocks <- cell_blocks(given, "rows")
    expect_gt(length(blocks), 5L)
    expect_lte(max(lengths(blocks)) * 8, 20000)
    one <- components(given, n = 5, threads = 1)
    expect_identical(components(given, n = 5, threads = 2), one)
  })
})

test_that("a container keeps the components of its most variable genes", {
  sce <- log_shift(counts_sce())
  logs <- SummarizedExperiment::assay(sce, "logcounts")
  genes <- order(apply(logs, 1, var), decreasing = TRUE)[1:30]
  of_genes <- components(t(logs)[, genes], n = 5)
  reduced <- function(x, name = "PCA", assay = "logcounts") {
    scores <- SingleCellExperiment::reducedDim(x, name, withDimnames = FALSE)
    expect_identical(attr(scores, "assay.type"), assay)
    expect_identical(attr(scores, "genes")$width, nrow(x))
    structure(scores, assay.type = NULL, genes = NULL)
  }
  found <- reduced(components(sce, n = 5, ntop = 30))
  expect_equal(found, of_genes)
  expect_equal(
    reduced(components(sce, n = 5, subset_row = rownames(sce)[genes], name = "P"), "P"), of_genes
  )
  expect_equal(reduced(components(sce, n = 5, ntop = 500)), components(t(logs), n = 5))
  expect_warning(
    of_counts <- components(sce, n = 5, assay.type = "counts", subset_row = 1:40, scale = TRUE),
    class = "neuralee_warning_counts"
  )
  expect_equal(
    reduced(of_counts, assay = "counts"),
    components(golden_counts()[, 1:40], n = 5, scale = TRUE),
    ignore_attr = c("dimnames", "rotation", "centre", "scale")
  )
  with_small_blocks({
    SummarizedExperiment::assay(sce, "logcounts") <- delayed(sparse(logs))
    expect_equal(reduced(components(sce, n = 5, ntop = 30)), of_genes, tolerance = 1e-8)
  })
})

test_that("no more components are given than there can be", {
  x <- cells_by_genes()
  expect_identical(ncol(components(x[, 1:4])), 4L)
  expect_identical(ncol(components(delayed(x[1:3, ]))), 3L)
  flat <- components(matrix(2, 5, 3))
  expect_true(all(flat == 0))
  expect_identical(attr(flat, "percentVar"), c(0, 0, 0))
})

test_that("R's random numbers are neither read nor moved", {
  before <- random_seed_of_r()
  x <- cells_by_genes()
  expect_identical(components(x, n = 3), components(x, n = 3))
  expect_identical(random_seed_of_r(), before)
})

test_that("a value that is not finite is named in any kind of matrix", {
  x <- cells_by_genes()
  x[133, 57] <- NaN
  for (given in list(x, sparse(x), delayed(x), delayed(sparse(x)))) {
    expect_refused(
      with_small_blocks(components(given, n = 3)), "not_finite",
      "row 133 .*cell133.*column 57 .*gene57"
    )
  }
})

test_that("Ctrl-C between blocks is a classed error", {
  skip_without_interrupts()
  x <- delayed(matrix(0, 50000, 3))
  before <- suppressMessages(DelayedArray::getAutoBlockSize())
  on.exit(suppressMessages(DelayedArray::setAutoBlockSize(before)))
  suppressMessages(DelayedArray::setAutoBlockSize(24))
  interrupt_in(0.5)
  expect_refused(components(x, n = 2), "interrupted")
})

test_that("what cannot be served is refused", {
  x <- cells_by_genes()
  for (n in list(0, 1.5, NA, "3", NULL)) {
    expect_refused(components(x, n = n), "input", "`n`")
  }
  expect_refused(components(x, scale = "yes"), "input", "`scale`")
  expect_refused(components(x, seed = -1), "input", "`seed`")
  expect_refused(components(x, threads = 0), "input", "`threads`")
  expect_refused(components(x, ntop = 3), "input", "`ntop`")
  expect_refused(components(x[1, , drop = FALSE]), "input", "transposed")
  expect_refused(components(delayed(matrix("a", 3, 3))), "input", "character")
  expect_refused(components(delayed(matrix(0, 3, 5001))), "memory", "subsample_genes")
  expect_refused(components(counts_sce()), "input", "\"counts\"")
  suppressWarnings(classes = "neuralee_warning_counts", expect_refused(
    components(counts_sce(), assay.type = 1, subset_row = "Actb"), "input", "Actb"
  ))
  se <- methods::as(counts_sce(), "SummarizedExperiment")
  expect_refused(components(se), "input", "SingleCellExperiment")
  expect_refused(components(any_seurat()), "input", "as.SingleCellExperiment")
})
