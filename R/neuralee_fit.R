#' @export
print.neuralee_fit <- function(x, ...) {
  p <- x$params
  info <- model_info(model_of(x, "x"))
  cat(sprintf(
    "NeuralEE of %s cells (%d features) in %d dimension%s\n",
    format(p$n, big.mark = ","), p$features, p$d, if (p$d == 1L) "" else "s"
  ))
  cat(sprintf("Network %s; preprocessing: %s\n", describe_network(info), describe_steps(info)))
  cat(loss_in_words(x), "\n", sep = "")
  cat(sprintf(
    "%d epochs (%s; least E after %d), %s, %s, %s s\n", p$iterations, p$reason, p$best_iteration,
    format(p$optimizer), describe_batches(p), format(x$timing[["total"]], digits = 3)
  ))
  if (info$landmarks > 0) {
    cat(sprintf(
      "Map of ee(), by %s landmarks for others; the network alone: E = %s, in $network_embedding\n",
      format(info$landmarks, big.mark = ","), format(p$network_loss, digits = 6)
    ))
  }
  if (!is.null(x$subset)) {
    cat(
      "Trained on a random subset; its row numbers are in $subset, and predict() maps other cells\n"
    )
  }
  if (!is.null(x$data)) {
    cat("Keeps the inputs of the network: ", size_in_words(x$data), "\n", sep = "")
  }
  invisible(x)
}

describe_batches <- function(params) {
  switch(params$batches,
    all = "all cells a step",
    accumulated = "all cells a step, accumulated",
    sprintf(
      "%s cells a step%s", format(params$batch_size, big.mark = ","),
      if (params$batches == "independent") ", independent" else ""
    )
  )
}

#' Summarise a NeuralEE fit
#'
#' Says in a short table how the training went and with which settings.
#'
#' @param object A fit that [neuralee()] or [fine_tune()] returned.
#' @param ... Not used.
#' @return An object of class `summary.neuralee_fit`: that of [summary.ee_fit()] with `model`, what
#'   is known of the network; it prints as a short table.
#' @examples
#' fit <- neuralee(as.matrix(iris[, 1:4]), perplexity = 20, maxit = 20, verbose = FALSE)
#' summary(fit)
#' @export
summary.neuralee_fit <- function(object, ...) {
  summary <- NextMethod()
  summary$model <- model_info(model_of(object))
  class(summary) <- c("summary.neuralee_fit", class(summary))
  summary
}

#' @export
print.summary.neuralee_fit <- function(x, ...) {
  p <- x$params
  own <- c(
    "epochs" = sprintf(
      "%d of at most %d (%s), least E after %d", p$iterations, p$maxit, p$reason, p$best_iteration
    ),
    "network" = sprintf(
      "%s: %s parameters", describe_network(x$model), format(x$model$parameters, big.mark = ",")
    ),
    "preprocessing" = describe_steps(x$model), "optimizer" = format(p$optimizer),
    "batches" = describe_batches(p),
    "landmarks" = format(x$model$landmarks, big.mark = ",")
  )
  start <- if (p$pretrain > 0L) sprintf("%s (%d epochs)", p$init, p$pretrain) else "weights"
  print_summary(x, "NeuralEE", own, start)
}
