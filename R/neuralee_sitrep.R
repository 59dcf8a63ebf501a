#' What this installation can do
#'
#' Reports the versions, the number of threads, the processor's vector instruction sets, whether
#' HDF5 is there, and libtorch and the CUDA devices. A command stands beside what is missing. Where
#' the libtorch backend is built, a process of its own asks it, so that libtorch does not come into
#' this session.
#'
#' @return A list of class `neuralee_sitrep`, which prints as a report: `neuralee`, `r` and `rustc`
#'   (versions; the compiler that built the package), `platform`, `threads_available` (cores that
#'   this process may use), `threads_default` (what `threads = NULL` means now), `simd` (character),
#'   `hdf5` (version of the library, or `NULL`), `hdf5_built_in` (compiled into the package rather
#'   than the system's library), `backend` (path of the libtorch backend, or `NULL`), `libtorch`
#'   (its version), `cuda` (was that built with CUDA?), `devices` (a data frame with the `name` and
#'   memory, `total`, in bytes, of each CUDA device), `torch_problem` (why the backend cannot be
#'   used, or `NULL`) and `torch_found` (what [build_torch_backend()] would find; only without a
#'   backend).
#' @export
#' @examples
#' neuralee_sitrep()
neuralee_sitrep <- function() {
  build <- rs_build_info()
  torch <- torch_situation()
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
      backend = torch$backend,
      libtorch = torch$libtorch,
      cuda = isTRUE(torch$cuda),
      devices = torch$devices,
      torch_problem = torch$problem,
      torch_found = torch$found
    ),
    class = "neuralee_sitrep"
  )
}

#' @export
print.neuralee_sitrep <- function(x, ...) {
  hdf5 <- if (is.null(x$hdf5)) {
    c(
      "not there: h5ad, loom and 10x HDF5 files cannot be read. To have it, run",
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
    libtorch = libtorch_lines(x),
    CUDA = cuda_lines(x)
  )
  width <- max(nchar(names(lines)))
  for (name in names(lines)) {
    cat(
      paste0(c(formatC(name, width = -width), rep(strrep(" ", width), length(lines[[name]]) - 1L)),
        "  ", lines[[name]],
        collapse = "\n"
      ), "\n", sep = ""
    )
  }
  invisible(x)
}

# What is known of the backend, asked in another process.
torch_situation <- function() {
  backend <- torch_backend_file()
  if (is.null(backend)) return(list(found = if (startsWith(R.version$os, "linux")) find_libtorch()))
  known <- tryCatch(ask_backend(backend), error = function(e) conditionMessage(e))
  if (is.character(known)) return(list(backend = backend, problem = known))
  list(
    backend = backend, libtorch = known$libtorch, cuda = known$cuda,
    devices = data.frame(name = known$name, total = known$total)
  )
}

# describe_backend() in a process of its own.
ask_backend <- function(path) {
  file <- tempfile(fileext = ".rds")
  on.exit(unlink(file))
  script <- sprintf(
    "saveRDS(tryCatch(neuralee:::describe_backend(%s), error = conditionMessage), %s)",
    deparse1(path), deparse1(file)
  )
  libraries <- paste0("R_LIBS=", shQuote(paste(.libPaths(), collapse = ":")))
  said <- suppressWarnings(system2(
    file.path(R.home("bin"), "Rscript"), c("-e", shQuote(script)), stdout = TRUE, stderr = TRUE,
    env = libraries
  ))
  if (file.exists(file)) {
    readRDS(file)
  } else {
    paste(c("The backend could not be asked:", said), collapse = "\n")
  }
}

libtorch_lines <- function(x) {
  if (!is.null(x$torch_problem)) {
    return(c(x$torch_problem, "To build it again, run", "  neuralee::build_torch_backend()"))
  }
  if (!is.null(x$backend)) return(sprintf("%s, by %s", x$libtorch, x$backend))
  if (is.null(x$torch_found)) return("on Linux only; everything runs on the processor")
  if (is.null(x$torch_found$path)) {
    return(c(
      "not used; everything runs on the processor", paste0("(", x$torch_found$looked, ")"),
      "To have it, run",
      sprintf(
        "  pip install torch==%s.0   and then, in R, neuralee::build_torch_backend()",
        torch_version()
      )
    ))
  }
  c(
    sprintf(
      "%s in %s, without a backend. To have one, run", x$torch_found$version, x$torch_found$path
    ),
    "  neuralee::build_torch_backend()"
  )
}

cuda_lines <- function(x) {
  if (is.null(x$libtorch)) return("needs the libtorch backend")
  if (!x$cuda) {
    from <- paste0(x$backend, ".libtorch")
    root <- if (file.exists(from)) readLines(from, n = 1L) else ""
    return(if (has_cuda_library(root)) {
      c(
        "its libraries were not all found when the backend was built; install them, and run",
        "  neuralee::build_torch_backend()"
      )
    } else {
      c(
        "this libtorch was built without it; with one that has it, run",
        "  neuralee::build_torch_backend(libtorch = )"
      )
    })
  }
  if (!nrow(x$devices)) return("no device: see what nvidia-smi says")
  memory <- ifelse(is.na(x$devices$total), "", sprintf(", %.1f GiB", x$devices$total / 1024^3))
  sprintf("cuda:%d  %s%s", seq_len(nrow(x$devices)) - 1L, x$devices$name, memory)
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
