#' An embedding to explore in a browser
#'
#' Draws the map of [plot_embedding()] as an HTML widget to zoom and pan in. Under the pointer stand
#' the name of the cell, its colour value and what `hover` adds. A click on a label of the legend
#' hides its cells, a double click all others.
#'
#' Above 5,000 cells the points are drawn by WebGL, which browsers draw fast and some viewers lack.
#' `htmlwidgets::saveWidget(plot, "map.html")` writes a file that opens without R. It holds the
#' coordinates, names and values of all cells that are drawn, so `size` keeps it small.
#'
#' @inheritParams plot_embedding
#' @param colour_by As for [plot_embedding()], but one column or feature.
#' @param point_size Diameter of the points in pixels; `NULL` fits it to the number of cells.
#' @param alpha Opacity of the points, from 0 to 1.
#' @param title,colour_title Titles of the plot and of the legend: one text or `NULL`.
#' @param hover What else to show for a cell: a vector with an entry per cell, a data frame with a
#'   row per cell, or, for a SingleCellExperiment or Seurat object, names of columns or features.
#' @return A plotly object, which is an htmlwidget.
#' @section Errors:
#' Those of [plot_embedding()]; `neuralee_error_input` also where the package plotly is not
#' installed, and where `colour_by` has several columns.
#' @seealso [plot_embedding()].
#' @examples
#' if (requireNamespace("plotly", quietly = TRUE)) {
#'   map <- prcomp(iris[, 1:4])$x
#'   plot_embedding_interactive(map, colour_by = iris$Species, hover = iris[, 1:2])
#' }
#' @export
plot_embedding_interactive <- function(object, colour_by = NULL, dimred = NULL, dims = NULL,
                                       assay.type = "logcounts", point_size = NULL, alpha = 0.8,
                                       palette = NULL, title = NULL, colour_title = NULL,
                                       legend = TRUE, poles = NULL, limits = NULL,
                                       quantiles = NULL, hover = NULL, size = 1, seed = 42L,
                                       axes = TRUE, ...) {
  check_given()
  american <- american_spelling(list(...), formals(plot_embedding_interactive))
  colour_by <- american$color_by %||% colour_by
  colour_title <- american$color_title %||% colour_title
  require_package("plotly", "draw an interactive map")
  check_flag(legend, "legend")
  check_flag(axes, "axes")
  alpha <- check_number(alpha, "alpha", min = 0, max = 1)
  if (!is.null(point_size)) point_size <- check_number(point_size, "point_size", above = 0)
  for (text in c("title", "colour_title")) {
    if (is.null(get(text))) next
    check_string(get(text), text, "one text or NULL")
    check_text(get(text), sprintf("`%s`", text))
  }

  cells <- cells_to_draw(object, dimred, dims, colour_by, NULL, assay.type, size, seed, hover)
  check_text(cells$name, "the names of the cells")
  if (length(cells$colours) > 1L) {
    abort_neuralee(
      "input", "`colour_by` has several columns.", "Give one; plot_embedding() draws several."
    )
  }
  scale <- number_scale(cells$colours, palette, poles, limits, quantiles)
  points <- drawn_points(cells, "value", if (!is.null(poles)) mean(scale$limits))
  colour_title <- colour_title %||% cells$colour_name %||% ""
  points$text <- hover_texts(cells, colour_title)[as.integer(rownames(points))]
  point_size <- point_size %||% max(2, min(8, 400 / sqrt(nrow(points))))
  marker <- list(size = point_size, opacity = alpha, line = list(width = 0))
  axis <- function(title, ...) {
    list(title = title, visible = axes, zeroline = FALSE, showgrid = FALSE, ...)
  }
  plot <- plotly::plot_ly()
  # plotly adds two buttons that old builds of plotly.js, such as Debian's, do not know and fail on.
  plot$x$config$modeBarButtonsToAdd <- NULL
  for (trace in widget_traces(points, scale, palette, marker, colour_title, legend)) {
    plot <- do.call(plotly::add_trace, c(list(plot), trace))
  }
  plotly::layout(
    plot,
    title = as_html(title), showlegend = legend && is.factor(points$colour), hovermode = "closest",
    legend = list(title = list(text = as_html(colour_title)), itemsizing = "constant"),
    xaxis = axis(as_html(cells$axes[[1L]])),
    yaxis = axis(as_html(cells$axes[[2L]]), scaleanchor = "x", scaleratio = 1)
  )
}

# One trace for each label, or one for all numbers; missing values below them.
widget_traces <- function(points, scale, palette, marker, colour_title, legend) {
  type <- if (nrow(points) > 5000L) "scattergl" else "scatter"
  trace <- function(of, name, ...) {
    list(
      x = of$x, y = of$y, text = of$text, hoverinfo = "text", type = type, mode = "markers",
      name = as_html(name), marker = c(marker, list(...)), inherit = FALSE
    )
  }
  if (is.null(points$colour)) {
    return(list(trace(points, "cells", color = "#3B5B7A")))
  }
  missing <- is.na(points$colour)
  below <- if (any(missing)) list(trace(points[missing, ], "NA", color = "#CCCCCC"))
  known <- points[!missing, ]
  if (is.factor(known$colour)) {
    colours <- hex_colours(colours_of_labels(levels(known$colour), palette))
    groups <- split(known, known$colour)
    return(
      c(
        below,
        Map(
          function(of, name, colour) trace(of, name, color = colour), groups, names(groups), colours
        )
      )
    )
  }
  bar <- list(title = as_html(colour_title), thickness = 15)
  if (!is.null(scale$poles)) {
    bar <- c(
      bar, list(tickmode = "array", tickvals = scale$limits, ticktext = as_html(scale$poles))
    )
  }
  along <- seq(0, 1, length.out = length(scale$colours))
  c(below, list(trace(
    known, "cells", color = into_limits(known$colour, scale$limits), cmin = scale$limits[[1L]],
    cmax = scale$limits[[2L]],
    colorscale = Map(list, along, hex_colours(scale$colours), USE.NAMES = FALSE),
    showscale = legend, colorbar = bar
  )))
}

# plotly knows the names of CSS, not those of R.
hex_colours <- function(colours) {
  of <- grDevices::col2rgb(colours)
  unname(grDevices::rgb(of[1L, ], of[2L, ], of[3L, ], maxColorValue = 255))
}

hover_texts <- function(cells, colour_title) {
  lines <- list(sprintf("<b>%s</b>", as_html(cells$name)))
  shown <- cells$hover
  if (length(cells$colours) && !is.null(cells$colours[[1L]])) {
    shown <- c(stats::setNames(cells$colours[1L], colour_title), shown)
  }
  for (i in seq_along(shown)) {
    values <- shown[[i]]
    text <- if (is.numeric(values)) {
      formatC(values, digits = 4L, format = "g")
    } else {
      as.character(values)
    }
    name <- names(shown)[[i]]
    lines[[i + 1L]] <- paste0(if (nzchar(name)) paste0(as_html(name), ": "), as_html(trimws(text)))
  }
  do.call(paste, c(lines, sep = "<br>"))
}

as_html <- function(text) {
  if (is.null(text)) return(NULL)
  text <- gsub("&", "&amp;", text, fixed = TRUE)
  gsub("<", "&lt;", gsub(">", "&gt;", text, fixed = TRUE), fixed = TRUE)
}
