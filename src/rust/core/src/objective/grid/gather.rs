//! From the nodes back to the points.

use multiversion::multiversion;
use rayon::prelude::*;

use super::super::fields::{Fields, LANES};
use super::super::spline;
use super::cells::{cell_of, line_offset, Sorted};
use super::{Extent, ORDER};

/// Points gathered by one task.
pub(super) const GATHER: usize = 512;

/// What one task of the gather brings back.
pub(super) struct Forces {
    pub(super) energy: f64,
    pub(super) slopes: Vec<f64>,
}

/// S psi_n and S grad phi(x_n) . c_n of every point, in the order of `sorted`.
pub(super) fn gather<const D: usize>(
    fields: &Fields,
    points: &[[f64; D]],
    h: f64,
    extent: &Extent,
    sorted: &Sorted,
    grid: &[f64],
) -> Vec<Forces> {
    let width = fields.width;
    sorted
        .ids
        .par_chunks(GATHER)
        .map(|ids| {
            let mut energy = 0.0;
            let mut slopes = Vec::with_capacity(ids.len() * D);
            for &id in ids {
                let point = &points[id as usize];
                let cells: [(usize, f64); D] =
                    std::array::from_fn(|a| cell_of(point[a], h, extent.low[a]));
                let axes = cells.map(|(_, t)| spline::weights::<ORDER>(t));
                let corner = (0..D).fold(0, |index, a| index * extent.extent[a] + cells[a].0);
                let mut slope = [0.0; D];
                for line in 0..ORDER.pow(D as u32 - 1) {
                    let (offset, digits) = line_offset::<D>(line, extent);
                    let start = (corner + offset) * width;
                    let products =
                        line_products(&grid[start..start + ORDER * width], fields.row(id as usize));
                    let (fast, fast_slope) = &axes[D - 1];
                    let along: f64 = (0..ORDER).map(|j| fast[j] * products[j]).sum();
                    let along_slope: f64 = (0..ORDER).map(|j| fast_slope[j] * products[j]).sum();
                    let slow: f64 = (0..D - 1).map(|a| axes[a].0[digits[a]]).product();
                    energy += slow * along;
                    slope[D - 1] += slow * along_slope;
                    for a in 0..D - 1 {
                        let others: f64 = (0..D - 1)
                            .map(|b| {
                                if b == a {
                                    axes[b].1[digits[b]]
                                } else {
                                    axes[b].0[digits[b]]
                                }
                            })
                            .product();
                        slope[a] += others * along;
                    }
                }
                slopes.extend(slope.map(|s| s / h));
            }
            Forces { energy, slopes }
        })
        .collect()
}

/// Products of the `ORDER` nodes of a line with one row.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn line_products(nodes: &[f64], row: &[f64]) -> [f64; ORDER] {
    let width = row.len();
    let mut sums = [[0.0; LANES]; ORDER];
    for start in (0..width).step_by(LANES) {
        let row: &[f64; LANES] = row[start..][..LANES].try_into().unwrap();
        for j in 0..ORDER {
            let node: &[f64; LANES] = nodes[j * width + start..][..LANES].try_into().unwrap();
            for lane in 0..LANES {
                sums[j][lane] += node[lane] * row[lane];
            }
        }
    }
    sums.map(|lanes| lanes.iter().sum())
}
