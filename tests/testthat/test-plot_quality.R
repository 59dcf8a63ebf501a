map <- stats::prcomp(iris_x)$x[, 1:2]
good <- embedding_quality(map, iris_x, labels = iris$Species)
poor <- embedding_quality(map[rev(seq_len(150)), ], iris_x)

test_that("each measure is a panel with a bar for each embedding", {
  plot <- plot_quality(list(PCA = good, reversed = poor))
  built <- ggplot2::ggplot_build(plot)
  expect_equal(nrow(built$layout$layout), 8L)
  bars <- plot$data
  expect_identical(levels(bars$map), c("reversed", "PCA"))
  value <- function(of, which) {
    bars$value[bars$map == which & startsWith(as.character(bars$measure), of)]
  }
  expect_equal(value("trustworthiness", "PCA"), good$trustworthiness)
  expect_equal(value("area under R_NX", "reversed"), poor$auc_rnx)
  expect_identical(
    bars$text[bars$map == "reversed" & startsWith(as.character(bars$measure), "label")],
    "not measured"
  )
  expect_true("trustworthiness, k = 10" %in% levels(bars$measure))
  expect_equal(value("spread", "PCA"), good$spread)
  expect_true("compactness" %in% levels(bars$measure))
})

test_that("rows that were bound are named by their names, or counted", {
  maps <- function(quality) rev(levels(plot_quality(quality)$data$map))
  expect_identical(maps(rbind(PCA = good, reversed = poor)), c("PCA", "reversed"))
  expect_identical(maps(rbind(good, poor)), c("embedding 1", "embedding 2"))
  expect_identical(maps(good), "embedding")
  expect_identical(maps(list(good, poor)), c("embedding 1", "embedding 2"))
})

test_that("a measure that no embedding has gets no panel, and different k are not named", {
  expect_false(any(grepl("label", levels(droplevels(plot_quality(poor)$data$measure)))))
  other <- embedding_quality(map, iris_x, k = 5)
  expect_true("trustworthiness" %in% levels(plot_quality(list(a = poor, b = other))$data$measure))
})

test_that("the curves are those of the tables over a logarithmic axis, their areas in the legend", {
  plot <- plot_quality(list(PCA = good, reversed = poor), view = "r_nx")
  expect_identical(levels(plot$data$map), c("PCA", "reversed"))
  drawn <- split(plot$data, plot$data$map)
  # The smallest K are all there, as is the last.
  for (one in list(list(drawn$PCA, good), list(drawn$reversed, poor))) {
    expect_identical(one[[1]]$k[c(1:5, nrow(one[[1]]))], c(1:5, 148) + 0)
    expect_identical(one[[1]]$r_nx, one[[2]]$r_nx[[1]][one[[1]]$k])
  }
  built <- ggplot2::ggplot_build(plot)
  expect_equal(max(built$data[[2]]$x), log10(148))
  scale <- built$plot$scales$get_scales("colour")
  labels <- sprintf("%s (area %.3f)", c("PCA", "reversed"), c(good$auc_rnx, poor$auc_rnx))
  expect_equal(as.vector(scale$get_labels()), labels)
})

test_that("curves of different length and of many K are drawn in at most 500 points", {
  many <- good
  many$r_nx <- list(seq(1, 0, length.out = 1e5))
  drawn <- table(plot_quality(list(a = good, b = many), view = "r_nx")$data$map)
  expect_lte(max(drawn), 500L)
  expect_gt(drawn[["b"]], drawn[["a"]])
})

test_that("tables that were altered are refused", {
  altered <- function(name, value) replace(good, name, list(value))
  for (bad in list(
    altered("k", "10"), altered("k", NA_real_), altered("k", 2.5),
    altered("trustworthiness", "0.9"), altered("auc_rnx", 7), altered("r_nx", 0.5),
    altered("spread", 1.5), good[setdiff(names(good), "compactness")],
    altered("r_nx", I(list(c(0.1, NA)))), altered("r_nx", I(list("a"))),
    good[setdiff(names(good), "r_nx")], good[0, ]
  )) {
    expect_refused(plot_quality(bad), "input", "embedding_quality")
    expect_refused(plot_quality(bad, view = "r_nx"), "input", "embedding_quality")
  }
  expect_refused(plot_quality(good, view = "bars"), "input", "`view`")
})

test_that("what embedding_quality() did not return is refused", {
  for (bad in list(1, iris, list(), list(good, iris), NULL)) {
    expect_refused(plot_quality(bad), "input", "embedding_quality")
  }
})
