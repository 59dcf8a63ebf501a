//! The fields of a map, kept to be read at points that are not of it.

use std::array::from_fn;

use super::super::aligned::Aligned;
use super::super::fields::Fields;
use super::super::kernel::CUTOFF_RADIUS;
use super::super::shape::Shape;
use super::super::spline;
use super::cells::{cell_of, sort_by_cell};
use super::convolve::convolve;
use super::spread::spread;
use super::taps::kernel_taps;
use super::{Extent, ORDER};

/// phi on nodes that reach as far as the kernel does.
#[derive(Debug)]
pub struct Nodes {
    /// Nodes x width.
    fields: Aligned<f64>,
    extent: Extent,
    h: f64,
    width: usize,
    inputs: usize,
}

impl Nodes {
    /// The fields of the points `x` with the rows q of `fields`, `None` where they would
    /// take more than `bytes`.
    pub fn new<const D: usize>(fields: &Fields, x: &[f64], h: f64, bytes: f64) -> Option<Self> {
        let mut shape = Shape::of(x, D);
        for a in 0..D {
            shape.low[a] -= CUTOFF_RADIUS;
            shape.high[a] += CUTOFF_RADIUS;
        }
        let width = fields.width;
        let extent = Extent::covering(&shape, h).filter(|extent| extent.bytes(width) <= bytes)?;
        let (points, _) = x.as_chunks::<D>();
        let sorted = sort_by_cell(points, h, &extent);
        let mut grid = Aligned::zeros(extent.nodes() * width);
        let mut image = Aligned::zeros(extent.nodes() * width);
        spread(fields, h, &extent, &sorted, &mut grid);
        let taps = kernel_taps(h, extent.extent[..D].iter().copied().max().unwrap_or(1));
        for axis in 0..D {
            convolve(&grid, &mut image, &taps, &extent, axis, width);
            std::mem::swap(&mut grid, &mut image);
        }
        Some(Nodes {
            fields: grid,
            extent,
            h,
            width,
            inputs: fields.inputs,
        })
    }

    /// S psi at `x` for the centred inputs `y`, and S grad psi: zero beyond the nodes.
    ///
    /// S psi = |y|^2 phi_1 + phi_{|y|^2} - 2 y . phi_y
    pub fn potential<const D: usize>(&self, y: &[f64], x: [f64; D]) -> (f64, [f64; D]) {
        let mut axes = [([0.0; ORDER], [0.0; ORDER]); D];
        let mut corner = 0;
        for a in 0..D {
            let cells = self.extent.extent[a] + 1 - ORDER;
            let place = x[a] / self.h - self.extent.low[a] as f64;
            // The comparison is false for NaN too.
            if !(place >= 0.0 && place < cells as f64) {
                return (0.0, [0.0; D]);
            }
            let (cell, t) = cell_of(x[a], self.h, self.extent.low[a]);
            axes[a] = spline::weights::<ORDER>(t);
            corner = corner * self.extent.extent[a] + cell.min(cells - 1);
        }
        let norm: f64 = y.iter().map(|v| v * v).sum();
        let (mut psi, mut gradient) = (0.0, [0.0; D]);
        for node in 0..ORDER.pow(D as u32) {
            let digits: [usize; D] = from_fn(|a| node / ORDER.pow((D - 1 - a) as u32) % ORDER);
            let offset = (0..D).fold(0, |index, a| index * self.extent.extent[a] + digits[a]);
            let phi = &self.fields[(corner + offset) * self.width..][..self.width];
            let product: f64 = y.iter().zip(phi).map(|(y, phi)| y * phi).sum();
            let value = norm * phi[self.inputs + 1] + phi[self.inputs] - 2.0 * product;
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
                *slope += value * (0..D).map(weight).product::<f64>() / self.h;
            }
        }
        (psi, gradient)
    }
}
