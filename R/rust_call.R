# The answer of a Rust function, or its failure as a classed condition. `value` is the
# call of a wrapper (`rust_call(rs_something(...))`), which returns list(ok =, err =).
rust_call <- function(value) {
  result <- tryCatch(value, simpleError = function(e) {
    # R's own limit (setTimeLimit()) may end a call at any point.
    if (grepl("time limit", conditionMessage(e), fixed = TRUE)) stop(e)
    # A panic, or an argument of a type that the wrapper does not take: checks in R
    # should have refused it before.
    abort_neuralee(
      "internal", paste0("The Rust library failed: ", conditionMessage(e)),
      "This is a bug; please report it with the call that led here."
    )
  })
  if (!inherits(result, "extendr_result")) return(result)
  failure <- result$err
  if (is.null(failure)) return(result$ok)
  abort_neuralee(failure$class, failure$message, failure$remedy)
}
