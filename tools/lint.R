# Lints the R code by the rules of .lintr: faults, and what all files share. Names are looked up in
# the package as it is installed; scripts and tests attach what they use, and try what is wrong.
folders <- c("tests/testthat", "tools", "data-raw", "vignettes")
scripts <- eval(parse(text = read.dcf(".lintr", "linters")), asNamespace("lintr"))
of_package <- c("object_usage_linter", "undesirable_function_linter", "duplicate_argument_linter")
scripts[of_package] <- NULL
lints <- c(
  lintr::lint_dir("R"),
  unlist(lapply(folders, lintr::lint_dir, linters = scripts), recursive = FALSE)
)
for (lint in lints) print(lint)
quit(status = as.integer(length(lints) > 0L))
