//! Agreement: the correlation of squared distances in data and map, over all pairs.
//!
//! ```text
//! E_agreement(X) = -mu corr(|y_n - y_m|^2, |x_n - x_m|^2) V / (V + 1),     V = mean |x_n - x_m|^2
//! ```
//!
//! The last factor is 1 for all that is a map: V is in the thousands there. It lets the term fade
//! where the cells are still close to one point, and the correlation has no value.
//!
//! Attraction and repulsion arrange what is near; this term arranges what is far. With inputs and
//! map about their means, a_n = |y_n|^2, b_n = |x_n|^2, A = sum a_n and B = sum b_n, the sums over
//! the M = N (N - 1) ordered pairs are
//!
//! ```text
//! sum t r = 2 N sum a b + 2 A B + 4 |Y'X|^2        t = |y_n - y_m|^2, r = |x_n - x_m|^2
//! sum r   = 2 N B
//! sum r^2 = 2 N sum b^2 + 2 B^2 + 4 |X'X|^2
//! ```
//!
//! and those of t alike, so that N D d multiplications give the term and its gradient exactly.
//!
//! Squares are ruled by what is farthest: a few far cells would stretch the whole map. Here no
//! cell counts as farther from the middle than [`BOUND`] times the median.
//!
//! With masses every sum over cells has the factor m_n, N is sum m_n, and means and medians are
//! those of what the cells stand for.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use super::factors::Factors;
use crate::masses::{weighted_median, Masses};

/// Largest |y_n| here, in medians. With 1.5 the order of distances suffers (10,000 blood cells:
/// rank correlation .80 for .85), with 2 and more a few cells lie far from all others.
const BOUND: f64 = 1.75;

/// Rows of one task; fixed, so that sums do not depend on the thread count.
const ROWS: usize = 1024;

/// Columns of a product that one task computes.
const COLUMNS: usize = 128;

/// Part of its size that a variance has to reach, to be more than rounding.
const LEAST: f64 = 1e-12;

/// What the term needs to know of the inputs.
#[derive(Debug)]
pub struct Agreement {
    /// mu
    weight: f64,
    /// By what each row of the inputs is multiplied: less for far cells.
    scales: Vec<f64>,
    /// The mean of the rows then, D numbers.
    mean: Vec<f64>,
    /// a_n
    norms: Vec<f64>,
    /// A
    norm: f64,
    /// sum (t - mean t)^2
    spread: f64,
}

/// Sums over the cells of a task.
#[derive(Clone)]
struct Sums {
    /// B
    norm: f64,
    /// sum b^2
    squares: f64,
    /// sum a b
    products: f64,
    /// Y'X, D x d by rows.
    cross: Vec<f64>,
    /// X'X, d x d by rows.
    gram: Vec<f64>,
    /// sum a_n x_n and sum b_n x_n, d numbers each.
    pulls: [Vec<f64>; 2],
}

impl Agreement {
    /// `weight`: mu. `None` where it is zero, and where all distances of the inputs are alike.
    pub fn new(factors: &Factors, weight: f64) -> Option<Self> {
        if weight == 0.0 {
            return None;
        }
        let (n, masses) = (factors.n, &factors.masses);
        let mut norms: Vec<f64> = (0..n)
            .map(|i| (factors.squared_norm(i) - factors.offset).max(0.0).sqrt())
            .collect();
        let weighted = norms.iter().enumerate().map(|(i, &a)| (a, masses.of(i)));
        let median = weighted_median(weighted.collect()).unwrap_or(0.0);
        let most = if median > 0.0 {
            BOUND * median
        } else {
            f64::INFINITY
        };
        // In units of the mean norm: the fourth powers of large inputs overflow.
        let unit = norms.iter().sum::<f64>() / n as f64;
        let scales: Vec<f64> = norms
            .iter()
            .map(|&norm| (most / norm).min(1.0) / unit)
            .collect();
        let mut agreement = Agreement {
            weight,
            scales,
            mean: vec![0.0; factors.inputs],
            norms: Vec::new(),
            norm: 0.0,
            spread: 0.0,
        };
        let blocks = (0..n).step_by(ROWS);
        let mut mean = vec![0.0; factors.inputs];
        let count = masses.total();
        let mut parts = (0..n).map(|i| masses.of(i) / count);
        for first in blocks.clone() {
            for row in agreement
                .inputs(factors, first)
                .chunks_exact(factors.inputs)
            {
                add_scaled(&mut mean, parts.next().unwrap_or(0.0), row);
            }
        }
        agreement.mean = mean;
        norms.clear();
        for first in blocks {
            let rows = agreement.inputs(factors, first);
            norms.extend(rows.chunks_exact(factors.inputs).map(squares));
        }
        let weighted = || norms.iter().enumerate().map(|(i, a)| (masses.of(i), a));
        let norm: f64 = weighted().map(|(m, a)| m * a).sum();
        let norm_squares: f64 = weighted().map(|(m, a)| m * a * a).sum();
        let gram = agreement.squared_gram(factors);
        let sum = 2.0 * count * norm;
        let sum_squares = 2.0 * count * norm_squares + 2.0 * norm * norm + 4.0 * gram;
        let spread = sum_squares - sum * sum / masses.pairs();
        (spread > LEAST * sum_squares).then_some(Agreement {
            norms,
            norm,
            spread,
            ..agreement
        })
    }

    /// The rows of a task from cell `first` on, D numbers each, about their mean.
    fn inputs(&self, factors: &Factors, first: usize) -> Vec<f64> {
        let last = (first + ROWS).min(factors.n);
        let ids: Vec<u32> = (first..last).map(|id| id as u32).collect();
        let mut wide = vec![0.0; ids.len() * factors.width];
        factors.copy_rows(&ids, &mut wide);
        let mut rows = Vec::with_capacity(ids.len() * factors.inputs);
        for (row, scale) in wide.chunks_exact(factors.width).zip(&self.scales[first..]) {
            let row = row.iter().zip(&self.mean);
            rows.extend(row.map(|(y, mean)| scale * y - mean));
        }
        rows
    }

    /// |Y'MY|^2 with the masses in M, or the same as |R R'|^2 of R = M^(1/2) Y where there are
    /// fewer cells than inputs.
    fn squared_gram(&self, factors: &Factors) -> f64 {
        let (n, inputs) = (factors.n, factors.inputs);
        let firsts: Vec<usize> = (0..n).step_by(ROWS).collect();
        let read = |first: &usize| {
            let mut rows = self.inputs(factors, *first);
            if let Masses::Each(masses) = &factors.masses {
                for (row, mass) in rows.chunks_exact_mut(inputs).zip(&masses[*first..]) {
                    row.iter_mut().for_each(|v| *v *= mass.sqrt());
                }
            }
            rows
        };
        if n < inputs {
            let rows: Vec<f64> = firsts.iter().flat_map(read).collect();
            let y = MatRef::from_row_major_slice(&rows, n, inputs);
            return stripes(n)
                .map(|(from, count)| {
                    let mut product = vec![0.0; n * count];
                    let few = y.subrows(from, count).transpose();
                    multiply(&mut product, n, y, few);
                    squares(&product)
                })
                .collect::<Vec<f64>>()
                .iter()
                .sum();
        }
        let mut gram: Vec<(usize, Vec<f64>)> = stripes(inputs)
            .map(|(from, count)| (from, vec![0.0; inputs * count]))
            .collect();
        for first in &firsts {
            let rows = read(first);
            let y = MatRef::from_row_major_slice(&rows, rows.len() / inputs, inputs);
            gram.par_iter_mut().for_each(|(from, product)| {
                let few = y.subcols(*from, product.len() / inputs);
                multiply(product, inputs, y.transpose(), few);
            });
        }
        gram.iter().map(|(_, product)| squares(product)).sum()
    }

    /// E_agreement(X) of X about its mean; its gradient is added to `gradient`. Zero where all
    /// cells lie at one point.
    ///
    /// ```text
    /// grad of sum t r at n:    4 (N a_n + A) x_n - 4 sum_m a_m x_m + 8 X'Y y_n
    /// grad of sum r^2 at n:    8 (N b_n + B) x_n - 8 sum_m b_m x_m + 16 X'X x_n
    /// ```
    ///
    /// The sums over m are what moving x_n does to the mean. With masses all have the factor m_n.
    pub fn add(&self, factors: &Factors, x: &[f64], d: usize, gradient: &mut [f64]) -> f64 {
        let masses = &factors.masses;
        let (count, pairs) = (masses.total(), masses.pairs());
        let sums = self.sums(factors, x, d);
        let sum = 2.0 * count * sums.norm;
        let data_sum = 2.0 * count * self.norm;
        let sum_squares =
            2.0 * count * sums.squares + 2.0 * sums.norm * sums.norm + 4.0 * squares(&sums.gram);
        let spread = sum_squares - sum * sum / pairs;
        if !(spread > LEAST * sum_squares && spread.is_finite()) {
            return 0.0;
        }
        let together =
            2.0 * count * sums.products + 2.0 * self.norm * sums.norm + 4.0 * squares(&sums.cross)
                - data_sum * sum / pairs;
        let size = (self.spread * spread).sqrt();
        let correlation = together / size;
        // corr = T / sqrt(S_t S_r): d corr = dT / sqrt(S_t S_r) - corr / (2 S_r) dS_r.
        let v = sum / pairs;
        let fade = v / (v + 1.0);
        let of_together = -self.weight * fade / size;
        let of_spread = self.weight * fade * correlation / (2.0 * spread);
        let of_v = -self.weight * correlation / (v + 1.0).powi(2) * 4.0 * count / pairs;
        gradient
            .par_chunks_mut(ROWS * d)
            .zip(x.par_chunks(ROWS * d))
            .enumerate()
            .for_each(|(task, (gradient, x))| {
                let first = task * ROWS;
                let inputs = self.inputs(factors, first);
                let rows = gradient.chunks_exact_mut(d).zip(x.chunks_exact(d));
                let cells = rows.zip(inputs.chunks_exact(factors.inputs));
                for (i, (((gradient, x), y), a)) in cells.zip(&self.norms[first..]).enumerate() {
                    let mass = masses.of(first + i);
                    let along = 4.0 * (count * a + self.norm) - 4.0 * count * data_sum / pairs;
                    let spreading =
                        8.0 * (count * squares(x) + sums.norm) - 8.0 * count * sum / pairs;
                    for (axis, g) in gradient.iter_mut().enumerate() {
                        let crossed: f64 = y
                            .iter()
                            .zip(sums.cross[axis..].iter().step_by(d))
                            .map(|(y, c)| y * c)
                            .sum();
                        let turned: f64 = x
                            .iter()
                            .zip(sums.gram[axis..].iter().step_by(d))
                            .map(|(x, c)| x * c)
                            .sum();
                        let [of_a, of_b] = [0, 1].map(|pull: usize| sums.pulls[pull][axis]);
                        let slope = of_together * (along * x[axis] - 4.0 * of_a + 8.0 * crossed)
                            + of_v * x[axis]
                            + of_spread * (spreading * x[axis] - 8.0 * of_b + 16.0 * turned);
                        *g += mass * slope;
                    }
                }
            });
        -self.weight * correlation * fade
    }

    fn sums(&self, factors: &Factors, x: &[f64], d: usize) -> Sums {
        let inputs = factors.inputs;
        let zero = Sums {
            norm: 0.0,
            squares: 0.0,
            products: 0.0,
            cross: vec![0.0; inputs * d],
            gram: vec![0.0; d * d],
            pulls: [vec![0.0; d], vec![0.0; d]],
        };
        let parts: Vec<Sums> = x
            .par_chunks(ROWS * d)
            .enumerate()
            .map(|(task, x)| {
                let first = task * ROWS;
                let rows = self.inputs(factors, first);
                let mut sums = zero.clone();
                let cells = x.chunks_exact(d).zip(rows.chunks_exact(inputs));
                for (i, ((x, y), a)) in cells.zip(&self.norms[first..]).enumerate() {
                    let (mass, b) = (factors.masses.of(first + i), squares(x));
                    sums.norm += mass * b;
                    sums.squares += mass * (b * b);
                    sums.products += mass * (a * b);
                    add_scaled(&mut sums.pulls[0], mass * a, x);
                    add_scaled(&mut sums.pulls[1], mass * b, x);
                    for (cross, y) in sums.cross.chunks_exact_mut(d).zip(y) {
                        add_scaled(cross, mass * y, x);
                    }
                    for (gram, x_a) in sums.gram.chunks_exact_mut(d).zip(x) {
                        add_scaled(gram, mass * x_a, x);
                    }
                }
                sums
            })
            .collect();
        parts.into_iter().fold(zero, |mut all, part| {
            all.norm += part.norm;
            all.squares += part.squares;
            all.products += part.products;
            add_scaled(&mut all.cross, 1.0, &part.cross);
            add_scaled(&mut all.gram, 1.0, &part.gram);
            for (all, part) in all.pulls.iter_mut().zip(&part.pulls) {
                add_scaled(all, 1.0, part);
            }
            all
        })
    }
}

fn squares(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum()
}

fn add_scaled(to: &mut [f64], scale: f64, from: &[f64]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += scale * from;
    }
}

/// Columns `(first, count)` of a product of `total` columns, a task each.
fn stripes(total: usize) -> rayon::vec::IntoIter<(usize, usize)> {
    (0..total)
        .step_by(COLUMNS)
        .map(|from| (from, COLUMNS.min(total - from)))
        .collect::<Vec<_>>()
        .into_par_iter()
}

/// product += a b, by rows; `rows` are those of the product.
fn multiply(product: &mut [f64], rows: usize, a: MatRef<'_, f64>, b: MatRef<'_, f64>) {
    let product = MatMut::from_row_major_slice_mut(product, rows, b.ncols());
    matmul(product, Accum::Add, a, b, 1.0, Par::Seq);
}
