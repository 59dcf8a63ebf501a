# A folder that looks like a libtorch.
libtorch_folder <- function(version = "2.13.0", headers = TRUE, library = TRUE, python = FALSE) {
  folder <- tempfile("libtorch")
  dir.create(file.path(folder, "lib"), recursive = TRUE)
  if (library) file.create(file.path(folder, "lib", "libtorch_cpu.so"))
  if (headers) {
    api <- file.path(folder, "include", "torch", "csrc", "api", "include", "torch")
    dir.create(api, recursive = TRUE)
    file.create(file.path(api, "torch.h"))
  }
  if (python) {
    writeLines(sprintf("__version__ = '%s'", version), file.path(folder, "version.py"))
  } else if (!is.null(version)) {
    writeLines(version, file.path(folder, "build-version"))
  }
  folder
}

test_that("a libtorch is judged by version, headers and library, and what was seen is said", {
  expect_true(judge_libtorch(libtorch_folder())$serves)
  expect_true(judge_libtorch(libtorch_folder("2.13.0+cu130", python = TRUE))$serves)
  said <- function(...) judge_libtorch(libtorch_folder(...))$said
  expect_match(said("2.8.0"), "libtorch 2.8.0, and 2.13 is needed")
  expect_match(said("2.130.0"), "2.13 is needed")
  expect_match(said(headers = FALSE), "lacks its headers")
  expect_match(said(library = FALSE), "no lib/libtorch_cpu.so")
  expect_match(said(NULL), "does not say its version")
  expect_match(judge_libtorch("/no/such/folder")$said, "no folder")
  expect_identical(libtorch_version(libtorch_folder("2.8.0+cu126", python = TRUE)), "2.8.0+cu126")
})

test_that("places are searched in turn", {
  good <- libtorch_folder()
  old <- libtorch_folder("2.8.0")
  before <- Sys.getenv(c("NEURALEE_LIBTORCH", "LIBTORCH"), names = TRUE)
  on.exit(do.call(Sys.setenv, as.list(before)))
  Sys.setenv(NEURALEE_LIBTORCH = old, LIBTORCH = good)
  found <- find_libtorch(python = NULL)
  expect_identical(found$path, good)
  expect_match(found$looked, "NEURALEE_LIBTORCH: .*2.8.0", all = FALSE)
  expect_null(find_libtorch(libtorch = old)$path)
  expect_null(find_libtorch(python = "/no/such/python")$path)
})

test_that("what serves no backend is refused, and what was there stays", {
  skip_on_os(c("windows", "mac"))
  refused <- function(..., message) {
    expect_refused(build_torch_backend(..., verbose = FALSE), "device", message)
  }
  refused(libtorch = libtorch_folder("2.8.0"), message = "2.8.0, and 2.13 is needed")
  refused(libtorch = libtorch_folder(headers = FALSE), message = "headers")
  refused(libtorch = "/no/such/folder", message = "no folder")
  refused(python = "/no/such/python", message = "no package torch")
  expect_refused(build_torch_backend(libtorch = 1), "input", "libtorch")
  expect_refused(build_torch_backend(verbose = NA), "input", "verbose")
  # A build that does not load never takes the place of one that does.
  file <- tempfile(fileext = ".so")
  writeLines("kept", file)
  built <- tempfile(fileext = ".so")
  file.create(built)
  expect_refused(
    install_backend(built, file, list(path = "", version = ""), FALSE), "device", "cannot be loaded"
  )
  expect_identical(readLines(file), "kept")
})

test_that("the backend is built where a libtorch is given", {
  libtorch <- Sys.getenv("NEURALEE_LIBTORCH")
  skip_if(
    !nzchar(libtorch) || !nzchar(Sys.getenv("NEURALEE_TORCH_TARGET_DIR")),
    "no libtorch was given to the tests"
  )
  data <- tempfile("neuralee-data")
  before <- Sys.getenv("R_USER_DATA_DIR", names = TRUE)
  on.exit(do.call(Sys.setenv, as.list(before)))
  Sys.setenv(R_USER_DATA_DIR = data)
  file <- build_torch_backend(verbose = FALSE)
  expect_identical(file, user_backend_file())
  expect_identical(ask_backend(file)$libtorch, libtorch_version(libtorch))
})
