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
  file.copy(file.path(folder, "src/rust/torch/libtorch-version"), file.path(copy, "src/rust/torch"))
  tools <- file.path(copy, "bin")
  dir.create(tools)
  needed <- c("sh", "sed", "sort", "head", "cat", "dirname", "uname", "mkdir", "mktemp", "rm", "cp")
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

test_that("an HDF5 library that is asked for must be there, and a choice must be one", {
  for (choice in c("system", "sometimes")) {
    result <- run_configure(rust, "NEURALEE_HDF5=", choice)
    expect_equal(result$status, 1L)
    expect_match(result$output, paste0("NEURALEE_HDF5.*", choice))
    expect_null(result$makevars)
  }
})

test_that("the libtorch backend is built where a libtorch serves, and the package installs in any case", {
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

test_that("on Windows the library is built for Rtools' gcc, and without HDF5 unless that is asked for", {
  here <- tempfile("target")
  dir.create(here)
  on.exit(unlink(here, recursive = TRUE))
  windows <- function(libdir, ...) {
    rustc <- sprintf(
      "case \"$*\" in *target-libdir*windows-gnu*) echo %s ;; *) echo 'rustc 1.95.0 (abc)' ;; esac", libdir
    )
    run_configure(c(
      cargo = "exit 0", rustc = rustc, uname = "echo MINGW64_NT-10.0", cygpath = "echo \"$2\"",
      cmake = "echo 'cmake version 3.31.2'"
    ), ...)
  }
  result <- windows(here)
  expect_identical(result$written, "Makevars.win")
  expect_match(result$makevars, "STATLIB = $(TARGET_DIR)/x86_64-pc-windows-gnu/release/libneuralee.a", fixed = TRUE)
  expect_match(result$makevars, "--target x86_64-pc-windows-gnu")
  expect_match(result$makevars, "-lntdll")
  expect_false(grepl("--features", result$makevars))
  expect_match(windows(here, "NEURALEE_HDF5=static")$makevars, "--features hdf5-static")
  without <- windows(file.path(here, "none"))
  expect_equal(without$status, 1L)
  expect_match(without$output, "rustup target add x86_64-pc-windows-gnu")
  # Elsewhere no target is named.
  expect_match(run_configure(rust)$makevars, "STATLIB = $(TARGET_DIR)/release/libneuralee.a", fixed = TRUE)
})

test_that("the oldest Rust is the same in DESCRIPTION, Cargo.toml and the README", {
  folder <- source_folder()
  skip_if(is.null(folder), "the package's sources are not here")
  description <- read.dcf(file.path(folder, "DESCRIPTION"))
  msrv <- description[, "Config/neuralee/MSRV"]
  cargo <- readLines(file.path(folder, "src/rust/Cargo.toml"))
  expect_true(sprintf('rust-version = "%s"', msrv) %in% cargo)
  expect_match(description[, "SystemRequirements"], paste("rustc >=", msrv), fixed = TRUE)
  expect_match(readLines(file.path(folder, "README.md")), paste("Rust", msrv), fixed = TRUE, all = FALSE)
})
