embed <- function(..., x = iris_x, perplexity = 20, lambda = 10, maxit = 40, verbose = FALSE) {
  ee(x, perplexity = perplexity, lambda = lambda, maxit = maxit, verbose = verbose, ...)
}

# Everything that must not depend on when and with how many threads a fit was made.
core_of <- function(fit) {
  list(
    fit$embedding, fit$loss, fit$trace[c("iteration", "loss", "gradient_norm")],
    fit$params$iterations
  )
}

test_that("defaults are those of the core", {
  defaults <- rust_call(rs_session_defaults("ee"))
  arguments <- formals(ee)
  for (name in c("d", "maxit", "seed")) {
    expect_equal(eval(arguments[[name]]), defaults[[name]], info = name)
  }
  for (name in c("kernel", "method", "init")) {
    expect_identical(eval(arguments[[name]])[[1]], defaults[[name]], info = name)
  }
  expect_equal(arguments$perplexity, defaults$affinity$perplexity)
  fit <- ee(iris_x, perplexity = 20, maxit = 5, verbose = FALSE)
  expect_equal(
    fit$params[c("kernel", "share", "agreement", "uniform", "densities", "tol")],
    list(kernel = "student", share = 1, agreement = 2, uniform = 0.5, densities = 0, tol = 4e-3)
  )
  published <- ee(iris_x, kernel = "gaussian", perplexity = 20, maxit = 5, verbose = FALSE)
  expect_equal(
    published$params[c("lambda", "agreement", "uniform", "densities", "tol")],
    list(lambda = 1, agreement = 0, uniform = 0, densities = 0, tol = 1e-5)
  )
  by_number <- ee(iris_x, lambda = 1, perplexity = 20, maxit = 5, verbose = FALSE)
  expect_identical(by_number$embedding, published$embedding)
  by_share <- ee(iris_x, lambda = "auto", perplexity = 20, maxit = 5, verbose = FALSE)
  expect_equal(by_share$params[c("share", "tol")], list(share = 1, tol = 4e-3))
})

test_that("an option that the core does not know or cannot use is refused by its name", {
  check <- function(options, method = "ee") rust_call(rs_session_check(method, options))
  expect_true(check(list(d = 2L)))
  expect_error(check(list(maxit = "many")), "`maxit`", class = "neuralee_error_input")
  expect_error(check(list(maxit = 1.5)), "`maxit`", class = "neuralee_error_input")
  expect_error(check(list(d = -1L)), "`d`", class = "neuralee_error_input")
  expect_error(check(list(perplex = 3)), "perplex", class = "neuralee_error_input")
  expect_error(check(list(kernel = "cauchy")), "kernel.*cauchy", class = "neuralee_error_input")
  expect_error(
    check(list(affinity = list(perplexity = TRUE))), "`affinity.perplexity`",
    class = "neuralee_error_input"
  )
  expect_error(
    check(list(optimizer = list(rate = NULL)), "neuralee"), "`optimizer.rate`",
    class = "neuralee_error_input"
  )
  expect_error(
    check(list(optimizer = list(rate = 0)), "neuralee"), "`lr`", class = "neuralee_error_input"
  )
  expect_error(
    check(list(repulsion = list(lambda = -1))), "`lambda` is -1", class = "neuralee_error_input"
  )
  expect_error(check(list(d = 51)), "51", class = "neuralee_error_dimension")
})

test_that("a fit is what the help says", {
  x <- iris_x
  rownames(x) <- paste0("f", 1:150)
  fit <- embed(x = x)
  expect_s3_class(fit, "ee_fit")
  expect_identical(dim(as.matrix(fit)), c(150L, 2L))
  expect_identical(dimnames(as.matrix(fit)), list(rownames(x), c("EE1", "EE2")))
  expect_named(fit$trace, c("iteration", "lambda", "loss", "gradient_norm", "seconds"))
  expect_identical(fit$trace$iteration, 0:fit$params$iterations)
  expect_named(fit$timing, c("neighbors", "affinity", "optimize", "total"))
  expect_null(fit$subset)
  expect_null(fit$state)
  expect_output(print(fit), "Elastic embedding of 150 cells \\(4 features\\) in 2 dimensions")
  expect_output(print(summary(fit)), "gradient norm")
  affinity <- entropic_affinity(x, 20)
  expect_equal(fit$loss, ee_loss(fit, x, affinity, lambda = 10), tolerance = 1e-5)
})

test_that("a DelayedMatrix gives the map of its values, whole or of a subset", {
  for (size in c(1, 60)) {
    expected <- embed(size = size, maxit = 10)
    found <- with_small_blocks(embed(x = delayed(iris_x), size = size, maxit = 10), size = 800)
    expect_identical(found$embedding, expected$embedding)
    expect_identical(found$subset, expected$subset)
  }
})

test_that("the loss falls, ends below the start and separates the species", {
  fit <- embed(maxit = 100)
  expect_lt(fit$loss, 0.5)
  expect_true(all(diff(fit$trace$loss) <= 1e-4 * abs(fit$trace$loss[-1])))
  distances <- as.matrix(stats::dist(fit$embedding))
  diag(distances) <- Inf
  nearest <- apply(distances, 1, which.min)
  expect_gt(mean(iris$Species[nearest] == iris$Species), 0.9)
})

test_that("the original's loss on iris is reached from the default start", {
  # float64 restatement of the original, seeds 0 to 2: 0.3704; its W+ lost one twin.
  fit <- ee(
    golden("iris_X.npy"), lambda = 10, perplexity = 30, k = 149, method = "exact", verbose = FALSE
  )
  expect_lt(fit$loss, 0.372)
})

test_that("every dimension, method and start gives a finite map", {
  for (d in c(1, 2, 3, 5)) expect_true(all(is.finite(embed(d = d, maxit = 10)$embedding)))
  for (init in c("pca", "spectral", "random")) {
    expect_true(all(is.finite(embed(init = init, maxit = 10)$embedding)))
  }
  exact <- embed(method = "exact", maxit = 100)
  grid <- embed(method = "grid", maxit = 100)
  expect_identical(c(exact$params$method, grid$params$method), c("exact", "grid"))
  expect_equal(grid$loss, exact$loss, tolerance = 5e-3)
})

test_that("the same bits come from any number of threads", {
  for (method in c("exact", "grid")) {
    expect_identical(
      core_of(embed(method = method, threads = 1)), core_of(embed(method = method, threads = 4))
    )
  }
})

test_that("R's random numbers are neither read nor moved, and the seed is", {
  set.seed(1)
  before <- random_seed_of_r()
  first <- embed(init = "random", size = 100)
  expect_identical(random_seed_of_r(), before)
  set.seed(2)
  expect_identical(core_of(embed(init = "random", size = 100)), core_of(first))
  other <- embed(init = "random", size = 100, seed = 43)
  expect_false(identical(other$subset, first$subset))
  expect_false(
    identical(
      embed(init = "random", seed = 1)$embedding, embed(init = "random", seed = 2)$embedding
    )
  )
  expect_s3_class(embed(seed = 2^53 - 1, maxit = 2), "ee_fit")
})

test_that("a run that was stopped and resumed equals a straight one", {
  straight <- embed(maxit = 30, tol = 0)
  file <- tempfile()
  on.exit(unlink(file))
  stopped <- embed(
    maxit = 30, tol = 0, every = 15, checkpoint = file,
    callback = function(iteration, loss, embedding) iteration < 15
  )
  expect_identical(stopped$params$iterations, 15L)
  expect_false(stopped$params$converged)
  expect_identical(core_of(embed(maxit = 30, tol = 0, resume = file)), core_of(straight))
  expect_identical(core_of(embed(maxit = 30, tol = 0, resume = stopped$state)), core_of(straight))

  saved <- tempfile(fileext = ".rds")
  saveRDS(stopped, saved)
  expect_identical(
    core_of(embed(maxit = 30, tol = 0, resume = readRDS(saved), threads = 1)), core_of(straight)
  )
  unlink(saved)
  expect_refused(embed(resume = straight), "input", "nothing to resume")
})

test_that("a checkpoint of a finished run gives that run's map", {
  file <- tempfile()
  on.exit(unlink(file))
  fit <- embed(maxit = 20, checkpoint = file)
  expect_identical(list.files(dirname(file), "^\\.neuralee-", all.files = TRUE), character())
  expect_identical(embed(maxit = 20, resume = file)$embedding, fit$embedding)
})

test_that("a checkpoint of other data, another version or a damaged one is refused", {
  file <- tempfile()
  on.exit(unlink(file))
  embed(maxit = 20, checkpoint = file, every = 10, callback = function(...) FALSE)
  bytes <- readBin(file, "raw", file.size(file))
  expect_refused(embed(maxit = 20, x = iris_x[150:1, ], resume = file), "input")
  expect_refused(
    embed(maxit = 20, resume = bytes[seq_len(length(bytes) - 9)]), "file_format", "truncated"
  )
  expect_refused(embed(maxit = 20, resume = bytes[1:10]), "file_format", "truncated")
  expect_refused(embed(maxit = 20, resume = rev(bytes)), "file_format", "not one of")
  changed <- bytes
  changed[length(bytes) - 20] <- xor(changed[length(bytes) - 20], as.raw(1))
  expect_refused(embed(maxit = 20, resume = changed), "file_format", "checksum")
  changed <- bytes
  changed[9] <- as.raw(99)
  expect_refused(embed(maxit = 20, resume = changed), "model_version", "version")
  expect_refused(embed(maxit = 20, resume = "no-such-file"), "file_format", "no-such-file")
  expect_refused(embed(maxit = 20, resume = 7), "input", "resume")
  expect_refused(embed(checkpoint = file.path(tempdir(), "no", "such")), "input", "folder")
})

test_that("the callback sees every step and may stop the run", {
  seen <- list()
  fit <- embed(maxit = 20, tol = 0, every = 5, callback = function(iteration, loss, embedding) {
    seen[[length(seen) + 1]] <<- list(iteration, loss, dim(embedding))
    NULL
  })
  expect_identical(vapply(seen, `[[`, 1L, 1), c(5L, 10L, 15L, 20L))
  expect_identical(seen[[4]][[2]], fit$trace$loss[21])
  expect_identical(seen[[1]][[3]], c(150L, 2L))
})

test_that("size embeds a subset with its own affinities", {
  fit <- embed(size = 0.5)
  expect_length(fit$subset, 75L)
  expect_identical(dim(as.matrix(fit)), c(75L, 2L))
  expect_false(anyDuplicated(fit$subset) > 0)
  expect_identical(fit$embedding, embed(x = iris_x[fit$subset, ])$embedding)
  expect_identical(dim(as.matrix(embed(size = 60))), c(60L, 2L))
  expect_null(embed(size = 150, maxit = 2)$subset)
  for (size in list(0, 151, 2.5, -1, NA, "all")) expect_refused(embed(size = size), "input", "size")
  expect_refused(embed(size = 0.5, affinity = entropic_affinity(iris_x, 20)), "input", "subset")
})

test_that("affinities and starts of the caller are used", {
  affinity <- entropic_affinity(iris_x, 20)
  expect_identical(core_of(embed(affinity = affinity)), core_of(embed()))
  expect_false(identical(embed(affinity = "bisection")$loss, embed()$loss))
  start <- 0.01 * stats::prcomp(iris_x)$x[, 1:2]
  fit <- embed(init = start)
  expect_lt(fit$loss, ee_loss(start, iris_x, affinity, lambda = 10))
  expect_refused(embed(init = start[, 1, drop = FALSE]), "input", "150 x 1")
  expect_refused(embed(init = replace(start, 3, Inf)), "not_finite", "row 3")
  expect_refused(embed(init = "ica"), "input", "spectral")
  expect_refused(embed(affinity = entropic_affinity(iris_x[1:99, ], 20)), "input", "99 cells")
})

test_that("bad input is refused with its class and a way out", {
  named <- iris_x
  dimnames(named) <- list(paste0("cell", 1:150), paste0("gene", 1:4))
  expect_refused(embed(x = replace(named, 152, NA)), "not_finite", "cell2.*gene2")
  expect_refused(embed(x = replace(named, 1, -Inf)), "not_finite", "cell1.*gene1")
  expect_refused(embed(x = iris_x[0, ]), "input")
  expect_refused(embed(x = iris_x[, 0]), "input")
  expect_refused(embed(x = iris_x[1, , drop = FALSE]), "input")
  expect_refused(embed(x = iris), "input", "Species")
  expect_refused(embed(x = matrix(letters, 13)), "input", "character")
  expect_refused(embed(perplexity = 150), "perplexity", "perplexity = 49.7")
  expect_refused(embed(perplexity = 0.5), "perplexity", "greater than 1")
  expect_refused(embed(lambda = -1), "input", "lambda")
  expect_refused(embed(d = 0), "dimension", "1 to 50")
  expect_refused(embed(d = 60), "dimension", "60")
  expect_refused(embed(d = 4, method = "grid"), "dimension")
  expect_refused(embed(threads = 0), "input", "threads")
  expect_refused(embed(seed = 1.5), "input", "seed")
  expect_refused(embed(seed = "a"), "input", "seed")
  expect_refused(embed(maxit = 0), "input", "maxit")
  expect_refused(embed(tol = -1), "input", "tol")
  expect_refused(embed(every = -1), "input", "every")
  expect_refused(embed(device = "gpu"), "device", "\"cuda:1\"")
  expect_refused(embed(callback = "stop"), "input", "function")
  expect_refused(embed(callback = function() 1), "input", "three arguments")
  expect_refused(embed(checkpoint = "/dev/null"), "input", "regular")
  expect_refused(embed(checkpoint = tempdir()), "input", "regular")
  expect_refused(embed(affinity = "students"), "input", "bisection")
})

test_that("Ctrl-C inside a callback keeps the finished work in the checkpoint", {
  file <- tempfile()
  on.exit(unlink(file))
  expect_refused(
    embed(maxit = 30, tol = 0, every = 10, checkpoint = file, callback = function(iteration, ...) {
      if (iteration == 20) rlang::interrupt()
    }),
    "interrupted", "resume"
  )
  expect_identical(
    core_of(embed(maxit = 30, tol = 0, resume = file)), core_of(embed(maxit = 30, tol = 0))
  )
})

test_that("a fit and a stored map draw themselves and their trace", {
  fit <- ee(iris_x, perplexity = 20, maxit = 5, verbose = FALSE)
  expect_equal(nrow(plot_trace(fit)$data), 2L * nrow(fit$trace))
  expect_s3_class(plot(fit, colour_by = iris$Species), "ggplot")
  sce <- runEE(iris_sce(), perplexity = 20, maxit = 5, verbose = FALSE)
  expect_equal(nrow(plot_trace(sce)$data), 12L)
})

test_that("Ctrl-C stops a run, keeps its iterations and leaves the session usable", {
  skip_without_interrupts()
  file <- tempfile()
  on.exit(unlink(file))
  # Far more iterations than can be done before the signal comes, which the first
  # callback sends: it is met by the core in the next step.
  interrupting <- function(iteration, ...) {
    if (iteration == 5) interrupt_in(0.3)
  }
  x <- iris_x[rep(1:150, 60), ] + sin(seq_len(36000)) / 10
  expect_refused(
    embed(
      x = x, maxit = 1e6, tol = 0, method = "exact", every = 5, checkpoint = file,
      callback = interrupting
    ),
    "interrupted", "resume = "
  )
  resumed <- embed(
    x = x, maxit = 1e6, tol = 0, method = "exact", every = 1, resume = file,
    callback = function(...) FALSE
  )
  expect_gt(resumed$params$iterations, 5L)
})

test_that("a fit gives its embedding as a matrix, a data frame or its head", {
  fit <- embed(maxit = 5)
  expect_identical(as.matrix(fit), fit$embedding)
  expect_identical(as.data.frame(fit), as.data.frame(fit$embedding))
  expect_identical(head(fit, 3), fit$embedding[1:3, ])
})

test_that("a subset takes its part of what is given for all cells, or says that it cannot", {
  start <- stats::prcomp(iris_x)$x[, 1:2]
  fit <- embed(size = 0.4, init = start, perplexity = 10, maxit = 5)
  expect_length(fit$subset, 60L)
  expect_identical(
    embed(size = 0.4, init = start[fit$subset, ], perplexity = 10, maxit = 5)$embedding,
    fit$embedding
  )
  expect_output(print(fit), "A random subset")
  expect_refused(
    embed(size = 0.4, affinity = entropic_affinity(iris_x, 10)), "input", "are for all cells"
  )
  expect_refused(embed(size = 2), "input", "`size` leaves 2 of the 150 cells")
})

test_that("a run tells what it does, and a search that is named is taken", {
  told <- paste(capture_messages(embed(verbose = TRUE, every = 2, maxit = 4)), collapse = "")
  expect_match(told, "Embedding 150 cells, 4 features")
  expect_match(told, "iteration 4: E = ")
  expect_identical(embed(neighbors = "exact", maxit = 5)$embedding, embed(maxit = 5)$embedding)
})

test_that("a resumed run says that it keeps its own number of iterations", {
  file <- tempfile()
  on.exit(unlink(file))
  embed(maxit = 6, tol = 0, every = 2, checkpoint = file)
  expect_warning(
    resumed <- embed(maxit = 9, tol = 0, resume = file), "keeps its own `maxit`, 6",
    class = "neuralee_warning_resumed"
  )
  expect_identical(resumed$params$iterations, 6L)
})

test_that("agreement, uniform weights and densities are numbers in their bounds", {
  refused <- function(..., message) {
    expect_refused(ee(iris_x, perplexity = 20, verbose = FALSE, ...), "input", message)
  }
  for (bad in list(-1, NA, Inf, "2", c(1, 2), TRUE)) {
    refused(agreement = bad, message = "agreement")
    refused(uniform = bad, message = "uniform")
    refused(densities = bad, message = "densities")
  }
  refused(uniform = 1, message = "uniform")
  published <- ee(
    iris_x, lambda = 10, agreement = 0, uniform = 0, densities = 0, perplexity = 20, maxit = 5,
    verbose = FALSE
  )
  usual <- ee(iris_x, lambda = 10, perplexity = 20, maxit = 5, verbose = FALSE)
  expect_identical(published$embedding, usual$embedding)
})

test_that("more agreement makes distances agree more", {
  kept <- function(agreement) {
    fit <- ee(iris_x, agreement = agreement, perplexity = 20, verbose = FALSE)
    expect_true(fit$params$converged)
    stats::cor(dist(iris_x), dist(fit$embedding), method = "spearman")
  }
  expect_gt(kept(4), kept(0))
})

test_that("with densities a map draws dense groups dense", {
  set.seed(1)
  x <- rbind(matrix(rnorm(500, 0, 0.2), 100), matrix(rnorm(500, 8, 2), 100))
  kept <- function(densities) {
    fit <- ee(x, densities = densities, perplexity = 20, verbose = FALSE)
    embedding_quality(fit, x)$density_correlation
  }
  expect_gt(kept(1), kept(0) + 0.1)
})
