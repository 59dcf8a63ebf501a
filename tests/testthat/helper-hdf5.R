skip_without_hdf5 <- function() {
  skip_if(is.null(rs_build_info()$hdf5), "neuralee was built without HDF5")
}
