map <- stats::prcomp(iris_x)$x[, 1:2]
good <- embedding_quality(map, iris_x, labels = iris$Species)
poor <- embedding_quality(map[rev(seq_len(150)), ], iris_x)

test_that("each measure is a panel with a bar for each embedding", {
  plot <- plot_quality(list(PCA = good, reversed = poor))
  built <- ggplot2::ggplot_build(plot)
  expect_equal(nrow(built$layout$layout), 5L)
  bars <- plot$data
  expect_identical(levels(bars$map), c("reversed", "PCA"))
  value <- function(of, which) bars$value[bars$map == which & startsWith(as.character(bars$measure), of)]
  expect_equal(value("trustworthiness", "PCA"), good$trustworthiness)
  expect_equal(value("area under R_NX", "reversed"), poor$auc_rnx)
  expect_identical(bars$text[bars$map == "reversed" & startsWith(as.character(bars$measure), "label")], "not measured")
  expect_true("trustworthiness, k = 10" %in% levels(bars$measure))
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

test_that("what embedding_quality() did not return is refused", {
  for (bad in list(1, iris, list(), list(good, iris), NULL)) {
    expect_refused(plot_quality(bad), "input", "embedding_quality")
  }
})
