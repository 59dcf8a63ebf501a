# Lints the R code by the rules of .lintr, which are for faults and for what all files share. Names
# are looked up in the package as it is installed.
folders <- c("R", "tests/testthat", "tools", "data-raw", "vignettes")
lints <- unlist(lapply(folders, lintr::lint_dir), recursive = FALSE)
for (lint in lints) print(lint)
quit(status = as.integer(length(lints) > 0))
