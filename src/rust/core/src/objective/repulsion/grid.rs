//! The repulsion on grids.

use super::{too_wide, Psi, Repulsion, GROWTH};
use crate::monitor::Monitor;
use crate::objective::factors::Columns;
use crate::objective::grid::evaluate;
use crate::objective::grid::pyramid::Floors;
use crate::objective::grid::single::point_flops;
use crate::objective::grid::tiles::{Passes, TileSet, Tiling, TILE_FLOPS};
use crate::objective::grid::workspace::Workspace;
use crate::objective::kernel::Grids;
use crate::objective::shape::Shape;
use crate::Result;

/// Largest grid that is planned, in bytes.
pub const GRID_BYTES: f64 = 2e9;

/// Largest pyramid that is planned, in bytes: a heavy tail spreads its map over many tiles.
pub const PYRAMID_BYTES: f64 = 4e9;

/// On one grid of spacing `h`, or on a pyramid from it upwards.
pub struct Grid {
    pub h: f64,
    pub grids: Grids,
}

impl Grid {
    fn tiling(&self, shape: &Shape) -> Option<Tiling> {
        match self.grids {
            Grids::Gaussian { .. } => Tiling::new(shape, self.h),
            Grids::Pyramid { .. } => Tiling::nested(shape, self.h),
        }
    }

    fn most_bytes(&self) -> f64 {
        match self.grids {
            Grids::Gaussian { .. } => GRID_BYTES,
            Grids::Pyramid { .. } => PYRAMID_BYTES,
        }
    }
}

impl Repulsion for Grid {
    fn cost(&self, columns: Columns, x: &[f64], shape: &Shape, most: f64) -> Option<f64> {
        let (d, width) = (shape.low.len(), columns.width);
        if d > 3 {
            return None;
        }
        let tiling = self.tiling(shape)?;
        if TILE_FLOPS * tiling.tiles() as f64 > most {
            return Some(f64::INFINITY);
        }
        let points = point_flops(x.len() / d, d, width);
        let cost = |sources: TileSet| match self.grids {
            Grids::Gaussian { .. } => {
                let passes = Passes::new(&tiling, sources.clone(), sources);
                (passes.bytes(width), points + passes.flops(width))
            }
            Grids::Pyramid { density, .. } => {
                let floors = Floors::new(&tiling, sources, density);
                (floors.bytes(width), points + floors.flops(width))
            }
        };
        let everywhere = match self.grids {
            Grids::Gaussian { .. } => Some(cost(tiling.everywhere())),
            Grids::Pyramid { .. } => None,
        };
        // Which tiles have points matters where the nodes cost more than the points.
        let (bytes, flops) = everywhere
            .filter(|&(bytes, flops)| bytes <= GRID_BYTES && flops <= 2.0 * points)
            .unwrap_or_else(|| cost(tiling.occupied_by(x)));
        (bytes <= self.most_bytes()).then_some(flops)
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
        let shape = Shape::new(x, psi.d);
        let tiling = self.tiling(&shape).ok_or_else(too_wide)?;
        let evaluate = match psi.d {
            1 => evaluate::<1>,
            2 => evaluate::<2>,
            _ => evaluate::<3>,
        };
        let most_bytes = GROWTH * self.most_bytes();
        let sum = evaluate(
            psi.factors,
            x,
            &tiling,
            self.grids,
            most_bytes,
            workspace,
            scale,
            gradient,
        )
        .ok_or_else(too_wide)?;
        // A point meets itself on the nodes.
        Ok(sum - psi.own())
    }
}
