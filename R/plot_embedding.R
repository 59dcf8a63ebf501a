#' Plot an embedding
#'
#' Draws one point per cell, coloured by a label or by a number, with the same scale on
#' both axes.
#'
#' Up to 20 labels get colours that stay apart under the common colour-vision deficiencies
#' (those of Okabe and Ito first); beyond 20, hues alternate in lightness, and
#' `label = TRUE` tells the groups apart better than colour can. Numbers get the viridis
#' scale with the largest values on top. Labelled points are drawn in a fixed scattered order, so that no group
#' covers another. With one dimension the second axis only spreads the points.
#'
#' @param object A numeric matrix with a row per cell, a fit of [ee()], or a
#'   SingleCellExperiment.
#' @param colour_by A vector with an entry per cell (factor, character, logical or
#'   number); for a SingleCellExperiment also the name of a `colData` column or of a feature.
#'   `NULL` draws all points alike.
#' @param dimred Name or number of the reduction of a SingleCellExperiment.
#' @param dims The one or two dimensions to draw.
#' @param label Write each label at the median of its cells, instead of a legend?
#' @param assay.type The assay from which a feature named in `colour_by` is taken.
#' @param point_size,alpha Size (mm) and opacity of the points; `NULL` fits the size to the
#'   number of cells.
#' @param rasterise Draw the points as a bitmap, which keeps vector files small? `NULL` does so above
#'   20,000 cells if the package ggrastr is installed.
#' @param palette Colours for the labels instead of the built-in ones.
#' @param title,colour_title Titles of the plot and of the legend.
#' @return A ggplot object.
#' @section Errors:
#' `neuralee_error_input` for a reduction, column or feature that is not there (the message
#' lists some that are), for `colour_by` of another length, and for `dims` beyond the embedding.
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
                           palette = NULL, title = NULL, colour_title = NULL) {
  check_flag(label, "label")
  alpha <- check_number(alpha, "alpha", min = 0, max = 1)
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
  points$colour <- colour
  points <- points[drawing_order(colour, n), , drop = FALSE]

  plot <- ggplot2::ggplot(points, ggplot2::aes(x = .data$x, y = .data$y)) +
    point_layer(colour, n, point_size, alpha, rasterise) +
    colour_scale(colour, palette, colour_title, hide = label) +
    # A label at the rim may reach beyond the panel.
    ggplot2::coord_fixed(clip = if (label) "off" else "on") +
    ggplot2::labs(x = axes[1L], y = axes[2L], title = title) +
    embedding_theme(one_dimension = length(dims) == 1L)
  if (label && is.factor(colour)) plot + label_layers(points) else plot
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
  if (!is.matrix(coordinates) || !is.numeric(coordinates) || !length(coordinates)) {
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

colour_scale <- function(colour, palette, title, hide) {
  if (is.null(colour)) {
    return(NULL)
  }
  if (is.numeric(colour)) {
    return(ggplot2::scale_colour_viridis_c(name = title, na.value = "grey80"))
  }
  count <- nlevels(colour)
  colours <- if (is.null(palette)) label_colours(count) else palette
  if (length(colours) < count) {
    abort_neuralee("input", sprintf("`palette` has %d colours, but there are %d labels.", length(colours), count))
  }
  guide <- if (hide) {
    "none"
  } else {
    ggplot2::guide_legend(
      override.aes = list(size = 2.5, alpha = 1), ncol = ceiling(count / 18)
    )
  }
  ggplot2::scale_colour_manual(name = title, values = colours, na.value = "grey80", guide = guide)
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
  centre <- stats::aggregate(points[c("x", "y")], list(label = points$colour), stats::median)
  centre <- spread_labels(centre, max(diff(range(points$x)), diff(range(points$y))))
  # The argument that takes the frame away has changed its name in ggplot2.
  frame <- if ("border.colour" %in% names(formals(ggplot2::geom_label))) {
    list(border.colour = NA)
  } else {
    list(label.size = NA)
  }
  do.call(ggplot2::geom_label, c(
    list(
      mapping = ggplot2::aes(x = .data$x, y = .data$y, label = .data$label), data = centre,
      inherit.aes = FALSE, size = 3, fontface = "bold", alpha = 0.75, colour = "black",
      label.padding = ggplot2::unit(0.12, "lines")
    ),
    frame
  ))
}

# Pushes labels apart, up and down, until their boxes (estimated from the number of letters
# and the extent of the map) no longer overlap.
spread_labels <- function(centre, span) {
  height <- 0.045 * span
  width <- 0.018 * span * pmax(nchar(as.character(centre$label)), 2L)
  for (round in seq_len(100L)) {
    moved <- FALSE
    for (i in seq_len(nrow(centre) - 1L)) {
      for (j in seq(i + 1L, nrow(centre))) {
        gap <- centre$y[j] - centre$y[i]
        overlap <- height - abs(gap)
        if (overlap > 1e-9 * span && abs(centre$x[j] - centre$x[i]) < (width[i] + width[j]) / 2) {
          shift <- (if (gap < 0) -0.5 else 0.5) * overlap
          centre$y[i] <- centre$y[i] - shift
          centre$y[j] <- centre$y[j] + shift
          moved <- TRUE
        }
      }
    }
    if (!moved) break
  }
  centre
}

embedding_theme <- function(one_dimension) {
  theme <- ggplot2::theme_classic(base_size = 11) +
    ggplot2::theme(
      axis.line = ggplot2::element_line(colour = "grey60", linewidth = 0.3),
      axis.ticks = ggplot2::element_line(colour = "grey60", linewidth = 0.3),
      axis.text = ggplot2::element_text(colour = "grey40", size = 8),
      legend.key.height = ggplot2::unit(1, "lines"),
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
