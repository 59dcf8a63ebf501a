//! The tether: what keeps parts together that no attraction holds.
//!
//! Cells attract their neighbours alone. Where W+ falls into parts, nothing pulls these
//! together: E then has an infimum, and no minimum. A tether adds a function of V to E, the mean
//! of |x_n - x_m|^2 over all pairs:
//!
//! ```text
//! V = 2 sum_n |x_n|^2 / (N - 1)     about the mean
//! ```
//!
//! With masses the sum has the factor m_n, and N is sum m_n.

use crate::affinity::Weights;
use crate::masses::Masses;

/// The function of V.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tether {
    /// c V, where W+ falls into parts; else nothing.
    BetweenParts(f64),
    /// c (V / N)^2. Maps of connected data have a V about N, where this is c, and its pull is
    /// faint beside that of the other terms.
    Wide(f64),
}

impl Tether {
    /// The tether that maps with these attractive weights feel, if they feel one.
    pub fn of_weights(self, weights: &Weights) -> Option<Self> {
        match self {
            Tether::BetweenParts(_) => (!weights.is_connected()).then_some(self),
            Tether::Wide(_) => Some(self),
        }
    }

    /// Its part of E, of X about its mean; its gradient is added to `gradient`.
    pub fn add(self, masses: &Masses, x: &[f64], d: usize, gradient: &mut [f64]) -> f64 {
        let n = masses.total();
        let places = || x.chunks_exact(d).enumerate();
        let of_place =
            |(i, x): (usize, &[f64])| masses.of(i) * x.iter().map(|x| x * x).sum::<f64>();
        let v = 2.0 * places().map(of_place).sum::<f64>() / (n - 1.0);
        let (value, slope) = match self {
            Tether::BetweenParts(c) => (c * v, c),
            Tether::Wide(c) => (c * (v / n).powi(2), 2.0 * c * v / (n * n)),
        };
        let pull = 4.0 * slope / (n - 1.0);
        for (gradient, (i, x)) in gradient.chunks_exact_mut(d).zip(places()) {
            let pull = masses.of(i) * pull;
            gradient.iter_mut().zip(x).for_each(|(g, x)| *g += pull * x);
        }
        value
    }
}
