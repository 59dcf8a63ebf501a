test_that("citation() names the package, its version and year, and the papers behind it", {
  cited <- utils::citation("neuralee")
  expect_length(cited, 5L)
  package <- unclass(cited)[[1L]]
  expect_match(package$note, as.character(utils::packageVersion("neuralee")), fixed = TRUE)
  expect_match(package$year, "^20[0-9]{2}$")
  expect_true("10.3389/fgene.2020.00786" %in% unlist(cited$doi))
})

test_that("the year is that of the release where DESCRIPTION knows it", {
  file <- system.file("CITATION", package = "neuralee", mustWork = TRUE)
  meta <- utils::packageDescription("neuralee")
  year <- function(...) {
    utils::readCitationFile(file, utils::modifyList(as.list(meta), list(...)))[[1L]]$year
  }
  expect_identical(year(Date = "2031-05-06"), "2031")
  expect_identical(year(Date = NULL, Packaged = "2032-01-01 00:00:00 UTC; someone"), "2032")
  expect_identical(
    year(Date = NULL, Packaged = NULL, Built = "R 4.2.2; x86_64; 2033-01-01 00:00:00 UTC; unix"),
    "2033"
  )
})
