#' @export
print.ee_fit <- function(x, ...) {
  p <- x$params
  cat(sprintf(
    "Elastic embedding of %s cells (%d features) in %d dimension%s\n",
    format(p$n, big.mark = ","), p$features, p$d, if (p$d == 1L) "" else "s"
  ))
  cat(loss_in_words(x), "\n", sep = "")
  cat(sprintf(
    "%d iterations (%s), method \"%s\", %s s\n",
    p$iterations, p$reason, p$method, format(x$timing[["total"]], digits = 3)
  ))
  if (!is.null(x$subset)) cat("A random subset; its row numbers are in $subset\n")
  if (!is.null(x$data)) {
    cat("Keeps its cells for predict(): ", size_in_words(x$data), "\n", sep = "")
  }
  invisible(x)
}

loss_in_words <- function(fit) {
  p <- fit$params
  sprintf(
    "E = %s at lambda = %s%s; %s affinities, perplexity %s, k = %d", format(fit$loss, digits = 6),
    format(p$lambda, digits = 5), if (identical(p$kernel, "student")) ", heavy tails" else "",
    p$affinity, format(p$perplexity), p$k
  )
}

size_in_words <- function(numbers) {
  format(structure(8 * length(numbers), class = "object_size"), units = "auto")
}

#' Summarise an elastic embedding
#'
#' Says in a short table how the optimisation went and with which settings: the loss at the
#' start and the end, whether it converged, the seconds of each part and the extent of the map.
#'
#' @param object A fit that [ee()] returned.
#' @param ... Not used.
#' @return An object of class `summary.ee_fit`: a list with `loss`, `first_loss` (of the start),
#'   `iterations`, `converged`, `reason`, `gradient_norm`, `timing` (seconds), `extent` (range of
#'   each dimension) and `params`. It prints as a short table.
#' @examples
#' fit <- ee(as.matrix(iris[, 1:4]), perplexity = 20, maxit = 30, verbose = FALSE)
#' summary(fit)
#' @export
summary.ee_fit <- function(object, ...) {
  last <- nrow(object$trace)
  structure(
    list(
      loss = object$loss,
      first_loss = object$trace$loss[1L],
      iterations = object$params$iterations,
      converged = object$params$converged,
      reason = object$params$reason,
      gradient_norm = object$trace$gradient_norm[last],
      timing = object$timing,
      extent = apply(object$embedding, 2L, range),
      params = object$params
    ),
    class = "summary.ee_fit"
  )
}

#' @export
print.summary.ee_fit <- function(x, ...) {
  p <- x$params
  iterations <- sprintf("%d of at most %d (%s)", x$iterations, p$maxit, x$reason)
  print_summary(x, "Elastic embedding", c("iterations" = iterations), p$init)
}

# `own` are lines of one kind of fit; `start` says what it started from.
print_summary <- function(x, title, own, start) {
  p <- x$params
  extent <- sprintf(
    "%s to %s", format(x$extent[1L, ], digits = 3), format(x$extent[2L, ], digits = 3)
  )
  lines <- c(
    "E" = sprintf(
      "%s (at the start %s)", format(x$loss, digits = 6), format(x$first_loss, digits = 6)
    ),
    "gradient norm" = format(x$gradient_norm, digits = 3), own,
    "cells, features" = sprintf("%s, %d", format(p$n, big.mark = ","), p$features),
    "lambda" = format(p$lambda),
    "affinities" = sprintf("%s, perplexity %s, k = %d", p$affinity, format(p$perplexity), p$k),
    "repulsion" = p$method, "start, seed" = sprintf("%s, %s", start, format(p$seed)),
    "seconds" = paste(names(x$timing), format(x$timing, digits = 3, trim = TRUE), collapse = ", "),
    "extent" = paste(extent, collapse = "; ")
  )
  cat(title, "\n", sep = "")
  cat(sprintf("  %-16s %s\n", names(lines), lines), sep = "")
  invisible(x)
}

#' Plot an elastic embedding
#'
#' Draws the map with [plot_embedding()]; [plot_trace()] draws how it converged.
#'
#' @param x A fit that [ee()] returned.
#' @param ... Passed to [plot_embedding()], such as `colour_by`.
#' @return A ggplot object.
#' @examples
#' fit <- ee(as.matrix(iris[, 1:4]), perplexity = 20, maxit = 30, verbose = FALSE)
#' plot(fit, colour_by = iris$Species)
#' @export
plot.ee_fit <- function(x, ...) plot_embedding(x, ...)

#' @export
as.matrix.ee_fit <- function(x, ...) x$embedding

#' @export
as.data.frame.ee_fit <- function(x, ...) as.data.frame(x$embedding, ...)

#' @importFrom utils head
#' @export
head.ee_fit <- function(x, ...) head(x$embedding, ...)

# The trace and the settings as attributes of a reduced dimension. Printing the matrix
# prints them too, so that they have to be short.
new_ee_trace <- function(trace) structure(trace, class = c("ee_trace", "data.frame"))

new_ee_params <- function(params) structure(params, class = "ee_params")

#' @export
as.data.frame.ee_trace <- function(x, ...) structure(x, class = "data.frame")

#' @export
head.ee_trace <- function(x, ...) head(as.data.frame(x), ...)

#' @export
print.ee_trace <- function(x, ...) {
  cat(sprintf("<%d rows of %s>\n", nrow(x), toString(names(x))))
  invisible(x)
}

#' @export
`[.ee_params` <- function(x, i) unclass(x)[i]

#' @export
print.ee_params <- function(x, ...) {
  cat(sprintf(
    "<%d settings: lambda %s, perplexity %s, %s iterations, seed %s, ...>\n",
    length(x), format(x$lambda), format(x$perplexity), format(x$iterations), format(x$seed)
  ))
  invisible(x)
}
