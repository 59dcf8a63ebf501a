//! Repulsion in linear time: D + 2 fields on a regular grid over the embedding.
//!
//! psi_n = c_n . phi(x_n) with phi(x) = sum_m q_m exp(-|x - x_m|^2) (see [`Fields`]).
//! The q_m are spread onto nodes with cubic B-splines B, convolved with a kernel k on
//! the nodes, and gathered with the same splines, so that what is computed is exactly
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

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use multiversion::multiversion;
use rayon::prelude::*;

use super::fields::{Fields, LANES};
use super::kernel::{fourier, CUTOFF_RADIUS};
use super::spline;

/// Order of the spline: nodes that a point meets along an axis.
pub const ORDER: usize = 4;

/// Cells per slab along the slowest axis. Points of a slab touch `SLAB + ORDER - 1`
/// rows of nodes, so slabs two apart never meet and can be filled at the same time.
const SLAB: usize = 4;

/// Points gathered by one task.
const GATHER: usize = 512;

/// Numbers in one task of a convolution.
const CONVOLVE: usize = 1 << 14;

/// Nodes that cover the points, `extent[0]` the slowest axis, at whole multiples of h.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    low: [i64; 3],
    extent: [usize; 3],
    axes: usize,
}

impl Extent {
    /// The smallest grid of spacing `h` that covers the points, `None` where it would
    /// have more than 2^40 nodes or a coordinate is not finite.
    pub fn covering(x: &[f64], d: usize, h: f64) -> Option<Self> {
        let mut low = [0i64; 3];
        let mut extent = [1usize; 3];
        let mut nodes = 1f64;
        for a in 0..d {
            let column = x.iter().skip(a).step_by(d);
            let (smallest, largest) = column
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| {
                    (l.min(v), h.max(v))
                });
            let cells = (largest / h).floor() - (smallest / h).floor() + 1.0;
            nodes *= cells + (ORDER - 1) as f64;
            // The comparison is false for NaN too.
            if !(nodes < (1u64 << 40) as f64) || !(smallest / h).is_finite() {
                return None;
            }
            low[a] = (smallest / h).floor() as i64;
            extent[a] = cells as usize + ORDER - 1;
        }
        Some(Extent {
            low,
            extent,
            axes: d,
        })
    }

    /// Number of nodes.
    pub fn nodes(&self) -> usize {
        self.extent.iter().product()
    }

    /// Multiplications and additions of one evaluation for n points.
    pub fn flops(&self, n: usize, width: usize, h: f64) -> f64 {
        let reach = 2.0 * (CUTOFF_RADIUS / h).ceil() + 1.0;
        let taps: f64 = self.extent[..self.axes]
            .iter()
            .map(|&e| reach.min(e as f64))
            .sum();
        let points = 4.0 * n as f64 * (ORDER as f64).powi(self.axes as i32);
        (points + 2.0 * taps * self.nodes() as f64) * width as f64
    }

    /// Bytes of one evaluation: the grid and its image under the convolution.
    pub fn bytes(&self, width: usize) -> f64 {
        16.0 * self.nodes() as f64 * width as f64
    }
}

/// Buffers that are kept from one evaluation to the next.
#[derive(Debug, Default)]
pub struct Workspace {
    grid: Vec<f64>,
    image: Vec<f64>,
}

/// Points in the order of their cells.
struct Sorted {
    /// Ids of the points.
    ids: Vec<u32>,
    /// Start of each run of points with the same cell, and one past the last.
    runs: Vec<u32>,
    /// Index of the first node that each run's points meet.
    corners: Vec<usize>,
    /// First run of every slab, and one past the last.
    slabs: Vec<usize>,
}

/// psi = sum_nm w-_nm K(x_n, x_m); its gradient times `scale` is added to `gradient`.
pub fn evaluate(
    fields: &Fields,
    x: &[f64],
    d: usize,
    h: f64,
    extent: &Extent,
    workspace: &mut Workspace,
    scale: f64,
    gradient: &mut [f64],
) -> f64 {
    match d {
        1 => evaluate_in::<1>(fields, x, h, extent, workspace, scale, gradient),
        2 => evaluate_in::<2>(fields, x, h, extent, workspace, scale, gradient),
        _ => evaluate_in::<3>(fields, x, h, extent, workspace, scale, gradient),
    }
}

fn evaluate_in<const D: usize>(
    fields: &Fields,
    x: &[f64],
    h: f64,
    extent: &Extent,
    workspace: &mut Workspace,
    scale: f64,
    gradient: &mut [f64],
) -> f64 {
    let (points, _) = x.as_chunks::<D>();
    let width = fields.width;
    let sorted = sort_by_cell(points, h, extent);

    workspace.grid.clear();
    workspace.grid.resize(extent.nodes() * width, 0.0);
    workspace.image.resize(extent.nodes() * width, 0.0);
    spread(fields, points, h, extent, &sorted, &mut workspace.grid);
    let taps = kernel_taps(h, extent.extent[..D].iter().copied().max().unwrap_or(1));
    for axis in 0..D {
        convolve(
            &workspace.grid,
            &mut workspace.image,
            &taps,
            extent,
            axis,
            width,
        );
        std::mem::swap(&mut workspace.grid, &mut workspace.image);
    }
    workspace.grid.par_chunks_exact_mut(width).for_each(|node| {
        // c_n . phi = (-2 phi_y . y_n + phi_{|y|^2} + phi_1 |y_n|^2) / S: with these
        // changes of place and sign it is the product of the node with row q_n.
        node[..fields.inputs].iter_mut().for_each(|v| *v *= -2.0);
        node.swap(fields.inputs, fields.inputs + 1);
    });

    let forces = gather::<D>(fields, points, h, extent, &sorted, &workspace.grid);
    let mut energy = 0.0;
    let factor = 2.0 * scale / fields.total;
    let (gradient, _) = gradient.as_chunks_mut::<D>();
    for (task, (part, ids)) in forces.iter().zip(sorted.ids.chunks(GATHER)).enumerate() {
        debug_assert!(task * GATHER < sorted.ids.len());
        energy += part.energy;
        for (&id, slope) in ids.iter().zip(part.slopes.chunks_exact(D)) {
            for a in 0..D {
                gradient[id as usize][a] += factor * slope[a];
            }
        }
    }
    energy / fields.total
}

/// Cell of a coordinate relative to the grid, and the place within the cell in [0, 1).
#[inline(always)]
fn cell_of(value: f64, h: f64, low: i64) -> (usize, f64) {
    let u = value / h;
    let floor = u.floor();
    ((floor as i64 - low) as usize, u - floor)
}

fn sort_by_cell<const D: usize>(points: &[[f64; D]], h: f64, extent: &Extent) -> Sorted {
    let corner_of = |point: &[f64; D]| {
        (0..D).fold(0, |index, a| {
            index * extent.extent[a] + cell_of(point[a], h, extent.low[a]).0
        })
    };
    let mut keyed: Vec<(usize, u32)> = points
        .par_iter()
        .enumerate()
        .map(|(i, point)| (corner_of(point), i as u32))
        .collect();
    keyed.par_sort_unstable();
    let row = extent.extent[1..D].iter().product::<usize>();
    let rows = extent.extent[0] + 1 - ORDER;
    let (mut runs, mut corners) = (Vec::new(), Vec::new());
    let mut slabs = vec![0; rows.div_ceil(SLAB) + 1];
    for (place, &(corner, _)) in keyed.iter().enumerate() {
        if corners.last() != Some(&corner) {
            runs.push(place as u32);
            corners.push(corner);
            slabs[corner / row / SLAB + 1] = corners.len();
        }
    }
    runs.push(keyed.len() as u32);
    for slab in 1..slabs.len() {
        slabs[slab] = slabs[slab].max(slabs[slab - 1]);
    }
    Sorted {
        ids: keyed.into_iter().map(|(_, id)| id).collect(),
        runs,
        corners,
        slabs,
    }
}

/// Taps k(0), k(1), … of the kernel along one axis, as far as `extent` or the cutoff.
///
/// k^ = K^ B^^2 / (sum_l B^(theta + 2 pi l)^2)^2 minimises the mean squared error of
/// K(x, y) over the positions of the pair within their cells; the sum in it is the
/// Fourier series of the spline of twice the order at the nodes. k follows by the
/// trapezoidal rule, which is exact to rounding here: the integrand is smooth and
/// periodic, or has died out within the period.
fn kernel_taps(h: f64, extent: usize) -> Vec<f64> {
    let count = extent.min((CUTOFF_RADIUS / h).ceil() as usize + 1);
    // exp(-theta^2 / 4h^2) < 1e-18 beyond 13 h; the copies of k that the rule adds lie
    // 2 pi / step nodes away, where exp(-(distance h)^2) < 1e-18 as well.
    let step = std::f64::consts::TAU / (count as f64 + 6.5 / h).ceil();
    let last = (std::f64::consts::PI.min(13.0 * h) / step).ceil() as usize;
    let double = spline_at_nodes();
    let mut taps = vec![0.0; count];
    for m in 0..=last {
        let theta = m as f64 * step;
        if theta > std::f64::consts::PI {
            break;
        }
        let squares: f64 = double[0]
            + 2.0
                * (1..ORDER)
                    .map(|j| double[j] * (j as f64 * theta).cos())
                    .sum::<f64>();
        let influence =
            fourier(theta, h) * spline::transfer(theta, ORDER).powi(2) / (squares * squares);
        let both_signs = if m == 0 || theta == std::f64::consts::PI {
            1.0
        } else {
            2.0
        };
        for (j, tap) in taps.iter_mut().enumerate() {
            *tap += both_signs * influence * (theta * j as f64).cos();
        }
    }
    taps.iter_mut()
        .for_each(|tap| *tap *= step / std::f64::consts::TAU);
    taps
}

/// The spline of order 2 `ORDER` at 0, 1, …, ORDER - 1 nodes from its centre.
fn spline_at_nodes() -> [f64; ORDER] {
    let (weights, _) = spline::weights::<{ 2 * ORDER }>(0.0);
    std::array::from_fn(|j| weights[ORDER - 1 + j])
}

fn spread<const D: usize>(
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
                        add_line(
                            &mut nodes[start..start + ORDER * width],
                            &weights,
                            ids,
                            fields,
                        );
                    }
                }
            });
    }
}

/// Offset in nodes of one line of `ORDER` nodes along the fastest axis, and the line's
/// place along each slower axis.
#[inline(always)]
fn line_offset<const D: usize>(line: usize, extent: &Extent) -> (usize, [usize; D]) {
    let mut digits = [0; D];
    let mut rest = line;
    for a in (0..D - 1).rev() {
        digits[a] = rest % ORDER;
        rest /= ORDER;
    }
    (
        (0..D).fold(0, |index, a| index * extent.extent[a] + digits[a]),
        digits,
    )
}

/// nodes_j += sum_i weights_ij q_i for the `ORDER` nodes of a line.
fn add_line(nodes: &mut [f64], weights: &[[f64; ORDER]], ids: &[u32], fields: &Fields) {
    add_rows(nodes, weights, ids, &fields.rows, fields.width);
}

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

/// What one task of the gather brings back.
struct Forces {
    energy: f64,
    slopes: Vec<f64>,
}

fn gather<const D: usize>(
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

/// Convolves the grid along one axis: a banded symmetric Toeplitz matrix times the grid
/// seen as (slower axes) x axis x (faster axes and fields), block of rows by block.
fn convolve(
    grid: &[f64],
    image: &mut [f64],
    taps: &[f64],
    extent: &Extent,
    axis: usize,
    width: usize,
) {
    let length = extent.extent[axis];
    let inner = extent.extent[axis + 1..extent.axes]
        .iter()
        .product::<usize>()
        * width;
    let reach = taps.len() - 1;
    // A block of rows meets `block + 2 reach` columns of which the band covers
    // 2 reach + 1: lower blocks waste fewer products, too low ones starve the kernel.
    let block = reach.clamp(16, length.max(16)).min(length);
    let band: Vec<f64> = (0..block * (block + 2 * reach))
        .map(|at| {
            let (row, column) = (at / (block + 2 * reach), at % (block + 2 * reach));
            taps.get((row + reach).abs_diff(column))
                .copied()
                .unwrap_or(0.0)
        })
        .collect();
    let columns = (CONVOLVE / length).max(LANES).min(inner);
    image
        .par_chunks_mut(length * inner)
        .zip(grid.par_chunks(length * inner))
        .for_each(|(image, grid)| {
            let source = MatRef::from_row_major_slice(grid, length, inner);
            let target = MatMut::from_row_major_slice_mut(image, length, inner);
            let mut chunks = Vec::with_capacity(inner.div_ceil(columns));
            let mut rest = target;
            while rest.ncols() > columns {
                let (chunk, later) = rest.split_at_col_mut(columns);
                chunks.push(chunk);
                rest = later;
            }
            chunks.push(rest);
            chunks
                .into_par_iter()
                .enumerate()
                .for_each(|(chunk, mut target)| {
                    let source = source.subcols(chunk * columns, target.ncols());
                    for first in (0..length).step_by(block) {
                        let rows = block.min(length - first);
                        let from = first.saturating_sub(reach);
                        let to = (first + rows + reach).min(length);
                        let band = MatRef::from_row_major_slice(&band, block, block + 2 * reach)
                            .submatrix(0, from + reach - first, rows, to - from);
                        matmul(
                            target.as_mut().subrows_mut(first, rows),
                            Accum::Replace,
                            band,
                            source.subrows(from, to - from),
                            1.0,
                            Par::Seq,
                        );
                    }
                });
        });
}
