#' Plot an embedding
#'
#' Draws one point per cell, coloured by a label or by a number, with the same scale on
#' both axes; in one panel, or in one for each group of cells or each gene.
#'
#' Up to 20 labels get colours that stay apart under the common colour-vision deficiencies (those of
#' Okabe and Ito first). Beyond 20, hues alternate in lightness, and `label = TRUE` tells the groups
#' apart better than colour can. The legend of more than 18 labels stands below the map. Numbers get
#' the viridis scale, and between two `poles` one from blue over grey to orange; both can be read
#' with any of these deficiencies. Cells without a value are grey and lie below the others.
#'
#' `plot_embedding()` stands for `scatter()` of NeuralEE for Python, and with `poles` for its
#' `scatter_with_colorbar()`. (There, points of later labels cover those of earlier ones, and the
#' axes may have different scales.)
#'
#' @param object A numeric matrix with a row per cell, a fit of [ee()] or [neuralee()], a
#'   SingleCellExperiment or a Seurat object.
#' @param colour_by A vector with an entry per cell (factor, character, logical or number), or a
#'   matrix or data frame of numbers with a row per cell, whose columns get a panel each. For a
#'   SingleCellExperiment or Seurat object also the name of a column of its `colData` or meta data
#'   (or `"ident"` for the identities of Seurat), or of a feature. Several names get a panel each.
#'   `NULL` draws all points alike. Numbers are drawn as amounts: wrap the numbers of clusters in
#'   `factor()`.
#' @param dimred Name or number of the reduction of a container; `NULL` for `"EE"`, else
#'   `"NeuralEE"` (in a Seurat object `"ee"`, else `"neuralee"`).
#' @param dims The one or two dimensions to draw. With one dimension the second axis only spreads
#'   the points.
#' @param label Write each label at the median of its cells, instead of a legend? Where labels would
#'   overlap, the one of fewer cells moves a little and a thin line leads to its median. Those for
#'   which there is no room near by are left out, and the caption says how many.
#' @param assay.type The assay (for Seurat: the layer, `"logcounts"` meaning `"data"`) from which
#'   features are taken.
#' @param point_size,alpha Size (mm) and opacity of the points; `NULL` fits the size to the
#'   number of cells.
#' @param rasterise Draw the points as a bitmap, which keeps vector files small? `NULL` does so
#'   above 20,000 points if the package ggrastr is installed.
#' @param palette Colours instead of the built-in ones: one per label (with or without the
#'   labels as names), or at least two that make a gradient for numbers.
#' @param title,colour_title Titles of the plot and of the legend.
#' @param facet_by A group for each cell, or the name of a column as for `colour_by`: each group
#'   gets a panel, in which the other cells are pale. At most 60 groups.
#' @param ncol Number of panels side by side; `NULL` for about as many as there are rows.
#' @param legend Draw the legend? `NULL` does so unless `label` has put the labels into the map.
#' @param poles Two names for numbers that lie between two poles, such as
#'   `c("erythroid", "granulocytic")`: that of the low end and that of the high end. The legend
#'   shows them instead of numbers. Where numbers have both signs, 0 is in the middle of the
#'   colours. The cells farthest from the middle are on top.
#' @param limits Two numbers: the ends of the colours. Numbers beyond get the colour of the end.
#' @param quantiles The ends of the colours as quantiles of the numbers, so that single large
#'     numbers do not leave all others alike: `c(0.01, 0.99)`, for instance. `NULL` takes all
#'     numbers. Where both quantiles are equal, it takes all too.
#' @param rescale For several columns of numbers: colour each from its own lowest to its own highest
#'   number (or quantile), as 0 to 1? Else all panels share one scale.
#' @param order In which order to draw: `"value"` puts the largest numbers on top, and labelled
#'   points in a fixed scattered order, so that no group covers another. `"scattered"` treats
#'   numbers like this too. `"given"` keeps the order of the cells.
#' @param size Draw a random choice of the cells: a fraction in (0, 1] or, from 2 on, their number.
#' @param seed A whole number, 0 or more, for that choice. R's generator is not used.
#' @param axes Draw the axes?
#' @param ... `color_by` and `color_title`, other spellings of `colour_by` and `colour_title`.
#' @return A ggplot object.
#' @section Errors:
#' `neuralee_error_input` for a reduction, column or feature that is not there (the message lists
#' some that are), for `colour_by` or `facet_by` of another length, for `dims` beyond the embedding,
#' for `poles`, `limits`, `quantiles` or `rescale` without numbers, and for what is no colour or
#' size. `neuralee_error_not_finite` for coordinates that are not finite.
#' @references Okabe and Ito (2008), "Color universal design: how to make figures and
#'   presentations that are friendly to colorblind people".
#' @seealso [plot_embedding_interactive()], [plot.ee_path()] for several maps side by side,
#'   [cell_reliability()] for what to colour by, [plot_trace()], [plot_quality()].
#' @examples
#' map <- prcomp(iris[, 1:4])$x
#' plot_embedding(map, colour_by = iris$Species, label = TRUE)
#' plot_embedding(
#'   map, colour_by = iris$Petal.Length, facet_by = iris$Species, colour_title = "Petal length"
#' )
#' plot_embedding(map, colour_by = iris[, 3:4], rescale = TRUE)
#' plot_embedding(map, colour_by = map[, 2], poles = c("low", "high"))
#' @importFrom rlang .data
#' @export
plot_embedding <- function(object, colour_by = NULL, dimred = NULL, dims = NULL, label = FALSE,
                           assay.type = "logcounts", point_size = NULL, alpha = 0.8,
                           rasterise = NULL, palette = NULL, title = NULL, colour_title = NULL,
                           facet_by = NULL, ncol = NULL, legend = NULL, poles = NULL,
                           limits = NULL, quantiles = NULL, rescale = FALSE,
                           order = c("value", "scattered", "given"), size = 1, seed = 42L,
                           axes = TRUE, ...) {
  check_given()
  american <- american_spelling(list(...), formals(plot_embedding))
  colour_by <- american$color_by %||% colour_by
  colour_title <- american$color_title %||% colour_title
  check_flag(label, "label")
  check_flag(rescale, "rescale")
  check_flag(axes, "axes")
  if (!is.null(legend)) check_flag(legend, "legend")
  if (!is.null(ncol)) ncol <- check_count(ncol, "ncol", min = 1)
  alpha <- check_number(alpha, "alpha", min = 0, max = 1)
  if (!is.null(point_size)) point_size <- check_number(point_size, "point_size", above = 0)
  check_title(title, "title")
  check_title(colour_title, "colour_title")
  order <- match_choice(order, "order", c("value", "scattered", "given"))

  cells_of <- if (inherits(object, "ee_path")) cells_of_path else cells_to_draw
  cells <- cells_of(object, dimred, dims, colour_by, facet_by, assay.type, size, seed)
  if (rescale) cells$colours <- rescaled(cells$colours, limits, quantiles)
  scale <- number_scale(cells$colours, palette, poles, limits, if (!rescale) quantiles)
  points <- drawn_points(cells, order, if (!is.null(poles)) mean(scale$limits))
  colour <- points$colour
  labelled <- label && is.factor(colour)
  panels <- panel_layer(points, ncol)
  title_of_colours <- if (is.null(colour_title)) {
    cells$colour_name
  } else if (!identical(colour_title, "")) {
    colour_title
  }

  plot <- ggplot2::ggplot(points, ggplot2::aes(x = .data$x, y = .data$y)) +
    point_layers(points, cells, panels$across, point_size, alpha, rasterise) +
    colour_scale(colour, scale, palette, title_of_colours, legend %||% !labelled) +
    panels$facets +
    # A label at the rim may reach beyond the panel.
    ggplot2::coord_fixed(clip = if (labelled) "off" else "on") +
    ggplot2::labs(x = cells$axes[1L], y = cells$axes[2L], title = title) +
    embedding_theme(cells$one_dimension, nlevels(colour) > most_beside, axes)
  if (labelled) plot + label_layers(points, panels$across) else plot
}

# `color_by` and `color_title`, which scater's users may write.
american_spelling <- function(given, formals) {
  known <- c(setdiff(names(formals), c("object", "...")), "color_by", "color_title")
  check_dot_names(names(given) %||% rep("", length(given)), known)
  given
}

check_title <- function(x, name) {
  if (!is.null(x) && !is.language(x) && !(is.character(x) && length(x) == 1L)) {
    refuse_argument(x, name, "one text, an expression or NULL")
  }
  if (is.character(x)) check_text(x, sprintf("`%s`", name))
}

rescaled <- function(colours, limits, quantiles) {
  if (!length(colours) || !all(vapply(colours, is.numeric, NA))) {
    abort_neuralee("input", "`rescale` is for numbers, but `colour_by` has none.", "Leave it out.")
  }
  if (!is.null(limits)) {
    abort_neuralee("input", "`limits` and `rescale` exclude each other.", "Use `quantiles`.")
  }
  rescale_columns(colours, quantiles)
}

# A row for each cell and column of colours, in the order of drawing; `middle` is that between two
# poles.
drawn_points <- function(cells, order, middle) {
  count <- max(length(cells$colours), 1L)
  points <- data.frame(x = rep(cells$x, count), y = rep(cells$y, count))
  # Only numbers come in several columns.
  points$colour <- if (count > 1L) {
    unlist(cells$colours, use.names = FALSE)
  } else {
    c(cells$colours, list(NULL))[[1L]]
  }
  if (count > 1L) {
    points$feature <- factor(
      rep(names(cells$colours), each = length(cells$x)), unique(names(cells$colours))
    )
  }
  if (!is.null(cells$groups)) points$panel <- rep(cells$groups, count)
  points[drawing_order(points$colour, nrow(points), order, middle), , drop = FALSE]
}

drawing_order <- function(colour, n, order, middle) {
  if (order == "given") return(seq_len(n))
  key <- if (order == "value" && is.numeric(colour)) {
    if (is.null(middle)) colour else abs(colour - middle)
  } else {
    scattered(n)
  }
  known <- if (is.null(colour)) rep(TRUE, n) else !is.na(colour)
  order(known, key)
}

# Panels for features, groups or both, and how many stand side by side.
panel_layer <- function(points, ncol) {
  features <- nlevels(points$feature)
  groups <- nlevels(points$panel)
  short <- ggplot2::as_labeller(function(x) short_lines(x, 25L))
  if (features && groups) {
    facets <- ggplot2::facet_grid(
      ggplot2::vars(.data$feature), ggplot2::vars(.data$panel), labeller = short
    )
    return(list(across = groups, facets = facets))
  }
  count <- max(features, groups)
  if (count == 0L) return(list(across = 1L, facets = NULL))
  across <- min(ncol %||% ceiling(sqrt(count)), count)
  by <- if (features) ggplot2::vars(.data$feature) else ggplot2::vars(.data$panel)
  list(across = across, facets = ggplot2::facet_wrap(by, ncol = across, labeller = short))
}

point_layers <- function(points, cells, across, point_size, alpha, rasterise) {
  n <- if (cells$apart) max(table(cells$groups)) else length(cells$x)
  if (is.null(point_size)) point_size <- max(0.15, min(1.6, 90 / sqrt(n)) / sqrt(across))
  if (is.null(rasterise)) rasterise <- nrow(points) > 20000 && rlang::is_installed("ggrastr")
  check_flag(rasterise, "rasterise")
  if (rasterise) require_package("ggrastr", "draw the points as a bitmap")
  layer <- function(...) {
    layer <- ggplot2::geom_point(..., size = point_size, stroke = 0, shape = 16)
    if (rasterise) ggrastr::rasterise(layer, dpi = 300) else layer
  }
  # Without the column of the panels these are drawn in each.
  others <- if (!is.null(cells$groups) && !cells$apart) {
    layer(data = data.frame(x = cells$x, y = cells$y), colour = "grey92")
  }
  own <- if (is.null(points$colour)) {
    layer(colour = "#3B5B7A", alpha = alpha)
  } else {
    layer(ggplot2::aes(colour = .data$colour), alpha = alpha)
  }
  list(others, own)
}

embedding_theme <- function(one_dimension, legend_below, axes) {
  theme <- ggplot2::theme_classic(base_size = 11) +
    ggplot2::theme(
      axis.line = ggplot2::element_line(colour = "grey60", linewidth = 0.3),
      axis.ticks = ggplot2::element_line(colour = "grey60", linewidth = 0.3),
      axis.text = ggplot2::element_text(colour = "grey40", size = 8),
      legend.key.height = ggplot2::unit(if (legend_below) 0.7 else 1, "lines"),
      legend.text = ggplot2::element_text(size = if (legend_below) 7 else 9),
      legend.position = if (legend_below) "bottom" else "right",
      legend.margin = ggplot2::margin(0, 0, 0, 0), plot.title = ggplot2::element_text(size = 12),
      strip.background = ggplot2::element_blank(), strip.text = ggplot2::element_text(size = 10)
    )
  if (!axes) {
    return(theme + ggplot2::theme(
      axis.line = ggplot2::element_blank(), axis.text = ggplot2::element_blank(),
      axis.ticks = ggplot2::element_blank(), axis.title = ggplot2::element_blank()
    ))
  }
  if (!one_dimension) return(theme)
  theme + ggplot2::theme(
    axis.line.y = ggplot2::element_blank(), axis.text.y = ggplot2::element_blank(),
    axis.ticks.y = ggplot2::element_blank()
  )
}
