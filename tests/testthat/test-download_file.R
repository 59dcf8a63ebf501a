served <- function(version = 1) {
  i <- 0:299999
  as.raw((i * 7 + i %/% 251 + version) %% 256)
}

read_bytes <- function(path) readBin(path, "raw", 1e6)

fetch <- function(server, path, ...) download_file(server$url(path), "file.bin", FALSE, ...)

refused <- function(server, path, regexp, ...) {
  error <- expect_error(fetch(server, path, ...), regexp, class = "neuralee_error_download")
  expect_match(conditionMessage(error), server$url(path), fixed = TRUE)
  expect_match(conditionMessage(error), "`path`", fixed = TRUE)
  expect_identical(error$file, "file.bin")
  expect_identical(kept_files(), character())
  invisible(error)
}

# What lies in the cache under a final name.
kept_files <- function() {
  cache <- tools::R_user_dir("neuralee", "cache")
  list.files(cache, "file[.]bin$")
}

part_folder <- function(url) {
  file.path(tools::R_user_dir("neuralee", "cache"), "partial", cli::hash_md5(url))
}

# The folders of downloads that have begun and are not whole, with a part or without one.
parts <- function() list.dirs(dirname(part_folder("")), recursive = FALSE)

test_that("a file is downloaded once, whole, and found again without a request", {
  server <- start_file_server()
  sums <- tempfile()
  writeBin(served(), sums)
  md5 <- unname(tools::md5sum(sums))
  sha256 <- cli::hash_file_sha256(sums)
  unlink(sums)
  file <- fetch(server, "whole", bytes = 300000L, md5 = md5, sha256 = toupper(sha256))
  expect_identical(read_bytes(file), served())
  expect_match(basename(file), "file.bin", fixed = TRUE)
  expect_length(parts(), 0)
  before <- server$requests()
  expect_identical(fetch(server, "whole"), file)
  expect_identical(server$requests(), before)
  # A file that someone cut or removed is downloaded again.
  writeBin(served()[1:10], file)
  file <- fetch(server, "whole", bytes = 300000)
  unlink(file)
  expect_identical(read_bytes(fetch(server, "whole")), served())
  expect_length(server$requests(), length(before) + 2L)
  expect_identical(read_bytes(fetch(server, "redirect")), served())
})

test_that("bytes are kept as they are, also where the server says they are compressed", {
  server <- start_file_server()
  expect_identical(rawToChar(read_bytes(fetch(server, "gzip"))[3:6]), " no ")
})

test_that("a connection that breaks is taken up where it broke", {
  server <- start_file_server()
  expect_identical(read_bytes(fetch(server, "cut")), served())
  expect_identical(server$requests(), c("/cut None None", "/cut bytes=100000- \"1\""))
})

test_that("what came before a failure is kept, and the next call goes on from there", {
  server <- start_file_server()
  refused(server, "stingy", "The first 200000 bytes are kept")
  expect_length(parts(), 1L)
  expect_identical(read_bytes(fetch(server, "stingy")), served())
  expect_match(server$requests()[[6]], "bytes=200000- \"1\"", fixed = TRUE)
  expect_length(parts(), 0)
})

test_that("a file that cannot be taken up, or has changed, is downloaded from the beginning", {
  server <- start_file_server()
  refused(server, "cut_without_ranges", "200000 bytes|transfer closed")
  expect_length(parts(), 0)
  expect_identical(read_bytes(fetch(server, "cut_without_ranges")), served())
  expect_identical(server$requests()[[2]], "/cut_without_ranges None None")
  expect_identical(read_bytes(fetch(server, "changed")), served(2))
  expect_identical(read_bytes(fetch(server, "changed_unsaid")), served(2))
  # A part that reaches beyond the end of the file.
  part <- file.path(part_folder(server$url("whole/2")), "file.bin")
  dir.create(dirname(part))
  writeBin(raw(300000), part)
  writeLines("\"1\"", file.path(dirname(part), "validator"))
  expect_identical(read_bytes(fetch(server, "whole/2")), served())
})

test_that("answers that are not the file are refused, and nothing stays of them", {
  server <- start_file_server()
  expect_identical(refused(server, "status/404", "status 404")$status, 404L)
  expect_identical(refused(server, "status/500", "status 500.*\n.*Try again later")$status, 500L)
  refused(server, "empty", "empty")
  refused(server, "page", "web page instead of the file")
  refused(server, "whole", "300000 bytes there; 5 are expected", bytes = 5)
  refused(
    server, "whole", "SHA-256 checksum [0-9a-f]{64}; expected is the SHA-256 checksum abc",
    sha256 = "ABC"
  )
  refused(server, "to_file", "rotocol")
  expect_length(parts(), 0)
})

test_that("a server that does not answer is given up", {
  server <- start_file_server()
  before <- options(timeout = 1)
  on.exit(options(before), add = TRUE, after = FALSE)
  refused(server, "slow", "raise options\\(timeout = \\)")
})

test_that("an address that cannot be reached is named", {
  server <- start_file_server()
  nobody <- list(url = function(path) paste0("http://127.0.0.1:1/", path))
  refused(nobody, "file", "onnect")
  nowhere <- list(url = function(path) paste0("http://neuralee.invalid/", path))
  refused(nowhere, "file", "resolve")
  for (scheme in c("file", "ftp")) {
    refused(
      list(url = function(path) paste0(scheme, ":///", path)), "etc/hostname", "only http and https"
    )
  }
})

test_that("a cache that cannot be written is refused with what to do", {
  server <- start_file_server()
  file <- tempfile()
  file.create(file)
  on.exit(unlink(file), add = TRUE)
  local_environment(c(R_USER_CACHE_DIR = file))
  refused(server, "whole", "cannot be kept in .*R_USER_CACHE_DIR")
  expect_identical(server$requests(), character())
})

test_that("a full disk is told", {
  skip_if_not(file.exists("/dev/full"), "there is no /dev/full")
  server <- start_file_server()
  folder <- part_folder(server$url("whole"))
  dir.create(folder, recursive = TRUE)
  file.symlink("/dev/full", file.path(folder, "file.bin"))
  refused(server, "whole", "cannot be kept in .*Make room")
})

test_that("a second process waits for the first, and one download serves both", {
  server <- start_file_server()
  script <- sprintf("neuralee:::download_file(%s, 'file.bin', FALSE)", deparse(server$url("slow")))
  local_environment(c(R_LIBS = paste(.libPaths(), collapse = .Platform$path.sep)))
  system2(
    file.path(R.home("bin"), "Rscript"), c("-e", shQuote(script)), wait = FALSE, stdout = FALSE,
    stderr = FALSE
  )
  for (i in 1:200) if (!length(server$requests())) Sys.sleep(0.1)
  expect_length(server$requests(), 1L)
  expect_identical(read_bytes(fetch(server, "slow")), served())
  expect_length(server$requests(), 1L)
})

test_that("Ctrl-C is an error of its class and leaves what came", {
  server <- start_file_server()
  part <- file.path(server$folder, "file.bin")
  wanted <- list(url = server$url("whole"), name = "file.bin")
  expect_error(
    classed_interrupts(receive_once(part, 0, function(...) FALSE, wanted)),
    class = "neuralee_error_interrupted"
  )
  expect_gt(resumable_bytes(part), 0)
})

test_that("missing packages are named with the command that installs them", {
  wanted <- list(url = "https://127.0.0.1/file", name = "file.bin")
  expect_error(
    check_transport(wanted, function(package) package != "curl"),
    "install\\(c\\(\"curl\"\\)\\)", class = "neuralee_error_download"
  )
})
