# A map in an HDF5 file that grows block by block, in any order. It is made under the name of a
# partial file and takes its own once all blocks are there. Beside the map lies what a restarted
# call asks for: whose map it is (`neuralee/identity`), how its cells are cut
# (`neuralee/block_cells`) and a fingerprint of each finished block (`neuralee/blocks`, empty where
# there is none). A block is finished when its fingerprint is written, after its places. All room is
# taken at the start and nothing is stored in chunks, so that later writes move no part of the file.
# A process that dies meanwhile spoils at most the block that it was writing.

check_output <- function(output) {
  if (is.null(output)) return(NULL)
  check_string(output, "output", "the path of one HDF5 file, or NULL")
  if (!requireNamespace("HDF5Array", quietly = TRUE) ||
    !requireNamespace("rhdf5", quietly = TRUE)) {
    abort_neuralee(
      "input", "`output` needs the packages HDF5Array and rhdf5, which are not installed.",
      "Run BiocManager::install(\"HDF5Array\"), or leave `output` out."
    )
  }
  output <- check_replaceable(output, "output")
  file.path(normalizePath(dirname(output)), basename(output))
}

# `identity` are named fingerprints of what the map depends on.
open_embedding_file <- function(output, identity, shape, names, block_cells) {
  partial <- paste0(output, ".partial")
  whole <- file.exists(output)
  file <- if (whole) output else partial
  if (file.exists(file)) {
    kept <- read_embedding_file(file, output, identity, shape)
    if (whole && !all(kept$finished)) refuse_embedding_file(file, "is damaged")
  } else {
    create_embedding_file(file, identity, shape, names, block_cells)
    kept <- list(
      block_cells = block_cells, finished = rep(FALSE, ceiling(shape[[1L]] / block_cells))
    )
  }
  prints <- character(length(kept$finished))
  list(
    block_cells = kept$block_cells,
    finished = kept$finished,
    partial = partial,
    write = function(number, rows, places) {
      prints[[number]] <<- fingerprint(places)
      writing_hdf5(partial, {
        rhdf5::h5write(places, partial, "embedding", start = c(rows[[1L]], 1L), count = dim(places))
        rhdf5::h5write(prints[[number]], partial, "neuralee/blocks", start = number, count = 1L)
      })
    },
    finish = function() {
      if (!whole) {
        # A full or failing disk is not always told while it is written to.
        if (!all(read_embedding_file(partial, output, identity, shape)$finished)) {
          abort_neuralee(
            "input", sprintf("What was written to \"%s\" does not read back.", partial),
            "Check the disk; the same call then computes the blocks that were lost."
          )
        }
        writing_hdf5(output, if (!file.rename(partial, output)) stop("it cannot be renamed"))
      }
      rhdf5::h5errorHandling()
      HDF5Array::HDF5Array(output, "embedding")
    }
  )
}

create_embedding_file <- function(file, identity, shape, names, block_cells) {
  new <- tempfile(paste0(basename(file), "."), dirname(file))
  on.exit(unlink(new))
  writing_hdf5(file, {
    width <- max(0L, nchar(unlist(names), "bytes"))
    check_room(new, 8 * prod(shape) + (width + 1) * sum(lengths(names)) + 2^16)
    rhdf5::h5createFile(new)
    create <- function(name, size, type, width = NULL) {
      rhdf5::h5createDataset(
        new, name, size, storage.mode = type, size = width, chunk = NULL, level = 0
      )
    }
    rhdf5::h5createGroup(new, "neuralee")
    HDF5Array::HDF5RealizationSink(
      shape, names, "double", filepath = new, name = "embedding", chunkdim = 0
    )
    blocks <- ceiling(shape[[1L]] / block_cells)
    create("neuralee/blocks", blocks, "character", nchar(fingerprint(0)) + 1L)
    rhdf5::h5write(unname(identity), new, "neuralee/identity")
    rhdf5::h5write(as.double(block_cells), new, "neuralee/block_cells")
    # The first value that is written takes the room of all.
    rhdf5::h5write(
      matrix(0, 1L, shape[[2L]]), new, "embedding", start = c(1L, 1L), count = c(1L, shape[[2L]])
    )
    rhdf5::h5write(rep("", blocks), new, "neuralee/blocks")
    if (!file.rename(new, file)) stop("it cannot be renamed")
  })
}

# Takes so much of the disk with a file of zeros, and gives it back: HDF5 itself may crash where it
# finds none.
check_room <- function(file, bytes) {
  reason <- NULL
  on.exit(unlink(file))
  # Of what R warns of, the reason alone is wanted.
  zeros <- withCallingHandlers(
    tryCatch(
      file(file, "wb"),
      error = function(e) stop(if (is.null(reason)) conditionMessage(e) else reason)
    ),
    warning = function(w) {
      reason <<- sub(".*: ", "", conditionMessage(w))
      tryInvokeRestart("muffleWarning")
    }
  )
  tryCatch(
    for (part in rep(c(2^24, bytes %% 2^24), c(bytes %/% 2^24, 1))) suppressWarnings(
      writeBin(raw(part), zeros)
    ),
    finally = close(zeros)
  )
  if (!isTRUE(file.size(file) == bytes)) {
    stop(sprintf("it needs %.0f MB, and there is no room", ceiling(bytes / 1e6)))
  }
}

# Cells of a block and which blocks are finished, of a file that holds this map or a part of it.
read_embedding_file <- function(file, output, identity, shape) {
  rhdf5::h5errorHandling()
  found <- tryCatch(
    list(
      shape = dim(HDF5Array::HDF5Array(file, "embedding")),
      identity = as.character(rhdf5::h5read(file, "neuralee/identity")),
      block_cells = as.double(rhdf5::h5read(file, "neuralee/block_cells")),
      blocks = as.character(rhdf5::h5read(file, "neuralee/blocks"))
    ),
    error = function(e) refuse_embedding_file(file, "exists and holds no map of predict()")
  )
  if (length(found$identity) != length(identity)) refuse_embedding_file(file, "is damaged")
  differs <- found$identity != identity
  if (any(differs)) {
    other <- paste(names(identity)[differs], collapse = " and ")
    abort_neuralee(
      "input", sprintf("`output`: \"%s\" holds a map of %s.", file, other),
      if (file == output) {
        "Give another path, or remove it."
      } else {
        "Give another `output`, or remove it to start anew."
      }
    )
  }
  cells <- found$block_cells
  sound <- identical(as.double(found$shape), as.double(shape)) && is_number(cells) && cells >= 1 &&
    length(found$blocks) == ceiling(shape[[1L]] / cells)
  if (!sound) refuse_embedding_file(file, "is damaged")
  finished <- nzchar(found$blocks)
  for (number in which(finished)) {
    rows <- seq((number - 1) * cells + 1, min(number * cells, shape[[1L]]))
    places <- tryCatch(
      rhdf5::h5read(
        file, "embedding", start = c(rows[[1L]], 1L), count = c(length(rows), shape[[2L]])
      ),
      error = function(e) refuse_embedding_file(file, "is damaged")
    )
    finished[[number]] <- fingerprint(places) == found$blocks[[number]]
  }
  list(block_cells = cells, finished = finished)
}

refuse_embedding_file <- function(file, fault) {
  abort_neuralee(
    "file_format", sprintf("`output`: \"%s\" %s.", file, fault), "Give another path, or remove it."
  )
}

writing_hdf5 <- function(file, code) {
  rhdf5::h5errorHandling()
  tryCatch(code, error = function(e) {
    reason <- sub("\\.$", "", trimws(conditionMessage(e)))
    abort_neuralee(
      "input", sprintf("The map could not be written to \"%s\": %s.", file, reason),
      paste(
        "Check that the folder is writable and has room; the same call then goes on with the",
        "blocks that are missing."
      )
    )
  })
}

# A hash of values alone: c() leaves out how R holds them.
fingerprint <- function(x) rlang::hash(c(as.vector(x), NULL))
