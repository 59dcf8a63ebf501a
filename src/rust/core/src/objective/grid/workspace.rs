//! Buffers that are kept from one evaluation to the next.

use std::sync::atomic::AtomicU64;

use crate::aligned::Aligned;

/// Those of a single grid and of a pyramid.
#[derive(Debug, Default)]
pub struct Workspace {
    pub(super) grid: Aligned<f64>,
    pub(super) image: Aligned<f64>,
    pub(super) floors: FloorBuffers,
    pub(super) slopes: Vec<AtomicU64>,
}

/// Those of the floors of a pyramid.
#[derive(Debug, Default)]
pub(super) struct FloorBuffers {
    pub(super) sources: Vec<Aligned<f64>>,
    pub(super) fields: Vec<Aligned<f64>>,
    pub(super) images: [Aligned<f64>; 2],
}
