//! Names that AnnData files have by custom, and what is said of those that are not read.

use crate::hdf5::store::Format;

/// Attribute of a column that R has in another type than AnnData, and that of text which is
/// stored as categories.
pub(super) const R_TYPE: &str = "r-type";
pub(super) const R_TEXT: &str = "character";

pub(crate) const FORMAT: Format = Format {
    name: ".h5ad",
    incomplete: "This is not an AnnData file, or it is incomplete.",
    rewrite: "read it with anndata and save it again",
    recompress: "Read it with anndata and write it again with compression = \"gzip\".",
};
