test_that("defaults are those of the core", {
  defaults <- rust_call(rs_session_defaults("neuralee"))
  arguments <- formals(neuralee)
  for (name in c("maxit", "tol", "patience")) {
    expect_equal(eval(arguments[[name]]), defaults[[name]], info = name)
  }
  for (name in c("d", "seed")) {
    expect_equal(eval(arguments[[name]]), defaults$map[[name]], info = name)
  }
  for (name in c("activation", "batch_norm", "dropout", "residual", "initial_sd")) {
    expect_equal(eval(arguments[[name]])[[1]], defaults$network[[name]], info = name)
  }
  expect_equal(eval(arguments$hidden), unlist(defaults$network$hidden))
  constant <- lr_schedule("constant", last = 0)
  expect_equal(optimizer_options(adam(schedule = constant)), defaults$optimizer)
  expect_null(defaults$pretrain)
})

test_that("a fit is what the help says", {
  x <- iris_x
  rownames(x) <- paste0("f", 1:150)
  fit <- train(x)
  expect_s3_class(fit, c("neuralee_fit", "ee_fit"), exact = TRUE)
  expect_identical(dimnames(as.matrix(fit)), list(rownames(x), c("NeuralEE1", "NeuralEE2")))
  expect_equal(unname(colMeans(fit$embedding)), c(0, 0), tolerance = 1e-5)
  expect_named(
    fit$trace, c("iteration", "lambda", "loss", "gradient_norm", "learning_rate", "seconds")
  )
  expect_identical(fit$trace$iteration, 0:20)
  expect_named(fit$timing, c("neighbors", "affinity", "init", "optimize", "total"))
  expect_identical(fit$loss, min(fit$trace$loss))
  expect_identical(fit$params$best_iteration, fit$trace$iteration[which.min(fit$trace$loss)])
  affinity <- entropic_affinity(x, 20)
  expect_equal(fit$loss, ee_loss(fit, x, affinity, lambda = 10), tolerance = 1e-4)
  expect_output(print(fit), "Network 4-10-10-2, relu, batch norm")
  expect_output(print(summary(fit)), "start, seed +ee \\(10 epochs\\), 42")
  expect_equal(nrow(plot_trace(fit)$data), 42L)
  expect_s3_class(plot(fit, colour_by = iris$Species), "ggplot")
})

test_that("a network comes close to the free embedding, closer from its map than at random", {
  free <- ee(iris_x, perplexity = 20, lambda = 10, verbose = FALSE)
  fit <- train(maxit = 300, hidden = c(50, 50))
  expect_lt(fit$loss, 1.05 * free$loss)
  from_map <- train(maxit = 300, hidden = c(50, 50), init = free)
  expect_equal(from_map$loss, fit$loss, tolerance = 0.02)
  expect_identical(from_map$params$init, "matrix")
  random <- train(maxit = 300, hidden = c(50, 50), init = "none")
  expect_identical(random$params$pretrain, 0L)
  expect_lt(random$loss, 1.15 * free$loss)
})

test_that("every kind of network and of batch lowers E", {
  start <- max(train(maxit = 1, init = "none")$trace$loss)
  kinds <- list(
    list(activation = "gelu"), list(activation = "tanh", batch_norm = FALSE),
    list(activation = "leaky_relu"), list(dropout = 0.1), list(residual = TRUE), list(hidden = 30),
    list(d = 1), list(d = 3), list(d = 5), list(batch_size = 0.25), list(batch_size = 40),
    list(batch_size = 60, batches = "independent"), list(accumulate = TRUE),
    list(optimizer = sgd(lr = 0.1)), list(optimizer = adamw(schedule = "cosine")),
    list(method = "exact"), list(affinity = "bisection"), list(metric = "cosine"),
    list(init = "ee", pretrain = 5)
  )
  for (kind in kinds) {
    fit <- do.call(train, utils::modifyList(list(init = "none", maxit = 30), kind))
    expect_lt(fit$loss, 0.5 * start)
    expect_true(all(is.finite(fit$embedding)))
  }
})

test_that("what a batch is made of is said and kept to", {
  expect_identical(train(maxit = 2)$params$batches, "all")
  expect_identical(train(maxit = 2, batch_size = 1)$params$batches, "all")
  expect_identical(train(maxit = 2, batch_size = 150)$params$batches, "all")
  shared <- train(maxit = 2, batch_size = 0.25)
  expect_identical(
    shared$params[c("batches", "batch_size")], list(batches = "shared", batch_size = 37L)
  )
  expect_output(print(shared), "37 cells a step")
  independent <- train(batch_size = 50, batches = "independent")
  expect_true("batch_loss" %in% names(independent$trace))
  expect_identical(independent$params$pretrain, 0L)
  whole <- train(init = "none")
  expect_identical(
    trained(train(init = "none", accumulate = TRUE))[1:3], trained(whole)[1:3]
  )
})

test_that("the same bits come from any number of threads, and R's random numbers play no part", {
  for (batch_size in list(NULL, 40)) {
    first <- train(batch_size = batch_size, dropout = 0.1, threads = 1)
    set.seed(1)
    before <- random_seed_of_r()
    expect_identical(
      trained(train(batch_size = batch_size, dropout = 0.1, threads = 4)), trained(first)
    )
    expect_identical(random_seed_of_r(), before)
  }
  expect_false(identical(train(seed = 1)$embedding, train(seed = 2)$embedding))
})

test_that("a run that was stopped and resumed equals a straight one", {
  for (batch_size in list(NULL, 40)) {
    again <- function(...) train(batch_size = batch_size, tol = 0, ...)
    straight <- again()
    file <- tempfile()
    stopped <- again(
      every = 7, checkpoint = file, callback = function(epoch, loss, embedding) epoch < 14
    )
    expect_identical(stopped$params$iterations, 14L)
    expect_identical(trained(again(resume = file)), trained(straight))
    expect_identical(trained(again(resume = stopped)), trained(straight))
    saved <- tempfile()
    saveRDS(stopped, saved)
    expect_identical(trained(again(resume = readRDS(saved), threads = 2)), trained(straight))
    unlink(c(file, saved))
  }
  expect_refused(train(resume = straight), "input", "net = fit")
})

test_that("Ctrl-C keeps the finished epochs in the checkpoint", {
  file <- tempfile()
  on.exit(unlink(file))
  expect_refused(
    train(
      tol = 0, every = 5, checkpoint = file,
      callback = function(epoch, ...) if (epoch == 10) rlang::interrupt()
    ),
    "interrupted", "training was interrupted after 10 epochs.*resume"
  )
  expect_identical(trained(train(tol = 0, resume = file)), trained(train(tol = 0)))
  skip_without_interrupts()
  # Far more epochs than can be done before the signal comes.
  interrupting <- function(epoch, ...) {
    if (epoch == 5) interrupt_in(0.3)
  }
  x <- iris_x[rep(1:150, 8), ] + sin(seq_len(4800)) / 10
  expect_refused(
    train(
      x, maxit = 1e6, tol = 0, init = "none", every = 5, checkpoint = file, callback = interrupting
    ),
    "interrupted", "resume = "
  )
})

test_that("a checkpoint of other data, of ee() or a damaged one is refused", {
  file <- tempfile()
  on.exit(unlink(file))
  train(checkpoint = file, every = 10, callback = function(...) FALSE)
  bytes <- readBin(file, "raw", file.size(file))
  expect_refused(train(iris_x[150:1, ], resume = file), "input", "other data")
  expect_refused(train(lambda = 1, resume = file), "input", "lambda")
  expect_refused(train(resume = bytes[1:100]), "file_format", "truncated")
  expect_refused(train(resume = rev(bytes)), "file_format", "not one of")
  bytes[9] <- as.raw(99)
  expect_refused(train(resume = bytes), "model_version", "version 99")
  ee(iris_x, perplexity = 20, maxit = 5, checkpoint = file, verbose = FALSE)
  expect_refused(train(resume = file), "file_format", "not one of")
})

test_that("the callback and the files see the embedding of the moment", {
  prefix <- tempfile("snapshots-")
  seen <- list()
  fit <- train(
    tol = 0, every = 8, save_embedding = prefix, callback = function(epoch, loss, embedding) {
      seen[[length(seen) + 1]] <<- list(epoch, loss, embedding)
      NULL
    }
  )
  files <- sprintf("%s_epoch_%d.rds", prefix, c(8, 16, 20))
  on.exit(unlink(files))
  expect_setequal(Sys.glob(paste0(prefix, "*")), files)
  expect_identical(vapply(seen, `[[`, 1L, 1), c(8L, 16L, 20L))
  for (i in 1:3) {
    expect_identical(seen[[i]][[2]], fit$trace$loss[c(8, 16, 20)[[i]] + 1])
    expect_identical(readRDS(files[[i]]), seen[[i]][[3]])
  }
  expect_refused(
    train(save_embedding = file.path(tempdir(), "no", "such")), "input", "does not exist"
  )
  expect_refused(train(save_embedding = 1), "input", "save_embedding")
  # A folder stands where the file should go.
  dir.create(files[[1]], showWarnings = FALSE)
  unlink(files[[1]])
  dir.create(files[[1]])
  expect_refused(train(every = 8, save_embedding = prefix), "input", "could not be written")
  unlink(files[[1]], recursive = TRUE)
})

test_that("size trains on a subset, whose model maps the rest", {
  fit <- train(size = 0.5, perplexity = 15)
  expect_length(fit$subset, 75L)
  expect_identical(trained(train(iris_x[fit$subset, ], perplexity = 15))[1:4], trained(fit)[1:4])
  expect_identical(predict(fit, iris_x, verbose = FALSE)[fit$subset, ], fit$embedding)
  delayed_fit <- with_small_blocks(train(delayed(iris_x), size = 0.5, perplexity = 15), size = 800)
  expect_identical(trained(delayed_fit), trained(fit))
})

test_that("several lambdas are taken in turn, and the best weights are of the last", {
  fit <- train(lambda = c(1, 10), tol = 0)
  expect_identical(fit$trace$lambda, rep(c(1, 10), c(10, 11)))
  expect_identical(fit$loss, min(fit$trace$loss[fit$trace$lambda == 10]))
  expect_identical(model_info(fit$model)$lambda, 10)
})

test_that("a network is taken up where it was", {
  first <- train(tol = 0)
  more <- train(net = first, maxit = 5)
  expect_equal(more$trace$loss[1], first$loss, tolerance = 1e-6)
  expect_identical(more$params$pretrain, 0L)
  expect_lte(more$loss, first$loss)
  expect_refused(train(iris_x[, 1:3], net = first), "input", "takes 4 features, but there are 3")
  expect_refused(train(net = first, d = 3), "dimension", "d = 2")
  expect_refused(train(net = iris_x), "input", "holds no model")
})

test_that("neighbours and affinities of the caller are used", {
  reference <- train()
  expect_identical(
    trained(train(affinity = entropic_affinity(iris_x, 20)))[1:3], trained(reference)[1:3]
  )
  # Distances lose their last digits on the way.
  expect_equal(train(neighbors = find_neighbors(iris_x, 60))$loss, reference$loss, tolerance = 1e-5)
  expect_refused(train(size = 0.5, neighbors = find_neighbors(iris_x, 60)), "input", "subset")
})

test_that("a run that diverges warns and gives the best weights before", {
  expect_warning(
    fit <- train(optimizer = sgd(lr = 1e38, momentum = 0), init = "none"),
    class = "neuralee_warning_diverged"
  )
  expect_true(all(is.finite(fit$embedding)))
  expect_lt(fit$params$iterations, 20L)
})

test_that("a fit is small, whatever it was trained on", {
  x <- matrix(sin(seq_len(60000)), 1000)
  fit <- train(x, maxit = 3, hidden = c(50, 50))
  expect_lt(length(fit$model$bytes), 40000)
  expect_null(fit$data)
  expect_output(print(train(maxit = 2, keep = TRUE)), "Keeps the inputs of the network: 4.7 Kb")
})

test_that("a training that would not fit into memory is refused with what would", {
  before <- options(neuralee.max_memory_gb = 0.05)
  on.exit(options(before))
  x <- iris_x[rep(1:150, 30), ] + sin(seq_len(18000))
  expect_s3_class(train(x, maxit = 1, k = 30), "neuralee_fit")
  expect_refused(train(x, maxit = 1, k = 30, hidden = rep(500, 3)), "memory", "What would fit")
  expect_s3_class(
    train(x, maxit = 1, k = 30, hidden = rep(500, 3), accumulate = TRUE, init = "none"),
    "neuralee_fit"
  )
})

test_that("bad input is refused with its class and a way out", {
  expect_refused(train(hidden = 0), "input", "hidden")
  expect_refused(train(hidden = c(50, NA)), "input", "hidden")
  expect_refused(train(hidden = numeric()), "input", "hidden")
  expect_refused(train(hidden = "wide"), "input", "hidden")
  expect_refused(train(hidden = 1e6), "input", "hidden")
  expect_refused(train(hidden = rep(60000, 3)), "memory", "parameters")
  expect_refused(train(activation = "sigmoid"), "input", "gelu")
  expect_refused(train(batch_norm = NA), "input", "batch_norm")
  expect_refused(train(dropout = 1), "input", "dropout")
  expect_refused(train(dropout = -0.1), "input", "dropout")
  expect_refused(train(residual = TRUE, hidden = c(5, 6)), "input", "same width")
  expect_refused(train(initial_sd = 0), "input", "initial_sd")
  expect_refused(train(optimizer = "adam"), "input", "adam\\(\\)")
  expect_refused(train(maxit = 0), "input", "maxit")
  expect_refused(train(pretrain = 20), "input", "Raise `maxit`")
  expect_refused(train(pretrain = -1), "input", "pretrain")
  expect_refused(train(tol = -1), "input", "tol")
  expect_refused(train(patience = 0), "input", "patience")
  expect_refused(train(init = "pca"), "input", "\"ee\", \"none\"")
  expect_refused(train(init = iris_x[, 1, drop = FALSE]), "input", "150 x 1")
  expect_refused(train(init = replace(iris_x[, 1:2], 3, Inf)), "not_finite", "row 3")
  expect_refused(train(batch_size = 0), "input", "batch_size")
  expect_refused(train(batch_size = 0.01), "input", "leaves 1 of the 150")
  expect_refused(train(batch_size = 151), "input", "151")
  expect_refused(train(batch_size = 10.5), "input", "batch_size")
  expect_refused(train(batch_size = "all"), "input", "batch_size")
  expect_refused(train(batches = "independent"), "input", "batch_size")
  expect_refused(train(batches = "independent", batch_size = 10), "perplexity", "larger batch_size")
  expect_refused(
    train(batches = "independent", batch_size = 50, accumulate = TRUE), "input", "accumulate"
  )
  expect_refused(train(preprocess = TRUE), "input", "preprocessing\\(\\)")
  expect_refused(train(device = "gpu"), "device", "\"cuda:1\"")
  expect_refused(train(callback = function() 1), "input", "epoch, loss and embedding")
  expect_refused(train(d = 0), "dimension", "1 to 50")
  expect_refused(train(d = 4, method = "grid"), "dimension", "exact")
  expect_refused(train(lambda = -1), "input", "lambda")
  expect_refused(train(seed = -1), "input", "seed")
  expect_refused(train(every = -1), "input", "every")
  expect_refused(train(perplexity = 200), "perplexity", "perplexity")
  expect_refused(train(replace(iris_x, 7, NaN)), "not_finite", "row 7")
  expect_refused(train(iris_x[0, ]), "input", "0 cells")
  expect_refused(train(iris_x[rep(1, 50), ]), "input", "same input")
  expect_refused(train(iris_sce()), "input", "matrix")
})

test_that("settings that exclude each other are refused", {
  expect_refused(train(accumulate = TRUE, batch_size = 50), "input", "exclude each other")
  expect_refused(
    train(accumulate = TRUE, batches = "independent", batch_size = 50), "input",
    "independent batches"
  )
  expect_refused(
    preprocessing(ntop = 5, components = 6), "input", "`components` is 6, but `ntop` keeps 5"
  )
})

test_that("a run is resumed with its own settings alone", {
  state <- train(tol = 0, init = "none", every = 10, callback = function(...) FALSE)
  resumed <- function(...) {
    given <- utils::modifyList(list(tol = 0, init = "none", resume = state), list(...))
    do.call(train, given)
  }
  others <- list(
    maxit = 40, tol = 0.1, patience = 3, seed = 2, optimizer = sgd(), hidden = c(4, 4),
    activation = "tanh", dropout = 0.5, batch_norm = FALSE, batch_size = 20, accumulate = TRUE,
    d = 3, method = "grid", init = "ee"
  )
  for (name in names(others)) {
    expect_refused(
      do.call(resumed, others[name]), "input",
      paste0("another.*`", name, "`|`pretrain` or `init`|`batch_size`")
    )
  }
  # A network with inputs of its own.
  net <- train(iris_x * 5, hidden = c(10, 10), init = "none", maxit = 2)
  expect_refused(resumed(net = net), "input", "`net`")
})

test_that("networks beyond the memory, and names that are no text, are refused at once", {
  before <- options(neuralee.max_memory_gb = 0.1)
  on.exit(options(before))
  expect_refused(train(hidden = c(6000, 6000)), "memory", "narrower hidden layers")
  options(before)
  x <- iris_x
  skip_if_not(l10n_info()$`UTF-8`, "the session's text is not UTF-8")
  colnames(x)[1] <- "\xe9"
  expect_refused(train(x), "input", "feature 1 is no valid text")
  Encoding(colnames(x)) <- "latin1"
  expect_identical(model_info(train(x, maxit = 2)$model)$names[1], "\u00e9")
  for (option in list(NA, c(1, 2), "a")) {
    options(neuralee.max_dense_gb = option)
    expect_refused(train(sparse(iris_x)), "input", "max_dense_gb")
  }
  options(neuralee.max_dense_gb = NULL)
})

test_that("the smallest batches have two cells each", {
  fit <- train(iris_x[1:75, ], batch_size = 2, maxit = 3, perplexity = 10)
  expect_true(all(is.finite(fit$trace$loss)))
})

test_that("a fit says what it was trained on, and a training what it does", {
  expect_output(print(train(size = 0.5, perplexity = 10, maxit = 2)), "Trained on a random subset")
  expect_output(print(train(accumulate = TRUE, maxit = 2)), "all cells a step, accumulated")
  told <- paste(capture_messages(train(maxit = 2, verbose = TRUE)), collapse = "")
  expect_match(told, "Training on 150 cells, 4 features")
})

test_that("a subset of a matrix on disk is read as that subset", {
  on_disk <- train(delayed(iris_x), size = 0.5, perplexity = 10, maxit = 3)
  expect_identical(on_disk$embedding, train(size = 0.5, perplexity = 10, maxit = 3)$embedding)
})
