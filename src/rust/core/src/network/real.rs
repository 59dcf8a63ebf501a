//! The numbers of a network: single precision for training, double for its checks.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub, SubAssign};

use faer::linalg::matmul::matmul;
use faer::traits::ComplexField;
use faer::{Accum, MatMut, MatRef, Par};

/// `f32` or `f64`.
pub trait Real:
    ComplexField
    + Copy
    + Debug
    + Default
    + PartialOrd
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + AddAssign
    + Sub<Output = Self>
    + SubAssign
    + Mul<Output = Self>
    + MulAssign
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// The nearest number.
    fn from_f64(value: f64) -> Self;
    /// The same number.
    fn wide(self) -> f64;
    /// Square root.
    fn root(self) -> Self;
    /// exp(-t) for t >= 0, without a branch, so that a loop of it becomes vector code.
    fn exp_of_minus(self) -> Self;
}

impl Real for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value as f32
    }

    #[inline(always)]
    fn wide(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn root(self) -> Self {
        self.sqrt()
    }

    /// 2^n exp(r) as in `exponential`, with a sum to degree 6: exact to 1e-7.
    #[inline(always)]
    fn exp_of_minus(self) -> Self {
        // Adding 1.5 * 2^23 rounds to a whole number and leaves it in the low bits.
        const ROUND: f32 = 12_582_912.0;
        const LN2_HIGH: f32 = 0.693_359_4;
        const LN2_LOW: f32 = -2.121_944_4e-4;
        const SMALLEST: f32 = -87.0;
        let t = if -self < SMALLEST { SMALLEST } else { -self };
        let shifted = t * std::f32::consts::LOG2_E + ROUND;
        let n = shifted - ROUND;
        let r = (t - n * LN2_HIGH) - n * LN2_LOW;
        let mut sum = 1.0 / 720.0;
        for inverse_factorial in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
            sum = sum * r + inverse_factorial;
        }
        sum * f32::from_bits(shifted.to_bits().wrapping_add(127) << 23)
    }
}

impl Real for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value
    }

    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }

    #[inline(always)]
    fn root(self) -> Self {
        self.sqrt()
    }

    #[inline(always)]
    fn exp_of_minus(self) -> Self {
        (-self).exp()
    }
}

/// A matrix by rows.
#[derive(Clone, Copy)]
pub struct Rows<'a, T> {
    values: &'a [T],
    rows: usize,
    columns: usize,
}

impl<'a, T: Real> Rows<'a, T> {
    /// `values` as rows of `columns` numbers.
    pub fn new(values: &'a [T], columns: usize) -> Self {
        Rows {
            values,
            rows: values.len() / columns,
            columns,
        }
    }

    fn view(self) -> MatRef<'a, T> {
        MatRef::from_row_major_slice(self.values, self.rows, self.columns)
    }
}

/// product = a b'
pub fn times_transposed<T: Real>(a: Rows<'_, T>, b: Rows<'_, T>, product: &mut [T]) {
    let to = MatMut::from_row_major_slice_mut(product, a.rows, b.rows);
    let b = b.view().transpose();
    matmul(to, Accum::Replace, a.view(), b, T::ONE, Par::Seq);
}

/// product = a b
pub fn times<T: Real>(a: Rows<'_, T>, b: Rows<'_, T>, product: &mut [T]) {
    let to = MatMut::from_row_major_slice_mut(product, a.rows, b.columns);
    matmul(to, Accum::Replace, a.view(), b.view(), T::ONE, Par::Seq);
}

/// sum += a' b
pub fn add_transposed_times<T: Real>(a: Rows<'_, T>, b: Rows<'_, T>, sum: &mut [T]) {
    let to = MatMut::from_row_major_slice_mut(sum, a.columns, b.columns);
    let a = a.view().transpose();
    matmul(to, Accum::Add, a, b.view(), T::ONE, Par::Seq);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_exponential_is_accurate() {
        for i in 0..8700 {
            let t = i as f32 * 0.01;
            let error = t.exp_of_minus().wide() / (-t.wide()).exp() - 1.0;
            assert!(error.abs() < 2e-7 * (1.0 + t.wide()), "exp(-{t})");
        }
        assert!(1e30f32.exp_of_minus() < 1e-37);
    }
}
