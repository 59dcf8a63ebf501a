#' Plot how much of the data embeddings keep
#'
#' Draws the measures of [embedding_quality()], one panel for each and one row for each embedding.
#'
#' @param quality What [embedding_quality()] returned, several of them bound by `rbind()` (the names of the rows
#'   name the
#'   embeddings), or a list of them with names.
#' @return A ggplot object. Embeddings stand from top to bottom in their order. The longer the bar the better; 1 is
#'   perfect.
#' @section Errors:
#' `neuralee_error_input` where `quality` does not come from [embedding_quality()].
#' @seealso [embedding_quality()], which explains the measures.
#' @examples
#' x <- as.matrix(iris[, 1:4])
#' fit <- ee(x, perplexity = 20, maxit = 50, verbose = FALSE)
#' plot_quality(list(
#'   EE = embedding_quality(fit, x, labels = iris$Species),
#'   PCA = embedding_quality(prcomp(x)$x[, 1:2], x, labels = iris$Species)
#' ))
#' @export
plot_quality <- function(quality) {
  quality <- quality_table(quality)
  measured <- names(quality_measures)[vapply(names(quality_measures), function(name) !all(is.na(quality[[name]])), NA)]
  titles <- quality_measures
  if (length(unique(quality$k)) == 1L) {
    by_k <- names(titles) != "auc_rnx" & names(titles) != "distance_correlation"
    titles[by_k] <- sprintf("%s, k = %d", titles[by_k], quality$k[[1L]])
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
    ggplot2::geom_text(ggplot2::aes(x = pmax(.data$value, 0), label = .data$text), hjust = -0.15, size = 3) +
    ggplot2::scale_fill_manual(values = stats::setNames(label_colours(nrow(quality)), quality$map), guide = "none") +
    ggplot2::scale_x_continuous(
      limits = c(min(0, long$value), 1.2), breaks = c(0, 0.5, 1), expand = ggplot2::expansion(c(0.02, 0))
    ) +
    ggplot2::scale_y_discrete(labels = function(x) short_lines(x, 25L)) +
    ggplot2::facet_wrap(ggplot2::vars(.data$measure), ncol = 1L) +
    ggplot2::labs(x = NULL, y = NULL) +
    ggplot2::theme_classic(base_size = 11) +
    ggplot2::theme(
      strip.background = ggplot2::element_blank(), strip.text = ggplot2::element_text(size = 11, hjust = 0),
      axis.line = ggplot2::element_line(colour = "grey60", linewidth = 0.3),
      axis.ticks = ggplot2::element_line(colour = "grey60", linewidth = 0.3)
    )
}

# One data frame with the column `map`.
quality_table <- function(quality, call = caller_env()) {
  rows <- if (is.data.frame(quality)) list(quality) else quality
  known <- is.list(rows) && length(rows) && all(vapply(rows, is_quality, NA))
  if (!known) {
    abort_neuralee(
      "input", sprintf("`quality` is %s, not what embedding_quality() returns.", describe(quality)),
      "Give one such result, several bound by rbind(), or a list of them with names.", call = call
    )
  }
  rows <- Map(function(one, name) {
    own <- if (is.character(attr(one, "row.names"))) row.names(one) else rep("", nrow(one))
    if (nrow(one) == 1L && nzchar(name)) own <- name
    data.frame(map = own, unclass(one)[c("k", names(quality_measures))])
  }, rows, names(rows) %||% rep("", length(rows)))
  table <- do.call(rbind, unname(rows))
  unnamed <- !nzchar(table$map)
  table$map[unnamed] <- if (nrow(table) == 1L) "embedding" else sprintf("embedding %d", which(unnamed))
  table$map <- make.unique(table$map, " ")
  table
}

is_quality <- function(x) is.data.frame(x) && nrow(x) > 0L && all(c("k", names(quality_measures)) %in% names(x))
