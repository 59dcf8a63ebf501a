//! From the points to the nodes.

use multiversion::multiversion;
use rayon::prelude::*;

use super::super::fields::{Fields, LANES};
use super::super::spline;
use super::cells::{cell_of, line_offset, Sorted, SLAB};
use super::{Extent, ORDER};

/// Adds every q_m, weighted by the splines, to the nodes around its point: slabs of even
/// number first, then those of odd number.
pub(super) fn spread<const D: usize>(
    fields: &Fields,
    points: &[[f64; D]],
    h: f64,
    extent: &Extent,
    sorted: &Sorted,
    grid: &mut [f64],
) {
    let width = fields.width;
    let row = extent.extent[1..D].iter().product::<usize>() * width;
    for parity in 0..2 {
        let skipped = (parity * SLAB * row).min(grid.len());
        grid[skipped..]
            .par_chunks_mut(2 * SLAB * row)
            .enumerate()
            .for_each(|(pair, nodes)| {
                let slab = 2 * pair + parity;
                if slab + 1 >= sorted.slabs.len() {
                    return;
                }
                let first_node = slab * SLAB * row / width;
                let mut scratch = Vec::new();
                for run in sorted.slabs[slab]..sorted.slabs[slab + 1] {
                    let ids = &sorted.ids[sorted.runs[run] as usize..sorted.runs[run + 1] as usize];
                    scratch.clear();
                    for &id in ids {
                        let point = &points[id as usize];
                        let axes: [[f64; ORDER]; D] = std::array::from_fn(|a| {
                            spline::weights::<ORDER>(cell_of(point[a], h, extent.low[a]).1).0
                        });
                        scratch.extend_from_slice(&axes);
                    }
                    let corner = sorted.corners[run] - first_node;
                    for line in 0..ORDER.pow(D as u32 - 1) {
                        let (offset, digits) = line_offset::<D>(line, extent);
                        // Weight of the line for each point: the product over the slow axes.
                        let line_weights = scratch.chunks_exact(D).map(|axes| {
                            let slow: f64 = (0..D - 1).map(|a| axes[a][digits[a]]).product();
                            axes[D - 1].map(|w| w * slow)
                        });
                        let weights: Vec<[f64; ORDER]> = line_weights.collect();
                        let start = (corner + offset) * width;
                        add_rows(
                            &mut nodes[start..start + ORDER * width],
                            &weights,
                            ids,
                            &fields.rows,
                            width,
                        );
                    }
                }
            });
    }
}

/// nodes_j += sum_i weights_ij q_i for the `ORDER` nodes of a line; `rows` holds the q.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn add_rows(nodes: &mut [f64], weights: &[[f64; ORDER]], ids: &[u32], rows: &[f64], width: usize) {
    for start in (0..width).step_by(LANES) {
        let mut sums = [[0.0; LANES]; ORDER];
        for (weights, &id) in weights.iter().zip(ids) {
            let row: &[f64; LANES] = rows[id as usize * width + start..][..LANES]
                .try_into()
                .unwrap();
            for j in 0..ORDER {
                for lane in 0..LANES {
                    sums[j][lane] += weights[j] * row[lane];
                }
            }
        }
        for j in 0..ORDER {
            for lane in 0..LANES {
                nodes[j * width + start + lane] += sums[j][lane];
            }
        }
    }
}
