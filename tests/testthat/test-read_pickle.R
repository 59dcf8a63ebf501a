fixture <- function(name) test_path("fixtures", name)

read_quietly <- function(...) suppressMessages(read_pickle(..., verbose = FALSE))

# A file of protocol 0 or of bytes.
pickled <- function(content, envir = parent.frame()) {
  file <- tempfile(fileext = ".pickle")
  do.call(on.exit, list(bquote(unlink(.(file))), add = TRUE), envir = envir)
  writeBin(if (is.raw(content)) content else charToRaw(content), file)
  file
}

test_that("a data frame of pandas keeps its columns, categories, missing values and index", {
  expect_message(
    table <- read_pickle(fixture("table.pickle"), verbose = FALSE), "^day was left out",
    class = "neuralee_message_left_out"
  )
  expected <- data.frame(
    whole = c(1L, -2L, 3L, .Machine$integer.max), small = c(0L, 255L, 7L, 8L),
    large = c(2^40, 0, -1, 5), real = c(0.5, NaN, -1e300, 3), single = c(0.25, 1.5, 2, -4),
    kept = c(TRUE, FALSE, TRUE, TRUE), text = c("a", NA, "", "b,\u00fc"),
    type = factor(c("T", "B", NA, "T"), c("T", "NK", "B")),
    stage = ordered(c("lo", "hi", "hi", NA), c("lo", "hi")), masked = c(1L, NA, 3L, 4L),
    maybe = c(TRUE, NA, FALSE, TRUE), string = c("x", NA, "y", "z"),
    row.names = c("AAAC-1", "AAAG-1", "\u00fc-1", "AAAT-11")
  )
  expect_identical(table, expected)
})

test_that("dictionaries, arrays and lists become lists, matrices and vectors", {
  about <- read_pickle(fixture("pbmc_metadata.pickle"), verbose = FALSE)
  expect_named(
    about, c("design", "raw_qc", "qc_pc", "normalized_qc", "barcodes", "clusters", "list_clusters")
  )
  expect_identical(about$list_clusters, c("CD4 T cells", "B cells", "Other"))
  expect_identical(about$clusters, rep_len(0:2, 13))
  expect_identical(about$qc_pc, cbind(as.double(0:12), -as.double(0:12)))
  expect_identical(rownames(about$raw_qc)[c(1, 9)], c(barcode(5), paste0(barcode(6), "1")))
  # An index from 1 by 1 has row names, one from 0 none.
  expect_identical(rownames(about$design), as.character(1:13))
  expect_null(read_pickle(pickled("N."), verbose = FALSE))
  expect_identical(read_pickle(pickled("(lI1\naVa\na."), verbose = FALSE), c("1", "a"))
  expect_identical(read_pickle(pickled("((lI1\na(lNal."), verbose = FALSE), list(1L, NA))
  # Of a key given twice, the last value in the first place, as Python has it.
  twice <- "(dVa\nI1\nsVb\nI3\nsVa\nI2\ns."
  expect_identical(read_pickle(pickled(twice), verbose = FALSE), list(a = 2L, b = 3L))
})

test_that("labels of rows that repeat become a column", {
  table <- function(labels, name) {
    array <- "cnumpy\n_reconstruct\n(tR(I1\n%scnumpy\ndtype\n(V%s\ntRI00\n%stb"
    index <- "cpandas\n_new_Index\n(cpandas\nIndex\n(dVdata\n%ssVname\n%sstR"
    objects <- function(values) {
      list <- paste0("(", paste0("V", values, "\n", collapse = ""), "l")
      sprintf(array, sprintf("(I%d\nt", length(values)), "O8", list)
    }
    axes <- sprintf(
      "(%s%sl", sprintf(index, objects("x"), "N"), sprintf(index, objects(labels), name)
    )
    block <- sprintf(
      "cpandas\n_unpickle_block\n(%scbuiltins\nslice\n(I0\nI1\nI1\ntRI2\ntR",
      sprintf(array, "(I1\nI2\nt", "i1", "S'\\x05\\x06'\n")
    )
    sprintf("cpandas\nDataFrame\n)\x81(dV_mgr\ncpandas\nBlockManager\n((%st%stRsb.", block, axes)
  }
  read <- function(...) {
    text <- strsplit(table(...), "\x81", fixed = TRUE, useBytes = TRUE)[[1L]]
    read_pickle(
      pickled(c(charToRaw(text[[1L]]), as.raw(0x81), charToRaw(text[[2L]]))), verbose = FALSE
    )
  }
  expect_identical(read(c("a", "b"), "Vcell\n"), data.frame(x = 5:6, row.names = c("a", "b")))
  expect_identical(read(c("a", "a"), "Vcell\n"), data.frame(cell = c("a", "a"), x = 5:6))
  expect_identical(read(c("a", "a"), "N"), data.frame(index = c("a", "a"), x = 5:6))
})

test_that("nothing is run, and what would be is named (D13)", {
  harm <- tempfile()
  program <- sprintf("cos\nsystem\n(Vtouch %s\ntR.", harm)
  expect_error(
    read_pickle(pickled(program), verbose = FALSE),
    "os\\.system, which is no part of a table.*\\n.*as csv", class = "neuralee_error_file_format"
  )
  expect_false(file.exists(harm))
})

test_that("damaged files and arguments of the wrong kind are refused", {
  refused <- function(file, regexp) {
    expect_error(read_pickle(file, verbose = FALSE), regexp, class = "neuralee_error_file_format")
  }
  refused(tempfile(), "no such file")
  refused(tempdir(), "folder")
  bytes <- readBin(fixture("table.pickle"), "raw", 1e6)
  refused(pickled(utils::head(bytes, 1000)), "At byte [0-9]+: .*\\n.*truncated")
  refused(pickled("a,b\n1,2\n"), "At byte 0")
  for (file in list(1, c("a", "b"), NA_character_)) {
    expect_error(read_pickle(file), "Give", class = "neuralee_error_input")
  }
  expect_error(read_pickle("a", verbose = NA), "Give", class = "neuralee_error_input")
})

test_that("a compressed file is read like the plain one", {
  file <- pickled(memCompress(readBin(fixture("table.pickle"), "raw", 1e6), "bzip2"))
  expect_identical(read_quietly(file), read_quietly(fixture("table.pickle")))
})
