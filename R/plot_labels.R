# The labels of every panel; `across` is the number of panels side by side, which leaves each less
# room.
label_layers <- function(points, across) {
  points <- points[!is.na(points$colour), ]
  panels <- if (is.null(points$panel)) list(points) else split(points, points$panel, drop = TRUE)
  size <- if (nlevels(points$colour) > 20L || across > 1L) 2.3 else 3
  placed <- do.call(
    rbind, lapply(panels, place_panel, whole = points, size = size, across = across)
  )
  left_out <- sum(!placed$fits)
  note <- if (left_out > 0L) {
    ggplot2::labs(
      caption = sprintf("%d of %d labels do not fit and are left out", left_out, nrow(placed))
    )
  }
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
  list(leaders, labels, note)
}

# Where the labels of the cells of one panel go on the map of all.
place_panel <- function(points, whole, size, across) {
  points$colour <- droplevels(points$colour)
  centre <- stats::aggregate(points[c("x", "y")], list(label = points$colour), stats::median)
  centre <- centre[order(-table(points$colour)[as.character(centre$label)]), ]
  centre$text <- short_lines(centre$label, 20L)
  if (!is.null(points$panel)) centre$panel <- points$panel[[1L]]
  place_labels(centre, whole, size * across)
}

# The nearest free position for each label in turn, the one of most cells first, within an eighth
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
    free <- radius == 0 |
      (x >= min(points$x) & x <= max(points$x) & y >= min(points$y) & y <= max(points$y))
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
