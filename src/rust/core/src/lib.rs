//! Elastic embedding (EE) and NeuralEE for single-cell data.
//!
//! Data flow through the modules in this order: [`io`] reads counts, [`preprocess`]
//! turns them into points, [`neighbors`] finds each point's nearest points,
//! [`affinity`] gives the attractive weights W+, [`objective`] evaluates E(X) and its
//! gradient, [`optimize`] moves X, and [`quality`] judges the map.
//!
//! Conventions: cells are rows; point sets are row-major `f64`; every parallel
//! reduction runs over chunks of a fixed size, so that results do not depend on the
//! number of threads. Work runs in the current rayon pool (see [`threads`]).

pub mod affinity;
mod aligned;
pub mod device;
pub mod error;
mod exponential;
pub mod files;
mod logarithm;
pub mod memory;
pub mod model;
pub mod monitor;
pub mod neighbors;
pub mod network;
pub mod objective;
pub mod optimize;
pub mod preprocess;
pub mod quality;
pub mod random;
mod sealed;
pub mod sparse;
pub mod threads;
pub mod train;

pub use error::{Error, Result};
