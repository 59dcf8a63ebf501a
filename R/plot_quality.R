#' Plot how much of the data embeddings keep
#'
#' Draws the measures of [embedding_quality()], one panel for each and one row for each embedding,
#' or the curves R_NX(K) behind `auc_rnx`. They show which part of the K nearest cells an embedding
#' keeps, from the closest neighbours on the left to the whole arrangement on the right.
#'
#' @param quality What [embedding_quality()] returned, several of them bound by `rbind()` (the names
#'   of the rows name the embeddings), or a list of them with names.
#' @param view `"measures"` for the bars, `"r_nx"` for the curves.
#' @return A ggplot object. As bars, embeddings stand from top to bottom in their order. The longer
#'   the bar the better; 1 is perfect. The last two panels, compactness and spread, tell how the
#'   picture is filled, and compare maps of equally many cells. As curves, the number of neighbours
#'   K has a logarithmic axis, on which the area under a curve is `auc_rnx`. 1 is perfect, and 0
#'   (the grey line) is chance. Of a curve with many K at most 500 are drawn.
#' @section Errors:
#' `neuralee_error_input` where `quality` does not come from [embedding_quality()], or was changed
#' so that it is no such table any more.
#' @seealso [embedding_quality()], which explains the measures.
#' @inherit embedding_quality references
#' @examples
#' x <- as.matrix(iris[, 1:4])
#' fit <- ee(x, perplexity = 20, maxit = 50, verbose = FALSE)
#' quality <- list(
#'   EE = embedding_quality(fit, x, labels = iris$Species),
#'   PCA = embedding_quality(prcomp(x)$x[, 1:2], x, labels = iris$Species)
#' )
#' plot_quality(quality)
#' plot_quality(quality, view = "r_nx")
#' @export
plot_quality <- function(quality, view = c("measures", "r_nx")) {
  check_given()
  view <- match_choice(view, "view", c("measures", "r_nx"))
  quality <- quality_table(quality)
  colours <- stats::setNames(label_colours(nrow(quality)), quality$map)
  if (view == "measures") measure_bars(quality, colours) else rnx_curves(quality, colours)
}

measure_bars <- function(quality, colours) {
  measured <- names(quality_measures)[vapply(
    names(quality_measures), function(name) !all(is.na(quality[[name]])), NA
  )]
  titles <- quality_measures
  if (length(unique(quality$k)) == 1L) {
    by_k <- names(titles) %in% c(
      "neighborhood_preservation", "trustworthiness", "density_correlation", "label_accuracy"
    )
    titles[by_k] <- sprintf("%s, k = %d", titles[by_k], as.integer(quality$k[[1L]]))
  }
  long <- data.frame(
    map = factor(rep(quality$map, length(measured)), rev(quality$map)),
    measure = factor(rep(titles[measured], each = nrow(quality)), titles),
    value = unlist(quality[measured], use.names = FALSE)
  )
  long$text <- ifelse(is.na(long$value), "not measured", sprintf("%.3f", long$value))
  long$value[is.na(long$value)] <- 0
  ggplot2::ggplot(long, ggplot2::aes(x = .data$value, y = .data$map)) +
    ggplot2::geom_col(ggplot2::aes(fill = .data$map), width = 0.65) +
    ggplot2::geom_text(
      ggplot2::aes(x = pmax(.data$value, 0), label = .data$text), hjust = -0.15, size = 3
    ) +
    ggplot2::scale_fill_manual(values = colours, guide = "none") +
    ggplot2::scale_x_continuous(
      limits = c(min(0, long$value), 1.2), breaks = c(0, 0.5, 1),
      expand = ggplot2::expansion(c(0.02, 0))
    ) +
    ggplot2::scale_y_discrete(labels = function(x) short_lines(x, 25L)) +
    ggplot2::facet_wrap(ggplot2::vars(.data$measure), ncol = 1L) +
    ggplot2::labs(x = NULL, y = NULL) +
    quality_theme()
}

rnx_curves <- function(quality, colours) {
  curves <- Map(function(map, r_nx) {
    k <- unique(round(exp(seq(0, log(length(r_nx)), length.out = 500L))))
    data.frame(map = map, k = k, r_nx = r_nx[k])
  }, quality$map, quality$r_nx)
  long <- do.call(rbind, unname(curves))
  long$map <- factor(long$map, quality$map)
  areas <- stats::setNames(
    sprintf("%s (area %.3f)", short_lines(quality$map, 25L), quality$auc_rnx), quality$map
  )
  ggplot2::ggplot(long, ggplot2::aes(x = .data$k, y = .data$r_nx, colour = .data$map)) +
    ggplot2::geom_hline(yintercept = 0, colour = "grey75", linewidth = 0.3) +
    ggplot2::geom_line(linewidth = 0.7) +
    ggplot2::scale_colour_manual(values = colours, labels = areas, name = NULL) +
    ggplot2::scale_x_log10(
      labels = function(x) format(x, big.mark = ",", trim = TRUE, scientific = FALSE)
    ) +
    ggplot2::scale_y_continuous(limits = c(min(0, long$r_nx), max(0.05, long$r_nx))) +
    ggplot2::labs(x = "neighbours K", y = expression(R[NX](K))) +
    quality_theme()
}

quality_theme <- function() {
  ggplot2::theme_classic(base_size = 11) +
    ggplot2::theme(
      strip.background = ggplot2::element_blank(),
      strip.text = ggplot2::element_text(size = 11, hjust = 0),
      axis.line = ggplot2::element_line(colour = "grey60", linewidth = 0.3),
      axis.ticks = ggplot2::element_line(colour = "grey60", linewidth = 0.3)
    )
}

# One data frame with the column `map`.
quality_table <- function(quality) {
  rows <- if (is.data.frame(quality)) list(quality) else quality
  known <- is.list(rows) && length(rows) && all(vapply(rows, is_quality, NA))
  if (!known) {
    abort_neuralee(
      "input", sprintf("`quality` is %s, not what embedding_quality() returns.", describe(quality)),
      "Give one such result, several bound by rbind(), or a list of them with names."
    )
  }
  rows <- Map(function(one, name) {
    own <- if (is.character(attr(one, "row.names"))) row.names(one) else rep("", nrow(one))
    if (nrow(one) == 1L && nzchar(name)) own <- name
    table <- data.frame(map = own, unclass(one)[c("k", names(quality_measures))])
    table$r_nx <- unclass(one$r_nx)
    table
  }, rows, names(rows) %||% rep("", length(rows)))
  table <- do.call(rbind, unname(rows))
  unnamed <- !nzchar(table$map)
  table$map[unnamed] <- if (nrow(table) == 1L) {
    "embedding"
  } else {
    sprintf("embedding %d", which(unnamed))
  }
  table$map <- make.unique(table$map, " ")
  table
}

# A table may have been changed by hand, or read from a file.
is_quality <- function(x) {
  if (!is.data.frame(x) || nrow(x) == 0L ||
    !all(c("k", names(quality_measures), "r_nx") %in% names(x))) {
    return(FALSE)
  }
  measures <- vapply(names(quality_measures), function(name) is_share(x[[name]]), NA)
  whole <- is.numeric(x$k) && all(is.finite(x$k)) && all(x$k >= 1 & x$k == floor(x$k))
  all(measures) && whole && is.list(x$r_nx) && all(vapply(x$r_nx, is_curve, NA))
}

# A measure that is missing everywhere may be logical.
is_share <- function(x) {
  (is.numeric(x) && !any(abs(x) > 1 + 1e-9, na.rm = TRUE)) || (is.logical(x) && all(is.na(x)))
}

is_curve <- function(x) {
  is.numeric(x) && length(x) > 0L && all(is.finite(x)) && all(abs(x) <= 1 + 1e-9)
}
