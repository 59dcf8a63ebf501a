//! From counts to points: log1p, ranking of genes by variance, scaling and principal
//! components. Sparse counts are never made dense where the result is not.

mod gram;
mod krylov;
mod loadings;
mod log;
mod matrix;
mod operator;
mod outer;
mod pca;
mod product;
mod scale;
mod variance;

pub use gram::GramAccumulator;
pub use loadings::Loadings;
pub use log::log1p;
pub use matrix::{Cells, Matrix, SparseView};
pub use pca::{pca, Pca};
pub use scale::{standard_scale, Standardization};
pub use variance::Moments;
pub use variance::{column_moments, column_variances, row_moments, row_variances, top_variable};
