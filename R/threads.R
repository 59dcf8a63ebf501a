# The number of threads for a call: what BPPARAM says, else `threads`, else the option
# neuralee.threads, else the default; never more than OMP_THREAD_LIMIT.
resolve_threads <- function(threads = NULL, BPPARAM = NULL) {
  wanted <- if (!is.null(BPPARAM)) {
    bpparam_workers(BPPARAM)
  } else if (!is.null(threads)) {
    check_count(threads, "threads", min = 1, max = 1024)
  } else if (!is.null(getOption("neuralee.threads"))) {
    check_count(getOption("neuralee.threads"), "options(neuralee.threads)", min = 1, max = 1024)
  } else {
    default_threads()
  }
  limit <- suppressWarnings(as.integer(Sys.getenv("OMP_THREAD_LIMIT")))
  if (is.na(limit) || limit < 1L) wanted else min(wanted, limit)
}

default_threads <- function(available = rs_available_threads()) {
  threads <- min(max(available %/% 2L, 1L), 8L)
  if (under_check()) min(threads, 2L) else threads
}

under_check <- function() {
  limit <- tolower(Sys.getenv("_R_CHECK_LIMIT_CORES_"))
  nzchar(Sys.getenv("_R_CHECK_PACKAGE_NAME_")) || (nzchar(limit) && limit != "false")
}

bpparam_workers <- function(BPPARAM) {
  if (!inherits(BPPARAM, "BiocParallelParam")) {
    abort_neuralee(
      "input", "`BPPARAM` is not a BiocParallelParam object.",
      "Give for example BiocParallel::MulticoreParam(2), or use `threads`."
    )
  }
  rlang::check_installed("BiocParallel", "to read the number of workers from `BPPARAM`.")
  as.integer(BiocParallel::bpnworkers(BPPARAM))
}
