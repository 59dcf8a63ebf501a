# Writes NAMESPACE and man/ from the installed package, so that roxygen2 sees S4 methods
# and S3 generics as users do: first the imports, then an installation into the library
# that is given, then the rest.
library <- normalizePath(commandArgs(TRUE)[[1]])
.libPaths(c(library, .libPaths()))
roxygen2::roxygenise(load_code = function(path) {
  status <- system2(
    file.path(R.home("bin"), "R"),
    c(
      "CMD", "INSTALL", "--no-docs", "--no-test-load", shQuote(paste0("--library=", library)),
      shQuote(path)
    )
  )
  stopifnot("the package could not be installed" = status == 0)
  roxygen2::load_installed(path)
})
