# A session is a run of ee() or of neuralee() that the core holds while R steps through it.

session_words <- list(
  ee = list(
    label = "Elastic embedding", noun = "embedding", unit = "iteration", every = 25, prefix = "EE"
  ),
  neuralee = list(
    label = "NeuralEE", noun = "training", unit = "epoch", every = 50, prefix = "NeuralEE"
  )
)

# `given` and `options` are what rs_session_open() takes; `state` is that of a run to go on from.
open_session <- function(method, x, given, options, threads, place, verbose, state = NULL) {
  words <- session_words[[method]]
  given$state <- state
  pointer <- rust_call(rs_session_open(
    method, x, given, options, threads, place, progress_reporter(verbose, words$label)
  ))
  c(words, list(pointer = pointer, verbose = verbose))
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

# Runs the session to its end. Ctrl-C may be met by the core, by a callback or by R itself
# between two steps: the session is whole in each case, and its state is saved. `every` is
# the number of iterations between two looks at the run; 0 where the caller names none.
# `snapshot`, where given, is a function of the iteration and the embedding.
run_session <- function(session, every = 0, checkpoint = NULL, callback = NULL, snapshot = NULL) {
  save <- function() {
    if (!is.null(checkpoint)) {
      rust_call(rs_session_save(session$pointer, checkpoint))
    }
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
    interrupt = function(condition) NULL,
    neuralee_error_interrupted = function(condition) NULL
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
    if (finished || stopped) {
      break
    }
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

# Seconds of the stages of a call that began at `begin` and opened its session at `opened`; those
# before the first iteration are named `stages`.
session_timing <- function(session, begin, opened, stages = c("neighbors", "affinity")) {
  now <- seconds_now()
  before <- unlist(session_summary(session)[stages])
  c(before, optimize = now - opened - sum(before), total = now - begin)
}

seconds_now <- function() proc.time()[["elapsed"]]

# What ee() and neuralee() return. `result` is list(embedding, loss); `own` are parameters that the
# other has not.
new_fit <- function(class, result, summary, trace, run, x, repulsion, attraction, settings, own,
                    timing, subset = NULL, keep = FALSE) {
  structure(
    list(
      embedding = result$embedding, loss = result$loss, trace = trace, timing = timing,
      params = c(
        list(d = ncol(result$embedding)), repulsion_settings(repulsion, trace), attraction$params,
        list(metric = settings$metric, method = summary$method, init = settings$init), own,
        list(
          size = settings$size, maxit = as.integer(summary$maxit), tol = summary$tol,
          seed = settings$seed, threads = settings$threads, device = settings$device,
          n = nrow(x), features = ncol(x), iterations = as.integer(summary$iteration)
        ),
        run[c("converged", "reason")]
      ),
      subset = subset, data = if (keep) x, state = run$state
    ),
    class = class
  )
}
