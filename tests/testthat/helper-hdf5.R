skip_without_hdf5 <- function() {
  skip_if(is.null(rs_build_info()$hdf5), "neuralee was built without HDF5")
}

skip_without_rhdf5 <- function() {
  skip_without_hdf5()
  skip_if_not_installed("rhdf5")
}
