//! The repulsion by a mixture of Gaussians on a pyramid of grids.

use super::{too_wide, Psi, Repulsion, GROWTH};
use crate::monitor::Monitor;
use crate::objective::factors::Columns;
use crate::objective::grid::pyramid::{evaluate, Floors};
use crate::objective::grid::single::point_flops;
use crate::objective::grid::tiles::{Tiling, TILE_FLOPS};
use crate::objective::grid::workspace::Workspace;
use crate::objective::shape::Shape;
use crate::Result;

/// Largest pyramid that is planned, in bytes: a heavy tail spreads its map over many tiles.
pub const PYRAMID_BYTES: f64 = 4e9;

/// On grids of spacing `h` and more.
pub struct Pyramid {
    pub h: f64,
    /// The weight of exp(-t r^2) in k.
    pub density: fn(f64) -> f64,
}

impl Repulsion for Pyramid {
    fn cost(&self, columns: Columns, x: &[f64], shape: &Shape, most: f64) -> Option<f64> {
        let (d, width) = (shape.low.len(), columns.width);
        if d > 3 {
            return None;
        }
        let ground = Tiling::nested(shape, self.h)?;
        if TILE_FLOPS * ground.tiles() as f64 > most {
            return Some(f64::INFINITY);
        }
        let floors = Floors::new(&ground, ground.occupied_by(x), self.density);
        let points = point_flops(x.len() / d, d, width);
        (floors.bytes(width) <= PYRAMID_BYTES).then(|| points + floors.flops(width))
    }

    fn sum(
        &self,
        psi: Psi<'_>,
        x: &[f64],
        workspace: &mut Workspace,
        scale: f64,
        gradient: &mut [f64],
        _: &dyn Monitor,
    ) -> Result<f64> {
        let ground = Tiling::nested(&Shape::new(x, psi.d), self.h).ok_or_else(too_wide)?;
        let evaluate = match psi.d {
            1 => evaluate::<1>,
            2 => evaluate::<2>,
            _ => evaluate::<3>,
        };
        let (density, most_bytes) = (self.density, GROWTH * PYRAMID_BYTES);
        evaluate(
            psi.factors,
            x,
            &ground,
            density,
            most_bytes,
            workspace,
            scale,
            gradient,
        )
        .ok_or_else(too_wide)
    }
}
