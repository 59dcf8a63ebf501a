map <- stats::prcomp(iris_x)$x

# The traces as they are sent to the browser.
traces <- function(...) plotly::plotly_build(plot_embedding_interactive(...))$x$data

test_that("each label is a trace in its colour, with the cells' names and values to hover over", {
  skip_if_not_installed("plotly")
  rownames(map) <- paste0("flower", 1:150)
  found <- traces(map, colour_by = iris$Species, colour_title = "Species", hover = iris[, 1:2])
  expect_identical(vapply(found, function(trace) trace$name, ""), levels(iris$Species))
  expect_identical(found[[2]]$marker$color, twenty_colours[[2]])
  expect_setequal(paste(found[[2]]$x, found[[2]]$y), paste(map[51:100, 1], map[51:100, 2]))
  at <- match(map[52, 1], found[[2]]$x)
  expect_identical(
    found[[2]]$text[[at]],
    "<b>flower52</b><br>Species: versicolor<br>Sepal.Length: 6.4<br>Sepal.Width: 3.2"
  )
})

test_that("numbers get a bar, limits clip colours but no values, and missing values lie below", {
  skip_if_not_installed("plotly")
  values <- replace(as.numeric(1:150), 1:3, NA)
  found <- traces(map, values, limits = c(10, 100), poles = c("low", "high"))
  expect_length(found, 2L)
  expect_identical(found[[1]]$name, "NA")
  expect_length(found[[1]]$x, 3L)
  marker <- found[[2]]$marker
  expect_equal(range(marker$color), c(10, 100))
  expect_equal(as.vector(marker$colorbar$ticktext), c("low", "high"))
  expect_true(any(grepl("150", found[[2]]$text, fixed = TRUE)))
})

test_that("many cells are drawn by WebGL, and a container gives names, columns and features", {
  skip_if_not_installed("plotly")
  expect_identical(traces(map)[[1]]$type, "scatter")
  expect_identical(traces(map[rep(1:150, 40), ])[[1]]$type, "scattergl")
  expect_length(traces(map, size = 20)[[1]]$x, 20L)
  found <- traces(iris_sce(), "species", dimred = "PCA", hover = c("width", "Petal.Length"))
  expect_match(
    found[[1]]$text[[1]],
    "^<b>flower[0-9]+</b><br>species: setosa<br>width: [0-9.]+<br>Petal.Length: "
  )
})

test_that("the widget knows no button that an old plotly.js fails on, and keeps the aspect", {
  skip_if_not_installed("plotly")
  built <- plotly::plotly_build(plot_embedding_interactive(map, iris$Species, title = "a < b"))$x
  expect_null(built$config$modeBarButtonsToAdd)
  expect_identical(built$layout$yaxis$scaleanchor, "x")
  expect_identical(built$layout$title, "a &lt; b")
})

test_that("what cannot be drawn is refused", {
  skip_if_not_installed("plotly")
  expect_refused(plot_embedding_interactive(map, iris[, 1:2]), "input", "several columns")
  expect_refused(
    plot_embedding_interactive(map, iris$Species, hover = 1:3), "input", "`hover` has 3 entries"
  )
  expect_refused(plot_embedding_interactive(map, title = 1), "input", "title")
  expect_refused(plot_embedding_interactive(map, colors_by = iris$Species), "input", "`color_by`")
  expect_refused(plot_embedding_interactive(map, label = TRUE), "input", "no argument `label`")
})

test_that("text that is none is refused", {
  skip_if_not_installed("plotly")
  map <- stats::prcomp(iris_x)$x
  broken <- "caf\xe9"
  labels <- rep(c(broken, "b"), 75)
  expect_refused(plot_embedding_interactive(map, colour_by = labels), "input", "`colour_by`")
  expect_refused(plot_embedding_interactive(map, hover = labels), "input", "`hover`")
  expect_refused(
    plot_embedding_interactive(map, hover = data.frame(at = labels)), "input", "\"at\" of `hover`"
  )
  expect_refused(plot_embedding_interactive(map, title = broken), "input", "`title`")
  expect_refused(plot_embedding_interactive(map, colour_title = broken), "input", "`colour_title`")
  rownames(map) <- replace(sprintf("cell%d", 1:150), 7, broken)
  expect_refused(plot_embedding_interactive(map), "input", "Name 7 in the names of the cells")
})
