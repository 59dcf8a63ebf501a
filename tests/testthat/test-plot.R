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
  expect_equal(plot_embedding(map)$coordinates$ratio, 1)
})

test_that("numbers get a continuous scale with the largest values on top", {
  data <- plot_embedding(map, colour_by = iris$Petal.Length)$data
  expect_false(is.unsorted(data$colour))
  expect_gt(
    length(unique(drawn(plot_embedding(map, colour_by = iris$Petal.Length))$data[[1]]$colour)), 30L
  )
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
  expect_identical(
    long, c("a b", "dopaminergic neuron of\nthe substantia nigra", paste0(strrep("x", 22), "..."))
  )
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
  expect_refused(
    plot_embedding(sce, dimred = "PCA", colour_by = "cluster"), "input", "species.*Sepal.Length"
  )
  expect_refused(
    plot_embedding(sce, dimred = "PCA", colour_by = "Petal.Length", assay.type = "tpm"), "input",
    "logcounts"
  )
})

test_that("one dimension, missing labels and a bitmap work", {
  drawn(plot_embedding(map, dims = 1))
  drawn(
    plot_embedding(map, dims = c(2, 3), colour_by = replace(as.character(iris$Species), 1:5, NA))
  )
  drawn(plot_embedding(map, colour_by = rep("all", 150), label = TRUE))
  skip_if_not_installed("ggrastr")
  drawn(plot_embedding(map, rasterise = TRUE))
})

test_that("what cannot be drawn is refused", {
  expect_refused(plot_embedding(map, colour_by = 1:10), "input", "10 entries")
  expect_refused(plot_embedding(map, dims = 5), "input", "1 to 4")
  expect_refused(plot_embedding(map, dims = 1:3), "input")
  expect_refused(plot_embedding("map"), "input", "numeric matrix")
  expect_refused(
    plot_embedding(map, colour_by = iris$Species, palette = "red"), "input", "3 labels"
  )
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
    expect_refused(
      plot_embedding(map, colour_by = colour_by, palette = c("red", "blurple", "blue")), "input",
      "blurple"
    )
    expect_refused(
      plot_embedding(map, colour_by = colour_by, palette = "red"), "input", "1 colours"
    )
  }
  expect_refused(
    plot_embedding(map, iris$Species, palette = setNames(named, letters[1:3])), "input", "setosa"
  )
})

test_that("bad sizes, titles, names and coordinates are refused at the call", {
  for (size in list("a", 1:3, NA, 0)) expect_refused(
    plot_embedding(map, point_size = size), "input", "point_size"
  )
  expect_refused(plot_embedding(map, title = list(1)), "input", "title")
  expect_refused(plot_embedding(map, colors_by = iris$Species), "input", "`color_by`")
  expect_refused(plot_embedding(replace(map, 3, Inf)), "not_finite")
  expect_refused(plot_embedding(iris_sce()[, 0], dimred = "PCA"), "input", "no cells")
  drawn(plot_embedding(map, colour_by = rep(NA, 150), label = TRUE))
})

test_that("colours stay apart under colour-vision deficiencies", {
  # Machado, Oliveira and Fernandes (2009), severity 1.
  seen_by <- list(
    normal = diag(3),
    deuteranope = c(
      0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.011820, 0.042940, 0.968881
    ),
    protanope = c(
      0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998
    ),
    tritanope = c(
      1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.303900
    )
  )
  in_lab <- function(colours, eye) {
    rgb <- t(grDevices::col2rgb(colours)) / 255
    linear <- ifelse(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055)^2.4)
    linear <- pmin(pmax(linear %*% t(matrix(eye, 3, byrow = TRUE)), 0), 1)
    srgb <- ifelse(linear <= 0.0031308, 12.92 * linear, 1.055 * linear^(1 / 2.4) - 0.055)
    grDevices::convertColor(srgb, "sRGB", "Lab")
  }
  for (eye in seen_by) {
    expect_gt(min(stats::dist(in_lab(label_colours(8), eye))), 15)
    expect_gt(min(stats::dist(in_lab(label_colours(20), eye))), 12)
    # Lightness orders numbers; between poles it falls to both sides, and the ends differ.
    expect_false(is.unsorted(in_lab(viridis, eye)[, 1]))
    poles <- in_lab(from_pole_to_pole, eye)
    expect_true(all(diff(poles[, 1]) * c(1, 1, -1, -1) > 5))
    expect_gt(sqrt(sum((poles[1, ] - poles[5, ])^2)), 60)
  }
})

test_that("groups get panels, in which the other cells are pale", {
  built <- drawn(plot_embedding(map, colour_by = iris$Petal.Length, facet_by = iris$Species))
  expect_identical(as.character(built$layout$layout$panel), levels(iris$Species))
  own <- built$data[[2]]
  expect_setequal(paste(own$x, own$y)[own$PANEL == 2], paste(map[51:100, 1], map[51:100, 2]))
  expect_equal(as.vector(table(built$data[[1]]$PANEL)), rep(150, 3))
  expect_identical(unique(built$data[[1]]$colour), "grey92")
  in_rows <- drawn(plot_embedding(map, facet_by = iris$Species, ncol = 1))$layout$layout
  expect_identical(in_rows$ROW, 1:3)
  gaps <- replace(as.character(iris$Species), 1, NA)
  missing <- drawn(plot_embedding(map, facet_by = gaps))$layout$layout
  expect_true("NA" %in% missing$panel)
  expect_refused(plot_embedding(map, facet_by = seq_len(150)), "input", "150 different values")
  expect_refused(plot_embedding(map, facet_by = 1:3), "input", "`facet_by` has 3 entries")
})

test_that("labels in panels stand at the medians of the cells of the panel", {
  half <- rep(c("a", "b"), 75)
  labels <- drawn(plot_embedding(map, iris$Species, facet_by = half, label = TRUE))$data[[4]]
  expect_equal(nrow(labels), 6L)
  setosa <- labels[labels$label == "setosa", ]
  expect_equal(
    setosa$x[setosa$PANEL == 2], stats::median(map[half == "b" & iris$Species == "setosa", 1])
  )
})

test_that("several columns of numbers share a scale, or each has its own", {
  columns <- data.frame(narrow = iris$Petal.Width, wide = 100 * iris$Petal.Length)
  colours_in <- function(...) {
    data <- drawn(plot_embedding(map, colour_by = columns, ...))$data[[1]]
    lapply(split(data$colour, data$PANEL), unique)
  }
  shared <- colours_in()
  # 2.5 of 690 is the lowest colour still.
  expect_lt(max(abs(grDevices::col2rgb(shared[[1]]) - as.vector(grDevices::col2rgb("#440154")))), 5)
  expect_true("#FDE725" %in% substr(shared[[2]], 1, 7))
  own <- colours_in(rescale = TRUE)
  for (colours in own) expect_true(all(c("#440154", "#FDE725") %in% substr(colours, 1, 7)))
  expect_refused(plot_embedding(map, iris[, 4:5]), "input", "Species.*labels")
  expect_refused(plot_embedding(map, iris$Species, rescale = TRUE), "input", "rescale")
  expect_refused(plot_embedding(map, columns, rescale = TRUE, limits = 0:1), "input", "limits")
})

test_that("several features of a container are drawn, also for each group", {
  sce <- iris_sce()
  two <- c("Petal.Length", "Sepal.Width")
  plot <- plot_embedding(sce, two, dimred = "PCA", facet_by = "species")
  layout <- drawn(plot)$layout$layout
  expect_equal(nrow(layout), 6L)
  expect_identical(levels(layout$feature), two)
  expect_setequal(plot$data$colour[plot$data$feature == "Sepal.Width"], log1p(iris$Sepal.Width))
  expect_refused(
    plot_embedding(sce, c("Petal.Length", "Actb"), dimred = "PCA"), "input", "\"Actb\" is neither"
  )
  expect_refused(
    plot_embedding(sce, letters[1:10], dimred = "PCA"), "input", "10 entries.*\"a\" is neither"
  )
})

test_that("numbers between two poles have 0 in the middle, named ends, the farthest cells on top", {
  score <- c(-1, rep(0, 148), 3)
  plot <- plot_embedding(map, score, poles = c("erythroid", "granulocytic"))
  built <- drawn(plot)
  scale <- built$plot$scales$get_scales("colour")
  expect_equal(scale$get_limits(), c(-3, 3))
  expect_identical(unname(scale$get_labels()), c("erythroid", "granulocytic"))
  data <- built$data[[1]]
  expect_identical(substr(data$colour[150], 1, 7), "#A63603")
  expect_identical(unique(substr(data$colour[1:148], 1, 7)), "#D9D9D9")
  expect_equal(plot$data$colour[149:150], c(-1, 3))
  expect_refused(plot_embedding(map, score, poles = "erythroid"), "input", "poles")
  expect_refused(
    plot_embedding(map, iris$Species, poles = c("a", "b")), "input", "`poles` is for numbers"
  )
})

test_that("compressed columns are drawn, and those that are neither labels nor numbers refused", {
  sce <- iris_sce()
  plain <- drawn(plot_embedding(sce, colour_by = "species", dimred = "PCA"))$data
  sce$run <- S4Vectors::Rle(as.character(iris$Species))
  sce$width <- S4Vectors::Rle(iris$Petal.Width)
  expect_identical(drawn(plot_embedding(sce, colour_by = "run", dimred = "PCA"))$data, plain)
  expect_identical(
    drawn(plot_embedding(map, colour_by = sce$run))$data[[1]]$colour, plain[[1]]$colour
  )
  expect_equal(
    sort(plot_embedding(sce, colour_by = "width", dimred = "PCA")$data$colour),
    sort(iris$Petal.Width)
  )
  expect_length(unique(plot_embedding(sce, facet_by = "run", dimred = "PCA")$data$panel), 3L)
  sce$genes <- S4Vectors::SimpleList(as.list(seq_len(150)))
  sce$sets <- as.list(seq_len(150))
  sce$table <- S4Vectors::DataFrame(a = seq_len(150))
  sce$pairs <- map[, 1:2]
  for (column in c("genes", "sets", "table", "pairs")) {
    refusal <- sprintf("Column \"%s\" of `colour_by`.*neither labels nor numbers", column)
    expect_refused(plot_embedding(sce, colour_by = column, dimred = "PCA"), "input", refusal)
    table <- SummarizedExperiment::colData(sce)[c("width", column)]
    expect_refused(plot_embedding(map, colour_by = table), "input", column)
  }
  for (bad in list(as.raw(rep(1:2, 75)), complex(150), as.list(1:150), quote(x))) {
    expect_refused(
      plot_embedding(map, colour_by = bad), "input", "`colour_by` is .*neither labels nor numbers"
    )
    expect_refused(plot_embedding(map, facet_by = bad), "input", "`facet_by`")
  }
})

test_that("a number that all cells share lies in the middle between two poles", {
  for (number in c(0, 3, -2e10, 1e300)) {
    plot <- plot_embedding(map, colour_by = rep(number, 150), poles = c("low", "high"))
    expect_equal(mean(plot$scales$get_scales("colour")$limits), number)
    expect_length(unique(drawn(plot)$data[[1]]$colour), 1L)
  }
  largest <- c(-1, 1)[rep(1:2, 75)] * .Machine$double.xmax
  expect_length(unique(drawn(plot_embedding(map, colour_by = largest))$data[[1]]$colour), 2L)
})

test_that("text that is none is refused before it is drawn", {
  broken <- "caf\xe9"
  labels <- rep(c(broken, "b"), 75)
  expect_refused(
    plot_embedding(map, colour_by = labels), "input", "Name 1 in `colour_by` is no valid text"
  )
  expect_refused(plot_embedding(map, colour_by = factor(labels)), "input", "`colour_by`")
  expect_refused(plot_embedding(map, facet_by = labels), "input", "`facet_by`")
  expect_refused(
    plot_embedding(map, colour_by = map[, 2], poles = c("a", broken)), "input", "`poles`"
  )
  expect_refused(plot_embedding(map, title = broken), "input", "`title`")
  expect_refused(
    plot_embedding(iris_sce(), colour_by = broken, dimred = "PCA"), "input", "`colour_by`"
  )
  declared <- labels
  Encoding(declared) <- "latin1"
  expect_setequal(
    as.character(plot_embedding(map, colour_by = declared)$data$colour), c("caf\u00e9", "b")
  )
})

test_that("numbers beyond limits or quantiles get the colour of the end", {
  values <- c(1:149, 1e6)
  ends <- function(...) {
    drawn(plot_embedding(map, values, ...))$plot$scales$get_scales("colour")$get_limits()
  }
  expect_equal(ends(), c(1, 1e6))
  expect_equal(ends(limits = c(0, 50)), c(0, 50))
  expect_equal(ends(quantiles = c(0, 0.9)), c(1, stats::quantile(values, 0.9, names = FALSE)))
  colours <- drawn(plot_embedding(map, values, limits = c(0, 50), order = "given"))$data[[1]]$colour
  expect_length(unique(colours[50:150]), 1L)
  # Of a gene that few cells express both quantiles are 0.
  rare <- c(rep(0, 149), 5)
  rarely <- drawn(plot_embedding(map, rare, quantiles = c(0.01, 0.99)))
  expect_equal(rarely$plot$scales$get_scales("colour")$get_limits(), c(0, 5))
  for (bad in list(1, c(2, 1), c("a", "b"), c(NA, 1))) {
    expect_refused(plot_embedding(map, values, limits = bad), "input", "limits")
    expect_refused(plot_embedding(map, values, quantiles = bad), "input", "quantiles")
  }
  expect_refused(plot_embedding(map, values, limits = 0:1, quantiles = 0:1), "input", "both")
})

test_that("the order of drawing can be chosen, and cells without a value lie below", {
  values <- replace(iris$Petal.Length, 100:104, NA)
  order_of <- function(order) plot_embedding(map, values, order = order)$data$colour
  expect_identical(order_of("given"), values)
  expect_true(all(is.na(order_of("value")[1:5])))
  expect_true(all(is.na(order_of("scattered")[1:5])))
  expect_true(is.unsorted(order_of("scattered")[-(1:5)]))
  labelled <- plot_embedding(map, replace(as.character(iris$Species), 100:104, NA))$data$colour
  expect_true(all(is.na(labelled[1:5])))
  expect_refused(plot_embedding(map, order = "last"), "input", "order")
})

test_that("a random choice of cells is drawn, which the seed decides", {
  cells <- function(...) sort(plot_embedding(map, iris$Petal.Length, size = 0.2, ...)$data$x)
  before <- random_seed_of_r()
  chosen <- cells()
  expect_identical(random_seed_of_r(), before)
  expect_length(chosen, 30L)
  expect_true(all(chosen %in% map[, 1]))
  expect_identical(cells(), chosen)
  expect_false(identical(cells(seed = 1), chosen))
  expect_refused(plot_embedding(map, size = 151), "input", "size")
})

test_that("legend and axes can be left out", {
  guide <- function(...) drawn(plot_embedding(map, ...))$plot$scales$get_scales("colour")$guide
  expect_identical(guide(colour_by = iris$Species, legend = FALSE), "none")
  expect_identical(guide(colour_by = iris$Petal.Length, legend = FALSE), "none")
  expect_identical(guide(colour_by = iris$Species, label = TRUE), "none")
  expect_false(identical(guide(colour_by = iris$Species, label = TRUE, legend = TRUE), "none"))
  expect_false(identical(guide(colour_by = iris$Petal.Length, label = TRUE), "none"))
  expect_s3_class(plot_embedding(map, axes = FALSE)$theme$axis.text, "element_blank")
})

test_that("without a name the map of runEE() is drawn, else that of runNeuralEE()", {
  sce <- iris_sce()
  SingleCellExperiment::reducedDim(sce, "NeuralEE") <- map[, 3:4]
  expect_setequal(plot_embedding(sce)$data$x, map[, 3])
  SingleCellExperiment::reducedDim(sce, "EE") <- map[, 2:3]
  expect_setequal(plot_embedding(sce)$data$x, map[, 2])
})

iris_seurat <- function(misc = list()) {
  counts <- t(iris_x)
  dimnames(counts) <- list(paste0("feature", 1:4), paste0("cell", 1:150))
  object <- SeuratObject::CreateSeuratObject(methods::as(counts, "CsparseMatrix"))
  object$species <- iris$Species
  SeuratObject::Idents(object) <- object$species
  places <- map[, 1:2]
  dimnames(places) <- list(colnames(counts), c("EE_1", "EE_2"))
  object[["ee"]] <- SeuratObject::CreateDimReducObject(
    embeddings = places, key = "EE_", assay = "RNA", misc = misc
  )
  object
}

test_that("a Seurat object is coloured by meta data, identities and features", {
  skip_if_not_installed("SeuratObject")
  object <- iris_seurat()
  by_column <- plot_embedding(object, "species")
  expect_setequal(paste(by_column$data$x, by_column$data$colour), paste(map[, 1], iris$Species))
  expect_identical(by_column$labels$x, "EE_1")
  expect_setequal(levels(plot_embedding(object, "ident")$data$colour), levels(iris$Species))
  feature <- plot_embedding(object, c("feature3", "feature4"), assay.type = "counts")$data
  expect_equal(feature$colour[feature$feature == "feature3"], sort(iris$Petal.Length))
  expect_refused(
    plot_embedding(object, "cluster"), "input", "Columns of the meta data: .*\"species\".*feature1"
  )
  expect_refused(plot_embedding(object, dimred = "umap"), "input", "\"ee\"")
})

test_that("the trace of a Seurat object is the one that its reduction carries", {
  skip_if_not_installed("SeuratObject")
  expect_refused(plot_trace(iris_seurat()), "input", "no trace")
  trace <- data.frame(
    iteration = 1:9, loss = 9:1, gradient_norm = 10^(-(1:9)), seconds = (1:9) / 10
  )
  object <- iris_seurat(list(trace = trace))
  expect_equal(drawn(plot_trace(object, dimred = "ee"))$data[[1]]$y, c(9:1, -(1:9)))
  expect_equal(plot_trace(object, dimred = 1)$data, plot_trace(object)$data)
})

test_that("a package that is not there is named with the call that installs it", {
  expect_refused(
    require_package("no.such.package", "draw"), "input",
    "no.such.package is needed.*install.packages"
  )
})

test_that("a trace is drawn against iterations or seconds", {
  trace <- data.frame(
    iteration = 1:9, loss = 9:1, gradient_norm = 10^(-(1:9)), seconds = (1:9) / 10
  )
  built <- drawn(plot_trace(trace))
  expect_equal(built$data[[1]]$y, c(9:1, -(1:9)))
  expect_equal(drawn(plot_trace(trace, against = "seconds"))$data[[1]]$x, rep((1:9) / 10, 2))
  expect_equal(drawn(plot_trace(trace, log_loss = TRUE))$data[[1]]$y, c(log10(9:1), -(1:9)))
  below <- drawn(plot_trace(transform(trace, loss = loss - 9), log_loss = TRUE))$data[[1]]$y
  expect_equal(below, c(log10(8:1), NA, -(1:9)))
  expect_refused(plot_trace(transform(trace, loss = "a")), "input", "trace")
  expect_refused(plot_trace(iris_sce(), dimred = "PCA"), "input", "runEE")
})

test_that("data frames and sparse matrices are drawn as matrices, all else is refused", {
  frame <- as.data.frame(map)
  expect_identical(plot_embedding(frame)$data, plot_embedding(map)$data)
  drawn_as <- function(colours) plot_embedding(map, colour_by = colours)$data
  expect_identical(drawn_as(sparse(iris_x[, 3:4])), drawn_as(iris_x[, 3:4]))
  expect_identical(levels(drawn_as(unname(iris_x[, 3:4]))$feature), c("column 1", "column 2"))
  chosen <- plot_embedding(map, facet_by = iris$Species, size = 40)$data
  expect_identical(nrow(chosen), 40L)
  expect_s3_class(drawn(plot_embedding(map, colour_by = rep(c(NA, Inf), 75))), "ggplot_built")
  expect_refused(
    plot_embedding(map, facet_by = iris[, 4:5]), "input", "`facet_by` names several columns"
  )
  expect_refused(
    plot_embedding(map, colour_by = iris$Species, palette = 1:3), "input",
    "`palette` is a vector of 3"
  )
})

test_that("a feature that the assay has not is named", {
  skip_if_not_installed("SeuratObject")
  counts <- t(iris_x)
  colnames(counts) <- sprintf("cell%d", 1:150)
  object <- SeuratObject::CreateSeuratObject(sparse(counts))
  object[["ee"]] <- SeuratObject::CreateDimReducObject(
    embeddings = matrix(map[, 1:2], 150, dimnames = list(colnames(counts), c("EE_1", "EE_2"))),
    key = "EE_", assay = "RNA"
  )
  object <- with_layer(object, "scale.data", counts[1:2, ])
  expect_refused(
    plot_embedding(object, colour_by = "Petal.Width", assay.type = "scale.data"), "input",
    "\"scale.data\" has no row for \"Petal.Width\""
  )
})
