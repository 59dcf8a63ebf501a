skip_if_not_installed("HDF5Array")
skip_if_not_installed("BiocParallel")

fit <- train()
flowers <- many_flowers()
stored <- flowers_on_disk()
places <- predict(fit, flowers, verbose = FALSE)
mapped <- function(newdata = stored, ..., model = fit) predict(model, newdata, ..., verbose = FALSE)
two_workers <- function() BiocParallel::MulticoreParam(2)
one_worker <- function() BiocParallel::SerialParam()
new_file <- function() tempfile(fileext = ".h5")
# Blocks of 1,024 cells with four features.
small_blocks <- 4 * 8 * 1024

test_that("blocks of any size, in memory, on disk and in workers give the same bits", {
  skip_on_os("windows")
  expect_identical(mapped(), places)
  for (size in c(1, small_blocks, 2.5 * small_blocks)) {
    expect_identical(with_small_blocks(mapped(), size = size), places)
  }
  for (x in list(
    flowers, sparse(flowers), delayed(flowers), delayed(sparse(flowers)), stored, stored[, 4:1]
  )) {
    expect_identical(mapped(x, BPPARAM = one_worker()), places)
  }
  expect_identical(mapped(flowers, BPPARAM = two_workers()), places)
  expect_identical(mapped(BPPARAM = two_workers(), threads = 2), places)
  sce <- SingleCellExperiment::SingleCellExperiment(list(logcounts = t(stored)))
  expect_identical(mapped(sce, BPPARAM = one_worker()), places)
  # Fewer cells than a block has.
  expect_identical(mapped(flowers[1:3, ], BPPARAM = one_worker()), mapped(flowers[1:3, ]))
})

test_that("a cell that comes alone in a block comes alone in the core's own task too", {
  wide <- train(hidden = c(50, 50))
  for (n in c(1025, 2049)) {
    expect_identical(
      with_small_blocks(mapped(stored[1:n, ], model = wide), small_blocks),
      mapped(flowers[1:n, ], model = wide)
    )
  }
})

test_that("workers leave R's random numbers alone", {
  skip_on_os("windows")
  set.seed(1)
  before <- random_seed_of_r()
  mapped(BPPARAM = two_workers())
  expect_identical(random_seed_of_r(), before)
})

test_that("back-ends that give all results at once do as well", {
  skip_if_not_installed("batchtools")
  interactive <- BiocParallel::BatchtoolsParam(2, cluster = "interactive")
  expect_identical(suppressMessages(mapped(BPPARAM = interactive)), places)
  expect_false(BiocParallel::bpisup(interactive))
})

test_that("what finished jobs left behind is not computed again", {
  skip_if_not_installed("batchtools")
  registry <- batchtools::makeRegistry(NA, make.default = FALSE)
  utils::capture.output(type = "message", {
    batchtools::batchMap(
      function(n) if (n == 2) stop("ended") else list(number = n), 1:3, reg = registry
    )
    batchtools::submitJobs(reg = registry)
  })
  received <- c()
  receive_finished_jobs(
    list(registry = registry), function(reply) received <<- c(received, reply$number)
  )
  expect_identical(sort(received), c(1L, 3L))
})

test_that("a run whose workers are killed ends with the same bits", {
  skip_on_os("windows")
  for (param in list(BiocParallel::SnowParam(2), two_workers())) {
    cells <- watched(stored, end_once)
    # The workers that are left say on their way out that nobody listens.
    found <- mapped(cells$x, BPPARAM = param)
    expect_identical(found, places)
    # Five blocks, and again those that were out, however many a busy machine lets them be.
    expect_gte(cells$reads(), 6)
    expect_lt(cells$reads(), 10)
    expect_false(BiocParallel::bpisup(param))
  }
})

test_that("workers that the caller started are running afterwards", {
  skip_on_os("windows")
  param <- BiocParallel::bpstart(two_workers())
  on.exit(BiocParallel::bpstop(param))
  expect_identical(mapped(watched(stored, end_once)$x, BPPARAM = param), places)
  expect_true(BiocParallel::bpisup(param))
  expect_identical(BiocParallel::bplapply(1:2, sqrt, BPPARAM = param), list(1, sqrt(2)))
})

test_that("a block that fails each time is told with its cells and the reason; others are kept", {
  cells <- watched(stored, function(block, folder) {
    if (file.exists(file.path(folder, "mended"))) block else stop("the tape is torn.")
  })
  file <- new_file()
  error <- expect_refused(
    mapped(cells$x, BPPARAM = one_worker(), output = file), "worker",
    paste(
      "1 of 5 blocks of cells could not be mapped in 3 tries: cells 2049 to 3072 \\(the tape is",
      "torn\\).*\\.h5\\.partial"
    )
  )
  expect_identical(c(error$first, error$last), c(2049, 3072))
  expect_identical(cells$reads(), 4L + 3L)
  expect_false(file.exists(file))
  expect_refused(
    mapped(cells$x, BPPARAM = one_worker(), output = file, retries = 0), "worker", "in 1 tries"
  )
  expect_identical(cells$reads(), 4L + 3L + 1L)
  folder <- environment(cells$reads)$folder
  file.create(file.path(folder, "mended"))
  expect_identical(as.matrix(mapped(cells$x, output = file)), places)
  expect_identical(cells$reads(), 4L + 3L + 1L + 1L)
  torn <- watched(stored, function(block, folder) stop())
  expect_refused(mapped(torn$x, BPPARAM = one_worker()), "worker", "output = ")
})

test_that("a worker that ends at the same block each time does not take others along", {
  skip_on_os("windows")
  cells <- watched(stored, function(block, folder) {
    tools::pskill(Sys.getpid(), 9L)
    Sys.sleep(10)
  })
  expect_refused(
    mapped(cells$x, BPPARAM = two_workers(), retries = 1), "worker",
    "1 of 5 blocks .* cells 2049 to 3072 \\(the worker ended"
  )
})

test_that("values that are refused in a worker are the error that they are without, at once", {
  skip_on_os("windows")
  for (param in list(one_worker(), two_workers())) {
    cells <- watched(flowers_on_disk(replace(flowers, cbind(c(3000, 4500), 2), c(NaN, Inf))))
    expect_refused(mapped(cells$x, BPPARAM = param), "not_finite", "NaN in row 3000 .*Sepal.Width")
    expect_lte(cells$reads(), 5)
  }
  counts <- train(preprocess = preprocessing(log = TRUE))
  negative <- delayed(replace(flowers, cbind(3000, 2), -3))
  error <- expect_refused(
    mapped(negative, model = counts, BPPARAM = one_worker()), "input", "Cell 3000 "
  )
  expect_match(deparse(error$call[[1]]), "^predict")
})

test_that("workers without this version of the package are told apart from failures", {
  task <- list(version = "0.0.1")
  expect_match(
    map_block_remotely(list(number = 1), task)$error, "the workers have neuralee .*, not 0.0.1"
  )
  expect_identical(environment(map_block_remotely), baseenv())
})

test_that("workers that cannot be started are an error that says so", {
  skip_on_os("windows")
  port <- 11000L + Sys.getpid() %% 900L
  taken <- serverSocket(port)
  on.exit(close(taken))
  param <- BiocParallel::MulticoreParam(2, manager.port = port)
  suppressWarnings(
    expect_refused(
      mapped(BPPARAM = param), "worker", "The workers of `BPPARAM` cannot be used: cannot open"
    )
  )
})

test_that("a process that is killed leaves its blocks, and the same call computes the others", {
  skip_on_os("windows")
  cells <- watched(stored, end_once)
  file <- new_file()
  given <- tempfile(fileext = ".rds")
  saveRDS(list(fit = fit, x = cells$x, file = file, size = small_blocks), given)
  Sys.setenv(NEURALEE_TEST_GIVEN = given)
  on.exit(Sys.unsetenv("NEURALEE_TEST_GIVEN"))
  in_new_session({
    given <- readRDS(Sys.getenv("NEURALEE_TEST_GIVEN"))
    DelayedArray::setAutoBlockSize(given$size)
    predict(given$fit, given$x, output = given$file, verbose = FALSE)
  })
  expect_identical(cells$reads(), 3L)
  expect_identical(file.exists(c(file, paste0(file, ".partial"))), c(FALSE, TRUE))
  # In this session blocks would be larger: those of the file count.
  found <- mapped(cells$x, output = file, BPPARAM = two_workers())
  expect_identical(cells$reads(), 3L + 3L)
  expect_s4_class(found, "HDF5Array")
  expect_identical(as.matrix(found), places)
  expect_identical(file.exists(c(file, paste0(file, ".partial"))), c(TRUE, FALSE))
  expect_identical(as.matrix(mapped(cells$x, output = file)), places)
  expect_identical(cells$reads(), 6L)
})

test_that("Ctrl-C keeps the blocks done", {
  cells <- watched(stored, function(block, folder) {
    first <- !file.exists(file.path(folder, "interrupted"))
    file.create(file.path(folder, "interrupted"))
    if (first) rlang::interrupt()
    block
  })
  file <- new_file()
  expect_refused(
    with_small_blocks(mapped(cells$x, output = file), small_blocks), "interrupted",
    "after 2 of 5 blocks.*\\.partial"
  )
  expect_identical(as.matrix(mapped(cells$x, output = file)), places)
  expect_identical(cells$reads(), 3L + 3L)
})

# Half of a map: its third block is missing.
half_done <- function(file, ...) {
  torn <- watched(stored, function(block, folder) stop("not yet"))
  expect_refused(mapped(torn$x, BPPARAM = one_worker(), output = file, retries = 0, ...), "worker")
  paste0(file, ".partial")
}

test_that("a block that was written in part is computed again", {
  file <- new_file()
  partial <- half_done(file)
  rhdf5::h5write(matrix(7, 1, 2), partial, "embedding", start = c(10, 1), count = c(1, 2))
  cells <- watched(stored)
  expect_identical(as.matrix(mapped(cells$x, output = file)), places)
  expect_identical(cells$reads(), 2L)
  rhdf5::h5write(matrix(7, 1, 2), file, "embedding", start = c(10, 1), count = c(1, 2))
  expect_refused(mapped(output = file), "file_format", "is damaged")
})

test_that("the file of another map is refused and kept", {
  partial <- half_done(file <- new_file())
  before <- tools::md5sum(partial)
  expect_refused(
    mapped(model = train(maxit = 2), output = file), "input", "holds a map of another model\\."
  )
  expect_refused(
    mapped(stored * 2, output = file), "input",
    "holds a map of other cells.*remove it to start anew"
  )
  expect_refused(mapped(stored[1:4999, ], output = file), "input", "other cells")
  expect_refused(mapped(unname(flowers), output = file), "input", "other cells")
  expect_identical(tools::md5sum(partial), before)
  writeLines("my notes", file)
  expect_refused(mapped(output = file), "file_format", "holds no map")
  expect_identical(readLines(file), "my notes")
  expect_refused(mapped(output = stored@seed@filepath), "file_format", "holds no map")
})

test_that("a file holds the names of the cells, in any script", {
  few <- flowers[1:3, ]
  rownames(few) <- c("a", "\u00e9t\u00e9", "\u7d30\u80de")
  expect_identical(as.matrix(mapped(few, output = new_file())), mapped(few))
  expect_identical(as.matrix(mapped(unname(few), output = new_file())), mapped(unname(few)))
  file <- new_file()
  mapped(few[1, , drop = FALSE], output = file)
  expect_identical(dim(rhdf5::h5read(file, "embedding")), c(1L, 2L))
})

test_that("a disk without room is an error, and leaves no file that passes for a map", {
  skip_on_os("windows")
  # What covr writes at the end of a process meets the limit too.
  skip_on_covr()
  folder <- tempfile("full")
  dir.create(folder)
  given <- tempfile(fileext = ".rds")
  saveRDS(list(fit = fit, x = flowers, file = file.path(folder, "map.h5")), given)
  code <- c(
    "suppressPackageStartupMessages(library(neuralee))", sprintf("given <- readRDS(\"%s\")", given),
    paste(
      "found <- tryCatch(predict(given$fit, given$x, output = given$file, verbose = FALSE), error",
      "= identity)"
    ),
    "cat(class(found)[[1]], conditionMessage(found))"
  )
  script <- tempfile(fileext = ".R")
  writeLines(code, script)
  # Files of at most 40 blocks of 1,024 bytes; the map has 80,000 bytes.
  program <- file.path(R.home("bin"), "Rscript")
  command <- sprintf("trap '' XFSZ; ulimit -f 40; exec %s --vanilla %s 2>&1", program, script)
  libraries <- paste0("R_LIBS=", paste(.libPaths(), collapse = ":"))
  said <- suppressWarnings(
    system2("env", c(libraries, "bash", "-c", shQuote(command)), stdout = TRUE)
  )
  expect_match(
    paste(said, collapse = "\n"),
    "^neuralee_error_input The map could not be written to .* no room.*has room.*missing.$"
  )
  expect_identical(list.files(folder), character())
})

test_that("arguments of another kind are refused", {
  expect_refused(mapped(BPPARAM = 2), "input", "BPPARAM")
  expect_refused(mapped(BPPARAM = one_worker(), retries = -1), "input", "retries")
  expect_refused(mapped(output = 1), "input", "output")
  expect_refused(
    mapped(output = file.path(tempdir(), "no such folder", "map.h5")), "input", "does not exist"
  )
  expect_refused(mapped(output = tempdir()), "input", "no regular file")
  # What the system says is in the error, and R does not warn beside it.
  long <- file.path(tempdir(), strrep("a", 250))
  expect_no_warning(
    expect_refused(mapped(output = long), "input", "could not be written to .*[Nn]ame too long")
  )
  expect_refused(mapped(output = new_file(), affinity = "entropic"), "input", "in memory")
  expect_refused(mapped(stored[0, ], BPPARAM = one_worker()), "input", "no cells")
})

test_that("a map in a file belongs to the device that began it", {
  cells <- list(x = iris_x, at = "rows", names = NULL)
  on <- function(label) structure(list(index = 0L), label = label)
  of_device <- function(place) map_identity(raw(3), cells, place)[[3L]]
  devices <- c(
    of_device(NULL), of_device(on("libtorch on the processor")), of_device(on("CUDA device 0"))
  )
  expect_identical(anyDuplicated(devices), 0L)
})
