# The original's codes, from 0.
codes <- function(labels) as.integer(labels) - 1L

test_that("golden values of filter_cell_types", {
  found <- filter_cell_types(typed_sce(), c("C", "A"))
  # The original groups the cells by type.
  grouped <- found[, order(found$label)]
  expect_identical(codes(grouped$label), golden("prep_filter_ct_labels.npy"))
  expect_equal(
    t(counts_of(grouped)[1:5, ]), golden("prep_filter_ct_Y.npy"), tolerance = 1e-6,
    ignore_attr = TRUE
  )
})

test_that("golden values of merge_cell_types and map_cell_types", {
  found <- merge_cell_types(typed_sce(), c("A", "B"), "AB")
  expect_identical(levels(found$label), c("C", "D", "AB"))
  expect_identical(codes(found$label), golden("prep_merge_ct_labels.npy"))
  found <- map_cell_types(typed_sce(), list(AC = c("A", "C"), BB = "B"))
  expect_identical(levels(found$label), c("AC", "BB"))
  # The original keeps the cells of A and C, then those of B, each group in the order of its types.
  was <- typed_sce()$label[found$number]
  expect_identical(
    codes(found$label)[order(match(was, c("A", "C", "B")))], golden("prep_map_ct_labels.npy")
  )
})

test_that("cells keep their order and all their parts, levels take the order given", {
  sce <- typed_sce()
  found <- filter_cell_types(sce, c("C", "A"))
  expect_cells(found, which(sce$label %in% c("A", "C")))
  expect_identical(levels(found$label), c("C", "A"))
  expect_identical(as.character(found$label), as.character(sce$label[found$number]))
  found <- merge_cell_types(sce, c("A", "B"), "AB")
  expect_cells(found, 1:200)
  found <- map_cell_types(sce, list(x = c("D", "A"), y = "C"))
  expect_cells(found, which(sce$label != "B"))
  expect_identical(found$label == "y", sce$label[found$number] == "C")
})

test_that("types may be the numbers of levels, which are those of the object as it is given", {
  sce <- typed_sce()
  # All of these ended in an error or in wrong groups in the original.
  expect_identical(filter_cell_types(sce, c(3, 1)), filter_cell_types(sce, c("C", "A")))
  expect_identical(filter_cell_types(sce, 2L), filter_cell_types(sce, "B"))
  expect_identical(merge_cell_types(sce, 1:2, "AB"), merge_cell_types(sce, c("A", "B"), "AB"))
  expect_identical(
    map_cell_types(sce, list(first = 4, second = 1:2)),
    map_cell_types(sce, list(first = "D", second = c("A", "B")))
  )
})

test_that("a name of several letters is one name, and a merged type is renamed", {
  sce <- merge_cell_types(typed_sce(), 1:2, "AB")
  expect_identical(levels(map_cell_types(sce, list(new = "AB"))$label), "new")
  expect_identical(table(merge_cell_types(sce, "AB", "A")$label)[["A"]], 98L)
  expect_identical(levels(merge_cell_types(sce, c("C", "AB"), "C")$label), c("D", "C"))
})

test_that("types without cells leave names and labels in step", {
  sce <- typed_sce()[, typed_sce()$label != "B"]
  found <- merge_cell_types(sce, c("A", "C"), "AC")
  expect_identical(levels(found$label), c("B", "D", "AC"))
  expect_identical(found$label == "AC", sce$label %in% c("A", "C"))
  found <- filter_cell_types(sce, c("B", "A"))
  expect_identical(c(table(found$label)), c(B = 0L, A = sum(sce$label == "A")))
  expect_identical(table(map_cell_types(sce, list(b = "B", d = "D"))$label)[["b"]], 0L)
  expect_refused(filter_cell_types(sce, "B"), "input", "No cell is of the types \"B\"")
  expect_refused(map_cell_types(sce, list(b = "B")), "input", "No cell")
})

test_that("labels of other kinds", {
  sce <- typed_sce()
  factor <- sce$label
  sce$text <- as.character(factor)
  sce$run <- S4Vectors::Rle(sce$text)
  sce$number_of_type <- as.integer(factor) * 100000L
  sce$digits <- base::factor(as.integer(factor) - 1L)
  expect_identical(
    filter_cell_types(sce, c("C", "A"), "text")$text, filter_cell_types(sce, c("C", "A"))$label
  )
  expect_identical(
    filter_cell_types(sce, c("C", "A"), labels = "run")$run,
    filter_cell_types(sce, c("C", "A"))$label
  )
  expect_refused(filter_cell_types(sce, 1, "text"), "input", "no factor")
  # Order of first appearance.
  expect_identical(
    levels(merge_cell_types(sce, "A", "a", "text")$text), c(setdiff(unique(sce$text), "A"), "a")
  )
  expect_identical(filter_cell_types(sce, 3e5, "number_of_type")$number, which(factor == "C"))
  expect_refused(filter_cell_types(sce, 3, "number_of_type"), "input", "\"3\"")
  # "1" or the level 1, which is "0"?
  expect_refused(filter_cell_types(sce, 1, "digits"), "input", "look like numbers")
  expect_identical(filter_cell_types(sce, "2", "digits")$number, which(factor == "C"))
})

test_that("cells without a label are of no type", {
  sce <- typed_sce()
  sce$label[1:10] <- NA
  expect_identical(anyNA(filter_cell_types(sce, levels(sce$label))$label), FALSE)
  expect_identical(ncol(filter_cell_types(sce, levels(sce$label))), 190L)
  expect_identical(which(is.na(merge_cell_types(sce, 1:2, "AB")$label)), 1:10)
  sce$label <- addNA(sce$label)
  expect_identical(levels(merge_cell_types(sce, 1:2, "AB")$label), c("C", "D", "AB"))
})

test_that("a SummarizedExperiment will do", {
  sce <- typed_sce()
  plain <- SummarizedExperiment::SummarizedExperiment(
    list(counts = counts_of(sce)), colData = SummarizedExperiment::colData(sce)
  )
  expect_identical(filter_cell_types(plain, "C")$number, which(sce$label == "C"))
})

test_that("bad input is refused", {
  sce <- typed_sce()
  verbs <- list(
    filter_cell_types,
    function(x, types, labels = "label") merge_cell_types(x, types, "new", labels),
    function(x, types, labels = "label") map_cell_types(x, list(new = types), labels)
  )
  strange <- sce
  strange$label <- rep(c("a\xff", "A"), 100)
  Encoding(strange$label) <- "bytes"
  for (verb in verbs) {
    expect_refused(verb(sce, c("A", "E")), "input", "\"E\".*\"A\", \"B\"")
    expect_refused(verb(sce, c("A", "A")), "input", "several times")
    expect_refused(verb(sce, c(1, 1)), "input", "several times")
    for (types in list(
      NULL, character(), NA, "", NA_character_, 0, 5, 1.5, -1, Inf, numeric(), TRUE, list("A")
    )) {
      expect_refused(verb(sce, types), "input", "types|map")
    }
    expect_refused(verb(sce, "A", "cluster"), "input", "\"cluster\".*\"label\", \"number\"")
    for (labels in list(NULL, NA_character_, 1, c("label", "number"), "")) {
      expect_refused(verb(sce, "A", labels), "input", "`labels`")
    }
    expect_refused(verb(counts_of(sce), "A"), "input", "SingleCellExperiment")
    expect_refused(verb(NULL, "A"), "input", "SingleCellExperiment")
    expect_refused(verb(strange, "A"), "input", "Name 1 in \"label\" .* no valid text")
    sce$pairs <- matrix(1, 200, 2)
    expect_refused(verb(sce, "A", "pairs"), "input", "\"pairs\"")
  }
  for (new in list(NULL, NA_character_, "", 3, c("a", "b"))) {
    expect_refused(merge_cell_types(sce, 1:2, new), "input", "`new`")
  }
  expect_refused(merge_cell_types(sce, 1:2, "C"), "input", "`new` is \"C\"")
  for (map in list(
    NULL, "A", c(new = "A"), list("A"), list(), list(a = "A", "B"), list(a = "A", a = "B"), sce
  )) {
    expect_refused(map_cell_types(sce, map), "input", "map")
  }
  expect_refused(
    map_cell_types(sce, list(a = c("A", "B"), b = c("C", "B"))), "input", "several groups: \"B\""
  )
  expect_refused(map_cell_types(sce, list(a = "A", b = 1)), "input", "several groups: \"A\"")
  expect_refused(map_cell_types(sce, list(a = "A", b = "Z")), "input", "map\\$b.*\"Z\"")
})
