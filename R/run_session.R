# Steps through a session of the core: a run of ee() or of neuralee(), given as a list of
# functions (see ee_session()).

# Runs the session to its end. Ctrl-C may be met by the core, by a callback or by R itself
# between two steps: the session is whole in each case, and its state is saved. `every` is
# the number of iterations between two looks at the run; 0 where the caller names none.
# `snapshot`, where given, is a function of the iteration and the embedding.
run_session <- function(session, every, checkpoint, callback, verbose, snapshot = NULL) {
  save <- function() {
    if (!is.null(checkpoint)) {
      rust_call(session$save(checkpoint))
    }
  }
  step <- if (every > 0) {
    every
  } else if (is.null(checkpoint) && is.null(callback) && is.null(snapshot)) {
    .Machine$integer.max
  } else {
    session$default_every
  }
  report <- list(progress = progress_reporter(verbose, session$label), steps = verbose && every > 0)
  end <- tryCatch(
    step_session(session, step, save, callback, snapshot, report),
    interrupt = function(condition) NULL,
    neuralee_error_interrupted = function(condition) NULL
  )
  if (is.null(end)) {
    save()
    abort_neuralee(
      "interrupted",
      sprintf(
        "The %s was interrupted after %.0f %ss.", session$noun, rust_call(session$iteration()),
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
  iteration <- rust_call(session$iteration())
  repeat {
    result <- rust_call(session$run(step - iteration %% step, report$progress))
    save()
    moved <- result$iteration > iteration
    iteration <- result$iteration
    finished <- result$reason != "unfinished"
    stopped <- FALSE
    if (moved) {
      loss <- session$loss(result)
      if (report$steps) {
        cli::cli_inform("{session$unit} {iteration}: E = {format(loss, digits = 6)}")
      }
      if (!is.null(callback) || !is.null(snapshot)) {
        embedding <- session$name(rust_call(session$embedding()))
        if (!is.null(snapshot)) snapshot(as.integer(iteration), embedding)
        if (!is.null(callback)) stopped <- isFALSE(callback(as.integer(iteration), loss, embedding))
      }
    }
    if (finished || stopped) {
      break
    }
  }
  list(
    converged = result$converged,
    reason = if (finished) result$reason else "stopped by the callback",
    state = if (!finished) rust_call(session$state())
  )
}
