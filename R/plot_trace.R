#' Plot how an embedding converged
#'
#' Draws the loss E, and below it the norm of its gradient on a logarithmic scale, against the
#' iterations or the seconds.
#'
#' @param object A fit of [ee()] or [neuralee()], a reduction that [calculateEE()] returned, a
#'   SingleCellExperiment or Seurat object with one, or a trace: a data frame with the columns
#'   `iteration`, `loss`, `gradient_norm` and `seconds`.
#' @param dimred Name or number of the reduction of a container; `NULL` for `"EE"`, else
#'   `"NeuralEE"` (in a Seurat object `"ee"`, else `"neuralee"`).
#' @param against `"iteration"` or `"seconds"`.
#' @param log_loss Draw the logarithm of E too? It shows late progress that the fall of the
#'   first iterations hides. Of an E that falls below 0 it is that of its height above the least.
#' @return A ggplot object.
#' @section Errors:
#' `neuralee_error_input` where `object` carries no trace.
#' @examples
#' fit <- ee(as.matrix(iris[, 1:4]), perplexity = 20, maxit = 50, verbose = FALSE)
#' plot_trace(fit)
#' @export
plot_trace <- function(object, dimred = NULL, against = c("iteration", "seconds"),
                       log_loss = FALSE) {
  check_given()
  against <- match_choice(against, "against", c("iteration", "seconds"))
  check_flag(log_loss, "log_loss")
  trace <- trace_of(object, dimred)
  logarithm <- function(x) log10(pmax(x, .Machine$double.xmin))
  loss <- trace$loss
  panels <- c(loss = "E", gradient_norm = "log10 |gradient|")
  if (log_loss) {
    least <- min(loss, na.rm = TRUE)
    panels[["loss"]] <- if (least > 0) "log10 E" else "log10 (E - least E)"
    above <- if (least > 0) loss else loss - least
    loss <- ifelse(above > 0, logarithm(above), NA)
  }
  long <- data.frame(
    at = rep(trace[[against]], 2L),
    value = c(loss, logarithm(trace$gradient_norm)),
    panel = factor(rep(panels, each = nrow(trace)), levels = panels)
  )
  ggplot2::ggplot(long, ggplot2::aes(x = .data$at, y = .data$value)) +
    ggplot2::geom_line(colour = "#0072B2", linewidth = 0.6, na.rm = TRUE) +
    ggplot2::facet_wrap(
      ggplot2::vars(.data$panel), ncol = 1L, scales = "free_y", strip.position = "left"
    ) +
    ggplot2::labs(x = if (against == "iteration") "Iteration" else "Seconds", y = NULL) +
    ggplot2::theme_classic(base_size = 11) +
    ggplot2::theme(
      strip.background = ggplot2::element_blank(), strip.placement = "outside",
      axis.title = ggplot2::element_text(size = 11), strip.text = ggplot2::element_text(size = 11),
      axis.line = ggplot2::element_line(colour = "grey60", linewidth = 0.3),
      panel.grid.major.y = ggplot2::element_line(colour = "grey92", linewidth = 0.3)
    )
}

trace_columns <- c("iteration", "loss", "gradient_norm", "seconds")

trace_of <- function(object, dimred) {
  dimred <- map_to_draw(object, dimred)
  trace <- if (inherits(object, "Seurat")) {
    SeuratObject::Misc(object = dim_reduc_of(object, dimred, "dimred"), slot = "trace")
  } else if (methods::is(object, "SingleCellExperiment")) {
    # The attribute sits on the stored matrix, not on a plain copy of it.
    reduction_of(object, dimred)
    attr(SingleCellExperiment::reducedDim(object, dimred), "trace")
  } else if (is.data.frame(object)) {
    object
  } else if (inherits(object, "ee_fit")) {
    object$trace
  } else {
    attr(object, "trace")
  }
  if (!is.data.frame(trace) || !all(trace_columns %in% names(trace)) || !nrow(trace) ||
    !all(vapply(trace[trace_columns], is.numeric, NA))) {
    abort_neuralee(
      "input", "`object` carries no trace of an optimisation.",
      paste(
        "Give a fit of ee() or neuralee(), or a reduction that runEE(), runNeuralEE(), RunEE() or",
        "RunNeuralEE() made."
      )
    )
  }
  trace
}
