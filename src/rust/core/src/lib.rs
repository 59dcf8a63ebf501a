//! Elastic embedding (EE) and NeuralEE for single-cell data.
//!
//! Two doors lead in: [`ee`] embeds cells freely, [`neuralee`] trains a network that embeds
//! others too. Both take points and `Options`, and give a [`session::Session`] to step through:
//!
//! ```
//! use neuralee_core::{ee, neuralee, session::Session};
//! # fn main() -> neuralee_core::Result<()> {
//! let points = ndarray::Array2::from_shape_fn((99, 3), |(i, j)| ((7 * i + j * j) % 13) as f64);
//! let mut session = ee::open(points.view(), &ee::Options::default(), &())?;
//! session.advance(u64::MAX, &())?;
//! let map = session.embedding()?; // 99 x 2
//! # assert_eq!(map.dim(), (99, 2));
//!
//! let options = neuralee::Options { maxit: Some(20), ..Default::default() };
//! let mut session = neuralee::open(points.view(), &options, &())?;
//! session.advance(u64::MAX, &())?;
//! let (model, map) = session.finish(&())?;
//! # assert_eq!((model.network.architecture().inputs, map.dim()), (3, (99, 2)));
//! # Ok(())
//! # }
//! ```
//!
//! Behind the doors data flow through the modules in this order; [`input`] leads both to the first
//! iteration. [`preprocess`] turns counts, dense or [`sparse`], into points. [`neighbors`] finds
//! each point's nearest points. [`affinity`] gives the attractive weights W+. [`objective`]
//! evaluates E(X) and its gradient, on the processor or on a [`device`]. [`optimize`] moves X;
//! [`train`] moves the parameters of a [`network`] that gives X, and [`model`] keeps what maps new
//! cells by it. [`quality`] judges the map.
//!
//! All of them use [`error`], [`monitor`] (progress and interruption) and [`order`]. They share
//! [`masses`] (how many cells each cell stands for), [`memory`] (what a job needs and what is
//! free), [`random`] (numbers by seed, stream and position), [`threads`] and [`files`] (whole or
//! absent). Files of other programs are read by `neuralee-io`.
//!
//! Cells are rows, and point sets are row-major `f64`. Every parallel reduction runs over chunks of
//! a fixed size, so that results do not depend on the number of threads. Work runs in the current
//! rayon pool (see [`threads`]).

pub mod affinity;
mod aligned;
pub mod device;
mod dimensions;
pub mod ee;
pub mod error;
mod exponential;
pub mod files;
pub mod input;
mod logarithm;
pub mod masses;
pub mod memory;
pub mod model;
pub mod monitor;
pub mod neighbors;
pub mod network;
pub mod neuralee;
pub mod objective;
pub mod optimize;
pub mod order;
pub mod preprocess;
pub mod quality;
pub mod random;
mod sealed;
pub mod session;
pub mod sparse;
pub mod threads;
pub mod train;
mod vector;

pub use error::{Error, Result};
