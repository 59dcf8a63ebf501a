//! The HDF5 layer below the readers of h5ad, loom and Cell Ranger's matrices. It knows what is
//! opened, what is refused, and how numbers, text and compressed columns are read.

pub(crate) mod arrays;
pub(crate) mod compressed;
mod decode;
pub(crate) mod errors;
mod lzf;
pub(crate) mod raw;
pub(crate) mod store;
