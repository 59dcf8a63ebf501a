# Checkpoints are the core's own bytes (with magic, version, length and checksum), never
# R's serialisation, so that reading one from elsewhere runs nothing.

# A reader never sees half a file: the bytes go to a neighbour that is then renamed.
write_checkpoint <- function(path, bytes, call = caller_env()) {
  beside <- tempfile(".neuralee-", tmpdir = dirname(path))
  written <- tryCatch(
    {
      writeBin(bytes, beside)
      file.rename(beside, path)
    },
    error = function(e) FALSE,
    warning = function(w) FALSE
  )
  if (!isTRUE(written)) {
    unlink(beside)
    abort_neuralee(
      "input", sprintf("The checkpoint could not be written to \"%s\".", path),
      "Check that the folder exists, is writable and has room.",
      call = call
    )
  }
  invisible(path)
}

check_checkpoint <- function(checkpoint, call = caller_env()) {
  if (is.null(checkpoint)) {
    return(NULL)
  }
  check_string(checkpoint, "checkpoint", "the path of one file, or NULL", call = call)
  checkpoint <- path.expand(checkpoint)
  folder <- dirname(checkpoint)
  if (!dir.exists(folder) || file.access(folder, 2L) != 0L) {
    abort_neuralee(
      "input", sprintf("`checkpoint`: the folder \"%s\" does not exist or is not writable.", folder),
      "Create it first.",
      call = call
    )
  }
  # The checkpoint takes the place of what is there: never of a device or a folder.
  if (file.exists(checkpoint) && (dir.exists(checkpoint) || !is_regular_file(checkpoint))) {
    abort_neuralee(
      "input", sprintf("`checkpoint`: \"%s\" exists and is no regular file.", checkpoint),
      "Give the path of a new file, or of one that may be replaced.",
      call = call
    )
  }
  checkpoint
}

is_regular_file <- function(path) {
  identical(rlang::try_fetch(utils::file_test("-f", path), error = function(e) FALSE), TRUE) &&
    !startsWith(normalizePath(path), "/dev/")
}

# The saved state that `resume` stands for, or NULL. Refused at once where it is damaged,
# before the affinities are computed.
read_resume <- function(resume, call = caller_env()) {
  state <- resume_bytes(resume, call = call)
  if (!is.null(state)) {
    rust_call(rs_ee_check_state(state), call = call)
  }
  state
}

resume_bytes <- function(resume, call = caller_env()) {
  if (is.null(resume) || is.raw(resume)) {
    return(resume)
  }
  if (inherits(resume, "ee_fit")) {
    if (is.null(resume$state)) {
      abort_neuralee(
        "input",
        sprintf("The fit given as `resume` is finished (%s): there is nothing to resume.", resume$params$reason),
        "To go on from it, start anew with init = as.matrix(fit).",
        call = call
      )
    }
    return(resume$state)
  }
  check_string(
    resume, "resume", "a checkpoint file, a fit that a callback stopped, or the raw bytes of its state",
    call = call
  )
  size <- file.size(resume)
  if (is.na(size) || dir.exists(resume)) {
    abort_neuralee("file_format", sprintf("There is no file \"%s\".", resume), call = call)
  }
  readBin(resume, "raw", n = size)
}

trace_frame <- function(rows) {
  data.frame(
    iteration = as.integer(rows$iteration), loss = rows$loss, gradient_norm = rows$gradient_norm,
    seconds = rows$seconds
  )
}
