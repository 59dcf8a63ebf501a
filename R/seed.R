# A whole number from 0 to 2^53 - 1, as a double: what a double holds exactly.
check_seed <- function(seed, name = "seed") {
  valid <- is.numeric(seed) && length(seed) == 1L && is.finite(seed) &&
    seed == floor(seed) && seed >= 0 && seed < 2^53
  if (!valid) {
    abort_neuralee(
      "input", sprintf("`%s` is %s.", name, describe(seed)),
      "Give one whole number from 0 to 2^53 - 1."
    )
  }
  as.numeric(seed)
}
