# The source folder, when the tests run inside it; an installed package has none.
source_folder <- function() {
  folder <- normalizePath(test_path("../.."))
  if (file.exists(file.path(folder, "configure"))) folder else NULL
}

run_configure <- function(path, ...) {
  folder <- source_folder()
  skip_if(is.null(folder), "the package's sources are not here")
  skip_on_os("windows")
  copy <- tempfile("neuralee-configure")
  dir.create(file.path(copy, "src", "rust", "torch"), recursive = TRUE)
  on.exit(unlink(copy, recursive = TRUE))
  file.copy(file.path(folder, c("configure", "DESCRIPTION")), copy)
  file.copy(file.path(folder, "src", "Makevars.in"), file.path(copy, "src"))
  dir.create(file.path(copy, "tools"))
  file.copy(file.path(folder, "tools", "hdf5.sh"), file.path(copy, "tools"))
  file.copy(file.path(folder, "src/rust/torch/libtorch-version"), file.path(copy, "src/rust/torch"))
  tools <- file.path(copy, "bin")
  dir.create(tools)
  needed <- c(
    "sh", "sed", "sort", "head", "cat", "dirname", "uname", "mkdir", "mktemp", "rm", "cp", "env",
    "grep", "tr", "tail", "ln"
  )
  for (tool in setdiff(needed, names(path))) {
    file.symlink(Sys.which(tool), file.path(tools, tool))
  }
  for (name in names(path)) {
    writeLines(c("#!/bin/sh", path[[name]]), file.path(tools, name))
    Sys.chmod(file.path(tools, name), "755")
  }
  output <- suppressWarnings(system(
    sprintf(
      "cd %s && env -i PATH=%s HOME=%s %s sh ./configure 2>&1",
      shQuote(copy), shQuote(tools), shQuote(copy), paste0(..., "")
    ),
    intern = TRUE
  ))
  makevars <- Sys.glob(file.path(copy, "src", c("Makevars", "Makevars.win")))
  list(
    output = paste(output, collapse = "\n"),
    status = attr(output, "status") %||% 0L,
    written = basename(makevars),
    makevars = if (length(makevars)) paste(readLines(makevars[[1]]), collapse = "\n")
  )
}

`%||%` <- rlang::`%||%`
rust <- c(cargo = "exit 0", rustc = "echo 'rustc 1.95.0 (abc 2026-01-01)'")

test_that("without cargo the message says how to get it", {
  result <- run_configure(character())
  expect_equal(result$status, 1L)
  expect_match(result$output, "no cargo was found")
  expect_match(result$output, "curl .*sh.rustup.rs \\| sh")
  expect_null(result$makevars)
})

test_that("a compiler that is too old is named with what is needed", {
  old <- replace(rust, "rustc", "echo 'rustc 1.63.0'")
  result <- run_configure(old)
  expect_equal(result$status, 1L)
  expect_match(result$output, "needs Rust 1\\.[0-9]+ or later, and the rustc found here is 1.63.0")
  expect_match(result$output, "rustup update stable")
})

test_that("without HDF5 the package is built all the same, and the message says how to have it", {
  result <- run_configure(rust)
  expect_equal(result$status, 0L)
  expect_match(result$output, "apt-get install libhdf5-dev")
  expect_false(grepl("--features", result$makevars))
  expect_false(grepl("@", gsub("$@", "", result$makevars, fixed = TRUE), fixed = TRUE))
})

test_that("HDF5 is built in where CMake is new enough, and never when that is refused", {
  cmake <- c(rust, cmake = "echo 'cmake version 3.31.2'")
  expect_match(run_configure(cmake)$makevars, "--features hdf5-static")
  expect_false(grepl("--features", run_configure(cmake, "NEURALEE_HDF5=no")$makevars))
  older <- c(rust, cmake = "echo 'cmake version 3.25.1'")
  expect_false(grepl("--features", run_configure(older)$makevars))
})

# A root with include/ and lib/ of the HDF5 on this machine, and a compiler that sees the system's
# headers alone.
hdf5_here <- function(envir = parent.frame()) {
  folder <- source_folder()
  skip_if(is.null(folder), "the package's sources are not here")
  skip_on_os(c("windows", "mac"))
  root <- tempfile("hdf5")
  dir.create(root)
  do.call(on.exit, list(bquote(unlink(.(root), recursive = TRUE)), add = TRUE), envir = envir)
  found <- suppressWarnings(
    system2("sh", c(file.path(folder, "tools/hdf5.sh"), root), stdout = TRUE, stderr = FALSE)
  )
  skip_if(length(found) != 3L, "there is no HDF5 library")
  found[[1L]]
}

system_cc <- c(cc = sprintf("PATH=%s exec %s \"$@\"", Sys.getenv("PATH"), Sys.which("cc")))

test_that("HDF5 is found by pkg-config, h5cc, Homebrew, conda and its own variable", {
  root <- hdf5_here()
  flags <- function(cflags, libs) {
    c(
      `pkg-config` = sprintf(
        "case $* in *exists*) exit 0 ;; *cflags*) echo '%s' ;; *libs*) echo '%s' ;; esac", cflags,
        libs
      )
    )
  }
  include <- paste0("-I", root, "/include")
  with_folder <- run_configure(c(rust, system_cc, flags(include, sprintf("-L%s/lib -lhdf5", root))))
  expect_match(with_folder$output, "HDF5: HDF5 [0-9.]+, found by pkg-config")
  expect_match(with_folder$makevars, "HDF5_DIR=\"[^\"]*/hdf5/hdf5-[0-9.]+\".*--features hdf5")
  # As in Debian since HDF5 2: the compiler knows the folder of the library.
  knowing <- c(
    cc = sub("\"$@\"", sprintf("\"$@\" -L%s/lib", root), unname(system_cc), fixed = TRUE)
  )
  expect_match(
    run_configure(c(rust, knowing, flags(include, "-lhdf5")))$output,
    "HDF5: HDF5 [0-9.]+, found by pkg-config"
  )
  h5cc <- sprintf("echo gcc %s -L%s/lib -lz", include, root)
  expect_match(
    run_configure(c(rust, system_cc, h5cc = h5cc))$output, "HDF5: HDF5 [0-9.]+, the library of h5cc"
  )
  conda <- run_configure(c(rust, system_cc), "CONDA_PREFIX=", root)
  expect_match(conda$output, paste0("HDF5: HDF5 [0-9.]+, the library in ", root), fixed = FALSE)
  expect_match(conda$makevars, sprintf("-Wl,-rpath,%s/lib -lhdf5", root), fixed = TRUE)
  expect_match(
    run_configure(c(rust, system_cc), "HDF5_DIR=", root)$output,
    paste0("HDF5: HDF5 [0-9.]+, the library in ", root)
  )
  brew <- run_configure(c(rust, system_cc, uname = "echo Darwin", brew = paste("echo", root)))
  expect_match(brew$output, "HDF5: HDF5 [0-9.]+, Homebrew's library")
})

test_that("an HDF5 that does not work, or that the crate does not know, is left out", {
  root <- hdf5_here()
  elsewhere <- run_configure(c(rust, system_cc), "HDF5_DIR=", tempfile())
  expect_equal(elsewhere$status, 0L)
  expect_match(elsewhere$output, "no HDF5 that can be used is in HDF5_DIR.*HDF5: none")
  # Headers of another version than the library.
  other <- tempfile("other")
  on.exit(unlink(other, recursive = TRUE))
  dir.create(file.path(other, "include"), recursive = TRUE)
  headers <- list.files(file.path(root, "include"), "[.]h$", full.names = TRUE)
  file.copy(headers, file.path(other, "include"))
  public <- file.path(other, "include", "H5public.h")
  writeLines(sub("(define H5_VERS_RELEASE +)[0-9]+", "\\199", readLines(public)), public)
  file.symlink(file.path(root, "lib"), file.path(other, "lib"))
  mixed <- run_configure(c(rust, system_cc), "HDF5_DIR=", other)
  expect_match(mixed$output, "HDF5: none")
  expect_false(grepl("--features", mixed$makevars))
  failing <- replace(
    rust, "cargo", "case \"$*\" in *hdf5*) echo 'Invalid H5_VERSION'; exit 1 ;; esac"
  )
  unknown <- run_configure(c(failing, system_cc), "HDF5_DIR=", root)
  expect_equal(unknown$status, 0L)
  expect_match(
    unknown$output, "Invalid H5_VERSION.*is not used.*apt-get install libhdf5-dev.*HDF5: none"
  )
  expect_false(grepl("--features", unknown$makevars))
})

test_that("an HDF5 library that is asked for must be there, and a choice must be one", {
  for (choice in c("system", "sometimes")) {
    result <- run_configure(rust, "NEURALEE_HDF5=", choice)
    expect_equal(result$status, 1L)
    expect_match(result$output, paste0("NEURALEE_HDF5.*", choice))
    expect_null(result$makevars)
  }
})

test_that("the libtorch backend is built where a libtorch serves; the package always installs", {
  folder <- tempfile("libtorch")
  on.exit(unlink(folder, recursive = TRUE))
  api <- file.path(folder, "include/torch/csrc/api/include/torch")
  dir.create(api, recursive = TRUE)
  dir.create(file.path(folder, "lib"))
  file.create(file.path(api, "torch.h"), file.path(folder, "lib/libtorch_cpu.so"))
  with_torch <- function(version, cargo = "exit 0", ...) {
    writeLines(version, file.path(folder, "build-version"))
    run_configure(replace(rust, "cargo", cargo), "NEURALEE_LIBTORCH=", folder, ...)
  }
  old <- with_torch("2.8.0")
  expect_equal(old$status, 0L)
  expect_match(old$output, "is not used: it is libtorch 2.8.0, and 2.13 is needed.*libtorch: none")
  failing <- with_torch("2.13.0", "case \"$*\" in *torch*) exit 1 ;; esac")
  expect_equal(failing$status, 0L)
  expect_match(failing$output, "could not be built.*build_torch_backend.*libtorch: none")
  cargo <- paste(
    "while [ $# -gt 0 ]; do [ \"$1\" = --target-dir ] && mkdir -p \"$2/release\" &&",
    "echo x >\"$2/release/libneuralee_torch.so\"; shift; done; true"
  )
  built <- with_torch("2.13.0", cargo)
  expect_equal(built$status, 0L)
  expect_match(built$output, "building the backend.*libtorch: 2.13.0 in")
  expect_match(with_torch("2.13.0", cargo, " NEURALEE_TORCH=no")$output, "libtorch: not asked for")
  unlink(file.path(folder, "include"), recursive = TRUE)
  expect_match(with_torch("2.13.0")$output, "it lacks its headers")
})

test_that("the build folder and R CMD check's limit reach cargo", {
  result <- run_configure(rust, "NEURALEE_TARGET_DIR=/elsewhere _R_CHECK_PACKAGE_NAME_=neuralee")
  expect_match(result$makevars, "TARGET_DIR = /elsewhere\n")
  expect_match(result$makevars, "-j 2")
})

test_that("on Windows the library is built for Rtools' gcc, without HDF5 unless it is asked for", {
  here <- tempfile("target")
  dir.create(here)
  on.exit(unlink(here, recursive = TRUE))
  windows <- function(libdir, ...) {
    rustc <- sprintf(
      "case \"$*\" in *target-libdir*windows-gnu*) echo %s ;; *) echo 'rustc 1.95.0 (abc)' ;; esac",
      libdir
    )
    run_configure(c(
      cargo = "exit 0", rustc = rustc, uname = "echo MINGW64_NT-10.0", cygpath = "echo \"$2\"",
      cmake = "echo 'cmake version 3.31.2'"
    ), ...)
  }
  result <- windows(here)
  expect_identical(result$written, "Makevars.win")
  expect_match(
    result$makevars, "STATLIB = $(TARGET_DIR)/x86_64-pc-windows-gnu/release/libneuralee.a",
    fixed = TRUE
  )
  expect_match(result$makevars, "--target x86_64-pc-windows-gnu")
  expect_match(result$makevars, "-lntdll")
  expect_false(grepl("--features", result$makevars))
  expect_match(windows(here, "NEURALEE_HDF5=static")$makevars, "--features hdf5-static")
  without <- windows(file.path(here, "none"))
  expect_equal(without$status, 1L)
  expect_match(without$output, "rustup target add x86_64-pc-windows-gnu")
  # Elsewhere no target is named.
  expect_match(
    run_configure(rust)$makevars, "STATLIB = $(TARGET_DIR)/release/libneuralee.a", fixed = TRUE
  )
})

test_that("the oldest Rust is the same in DESCRIPTION, Cargo.toml and the README", {
  folder <- source_folder()
  skip_if(is.null(folder), "the package's sources are not here")
  description <- read.dcf(file.path(folder, "DESCRIPTION"))
  msrv <- description[, "Config/neuralee/MSRV"]
  cargo <- readLines(file.path(folder, "src/rust/Cargo.toml"))
  expect_true(sprintf('rust-version = "%s"', msrv) %in% cargo)
  expect_match(description[, "SystemRequirements"], paste("rustc >=", msrv), fixed = TRUE)
  expect_match(
    readLines(file.path(folder, "README.md")), paste("Rust", msrv), fixed = TRUE, all = FALSE
  )
})
