# Sends SIGINT to this process, from another one.
interrupt_in <- function(seconds) {
  system(sprintf("(sleep %s; kill -INT %d) >/dev/null 2>&1 &", seconds, Sys.getpid()))
}

# A process that was started with SIGINT ignored, as in a batch job, keeps ignoring it from R 4.5
# on. What waits for the signal would then wait for ever.
skip_without_interrupts <- function() {
  skip_on_os("windows")
  arrives <- tryCatch(
    {
      tools::pskill(Sys.getpid(), tools::SIGINT)
      Sys.sleep(1)
      FALSE
    },
    interrupt = function(condition) TRUE
  )
  skip_if_not(arrives, "SIGINT is ignored")
}
