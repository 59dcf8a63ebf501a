map_file <- function(fileext = ".csv", envir = parent.frame()) {
  path <- tempfile(fileext = fileext)
  do.call(on.exit, list(bquote(unlink(.(path))), add = TRUE), envir = envir)
  path
}

test_that("a matrix reads back as the same numbers, gzipped or not", {
  set.seed(3)
  x <- matrix(
    stats::rnorm(40) * 10^(-10:9), 20, dimnames = list(paste0("cell,\"", 1:20), c("a", "b c"))
  )
  labels <- rep(c("T, \"naive\"", NA), 10)
  for (fileext in c(".csv", ".csv.gz")) {
    path <- map_file(fileext)
    expect_identical(write_csv_embedding(x, path, labels = labels), path)
    expect_identical(readBin(path, "raw", 2) == as.raw(c(0x1f, 0x8b)), rep(fileext == ".csv.gz", 2))
    back <- utils::read.csv(path, check.names = FALSE)
    expect_identical(names(back), c("cell", "a", "b c", "label"))
    expect_identical(back$cell, rownames(x))
    expect_identical(back$label, labels)
    expect_equal(unname(as.matrix(back[2:3])), unname(x), tolerance = 1e-15)
  }
  write_csv_embedding(x, path <- map_file())
  again <- read_csv_counts(path, genes_in_rows = FALSE, verbose = FALSE)
  expect_identical(t(SummarizedExperiment::assay(again)), x)
})

test_that("fits and reductions are written with the names of their cells", {
  fit <- ee(iris_x, perplexity = 20, maxit = 5, verbose = FALSE)
  write_csv_embedding(fit, path <- map_file(), labels = iris$Species)
  back <- utils::read.csv(path)
  expect_identical(names(back), c("cell", colnames(fit$embedding) %||% c("EE1", "EE2"), "label"))
  expect_identical(back$cell, seq_len(150))
  expect_identical(back$label, as.character(iris$Species))

  sce <- runEE(iris_sce(), dimred = "PCA", perplexity = 20, maxit = 5, verbose = FALSE)
  write_csv_embedding(sce, path, labels = "species")
  back <- utils::read.csv(path)
  expect_identical(back$cell, colnames(sce))
  map <- unname(as.matrix(SingleCellExperiment::reducedDim(sce, "EE"))[1:150, ])
  expect_equal(unname(as.matrix(back[2:3])), map, tolerance = 1e-14, ignore_attr = TRUE)
  expect_identical(back$label, as.character(sce$species))
  write_csv_embedding(sce, path, dimred = "PCA")
  expect_identical(names(utils::read.csv(path)), c("cell", "PC1", "PC2", "PC3", "PC4"))
})

test_that("what cannot be written is refused and leaves what was there", {
  path <- map_file()
  writeLines("before", path)
  expect_refused(write_csv_embedding("x", path), "input")
  expect_refused(write_csv_embedding(matrix(c(1, NA), 1), path), "not_finite")
  expect_refused(write_csv_embedding(iris_x, path, labels = 1:3), "input", "150 cells")
  expect_refused(write_csv_embedding(iris_sce(), path), "input", "no reducedDim \"EE\"")
  expect_refused(
    write_csv_embedding(iris_sce(), path, dimred = "PCA", labels = "type"), "input", "\"species\""
  )
  expect_refused(
    write_csv_embedding(iris_x, file.path(tempfile(), "map.csv")), "input", "could not be written"
  )
  expect_refused(write_csv_embedding(iris_x, tempdir()), "input", "no regular file")
  expect_refused(write_csv_embedding(iris_x, 1), "input", "`file`")
  expect_identical(readLines(path), "before")
})

test_that("sparse and delayed maps are written as their numbers", {
  file <- tempfile(fileext = ".csv")
  on.exit(unlink(file))
  map <- matrix(c(0, 1.5, 0, -2), 2, dimnames = list(c("a", "b"), c("EE1", "EE2")))
  write_csv_embedding(map, file)
  expected <- readLines(file)
  for (other in list(sparse(map), delayed(map))) {
    write_csv_embedding(other, file)
    expect_identical(readLines(file), expected)
  }
})
