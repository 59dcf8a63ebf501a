# A whole number from 0 to 2^53 - 1, as a double: what a double holds exactly.
check_seed <- function(seed, name = "seed") {
  if (!is.numeric(seed) || length(seed) != 1L || !is.finite(seed) || seed != floor(seed) ||
    seed < 0 || seed >= 2^53) {
    refuse_argument(seed, name, "one whole number from 0 to 2^53 - 1")
  }
  as.numeric(seed)
}
