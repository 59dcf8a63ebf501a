#' A path of maps from continuous to clustered
#'
#' Embeds the same cells under weaker and stronger repulsion, each map going on from the one before.
#' While attraction prevails, maps show how cell states pass into each other; the more repulsion
#' counts, the more they fall into clusters. No single one is right: what stays along the path is in
#' the data, and what one map alone shows deserves a second look.
#'
#' The affinities are computed once. The first map is that of [ee()]. Each further one starts from
#' the one before and is then turned onto it, without scaling. So cells keep their places from panel
#' to panel as far as they can.
#'
#' The shares of the default double up to 1, the share of `lambda = "auto"`. Below 0.06 cells of
#' several types lie on one thin line, and above 1 clusters spread until they touch. With the
#' Gaussian kernel maps change less.
#'
#' @inheritParams ee
#' @param lambda The values to go through, ascending: two numbers above 0 or more, or the shares of
#'   [repulsion_share()].
#' @param kernel `"student"`, with heavy tails, or `"gaussian"`, elastic embedding as published (see
#'   [ee()]).
#' @param maxit Largest number of iterations for each map.
#' @param tol When each map has converged, as in [ee()].
#' @param seed A whole number, 0 or more, for the random start and the approximate search.
#' @param keep Keep the cells in the fits, so that [predict()][predict.ee_fit] can place new ones?
#' @param ... Not used. `size`, `device`, `pin_memory`, `checkpoint`, `resume`, `callback` and
#'   `every` of [ee()] are not for a path.
#' @return An object of class `ee_path`: a list with a fit of [ee()] for each value, in order. Its
#'   names are the values, as in `"share 0.25"` or `"lambda 10"`. `path[[2]]` is the second fit,
#'   with its embedding, loss, trace and settings; `path[2:3]` is a shorter path. The seconds of
#'   neighbours and affinities are in the `timing` of the first.
#' @section Errors:
#' Those of [ee()]. `neuralee_error_input` also for values that do not ascend, are not above 0 or
#' too few, and for arguments that are not for a path.
#' @inheritSection ee Warnings
#' @references Carreira-Perpinan (2010), "The elastic embedding algorithm for dimensionality
#'   reduction", ICML, section 4 (the path over lambda). Boehm, Berens and Kobak (2022),
#'   "Attraction-repulsion spectrum in neighbor embeddings", JMLR 23.
#' @seealso [plot.ee_path()], [repulsion_share()], [embedding_quality()].
#' @examples
#' x <- as.matrix(iris[, 1:4])
#' path <- ee_path(x, perplexity = 20, maxit = 50, verbose = FALSE)
#' path
#' plot(path, colour_by = iris$Species)
#'
#' # How much each map keeps
#' plot_quality(lapply(path, embedding_quality, x))
#'
#' # The third map into a SingleCellExperiment
#' sce <- SingleCellExperiment::SingleCellExperiment(list(logcounts = t(x)))
#' SingleCellExperiment::reducedDim(sce, "EE") <- path[[3]]$embedding
#' @export
ee_path <- function(x, lambda = repulsion_share(c(0.06, 0.12, 0.25, 0.5, 1)),
                    kernel = c("student", "gaussian"), d = 2, perplexity = 20, agreement = NULL,
                    uniform = NULL, densities = NULL, weights = NULL, k = NULL, neighbors = NULL,
                    metric = c("euclidean", "cosine"),
                    affinity = c("entropic", "bisection"), method = c("auto", "grid", "exact"),
                    init = c("pca", "spectral", "random"), maxit = 200, tol = NULL, seed = 42L,
                    threads = NULL, keep = FALSE, verbose = interactive(), ...) {
  check_given()
  check_path_dots(list(...), names(formals(ee_path)))
  repulsion <- check_path(kernel, lambda, agreement, uniform, densities)
  given <- check_run(as.list(environment()), repulsion)
  given$options <- ee_options(given)
  values <- given$repulsion$lambda
  given$repulsion$lambda <- values[[1L]]

  classed_interrupts({
    problem <- ee_problem(given)
    names <- paste(if (given$repulsion$share) "share" else "lambda", format_each(values))
    fits <- list()
    for (name in names) {
      if (verbose) cli::cli_inform("Map {length(fits) + 1L} of {length(names)}: {name}")
      problem$repulsion$lambda <- values[[length(fits) + 1L]]
      run <- interrupted_at(name, {
        if (length(fits)) {
          session$opened <- seconds_now()
          session$stages <- NULL
          progress <- progress_reporter(verbose, "Start")
          rust_call(rs_session_restart(session$pointer, problem$repulsion$lambda, progress))
        } else {
          session <- open_session("ee", problem)
        }
        run_session(session)
      })
      fit <- new_ee_fit(session, run, problem)
      if (length(fits)) {
        fit$timing <- c(neighbors = 0, affinity = 0, fit$timing)
        turned <- rust_call(rs_map_turned(fit$embedding, fits[[length(fits)]]$embedding))
        fit$embedding <- name_embedding(turned, rownames(problem$x))
      }
      fits[[name]] <- fit
      problem$settings$init <- "matrix"
      problem$begin <- seconds_now()
    }
    structure(fits, class = "ee_path")
  })
}

# Ctrl-C says which map it has stopped.
interrupted_at <- function(name, expr) {
  stopped <- function(condition) {
    abort_neuralee("interrupted", sprintf("The path of maps was interrupted at %s.", name))
  }
  tryCatch(expr, interrupt = stopped, neuralee_error_interrupted = stopped)
}

check_path_dots <- function(given, known) {
  names <- names(given) %||% rep("", length(given))
  foreign <- intersect(names, names(formals(ee)))
  check_dot_names(setdiff(names, foreign), setdiff(known, "..."))
  if (length(foreign)) {
    remedy <- switch(foreign[[1L]],
      size = "Take the rows of `x` first.",
      device = ,
      pin_memory = "Paths are computed on the processor.",
      "Leave it out."
    )
    abort_neuralee(
      "input", sprintf("`%s` of ee() is not for a path of maps.", foreign[[1L]]), remedy
    )
  }
}

check_path <- function(kernel, lambda, agreement, uniform, densities) {
  wanted <- "two numbers above 0 or more, ascending, or a repulsion_share() of them"
  if (is.null(lambda) || is.character(lambda)) refuse_argument(lambda, "lambda", wanted)
  repulsion <- check_repulsion(kernel, lambda, agreement, uniform, densities)
  values <- repulsion$lambda
  refuse <- function(message) abort_neuralee("input", message, sprintf("Give %s.", wanted))
  if (length(values) < 2L) {
    refuse("`lambda` has one value, which makes no path: for one map use ee().")
  }
  if (values[[1L]] <= 0) refuse("`lambda[1]` is 0, without which no cell is repelled.")
  falls <- which(diff(values) <= 0)
  if (length(falls)) {
    at <- falls[[1L]]
    refuse(sprintf(
      "`lambda` must ascend, but %s follows on %s.", format(values[[at + 1L]]), format(values[[at]])
    ))
  }
  repulsion
}

# Each number as short as it can be told from the others.
format_each <- function(values) {
  for (digits in 3:17) {
    text <- vapply(values, format, "", digits = digits)
    if (!anyDuplicated(text)) break
  }
  text
}

#' @export
`[.ee_path` <- function(x, i) structure(NextMethod(), class = class(x))

#' @export
print.ee_path <- function(x, ...) {
  first <- x[[1L]]$params
  cat(sprintf(
    "A path of %d maps of %s cells in %d dimension%s%s\n", length(x),
    format(first$n, big.mark = ","), first$d, if (first$d == 1L) "" else "s",
    if (identical(first$kernel, "student")) ", heavy tails" else ""
  ))
  of <- function(name) vapply(x, function(fit) fit$params[[name]], x[[1L]]$params[[name]])
  table <- data.frame(
    lambda = signif(of("lambda"), 4), E = signif(vapply(x, function(fit) fit$loss, 0), 6),
    iterations = of("iterations"), end = of("reason"), row.names = names(x)
  )
  print(table)
  invisible(x)
}

#' Plot a path of maps
#'
#' Draws the maps of [ee_path()] side by side, in order, under their shares or values of lambda.
#'
#' Each map fills its panel, as if it were drawn alone; how wide the maps are is not compared. All
#' else is as in [plot_embedding()].
#'
#' @param x What [ee_path()] returned.
#' @param colour_by A vector with an entry per cell, or a matrix or data frame of numbers, whose
#'   columns get a row of panels each, as in [plot_embedding()].
#' @param ncol Number of panels side by side; `NULL` for about as many as there are rows.
#' @param axes Draw the axes? Their numbers are parts of half the width of each map.
#' @param ... Further arguments of [plot_embedding()] but `facet_by`, such as `label`, `palette` or
#'   `point_size`.
#' @return A ggplot object.
#' @inheritSection plot_embedding Errors
#' @seealso [ee_path()], [plot_embedding()].
#' @examples
#' path <- ee_path(as.matrix(iris[, 1:4]), perplexity = 20, maxit = 30, verbose = FALSE)
#' plot(path, colour_by = iris$Species, ncol = 4)
#' @export
plot.ee_path <- function(x, colour_by = NULL, ncol = NULL, axes = FALSE, ...) {
  plot_embedding(x, colour_by = colour_by, ncol = ncol, axes = axes, ...)
}

# The cells of all maps, each in a frame from -1 to 1.
cells_of_path <- function(path, dimred, dims, colour_by, facet_by, assay.type, size, seed) {
  if (!is.null(facet_by)) {
    abort_neuralee(
      "input", "`facet_by` is not for a path: its maps have the panels.", "Leave it out."
    )
  }
  maps <- lapply(path, cells_to_draw, dimred, dims, colour_by, NULL, assay.type, size, seed)
  cells <- maps[[1L]]
  count <- length(cells$x)
  filled <- lapply(maps, function(map) {
    middle <- c(mean(range(map$x)), mean(range(map$y)))
    half <- max(diff(range(map$x)), diff(range(map$y)), 1e-300) / 2
    list(x = (map$x - middle[[1L]]) / half, y = (map$y - middle[[2L]]) / half)
  })
  cells$x <- unlist(lapply(filled, `[[`, "x"), use.names = FALSE)
  cells$y <- unlist(lapply(filled, `[[`, "y"), use.names = FALSE)
  cells$name <- rep(cells$name, length(path))
  cells$colours <- lapply(
    cells$colours, function(values) if (!is.null(values)) rep(values, length(path))
  )
  cells$groups <- factor(rep(names(path), each = count), names(path))
  cells$apart <- TRUE
  cells
}
