test_that("the report names versions, threads and what is missing", {
  report <- neuralee_sitrep()
  expect_equal(report$neuralee, as.character(packageVersion("neuralee")))
  expect_match(report$rustc, "^rustc [0-9]+[.][0-9]+")
  expect_gte(report$threads_available, 1L)
  expect_equal(report$threads_default, resolve_threads())
  expect_false(report$libtorch || report$cuda)
  expect_output(print(report), "libtorch +not part of this version")
})

test_that("a build without HDF5 says how to get it", {
  report <- neuralee_sitrep()
  report["hdf5"] <- list(NULL)
  expect_output(print(report), "h5ad files cannot be read.*install")
  nothing <- function(names) c(dnf = "")
  expect_equal(hdf5_remedy("Linux", nothing), "sudo apt-get install libhdf5-dev pkg-config")
  expect_equal(hdf5_remedy("Linux", function(names) "/usr/bin/dnf"), "sudo dnf install hdf5-devel")
  expect_equal(hdf5_remedy("Darwin", nothing), "brew install hdf5")
})
