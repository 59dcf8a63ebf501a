//! The fields of a map, kept to be read at points that are not of it.

use std::array::from_fn;

use super::super::fields::Fields;
use super::super::kernel::gaussian::CUTOFF_RADIUS;
use super::super::kernel::Kernel;
use super::super::pairs::TILE_FLOPS;
use super::super::shape::Shape;
use super::super::spline;
use super::cells::{cell_of, sort_by_cell};
use super::pyramid::{fields_around, ground, SIDE};
use super::tiles::{Passes, TileSet, Tiling};
use super::{convolved, Workspace, ORDER};
use crate::aligned::Aligned;

/// phi on nodes that reach as far as a Gaussian does, or around the points where the tail is heavy.
#[derive(Debug)]
pub struct Nodes {
    /// Tile by tile, as the gather reads them: line by line along the fastest axis, all
    /// nodes of a line for one field together.
    fields: Aligned<f64>,
    tiles: TileSet,
    tiling: Tiling,
    width: usize,
    inputs: usize,
}

impl Nodes {
    /// The fields of the points `x` with the rows q of `fields`, `None` where they would
    /// take more than `bytes`, or about `most_flops` multiplications and additions.
    pub fn new<const D: usize>(
        fields: &Fields,
        x: &[f64],
        kernel: Kernel,
        h: f64,
        bytes: f64,
        most_flops: f64,
    ) -> Option<Self> {
        let mut shape = Shape::of(x, D);
        // A Gaussian is nothing beyond; a heavy tail's nodes end with the tiles that touch those of points.
        let margin = match kernel.density() {
            Some(_) => SIDE as f64 * h,
            None => CUTOFF_RADIUS,
        };
        for a in 0..D {
            shape.low[a] -= margin;
            shape.high[a] += margin;
        }
        let (grid, tiles, tiling) = match kernel.density() {
            Some(density) => {
                let tiling = ground(&shape, h)?;
                if TILE_FLOPS * tiling.tiles() as f64 > most_flops {
                    return None;
                }
                let (grid, tiles) =
                    fields_around::<D>(fields, x, &tiling, density, bytes, most_flops)?;
                (grid, tiles, tiling)
            }
            None => {
                let tiling = Tiling::covering(&shape, h)?;
                let (points, _) = x.as_chunks::<D>();
                let sorted = sort_by_cell(points, &tiling);
                let passes = Passes::new(&tiling, sorted.tiles.clone(), tiling.everywhere());
                if passes.bytes(fields.width) > bytes || passes.flops(fields.width) > most_flops {
                    return None;
                }
                let mut workspace = Workspace::default();
                convolved(fields, &tiling, &sorted, &passes, &mut workspace);
                (workspace.grid, passes.sets[D].clone(), tiling)
            }
        };
        Some(Nodes {
            fields: grid,
            tiles,
            tiling,
            width: fields.width,
            inputs: fields.inputs,
        })
    }

    /// S psi at `x` for the centred inputs `y`, and S grad psi; `None` beyond the nodes.
    ///
    /// S psi = |y|^2 phi_1 + phi_{|y|^2} - 2 y . phi_y
    pub fn potential<const D: usize>(&self, y: &[f64], x: [f64; D]) -> Option<(f64, [f64; D])> {
        let tiling = &self.tiling;
        let mut axes = [([0.0; ORDER], [0.0; ORDER]); D];
        let mut corner = [0; D];
        let mut tile = 0;
        for a in 0..D {
            let cells = tiling.side[a] * tiling.count[a];
            let place = (x[a] / tiling.h).floor() - tiling.low[a] as f64;
            // The comparison is false for NaN too.
            if !(place >= 0.0 && place < cells as f64) {
                return None;
            }
            let (cell, t) = cell_of(x[a], tiling.h, tiling.low[a]);
            axes[a] = spline::weights::<ORDER>(t);
            tile = tile * tiling.count[a] + cell / tiling.side[a];
            corner[a] = cell % tiling.side[a];
        }
        let slot = self.tiles.slot(tile)?;
        let size = tiling.nodes() * self.width;
        let nodes = &self.fields[slot * size..][..size];
        let length = tiling.extent[D - 1];
        let norm: f64 = y.iter().map(|v| v * v).sum();
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
        Some((psi, gradient))
    }
}
