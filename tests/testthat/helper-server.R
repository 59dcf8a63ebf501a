# Starts the server of fixtures/file_server.py for one test, with a cache of its own for what it
# downloads. The result has `url(path)` and `requests()`, one line for each request to a path.
start_file_server <- function(envir = parent.frame()) {
  for (package in c("BiocFileCache", "curl", "filelock")) skip_if_not_installed(package)
  python <- Sys.which("python3")
  skip_if(!nzchar(python), "there is no python3 for a local server")
  folder <- tempfile("server")
  dir.create(folder)
  system2(
    python, shQuote(c(test_path("fixtures", "file_server.py"), folder)),
    wait = FALSE, stdout = FALSE, stderr = file.path(folder, "errors")
  )
  port <- file.path(folder, "port")
  for (i in 1:100) if (!file.exists(port)) Sys.sleep(0.1)
  skip_if(!file.exists(port), "the local server did not start")
  address <- sprintf("http://127.0.0.1:%s/", readLines(port))
  local_environment(c(R_USER_CACHE_DIR = folder, no_proxy = "127.0.0.1"), envir)
  do.call(on.exit, list(bquote({
    try(curl::curl_fetch_memory(.(paste0(address, "stop"))), silent = TRUE)
    unlink(.(folder), recursive = TRUE)
  }), add = TRUE), envir = envir)
  list(
    folder = folder,
    url = function(path) paste0(address, path),
    requests = function() {
      log <- file.path(folder, "requests")
      if (file.exists(log)) readLines(log) else character()
    }
  )
}

# Sets environment variables until the calling test ends.
local_environment <- function(values, envir = parent.frame()) {
  before <- Sys.getenv(names(values), NA, names = TRUE)
  do.call(Sys.setenv, as.list(values))
  do.call(on.exit, list(bquote({
    before <- .(before)
    Sys.unsetenv(names(before)[is.na(before)])
    if (!all(is.na(before))) do.call(Sys.setenv, as.list(before[!is.na(before)]))
  }), add = TRUE), envir = envir)
}
