drawn <- function(plot) {
  expect_s3_class(plot, "ggplot")
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  ggplot2::ggplotGrob(plot)
  ggplot2::ggplot_build(plot)
}

map <- stats::prcomp(iris_x)$x

test_that("each cell is drawn once, in its place and colour", {
  before <- random_seed_of_r()
  data <- drawn(plot_embedding(map, colour_by = iris$Species))$data[[1]]
  expect_identical(random_seed_of_r(), before)
  expect_equal(nrow(data), 150L)
  expect_setequal(paste(data$x, data$y), paste(map[, 1], map[, 2]))
  setosa <- unique(data$colour[data$x < -2])
  expect_length(setosa, 1L)
  expect_length(unique(data$colour), 3L)
  expect_s3_class(plot_embedding(map)$coordinates, "CoordFixed")
})

test_that("numbers get a continuous scale with the largest values on top", {
  data <- plot_embedding(map, colour_by = iris$Petal.Length)$data
  expect_false(is.unsorted(data$colour))
  expect_gt(length(unique(drawn(plot_embedding(map, colour_by = iris$Petal.Length))$data[[1]]$colour)), 30L)
})

test_that("labels stand at the median and replace the legend", {
  built <- drawn(plot_embedding(map, colour_by = iris$Species, label = TRUE))
  labels <- built$data[[2]]
  expect_setequal(as.character(labels$label), levels(iris$Species))
  expect_equal(labels$x[labels$label == "setosa"], stats::median(map[1:50, 1]))
  crowded <- data.frame(label = letters[1:5], x = 0, y = 0)
  apart <- spread_labels(crowded, span = 10)
  expect_gt(min(diff(sort(apart$y))), 0.44)
})

test_that("colours are distinct for any number of labels", {
  for (count in c(1, 8, 12, 20, 21, 60)) {
    colours <- label_colours(count)
    expect_length(colours, count)
    expect_false(anyDuplicated(colours) > 0)
  }
})

test_that("a SingleCellExperiment is coloured by a column or a feature", {
  sce <- iris_sce()
  by_column <- plot_embedding(sce, dimred = "PCA", colour_by = "species")
  expect_setequal(levels(by_column$data$colour), levels(iris$Species))
  by_feature <- plot_embedding(sce, dimred = "PCA", colour_by = "Petal.Length")
  expect_equal(by_feature$data$colour, sort(log1p(iris$Petal.Length)))
  expect_refused(plot_embedding(sce, dimred = "EE"), "input", "PCA")
  expect_refused(plot_embedding(sce, dimred = "PCA", colour_by = "cluster"), "input", "species.*Sepal.Length")
  expect_refused(
    plot_embedding(sce, dimred = "PCA", colour_by = "Petal.Length", assay.type = "tpm"), "input", "logcounts"
  )
})

test_that("one dimension, missing labels and a bitmap work", {
  drawn(plot_embedding(map, dims = 1))
  drawn(plot_embedding(map, dims = c(2, 3), colour_by = replace(as.character(iris$Species), 1:5, NA)))
  drawn(plot_embedding(map, colour_by = rep("all", 150), label = TRUE))
  skip_if_not_installed("ggrastr")
  drawn(plot_embedding(map, rasterise = TRUE))
})

test_that("what cannot be drawn is refused", {
  expect_refused(plot_embedding(map, colour_by = 1:10), "input", "10 entries")
  expect_refused(plot_embedding(map, dims = 5), "input", "1 to 4")
  expect_refused(plot_embedding(map, dims = 1:3), "input")
  expect_refused(plot_embedding("map"), "input", "numeric matrix")
  expect_refused(plot_embedding(map, colour_by = iris$Species, palette = "red"), "input", "3 labels")
  expect_refused(plot_trace(map), "input", "trace")
})

test_that("a trace is drawn against iterations or seconds", {
  trace <- data.frame(iteration = 1:9, loss = 9:1, gradient_norm = 10^(-(1:9)), seconds = (1:9) / 10)
  built <- drawn(plot_trace(trace))
  expect_equal(built$data[[1]]$y, c(9:1, -(1:9)))
  expect_equal(drawn(plot_trace(trace, against = "seconds"))$data[[1]]$x, rep((1:9) / 10, 2))
  expect_refused(plot_trace(iris_sce(), dimred = "PCA"), "input", "runEE")
})
