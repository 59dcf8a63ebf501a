#' Plot an embedding
#'
#' Draws one point per cell, coloured by a label or by a number, with the same scale on
#' both axes.
#'
#' Up to 20 labels get colours that stay apart under the common colour-vision deficiencies
#' (those of Okabe and Ito first); beyond 20, hues alternate in lightness, and
#' `label = TRUE` tells the groups apart better than colour can. The legend of more than 18 labels stands below the map. Numbers get the viridis
#' scale with the largest values on top. Labelled points are drawn in a fixed scattered order, so that no group
#' covers another. With one dimension the second axis only spreads the points.
#'
#' @param object A numeric matrix with a row per cell, a fit of [ee()], or a
#'   SingleCellExperiment.
#' @param colour_by A vector with an entry per cell (factor, character, logical or
#'   number); for a SingleCellExperiment also the name of a `colData` column or of a feature.
#'   `NULL` draws all points alike. Numbers are drawn as amounts: wrap the numbers of clusters
#'   in `factor()`.
#' @param dimred Name or number of the reduction of a SingleCellExperiment.
#' @param dims The one or two dimensions to draw.
#' @param label Write each label at the median of its cells, instead of a legend? Where labels
#'   would overlap, the one of fewer cells moves a little and a thin line leads to its median;
#'   those for which there is no room near by are left out, and the caption says how many.
#' @param assay.type The assay from which a feature named in `colour_by` is taken.
#' @param point_size,alpha Size (mm) and opacity of the points; `NULL` fits the size to the
#'   number of cells.
#' @param rasterise Draw the points as a bitmap, which keeps vector files small? `NULL` does so above
#'   20,000 cells if the package ggrastr is installed.
#' @param palette Colours instead of the built-in ones: one per label (with or without the
#'   labels as names), or at least two that make a gradient for numbers.
#' @param title,colour_title Titles of the plot and of the legend.
#' @param ... `color_by` and `color_title`, other spellings of `colour_by` and `colour_title`.
#' @return A ggplot object.
#' @section Errors:
#' `neuralee_error_input` for a reduction, column or feature that is not there (the message
#' lists some that are), for `colour_by` of another length, for `dims` beyond the embedding, and for
#' what is no colour or size; `neuralee_error_not_finite` for coordinates that are not finite.
#' @references Okabe and Ito (2008), "Color universal design: how to make figures and
#'   presentations that are friendly to colorblind people".
#' @examples
#' map <- prcomp(iris[, 1:4])$x
#' plot_embedding(map, colour_by = iris$Species, label = TRUE)
#' plot_embedding(map, colour_by = iris$Petal.Length, colour_title = "Petal length")
#' @importFrom rlang .data
#' @export
plot_embedding <- function(object, colour_by = NULL, dimred = "EE", dims = NULL, label = FALSE,
                           assay.type = "logcounts", point_size = NULL, alpha = 0.8, rasterise = NULL,
                           palette = NULL, title = NULL, colour_title = NULL, ...) {
  american <- american_spelling(list(...))
  colour_by <- american$color_by %||% colour_by
  colour_title <- american$color_title %||% colour_title
  check_flag(label, "label")
  alpha <- check_number(alpha, "alpha", min = 0, max = 1)
  if (!is.null(point_size)) point_size <- check_number(point_size, "point_size", above = 0)
  check_title(title, "title")
  check_title(colour_title, "colour_title")
  coordinates <- coordinates_of(object, dimred)
  n <- nrow(coordinates)
  dims <- check_dims(dims, ncol(coordinates))
  axes <- axis_names(coordinates, dims, if (methods::is(object, "SingleCellExperiment")) dimred else "Dimension ")
  colour <- colour_values(object, colour_by, n, assay.type)
  if (is.null(colour_title)) {
    colour_title <- if (is.character(colour_by) && length(colour_by) == 1L && n > 1L) colour_by else ""
  }
  points <- data.frame(
    x = coordinates[, dims[1L]],
    y = if (length(dims) == 2L) coordinates[, dims[2L]] else strip_height(coordinates[, dims[1L]])
  )
  check_finite(as.matrix(points), "object", "rows", environment())
  points$colour <- colour
  points <- points[drawing_order(colour, n), , drop = FALSE]

  plot <- ggplot2::ggplot(points, ggplot2::aes(x = .data$x, y = .data$y)) +
    point_layer(colour, n, point_size, alpha, rasterise) +
    colour_scale(colour, palette, if (!identical(colour_title, "")) colour_title, hide = label) +
    # A label at the rim may reach beyond the panel.
    ggplot2::coord_fixed(clip = if (label) "off" else "on") +
    ggplot2::labs(x = axes[1L], y = axes[2L], title = title) +
    embedding_theme(one_dimension = length(dims) == 1L, legend_below = nlevels(colour) > most_beside)
  if (label && is.factor(colour)) plot + label_layers(points) else plot
}

# `color_by` and `color_title`, which scater's users may write.
american_spelling <- function(given, call = caller_env()) {
  known <- c(setdiff(names(formals(plot_embedding)), c("object", "...")), "color_by", "color_title")
  check_dot_names(names(given) %||% rep("", length(given)), known, call = call)
  given
}

check_title <- function(x, name, call = caller_env()) {
  if (!is.null(x) && !is.language(x) && !(is.character(x) && length(x) == 1L)) {
    refuse_argument(x, name, "one text, an expression or NULL", call)
  }
}

coordinates_of <- function(object, dimred, call = caller_env()) {
  refuse_seurat(object, call)
  coordinates <- if (methods::is(object, "SingleCellExperiment")) {
    reduction_of(object, dimred, call = call)
  } else if (inherits(object, "ee_fit")) {
    as.matrix(object)
  } else {
    object
  }
  if (is.data.frame(coordinates)) {
    coordinates <- as.matrix(coordinates)
  }
  if (is.matrix(coordinates) && is.numeric(coordinates) && !length(coordinates)) {
    abort_neuralee("input", "`object` has no cells to draw.", call = call)
  }
  if (!is.matrix(coordinates) || !is.numeric(coordinates)) {
    abort_neuralee(
      "input", "`object` must be a numeric matrix, a fit of ee() or a SingleCellExperiment.", call = call
    )
  }
  coordinates
}

check_dims <- function(dims, d, call = caller_env()) {
  if (is.null(dims)) {
    return(seq_len(min(2L, d)))
  }
  if (!is.numeric(dims) || !length(dims) %in% 1:2 || anyNA(dims) || any(!dims %in% seq_len(d))) {
    abort_neuralee(
      "input", sprintf("`dims` must be one or two of the dimensions 1 to %d.", d), call = call
    )
  }
  as.integer(dims)
}

axis_names <- function(coordinates, dims, prefix) {
  names <- colnames(coordinates)
  if (is.null(names)) names <- paste0(if (is.character(prefix)) prefix else "Dimension ", seq_len(ncol(coordinates)))
  if (length(dims) == 2L) names[dims] else c(names[dims], "")
}

colour_values <- function(object, colour_by, n, assay.type, call = caller_env()) {
  if (is.null(colour_by)) {
    return(NULL)
  }
  by_name <- is.character(colour_by) && length(colour_by) == 1L && n > 1L
  values <- if (by_name && methods::is(object, "SingleCellExperiment")) {
    named_values(object, colour_by, assay.type, call = call)
  } else {
    colour_by
  }
  if (!is.atomic(values) || length(values) != n) {
    abort_neuralee(
      "input", sprintf("`colour_by` has %d entries, but there are %d cells.", length(values), n),
      if (by_name) "Names of columns or features work with a SingleCellExperiment only." else "",
      call = call
    )
  }
  if (all(is.na(values))) {
    return(NULL)
  }
  if (is.numeric(values)) as.vector(values) else droplevels(as.factor(values))
}

named_values <- function(object, name, assay.type, call = caller_env()) {
  columns <- colnames(SummarizedExperiment::colData(object))
  if (name %in% columns) {
    return(object[[name]])
  }
  if (name %in% rownames(object)) {
    assay <- assay_of(object, assay.type, call = call)
    return(as.vector(as.matrix(assay[match(name, rownames(object)), , drop = FALSE])))
  }
  abort_neuralee(
    "input", sprintf("\"%s\" is neither a colData column nor a feature.", name),
    sprintf("colData columns: %s. Features: %s.", list_some(columns), list_some(rownames(object))),
    call = call
  )
}

# Multiples of the golden ratio modulo 1 scatter evenly: an order, and heights, that look
# random without drawing random numbers.
scattered <- function(n) (seq_len(n) * 0.6180339887498949) %% 1

drawing_order <- function(colour, n) {
  if (is.numeric(colour)) order(colour, na.last = FALSE) else order(scattered(n))
}

strip_height <- function(x) scattered(length(x)) * 0.2 * max(diff(range(x)), 1e-12)

point_layer <- function(colour, n, point_size, alpha, rasterise) {
  if (is.null(point_size)) point_size <- max(0.15, min(1.6, 90 / sqrt(n)))
  mapping <- if (!is.null(colour)) ggplot2::aes(colour = .data$colour)
  fixed <- if (is.null(colour)) list(colour = "#3B5B7A")
  layer <- do.call(
    ggplot2::geom_point,
    c(list(mapping, size = point_size, alpha = alpha, stroke = 0, shape = 16), fixed)
  )
  if (is.null(rasterise)) rasterise <- n > 20000 && rlang::is_installed("ggrastr")
  check_flag(rasterise, "rasterise")
  if (rasterise) {
    rlang::check_installed("ggrastr", "to draw the points as a bitmap.")
    layer <- ggrastr::rasterise(layer, dpi = 300)
  }
  layer
}

colour_scale <- function(colour, palette, title, hide, call = caller_env()) {
  if (is.null(colour)) {
    return(NULL)
  }
  if (is.numeric(colour)) {
    if (is.null(palette)) {
      return(ggplot2::scale_colour_viridis_c(name = title, na.value = "grey80"))
    }
    check_palette(palette, 2L, "a gradient needs 2", call)
    return(ggplot2::scale_colour_gradientn(name = title, colours = unname(palette), na.value = "grey80"))
  }
  count <- nlevels(colour)
  if (!is.null(palette)) {
    check_palette(palette, count, sprintf("there are %d labels", count), call)
    if (!is.null(names(palette)) && !all(levels(colour) %in% names(palette))) {
      abort_neuralee(
        "input", sprintf("`palette` names no colour for %s.", list_some(setdiff(levels(colour), names(palette)))),
        "Name a colour for each label, or give colours without names.", call = call
      )
    }
  }
  colours <- palette %||% label_colours(count)
  ggplot2::scale_colour_manual(
    name = title, values = colours, na.value = "grey80", labels = function(x) short_lines(x, 25L),
    guide = if (hide) "none" else label_guide(levels(colour))
  )
}

check_palette <- function(palette, count, why, call) {
  known <- function(one) !is.na(one) && !inherits(try(grDevices::col2rgb(one), silent = TRUE), "try-error")
  valid <- if (is.character(palette)) vapply(palette, known, NA) else FALSE
  if (!all(valid)) {
    abort_neuralee(
      "input",
      if (is.character(palette)) {
        sprintf("`palette` has %s, which R knows no colour by.", list_some(palette[!valid]))
      } else {
        sprintf("`palette` is %s.", describe(palette))
      },
      "Give colours as \"#RRGGBB\" or by the names in colours().", call = call
    )
  }
  if (length(palette) < count) {
    abort_neuralee("input", sprintf("`palette` has %d colours, but %s.", length(palette), why), call = call)
  }
}

# Lines of at most `width` letters; a word that is longer is cut.
short_lines <- function(x, width) {
  vapply(as.character(x), function(one) {
    lines <- strwrap(one, width + 1L)
    long <- nchar(lines) > width
    lines[long] <- paste0(substr(lines[long], 1L, width - 3L), "...")
    paste(lines, collapse = "\n")
  }, "", USE.NAMES = FALSE)
}

longest_line <- function(text) {
  vapply(strsplit(text, "\n", fixed = TRUE), function(lines) max(nchar(lines), 0L), 0L)
}

# Beside the map while one column will do, else below it, in as many columns as
# about 90 letters leave room for.
most_beside <- 18L

label_guide <- function(labels) {
  columns <- if (length(labels) <= most_beside) {
    1L
  } else {
    max(1L, min(8L, 90L %/% (max(longest_line(short_lines(labels, 25L))) + 5L)))
  }
  ggplot2::guide_legend(override.aes = list(size = 2.5, alpha = 1), ncol = columns, title.position = "top")
}

# The eight colours of Okabe and Ito, then each time the colour farthest (in CIELAB) from
# those before it, the smallest distance over normal, deuteranopic, protanopic and
# tritanopic vision counting.
twenty_colours <- c(
  "#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9", "#000000", "#F0E442",
  "#220099", "#443300", "#BBDD88", "#550055", "#8866FF", "#005544", "#FFBBCC", "#776633",
  "#2244AA", "#AA9955", "#665577", "#7788EE"
)

label_colours <- function(count) {
  if (count <= length(twenty_colours)) {
    return(twenty_colours[seq_len(count)])
  }
  hues <- seq(15, 375, length.out = count + 1L)[seq_len(count)]
  grDevices::hcl(hues, c = rep_len(c(90, 55, 75), count), l = rep_len(c(45, 75, 60), count))
}

label_layers <- function(points) {
  points <- points[!is.na(points$colour), ]
  centre <- stats::aggregate(points[c("x", "y")], list(label = points$colour), stats::median)
  centre <- centre[order(-table(points$colour)[as.character(centre$label)]), ]
  centre$text <- short_lines(centre$label, 20L)
  size <- if (nrow(centre) > 20L) 2.3 else 3
  placed <- place_labels(centre, points, size)
  left_out <- sum(!placed$fits)
  placed <- placed[placed$fits, ]
  # The argument that takes the frame away has changed its name in ggplot2.
  frame <- if ("border.colour" %in% names(formals(ggplot2::geom_label))) {
    list(border.colour = NA)
  } else {
    list(label.size = NA)
  }
  labels <- do.call(ggplot2::geom_label, c(
    list(
      mapping = ggplot2::aes(x = .data$at_x, y = .data$at_y, label = .data$text), data = placed,
      inherit.aes = FALSE, size = size, fontface = "bold", alpha = 0.75, colour = "black",
      label.padding = ggplot2::unit(0.12, "lines"), lineheight = 0.9
    ),
    frame
  ))
  leaders <- ggplot2::geom_segment(
    ggplot2::aes(x = .data$x, y = .data$y, xend = .data$at_x, yend = .data$at_y),
    data = placed[placed$moved, ], inherit.aes = FALSE, colour = "grey25", linewidth = 0.3
  )
  note <- if (left_out > 0L) {
    ggplot2::labs(caption = sprintf("%d of %d labels do not fit and are left out", left_out, nrow(centre)))
  }
  list(leaders, labels, note)
}

# The nearest free place for each label in turn, the one of most cells first, within an eighth
# of the map's extent of its median and within the range of the points. Boxes are estimated
# from the number of letters and the extent of the map.
place_labels <- function(centre, points, size) {
  span <- max(diff(range(points$x)), diff(range(points$y)), 1e-12)
  width <- 0.0062 * size * span * pmax(longest_line(centre$text), 2L)
  height <- 0.015 * size * span * lengths(strsplit(centre$text, "\n", fixed = TRUE))
  radius <- rep(seq(0, 0.125, by = 0.0125), c(1L, rep(16L, 10L))) * span
  angle <- c(0, rep(seq(0, 2 * pi, length.out = 17L)[-1L], 10L))
  centre$at_x <- centre$x
  centre$at_y <- centre$y
  centre$fits <- FALSE
  for (i in seq_len(nrow(centre))) {
    x <- centre$x[i] + radius * cos(angle)
    y <- centre$y[i] + radius * sin(angle)
    free <- radius == 0 | (x >= min(points$x) & x <= max(points$x) & y >= min(points$y) & y <= max(points$y))
    for (j in which(centre$fits)) {
      free <- free & (abs(x - centre$at_x[j]) >= (width[i] + width[j]) / 2 |
        abs(y - centre$at_y[j]) >= (height[i] + height[j]) / 2)
    }
    if (any(free)) {
      centre$at_x[i] <- x[which(free)[1L]]
      centre$at_y[i] <- y[which(free)[1L]]
      centre$fits[i] <- TRUE
    }
  }
  centre$moved <- abs(centre$at_y - centre$y) > height / 2 | abs(centre$at_x - centre$x) > width / 2
  centre
}

embedding_theme <- function(one_dimension, legend_below) {
  theme <- ggplot2::theme_classic(base_size = 11) +
    ggplot2::theme(
      axis.line = ggplot2::element_line(colour = "grey60", linewidth = 0.3),
      axis.ticks = ggplot2::element_line(colour = "grey60", linewidth = 0.3),
      axis.text = ggplot2::element_text(colour = "grey40", size = 8),
      legend.key.height = ggplot2::unit(if (legend_below) 0.7 else 1, "lines"),
      legend.text = ggplot2::element_text(size = if (legend_below) 7 else 9),
      legend.position = if (legend_below) "bottom" else "right",
      legend.margin = ggplot2::margin(0, 0, 0, 0),
      plot.title = ggplot2::element_text(size = 12)
    )
  if (!one_dimension) {
    return(theme)
  }
  theme + ggplot2::theme(
    axis.line.y = ggplot2::element_blank(), axis.text.y = ggplot2::element_blank(),
    axis.ticks.y = ggplot2::element_blank()
  )
}
