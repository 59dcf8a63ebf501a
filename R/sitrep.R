#' What this installation can do
#'
#' Reports the versions, the number of threads, the processor's vector instruction sets
#' and whether HDF5 is there, with the command that mends what is missing.
#'
#' @return A list of class `neuralee_sitrep`, which prints as a report: `neuralee`, `r` and
#'   `rustc` (versions; the compiler that built the package), `platform`,
#'   `threads_available` (cores that this process may use), `threads_default` (what
#'   `threads = NULL` means now), `simd` (character), `hdf5` (version of the library, or
#'   `NULL`), `hdf5_built_in` (compiled into the package rather than the system's library),
#'   `libtorch` and `cuda` (both `FALSE`: not part of this version).
#' @export
#' @examples
#' neuralee_sitrep()
neuralee_sitrep <- function() {
  build <- rs_build_info()
  structure(
    list(
      neuralee = as.character(utils::packageVersion("neuralee")),
      r = as.character(getRversion()),
      rustc = build$rustc,
      platform = build$target,
      threads_available = rs_available_threads(),
      threads_default = resolve_threads(),
      simd = build$simd,
      hdf5 = build$hdf5,
      hdf5_built_in = build$hdf5_static,
      libtorch = FALSE,
      cuda = FALSE
    ),
    class = "neuralee_sitrep"
  )
}

#' @export
print.neuralee_sitrep <- function(x, ...) {
  hdf5 <- if (is.null(x$hdf5)) {
    c(
      "not there: h5ad files cannot be read. To have it, run",
      paste0("  ", hdf5_remedy()),
      "and install neuralee again"
    )
  } else {
    sprintf("%s, %s", x$hdf5, if (x$hdf5_built_in) "built in" else "the system's library")
  }
  lines <- list(
    neuralee = x$neuralee,
    R = x$r,
    `built with` = x$rustc,
    platform = x$platform,
    threads = sprintf("%d by default, %d available", x$threads_default, x$threads_available),
    SIMD = if (length(x$simd)) paste(x$simd, collapse = ", ") else "none that is used",
    HDF5 = hdf5,
    libtorch = "not part of this version; everything runs on the processor",
    CUDA = "not part of this version"
  )
  width <- max(nchar(names(lines)))
  for (name in names(lines)) {
    cat(paste0(c(formatC(name, width = -width), rep(strrep(" ", width), length(lines[[name]]) - 1L)),
      "  ", lines[[name]],
      collapse = "\n"
    ), "\n", sep = "")
  }
  invisible(x)
}

# The one command that brings the HDF5 library to this system.
hdf5_remedy <- function(sysname = Sys.info()[["sysname"]], have = Sys.which) {
  if (sysname == "Darwin") {
    "brew install hdf5"
  } else if (nzchar(have("dnf"))) {
    "sudo dnf install hdf5-devel"
  } else {
    "sudo apt-get install libhdf5-dev pkg-config"
  }
}
