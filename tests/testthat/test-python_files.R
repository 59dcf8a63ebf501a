# Files that anndata, loompy, pandas and h5py write, read here and there: python/write_files.py
# writes them, and says what the package that wrote a file reads from it.

written <- new.env()

# The files of one Python, with what they hold; written once.
files_of <- function(variable) {
  skip_on_cran()
  skip_if_not_installed("jsonlite")
  python <- python_for_tests(variable)
  if (is.null(written[[variable]])) {
    folder <- tempfile("python")
    dir.create(folder)
    said <- run_python(python, c(test_path("python", "write_files.py"), folder))
    truth <- file.path(folder, "truth.json")
    if (!file.exists(truth)) stop(paste(c("python/write_files.py failed:", said), collapse = "\n"))
    files <- jsonlite::read_json(truth)
    written[[variable]] <- lapply(
      files, function(about) c(about, path = file.path(folder, about$file))
    )
  }
  written[[variable]]
}

# Files of one kind; a Python may lack the package that writes them.
files_read_by <- function(variable, reader) {
  files <- Filter(function(about) about$reader == reader, files_of(variable))
  skip_if_not(length(files) > 0L, paste("this Python has no package for files of the kind", reader))
  files
}

# Numbers, or text, of a list in which what misses is NULL.
values_of <- function(values, kind) {
  missing <- vapply(values, is.null, NA)
  out <- rep(as(NA, kind), length(values))
  out[!missing] <- as(unlist(values), kind)
  out
}

matrix_of <- function(rows, shape) {
  values <- values_of(unlist(rows, recursive = FALSE), "numeric")
  matrix(values, shape[[1L]], shape[[2L]], byrow = TRUE)
}

column_of <- function(about) {
  if (!about$kind %in% c("factor", "ordered")) {
    return(values_of(about$values, about$kind))
  }
  factor(
    values_of(about$values, "character"), unlist(about$levels), ordered = about$kind == "ordered"
  )
}

expect_annotations <- function(found, about, where) {
  expect_setequal(names(found), names(about))
  for (name in names(about)) {
    values <- found[[name]]
    # A missing number of a file is NaN.
    if (is.double(values)) values[is.nan(values)] <- NA
    expect_identical(values, column_of(about[[name]]), info = paste(where, name))
  }
}

expect_as_python_says <- function(cells, about) {
  where <- paste(about$file, about$layer)
  expect_equal(dim(cells), c(about$shape[[1L]], about$shape[[2L]]), info = where)
  found <- unname(as.matrix(SummarizedExperiment::assay(cells)))
  expect_identical(found + 0, matrix_of(about$matrix, about$shape), info = where)
  expect_identical(
    as.character(rownames(cells)), as.character(unlist(about$gene_names)), info = where
  )
  expect_identical(
    as.character(colnames(cells)), as.character(unlist(about$cell_names)), info = where
  )
}

expect_container_as_python_says <- function(cells, about) {
  where <- paste(about$file, about$layer)
  expect_as_python_says(cells, about)
  expect_annotations(as.list(SummarizedExperiment::colData(cells)), about$cells, where)
  expect_annotations(as.list(SummarizedExperiment::rowData(cells)), about$genes, where)
  reductions <- about$reductions
  names(reductions) <- reduced_dim_names(as.character(names(reductions)))
  expect_setequal(SingleCellExperiment::reducedDimNames(cells), names(reductions))
  for (name in names(reductions)) {
    found <- unname(SingleCellExperiment::reducedDim(cells, name))
    rows <- reductions[[name]]
    expected <- matrix_of(rows, list(length(rows), length(unlist(rows)) / max(1L, length(rows))))
    expect_equal(nrow(found), ncol(cells), info = paste(where, name))
    if (ncol(cells)) expect_identical(found + 0, expected, info = paste(where, name))
  }
}

# What `read` reads and says of a file.
read_with_messages <- function(read) {
  said <- character()
  cells <- withCallingHandlers(read, neuralee_message_left_out = function(message) {
    said <<- c(said, conditionMessage(message))
    invokeRestart("muffleMessage")
  })
  list(cells = cells, said = paste(said, collapse = "\n"))
}

expect_left_out <- function(said, about) {
  for (part in about$left_out) expect_match(said, part, fixed = TRUE, info = about$file)
}

for (variable in c("NEURALEE_PYTHON", "NEURALEE_PYTHON_OLD")) {
  test_that(paste("every layer of a file of anndata is what Python says:", variable), {
    skip_without_hdf5()
    for (about in files_read_by(variable, "h5ad")) {
      found <- read_with_messages(read_h5ad(about$path, about$layer, verbose = FALSE))
      expect_container_as_python_says(found$cells, about)
      expect_left_out(found$said, about)
    }
  })

  test_that(paste("a matrix of anndata that stays on disk has the same values:", variable), {
    skip_without_hdf5()
    skip_if_not_installed("HDF5Array")
    for (about in Filter(
      function(about) about$file %in% c("dense.h5ad", "csr.h5ad"), files_of(variable)
    )) {
      # HDF5Array does not read true and false.
      if (startsWith(about$layer, "seen")) next
      cells <- suppressMessages(read_h5ad(about$path, about$layer, on_disk = TRUE, verbose = FALSE))
      expect_as_python_says(cells, about)
    }
  })

  test_that(paste("every layer of a file of loompy is what Python says:", variable), {
    skip_without_hdf5()
    for (about in files_read_by(variable, "loom")) {
      names <- unlist(about$name_attributes)
      layer <- about$layer
      found <- read_with_messages(
        read_loom(about$path, layer, names[[1L]], names[[2L]], verbose = FALSE)
      )
      expect_container_as_python_says(found$cells, about)
      expect_left_out(found$said, about)
      for (name in names(about$attributes)) {
        expect_identical(
          S4Vectors::metadata(found$cells)[[name]], about$attributes[[name]], info = about$file
        )
      }
    }
  })

  test_that(paste("tables of pandas are what Python says, compressed or not:", variable), {
    for (about in files_read_by(variable, "csv")) {
      cells <- read_csv_counts(
        about$path, genes_in_rows = about$genes_in_rows %||% TRUE, verbose = FALSE
      )
      expect_as_python_says(cells, about)
    }
  })

  test_that(paste("a matrix that h5py writes as Cell Ranger does is what Python says:", variable), {
    skip_without_hdf5()
    for (about in files_read_by(variable, "tenx")) {
      expect_as_python_says(read_10x_h5(about$path, verbose = FALSE), about)
    }
  })
}
