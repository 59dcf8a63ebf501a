# Checks of the arguments that only neuralee() has, and the list in which they reach the core.

training_options <- function(given) {
  method <- match_choice(given$method, "method", c("auto", "grid", "exact"))
  check_hidden(given$hidden)
  check_flag(given$batch_norm, "batch_norm")
  check_flag(given$residual, "residual")
  pretrain <- given$pretrain
  if (!is.null(pretrain)) pretrain <- check_count(pretrain, "pretrain", min = 0)
  batches <- check_batches(given$batches, given$batch_size, given$accumulate)
  options <- list(
    map = list(d = check_dimension(given$d), method = method, seed = given$seed),
    network = list(
      hidden = as.integer(given$hidden),
      activation = match_choice(
        given$activation, "activation", c("relu", "gelu", "tanh", "leaky_relu")
      ),
      batch_norm = given$batch_norm,
      dropout = check_number(given$dropout, "dropout", min = 0, max = 1), residual = given$residual,
      initial_sd = check_number(given$initial_sd, "initial_sd", above = 0)
    ),
    optimizer = optimizer_options(check_optimizer(given$optimizer)),
    # How many cells there are is not known yet.
    batches = batches_option(batches, 2, Inf),
    maxit = if (!is.null(given$maxit)) check_count(given$maxit, "maxit", min = 1),
    pretrain = if (identical(given$init, "none")) 0L else pretrain,
    landmarks = check_landmarks(given$landmarks),
    tol = check_number(given$tol, "tol", min = 0),
    patience = check_count(given$patience, "patience", min = 1)
  )
  rust_call(rs_session_check("neuralee", options))
  options
}

# What `net` gives: a model (`net`), or the bytes of a program.
check_network_given <- function(net, device, accumulate) {
  program <- if (is.character(net)) read_program(net, device)
  net <- if (!is.null(net) && is.null(program)) model_of(net, "net")
  is_program <- !is.null(program) || (!is.null(net) && isTRUE(model_info(net)$program))
  if (isTRUE(accumulate) && is_program) {
    abort_neuralee(
      "input", "`accumulate` cannot serve a TorchScript program, which takes a batch as a whole.",
      "Give batch_size instead."
    )
  }
  list(net = net, program = program)
}

# The bytes of a TorchScript file. It is not run here.
read_program <- function(path, device) {
  check_string(path, "net", "a fit, a model or the path of a TorchScript file")
  path <- path.expand(path)
  if (!is_regular_file(path)) {
    abort_neuralee(
      "input", sprintf("`net`: there is no file \"%s\".", path),
      "Give the path of a TorchScript file."
    )
  }
  if (identical(device, "cpu")) {
    abort_neuralee(
      "device", "`net` is a TorchScript program, which needs libtorch.",
      "Give device = \"torch\" or a GPU; build_torch_backend() makes what they need."
    )
  }
  if (file.size(path) == 0) {
    abort_neuralee("input", sprintf("`net`: \"%s\" is empty.", path), "Give a TorchScript file.")
  }
  readBin(path, "raw", n = file.size(path))
}

# An optimizer is a list that may have been changed by hand: it is made anew from its parts.
check_optimizer <- function(optimizer) {
  makers <- list(adam = adam, adamw = adamw, sgd = sgd)
  sound <- inherits(optimizer, "neuralee_optimizer") && is.list(optimizer) &&
    is.character(optimizer$method) && length(optimizer$method) == 1L &&
    optimizer$method %in% names(makers) &&
    inherits(optimizer$schedule, "neuralee_schedule") && is.list(optimizer$schedule)
  if (!sound) refuse_argument(optimizer, "optimizer", "adam(), adamw() or sgd()")
  make <- makers[[optimizer$method]]
  of_maker <- function(parts, make) unclass(parts)[intersect(names(parts), names(formals(make)))]
  parts <- of_maker(optimizer, make)
  parts$schedule <- do.call(lr_schedule, of_maker(optimizer$schedule, lr_schedule))
  do.call(make, parts)
}

# An optimizer in the words of the core.
optimizer_options <- function(optimizer) {
  rule <- switch(optimizer$method,
    sgd = list(sgd = optimizer[c("momentum", "nesterov")]),
    list(adam = list(
      beta1 = optimizer$beta1, beta2 = optimizer$beta2, epsilon = optimizer$eps,
      decoupled = optimizer$method == "adamw"
    ))
  )
  schedule <- optimizer$schedule
  list(
    rule = rule, rate = optimizer$lr, weight_decay = optimizer$weight_decay,
    schedule = list(
      decay = if (schedule$decay == "step") {
        list(step = schedule[c("every", "factor")])
      } else {
        schedule$decay
      },
      warmup = schedule$warmup, last = schedule$last
    )
  )
}

check_landmarks <- function(landmarks) {
  if (is.null(landmarks)) NULL else as.integer(check_count(landmarks, "landmarks", max = 1e6))
}

check_hidden <- function(hidden) {
  ok <- is.numeric(hidden) && !is.object(hidden) && length(hidden) > 0L && all(is.finite(hidden)) &&
    all(hidden >= 1 & hidden == floor(hidden) & hidden <= 65536)
  if (!ok) {
    refuse_argument(hidden, "hidden", "the number of units of each hidden layer, such as c(50, 50)")
  }
}

# Which cells a step is made from, by name.
check_batches <- function(batches, batch_size, accumulate) {
  batches <- match_choice(batches, "batches", c("shared", "independent"))
  check_flag(accumulate, "accumulate")
  if (batches == "independent") {
    if (is.null(batch_size)) {
      abort_neuralee(
        "input", "`batches` is \"independent\", but there is no `batch_size`.",
        "Give the cells of a batch as a number or as a fraction of all."
      )
    }
    if (accumulate) {
      abort_neuralee(
        "input", "`accumulate` cannot join independent batches: each has an E of its own.",
        "Use batches = \"shared\"."
      )
    }
    return(batches)
  }
  if (accumulate && !is.null(batch_size)) {
    abort_neuralee(
      "input",
      "`accumulate` and `batch_size` exclude each other: the first takes a step from all cells.",
      "Leave one of them out."
    )
  }
  if (accumulate) "accumulated" else if (is.null(batch_size)) "all" else "shared"
}

# The same in the words of the core, with the cells of a batch among `n`.
batches_option <- function(batches, cells, n) {
  if (batches == "shared" && cells == n) batches <- "all"
  if (!batches %in% c("shared", "independent")) return(batches)
  stats::setNames(list(list(size = cells)), batches)
}

batches_name <- function(option) if (is.list(option)) names(option) else option

# Cells of a batch among `n`.
batch_cells <- function(batch_size, n) {
  if (is.null(batch_size)) return(n)
  ok <- is_number(batch_size) && batch_size > 0 &&
    (batch_size <= 1 || batch_size == floor(batch_size))
  if (!ok) {
    refuse_argument(
      batch_size, "batch_size",
      sprintf("a fraction in (0, 1] or a whole number of cells from 2 to %d", n)
    )
  }
  count <- if (batch_size <= 1) floor(batch_size * n) else batch_size
  if (count > n) {
    abort_neuralee(
      "input", sprintf("`batch_size` is %.0f, but there are only %d cells.", count, n),
      "Give less, or NULL for all."
    )
  }
  if (count < 2) {
    abort_neuralee(
      "input",
      sprintf(
        "`batch_size` leaves %.0f of the %d cells in a batch; at least 2 are needed.", count, n
      ),
      "Raise it."
    )
  }
  as.double(count)
}

check_net <- function(net, x, d) {
  if (is.null(net)) return(invisible())
  info <- model_info(net)
  if (info$inputs != ncol(x)) {
    abort_neuralee(
      "input",
      sprintf("The network of `net` takes %d features, but there are %d.", info$inputs, ncol(x)),
      "Give the features that it was trained on; fine_tune() takes the steps of its preprocessing."
    )
  }
  if (info$d != d) {
    abort_neuralee(
      "dimension", sprintf("The network of `net` maps to %d dimensions, but `d` is %d.", info$d, d),
      sprintf("Give d = %d.", info$d)
    )
  }
}

# A function of epoch and embedding that writes the latter to a file of its own, or NULL.
check_snapshot <- function(prefix) {
  if (is.null(prefix)) return(NULL)
  check_string(prefix, "save_embedding", "the beginning of file names, or NULL")
  prefix <- path.expand(prefix)
  folder <- dirname(prefix)
  if (!dir.exists(folder) || file.access(folder, 2L) != 0L) {
    abort_neuralee(
      "input",
      sprintf("`save_embedding`: the folder \"%s\" does not exist or is not writable.", folder),
      "Create it first."
    )
  }
  function(epoch, embedding) {
    file <- sprintf("%s_epoch_%d.rds", prefix, epoch)
    partial <- paste0(file, ".partial")
    written <- tryCatch(
      {
        saveRDS(embedding, partial)
        file.rename(partial, file)
      },
      error = function(e) FALSE, warning = function(w) FALSE
    )
    if (!written) {
      unlink(partial)
      abort_neuralee(
        "input", sprintf("The embedding could not be written to \"%s\".", file),
        "Check that the folder exists, is writable and has room."
      )
    }
  }
}
