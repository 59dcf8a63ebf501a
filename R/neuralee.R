#' Elastic embedding by a neural network
#'
#' Learns a map from features to places, X = f(Y), that minimises the same E as [ee()]. Neighbours
#' attract each other. All pairs repel each other, the more the further apart they are in the data.
#' What [ee()] finds for each cell by itself, a network learns for all, so that cells that were not
#' there can be mapped ([predict()][predict.neuralee_fit]).
#'
#' The network minimises E of [ee()], attraction, repulsion and agreement, with
#' \eqn{x_n = f(y_n; \theta)}
#' over its parameters \eqn{\theta}. The gradient with respect to X comes from all cells, their true
#' neighbours and the repulsion of all pairs, in time linear in their number. It is passed back
#' through the network. Every epoch takes one step along it.
#'
#' @section Landmarks:
#' A network alone is smooth: it puts a cell into its group, but keeps few of its immediate
#' neighbours. So the model keeps some cells with their places on the map of [ee()] as landmarks. A
#' new cell starts where the network puts it, or at one of its nearest landmarks. It then goes to
#' where its 90 nearest landmarks draw it, by affinities of perplexity 30 and the attraction of the
#' kernel. Its place depends on nothing but the cell. A landmark has its own place.
#'
#' The landmarks are drawn one after the other. Cells far from those drawn before are more likely,
#' so that no rare type is left out. They are the inputs of these cells, such as principal
#' components. To share a model without any cell, train with `landmarks = 0`.
#'
#' What halves of 10,000 blood cells keep: the share of the 10 nearest cells, the area under R_NX,
#' the order of distances and the labels. One half makes the map, the other half is new.
#'
#' | map | 10 nearest | area | distances | labels |
#' | --- | --- | --- | --- | --- |
#' | of its own cells | 0.37 | 0.44 | 0.85 | 0.93 |
#' | new cells, with landmarks | 0.19 | 0.32 | 0.86 | 0.92 |
#' | new cells, by the network alone | 0.09 | 0.27 | 0.86 | 0.88 |
#' | new cells, `together = TRUE` | 0.27 | 0.38 | 0.86 | 0.93 |
#' | new cells on a map of [ee()], by `predict()` | 0.20 | 0.32 | 0.86 | 0.92 |
#'
#' @section Starting from a map:
#' With `init = "ee"` the cells are first embedded freely by [ee()]. The network learns that map in
#' `pretrain` epochs of small batches, by least squares. Then it goes on to minimise E itself. It
#' ends lower than from random weights and at nearly the same E from every seed. `init = "none"`
#' starts from random weights, as the published method does; it is the default with `net` and with
#' independent batches.
#'
#' @section Batches:
#' Without `batch_size` every epoch takes one step from all cells. With it, the cells are shuffled
#' anew in each epoch and a step is made from every batch. It goes along the gradient that all cells
#' had at the start of the epoch. What the pairs within the batch say of its change since corrects
#' it (Johnson and Zhang 2013). So the steps follow E of all cells and their true neighbours,
#' whatever the size of the batch. Many cells need fewer epochs so: 10,000 cells a batch and 30 to
#' 50 epochs serve a million. `accumulate = TRUE` takes the same one step as without batches, bit
#' for bit, but holds the hidden layers of few cells at a time. It takes up to twice the time and
#' serves wide networks on many cells. `batches = "independent"` is the scheme of the original
#' package: a fixed random partition whose parts have affinities of their own; its E is higher.
#'
#' The E that is reported and by which the best weights are kept is always that of all cells with
#' their true neighbours. Batch normalisation then uses the mean and variance over all cells.
#'
#' @section Networks of your own:
#' `net = "file.pt"` trains a network that was written in PyTorch and saved by
#' `torch.jit.script(net).save("file.pt")`, from the parameters in the file. It needs
#' `device = "torch"` or a GPU, for mapping too. The program takes a single-precision tensor of
#' cells x features (centred, and divided by one number) and returns cells x `d`. It may behave
#' differently in training mode (dropout). But it must place a cell by its features alone and keep
#' no state but its parameters: normalise by layer, not over a batch. A step sends all cells of its
#' batch through the program at once, and Ctrl-C waits for it: give `batch_size` for many cells.
#' Parameters that are frozen in the file stay as they are. A TorchScript file is a program, which
#' is only loaded where you name it. A model that was trained from one contains it and runs it to
#' map cells. Take such files and models only from people whom you trust.
#'
#' @inheritSection ee Reproducibility
#' @section Interrupting and resuming:
#' Ctrl-C stops the run within about a second with a condition of class
#' `neuralee_error_interrupted`. With `checkpoint`, the epochs done so far are in that file. The
#' same call with `resume =` that file goes on from there to the same bits. Other settings of the
#' training are refused; for more epochs give a finished fit as `net`. A fit that a `callback`
#' stopped can be resumed too (`resume = fit`).
#'
#' @inheritParams ee
#' @param x Cells in rows and features (genes or principal components) in columns: a numeric matrix,
#'   a data frame of numbers, a sparse `dgCMatrix` or a DelayedMatrix. Without `preprocess` the last
#'   two are made dense, after a size check (`options(neuralee.max_dense_gb = 8)`). The network
#'   forgets the unit and the origin of the features, but not their relative scale. Bring genes to a
#'   common one (`preprocess = preprocessing(scale = TRUE)`).
#' @param lambda Weight of the repulsion, 0 or more, `"auto"` or a [repulsion_share()], as in
#'   [ee()]. Several values are taken in turn, for equal shares of the epochs.
#' @param init `"ee"`, `"none"`, or an N x d matrix or fit of [ee()] whose map is learned first.
#' @param hidden Units of each hidden layer.
#' @param activation What a hidden unit makes of its input: `"relu"`, `"gelu"` (the form with tanh),
#'   `"tanh"` or `"leaky_relu"` (slope 0.01).
#' @param batch_norm Normalise the inputs of the hidden units over the cells?
#' @param dropout Share of the hidden units that is left out in each step, at least 0 and below 1.
#' @param residual Add the input of a hidden layer to its output where both have the same width?
#' @param initial_sd Standard deviation of the initial weights.
#' @param net A fit of `neuralee()` or a model to start from, which takes as many features. Its
#'   network replaces `hidden` and what belongs to it. See [fine_tune()] for cells as the model
#'   takes them. Or the path of a TorchScript file (see below).
#' @param optimizer [adam()], [adamw()] or [sgd()].
#' @param batch_size Cells of a batch: a fraction of all in (0, 1] or a whole number from 2 on.
#'   `NULL` or 1 for all.
#' @param batches `"shared"` or `"independent"` (see below).
#' @param accumulate Hold the hidden layers of few cells at a time in memory, at the cost of time?
#' @param preprocess `NULL`, or [preprocessing()]: steps from the features in `x` to those that
#'   enter the network, which become part of the model.
#' @param size Train on a random subset: a fraction in (0, 1] or a whole number of cells from 3 on.
#'   The row numbers are returned as `subset`; [predict()][predict.neuralee_fit] maps the rest.
#' @param maxit Epochs. `NULL` is 60 with landmarks, which need no more, else 500.
#' @param pretrain How many of them learn the map that `init` names; `NULL` for half.
#' @param landmarks How many cells the model keeps, with their places on the map that the network
#'   learns first, to place others by. `NULL` is 2,500, or as many as 1.5 MB hold. 0 is the network
#'   alone, as published. There are none with `init = "none"`, `net` and independent batches.
#' @param tol,patience The run has converged when `patience` epochs lower the least E by less than
#'   the fraction `tol`.
#' @param every Report, call `callback`, write `checkpoint` and `save_embedding` each time this many
#'   epochs are done; 0 means no reports, and 50 for the others.
#' @param seed A whole number, 0 or more, for the weights, the order of the cells, dropout, the
#'   subset and the approximate search.
#' @param save_embedding `NULL`, or the beginning of file names: after every `every` epochs the
#'   embedding of that moment is saved to `<save_embedding>_epoch_<number>.rds`.
#' @param callback A function of `epoch`, `loss` and `embedding` (N x d). If it returns `FALSE`, the
#'   run stops there.
#' @param keep Keep the inputs of the network in the fit, for [fine_tune()] with `data = TRUE`?
#' @return An object of classes `neuralee_fit` and `ee_fit`, a list:
#'   \describe{
#'     \item{`embedding`}{N x d matrix with the row names of `x` and column names `NeuralEE1`, …,
#'       its mean at the origin: with landmarks the map that the network learned first, else that
#'       of the network}
#'     \item{`loss`}{E over all cells of that embedding.}
#'     \item{`network_embedding`}{with landmarks, the map of the network alone, of least E.}
#'     \item{`trace`}{data frame with a row for the start (iteration 0) and one per epoch:
#'       `iteration`, `lambda`, `loss` (E over all cells), `gradient_norm` (Frobenius, with respect
#'       to X), `learning_rate` and `seconds` so far; with independent batches also `batch_loss`,
#'       the mean of their own E.}
#'     \item{`timing`}{seconds for `neighbors`, `affinity`, `init` (the map to learn), `optimize`
#'       and in `total`.}
#'     \item{`params`}{list of all settings, with `iterations`, `best_iteration`, `converged`,
#'       `reason` and the `method` chosen.}
#'     \item{`subset`}{row numbers of the cells where `size` was used, else `NULL`.}
#'     \item{`model`}{the `neuralee_model` (see [save_neuralee()]): the network and the landmarks,
#'       of at most some two megabytes.}
#'     \item{`data`}{with `keep = TRUE`, the inputs of the network.}
#'     \item{`state`}{raw bytes to resume from, where a callback stopped the run.}
#'   }
#'   It has methods for `predict`, `print`, `summary`, `plot`, `coef`, `weights`, `as.matrix`,
#'   `as.data.frame` and `head`.
#' @section Errors:
#' Classed conditions `neuralee_error_<kind>`: `perplexity`, `dimension`, `not_finite`, `device`,
#' `memory`, `file_format` and `model_version` (`resume`), `interrupted`, and `input` for any other
#' argument of the wrong kind. A run whose E is no longer finite ends with a warning of class
#' `neuralee_warning_diverged` and the best weights before.
#' @inheritSection ee Warnings
#' @references Xiong J, Gong F, Wan L, Ma L (2020). NeuralEE: a GPU-accelerated elastic embedding
#'   dimensionality reduction method for visualizing large-scale scRNA-seq data. *Frontiers in
#'   Genetics* 11, 786. Carreira-Perpinan (2010), "The elastic embedding algorithm for
#'   dimensionality reduction", ICML. Ioffe and Szegedy (2015), "Batch normalization: accelerating
#'   deep network training by reducing internal covariate shift", ICML (algorithm 2: moments over
#'   all cells). Johnson and Zhang (2013), "Accelerating stochastic gradient descent using
#'   predictive variance reduction", NeurIPS.
#' @seealso [runNeuralEE()] for a SingleCellExperiment, [predict()][predict.neuralee_fit],
#'   [fine_tune()], [save_neuralee()], [plot_trace()].
#' @examples
#' x <- as.matrix(iris[, 1:4])
#' old <- seq(1, 150, by = 2)
#' fit <- neuralee(x[old, ], perplexity = 15, maxit = 100, verbose = FALSE)
#' fit
#' plot(fit, colour_by = iris$Species[old])
#' new <- predict(fit, x[-old, ])
#' @export
neuralee <- function(x, d = 2, lambda = NULL, perplexity = 20, kernel = c("student", "gaussian"),
                     agreement = NULL, uniform = NULL, densities = NULL, k = NULL, neighbors = NULL,
                     metric = c("euclidean", "cosine"),
                     affinity = c("entropic", "bisection"), method = c("auto", "grid", "exact"),
                     init = c("ee", "none"), hidden = c(50, 50),
                     activation = c("relu", "gelu", "tanh", "leaky_relu"), batch_norm = TRUE,
                     dropout = 0, residual = FALSE, initial_sd = 0.1, net = NULL,
                     optimizer = adam(), batch_size = NULL, batches = c("shared", "independent"),
                     accumulate = FALSE, preprocess = NULL, size = 1, maxit = NULL,
                     pretrain = NULL, landmarks = NULL, tol = 1e-4, patience = 50, every = 50,
                     seed = 42L,
                     threads = NULL, device = "cpu", pin_memory = TRUE, save_embedding = NULL,
                     checkpoint = NULL, resume = NULL, callback = NULL, keep = FALSE,
                     verbose = interactive()) {
  check_given()
  if (missing(init) && (!is.null(net) || identical(batches, "independent"))) init <- "none"
  repulsion <- check_repulsion(kernel, lambda, agreement, uniform, densities)
  given <- check_run(as.list(environment()), repulsion)
  every <- check_count(every, "every", min = 0)
  preprocess <- check_preprocessing(preprocess)
  network <- check_network_given(net, device, accumulate)
  training <- training_options(given)
  callback <- check_callback(callback, "epoch, loss and embedding")
  checkpoint <- check_checkpoint(checkpoint)
  snapshot <- check_snapshot(save_embedding)
  state <- read_resume(resume, checkpoint, "neuralee")
  given$resolved_device <- resolve_device(device, pin_memory, verbose)

  classed_interrupts({
    x <- check_cells(x)
    warn_orientation(x, "rows")
    if (!preprocess$log) warn_counts(x, "Set preprocess = preprocessing(log = TRUE).")
    subset <- choose_subset(nrow(x), size, given$seed)
    init <- if (inherits(init, "ee_fit")) as.matrix(init) else init
    start <- check_init(init, nrow(x), subset, training$map$d, choices = c("ee", "none"))
    n <- if (is.null(subset)) nrow(x) else length(subset)
    cells_of_batch <- batch_cells(batch_size, n)
    training$batches <- batches_option(batches_name(training$batches), cells_of_batch, n)
    inputs <- network_inputs(
      subset_cells(x, subset, neighbors, affinity), subset, preprocess, given$seed, given$threads,
      verbose
    )
    x <- inputs$x
    check_net(network$net, x, training$map$d)
    if (verbose) {
      cli::cli_inform("Training on {nrow(x)} cells, {ncol(x)} features, {given$threads} thread{?s}")
    }
    parts <- batches_name(training$batches) == "independent"
    problem <- run_problem(given, x, start, size, subset, parts)
    problem$given <- c(problem$given, list(model = network$net$bytes, program = network$program))
    training$map <- c(training$map, problem$options)
    problem$options <- training
    session <- open_session("neuralee", problem, state)
    run <- run_session(session, every, checkpoint, callback, snapshot)
    new_neuralee_fit(session, run, problem, inputs$steps, optimizer, cells_of_batch)
  })
}

# The cells as they enter the network, and the steps that lead there.
network_inputs <- function(cells, subset, preprocess, seed, threads, verbose) {
  if (identical(preprocess, preprocessing())) {
    steps <- no_steps(ncol(cells), colnames(cells))
    return(list(x = densify(cells, rows = subset), steps = steps))
  }
  if (is_delayed(cells) && !is.null(subset)) cells <- cells[subset, , drop = FALSE]
  learned <- learn_preprocessing(cells, preprocess, seed, threads, verbose)
  list(x = densify(learned$x), steps = learned$steps)
}

# What training has come to; `steps` lead to the inputs of the network.
new_neuralee_fit <- function(session, run, problem, steps, optimizer, cells_of_batch) {
  finished <- rust_call(
    rs_session_finish(session$pointer, progress_reporter(session$verbose, "Finish"))
  )
  summary <- session_summary(session)
  warn_diverged(run, summary$iteration, finished$epoch, optimizer$method)
  steps$unit_length <- problem$settings$metric == "cosine"
  origin <- c(
    list(cells = nrow(problem$x)),
    repulsion_settings(problem$repulsion, session_trace(session))[
      c("kernel", "lambda", "agreement", "uniform", "densities")
    ],
    problem$attraction$params[c("perplexity", "k", "affinity")]
  )
  model <- describe_model(new_model(finished$model), steps, origin)
  training <- problem$options
  info <- model_info(model)
  own <- c(
    list(pretrain = as.integer(summary$pretrain)),
    info[c("hidden", "activation", "batch_norm", "dropout", "residual")],
    list(
      landmarks = as.integer(info$landmarks), network_loss = finished$loss,
      initial_sd = training$network$initial_sd, optimizer = optimizer,
      batches = batches_name(training$batches), batch_size = as.integer(cells_of_batch),
      patience = training$patience, best_iteration = as.integer(finished$epoch)
    )
  )
  named <- function(map) name_embedding(map, rownames(problem$x), session$prefix)
  embedding <- named(finished$map %||% finished$embedding)
  loss <- finished$map_loss %||% finished$loss
  fit <- new_fit(c("neuralee_fit", "ee_fit"), session, run, problem, embedding, loss, own)
  if (!is.null(finished$map)) fit$network_embedding <- named(finished$embedding)
  fit$model <- model
  fit
}

warn_diverged <- function(run, epochs, best, method) {
  if (run$diverged) {
    warn_neuralee(
      "diverged",
      c(
        sprintf("Training diverged after %.0f epochs.", epochs),
        i = sprintf(
          paste(
            "The weights are those after %.0f epochs. Lower the learning rate: optimizer = %s(lr",
            "= )."
          ),
          best, method
        )
      )
    )
  }
}
