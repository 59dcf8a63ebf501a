assay_by_hand <- function(genes, names, counts = seq_along(genes) * 10) {
  matrix(outer(counts, seq_along(names), `+`), length(genes), dimnames = list(genes, names))
}

dataset <- function(genes, names, ..., wrap = identity) {
  SingleCellExperiment::SingleCellExperiment(
    list(counts = wrap(assay_by_hand(genes, names))),
    colData = S4Vectors::DataFrame(..., row.names = names)
  )
}

pair <- function(wrap = identity) {
  first <- factor(c("T", "B", "T"), c("T", "B"))
  second <- factor(c("NK", "T"), c("NK", "T"))
  list(
    a = dataset(c("g1", "g2", "g3", "g4"), c("c1", "c2", "c3"), label = first, wrap = wrap),
    b = dataset(c("g4", "g5", "g2", "g1"), c("c2", "d1"), label = second, wrap = wrap)
  )
}

triplets <- function(x) methods::as(sparse(x), "TsparseMatrix")
by_rows <- function(x) methods::as(sparse(x), "RsparseMatrix")

concat <- function(sets, ...) do.call(concat_datasets, c(sets, list(...)))

test_that("genes in common, in the order of the first data set; values stay with cells and genes", {
  sets <- pair()
  both <- concat(sets)
  expect_s4_class(both, "SingleCellExperiment")
  expect_identical(rownames(both), c("g1", "g2", "g4"))
  genes <- rownames(both)
  expect_identical(
    unname(counts_of(both)), unname(cbind(counts_of(sets$a)[genes, ], counts_of(sets$b)[genes, ]))
  )
  expect_identical(colnames(both), c("c1", "c2-a", "c3", "c2-b", "d1"))
  turned <- concat(rev(sets))
  expect_identical(rownames(turned), c("g4", "g2", "g1"))
  expect_identical(counts_of(turned)[genes, colnames(both)], counts_of(both))
})

test_that("a data set with itself is twice itself", {
  sce <- typed_sce()
  suppressMessages(both <- concat_datasets(sce, sce))
  expect_identical(ncol(both), 400L)
  expect_identical(unname(counts_of(both)), unname(cbind(counts_of(sce), counts_of(sce))))
  expect_identical(both$label, sce$label[rep(1:200, 2)])
  expect_identical(both$number, sce$number[rep(1:200, 2)])
  expect_identical(both$batch, factor(rep(1:2, each = 200)))
  expect_identical(colnames(both), sprintf("cell%d-%d", 1:200, rep(1:2, each = 200)))
  suppressMessages(one <- concat_datasets(sce))
  expect_identical(counts_of(one), counts_of(sce))
})

test_that("data sets of any origin go together, sparse, dense and delayed", {
  # The original asked each data set for a field that one class of them has.
  dense <- concat(pair())
  both <- concat(pair(sparse))
  expect_s4_class(counts_of(both), "dgCMatrix")
  expect_equal(as.matrix(counts_of(both)), counts_of(dense))
  sets <- pair()
  for (wrap in list(sparse, triplets, by_rows)) {
    for (which in c("a", "b")) {
      mixed <- sets
      mixed[[which]] <- pair(wrap)[[which]]
      both <- concat(mixed)
      expect_s4_class(counts_of(both), "dgCMatrix")
      expect_equal(as.matrix(counts_of(both)), counts_of(dense))
    }
  }
  for (wrap in list(delayed, function(x) delayed(sparse(x)))) {
    for (other in list(sets$b, pair(sparse)$b, pair(wrap)$b)) {
      both <- concat(list(a = pair(wrap)$a, b = other))
      expect_s4_class(counts_of(both), "DelayedMatrix")
      expect_equal(as.matrix(counts_of(both)), counts_of(dense))
    }
  }
})

test_that("labels of the same name are one type, in order of first appearance", {
  both <- concat(pair())
  # The original's codes changed from one session to the next.
  expect_identical(levels(both$label), c("T", "B", "NK"))
  expect_identical(as.character(both$label), c("T", "B", "T", "NK", "T"))
  sets <- pair()
  for (name in names(sets)) sets[[name]]$label <- as.character(sets[[name]]$label)
  expect_identical(concat(sets)$label, both$label)
  sets$b$label <- NULL
  expect_identical(as.character(concat(sets)$label), c("T", "B", "T", NA, NA))
  sets$a$label <- NULL
  expect_null(concat(sets)$label)
})

test_that("labels can be kept apart", {
  both <- concat(pair(), shared_labels = FALSE)
  expect_identical(levels(both$label), c("a:T", "a:B", "b:NK", "b:T"))
  expect_identical(as.integer(both$label), c(1L, 2L, 1L, 3L, 4L))
  sets <- stats::setNames(pair(), c("a", "a:x"))
  sets$a$label <- c("x:T", "T", "T")
  sets[[2L]]$label <- "T"
  expect_identical(as.integer(concat(sets, shared_labels = FALSE)$label), c(1L, 2L, 2L, 3L, 3L))
})

test_that("batches follow on those of the data sets before", {
  sets <- pair()
  expect_identical(concat(sets)$batch, factor(c("a", "a", "a", "b", "b")))
  expect_identical(concat(unname(sets))$batch, factor(c(1, 1, 1, 2, 2)))
  sets$b$batch <- c(1, 0)
  both <- concat(sets)
  expect_identical(levels(both$batch), c("a", "b:1", "b:0"))
  expect_identical(as.integer(both$batch), c(1L, 1L, 1L, 2L, 3L))
  sets$a$batch <- c(0L, 0L, 2L)
  expect_identical(as.integer(concat(sets)$batch), c(1L, 1L, 2L, 3L, 4L))
  shared <- concat(sets, shared_batches = TRUE)
  expect_identical(shared$batch, factor(c("0", "0", "2", "1", "0"), c("0", "2", "1")))
  three <- concat(c(pair(), c = pair()$a))
  expect_identical(as.integer(three$batch), rep(1:3, c(3, 2, 3)))
})

test_that("other names of columns", {
  sets <- lapply(pair(), function(set) {
    set$type <- set$label
    set$run <- 1
    set$label <- NULL
    set
  })
  both <- concat(sets, labels = "type", batch = "run", shared_batches = TRUE)
  expect_identical(both$type, concat(pair())$label)
  expect_identical(both$run, factor(rep(1, 5)))
  expect_null(both$batch)
  expect_null(concat(pair(), labels = NULL, batch = "origin")$batch)
  expect_identical(levels(concat(pair(), labels = NULL)$label), c("T", "B", "NK"))
})

test_that("columns of cells in common are kept", {
  sets <- pair()
  sets$a$depth <- 1:3
  sets$b$depth <- c(4.5, 5)
  sets$a$site <- factor(c("x", "y", "x"))
  sets$b$site <- c("z", "x")
  sets$a$day <- S4Vectors::Rle(factor(c("mon", "mon", "tue")))
  sets$b$day <- factor(c("wed", "mon"))
  sets$a$only <- TRUE
  sets$a$taken <- as.Date("2020-01-01") + 0:2
  sets$b$taken <- as.Date("2021-01-01") + 0:1
  both <- concat(sets)
  expect_named(
    SummarizedExperiment::colData(both), c("depth", "site", "day", "taken", "batch", "label")
  )
  expect_identical(both$depth, c(1, 2, 3, 4.5, 5))
  expect_identical(both$site, c("x", "y", "x", "z", "x"))
  expect_identical(both$day, factor(c("mon", "mon", "tue", "wed", "mon")))
  expect_identical(both$taken, c(sets$a$taken, sets$b$taken))
  sets$b$depth <- c("deep", "shallow")
  expect_message(
    both <- concat(sets), "different kinds \\(\"depth\"\\)", class = "neuralee_message_left_out"
  )
  expect_null(both$depth)
})

test_that("annotations of genes are kept where the data sets agree", {
  sets <- pair()
  for (name in names(sets)) {
    genes <- rownames(sets[[name]])
    SummarizedExperiment::rowData(sets[[name]]) <- S4Vectors::DataFrame(
      ID = paste0("ENS", genes), mean = rowMeans(counts_of(sets[[name]])), kind = factor(genes)
    )
  }
  both <- concat(sets)
  expect_named(SummarizedExperiment::rowData(both), c("ID", "kind"))
  expect_identical(SummarizedExperiment::rowData(both)$ID, c("ENSg1", "ENSg2", "ENSg4"))
  rownames(sets$b) <- NULL
  by_id <- concat(sets, by = "ID")
  expect_identical(dimnames(by_id), dimnames(both))
  expect_identical(counts_of(by_id), counts_of(both))
  SummarizedExperiment::rowData(sets$b)$ID[[1L]] <- NA
  SummarizedExperiment::rowData(sets$a)$ID[[4L]] <- NA
  expect_identical(rownames(concat(sets, by = "ID")), c("g1", "g2"))
  expect_refused(concat(sets), "input", "rows of `b` carry no names")
  expect_refused(concat(sets, by = "Symbol"), "input", "rowData of `a`.*\"ID\"")
  expect_refused(concat(sets, by = 3), "input", "`by`")
})

test_that("a name that several genes carry is refused only where it is in all data sets", {
  sets <- pair()
  rownames(sets$a)[[3L]] <- "g4"
  expect_refused(concat(sets), "input", "In `a` .*\"g4\"")
  sets <- pair()
  rownames(sets$b)[2:3] <- "g9"
  expect_identical(rownames(concat(sets)), c("g1", "g4"))
})

test_that("assays in common are kept, and those of one data set are left out with a message", {
  sets <- lapply(pair(), log_shift)
  expect_identical(SummarizedExperiment::assayNames(concat(sets)), c("counts", "logcounts"))
  SummarizedExperiment::assay(sets$a, "logcounts") <- NULL
  expect_identical(SummarizedExperiment::assayNames(concat(sets)), "counts")
  SummarizedExperiment::assayNames(sets$a) <- "X"
  expect_refused(concat(sets), "input", "No assay")
  expect_message(
    both <- concat_datasets(typed_sce(), typed_sce()[, 1:5]),
    "dimensions \\(\"PCA\"\\); alternative .*\"spikes\"", class = "neuralee_message_left_out"
  )
  expect_length(SingleCellExperiment::reducedDims(both), 0)
  expect_silent(concat(pair()))
  expect_silent(concat(pair(sparse)))
})

test_that("cells get distinct names", {
  sets <- pair()
  colnames(sets$a) <- c("c1", "c1", "c1-b")
  colnames(sets$b) <- c("c1", "x")
  found <- colnames(concat(sets))
  expect_identical(anyDuplicated(found), 0L)
  expect_identical(found[c(1, 5)], c("c1-a", "x"))
  colnames(sets$a) <- NULL
  expect_identical(colnames(concat(sets)), c("a-1", "a-2", "a-3", "c1", "x"))
  colnames(sets$b) <- NULL
  expect_null(colnames(concat(sets)))
})

test_that("a SummarizedExperiment and a data set without cells will do", {
  sets <- pair()
  plain <- SummarizedExperiment::SummarizedExperiment(
    list(counts = counts_of(sets$b)), colData = SummarizedExperiment::colData(sets$b)
  )
  expect_identical(concat(list(a = sets$a, b = plain)), concat(sets))
  empty <- concat(list(a = sets$a, b = sets$b[, 0]))
  expect_identical(ncol(empty), 3L)
  expect_identical(levels(empty$label), c("T", "B", "NK"))
})

test_that("a sparse matrix that would be too large is refused", {
  expect_refused(check_entries(c(2^30, 2^30), "counts"), "memory", "2,147,483,648")
  expect_null(check_entries(c(2^30, 2^30 - 1), "counts"))
})

test_that("bad input is refused", {
  sets <- pair()
  expect_refused(concat_datasets(), "input", "no data set")
  expect_refused(concat_datasets(sets$a, counts_of(sets$b)), "input", "`..2`")
  expect_refused(concat_datasets(sets), "input", "do.call")
  expect_refused(concat(sets, label = "type"), "input", "`label` .*`labels`")
  expect_refused(concat_datasets(a = sets$a, a = sets$b), "input", "several times: \"a\"")
  expect_refused(concat_datasets(sets$a, `1` = sets$b), "input", "several times: \"1\"")
  for (value in list(NA_character_, 1, "", c("a", "b"))) {
    expect_refused(concat(sets, batch = value), "input", "`batch`")
    expect_refused(concat(sets, labels = value), "input", "`labels`")
    expect_refused(concat(sets, shared_labels = value), "input", "`shared_labels`")
    expect_refused(concat(sets, shared_batches = value), "input", "`shared_batches`")
  }
  expect_refused(concat_datasets(sets$a, batch = NULL), "input", "`batch`")
  expect_refused(concat(sets, batch = "label"), "input", "both \"label\"")
  expect_refused(concat(sets, labels = "cluster"), "input", "\"cluster\".*\"label\"")
  expect_refused(concat(sets, shared_batches = TRUE), "input", "`a` has no column \"batch\"")
  sets$b$label <- matrix(1, 2, 2)
  expect_refused(concat(sets), "input", "colData of `b`")
  sets <- pair()
  rownames(sets$b) <- sprintf("h%d", 1:4)
  expect_refused(concat(sets), "input", "No gene.*\"g1\", \"h1\"")
  strange <- c("a\xff", "b\xff")
  Encoding(strange) <- "bytes"
  sets <- pair()
  colnames(sets$b) <- strange
  expect_refused(concat(sets), "input", "the columns of `b` is no valid text")
  sets <- pair()
  rownames(sets$b)[1:2] <- strange
  expect_refused(concat(sets), "input", "the rows of `b` is no valid text")
  sets <- pair(sparse)
  damaged <- counts_of(sets$b)
  damaged@i[[2L]] <- 1000L
  SummarizedExperiment::assay(sets$b, "counts", withDimnames = FALSE) <- damaged
  expect_refused(concat(sets), "input", "`b` is a damaged")
})
