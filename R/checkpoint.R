# A checkpoint is plain bytes, never R's serialisation, so that reading one from
# elsewhere runs nothing:
#   magic (16 bytes) | rows of the trace (int32) | trace by columns (doubles) |
#   length of the state (double) | state (checksummed by the core)
# all little-endian.

checkpoint_magic <- c(charToRaw("neuralee ee 0001"))
trace_columns <- c("iteration", "loss", "gradient_norm", "seconds")

pack_checkpoint <- function(trace, state) {
  numbers <- as.double(unlist(trace[trace_columns], use.names = FALSE))
  c(
    checkpoint_magic,
    writeBin(nrow(trace), raw(), endian = "little"),
    writeBin(numbers, raw(), endian = "little"),
    writeBin(as.double(length(state)), raw(), endian = "little"),
    state
  )
}

unpack_checkpoint <- function(bytes, origin, call = caller_env()) {
  refuse <- function(what) {
    abort_neuralee(
      "file_format", sprintf("%s %s.", origin, what),
      "Give a file that ee(checkpoint = ) has written.", call = call
    )
  }
  magic <- length(checkpoint_magic)
  family <- seq_len(magic - 4L)
  if (length(bytes) < magic + 12L || !identical(bytes[family], checkpoint_magic[family])) {
    refuse("is not a checkpoint of ee()")
  }
  if (!identical(bytes[seq_len(magic)], checkpoint_magic)) {
    abort_neuralee(
      "model_version",
      sprintf("%s was written by another version of neuralee.", origin),
      "Resume with the version that wrote it, or start again.", call = call
    )
  }
  rows <- readBin(bytes[magic + 1:4], "integer", endian = "little")
  trace_bytes <- 8 * length(trace_columns) * as.double(rows)
  start <- magic + 4 + trace_bytes
  if (is.na(rows) || rows < 0L || length(bytes) < start + 8) {
    refuse("is truncated or damaged")
  }
  numbers <- readBin(
    bytes[magic + 4 + seq_len(trace_bytes)], "double", n = trace_bytes / 8, endian = "little"
  )
  size <- readBin(bytes[start + 1:8], "double", endian = "little")
  if (!is.finite(size) || length(bytes) != start + 8 + size) {
    refuse("is truncated or damaged")
  }
  trace <- as.data.frame(
    matrix(numbers, ncol = length(trace_columns), dimnames = list(NULL, trace_columns))
  )
  list(trace = as_trace(trace), state = bytes[start + 8 + seq_len(size)])
}

as_trace <- function(columns) {
  trace <- as.data.frame(columns)[trace_columns]
  trace$iteration <- as.integer(trace$iteration)
  trace
}

empty_trace <- function() {
  data.frame(iteration = integer(), loss = double(), gradient_norm = double(), seconds = double())
}

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
      "Check that the folder exists, is writable and has room.", call = call
    )
  }
  invisible(path)
}

check_checkpoint <- function(checkpoint, call = caller_env()) {
  if (is.null(checkpoint)) {
    return(NULL)
  }
  if (!is.character(checkpoint) || length(checkpoint) != 1L || is.na(checkpoint) || !nzchar(checkpoint)) {
    abort_neuralee("input", "`checkpoint` must be NULL or one file name.", call = call)
  }
  checkpoint <- path.expand(checkpoint)
  folder <- dirname(checkpoint)
  if (!dir.exists(folder) || file.access(folder, 2L) != 0L) {
    abort_neuralee(
      "input", sprintf("`checkpoint`: the folder \"%s\" does not exist or is not writable.", folder),
      "Create it first.", call = call
    )
  }
  checkpoint
}

read_resume <- function(resume, call = caller_env()) {
  if (is.null(resume)) {
    return(list(trace = empty_trace(), state = NULL))
  }
  if (inherits(resume, "ee_fit")) {
    if (is.null(resume$state)) {
      abort_neuralee(
        "input",
        sprintf("This fit is finished (%s): there is nothing to resume.", resume$params$reason),
        "To go on from it, start anew with init = as.matrix(fit).", call = call
      )
    }
    return(unpack_checkpoint(resume$state, "The state of the fit", call = call))
  }
  if (is.raw(resume)) {
    return(unpack_checkpoint(resume, "The raw vector given as `resume`", call = call))
  }
  if (!is.character(resume) || length(resume) != 1L || is.na(resume)) {
    abort_neuralee(
      "input", "`resume` must be a checkpoint file, an unfinished fit or its raw state.",
      call = call
    )
  }
  size <- file.size(resume)
  if (is.na(size) || dir.exists(resume)) {
    abort_neuralee("file_format", sprintf("There is no file \"%s\".", resume), call = call)
  }
  unpack_checkpoint(readBin(resume, "raw", n = size), sprintf("\"%s\"", resume), call = call)
}
