# NULL where nothing should be shown, else a function(stage, done, total) that draws a
# cli progress bar per stage. The bars close when the calling function returns. The Rust
# job runner stops the computation when the function returns FALSE.
progress_reporter <- function(verbose, label = "neuralee", envir = caller_env()) {
  if (!verbose) return(NULL)
  bar <- NULL
  current <- NULL
  function(stage, done, total) {
    tryCatch(
      {
        if (!identical(stage, current)) {
          if (!is.null(bar)) cli::cli_progress_done(id = bar, .envir = envir)
          bar <<- cli::cli_progress_bar(
            name = paste0(label, ": ", stage), total = if (total > 0) total else NA, .envir = envir
          )
          current <<- stage
        }
        cli::cli_progress_update(id = bar, set = done, .envir = envir)
        TRUE
      },
      # A display that fails is no reason to lose the computation; Ctrl-C is.
      error = function(e) TRUE,
      interrupt = function(e) FALSE
    )
  }
}
