test_that("the report names versions, threads and what is missing", {
  report <- neuralee_sitrep()
  expect_equal(report$neuralee, as.character(packageVersion("neuralee")))
  expect_match(report$rustc, "^rustc [0-9]+[.][0-9]+")
  expect_gte(report$threads_available, 1L)
  expect_equal(report$threads_default, resolve_threads())
  expect_true(is.null(report$hdf5) || grepl("^[0-9]+[.][0-9]+[.][0-9]+$", report$hdf5))
})

test_that("a build without HDF5 says how to get it", {
  report <- neuralee_sitrep()
  report["hdf5"] <- list(NULL)
  expect_output(print(report), "10x HDF5 files cannot be read.*install")
  nothing <- function(names) c(dnf = "")
  expect_equal(hdf5_remedy("Linux", nothing), "sudo apt-get install libhdf5-dev pkg-config")
  expect_equal(hdf5_remedy("Linux", function(names) "/usr/bin/dnf"), "sudo dnf install hdf5-devel")
  expect_equal(hdf5_remedy("Darwin", nothing), "brew install hdf5")
})

test_that("the report says what of libtorch there is, and the command that mends what is missing", {
  before <- options(neuralee.torch_backend = tempfile())
  on.exit(options(before))
  report <- neuralee_sitrep()
  expect_match(report$torch_problem, "There is no libtorch backend at")
  expect_output(
    print(report),
    "libtorch +There is no.*build_torch_backend\\(\\).*CUDA +needs the libtorch backend"
  )
  report[c("backend", "torch_problem")] <- list(NULL)
  report$torch_found <- list(looked = "python3: no package torch")
  expect_output(print(report), "not used.*no package torch.*pip install torch==")
  report$torch_found <- list(path = "/opt/libtorch", version = "2.13.0", looked = "")
  expect_output(
    print(report), "2.13.0 in /opt/libtorch, without a backend.*build_torch_backend\\(\\)"
  )
  report[c("backend", "libtorch")] <- c("/x.so", "2.13.0")
  expect_output(
    print(report), "CUDA +this libtorch was built without it.*build_torch_backend\\(libtorch = \\)"
  )
  report$cuda <- TRUE
  report$devices <- data.frame(name = character(), total = numeric())
  expect_output(print(report), "CUDA +no device")
  report$devices <- data.frame(name = c("A", "B"), total = c(8 * 1024^3, NA))
  expect_output(print(report), "cuda:0 +A, 8.0 GiB\n +cuda:1 +B")
})
