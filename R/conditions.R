error_kinds <- c(
  "input", "file_format", "not_finite", "perplexity", "dimension", "memory", "device",
  "model_version", "download", "interrupted", "worker", "internal"
)

# Where the package raises all its errors. `kind` is one of error_kinds; `remedy`
# says what to do; further named values become fields of the condition.
abort_neuralee <- function(kind, message, remedy = NULL, ...) {
  stopifnot(kind %in% error_kinds)
  remedy <- remedy[nzchar(remedy)]
  rlang::abort(
    c(message, if (length(remedy)) rlang::set_names(remedy, "i")),
    class = c(paste0("neuralee_error_", kind), "neuralee_error"), call = user_frame(), ...
  )
}

# The value of `expr`, without the warnings of one kind.
without_warning <- function(kind, expr) {
  withCallingHandlers(expr, warning = function(condition) {
    if (inherits(condition, paste0("neuralee_warning_", kind))) invokeRestart("muffleWarning")
  })
}

warn_neuralee <- function(kind, message) {
  rlang::warn(message, class = paste0("neuralee_warning_", kind), call = user_frame())
}

# An error of a worker as one of the function that the user called.
raise_again <- function(condition) {
  if (inherits(condition, "neuralee_error")) {
    frame <- user_frame()
    condition$call <- if (!is.null(frame)) rlang::frame_call(frame)
  }
  stop(condition)
}

# The frame that a condition names: that of the outermost function of this package from which the
# error was reached without leaving the package. A function that was made within another stands for
# that one. Base R and rlang may lie between: lapply(), tryCatch().
user_frame <- function() {
  frames <- sys.frames()
  parents <- sys.parents()
  at <- sys.nframe()
  found <- NULL
  while (at > 0L) {
    made_in <- environment(sys.function(at)) %||% baseenv()
    if (identical(made_in, topenv())) {
      found <- frames[[at]]
    } else if (!environmentName(topenv(made_in)) %in% c("neuralee", "base", "methods", "rlang")) {
      break
    }
    # An environment that eval() takes up again has a second frame above.
    maker <- Position(function(frame) identical(frame, made_in), frames[seq_len(at - 1L)])
    at <- if (is.na(maker)) parents[[at]] else maker
  }
  found
}

# Rust calls answer Ctrl-C with a classed condition; here the R code around them does too.
classed_interrupts <- function(expr) {
  tryCatch(expr, interrupt = function(condition) {
    abort_neuralee("interrupted", "The computation was interrupted.")
  })
}

# What a reader or writer could not keep.
inform_left_out <- function(message) {
  if (length(message)) rlang::inform(message, class = "neuralee_message_left_out")
}

inform_removed <- function(kept, reason) {
  rlang::inform(
    sprintf("%d of %d cells removed: %s.", sum(!kept), length(kept), reason),
    class = "neuralee_message_removed"
  )
}

# What has another name than in the version before, said once in a session.
inform_moved <- function(old, new) {
  rlang::inform(
    sprintf("%s is now %s; the old form goes with the next version.", old, new),
    class = "neuralee_message_moved", .frequency = "once", .frequency_id = paste("neuralee", old)
  )
}
