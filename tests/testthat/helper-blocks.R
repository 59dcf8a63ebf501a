# 5,000 flowers: five blocks of 1,024 cells, the last shorter.
many_flowers <- function() {
  place <- seq_len(5000)
  x <- iris_x[(place - 1) %% 150 + 1, ] + sin(place) / 10
  rownames(x) <- paste0("flower", place)
  x
}

flowers_on_disk <- function(x = many_flowers()) {
  HDF5Array::writeHDF5Array(x, tempfile(fileext = ".h5"), "x", with.dimnames = TRUE)
}

# The same matrix, whose folder takes a file for each block that is read, in whatever process that
# is (looks at a few cells do not count). The block with flower 3,000 passes through `act(block,
# folder)` first.
watched <- function(x, act = function(block, folder) block) {
  folder <- tempfile("blocks")
  dir.create(folder)
  environment(act) <- baseenv()
  look <- function(block) {
    if (nrow(block) <= 8 || ncol(block) == 0) {
      return(block)
    }
    file.create(tempfile("read", folder))
    if (any(block[, 1] == flower)) act(block, folder) else block
  }
  environment(look) <- list2env(
    list(folder = folder, act = act, flower = many_flowers()[3000, 1]), parent = baseenv()
  )
  stack <- methods::getClass("DelayedUnaryIsoOpStack", where = asNamespace("DelayedArray"))
  list(
    x = DelayedArray::DelayedArray(methods::new(stack, seed = x@seed, OPS = list(look))),
    reads = function() length(list.files(folder, "^read"))
  )
}

# For watched(): the first process that reads the block ends there, as if for want of memory.
end_once <- function(block, folder) {
  ended <- file.path(folder, "ended")
  if (!file.exists(ended)) {
    file.create(ended)
    tools::pskill(Sys.getpid(), 9L)
    Sys.sleep(10)
  }
  block
}
