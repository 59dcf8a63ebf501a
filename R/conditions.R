error_kinds <- c(
  "input", "file_format", "not_finite", "perplexity", "dimension", "memory", "device",
  "model_version", "download", "interrupted", "worker", "internal"
)

# The one place where the package raises errors. `kind` is one of error_kinds; `remedy`
# says what to do; further named values become fields of the condition.
abort_neuralee <- function(kind, message, remedy = NULL, call = caller_env(), ...) {
  stopifnot(kind %in% error_kinds)
  remedy <- remedy[nzchar(remedy)]
  rlang::abort(
    c(message, if (length(remedy)) rlang::set_names(remedy, "i")),
    class = c(paste0("neuralee_error_", kind), "neuralee_error"),
    call = call,
    ...
  )
}

# Errors of `expr` as errors of the function that the user called.
with_call <- function(expr, call) {
  withCallingHandlers(expr, neuralee_error = function(condition) {
    condition$call <- if (is.environment(call)) rlang::frame_call(call) else call
    rlang::cnd_signal(condition)
  })
}

# Rust calls answer Ctrl-C with a classed condition; here the R code around them does too.
classed_interrupts <- function(expr, call = caller_env()) {
  force(call)
  tryCatch(
    expr,
    interrupt = function(condition) {
      abort_neuralee("interrupted", "The computation was interrupted.", call = call)
    }
  )
}

# What a reader or writer had no place for.
inform_left_out <- function(message) {
  if (length(message)) rlang::inform(message, class = "neuralee_message_left_out")
}

inform_removed <- function(kept, reason) {
  rlang::inform(
    sprintf("%d of %d cells removed: %s.", sum(!kept), length(kept), reason),
    class = "neuralee_message_removed"
  )
}
