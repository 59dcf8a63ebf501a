//! The repulsion by a Gaussian on one grid.

use super::{too_wide, Psi, Repulsion, GROWTH};
use crate::monitor::Monitor;
use crate::objective::factors::Columns;
use crate::objective::grid::single::{evaluate, point_flops};
use crate::objective::grid::tiles::{Passes, TileSet, Tiling, TILE_FLOPS};
use crate::objective::grid::workspace::Workspace;
use crate::objective::shape::Shape;
use crate::Result;

/// Largest grid that is planned, in bytes.
pub const GRID_BYTES: f64 = 2e9;

/// On a grid of spacing `h`.
pub struct Grid {
    pub h: f64,
}

impl Repulsion for Grid {
    fn cost(&self, columns: Columns, x: &[f64], shape: &Shape, most: f64) -> Option<f64> {
        let (d, width) = (shape.low.len(), columns.width);
        if d > 3 {
            return None;
        }
        let tiling = Tiling::new(shape, self.h)?;
        if TILE_FLOPS * tiling.tiles() as f64 > most {
            return Some(f64::INFINITY);
        }
        let points = point_flops(x.len() / d, d, width);
        let cost = |sources: TileSet| {
            let passes = Passes::new(&tiling, sources.clone(), sources);
            (passes.bytes(width), points + passes.flops(width))
        };
        let (mut bytes, mut flops) = cost(tiling.everywhere());
        // Which tiles have points matters where the nodes cost more than the points.
        if bytes > GRID_BYTES || flops > 2.0 * points {
            (bytes, flops) = cost(tiling.occupied_by(x));
        }
        (bytes <= GRID_BYTES).then_some(flops)
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
        let tiling = Tiling::new(&Shape::new(x, psi.d), self.h).ok_or_else(too_wide)?;
        let evaluate = match psi.d {
            1 => evaluate::<1>,
            2 => evaluate::<2>,
            _ => evaluate::<3>,
        };
        let most_bytes = GROWTH * GRID_BYTES;
        evaluate(
            psi.factors,
            x,
            &tiling,
            most_bytes,
            workspace,
            scale,
            gradient,
        )
        .ok_or_else(too_wide)
    }
}
