# BiocCheck of a tarball on a machine that does not reach Bioconductor.
#   Rscript tools/bioc_check.R TARBALL VERSION       VERSION of Bioconductor, such as 3.23
# Leaves out what asks its servers, and answers here what they would say of versions.
arguments <- commandArgs(TRUE)
config <- tempfile(fileext = ".yaml")
version <- arguments[[2L]]
r <- as.character(getRversion())
minor <- function(step) {
  parts <- as.integer(strsplit(version, ".", fixed = TRUE)[[1L]])
  sprintf("%d.%d", parts[[1L]], parts[[2L]] + step)
}
known <- c(minor(-1L), version, minor(1L))
writeLines(c(
  sprintf("release_version: \"%s\"", version), sprintf("devel_version: \"%s\"", minor(1L)),
  sprintf("r_version_associated_with_%s: \"%s\"", c("release", "devel"), r),
  "r_ver_for_bioc_ver:", sprintf("  \"%s\": \"%s\"", known, sub("[.][0-9]+$", "", r)),
  "release_dates:", sprintf("  \"%s\": \"10/30/2025\"", minor(-1L))
), config)
Sys.setenv(BIOCONDUCTOR_CONFIG_FILE = paste0("file://", config))
found <- BiocCheck::BiocCheck(
  arguments[[1L]],
  `no-check-remotes` = TRUE, `no-check-deprecated` = TRUE, `no-check-R-ver` = TRUE,
  `no-check-version-num` = TRUE, `no-check-bioc-help` = TRUE, `no-check-pkg-size` = TRUE,
  `no-check-CRAN` = TRUE
)
# Which packages are Bioconductor's is asked of its servers too.
warnings <- setdiff(names(found$warning), "checkBiocDepsDESC")
print(list(errors = names(found$error), warnings = warnings))
quit(status = length(found$error) + length(warnings) > 0)
