//! Masses: how many cells each cell stands for.
//!
//! A cell of mass 2 is two cells with the same inputs at one place of the map. Every sum over
//! ordered pairs then has the factor m_n m_m. A cell stands for m_n (m_n - 1) pairs with itself,
//! whose distances are zero. Only the attractive weights come from rows of P, each of which
//! sums to 1, and have the mean of both masses; see [`Weights::with_masses`].
//!
//! [`Weights::with_masses`]: crate::affinity::Weights::with_masses

use std::sync::Arc;

use crate::vector::centre;
use crate::{Error, Result};

/// Largest ratio of two masses: beyond, sums would lose the smaller one.
const WIDEST: f64 = 1e12;

/// The masses of N cells.
#[derive(Debug, Clone)]
pub enum Masses {
    /// Each cell stands for itself.
    Ones(usize),
    /// One number above zero for each.
    Each(Arc<[f64]>),
}

impl Masses {
    /// Refuses what is no number above zero, and masses so small that no pair is left.
    pub fn new(values: &[f64]) -> Result<Self> {
        check(values)?;
        let masses = Masses::Each(values.into());
        let total = masses.total();
        if !(total > 1.0 && total.is_finite()) {
            return Err(Error::input(
                format!("`weights` sum to {total}."),
                "Give numbers about 1: how many cells each stands for.",
            ));
        }
        Ok(masses)
    }

    /// The same with a mean of 1.
    pub fn relative(values: &[f64]) -> Result<Self> {
        check(values)?;
        // The largest is 1 first: a sum of large numbers would overflow.
        let largest = values.iter().copied().fold(0.0, f64::max);
        let smallest = values.iter().copied().fold(f64::INFINITY, f64::min);
        if smallest * WIDEST < largest {
            return Err(Error::input(
                format!("`weights` reach from {smallest:e} to {largest:e}."),
                format!("Give numbers of which none is more than {WIDEST:e} times another."),
            ));
        }
        let scaled: Vec<f64> = values.iter().map(|m| m / largest).collect();
        let mean = scaled.iter().sum::<f64>() / scaled.len() as f64;
        Masses::new(&scaled.iter().map(|m| m / mean).collect::<Vec<_>>())
    }

    /// Number of cells, N.
    pub fn n(&self) -> usize {
        match self {
            Masses::Ones(n) => *n,
            Masses::Each(values) => values.len(),
        }
    }

    /// m_i
    pub fn of(&self, i: usize) -> f64 {
        match self {
            Masses::Ones(_) => 1.0,
            Masses::Each(values) => values[i],
        }
    }

    /// M = sum_n m_n
    pub fn total(&self) -> f64 {
        match self {
            Masses::Ones(n) => *n as f64,
            Masses::Each(values) => values.iter().sum(),
        }
    }

    /// M (M - 1), the ordered pairs that they stand for.
    pub fn pairs(&self) -> f64 {
        let total = self.total();
        total * (total - 1.0)
    }

    /// sum_n m_n (m_n - 1), those within a cell.
    pub fn pairs_within(&self) -> f64 {
        match self {
            Masses::Ones(_) => 0.0,
            Masses::Each(values) => values.iter().map(|m| m * (m - 1.0)).sum(),
        }
    }

    /// Those of some cells.
    pub fn of_sample(&self, ids: &[u32]) -> Self {
        match self {
            Masses::Ones(_) => Masses::Ones(ids.len()),
            Masses::Each(values) => {
                Masses::Each(ids.iter().map(|&id| values[id as usize]).collect())
            }
        }
    }

    /// The mean of rows, `d` numbers each.
    pub fn mean<'a, R>(&self, rows: impl Iterator<Item = R>, d: usize) -> Vec<f64>
    where
        R: IntoIterator<Item = &'a f64>,
    {
        let total = self.total();
        let mut mean = vec![0.0; d];
        for (i, row) in rows.enumerate() {
            let part = self.of(i) / total;
            mean.iter_mut().zip(row).for_each(|(m, v)| *m += part * v);
        }
        mean
    }

    /// Moves the mean of the rows of X (N x d) to the origin.
    pub fn centre(&self, x: &mut [f64], d: usize) {
        match self {
            Masses::Ones(_) => {
                centre(x, d);
            }
            Masses::Each(_) => {
                let mean = self.mean(x.chunks_exact(d), d);
                for row in x.chunks_exact_mut(d) {
                    row.iter_mut().zip(&mean).for_each(|(v, m)| *v -= m);
                }
            }
        }
    }

    /// Hands the bytes to `feed`; nothing where each cell stands for itself.
    pub fn bytes(&self, mut feed: impl FnMut(&[u8])) {
        if let Masses::Each(values) = self {
            values.iter().for_each(|m| feed(&m.to_le_bytes()));
        }
    }
}

/// Where half of the masses have smaller values, of values with theirs; `None` of none.
pub(crate) fn weighted_median(mut values: Vec<(f64, f64)>) -> Option<f64> {
    values.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let half = 0.5 * values.iter().map(|(_, mass)| mass).sum::<f64>();
    let mut below = 0.0;
    let found = values.iter().find(|(_, mass)| {
        below += mass;
        below > half
    });
    found.map(|&(value, _)| value)
}

/// Refuses what is no number above zero.
fn check(values: &[f64]) -> Result<()> {
    match values.iter().position(|m| !(*m > 0.0 && m.is_finite())) {
        None => Ok(()),
        Some(at) => Err(Error::input(
            format!("`weights` has {} at cell {}.", values[at], at + 1),
            "Give each cell a finite number above 0.",
        )),
    }
}
