#' Build the libtorch backend
#'
#' Compiles the library by which `device = "cuda"` and `device = "torch"` compute, against a
#' libtorch that is already on this machine. It goes into the user's data folder
#' (`tools::R_user_dir("neuralee", "data")`). The build takes some minutes, cargo (see the
#' installation notes) and a C++ compiler; Linux (glibc) only.
#'
#' libtorch has to be of the version that neuralee's bindings are made for:
#' `r paste("libtorch", torch_version())`. It is the core of PyTorch: `pip install torch==2.13.0`
#' brings it, and so does the archive that pytorch.org offers as "LibTorch". Searched are, in this
#' order, `libtorch`, the environment variables `NEURALEE_LIBTORCH` and `LIBTORCH`, and the package
#' torch of `python` (`python3` by default). The installation of neuralee itself builds the backend
#' where it finds such a libtorch (not with `NEURALEE_TORCH=no`).
#'
#' The package torch for R carries a libtorch of another version. The two cannot be loaded in one R
#' session.
#'
#' @param libtorch Folder of a libtorch (with `include` and `lib`), or `NULL` to search.
#' @param python A Python interpreter whose package torch to use, or `NULL` for `python3`.
#' @param verbose Show what is found and done?
#' @return The path of the backend, invisibly.
#' @section Errors:
#' `neuralee_error_device` where no libtorch is found, where it is of another version or lacks its
#' headers, where cargo is missing, and where the build or the first loading fails. What was there
#' before then stays.
#' @seealso [neuralee_sitrep()].
#' @examplesIf interactive() && nzchar(Sys.getenv("LIBTORCH"))
#' # Takes some minutes.
#' build_torch_backend(libtorch = Sys.getenv("LIBTORCH"))
#' neuralee_sitrep()
#' @export
build_torch_backend <- function(libtorch = NULL, python = NULL, verbose = TRUE) {
  if (!is.null(libtorch)) check_string(libtorch, "libtorch", "the folder of a libtorch, or NULL")
  if (!is.null(python)) check_string(python, "python", "a Python interpreter, or NULL")
  check_flag(verbose, "verbose")
  if (!startsWith(R.version$os, "linux")) {
    abort_neuralee(
      "device", "The libtorch backend runs on Linux (glibc) only.", "Use device = \"cpu\"."
    )
  }
  source <- system.file("torch", "src", package = "neuralee")
  found <- find_libtorch(libtorch, python)
  if (verbose) for (line in found$looked) cli::cli_inform("{line}")
  if (is.null(found$path)) {
    abort_neuralee(
      "device", c("No libtorch that serves was found:", found$looked),
      sprintf(
        "Install one, for example with pip install torch==%s.0, and give its folder as `libtorch`.",
        torch_version()
      )
    )
  }
  cargo <- find_cargo()
  if (is.null(cargo)) {
    abort_neuralee(
      "device", "cargo was not found.",
      "Install Rust (https://rust-lang.org/tools/install), and start R anew."
    )
  }
  target <- Sys.getenv(
    "NEURALEE_TORCH_TARGET_DIR", file.path(tools::R_user_dir("neuralee", "cache"), "torch")
  )
  dir.create(target, recursive = TRUE, showWarnings = FALSE)
  if (verbose) cli::cli_inform("Building the backend in {target} (some minutes)")
  log <- tempfile(fileext = ".log")
  status <- system2(
    cargo, c(
      "build", "--release", "--locked", "--manifest-path", shQuote(file.path(source, "Cargo.toml")),
      "--target-dir", shQuote(target)
    ),
    env = paste0("LIBTORCH=", shQuote(found$path)), stdout = log, stderr = log
  )
  if (status != 0) {
    abort_neuralee(
      "device",
      c("The backend could not be built; cargo said at the end:", utils::tail(readLines(log), 15L)),
      sprintf("The whole output is in %s.", log)
    )
  }
  install_backend(file.path(target, "release", backend_name), user_backend_file(), found, verbose)
}

# Puts a backend into the user's data folder once it is known to load, in a process of its own.
install_backend <- function(built, file, found, verbose) {
  known <- ask_backend(built)
  if (is.character(known)) {
    abort_neuralee("device", c("The backend was built, but cannot be loaded:", known))
  }
  dir.create(dirname(file), recursive = TRUE, showWarnings = FALSE)
  partial <- paste0(file, ".partial")
  if (!file.copy(built, partial, overwrite = TRUE) || !file.rename(partial, file)) {
    unlink(partial)
    abort_neuralee(
      "device", sprintf("The backend could not be written to %s.", file), "Check the folder."
    )
  }
  writeLines(c(found$path, found$version), paste0(file, ".libtorch"))
  if (verbose) cli::cli_inform(c("v" = "The backend is ready: {file}"))
  if (!known$cuda && has_cuda_library(found$path)) {
    warn_neuralee(
      "device",
      c(
        paste(
          "This libtorch has CUDA, but not all libraries that it needs were found: the backend",
          "computes on the processor only."
        ),
        i = sprintf(
          "See what is \"not found\" in: ldd %s", file.path(found$path, "lib", "libtorch_cuda.so")
        )
      )
    )
  }
  if (!is.null(rs_torch_loaded()$libtorch)) {
    cli::cli_inform(c("i" = "Restart R to use it: a libtorch is loaded already."))
  }
  invisible(file)
}

# The version of libtorch that the bindings are made for, as major and minor.
torch_version <- function() {
  readLines(system.file("torch", "src", "libtorch-version", package = "neuralee"))
}

find_cargo <- function() {
  home <- Sys.getenv("CARGO_HOME", file.path(Sys.getenv("HOME"), ".cargo"))
  for (cargo in c(Sys.which("cargo"), file.path(home, "bin", "cargo"))) {
    if (nzchar(cargo) && file.exists(cargo)) return(cargo)
  }
  NULL
}

# The first libtorch that serves: `path` and `version`, NULL name there is none; and in `looked`
# what was looked at and what was found there.
find_libtorch <- function(libtorch = NULL, python = NULL) {
  interpreter <- python %||% "python3"
  folders <- if (!is.null(libtorch)) {
    c("`libtorch`" = path.expand(libtorch))
  } else {
    named <- if (is.null(python)) Sys.getenv(c("NEURALEE_LIBTORCH", "LIBTORCH"), names = TRUE)
    c(named[nzchar(named)], stats::setNames(python_torch(interpreter), interpreter))
  }
  looked <- character()
  for (name in names(folders)) {
    judged <- if (nzchar(folders[[name]])) {
      judge_libtorch(folders[[name]])
    } else {
      list(serves = FALSE, said = "no package torch")
    }
    looked <- c(looked, sprintf("%s: %s", name, judged$said))
    if (judged$serves) return(c(judged[c("path", "version")], list(looked = looked)))
  }
  list(path = NULL, version = NULL, looked = looked)
}

has_cuda_library <- function(libtorch) file.exists(file.path(libtorch, "lib", "libtorch_cuda.so"))

# Where the package torch of a Python lies, found without loading it; "" where there is none.
python_torch <- function(python) {
  script <- paste(
    "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0]",
    "if s else '')"
  )
  found <- suppressWarnings(tryCatch(
    system2(python, c("-c", shQuote(script)), stdout = TRUE, stderr = FALSE),
    error = function(e) character()
  ))
  if (length(found) == 1L && nzchar(found) && dir.exists(found)) found else ""
}

# Whether a folder holds a libtorch that serves, and what to say of it.
judge_libtorch <- function(path) {
  path <- normalizePath(path, mustWork = FALSE)
  no <- function(...) list(serves = FALSE, said = sprintf(...), version = NULL)
  if (!dir.exists(path)) return(no("there is no folder %s", path))
  if (!file.exists(file.path(path, "lib", "libtorch_cpu.so"))) {
    return(no("%s holds no lib/libtorch_cpu.so", path))
  }
  version <- libtorch_version(path)
  if (is.null(version)) {
    return(no("%s does not say its version (build-version or version.py)", path))
  }
  if (!startsWith(version, paste0(torch_version(), "."))) {
    return(no("%s is libtorch %s, and %s is needed", path, version, torch_version()))
  }
  if (!file.exists(
    file.path(path, "include", "torch", "csrc", "api", "include", "torch", "torch.h")
  )) {
    return(no("%s (libtorch %s) lacks its headers, include/torch", path, version))
  }
  list(
    serves = TRUE, said = sprintf("libtorch %s in %s", version, path), version = version,
    path = path
  )
}

libtorch_version <- function(path) {
  archive <- file.path(path, "build-version")
  if (file.exists(archive)) {
    version <- trimws(readLines(archive, n = 1L, warn = FALSE))
    return(if (length(version) && nzchar(version)) version)
  }
  package <- file.path(path, "version.py")
  line <- if (file.exists(package)) {
    grep("^__version__", readLines(package, warn = FALSE), value = TRUE)
  }
  if (length(line)) sub("^[^'\"]*['\"]([^'\"]*)['\"].*", "\\1", line[[1L]])
}
