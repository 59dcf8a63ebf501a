bases <- c("A", "C", "G", "T")

# Barcodes as programs write them, with `before` and `after` each.
barcodes <- function(n, before = "", after = "-1") {
  drawn <- function(i) bases[(i * 7 + seq_len(16)^2 * (i %% 5 + 1)) %% 4 + 1]
  paste0(before, vapply(seq_len(n), function(i) paste(drawn(i), collapse = ""), ""), after)
}

some_symbols <- function(n) {
  c("MT-CO1", "Actb", "GAPDH", "Malat1", "RPL13A", sprintf("Abc%d", seq_len(n)))[seq_len(n)]
}

some_identifiers <- function(n) sprintf("ENSMUSG%011d", seq_len(n))

# Skewed whole numbers, as molecules are counted.
skewed <- function(rows, columns) {
  uniform <- (seq_len(rows * columns) * 0.6180339887 + 0.3) %% 1
  matrix(floor(exp(2 * stats::qnorm(uniform))), rows, columns)
}

turned <- "neuralee_warning_orientation"
counted <- "neuralee_warning_counts"

small <- function(verb, ...) verb(..., perplexity = 5, maxit = 2, verbose = FALSE)

components <- function(x, ...) principal_components(x, 2, ..., verbose = FALSE)

warned <- function(x, cells = "rows") {
  tryCatch(
    {
      warn_orientation(x, cells)
      FALSE
    },
    neuralee_warning_orientation = function(condition) TRUE
  )
}

test_that("names of cells where genes should be, and of genes where cells should be, are noticed", {
  x <- log1p(skewed(40, 30))
  named <- function(rows = NULL, columns = NULL) {
    dimnames(x) <- list(rows, columns)
    x
  }
  swapped <- list(
    named(columns = barcodes(30)), named(columns = barcodes(30, "donor1_")),
    named(columns = barcodes(30, after = ".1")), named(columns = barcodes(30, "pbmc:", "x")),
    named(columns = barcodes(30, c("a_", "b_"), "-1_2")), named(some_symbols(40)),
    named(some_identifiers(40)), named(sprintf("ENSG%011d.7", 1:40), barcodes(30)),
    named(sprintf("FBgn%07d", 1:40)),
    named(sprintf("chr%d:%d-%d", 1:40 %% 20 + 1, 1:40, 1:40 + 50)),
    named(some_symbols(40), paste0("cell", 1:30)), named(paste0("gene", 1:40)),
    named(paste0("g", 1:40), paste0("cell_", 1:30))
  )
  for (x in swapped) {
    expect_true(warned(x))
    expect_false(warned(t(x)))
    expect_true(warned(t(x), "columns"))
    expect_false(warned(x, "columns"))
    expect_true(warned(sparse(x)))
    expect_true(warned(delayed(x)))
  }
})

test_that("names that could be anything say nothing", {
  x <- log1p(skewed(40, 30))
  harmless <- list(
    x, iris_x, as.matrix(mtcars), as.matrix(USArrests), matrix(1:6, 3), 1:3, t(iris_x),
    # Wells, samples and types of cells; tags with their sequences; pixels; components.
    structure(x, dimnames = list(sprintf("%s%d", LETTERS[1:8], 1:40), NULL)),
    structure(x, dimnames = list(rep(c("CD4", "CD8A", "CD19", "NK"), 10), NULL)),
    structure(x, dimnames = list(NULL, paste0("CD", 1:30, "-", barcodes(30, after = "")))),
    structure(x, dimnames = list(NULL, paste0("pixel_", 1:30))),
    structure(x, dimnames = list(NULL, paste0("PC", 1:30))),
    structure(x, dimnames = list(NULL, rep(NA_character_, 30))),
    structure(x, dimnames = list(NULL, rep("caf\xe9", 30)))
  )
  expect_false(warned(structure(x, dimnames = list(barcodes(40), some_symbols(30)))))
  for (x in harmless) {
    expect_false(warned(x))
    expect_false(warned(x, "columns"))
  }
})

test_that("whole numbers are counts where they are skewed, large and named as genes or cells are", {
  counts <- skewed(60, 40)
  quiet <- function(x, ...) expect_no_warning(warn_counts(x, "Do.", ...))
  named <- list(
    list(NULL, some_symbols(40)), list(barcodes(60), NULL), list(NULL, some_identifiers(40))
  )
  for (dimnames in named) {
    x <- structure(counts, dimnames = dimnames)
    for (kind in list(identity, sparse, delayed, t)) {
      warning <- expect_warning(warn_counts(kind(x), "Do this."), class = counted)
      expect_match(conditionMessage(warning), "`x` holds counts .*up to [0-9]+.*Do this.")
    }
    quiet(log1p(x))
    quiet(x / 2)
    quiet(x - 1)
    # One-hot, genotypes, and what is small.
    quiet(1 * (x > 3))
    quiet(pmin(x, 2))
    quiet(pmin(x, 15))
    quiet(0 * x)
    # Percentages, and the grey values of images.
    quiet(round(100 * abs(sin(x + col(x)))))
    quiet(pmin(20 * x, 255))
  }
  expect_warning(warn_counts(counts, "Do.", counts = TRUE), class = counted)
  # Digits and pixels.
  quiet(counts)
  quiet(structure(counts %% 256, dimnames = list(NULL, paste0("pixel", 1:40))))
  quiet(structure(counts %% 17, dimnames = list(paste0("image", 1:60), NULL)), counts = TRUE)
  quiet(as.data.frame(counts), counts = TRUE)
  quiet(1:3)
})

test_that("each verb says so before it starts, once", {
  x <- log1p(skewed(40, 30))
  dimnames(x) <- list(some_symbols(40), barcodes(30))
  right <- t(x)
  count <- function(expression) {
    times <- 0
    withCallingHandlers(expression, warning = function(condition) {
      expect_s3_class(condition, turned)
      expect_match(conditionMessage(condition), "`x`")
      times <<- times + 1
      rlang::cnd_muffle(condition)
    })
    times
  }
  container <- function(x) SingleCellExperiment::SingleCellExperiment(list(logcounts = t(x)))
  steps <- preprocessing(ntop = 9, components = 3)
  verbs <- list(
    function(x) small(ee, x), function(x) small(neuralee, x, hidden = 3),
    function(x) small(ee_path, x),
    function(x) small(neuralee, x, hidden = 3, preprocess = steps),
    function(x) entropic_affinity(x, 5), function(x) gaussian_affinity(x, 5),
    function(x) find_neighbors(x, 5), function(x) components(x), standard_scale,
    function(x) subsample_genes(x, 5), function(x) small(calculateEE, t(x)),
    function(x) small(calculateNeuralEE, t(x), hidden = 3),
    function(x) small(calculateEE, x, transposed = TRUE), function(x) small(runEE, container(x)),
    function(x) components(container(x))
  )
  for (verb in verbs) {
    expect_identical(count(verb(x)), 1)
    expect_identical(count(verb(right)), 0)
  }
  expect_warning(small(calculateEE, right), "transposed = TRUE", class = turned)
})

test_that("each verb that measures distances says so of counts", {
  counts <- skewed(60, 40)
  dimnames(counts) <- list(barcodes(60), some_symbols(40))
  remedy <- function(expression) conditionMessage(expect_warning(expression, class = counted))
  expect_match(remedy(small(ee, counts)), "log_shift")
  expect_match(remedy(small(ee_path, counts)), "log_shift")
  expect_match(remedy(small(neuralee, counts, hidden = 3)), "preprocessing.log = TRUE.")
  expect_match(remedy(components(counts)), "log_shift")
  expect_no_warning(small(neuralee, counts, hidden = 3, preprocess = preprocessing(log = TRUE)))
  expect_no_warning(small(ee, log_shift(counts)))
  sce <- SingleCellExperiment::SingleCellExperiment(list(counts = unname(t(counts))))
  expect_match(remedy(small(runEE, sce, assay.type = "counts")), "logNormCounts")
  expect_match(remedy(small(runNeuralEE, sce, assay.type = "counts", hidden = 3)), "logNormCounts")
  expect_match(remedy(components(sce, assay.type = "counts")), "log_shift")
  expect_no_warning(small(runEE, log_shift(sce)))
})

test_that("a warning does not wait for the end of the call", {
  printed <- in_new_session({
    x <- log1p(matrix(1:1200, 40, dimnames = list(sprintf("ENSG%011d", 1:40), NULL)))
    invisible(ee(x, perplexity = 5, maxit = 2, callback = function(...) {
      cat("first iteration\n", file = stderr())
      FALSE
    }, every = 1, verbose = FALSE))
  })
  expect_match(printed, "names of genes.*first iteration")
})

test_that("counts for a model of other values get a warning, and for one of counts none", {
  counts <- t(as.matrix(counts_of(counts_sce())))
  fit <- train(log1p(counts), maxit = 2, perplexity = 5)
  expect_warning(predict(fit, counts, verbose = FALSE), class = "neuralee_warning_counts")
  expect_no_warning(predict(fit, log1p(counts), verbose = FALSE))
  of_counts <- train(counts, maxit = 2, perplexity = 5, preprocess = preprocessing(log = TRUE))
  expect_no_warning(predict(of_counts, counts, verbose = FALSE))
})
