//! Repulsion in linear time: D + 2 fields on a regular grid over the embedding.
//!
//! psi_n = c_n . phi(x_n) with phi(x) = sum_m q_m exp(-|x - x_m|^2) (see `Factors`). The q_m are
//! spread onto nodes with cubic B-splines B, convolved with a kernel k on the nodes, and gathered
//! with the same splines. What is computed is exactly
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

use super::factors::Factors;
use super::kernel::Grids;
use bins::sort_by_bin;
use gather::forces;
use pyramid::Floors;
use single::convolved;
use spread::spread;
use tiles::{Passes, Tiling};
use workspace::Workspace;

/// psi = sum_nm w-_nm K(x_n, x_m); its gradient times `scale` is added to `gradient`.
/// `None` where the grids would take more than `most_bytes`.
pub fn evaluate<const D: usize>(
    factors: &Factors,
    x: &[f64],
    tiling: &Tiling,
    grids: Grids,
    most_bytes: f64,
    workspace: &mut Workspace,
    scale: f64,
    gradient: &mut [f64],
) -> Option<f64> {
    let (points, _) = x.as_chunks::<D>();
    let sorted = sort_by_bin(points, tiling);
    let (tiles, width) = (sorted.tiles.clone(), factors.width);
    let fields: &[f64] = match grids {
        Grids::Gaussian { .. } => {
            let passes = Passes::new(tiling, tiles.clone(), tiles);
            if passes.bytes(width) > most_bytes {
                return None;
            }
            convolved(factors, tiling, &sorted, &passes, workspace);
            &workspace.grid
        }
        Grids::Pyramid { density, .. } => {
            let pyramid = Floors::new(tiling, tiles, density);
            if pyramid.bytes(width) > most_bytes {
                return None;
            }
            let buffers = &mut workspace.floors;
            spread(factors, tiling, &sorted, pyramid.sources(width, buffers));
            pyramid.convolve(width, buffers);
            &buffers.fields[0]
        }
    };
    let slopes = &mut workspace.slopes;
    Some(forces(
        factors, tiling, &sorted, fields, slopes, scale, gradient,
    ))
}
