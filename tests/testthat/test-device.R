# iris without twins.
flowers <- function() iris_x + sin(seq_along(iris_x)) / 50

on_both <- function(fit, ...) {
  list(here = fit(flowers(), ..., device = "cpu"), there = fit(flowers(), ..., device = "torch"))
}

relative <- function(a, b) max(abs(a - b) / abs(a))

# What is defined by the map alone: E, the norm of its gradient and lambda at the start of a run,
# and the one step that follows. Later steps magnify rounding, so that no two ways to sum take the
# same path.
at_start <- function(..., device) {
  fit <- ee(..., maxit = 1, device = device, verbose = FALSE)
  list(
    at = unlist(fit$trace[1, c("loss", "gradient_norm", "lambda")]),
    step = fit$embedding, method = fit$params$method
  )
}

test_that("E, its gradient and a step are the same on libtorch, over all pairs and on the grid", {
  skip_without_backend()
  x <- flowers()
  affinity <- entropic_affinity(x, perplexity = 20)
  at <- function(where, ...) at_start(x, affinity = affinity, ..., device = where)
  for (d in 1:3) {
    map <- ee(x, d = d, affinity = affinity, lambda = 10, maxit = 20, verbose = FALSE)$embedding
    for (method in c("exact", "grid")) {
      there <- at("torch", d = d, lambda = 10, method = method, init = map)
      here <- at("cpu", d = d, lambda = 10, method = method, init = map)
      expect_equal(there$at, here$at, tolerance = 1e-8)
      expect_equal(there$step, here$step, tolerance = 1e-6)
    }
  }
  # What "auto" chooses is the same too.
  expect_identical(at("torch", lambda = 10)$method, at("cpu", lambda = 10)$method)
  # Cells in four dimensions, in blocks instead of all at once.
  in_blocks <- at("torch", d = 4, lambda = 10, pin_memory = FALSE)
  expect_equal(in_blocks$at, at("cpu", d = 4, lambda = 10)$at, tolerance = 1e-8)
})

test_that("a run on libtorch ends where it says, and as low as here", {
  skip_without_backend()
  x <- flowers()
  affinity <- entropic_affinity(x, perplexity = 20)
  run <- function(...) ee(..., affinity = affinity, method = "exact", maxit = 500, verbose = FALSE)
  forms <- list(
    list(lambda = 10, kernel = "gaussian"), list(lambda = c(1, 10), kernel = "gaussian"),
    list(lambda = 10, kernel = "student"), list(lambda = "auto", kernel = "student")
  )
  for (form in forms) {
    fits <- on_both(run, lambda = form$lambda, kernel = form$kernel)
    last <- form$lambda[length(form$lambda)]
    judged <- ee_loss(fits$there, x, affinity, lambda = last, kernel = form$kernel)
    expect_equal(judged, fits$there$loss, tolerance = 1e-8)
    expect_lt(relative(fits$here$loss, fits$there$loss), 0.02)
  }
})

test_that("heavy tails are the same on libtorch, over all pairs and on its own grid", {
  skip_without_backend()
  x <- flowers()
  map <- ee(x, perplexity = 20, kernel = "student", verbose = FALSE)$embedding
  affinity <- entropic_affinity(x, perplexity = 20)
  first <- function(device, method, d, lambda) {
    # In space a map as wide as in the plane would need a box of many millions of nodes.
    start <- if (d == 3) {
      cbind(map / 10, sin(seq_len(nrow(map))))
    } else {
      map[, seq_len(d), drop = FALSE]
    }
    at_start(
      x, d = d, init = start, affinity = affinity, kernel = "student", lambda = lambda,
      method = method, device = device
    )$at
  }
  for (lambda in list(10, "auto")) {
    for (d in 1:3) {
      here <- first("cpu", "exact", d, lambda)
      expect_equal(first("torch", "exact", d, lambda), here, tolerance = 1e-10)
      on_grid <- first("torch", "grid", d, lambda)
      expect_false(isTRUE(all.equal(on_grid, here, tolerance = 1e-10)))
      # With "auto" a map begins on a coarser grid.
      expect_equal(on_grid, here, tolerance = if (identical(lambda, "auto")) 1e-2 else 1e-3)
    }
  }
  fit <- ee(
    x, perplexity = 20, kernel = "student", method = "grid", verbose = FALSE, device = "torch"
  )
  expect_lt(abs(ee_loss(fit, x, affinity, lambda = "auto", kernel = "student") - fit$loss), 5e-3)
})

# E before and after the first epoch of a training, and the step that its gradient gives: plain
# descent, so that a weight whose slope is rounding goes nowhere.
expect_same_epoch <- function(..., optimizer = sgd(lr = 0.01)) {
  run <- function(device, optimizer) {
    train(flowers(), ..., tol = 0, maxit = 1, optimizer = optimizer, device = device)
  }
  start <- weights(run("cpu", sgd(lr = 1e-30)))
  moved <- function(fit) unlist(Map(`-`, weights(fit), start))
  here <- run("cpu", optimizer)
  there <- run("torch", optimizer)
  expect_lt(relative(here$trace$loss, there$trace$loss), 1e-5)
  expect_gt(max(abs(moved(here))), 0)
  expect_equal(moved(there), moved(here), tolerance = 1e-3)
}

test_that("every kind of network has the same loss and takes the same step on libtorch", {
  skip_without_backend()
  kinds <- list(
    list(), list(activation = "gelu"), list(activation = "tanh"), list(activation = "leaky_relu"),
    list(batch_norm = FALSE), list(residual = TRUE, hidden = c(10, 10, 10)),
    list(accumulate = TRUE), list(accumulate = TRUE, residual = TRUE), list(dropout = 0.3),
    list(dropout = 0.3, accumulate = TRUE), list(pin_memory = FALSE),
    list(batches = "independent", batch_size = 0.5), list(method = "grid"),
    list(optimizer = sgd(lr = 0.01, nesterov = TRUE)), list(d = 3), list(batch_size = 50),
    list(batch_size = 50, pin_memory = FALSE), list(batch_size = 50, method = "grid"),
    list(kernel = "student"), list(kernel = "student", batch_size = 50)
  )
  for (kind in kinds) do.call(expect_same_epoch, c(list(init = "none"), kind))
})

test_that("a given map is learned on libtorch as here, and E goes as low", {
  skip_without_backend()
  map <- ee(flowers(), perplexity = 20, verbose = FALSE)
  fits <- on_both(train, init = map, maxit = 30, tol = 0)
  expect_lt(relative(fits$here$trace$loss[1], fits$there$trace$loss[1]), 0.02)
  expect_lt(relative(fits$here$loss, fits$there$loss), 0.02)
})

test_that("what is saved on one backend is taken up and mapped on the other", {
  skip_without_backend()
  file <- tempfile()
  on.exit(unlink(file))
  half <- train(
    init = "none", maxit = 11, tol = 0, every = 10, checkpoint = file,
    callback = function(...) FALSE
  )
  straight <- train(init = "none", maxit = 11, tol = 0)
  resumed <- train(init = "none", maxit = 11, tol = 0, resume = file, device = "torch")
  expect_identical(resumed$trace$loss[1:11], straight$trace$loss[1:11])
  expect_lt(relative(straight$trace$loss, resumed$trace$loss), 1e-4)
  save_neuralee(resumed, file)
  model <- load_neuralee(file)
  here <- predict(model, iris_x)
  expect_equal(predict(model, iris_x, device = "torch"), here, tolerance = 1e-5)
  expect_equal(here, resumed$embedding, tolerance = 1e-5)
  # Without normalisation, one cell, and a matrix that is read in blocks.
  plain <- train(batch_norm = FALSE, maxit = 5)
  expect_equal(
    predict(plain, iris_x[7, , drop = FALSE], device = "torch"),
    predict(plain, iris_x[7, , drop = FALSE]), tolerance = 1e-5
  )
  with_small_blocks(
    expect_equal(predict(model, delayed(iris_x), device = "torch"), here, tolerance = 1e-5),
    size = 1000
  )
})

test_that("a run that diverges ends as it does here", {
  skip_without_backend()
  for (method in c("exact", "grid")) {
    expect_warning(
      fit <- train(
        flowers(), init = "none", batch_size = 50, method = method, optimizer = sgd(lr = 1e30),
        maxit = 6, device = "torch"
      ),
      class = "neuralee_warning_diverged"
    )
    expect_true(all(is.finite(fit$embedding)))
  }
})

test_that("the same seed gives the same bits on libtorch, in a second run too", {
  skip_without_backend()
  run <- function() train(device = "torch", batch_size = 50, dropout = 0.1, threads = 1)
  expect_identical(trained(run()), trained(run()))
})

test_that("Ctrl-C stops libtorch within a second and leaves the session usable", {
  skip_without_backend()
  skip_without_interrupts()
  file <- tempfile()
  on.exit(unlink(file))
  sent <- NULL
  interrupting <- function(epoch, ...) {
    if (epoch == 5) {
      interrupt_in(0.3)
      sent <<- Sys.time()
    }
  }
  x <- iris_x[rep(1:150, 20), ] + sin(seq_len(12000)) / 10
  expect_refused(
    train(
      x, maxit = 1e6, tol = 0, init = "none", every = 5, method = "exact", checkpoint = file,
      callback = interrupting, device = "torch"
    ),
    "interrupted", "resume = "
  )
  expect_lt(as.numeric(Sys.time() - sent, units = "secs"), 5)
  expect_s3_class(train(device = "torch", maxit = 2), "neuralee_fit")
})

test_that("what libtorch cannot do is refused, and the session goes on", {
  skip_without_backend()
  known <- describe_backend(torch_backend_file())
  expect_match(known$libtorch, "^[0-9]+[.][0-9]+")
  past <- sprintf("cuda:%d", known$devices)
  expect_refused(
    ee(iris_x, device = past), "device", if (known$devices) "CUDA devices are" else "CUDA|no device"
  )
  before <- options(neuralee.max_device_memory_gb = 1e-6)
  on.exit(options(before))
  expect_refused(train(device = "torch"), "memory", "pin_memory = FALSE")
  options(before)
  expect_s3_class(train(device = "torch", maxit = 2), "neuralee_fit")
})

test_that("device and pin_memory are checked", {
  for (device in list("gpu", "cuda:", "cuda:-1", "CUDA", NA, 1, c("cpu", "cuda"), NULL)) {
    expect_refused(ee(iris_x, device = device), "device", "cuda:1")
  }
  expect_refused(ee(iris_x, pin_memory = NA), "input", "pin_memory")
  expect_refused(predict(train(maxit = 2), iris_x, device = "gpu"), "device", "cuda:1")
})

test_that("a backend that is missing or is none is refused, and \"auto\" computes here", {
  skip_on_os(c("windows", "mac"))
  folder <- tempfile()
  dir.create(folder)
  on.exit(unlink(folder, recursive = TRUE))
  ask <- function(backend) {
    eval(bquote(in_new_session(
      {
        caught <- tryCatch(
          ee(as.matrix(iris[, 1:4]), perplexity = 20, device = "torch"), error = identity
        )
        cat(class(caught)[[1]], conditionMessage(caught), "\n")
        fit <- ee(as.matrix(iris[, 1:4]), perplexity = 20, maxit = 2, verbose = FALSE)
        cat("usable:", nrow(fit$embedding))
      },
      .(backend)
    )))
  }
  expect_match(
    ask(file.path(folder, "none.so")),
    "neuralee_error_device.*There is no libtorch backend at.*usable: 150"
  )
  empty <- file.path(folder, "empty.so")
  file.create(empty)
  expect_match(
    ask(empty), "neuralee_error_device.*cannot be used.*build_torch_backend.*usable: 150"
  )
  # A library without the entry, here that of the package itself, and one that speaks another
  # version.
  own <- file.path(folder, "own.so")
  file.copy(getLoadedDLLs()[["neuralee"]][["path"]], own)
  expect_match(ask(own), "neuralee_error_device.*it is no backend of neuralee.*usable: 150")
  source <- file.path(folder, "old.c")
  writeLines(
    paste(
      "static const unsigned table[64] = {999}; const void *neuralee_torch_backend(void) { return",
      "table; }"
    ),
    source
  )
  built <- system2(
    file.path(R.home("bin"), "R"), c("CMD", "SHLIB", shQuote(source)), stdout = FALSE,
    stderr = FALSE
  )
  skip_if(built != 0, "there is no C compiler")
  old <- file.path(folder, "old.so")
  expect_match(ask(old), "neuralee_error_device.*speaks version 999.*usable: 150")
  auto <- in_new_session(
    {
      options(warn = 1)
      cat(
        nrow(
          ee(
            as.matrix(iris[, 1:4]),
            perplexity = 20, maxit = 2, device = "auto", verbose = FALSE
          )$embedding
        )
      )
    },
    old
  )
  expect_match(auto, "computing on the processor.*150")
})

test_that("libtorch comes into the session only when a device asks for it", {
  skip_without_backend()
  skip_if_not(file.exists("/proc/self/maps"), "there is no /proc")
  said <- in_new_session({
    loaded <- function() any(grepl("libtorch", readLines("/proc/self/maps")))
    x <- as.matrix(iris[, 1:4])
    before <- loaded()
    report <- neuralee_sitrep()
    fit <- ee(x, perplexity = 20, maxit = 2, verbose = FALSE)
    between <- loaded()
    fit <- ee(x, perplexity = 20, maxit = 2, verbose = FALSE, device = "torch")
    cat(before, between, loaded(), nzchar(report$libtorch))
  })
  expect_match(said, "FALSE FALSE TRUE TRUE$")
})

test_that("a damaged backend is refused", {
  skip_without_backend()
  bytes <- readBin(torch_backend_file(), "raw", file.size(torch_backend_file()))
  cut <- tempfile(fileext = ".so")
  on.exit(unlink(cut))
  writeBin(bytes[seq_len(length(bytes) %/% 2)], cut)
  said <- eval(bquote(in_new_session(
    {
      caught <- tryCatch(
        ee(as.matrix(iris[, 1:4]), perplexity = 20, device = "torch"), error = identity
      )
      cat(class(caught)[[1]], conditionMessage(caught))
    },
    .(cut)
  )))
  expect_match(said, "neuralee_error_device.*cut off or damaged")
})

test_that("a second libtorch in the process is refused", {
  skip_without_backend()
  root <- readLines(paste0(torch_backend_file(), ".libtorch"), n = 1L)
  library <- file.path(root, "lib", "libtorch_cpu.so")
  skip_if_not(file.exists(library))
  said <- eval(bquote(in_new_session({
    dyn.load(.(library))
    caught <- tryCatch(
      ee(as.matrix(iris[, 1:4]), perplexity = 20, device = "torch"), error = identity
    )
    cat(class(caught)[[1]], conditionMessage(caught))
  })))
  expect_match(said, "neuralee_error_device Another libtorch is loaded.*restart R")
})
