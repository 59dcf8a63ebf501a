# Checkpoints are the core's own bytes (with magic, version, length and checksum), never
# R's serialisation, so that reading one from elsewhere runs nothing.

check_checkpoint <- function(checkpoint) {
  if (is.null(checkpoint)) return(NULL)
  check_string(checkpoint, "checkpoint", "the path of one file, or NULL")
  check_replaceable(checkpoint, "checkpoint")
}

# The path of a file that may be written: its folder is there, and it replaces no device or folder.
check_replaceable <- function(file, name) {
  file <- path.expand(file)
  folder <- dirname(file)
  if (!dir.exists(folder) || file.access(folder, 2L) != 0L) {
    abort_neuralee(
      "input", sprintf("`%s`: the folder \"%s\" does not exist or is not writable.", name, folder),
      "Create it first."
    )
  }
  if (file.exists(file) && (dir.exists(file) || !is_regular_file(file))) {
    abort_neuralee(
      "input", sprintf("`%s`: \"%s\" exists and is no regular file.", name, file),
      "Give the path of a new file, or of one that may be replaced."
    )
  }
  file
}

is_regular_file <- function(path) rs_is_file(path.expand(path))

# The saved state that `resume` stands for, or NULL. It is refused at once where it is damaged,
# before the affinities are computed.
read_resume <- function(resume, checkpoint, method) {
  if (isFALSE(resume)) return(NULL)
  if (isTRUE(resume)) {
    if (is.null(checkpoint)) {
      abort_neuralee(
        "input", "`resume` is TRUE, but there is no `checkpoint` to go on from.",
        "Give checkpoint = \"a file\" too."
      )
    }
    resume <- if (file.exists(checkpoint)) checkpoint
  }
  state <- resume_bytes(resume, method)
  if (!is.null(state)) rust_call(rs_session_check_state(method, state))
  state
}

# A resumed run keeps its own number of iterations.
warn_resumed <- function(state, maxit, kept, remedy) {
  if (!is.null(state) && !is.null(maxit) && maxit != kept) {
    warn_neuralee(
      "resumed", c(sprintf("The resumed run keeps its own `maxit`, %.0f.", kept), i = remedy)
    )
  }
}

resume_bytes <- function(resume, method) {
  if (is.null(resume) || is.raw(resume)) return(resume)
  if (inherits(resume, "ee_fit")) {
    if (is.null(resume$state)) {
      abort_neuralee(
        "input",
        sprintf(
          "The fit given as `resume` is finished (%s): there is nothing to resume.",
          resume$params$reason
        ),
        if (inherits(resume, "neuralee_fit")) {
          "To go on from its weights, give net = fit instead."
        } else {
          "To go on from it, start anew with init = as.matrix(fit)."
        }
      )
    }
    if (!is.raw(resume$state)) {
      refuse_argument(resume$state, "resume$state", "a fit as a callback stopped it")
    }
    return(resume$state)
  }
  check_string(
    resume, "resume",
    "TRUE, a checkpoint file, a fit that a callback stopped, or the raw bytes of its state"
  )
  if (!file.exists(resume) || dir.exists(resume)) {
    abort_neuralee("file_format", sprintf("There is no file \"%s\".", resume))
  }
  rust_call(rs_session_read_state(method, path.expand(resume)))
}
