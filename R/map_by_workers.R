# Blocks on the back-ends of BiocParallel. Nothing here relies on a worker staying alive. The parent
# knows which blocks are out, and sends those that do not come back to new workers.

# `keep` takes the number and the places of each block of `todo`, in the order in which they come.
map_by_workers <- function(BPPARAM, todo, task, keep, retries, rows_of, tell_kept) {
  waiting <- replace(logical(length(task$grid)), todo, TRUE)
  out <- failures <- integer(length(waiting))
  reasons <- character(length(waiting))
  refusal <- NULL

  whole <- task$x
  sends <- carries_values(whole)
  if (sends) task$x <- NULL
  task$version <- as.character(utils::packageVersion("neuralee"))
  task$packages <- if (!sends) packages_of(whole)

  send <- function(number) {
    out[[number]] <<- 1L
    list(number = number, values = if (sends) values_of_block(whole, task$grid[[number]]))
  }
  fail <- function(numbers, reason) {
    out[numbers] <<- 0L
    failures[numbers] <<- failures[numbers] + 1L
    reasons[numbers] <<- reason
  }
  receive <- function(reply) {
    number <- reply$number
    # From the connection of a worker that ended BiocParallel may take a reply that is none.
    if (!is_number(number) || !out[[number]]) return()
    if (inherits(reply$error, "neuralee_error")) {
      # Values that are refused once are refused again. Of several refusals the first cell's counts.
      out[[number]] <<- 0L
      if (is.null(refusal) || number < refusal$number) refusal <<- reply
    } else if (!is.null(reply$error)) {
      fail(number, reply$error)
    } else {
      # An error here is the parent's own, not the end of a worker.
      tryCatch(
        {
          keep(number, reply$places)
          waiting[[number]] <<- FALSE
        },
        error = function(e) refusal <<- list(number = 0, error = e)
      )
      out[[number]] <<- 0L
    }
  }
  stops <- function() !is.null(refusal)

  was_up <- BiocParallel::bpisup(BPPARAM)
  on.exit(leave_backend(BPPARAM, was_up))
  repeat {
    due <- which(waiting & failures <= retries)
    if (!length(due) || stops()) break
    # The last try of a block is alone, so that no other fails with it.
    last <- retries > 0L & failures[due] == retries
    numbers <- if (all(last)) due[[1L]] else due[!last]
    sound <- FALSE
    trouble <- tryCatch(
      {
        if (!BiocParallel::bpisup(BPPARAM)) BiocParallel::bpstart(BPPARAM)
        run_blocks(BPPARAM, numbers, send, receive, stops, task)
        sound <- TRUE
        NULL
      },
      error = function(e) trimws(conditionMessage(e)),
      finally = if (!sound) reset_backend(BPPARAM, receive)
    )
    if (!is.null(trouble)) {
      if (!any(out > 0L) && !stops()) {
        abort_neuralee(
          "worker", sprintf("The workers of `BPPARAM` cannot be used: %s", trouble),
          "Check that BiocParallel::bplapply(1:2, sqrt, BPPARAM = BPPARAM) works."
        )
      }
    }
    # What did not come back.
    fail(
      which(out > 0L),
      paste0("the worker ended", if (!is.null(trouble)) paste("; BiocParallel says:", trouble))
    )
  }
  if (stops()) raise_again(refusal$error)
  if (any(waiting)) {
    refuse_blocks(which(waiting), length(waiting), reasons, retries, rows_of, tell_kept)
  }
}

# Sends the blocks out and receives them: one by one as they finish where the back-end can, else in
# rounds of four for each worker.
run_blocks <- function(BPPARAM, numbers, send, receive, stops, task) {
  if (inherits(BPPARAM, "SnowParam") || inherits(BPPARAM, "SerialParam")) {
    BiocParallel::bpiterate(
      function() {
        if (!length(numbers) || stops()) return(NULL)
        number <- numbers[[1L]]
        numbers <<- numbers[-1L]
        send(number)
      },
      map_block_remotely,
      task = task, init = NULL, reduce.in.order = FALSE, BPPARAM = BPPARAM,
      REDUCE = function(kept, reply) {
        receive(reply)
        NULL
      }
    )
  } else {
    size <- 4L * max(1L, BiocParallel::bpnworkers(BPPARAM))
    for (round in split(numbers, (seq_along(numbers) - 1L) %/% size)) {
      if (stops()) break
      replies <- BiocParallel::bplapply(
        lapply(round, send), map_block_remotely, task = task, BPPARAM = BPPARAM
      )
      lapply(replies, receive)
    }
  }
  invisible()
}

# What a worker runs. It looks for this package itself, so that where it is missing the error says
# so.
map_block_remotely <- function(item, task) {
  tryCatch(
    {
      if (!requireNamespace("neuralee", quietly = TRUE)) {
        stop("neuralee is not installed where the workers run.")
      }
      if (as.character(utils::packageVersion("neuralee")) != task$version) {
        stop(
          "the workers have neuralee ", utils::packageVersion("neuralee"), ", not ", task$version,
          "."
        )
      }
      for (package in task$packages) loadNamespace(package)
      list(number = item$number, places = get("map_block", asNamespace("neuralee"))(item, task))
    },
    error = function(e) {
      if (!inherits(e, "neuralee_error")) {
        return(list(number = item$number, error = conditionMessage(e)))
      }
      # Not the frames of the worker: they hold its block.
      e$call <- e$trace <- e$parent <- NULL
      list(number = item$number, error = e)
    }
  )
}
environment(map_block_remotely) <- baseenv()

# Is the matrix, or what a DelayedMatrix stands on, in the memory of this process?
carries_values <- function(x) {
  if (!is_delayed(x)) return(TRUE)
  in_memory <- function(seed) is.array(seed) || is.data.frame(seed) || methods::is(seed, "Matrix")
  any(unlist(DelayedArray::seedApply(x, in_memory)))
}

# Packages of the classes that a DelayedMatrix stands on, for workers to load.
packages_of <- function(x) {
  found <- unlist(DelayedArray::seedApply(x, function(seed) attr(class(seed), "package")))
  setdiff(unique(found), c(".GlobalEnv", "base"))
}

# After the end of a worker BiocParallel neither uses nor stops a back-end: it writes to the
# connection that is gone. So the connections are closed, on which the workers that are left end,
# and the back-end is one not started.
reset_backend <- function(BPPARAM, receive) {
  if (inherits(BPPARAM, "SnowParam")) {
    for (node in as.list(BiocParallel::bpbackend(BPPARAM))) try(close(node$con), silent = TRUE)
    BiocParallel::bpbackend(BPPARAM) <- BiocParallel::bpbackend(BiocParallel::SnowParam(1L))
    return(invisible())
  }
  if (inherits(BPPARAM, "BatchtoolsParam")) receive_finished_jobs(BPPARAM, receive)
  try(BiocParallel::bpstop(BPPARAM), silent = TRUE)
}

# One job that ends takes with it the results of all that were submitted with it; those that have
# finished are still in the registry.
receive_finished_jobs <- function(BPPARAM, receive) {
  try(
    for (id in batchtools::findDone(reg = BPPARAM$registry)$job.id) {
      receive(batchtools::loadResult(id, reg = BPPARAM$registry))
    },
    silent = TRUE
  )
}

# As it was found: started or not.
leave_backend <- function(BPPARAM, was_up) {
  if (was_up != BiocParallel::bpisup(BPPARAM)) {
    change <- if (was_up) BiocParallel::bpstart else BiocParallel::bpstop
    try(change(BPPARAM), silent = TRUE)
  }
}

refuse_blocks <- function(lost, count, reasons, retries, rows_of, tell_kept) {
  rows <- lapply(lost, rows_of)
  first <- vapply(rows, function(row) row[[1L]], 0)
  last <- vapply(rows, function(row) row[[length(row)]], 0)
  shown <- utils::head(seq_along(lost), 3L)
  lines <- sprintf(
    "cells %.0f to %.0f (%s)", first[shown], last[shown], sub("\\.$", "", reasons[lost[shown]])
  )
  rest <- length(lost) - length(shown)
  abort_neuralee(
    "worker",
    sprintf(
      "%d of %d blocks of cells could not be mapped in %d tries: %s%s.", length(lost), count,
      retries + 1L, paste(lines, collapse = "; "),
      if (rest > 0L) sprintf("; and %d more", rest) else ""
    ),
    tell_kept(), first = first, last = last
  )
}
