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
  labels <- built$data[[3]]
  expect_setequal(as.character(labels$label), levels(iris$Species))
  expect_equal(labels$x[labels$label == "setosa"], stats::median(map[1:50, 1]))
})

test_that("labels that collide move a little with a line, or are left out and counted", {
  n <- 60
  points <- cbind(x = rep(c(0, 1, 0, 1), n), y = rep(c(0, 0, 1, 1), n))
  label <- rep(sprintf("cluster %d", seq_len(n)), each = 4)
  plot <- plot_embedding(points, colour_by = label, label = TRUE)
  built <- drawn(plot)
  lines <- built$data[[2]]
  labels <- built$data[[3]]
  expect_lte(max(sqrt((labels$x - 0.5)^2 + (labels$y - 0.5)^2)), 0.126)
  expect_gt(nrow(lines), 1L)
  expect_lt(nrow(labels), n)
  expect_match(plot$labels$caption, sprintf("%d of %d labels", n - nrow(labels), n))
  expect_equal(built$layout$panel_params[[1]]$x.range, c(-0.05, 1.05))
})

test_that("long labels are wrapped, and a legend of many stands below", {
  long <- short_lines(c("a b", "dopaminergic neuron of the substantia nigra", strrep("x", 40)), 25)
  expect_identical(long, c("a b", "dopaminergic neuron of\nthe substantia nigra", paste0(strrep("x", 22), "...")))
  few <- plot_embedding(map, colour_by = iris$Species)
  many <- plot_embedding(map, colour_by = factor(rep(1:30, 5)))
  expect_identical(few$theme$legend.position, "right")
  expect_identical(many$theme$legend.position, "bottom")
  drawn(many)
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

test_that("a palette is used for labels and for numbers", {
  of <- function(...) drawn(plot_embedding(map, ...))$data[[1]]$colour
  named <- c(setosa = "#FF0000", versicolor = "#00FF00", virginica = "#0000FF")
  expect_setequal(of(colour_by = iris$Species, palette = named), named)
  expect_setequal(of(color_by = iris$Species, palette = unname(named)), named)
  greys <- grDevices::col2rgb(of(colour_by = iris$Petal.Length, palette = c("black", "white")))
  expect_lt(max(greys) - max(greys[1, ]), 1)
  expect_gt(diff(range(greys[1, ])), 200)
  for (colour_by in list(iris$Species, iris$Petal.Length)) {
    expect_refused(plot_embedding(map, colour_by = colour_by, palette = c("red", "blurple", "blue")), "input", "blurple")
    expect_refused(plot_embedding(map, colour_by = colour_by, palette = "red"), "input", "1 colours")
  }
  expect_refused(plot_embedding(map, iris$Species, palette = setNames(named, letters[1:3])), "input", "setosa")
})

test_that("bad sizes, titles, names and coordinates are refused at the call", {
  for (size in list("a", 1:3, NA, 0)) expect_refused(plot_embedding(map, point_size = size), "input", "point_size")
  expect_refused(plot_embedding(map, title = list(1)), "input", "title")
  expect_refused(plot_embedding(map, colors_by = iris$Species), "input", "`color_by`")
  expect_refused(plot_embedding(replace(map, 3, Inf)), "not_finite")
  expect_refused(plot_embedding(iris_sce()[, 0], dimred = "PCA"), "input", "no cells")
  drawn(plot_embedding(map, colour_by = rep(NA, 150), label = TRUE))
})

test_that("a trace is drawn against iterations or seconds", {
  trace <- data.frame(iteration = 1:9, loss = 9:1, gradient_norm = 10^(-(1:9)), seconds = (1:9) / 10)
  built <- drawn(plot_trace(trace))
  expect_equal(built$data[[1]]$y, c(9:1, -(1:9)))
  expect_equal(drawn(plot_trace(trace, against = "seconds"))$data[[1]]$x, rep((1:9) / 10, 2))
  expect_equal(drawn(plot_trace(trace, log_loss = TRUE))$data[[1]]$y, c(log10(9:1), -(1:9)))
  expect_refused(plot_trace(transform(trace, loss = "a")), "input", "trace")
  expect_refused(plot_trace(iris_sce(), dimred = "PCA"), "input", "runEE")
})
