# The path of one file of a data set on this machine. `path` is the user's: the file itself, or a
# folder that holds it under `name`. Where it is NULL, the file is downloaded from `url` and kept. A
# data set of several files (`alone = FALSE`) takes a folder only. `bytes`, `md5` and `sha256` are
# of the file that can be downloaded, where they are known.
dataset_file <- function(path, name, url, verbose, alone = TRUE, bytes = NULL, md5 = NULL,
                         sha256 = NULL) {
  if (is.null(path)) return(download_file(url, name, verbose, bytes, md5, sha256))
  check_string(
    path, "path", sprintf("the path of the file %s, of a folder that holds it, or NULL", name)
  )
  path <- path.expand(path)
  if (dir.exists(path) || !alone) path <- file.path(path, name)
  if (!file.exists(path)) {
    abort_neuralee(
      "file_format", sprintf("There is no file %s.", describe(path)),
      sprintf(
        "Give `path` the file itself or the folder that holds it; it can be downloaded from <%s>.",
        url
      )
    )
  }
  if (dir.exists(path)) {
    abort_neuralee(
      "file_format", sprintf("%s is a folder.", describe(path)),
      sprintf("The file %s is expected there.", name)
    )
  }
  path
}
