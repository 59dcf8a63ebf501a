# Mapping cells in blocks that are computed apart, here or by workers, and kept as they come.

# Cells that the core maps together, from the start of a block on. Blocks of a multiple of
# them give the same bits as all cells at once.
cells_per_task <- 1024L

# The cells of a block, which has all their features, for a matrix of this shape. They are as many
# as DelayedArray::getAutoBlockSize() allows. Every worker gets four blocks, so that none waits long
# for the others.
task_blocks <- function(shape, axis, workers = NULL) {
  most <- DelayedArray::getAutoBlockSize() / (8 * shape[[3L - axis]])
  if (!is.null(workers)) most <- min(most, shape[[axis]] / (4 * workers))
  min(shape[[axis]], max(1, most %/% cells_per_task) * cells_per_task)
}

task_grid <- function(x, axis, block_cells) {
  DelayedArray::RegularArrayGrid(dim(x), replace(dim(x), axis, as.integer(block_cells)))
}

# All places in a matrix, or in the file `output`. `task` is what a block is computed with, wherever
# that is.
map_in_blocks <- function(task, d, names, identity, output, BPPARAM, retries, progress) {
  x <- task$x
  axis <- if (task$at == "rows") 1L else 2L
  count <- dim(x)[[axis]]
  block_cells <- task_blocks(dim(x), axis, if (!is.null(BPPARAM)) bpparam_workers(BPPARAM))
  store <- if (is.null(output)) {
    embedding_in_memory(count, d, block_cells)
  } else {
    dimnames <- list(names, sprintf("NeuralEE%d", seq_len(d)))
    open_embedding_file(output, identity, c(count, d), dimnames, block_cells)
  }
  task$grid <- task_grid(x, axis, store$block_cells)
  rows_of <- function(number) block_range(task$grid[[number]], axis)
  finished <- store$finished
  keep <- function(number, places) {
    rows <- rows_of(number)
    store$write(number, rows, places)
    finished[[number]] <<- TRUE
    report_cells(progress, "mapping", min(sum(finished) * store$block_cells, count), count)
  }
  tell_kept <- function() {
    if (is.null(output)) return("With output = \"a file\" the blocks done would have been kept.")
    sprintf("The blocks done are in \"%s\": the same call goes on from there.", store$partial)
  }
  tryCatch(
    if (is.null(BPPARAM)) {
      for (number in which(!finished)) keep(number, map_block(list(number = number), task))
    } else {
      map_by_workers(BPPARAM, which(!finished), task, keep, retries, rows_of, tell_kept)
    },
    interrupt = function(condition) interrupted_map(finished, tell_kept),
    neuralee_error_interrupted = function(condition) interrupted_map(finished, tell_kept)
  )
  store$finish()
}

interrupted_map <- function(finished, tell_kept) {
  abort_neuralee(
    "interrupted",
    sprintf(
      "The computation was interrupted after %d of %d blocks.", sum(finished), length(finished)
    ),
    tell_kept()
  )
}

embedding_in_memory <- function(count, d, block_cells) {
  result <- matrix(0, count, d)
  list(
    block_cells = block_cells, finished = rep(FALSE, ceiling(count / block_cells)),
    write = function(number, rows, places) result[rows, ] <<- places, finish = function() result
  )
}

# Places of one block, in this process or in a worker. `item` carries the values where the worker
# cannot read them.
map_block <- function(item, task) {
  viewport <- task$grid[[item$number]]
  block <- item$values %||% values_of_block(task$x, viewport)
  axis <- if (task$at == "rows") 1L else 2L
  check_finite(block, "newdata", task$at, block_offset(viewport))
  rust_call(
    rs_model_map(
      task$bytes, block, task$at == "rows", block_offset(viewport)[[axis]], task$threads,
      task$device, NULL
    )
  )
}

values_of_block <- function(x, viewport) {
  if (is_delayed(x)) return(read_block_of(x, viewport))
  x[block_range(viewport, 1L), block_range(viewport, 2L), drop = FALSE]
}

# What the places depend on, as fingerprints; of the values a few cells stand for all. The names are
# what a message says where one differs.
map_identity <- function(bytes, cells, device) {
  axis <- if (cells$at == "rows") 1L else 2L
  shape <- dim(cells$x)
  some <- unique(round(seq(1, shape[[axis]], length.out = 8L)))
  values <- as.matrix(take(cells$x, some, axis))
  storage.mode(values) <- "double"
  names <- if (is.null(cells$names)) "" else enc2utf8(cells$names)
  c(
    "another model" = fingerprint(bytes),
    "other cells" = fingerprint(c(rlang::hash(shape + 0), fingerprint(values), fingerprint(names))),
    "another version of neuralee or another device" = fingerprint(
      c(
        as.character(utils::packageVersion("neuralee")),
        if (is.null(device)) "cpu" else attr(device, "label")
      )
    )
  )
}
