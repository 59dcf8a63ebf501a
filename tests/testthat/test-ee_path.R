path_of <- function(..., x = iris_x, perplexity = 20, maxit = 40, verbose = FALSE) {
  ee_path(x, perplexity = perplexity, maxit = maxit, verbose = verbose, ...)
}

shares <- repulsion_share(c(0.1, 0.3, 1))
path <- path_of(lambda = shares)

test_that("a path is a list of fits under their values", {
  expect_s3_class(path, "ee_path")
  expect_identical(names(path), c("share 0.1", "share 0.3", "share 1"))
  for (fit in path) expect_s3_class(fit, "ee_fit")
  expect_equal(
    vapply(path, function(fit) fit$params$share, 0), c(0.1, 0.3, 1), ignore_attr = "names"
  )
  expect_false(is.unsorted(vapply(path, function(fit) fit$params$lambda, 0)))
  expect_identical(path[[2]]$params$n, 150L)
  expect_identical(path[2:3], structure(unclass(path)[2:3], class = "ee_path"))
  expect_output(print(path), "3 maps of 150 cells.*heavy tails.*share 0.3")
})

test_that("the first map is that of ee(), and each other one goes on from the one before", {
  first <- ee(
    iris_x, kernel = "student", lambda = repulsion_share(0.1), perplexity = 20, maxit = 40,
    verbose = FALSE
  )
  expect_identical(path[[1]]$embedding, first$embedding)
  expect_identical(path[[1]][c("loss", "subset", "state")], first[c("loss", "subset", "state")])
  same <- setdiff(names(first$params), "threads")
  expect_identical(path[[1]]$params[same], first$params[same])
  affinity <- entropic_affinity(iris_x, 20)
  for (i in 2:3) {
    trace <- path[[i]]$trace
    expect_identical(trace$iteration[[1]], 0L)
    start <- ee_loss(
      path[[i - 1]], iris_x, affinity, repulsion_share(unclass(shares)[[i]]), kernel = "student"
    )
    expect_equal(trace$loss[[1]], start, tolerance = 1e-5)
    expect_lt(path[[i]]$loss, trace$loss[[1]])
  }
})

test_that("maps do not turn or flip along the path", {
  for (i in 2:3) {
    before <- path[[i - 1]]$embedding
    turned <- svd(crossprod(before, path[[i]]$embedding))
    rotation <- turned$u %*% t(turned$v)
    expect_gt(min(diag(rotation)), cos(5 * pi / 180))
  }
})

test_that("threads, and whether affinities were given, change nothing", {
  expect_identical(
    lapply(path_of(lambda = shares, threads = 2), as.matrix), lapply(path, as.matrix)
  )
  given <- path_of(lambda = shares, affinity = entropic_affinity(iris_x, 20))
  expect_equal(lapply(given, as.matrix), lapply(path, as.matrix), tolerance = 1e-6)
})

test_that("numbers are taken, with either kernel", {
  gaussian <- path_of(lambda = c(1, 10.5, 100), kernel = "gaussian", d = 3, keep = TRUE)
  expect_identical(names(gaussian), c("lambda 1", "lambda 10.5", "lambda 100"))
  expect_identical(
    vapply(gaussian, function(fit) fit$params$lambda, 0), c(1, 10.5, 100), ignore_attr = TRUE
  )
  expect_identical(dim(gaussian[[3]]$embedding), c(150L, 3L))
  expect_identical(gaussian[[3]]$data, iris_x)
  affinity <- entropic_affinity(iris_x, 20)
  expect_equal(gaussian[[3]]$loss, ee_loss(gaussian[[3]], iris_x, affinity, 100), tolerance = 1e-4)
  expect_warning(
    student <- path_of(lambda = c(10, 50), kernel = "student"), class = "neuralee_warning_lambda"
  )
  expect_identical(
    student[[2]]$params[c("kernel", "lambda")], list(kernel = "student", lambda = 50)
  )
})

test_that("row names stay, and values are told apart by their names", {
  named <- iris_x
  rownames(named) <- sprintf("cell%d", 1:150)
  close <- path_of(x = named, lambda = repulsion_share(c(0.12345, 0.12346)), maxit = 3)
  expect_identical(names(close), c("share 0.12345", "share 0.12346"))
  expect_identical(rownames(close[[2]]$embedding), rownames(named))
})

test_that("measures take the maps in turn", {
  quality <- lapply(path, embedding_quality, iris_x)
  expect_identical(levels(plot_quality(quality)$data$map), rev(names(path)))
})

test_that("the maps are panels in order, each filling its own", {
  plot <- plot(path, colour_by = iris$Species, ncol = 3)
  points <- plot$data
  expect_identical(levels(points$panel), names(path))
  expect_identical(as.vector(table(points$panel)), rep(150L, 3L))
  for (name in names(path)) {
    drawn <- points[points$panel == name, ]
    map <- path[[name]]$embedding
    spread <- max(diff(range(map[, 1])), diff(range(map[, 2])))
    expect_equal(max(diff(range(drawn$x)), diff(range(drawn$y))), 2)
    expect_equal(sort(drawn$x - min(drawn$x)), unname(sort(map[, 1] - min(map[, 1]))) * 2 / spread)
    expect_identical(as.vector(table(drawn$colour)), rep(50L, 3L))
  }
  built <- ggplot2::ggplot_build(plot)
  # No pale cells of other panels beneath.
  expect_length(built$data, 1L)
  expect_identical(built$layout$layout$COL, 1:3)
})

test_that("options of plot_embedding() work on a path", {
  labelled <- ggplot2::ggplot_build(plot(path, colour_by = iris$Species, label = TRUE))
  expect_equal(
    sum(vapply(labelled$data, function(layer) "label" %in% names(layer) && nrow(layer) == 9L, NA)),
    1L
  )
  both <- plot(path, colour_by = iris[, 3:4], rescale = TRUE)
  expect_identical(nrow(ggplot2::ggplot_build(both)$layout$layout), 6L)
  some <- plot(path, size = 30, seed = 1)
  expect_identical(as.vector(table(some$data$panel)), rep(30L, 3L))
  one <- plot_embedding(path, dims = 1, axes = TRUE)
  expect_equal(range(one$data$x), c(-1, 1))
  expect_refused(plot(path, facet_by = iris$Species), "input", "`facet_by`")
  expect_refused(plot(path, colour_by = 1:3), "input", "3 entries.*150 cells")
  expect_refused(plot(path, colours = 1), "input", "`colours`")
  expect_refused(plot_embedding_interactive(path), "input", "`object`")
})

test_that("Ctrl-C stops a path, which says where it was", {
  skip_without_interrupts()
  # Sent when the first map begins, which takes far more iterations than can be done before it
  # comes.
  interrupting <- function(message) {
    if (grepl("Map 1 of 2", conditionMessage(message))) {
      interrupt_in(0.3)
    }
  }
  x <- iris_x[rep(1:150, 60), ] + sin(seq_len(36000)) / 10
  expect_refused(
    suppressMessages(withCallingHandlers(
      path_of(
        x = x, lambda = c(1, 10), kernel = "gaussian", method = "exact", maxit = 1e6, tol = 0,
        verbose = TRUE
      ),
      message = interrupting
    )),
    "interrupted", "at lambda 1\\."
  )
})

test_that("values that make no path are refused", {
  refused <- function(lambda, message, ...) {
    expect_refused(path_of(lambda = lambda, ...), "input", message)
  }
  refused(repulsion_share(c(1, 0.3)), "ascend.*0.3 follows on 1")
  refused(c(10, 10), "ascend.*10 follows on 10")
  refused(c(0, 10), "lambda\\[1\\]")
  refused(c(-1, 10), "lambda\\[1\\]")
  refused(c(1, NA), "lambda\\[2\\]")
  refused(10, "one value")
  refused(repulsion_share(1), "one value")
  for (none in list(NULL, "auto", list(1, 2), matrix(1:2))) refused(none, "`lambda`")
  refused(c(1, 10), "`kernel`", kernel = "cauchy")
})

test_that("arguments that are not for a path are refused, and others as by ee()", {
  for (argument in c("checkpoint", "resume", "callback", "every", "size", "device", "pin_memory")) {
    expect_refused(
      do.call(path_of, stats::setNames(list(1), argument)), "input",
      sprintf("`%s`.*not for a path", argument)
    )
  }
  expect_refused(path_of(perplexitty = 3), "input", "Did you mean `perplexity`")
  expect_refused(ee_path(), "input", "`x` is missing")
  expect_refused(path_of(maxit = 0), "input", "`maxit`")
  expect_refused(path_of(perplexity = 1), "perplexity")
  expect_refused(path_of(d = 0), "dimension")
  expect_refused(path_of(d = 4, method = "grid"), "dimension")
  expect_refused(path_of(x = replace(iris_x, 7, NA)), "not_finite")
  expect_refused(path_of(init = iris_x), "input", "`init`")
})
