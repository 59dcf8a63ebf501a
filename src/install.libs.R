# Takes the place of R's own step: puts the library in its place, and beside it the source from
# which build_torch_backend() makes the libtorch backend, and that backend where configure built it.
put <- function(files, folder) {
  dir.create(folder, recursive = TRUE, showWarnings = FALSE)
  if (!all(file.copy(files, folder, overwrite = TRUE))) stop("could not copy to ", folder)
}
# symbols.rds: what R CMD check asks of the object files.
put(
  Sys.glob(c(paste0("*", SHLIB_EXT), "symbols.rds")),
  file.path(R_PACKAGE_DIR, paste0("libs", R_ARCH))
)
for (folder in c("", "src", "abi", "abi/src")) {
  here <- file.path("rust/torch", folder)
  files <- setdiff(list.files(here, full.names = TRUE), list.dirs(here, recursive = FALSE))
  put(files, file.path(R_PACKAGE_DIR, "torch/src", folder))
}
backend <- Sys.glob("torch-backend/*")
if (length(backend)) put(backend, file.path(R_PACKAGE_DIR, "torch"))
