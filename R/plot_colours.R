# How numbers become colours: the limits of the scale, the colours along it, and what its ends are
# called. NULL for labels.
number_scale <- function(colours, palette, poles, limits, quantiles) {
  numbers <- unlist(colours, use.names = FALSE)
  if (!is.numeric(numbers)) {
    given <- c(poles = !is.null(poles), limits = !is.null(limits), quantiles = !is.null(quantiles))
    if (any(given)) {
      abort_neuralee(
        "input",
        sprintf("`%s` is for numbers, but `colour_by` has none.", names(given)[given][[1L]]),
        "Leave it out, or colour by numbers."
      )
    }
    return(NULL)
  }
  if (!is.null(poles) && (!is.character(poles) || length(poles) != 2L || anyNA(poles))) {
    refuse_argument(poles, "poles", "two names, first that of the low end")
  }
  if (!is.null(poles)) check_text(poles, "`poles`")
  if (!is.null(palette)) check_palette(palette, 2L, "a gradient needs 2")
  list(
    limits = colour_limits(numbers, limits, quantiles, !is.null(poles)),
    colours = unname(palette) %||% if (is.null(poles)) viridis else from_pole_to_pole, poles = poles
  )
}

# A scale between poles is the same to both sides of 0 where the numbers have both signs.
colour_limits <- function(numbers, limits, quantiles, diverging) {
  if (!is.null(limits) && !is.null(quantiles)) {
    abort_neuralee(
      "input", "`limits` and `quantiles` both set the ends of the colours.", "Give one."
    )
  }
  if (!is.null(limits)) {
    return(check_interval(limits, "limits", "two numbers, the lower first", -Inf, Inf))
  }
  quantiles <- quantiles %||% c(0, 1)
  check_interval(quantiles, "quantiles", "two numbers from 0 to 1, the lower first", 0, 1)
  finite <- numbers[is.finite(numbers)]
  if (!length(finite)) return(c(0, 1))
  ends <- unname(stats::quantile(finite, quantiles))
  # Most cells of a rarely expressed gene are 0: both quantiles may be.
  if (ends[[1L]] == ends[[2L]]) ends <- range(finite)
  # The extent of the scale must be a number too.
  ends <- into_limits(ends, c(-1, 1) * .Machine$double.xmax / 4)
  # The only number there is lies in the middle between two poles.
  if (diverging && ends[[1L]] == ends[[2L]]) ends <- ends + c(-0.5, 0.5) * max(1, abs(ends[[1L]]))
  if (diverging && ends[[1L]] < 0 && ends[[2L]] > 0) c(-1, 1) * max(abs(ends)) else ends
}

check_interval <- function(x, name, wanted, min, max) {
  if (!is.numeric(x) || length(x) != 2L || !all(is.finite(x)) || x[[1L]] >= x[[2L]] ||
    any(x < min | x > max)) {
    refuse_argument(x, name, wanted)
  }
  as.numeric(x)
}

# Each column from its own lower to its own upper limit, as 0 to 1.
rescale_columns <- function(colours, quantiles) {
  lapply(colours, function(values) {
    ends <- colour_limits(values, NULL, quantiles, FALSE)
    pmin(pmax((values - ends[[1L]]) / max(diff(ends), .Machine$double.xmin), 0), 1)
  })
}

# Numbers beyond the limits get the colours of the limits.
into_limits <- function(x, range, ...) pmin(pmax(x, range[[1L]]), range[[2L]])

viridis <- c(
  "#440154", "#482878", "#3E4A89", "#31688E", "#26828E", "#1F9E89", "#35B779", "#6DCD59", "#B4DE2C",
  "#FDE725"
)

# Blue and orange differ under each of the common colour-vision deficiencies; the middle is light,
# but not white like the ground.
from_pole_to_pole <- c("#08519C", "#6BAED6", "#D9D9D9", "#FD8D3C", "#A63603")

missing_colour <- "grey80"

colour_scale <- function(colour, scale, palette, title, legend) {
  if (is.null(colour)) return(NULL)
  if (!is.null(scale)) {
    return(ggplot2::scale_colour_gradientn(
      name = title, colours = scale$colours, limits = scale$limits, oob = into_limits,
      na.value = missing_colour,
      breaks = if (is.null(scale$poles)) ggplot2::waiver() else scale$limits,
      labels = if (is.null(scale$poles)) ggplot2::waiver() else short_lines(scale$poles, 25L),
      guide = if (legend) ggplot2::guide_colourbar(ticks = is.null(scale$poles)) else "none"
    ))
  }
  ggplot2::scale_colour_manual(
    name = title, values = colours_of_labels(levels(colour), palette), na.value = missing_colour,
    labels = function(x) short_lines(x, 25L),
    guide = if (legend) label_guide(levels(colour)) else "none"
  )
}

# The colour of each label, by its name.
colours_of_labels <- function(labels, palette) {
  count <- length(labels)
  if (is.null(palette)) return(stats::setNames(label_colours(count), labels))
  check_palette(palette, count, sprintf("there are %d labels", count))
  if (is.null(names(palette))) return(stats::setNames(palette[seq_len(count)], labels))
  if (!all(labels %in% names(palette))) {
    abort_neuralee(
      "input",
      sprintf("`palette` names no colour for %s.", list_some(setdiff(labels, names(palette)))),
      "Name a colour for each label, or give colours without names."
    )
  }
  palette[labels]
}

check_palette <- function(palette, count, why) {
  known <- function(one) {
    !is.na(one) && !inherits(try(grDevices::col2rgb(one), silent = TRUE), "try-error")
  }
  valid <- if (is.character(palette)) vapply(palette, known, NA) else FALSE
  if (!all(valid)) {
    abort_neuralee(
      "input",
      if (is.character(palette)) {
        sprintf("`palette` has %s, which R knows no colour by.", list_some(palette[!valid]))
      } else {
        sprintf("`palette` is %s.", describe(palette))
      },
      "Give colours as \"#RRGGBB\" or by the names in colours()."
    )
  }
  if (length(palette) < count) {
    abort_neuralee("input", sprintf("`palette` has %d colours, but %s.", length(palette), why))
  }
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
  ggplot2::guide_legend(
    override.aes = list(size = 2.5, alpha = 1), ncol = columns, title.position = "top"
  )
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
  if (count <= length(twenty_colours)) return(twenty_colours[seq_len(count)])
  hues <- seq(15, 375, length.out = count + 1L)[seq_len(count)]
  grDevices::hcl(hues, c = rep_len(c(90, 55, 75), count), l = rep_len(c(45, 75, 60), count))
}
