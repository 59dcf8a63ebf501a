//! Repulsion in linear time: D + 2 fields on a regular grid over the embedding.
//!
//! psi_n = c_n . phi(x_n) with phi(x) = sum_m q_m exp(-|x - x_m|^2) (see `Factors`).
//! The q_m are spread onto nodes with cubic B-splines B, convolved with a kernel k on
//! the nodes, and gathered with the same splines, so that what is computed is exactly
//!
//! ```text
//! E- = sum_nm w-_nm K(x_n, x_m),
//! K(x, y) = sum_gg' B(x - g) k(g - g') B(y - g'),  close to exp(-|x - y|^2),
//! ```
//!
//! and, K being symmetric, the gradient of that E- is the gather with the splines'
//! derivative at fixed fields, twice. Every field sees the same K, so its error is not
//! amplified where the terms of c_n . q_m cancel. The pattern is the particle-mesh one
//! of Hockney and Eastwood (1988) with their optimal influence function.

mod bins;
mod block;
mod convolve;
mod gather;
pub mod map_fields;
mod plane;
pub mod pyramid;
pub mod single;
mod spread;
mod taps;
pub mod tiles;
pub mod workspace;
