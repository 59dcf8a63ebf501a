test_that("a model survives its file and saveRDS, in another session too", {
  fit <- train(keep = TRUE)
  file <- tempfile(fileext = ".nee")
  saved <- tempfile(fileext = ".rds")
  on.exit(unlink(c(file, saved)))
  expect_identical(save_neuralee(fit, file), file)
  model <- load_neuralee(file)
  expect_identical(model, fit$model)
  expect_lt(file.size(file), 5000)
  saveRDS(fit, saved)
  code <- paste(
    sprintf(".libPaths(%s)", paste(deparse(.libPaths()), collapse = "")),
    sprintf(
      paste(
        "cat(format(predict(readRDS(\"%s\"), as.matrix(iris[1:2, 1:4]), verbose = FALSE), digits",
        "= 15))"
      ),
      saved
    ),
    sep = ";"
  )
  script <- tempfile(fileext = ".R")
  on.exit(unlink(script), add = TRUE)
  writeLines(sub(")cat", ")\ncat", gsub(";cat", "\ncat", code)), script)
  # The generic is found once the package that has the method is loaded.
  lines <- c(readLines(script)[1], "loadNamespace(\"neuralee\")", readLines(script)[-1])
  writeLines(lines, script)
  printed <- system2(file.path(R.home("bin"), "Rscript"), script, stdout = TRUE, stderr = FALSE)
  expect_equal(
    scan(text = utils::tail(printed, 1), quiet = TRUE), as.vector(fit$embedding[1:2, ]),
    tolerance = 1e-12
  )
})

test_that("weights and coefficients compute the map", {
  fit <- train(hidden = 7, activation = "tanh", init = "none")
  parameters <- coef(fit)
  expect_named(parameters$layers, c("hidden1", "output"))
  expect_identical(weights(fit), lapply(parameters$layers, `[[`, "weight"))
  y <- t((t(iris_x) - parameters$centre) / parameters$scale)
  hidden <- parameters$layers$hidden1
  z <- t(hidden$weight %*% t(y))
  t_ <- sweep(sweep(z, 2, hidden$mean), 2, sqrt(hidden$variance + 1e-8), "/")
  a <- tanh(sweep(sweep(t_, 2, hidden$gamma, "*"), 2, hidden$beta, "+"))
  x <- sweep(t(parameters$layers$output$weight %*% t(a)), 2, parameters$layers$output$bias, "+")
  expect_equal(unname(x), unname(fit$embedding), tolerance = 1e-5)
  plain <- coef(train(hidden = 7, batch_norm = FALSE, maxit = 2)$model)
  expect_named(plain$layers$hidden1, c("weight", "bias"))
})

test_that("a model says what it is", {
  fit <- train(
    round(10 * iris_x), dropout = 0.1, residual = TRUE, preprocess = preprocessing(log = TRUE)
  )
  expect_output(print(fit$model), "4-10-10-2, relu, batch norm, dropout 0.1, residual")
  expect_output(print(fit$model), "\"Sepal.Length\".*and 1 more\\); preprocessing: log")
  expect_output(print(fit$model), "Trained on 150 cells: E = .* at lambda = 10, perplexity 20")
})

test_that("damaged, foreign, missing and newer files are refused", {
  file <- tempfile()
  on.exit(unlink(file))
  save_neuralee(train(maxit = 2), file)
  bytes <- readBin(file, "raw", file.size(file))
  load <- function(bytes) {
    writeBin(bytes, file)
    load_neuralee(file)
  }
  expect_refused(load(bytes[1:20]), "file_format", "truncated")
  expect_refused(load(bytes[-length(bytes)]), "file_format", "truncated")
  expect_refused(load(raw()), "file_format", "truncated")
  changed <- bytes
  changed[200] <- xor(changed[200], as.raw(4))
  expect_refused(load(changed), "file_format", "checksum")
  changed <- bytes
  changed[9] <- as.raw(6)
  expect_refused(load(changed), "model_version", "version 6, which a later neuralee reads")
  expect_refused(
    load(charToRaw(strrep("not a model ", 50))), "file_format", "not one of neuralee's"
  )
  train(maxit = 2, checkpoint = file)
  expect_refused(load_neuralee(file), "file_format", "not one of")
  expect_refused(load_neuralee(tempfile()), "file_format", "no file")
  expect_refused(load_neuralee(tempdir()), "file_format", "no regular file")
  expect_refused(load_neuralee(1), "input", "file")
})

test_that("a file is replaced in one move, and only a file", {
  fit <- train(maxit = 2)
  file <- tempfile()
  on.exit(unlink(file))
  writeLines("something else", file)
  save_neuralee(fit$model, file)
  expect_identical(load_neuralee(file), fit$model)
  expect_length(Sys.glob(paste0(file, "*")), 1L)
  expect_refused(save_neuralee(fit, tempdir()), "input", "no regular file")
  expect_refused(save_neuralee(fit, "/dev/null"), "input", "no regular file")
  expect_refused(
    save_neuralee(fit, file.path(tempdir(), "no", "such")), "input", "could not be written"
  )
  expect_refused(save_neuralee(iris_x, file), "input", "holds no model")
  expect_refused(
    save_neuralee(ee(iris_x, perplexity = 20, maxit = 2, verbose = FALSE), file), "input",
    "holds no model"
  )
})

test_that("a model of the first version of the format is read, and maps as it did", {
  model <- load_neuralee(test_path("fixtures", "iris.nee"))
  places <- as.matrix(utils::read.csv(test_path("fixtures", "iris_places.csv")))
  expect_equal(predict(model, iris_x[c(1, 51, 101), ]), places, tolerance = 1e-5)
})
