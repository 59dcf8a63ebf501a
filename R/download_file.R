#' Files of the data sets
#'
#' The functions that are named for a data set, such as [Dataset10X()], read files that others have
#' published. What holds for all of these files is said here.
#'
#' @section Where files are kept:
#' With `path = NULL` a file is downloaded once and kept in
#' `tools::R_user_dir("neuralee", "cache")`, a cache of the package BiocFileCache. The environment
#' variable `R_USER_CACHE_DIR` puts it elsewhere.
#' `BiocFileCache::BiocFileCache(tools::R_user_dir("neuralee", "cache"))` lists what is there, and
#' `BiocFileCache::bfcremove()` removes one file. To remove all, use
#' `unlink(tools::R_user_dir("neuralee", "cache"), recursive = TRUE)`.
#'
#' Downloads need the packages BiocFileCache and curl. Where a machine has no network, take the file
#' there by other means and give its path as `path`.
#'
#' @section Downloads:
#' A file comes into the cache only when it is whole: its length is that which the server announced
#' and, where they are known, its length and checksum are those of the published file. What arrives
#' before a connection breaks is kept apart. The next call goes on from there if the server can and
#' the file has not changed, else from the beginning. A connection that breaks is taken up again up
#' to four times within a call. A server that sends nothing for `getOption("timeout")` seconds is
#' given up. Several R processes that want the same file wait for the first.
#'
#' `neuralee_error_download` says that a file could not be had: it names the file, its address and
#' what went wrong, and has the fields `url`, `file` and, where the server answered, `status`.
#'
#' @return Nothing: this page tells of files. Each data set has a function of its own.
#' @name dataset_files
#' @family data sets
NULL

# Downloads `url` once, keeps it in the package's cache and returns its path there. BiocFileCache
# knows what is in the cache. It would download itself, but starts again after each break and cannot
# tell half a file from a whole one.
download_file <- function(url, name, verbose, bytes = NULL, md5 = NULL, sha256 = NULL) {
  wanted <- list(
    url = url, name = name, bytes = bytes, md5 = md5, sha256 = sha256, verbose = verbose
  )
  check_transport(wanted)
  cache <- tools::R_user_dir("neuralee", "cache")
  folder <- file.path(cache, "partial", cli::hash_md5(url))
  make_folder(dirname(folder), wanted)
  kept <- kept_file(cache, wanted)
  if (!is.null(kept)) return(kept)
  # The lock goes with the process that holds it, however that ends.
  lock <- wait_for_lock(paste0(folder, ".lock"), wanted)
  part <- file.path(folder, name)
  on.exit({
    if (resumable_bytes(part) == 0) unlink(folder, recursive = TRUE)
    filelock::unlock(lock)
  })
  kept <- kept_file(cache, wanted)
  if (!is.null(kept)) return(kept)
  make_folder(folder, wanted)
  classed_interrupts(receive_file(part, wanted))
  tryCatch(check_received(part, wanted), neuralee_error = function(condition) {
    unlink(part)
    rlang::cnd_signal(condition)
  })
  keep_file(cache, part, wanted)
}

abort_download <- function(wanted, message, remedy = NULL, ...) {
  abort_neuralee(
    "download",
    sprintf("%s could not be downloaded from <%s>: %s", wanted$name, wanted$url, message),
    c(remedy, "Or download it by other means, and give its path as `path`."), url = wanted$url,
    file = wanted$name, ...
  )
}

check_transport <- function(wanted, installed = rlang::is_installed) {
  packages <- c("BiocFileCache", "curl", "filelock")
  missing <- packages[!vapply(packages, installed, NA)]
  if (length(missing)) {
    abort_download(
      wanted, sprintf("packages that this needs are not installed (%s).", toString(missing)),
      sprintf("Run BiocManager::install(c(%s)).", toString(dQuote(missing, FALSE)))
    )
  }
  if (!grepl("^https?://", wanted$url)) {
    abort_download(wanted, "only http and https are spoken here.")
  }
}

make_folder <- function(folder, wanted) {
  if (!dir.exists(folder) && !dir.create(folder, showWarnings = FALSE, recursive = TRUE) &&
    !dir.exists(folder)) {
    abort_cache(folder, wanted, "The folder cannot be made.")
  }
}

abort_cache <- function(file, wanted, message) {
  abort_download(
    wanted, sprintf("it cannot be kept in %s. %s", describe(file), message),
    paste(
      "Make room there or the right to write, or put the cache elsewhere with the environment",
      "variable R_USER_CACHE_DIR."
    )
  )
}

wait_for_lock <- function(file, wanted) {
  told <- !wanted$verbose
  repeat {
    # In steps, so that Ctrl-C is heard.
    lock <- tryCatch(
      filelock::lock(file, timeout = 500),
      error = function(e) abort_cache(file, wanted, conditionMessage(e))
    )
    if (!is.null(lock)) return(lock)
    if (!told) {
      rlang::inform(sprintf("Another R process is downloading %s: waiting for it.", wanted$name))
      told <- TRUE
    }
  }
}

# Runs `use` on the package's cache. Only one process at a time makes its database, looks and adds.
with_cache <- function(cache, wanted, use) {
  lock <- wait_for_lock(file.path(cache, "cache.lock"), wanted)
  on.exit(filelock::unlock(lock))
  tryCatch(
    use(BiocFileCache::BiocFileCache(cache, ask = FALSE)),
    error = function(e) abort_cache(cache, wanted, conditionMessage(e))
  )
}

# The path of the file if it is in the cache. An entry whose file is gone or cut short is dropped.
kept_file <- function(cache, wanted) {
  with_cache(cache, wanted, function(files) {
    ids <- BiocFileCache::bfcquery(files, wanted$url, "rname", exact = TRUE)$rid
    paths <- BiocFileCache::bfcrpath(files, rids = ids)
    whole <- file.exists(paths) & (is.null(wanted$bytes) | file.size(paths) %in% wanted$bytes)
    if (!all(whole)) BiocFileCache::bfcremove(files, ids[!whole])
    if (any(whole)) unname(paths[whole][[1L]])
  })
}

keep_file <- function(cache, part, wanted) {
  with_cache(cache, wanted, function(files) {
    kept <- BiocFileCache::bfcadd(files, wanted$url, part, rtype = "relative", action = "move")
    if (!file.exists(kept)) {
      BiocFileCache::bfcremove(files, names(kept))
      stop("The file cannot be moved.", call. = FALSE)
    }
    unname(kept)
  })
}

# Receives the file into `part`, from where an earlier call stopped if that can be. A connection
# that breaks is taken up again as long as each attempt brings something that can be built upon.
receive_file <- function(part, wanted) {
  progress <- progress_reporter(wanted$verbose, "download")
  attempts <- 5L
  for (attempt in seq_len(attempts)) {
    before <- resumable_bytes(part)
    broken <- receive_once(part, before, progress, wanted)
    if (is.null(broken)) return(invisible())
    after <- resumable_bytes(part)
    if (after <= before || attempt == attempts) break
  }
  abort_download(
    wanted, sub("[.]?$", ".", broken),
    c(
      if (grepl("time|slow", broken, ignore.case = TRUE)) {
        "For a slow server raise options(timeout = ), in seconds."
      },
      if (after > 0) {
        sprintf("The first %.0f bytes are kept: the next call goes on from there.", after)
      }
    )
  )
}

# What names this version of the file for the server, so that a later request can ask for the rest
# of it.
validator_file <- function(part) file.path(dirname(part), "validator")

resumable_bytes <- function(part) {
  if (file.exists(part) && file.exists(validator_file(part))) file.size(part) else 0
}

# One request. NULL when all has come; what broke it, where it may be taken up again.
receive_once <- function(part, have, progress, wanted) {
  validator <- if (have > 0) readLines(validator_file(part), warn = FALSE)
  handle <- new_request(wanted$url, have, validator)
  file <- NULL
  done <- 0
  total <- NA_real_
  begin <- function() {
    response <- read_response(handle)
    resumed <- response$status == 206L && have > 0
    if (resumed && !(identical(response$from, have) && identical(response$validator, validator))) {
      abort_stale("The rest of the file does not fit what was received before.")
    }
    if (!resumed && response$status != 200L) refuse_status(response$status, have, wanted)
    done <<- if (resumed) have else 0
    total <<- response$length + done
    if (!is.null(wanted$bytes) && !is.na(total) && total != wanted$bytes) {
      abort_download(
        wanted, sprintf("it has %.0f bytes there; %.0f are expected.", total, wanted$bytes)
      )
    }
    if (!resumed) {
      unlink(validator_file(part))
      if (length(response$validator)) writeLines(response$validator, validator_file(part))
    }
    file <<- open_part(part, if (resumed) "ab" else "wb", wanted)
  }
  # Errors must not leave a function that libcurl calls; the transfer is stopped from outside.
  failed <- NULL
  put <- function(chunk) {
    if (!is.null(failed)) return(invisible())
    failed <<- tryCatch(
      {
        if (is.null(file)) begin()
        tryCatch(
          writeBin(chunk, file),
          warning = function(w) abort_cache(part, wanted, conditionMessage(w))
        )
        done <<- done + length(chunk)
        if (!is.null(progress) && !progress(wanted$name, done, if (is.na(total)) 0 else total)) {
          rlang::interrupt()
        }
        NULL
      },
      error = identity, interrupt = identity
    )
  }
  broken <- NULL
  pool <- curl::new_pool()
  curl::multi_add(
    handle,
    data = function(chunk, ...) if (length(chunk)) put(chunk),
    # An empty answer has put nothing yet.
    done = function(response) put(raw()), fail = function(message) broken <<- message, pool = pool
  )
  on.exit({
    curl::multi_cancel(handle)
    if (!is.null(file)) close(file)
  })
  while (curl::multi_run(timeout = 0.2, pool = pool)$pending > 0 && is.null(failed)) NULL
  if (inherits(failed, "neuralee_stale")) {
    unlink(validator_file(part))
    return(receive_once(part, 0, progress, wanted))
  }
  if (inherits(failed, "interrupt")) rlang::interrupt()
  if (!is.null(failed)) rlang::cnd_signal(failed)
  if (!is.null(file)) {
    close(file)
    file <- NULL
    # What a full disk refuses may show only here.
    if (!identical(file.size(part), done)) {
      unlink(part)
      abort_cache(part, wanted, sprintf("Of %.0f bytes not all could be written.", done))
    }
  }
  broken
}

open_part <- function(part, mode, wanted) {
  tryCatch(
    file(part, mode, raw = TRUE),
    error = function(e) abort_cache(part, wanted, "The file cannot be opened for writing."),
    warning = function(w) abort_cache(part, wanted, conditionMessage(w))
  )
}

# What was received before is of no use: receive_once() begins anew.
abort_stale <- function(message) rlang::abort(message, class = "neuralee_stale")

new_request <- function(url, have, validator) {
  patience <- getOption("timeout", 60)
  handle <- curl::new_handle(
    url = url, connecttimeout = min(30, patience), low_speed_limit = 1, low_speed_time = patience,
    # The bytes of the file itself: what is compressed stays so.
    accept_encoding = "identity", http_content_decoding = 0,
    useragent = sprintf("neuralee/%s", utils::packageVersion("neuralee"))
  )
  if (have > 0) {
    range <- sprintf("bytes=%.0f-", have)
    curl::handle_setheaders(handle, Range = range, `If-Range` = validator)
  }
  handle
}

# Of the last answer after redirections: its status, the length of what it sends, where that begins
# in the file, and the name of the version.
read_response <- function(handle) {
  data <- curl::handle_data(handle)
  headers <- curl::parse_headers_list(data$headers)
  header <- function(name) {
    value <- headers[names(headers) == name]
    if (length(value)) value[[1L]]
  }
  length <- header("content-length")
  range <- header("content-range")
  etag <- header("etag")
  list(
    status = data$status_code,
    length = if (is.null(length)) NA_real_ else as.numeric(length),
    from = if (!is.null(range)) as.numeric(sub("^bytes ([0-9]+)-.*$", "\\1", range)),
    # A weak tag promises the same meaning, not the same bytes.
    validator = if (!is.null(etag) && !startsWith(etag, "W/")) etag else header("last-modified")
  )
}

refuse_status <- function(status, have, wanted) {
  # What was received before reaches beyond the end of the file that is there now.
  if (status == 416L && have > 0) abort_stale("There is no such part.")
  abort_download(
    wanted, sprintf("the server answered with status %d.", status),
    if (status >= 500L ||
      status == 429L) "Try again later: the fault is the server's." else "It may have moved.",
    status = status
  )
}

# Refuses what is no such file although it came whole.
check_received <- function(part, wanted) {
  size <- file.size(part)
  if (size == 0) abort_download(wanted, "the server's answer is empty.")
  opening <- readBin(part, "raw", 1024L)
  opening <- tolower(rawToChar(opening[opening > 0 & opening < 128]))
  if (grepl("^\\s*<(!doctype|html|head|body|[?]xml)", opening)) {
    abort_download(wanted, "the server sent a web page instead of the file.")
  }
  number <- function(bytes) sprintf("%.0f", bytes)
  check_known(number(size), wanted$bytes, "%s bytes", wanted, number)
  check_known(unname(tools::md5sum(part)), wanted$md5, "the MD5 checksum %s", wanted)
  check_known(cli::hash_file_sha256(part), wanted$sha256, "the SHA-256 checksum %s", wanted)
}

# `found` is computed only where something is expected.
check_known <- function(found, expected, format, wanted, as_text = tolower) {
  if (is.null(expected)) return(invisible())
  expected <- as_text(expected)
  if (found != expected) {
    abort_download(
      wanted,
      sprintf(
        "what came has %s; expected is %s.", sprintf(format, found), sprintf(format, expected)
      ),
      "Try again; if the result is the same, the file has changed."
    )
  }
}
