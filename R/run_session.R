# A session is a run of ee() or of neuralee() that the core holds while R steps through it.

# `stages` are those before the first iteration that a fit tells the seconds of.
session_words <- list(
  ee = list(
    label = "Elastic embedding", noun = "embedding", unit = "iteration", every = 25, prefix = "EE",
    stages = c("neighbors", "affinity")
  ),
  neuralee = list(
    label = "NeuralEE", noun = "training", unit = "epoch", every = 50, prefix = "NeuralEE",
    stages = c("neighbors", "affinity", "init")
  )
)

# What a session is opened on: the cells, what the core is `given` with them, its `options`, and
# what a fit tells of the arguments. `start` is that of check_init().
run_problem <- function(given, x, start, size, subset, parts = FALSE) {
  metric <- metric_of(given$affinity, given$metric)
  x <- in_metric(x, metric)
  attraction <- attraction_of(x, given$affinity, given$perplexity, given$k, given$neighbors, parts)
  settings <- list(
    metric = metric, init = start$name, size = size, seed = given$seed, threads = given$threads,
    device = given$device %||% "cpu"
  )
  list(
    x = x, given = c(attraction$given, list(init = start$matrix)),
    options = c(
      list(memory = memory_limit()), repulsion_options(given$repulsion), attraction$options
    ),
    repulsion = given$repulsion, attraction = attraction, settings = settings, subset = subset,
    keep = given$keep, begin = given$begin, device = given$resolved_device, verbose = given$verbose
  )
}

# `state` is that of a run to go on from.
open_session <- function(method, problem, state = NULL) {
  words <- session_words[[method]]
  opened <- seconds_now()
  pointer <- rust_call(rs_session_open(
    method, problem$x, c(problem$given, list(state = state)), problem$options,
    problem$settings$threads, problem$device, progress_reporter(problem$verbose, words$label)
  ))
  c(words, list(pointer = pointer, verbose = problem$verbose, opened = opened))
}

session_summary <- function(session) rust_call(rs_session_summary(session$pointer))

session_embedding <- function(session, cells = NULL) {
  name_embedding(rust_call(rs_session_embedding(session$pointer)), cells, session$prefix)
}

session_trace <- function(session) {
  rows <- rust_call(rs_session_trace(session$pointer))
  rows$iteration <- as.integer(rows$iteration)
  as.data.frame(Filter(Negate(is.null), rows))
}

# Runs the session to its end. The core, a callback or R itself between two steps may meet Ctrl-C.
# The session is whole in each case, and its state is saved. `every` is the number of iterations
# between two looks at the run; 0 where the caller names none. `snapshot`, where given, is a
# function of the iteration and the embedding.
run_session <- function(session, every = 0, checkpoint = NULL, callback = NULL, snapshot = NULL) {
  save <- function() {
    if (!is.null(checkpoint)) rust_call(rs_session_save(session$pointer, checkpoint))
  }
  step <- if (every > 0) {
    every
  } else if (is.null(checkpoint) && is.null(callback) && is.null(snapshot)) {
    .Machine$integer.max
  } else {
    session$every
  }
  end <- tryCatch(
    step_session(session, step, save, callback, snapshot, session$verbose && every > 0),
    interrupt = function(condition) NULL, neuralee_error_interrupted = function(condition) NULL
  )
  if (is.null(end)) {
    save()
    abort_neuralee(
      "interrupted",
      sprintf(
        "The %s was interrupted after %.0f %ss.", session$noun, session_summary(session)$iteration,
        session$unit
      ),
      if (is.null(checkpoint)) {
        sprintf("With checkpoint = \"a file\" the %ss done would have been kept.", session$unit)
      } else {
        sprintf("Go on with the same call and resume = \"%s\".", checkpoint)
      }
    )
  }
  end
}

# Steps end at multiples of `step`, so that a resumed run stops at the same iterations as
# a straight one.
step_session <- function(session, step, save, callback, snapshot, report) {
  iteration <- session_summary(session)$iteration
  progress <- progress_reporter(session$verbose, session$label)
  repeat {
    result <- rust_call(rs_session_run(session$pointer, step - iteration %% step, progress))
    save()
    moved <- result$iteration > iteration
    iteration <- result$iteration
    finished <- result$reason != "unfinished"
    stopped <- FALSE
    if (moved) {
      if (report) {
        cli::cli_inform("{session$unit} {iteration}: E = {format(result$loss, digits = 6)}")
      }
      if (!is.null(callback) || !is.null(snapshot)) {
        embedding <- session_embedding(session)
        if (!is.null(snapshot)) snapshot(as.integer(iteration), embedding)
        if (!is.null(callback)) {
          stopped <- isFALSE(callback(as.integer(iteration), result$loss, embedding))
        }
      }
    }
    if (finished || stopped) break
  }
  list(
    converged = result$converged, diverged = result$diverged,
    reason = if (finished) result$reason else "stopped by the callback",
    state = if (!finished) rust_call(rs_session_state(session$pointer))
  )
}

name_embedding <- function(x, cells = NULL, prefix = "EE") {
  dimnames(x) <- list(cells, paste0(prefix, seq_len(ncol(x))))
  x
}

seconds_now <- function() proc.time()[["elapsed"]]

# What ee() and neuralee() return; `own` are parameters that the other has not.
new_fit <- function(class, session, run, problem, embedding, loss, own = NULL) {
  summary <- session_summary(session)
  trace <- session_trace(session)
  stages <- unlist(summary[session$stages])
  now <- seconds_now()
  settings <- problem$settings
  structure(
    list(
      embedding = embedding, loss = loss, trace = trace,
      timing = c(
        stages, optimize = now - session$opened - sum(stages), total = now - problem$begin
      ),
      params = c(
        list(d = ncol(embedding)), repulsion_settings(problem$repulsion, trace),
        problem$attraction$params,
        list(metric = settings$metric, method = summary$method, init = settings$init), own,
        list(
          size = settings$size, maxit = as.integer(summary$maxit), tol = summary$tol,
          seed = settings$seed, threads = settings$threads, device = settings$device,
          n = nrow(problem$x), features = ncol(problem$x),
          iterations = as.integer(summary$iteration)
        ),
        run[c("converged", "reason")]
      ),
      subset = problem$subset, data = if (problem$keep) problem$x, state = run$state
    ),
    class = class
  )
}
