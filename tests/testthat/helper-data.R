# Files of data sets in a folder of their own, which vanishes with the test.
data_folder <- function(files, envir = parent.frame()) {
  folder <- tempfile("data")
  dir.create(folder)
  do.call(on.exit, list(bquote(unlink(.(folder), recursive = TRUE)), add = TRUE), envir = envir)
  for (name in names(files)) writeLines(files[[name]], file.path(folder, name))
  folder
}

counts_in <- function(x) as.matrix(SummarizedExperiment::assay(x, 1L))
