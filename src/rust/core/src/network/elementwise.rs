//! Normalisation and activation of blocks of cells, and what goes back through them.
//!
//! A block holds some cells by rows. What is known of each unit is repeated over many rows. So the
//! loops run over whole vector registers, whatever the width of the layer.

use multiversion::multiversion;

use super::activation::{Activation, Gelu, LeakyRelu, Nonlinearity, Relu, Tanh};
use super::real::Real;

/// Numbers in the widest vector register.
const LANES: usize = 16;

/// Rows after which a layer of this width starts at the start of a register again.
fn rows_of_pattern(width: usize) -> usize {
    let mut rows = LANES;
    while rows.is_multiple_of(2) && (width * rows / 2).is_multiple_of(LANES) {
        rows /= 2;
    }
    rows
}

/// A number for every unit, repeated.
pub fn pattern<T: Real>(units: impl Iterator<Item = f64> + Clone, width: usize) -> Vec<T> {
    let rows = rows_of_pattern(width);
    (0..rows)
        .flat_map(|_| units.clone())
        .map(T::from_f64)
        .collect()
}

/// Zeros that take the sums of the units.
pub fn zero_pattern<T: Real>(width: usize) -> Vec<T> {
    vec![T::ZERO; width * rows_of_pattern(width)]
}

/// Adds the sums of a pattern to those of its units, and clears it.
pub fn fold<T: Real>(pattern: &mut [T], sums: &mut [f64]) {
    for row in pattern.chunks_exact_mut(sums.len()) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value.wide();
            *value = T::ZERO;
        }
    }
}

/// y = gamma t + beta with t = (z - mean) / deviation, for the units of a layer; t = z and
/// gamma = 1 where it is not normalised.
pub struct Normal<T> {
    mean: Vec<T>,
    /// 1 / deviation
    inverse: Vec<T>,
    gamma: Vec<T>,
    beta: Vec<T>,
}

impl<T: Real> Normal<T> {
    /// Patterns of what is given for each unit.
    pub fn new(mean: &[f64], inverse: &[f64], gamma: &[f64], beta: &[f64]) -> Self {
        let repeated = |units: &[f64]| pattern(units.iter().copied(), units.len());
        Normal {
            mean: repeated(mean),
            inverse: repeated(inverse),
            gamma: repeated(gamma),
            beta: repeated(beta),
        }
    }
}

/// What the gradient of a batch with respect to t loses to the means of the batch:
///
/// dz = (gamma / deviation) (dy - mean(dy) - t mean(dy t))
pub struct Backward<T> {
    factor: Vec<T>,
    mean: Vec<T>,
    mean_product: Vec<T>,
}

impl<T: Real> Backward<T> {
    /// Patterns of what is given for each unit: gamma / deviation and the two means.
    pub fn new(factor: &[f64], mean: &[f64], mean_product: &[f64]) -> Self {
        let repeated = |units: &[f64]| pattern(units.iter().copied(), units.len());
        Backward {
            factor: repeated(factor),
            mean: repeated(mean),
            mean_product: repeated(mean_product),
        }
    }
}

macro_rules! with_activation {
    ($activation:expr, $function:ident($($argument:expr),*)) => {
        match $activation {
            Activation::Relu => $function::<T, Relu>($($argument),*),
            Activation::LeakyRelu => $function::<T, LeakyRelu>($($argument),*),
            Activation::Gelu => $function::<T, Gelu>($($argument),*),
            Activation::Tanh => $function::<T, Tanh>($($argument),*),
        }
    };
}

/// a = f(y)
pub fn activate<T: Real>(activation: Activation, normal: &Normal<T>, z: &[T], a: &mut [T]) {
    with_activation!(activation, activate_in(normal, z, a));
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn activate_in<T: Real, F: Nonlinearity>(normal: &Normal<T>, z: &[T], a: &mut [T]) {
    let length = normal.mean.len();
    for (z, a) in z.chunks(length).zip(a.chunks_mut(length)) {
        let (mean, inverse) = (&normal.mean[..z.len()], &normal.inverse[..z.len()]);
        let (gamma, beta) = (&normal.gamma[..z.len()], &normal.beta[..z.len()]);
        let a = &mut a[..z.len()];
        for i in 0..z.len() {
            let t = (z[i] - mean[i]) * inverse[i];
            a[i] = F::value(gamma[i] * t + beta[i]);
        }
    }
}

/// Adds z and z^2 of every unit to `sums` and `squares`, two patterns.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
pub fn add_moments<T: Real>(z: &[T], sums: &mut [T], squares: &mut [T]) {
    for z in z.chunks(sums.len()) {
        let (sums, squares) = (&mut sums[..z.len()], &mut squares[..z.len()]);
        for i in 0..z.len() {
            sums[i] += z[i];
            squares[i] += z[i] * z[i];
        }
    }
}

/// With dy = da f'(y): adds dy and dy t of every unit to `sums` and `products`, two
/// patterns.
pub fn add_slopes<T: Real>(
    activation: Activation,
    normal: &Normal<T>,
    z: &[T],
    da: &[T],
    sums: &mut [T],
    products: &mut [T],
) {
    with_activation!(activation, add_slopes_in(normal, z, da, sums, products));
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn add_slopes_in<T: Real, F: Nonlinearity>(
    normal: &Normal<T>,
    z: &[T],
    da: &[T],
    sums: &mut [T],
    products: &mut [T],
) {
    let length = normal.mean.len();
    for (z, da) in z.chunks(length).zip(da.chunks(length)) {
        let (mean, inverse) = (&normal.mean[..z.len()], &normal.inverse[..z.len()]);
        let (gamma, beta) = (&normal.gamma[..z.len()], &normal.beta[..z.len()]);
        let (sums, products) = (&mut sums[..z.len()], &mut products[..z.len()]);
        let da = &da[..z.len()];
        for i in 0..z.len() {
            let t = (z[i] - mean[i]) * inverse[i];
            let dy = da[i] * F::slope(gamma[i] * t + beta[i]);
            sums[i] += dy;
            products[i] += dy * t;
        }
    }
}

/// dz from da.
pub fn slopes<T: Real>(
    activation: Activation,
    normal: &Normal<T>,
    backward: &Backward<T>,
    z: &[T],
    da: &[T],
    dz: &mut [T],
) {
    with_activation!(activation, slopes_in(normal, backward, z, da, dz));
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn slopes_in<T: Real, F: Nonlinearity>(
    normal: &Normal<T>,
    backward: &Backward<T>,
    z: &[T],
    da: &[T],
    dz: &mut [T],
) {
    let length = normal.mean.len();
    let blocks = z.chunks(length).zip(da.chunks(length));
    for ((z, da), dz) in blocks.zip(dz.chunks_mut(length)) {
        let (mean, inverse) = (&normal.mean[..z.len()], &normal.inverse[..z.len()]);
        let (gamma, beta) = (&normal.gamma[..z.len()], &normal.beta[..z.len()]);
        let factor = &backward.factor[..z.len()];
        let mean_slope = &backward.mean[..z.len()];
        let mean_product = &backward.mean_product[..z.len()];
        let (da, dz) = (&da[..z.len()], &mut dz[..z.len()]);
        for i in 0..z.len() {
            let t = (z[i] - mean[i]) * inverse[i];
            let dy = da[i] * F::slope(gamma[i] * t + beta[i]);
            dz[i] = factor[i] * (dy - mean_slope[i] - t * mean_product[i]);
        }
    }
}
