//! Densities: the correlation of local radii in data and map (Narayan, Berger and Cho 2021,
//! "Assessing single-cell transcriptomic variability through density-preserving data
//! visualization").
//!
//! ```text
//! E_densities(X) = -nu cov(L, l) / sqrt(var L (var l + 1/10))
//! L_n = log(R_n / R + 1/100),    R_n = sum_m p_nm |y_n - y_m|^2,    p_nm = w+_nm / sum_m w+_nm
//! l_n = sum_m p_nm log(1 + |x_n - x_m|^2)
//! ```
//!
//! over the cells, each as often as its mass says. R is the median of the R_n that are not zero.
//! L_n is the logarithm of a squared local radius in the data, l_n that on the map.
//!
//! **On the map it is a mean of logarithms.** Some of a cell's neighbours lie far from it on any
//! map, and they would rule the logarithm of a mean. With nu = 1 the rank correlation of local
//! radii on 10,000 blood cells is .88 by the former and .30 by the latter.
//!
//! **A hundredth** is the least that a squared radius counts as: equal cells have radii of zero,
//! whose logarithms would rule the correlation.
//!
//! **A tenth**, as in densMAP, lets the term fade where the whole map is close to one point. A
//! correlation does not know the size of a map.

use multiversion::multiversion;
use rayon::prelude::*;

use super::factors::Factors;
use crate::affinity::Weights;
use crate::logarithm::ln;
use crate::masses::{weighted_median, Masses};
use crate::neighbors::squared_distance;

/// What is added to a squared radius of the data, in medians.
const LEAST_RADIUS: f64 = 1e-2;

/// What is added to the variance of l.
const ADDED_VARIANCE: f64 = 0.1;

/// Variance of L that is more than rounding.
const LEAST_VARIANCE: f64 = 1e-18;

/// Rows whose radii one task finds.
const ROWS: usize = 256;

/// Neighbours of a cell that are handled at once.
const BLOCK: usize = 64;

/// Sums that run side by side.
const LANES: usize = 8;

/// What the term needs to know of the inputs.
#[derive(Debug)]
pub struct Densities {
    /// nu
    weight: f64,
    /// L about its mean, of length 1.
    radii: Vec<f64>,
    /// 1 / sum_m w+_nm; 0 for a cell without neighbours.
    shares: Vec<f64>,
}

impl Densities {
    /// `weight`: nu. `None` where it is zero, and where all radii of the inputs are alike.
    pub fn new(factors: &Factors, weights: &Weights, weight: f64) -> Option<Self> {
        if weight == 0.0 {
            return None;
        }
        let degrees = weights.degrees().into_iter();
        let shares: Vec<f64> = degrees
            .map(|degree| if degree > 0.0 { 1.0 / degree } else { 0.0 })
            .collect();
        let mut radii = squared_radii(factors, weights, &shares);
        let masses = &factors.masses;
        let of_mass = radii.iter().enumerate().map(|(n, &r)| (r, masses.of(n)));
        let median = weighted_median(of_mass.filter(|(r, _)| *r > 0.0).collect())?;
        for radius in &mut radii {
            *radius = (*radius / median + LEAST_RADIUS).ln();
        }
        let length = about_mean(masses, &mut radii);
        if length * length <= LEAST_VARIANCE * masses.total() {
            return None;
        }
        radii.iter_mut().for_each(|radius| *radius /= length);
        Some(Densities {
            weight,
            radii,
            shares,
        })
    }

    /// E_densities(X); its gradient is added to `gradient`.
    ///
    /// ```text
    /// s_n = dE / dl_n / sum_m w+_nm
    /// grad_n = 2 sum_m w+_nm (s_n + s_m) / (1 + |x_n - x_m|^2) (x_n - x_m)
    /// ```
    pub fn add(
        &self,
        masses: &Masses,
        weights: &Weights,
        x: &[f64],
        d: usize,
        gradient: &mut [f64],
    ) -> f64 {
        let mut sums = vec![[0.0]; self.radii.len()];
        weights.sum_rows(&mut sums, |n, columns, weights| {
            [sum_logarithms(x, d, n, columns, weights)]
        });
        let mut radii: Vec<f64> = sums
            .iter()
            .zip(&self.shares)
            .map(|([sum], share)| sum * share)
            .collect();
        let length = about_mean(masses, &mut radii);
        let size = (length * length + ADDED_VARIANCE * masses.total()).sqrt();
        let correlation = weighted_dot(masses, &self.radii, &radii) / size;
        // corr = sum m L l / size: d corr / dl_n = m_n (L_n - corr l_n / size) / size.
        let slopes: Vec<f64> = radii
            .iter()
            .zip(&self.radii)
            .zip(&self.shares)
            .enumerate()
            .map(|(n, ((l, data), share))| {
                let slope = (data - correlation * l / size) / size;
                -self.weight * masses.of(n) * slope * share
            })
            .collect();
        weights.each_row(gradient, d, |n, columns, weights, gradient| {
            add_pulls(x, &slopes, n, columns, weights, gradient);
        });
        -self.weight * correlation
    }
}

/// R_n of every cell.
fn squared_radii(factors: &Factors, weights: &Weights, shares: &[f64]) -> Vec<f64> {
    let mut radii = vec![0.0; factors.n];
    radii
        .par_chunks_mut(ROWS)
        .enumerate()
        .for_each(|(task, radii)| {
            let mut rows = [vec![0.0; factors.width], vec![0.0; factors.width]];
            for (n, radius) in (task * ROWS..).zip(radii) {
                let [own, other] = &mut rows;
                factors.copy_rows(&[n as u32], own);
                for (m, weight) in weights.row(n) {
                    factors.copy_rows(&[m], other);
                    let inputs = factors.inputs;
                    *radius += weight * squared_distance(&own[..inputs], &other[..inputs]);
                }
                *radius *= shares[n];
            }
        });
    radii
}

/// Subtracts the mean; returns the length of what is left.
fn about_mean(masses: &Masses, values: &mut [f64]) -> f64 {
    let sum: f64 = (0..).zip(&*values).map(|(n, v)| masses.of(n) * v).sum();
    let mean = sum / masses.total();
    values.iter_mut().for_each(|value| *value -= mean);
    weighted_dot(masses, values, values).sqrt()
}

/// sum_n m_n a_n b_n
fn weighted_dot(masses: &Masses, a: &[f64], b: &[f64]) -> f64 {
    let products = a.iter().zip(b).enumerate();
    products.map(|(n, (a, b))| masses.of(n) * (a * b)).sum()
}

/// |x_n - x_m|^2 of up to [`BLOCK`] neighbours; the rest of the block becomes zero.
#[inline(always)]
fn squared_distances(x: &[f64], d: usize, n: usize, columns: &[u32]) -> [f64; BLOCK] {
    let x_n = &x[n * d..][..d];
    let mut squares = [0.0; BLOCK];
    for (square, &m) in squares.iter_mut().zip(columns) {
        let x_m = &x[m as usize * d..][..d];
        *square = x_n.iter().zip(x_m).map(|(a, b)| (a - b) * (a - b)).sum();
    }
    squares
}

/// sum_m w+_nm log(1 + |x_n - x_m|^2)
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn sum_logarithms(x: &[f64], d: usize, n: usize, columns: &[u32], weights: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    for (columns, weights) in columns.chunks(BLOCK).zip(weights.chunks(BLOCK)) {
        let mut terms = squared_distances(x, d, n, columns);
        for (term, weight) in terms.iter_mut().zip(weights) {
            *term = weight * ln(1.0 + *term);
        }
        let (terms, _) = terms.as_chunks::<LANES>();
        for terms in &terms[..weights.len().div_ceil(LANES)] {
            for (sum, term) in sums.iter_mut().zip(terms) {
                *sum += term;
            }
        }
    }
    sums.iter().sum()
}

/// Adds 2 sum_m w+_nm (s_n + s_m) / (1 + |x_n - x_m|^2) (x_n - x_m) to the gradient of a cell.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn add_pulls(
    x: &[f64],
    slopes: &[f64],
    n: usize,
    columns: &[u32],
    weights: &[f64],
    gradient: &mut [f64],
) {
    let d = gradient.len();
    let x_n = &x[n * d..][..d];
    let mut others = [0.0; BLOCK];
    for (columns, weights) in columns.chunks(BLOCK).zip(weights.chunks(BLOCK)) {
        let mut pulls = squared_distances(x, d, n, columns);
        for (other, &m) in others.iter_mut().zip(columns) {
            *other = slopes[m as usize];
        }
        for ((pull, other), weight) in pulls.iter_mut().zip(&others).zip(weights) {
            *pull = 2.0 * weight * (slopes[n] + other) / (1.0 + *pull);
        }
        for (pull, &m) in pulls.iter().zip(columns) {
            let x_m = &x[m as usize * d..][..d];
            for (g, (a, b)) in gradient.iter_mut().zip(x_n.iter().zip(x_m)) {
                *g += pull * (a - b);
            }
        }
    }
}
