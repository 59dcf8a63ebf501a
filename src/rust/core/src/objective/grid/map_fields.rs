//! The fields of a map, kept to be read at points that are not of it.

use std::array::from_fn;

use super::super::factors::Factors;
use super::super::kernel::gaussian::CUTOFF_RADIUS;
use super::super::shape::Shape;
use super::super::spline::{self, ORDER};
use super::bins::sort_by_bin;
use super::pyramid::fields_around;
use super::single::convolved;
use super::tiles::{bin_of, Passes, TileSet, Tiling, SIDE, TILE_FLOPS};
use super::workspace::Workspace;
use crate::aligned::Aligned;

/// phi on the nodes around a map.
#[derive(Debug)]
pub struct MapFields {
    /// Tile by tile, as the gather reads them: line by line along the fastest axis, all
    /// nodes of a line for one field together.
    fields: Aligned<f64>,
    tiles: TileSet,
    tiling: Tiling,
    width: usize,
    inputs: usize,
}

/// The shape of X with a margin on all sides.
fn widened(x: &[f64], d: usize, margin: f64) -> Shape {
    let mut shape = Shape::new(x, d);
    shape.low.iter_mut().for_each(|low| *low -= margin);
    shape.high.iter_mut().for_each(|high| *high += margin);
    shape
}

impl MapFields {
    /// The fields of the points `x` with the rows q of `factors` on one grid, as far as a
    /// Gaussian reaches. `None` where they would take more than `bytes`, or about `most_flops`
    /// multiplications and additions.
    pub fn from_grid<const D: usize>(
        factors: &Factors,
        x: &[f64],
        h: f64,
        bytes: f64,
        most_flops: f64,
    ) -> Option<Self> {
        let tiling = Tiling::new(&widened(x, D, CUTOFF_RADIUS), h)?;
        let (points, _) = x.as_chunks::<D>();
        let sorted = sort_by_bin(points, &tiling);
        let passes = Passes::new(&tiling, sorted.tiles.clone(), tiling.everywhere());
        if passes.bytes(factors.width) > bytes || passes.flops(factors.width) > most_flops {
            return None;
        }
        let mut workspace = Workspace::default();
        convolved(factors, &tiling, &sorted, &passes, &mut workspace);
        Some(MapFields {
            fields: workspace.grid,
            tiles: passes.sets[D].clone(),
            tiling,
            width: factors.width,
            inputs: factors.inputs,
        })
    }

    /// The same on a pyramid, for the kernel with this density, on the tiles of points and those
    /// that touch them.
    pub fn from_pyramid<const D: usize>(
        factors: &Factors,
        x: &[f64],
        density: fn(f64) -> f64,
        h: f64,
        bytes: f64,
        most_flops: f64,
    ) -> Option<Self> {
        let tiling = Tiling::nested(&widened(x, D, SIDE as f64 * h), h)?;
        if TILE_FLOPS * tiling.tiles() as f64 > most_flops {
            return None;
        }
        let (fields, tiles) = fields_around::<D>(factors, x, &tiling, density, bytes, most_flops)?;
        Some(MapFields {
            fields,
            tiles,
            tiling,
            width: factors.width,
            inputs: factors.inputs,
        })
    }

    /// S psi at `x` for the centred inputs `y`, and S grad psi; `None` beyond the nodes.
    ///
    /// S psi = |y|^2 phi_1 + phi_{|y|^2} - 2 y . phi_y
    ///
    /// `offset` is added to |y|^2, see [`Factors::offset`].
    pub fn potential<const D: usize>(
        &self,
        y: &[f64],
        offset: f64,
        x: &[f64],
    ) -> Option<(f64, Vec<f64>)> {
        let tiling = &self.tiling;
        let mut axes = [([0.0; ORDER], [0.0; ORDER]); D];
        let mut corner = [0; D];
        let mut tile = 0;
        for a in 0..D {
            let bins = tiling.side[a] * tiling.count[a];
            let bin = (x[a] / tiling.h).floor() - tiling.low[a] as f64;
            // The comparison is false for NaN too.
            if !(bin >= 0.0 && bin < bins as f64) {
                return None;
            }
            let (bin, t) = bin_of(x[a], tiling.h, tiling.low[a]);
            axes[a] = spline::weights::<ORDER>(t);
            tile = tile * tiling.count[a] + bin / tiling.side[a];
            corner[a] = bin % tiling.side[a];
        }
        let slot = self.tiles.slot(tile)?;
        let size = tiling.nodes() * self.width;
        let nodes = &self.fields[slot * size..][..size];
        let length = tiling.extent[D - 1];
        let norm = y.iter().map(|v| v * v).sum::<f64>() + offset;
        let (mut psi, mut gradient) = (0.0, [0.0; D]);
        for node in 0..ORDER.pow(D as u32) {
            let digits: [usize; D] = from_fn(|a| node / ORDER.pow((D - 1 - a) as u32) % ORDER);
            let line =
                (0..D - 1).fold(0, |line, a| line * tiling.extent[a] + corner[a] + digits[a]);
            let start = line * self.width * length + corner[D - 1] + digits[D - 1];
            let phi = |field: usize| nodes[start + field * length];
            let product: f64 = y.iter().enumerate().map(|(field, y)| y * phi(field)).sum();
            let value = norm * phi(self.inputs + 1) + phi(self.inputs) - 2.0 * product;
            psi += value * (0..D).map(|a| axes[a].0[digits[a]]).product::<f64>();
            for (along, slope) in gradient.iter_mut().enumerate() {
                let weight = |a: usize| {
                    let (values, slopes) = &axes[a];
                    if a == along {
                        slopes[digits[a]]
                    } else {
                        values[digits[a]]
                    }
                };
                *slope += value * (0..D).map(weight).product::<f64>() / tiling.h;
            }
        }
        Some((psi, gradient.to_vec()))
    }
}
