# Where a run computes: what `device` names, and what the core has to know of it.

# NULL for the processor without libtorch, else a list: `path` of the backend, `index` of the CUDA
# device (-1 for libtorch on the processor), `pin_memory`, `limit` (bytes that may be used there, or
# NULL). Its attribute `label` is for people.
resolve_device <- function(device, pin_memory, verbose = FALSE) {
  check_flag(pin_memory, "pin_memory")
  ok <- is.character(device) && length(device) == 1L &&
    grepl("^(auto|cpu|torch|cuda(:[0-9]{1,3})?)$", device)
  if (!ok) {
    refuse_argument(
      device, "device", "\"cpu\", \"torch\", \"cuda\", \"cuda:1\" (a number from 0 on) or \"auto\"",
      kind = "device"
    )
  }
  if (device == "cpu") return(NULL)
  if (device == "auto") return(best_device(pin_memory, verbose))
  path <- torch_backend_file()
  if (is.null(path)) {
    abort_neuralee(
      "device",
      sprintf("`device = \"%s\"` needs the libtorch backend, which is not built.", device),
      "Build it with build_torch_backend(); neuralee_sitrep() says what there is."
    )
  }
  known <- describe_backend(path)
  if (device == "torch") return(device_list(path, -1L, pin_memory, known))
  index <- if (device == "cuda") 0L else as.integer(sub("cuda:", "", device, fixed = TRUE))
  if (index >= known$devices) {
    abort_neuralee(
      "device",
      if (known$devices > 0L) {
        sprintf("There is no device %d: the CUDA devices are 0 to %d.", index, known$devices - 1L)
      } else if (known$cuda) {
        sprintf("libtorch %s knows CUDA, but finds no device.", known$libtorch)
      } else {
        sprintf("libtorch %s was built without CUDA.", known$libtorch)
      },
      if (known$devices > 0L) {
        "Give one of them."
      } else if (known$cuda) {
        paste(
          "Check that nvidia-smi lists one and that its driver is recent enough, or use device =",
          "\"cpu\"."
        )
      } else {
        "Give build_torch_backend() a libtorch with CUDA, or use device = \"cpu\"."
      }
    )
  }
  device_list(path, index, pin_memory, known)
}

# The first CUDA device if there is one, else the processor without libtorch.
best_device <- function(pin_memory, verbose) {
  path <- torch_backend_file()
  known <- if (!is.null(path)) tryCatch(describe_backend(path), neuralee_error_device = identity)
  if (inherits(known, "error")) {
    warn_neuralee(
      "device",
      c(
        "The libtorch backend cannot be used; computing on the processor.",
        i = conditionMessage(known)
      )
    )
    known <- NULL
  }
  best <- if (!is.null(known) && known$devices > 0L) device_list(path, 0L, pin_memory, known)
  if (verbose) {
    cli::cli_inform("Computing on {if (is.null(best)) 'the processor' else attr(best, 'label')}")
  }
  best
}

device_list <- function(path, index, pin_memory, known) {
  gb <- getOption("neuralee.max_device_memory_gb")
  total <- if (index >= 0L) known$total[[index + 1L]] else NA_real_
  limit <- if (!is.null(gb)) {
    1024^3 * check_number(gb, "options(neuralee.max_device_memory_gb)", above = 0)
  } else if (!is.na(total)) {
    0.9 * total
  }
  label <- if (index < 0L) {
    "libtorch on the processor"
  } else {
    sprintf("CUDA device %d (%s)", index, known$name[[index + 1L]])
  }
  structure(list(path = path, index = index, pin_memory = pin_memory, limit = limit), label = label)
}

# The file of the backend: what the option or the environment names, what build_torch_backend() put
# into the user's data, or what the installation brought. NULL where there is none.
torch_backend_file <- function() {
  named <- getOption("neuralee.torch_backend", Sys.getenv("NEURALEE_TORCH_BACKEND"))
  if (!is.character(named) || length(named) != 1L || is.na(named)) {
    refuse_argument(named, "options(neuralee.torch_backend)", "the path of one file")
  }
  if (nzchar(named)) return(path.expand(named))
  for (file in c(user_backend_file(), system.file("torch", backend_name, package = "neuralee"))) {
    if (nzchar(file) && file.exists(file)) return(file)
  }
  NULL
}

backend_name <- "libneuralee_torch.so"

user_backend_file <- function() {
  file.path(tools::R_user_dir("neuralee", "data"), "torch", backend_name)
}

# What the backend says of libtorch and the devices; loads libtorch into this session.
describe_backend <- function(path) {
  lines <- strsplit(rust_call(rs_torch_describe(path)), "\n", fixed = TRUE)[[1]]
  values <- stats::setNames(sub("^[^=]*=", "", lines), sub("=.*", "", lines))
  devices <- as.integer(values[["devices"]])
  of_devices <- function(what) unname(values[paste0(what, ".", seq_len(devices) - 1L)])
  list(
    libtorch = values[["libtorch"]], cuda = values[["cuda"]] == "true", devices = devices,
    name = ifelse(is.na(of_devices("name")), "unknown", of_devices("name")),
    total = as.numeric(of_devices("total"))
  )
}
