//! The inputs Y as the rank-(D + 2) factors of the repulsive weights W-.

use std::sync::Arc;

use multiversion::multiversion;
use ndarray::{s, Array2, ArrayView2, Axis};
use rayon::prelude::*;

use crate::aligned::{prefetch, Aligned, LINE};
use crate::masses::Masses;
use crate::monitor::Monitor;
use crate::preprocess::{Cells, GramAccumulator, Matrix};
use crate::{Error, Result};

/// Numbers N x D from which on the rows are kept in single precision. In doubles they would pass 64
/// MB and come from memory, which an evaluation then waits for.
const MOST_DOUBLES: usize = 1 << 23;

/// Largest |y|^2 that single precision holds with room on both sides.
const SINGLE_NORMS: std::ops::Range<f64> = 1e-30..1e36;

/// Rows that one task builds.
const ROWS: usize = 1024;

/// Points whose principal components are found at a time.
const BLOCK: usize = 4096;

/// Most inputs whose principal components are found.
const MOST_INPUTS: usize = 2000;

/// The rows q_m = (y_m, |y_m|^2, 1), padded with zeros, of column-centred inputs.
///
/// w-_nm = |y_n - y_m|^2 / S = c_n . q_m with c_n = (-2 y_n, 1, |y_n|^2) / S, and S = sum_nm |y_n -
/// y_m|^2 = 2 N sum_n |y_n|^2 for centred y. All arithmetic is in doubles: the three terms of c_n .
/// q_m cancel where clusters lie far apart. In single precision clusters a thousand standard
/// deviations apart lose 14 %. With many inputs y_m is stored in single precision, and |y_m|^2 is
/// that of the rounded y_m. E is then exact for inputs that differ by 6e-8 of themselves, and
/// nothing is lost by cancellation.
///
/// A uniform part of W- enters by the norms alone: see [`Factors::mix_uniform`].
///
/// With masses w-_nm has the factor m_n m_m: rows c_n and q_m have m_n and m_m. Inputs are then
/// about the mean over what the cells stand for, and N is the sum of the masses.
#[derive(Debug, Clone)]
pub struct Factors {
    /// Number of points N.
    pub n: usize,
    /// Number of input dimensions D.
    pub inputs: usize,
    /// Length of a padded row, at least D + 2.
    pub width: usize,
    /// S, what the weights of all ordered pairs are divided by.
    pub total: f64,
    /// What is added to every |y_m|^2; zero without a uniform part.
    pub offset: f64,
    /// Of the points.
    pub masses: Masses,
    /// Numbers stored for a row.
    stride: usize,
    rows: Rows,
}

/// The columns of rows q.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Columns {
    /// Number of input dimensions D.
    pub inputs: usize,
    /// Length of a padded row, at least D + 2.
    pub width: usize,
}

/// What is stored of the rows.
#[derive(Debug, Clone)]
enum Rows {
    /// N rows (y, |y|^2, 1), padded with zeros to `width`.
    Double(Aligned<f64>),
    /// N rows (y, high, low) with |y|^2 = high + low, padded to whole cache lines.
    Single(Aligned<f32>),
}

impl Factors {
    /// Centres the inputs and builds their rows. Refuses inputs that are all alike.
    pub fn new(y: ArrayView2<f64>, masses: Masses) -> Result<Self> {
        let (n, inputs) = y.dim();
        if n < 2 || inputs == 0 {
            return Err(Error::input(
                format!("The input has {n} cells and {inputs} dimensions."),
                "At least 2 cells and 1 dimension are needed.",
            ));
        }
        let mean = Factors::mean(y, &masses);
        let single = n * inputs > MOST_DOUBLES && SINGLE_NORMS.contains(&largest_norm(y, &mean));
        let factors = Factors::stored(y, &mean, single, masses);
        if !factors.total.is_finite() {
            return Err(Error::not_finite(
                "The squared distances between the cells overflow.",
                "Scale the input down, or look for NaN and infinite values in it.",
            ));
        }
        // Centring equal cells leaves the rounding of their mean.
        let count = factors.masses.total();
        let norms = factors.total / (2.0 * count);
        let mean_norm: f64 = mean.iter().map(|m| m * m).sum();
        if norms <= (1e-15f64.powi(2) * mean_norm * count).max(f64::MIN_POSITIVE) {
            return Err(Error::input(
                "All cells have the same input, so there is nothing to embed.",
                "Check the features and the subset that were chosen.",
            ));
        }
        Ok(factors)
    }

    /// The origin of the rows: the mean of the inputs.
    pub fn mean(y: ArrayView2<f64>, masses: &Masses) -> Vec<f64> {
        match masses {
            Masses::Ones(n) => y.sum_axis(Axis(0)).mapv(|sum| sum / *n as f64).to_vec(),
            Masses::Each(_) => masses.mean(y.outer_iter(), y.ncols()),
        }
    }

    /// The rows of `y` minus `mean`, in single or in double precision.
    fn stored(y: ArrayView2<f64>, mean: &[f64], single: bool, masses: Masses) -> Self {
        let (n, inputs) = y.dim();
        let width = (inputs + 2).next_multiple_of(LINE);
        let stride = if single {
            (inputs + 2).next_multiple_of(2 * LINE)
        } else {
            width
        };
        let centred = |i: usize| y.row(i).into_iter().zip(mean).map(|(y, mean)| y - mean);
        let rows = if single {
            let mut rows = Aligned::zeros(n * stride);
            rows.par_chunks_exact_mut(stride)
                .enumerate()
                .for_each(|(i, row)| {
                    let mut norm = 0.0;
                    for (value, y) in row.iter_mut().zip(centred(i)) {
                        *value = y as f32;
                        norm += f64::from(*value) * f64::from(*value);
                    }
                    row[inputs] = norm as f32;
                    row[inputs + 1] = (norm - f64::from(row[inputs])) as f32;
                });
            Rows::Single(rows)
        } else {
            let mut rows = Aligned::zeros(n * stride);
            rows.par_chunks_exact_mut(stride)
                .enumerate()
                .for_each(|(i, row)| {
                    let mut norm = 0.0;
                    for (value, y) in row.iter_mut().zip(centred(i)) {
                        *value = y;
                        norm += y * y;
                    }
                    row[inputs] = norm;
                    row[inputs + 1] = 1.0;
                });
            Rows::Double(rows)
        };
        let mut factors = Factors {
            n,
            inputs,
            width,
            total: 0.0,
            offset: 0.0,
            masses,
            stride,
            rows,
        };
        let masses = &factors.masses;
        let norms = (0..n).map(|i| masses.of(i) * factors.squared_norm(i));
        factors.total = 2.0 * masses.total() * norms.sum::<f64>();
        factors
    }

    /// Mixes the weights that are there with equal ones, `uniform` of all, from 0 to below 1:
    ///
    /// ```text
    /// w-_nm = (1 - u) |y_n - y_m|^2 / S + u / (N (N - 1))     for n other than m.
    /// ```
    ///
    /// Equal weights are equal squared distances, and c_n . q_m has those for the asking: what is
    /// added to |y_n|^2 and |y_m|^2 is added to |y_n - y_m|^2. Only w-_nn is no longer zero:
    /// see [`Factors::own_weight`].
    pub fn mix_uniform(&mut self, uniform: f64) {
        let pairs = self.masses.pairs();
        let equal = uniform / (1.0 - uniform) * self.total;
        let offset = equal / (2.0 * pairs);
        let at = self.inputs;
        match &mut self.rows {
            Rows::Double(rows) => {
                for row in rows.chunks_exact_mut(self.stride) {
                    row[at] += offset;
                }
            }
            Rows::Single(rows) => {
                for row in rows.chunks_exact_mut(self.stride) {
                    let norm = f64::from(row[at]) + f64::from(row[at + 1]) + offset;
                    row[at] = norm as f32;
                    row[at + 1] = (norm - f64::from(row[at])) as f32;
                }
            }
        }
        self.offset = offset;
        self.total += equal;
    }

    /// sum_n c_n . q_n over what the cells stand for, which belongs to no pair.
    pub fn own_weight(&self) -> f64 {
        2.0 * self.offset * self.masses.total() / self.total
    }

    /// The weights of the pairs within a cell.
    pub fn weight_within(&self) -> f64 {
        2.0 * self.offset * self.masses.pairs_within() / self.total
    }

    /// S of a random sample of B of the N points. Each of its B (B - 1) ordered pairs stands for N
    /// (N - 1) / (B (B - 1)) of all.
    pub fn sampled_total(&self, count: usize) -> f64 {
        let (n, sampled) = (self.n as f64, count as f64);
        self.total * (sampled * (sampled - 1.0)) / (n * (n - 1.0))
    }

    /// The rows of such a sample.
    pub fn sample(&self, ids: &[u32]) -> Self {
        let mut rows = Aligned::zeros(ids.len() * self.width);
        rows.par_chunks_mut(ROWS * self.width)
            .zip(ids.par_chunks(ROWS))
            .for_each(|(rows, ids)| self.copy_rows(ids, rows));
        Factors {
            n: ids.len(),
            inputs: self.inputs,
            width: self.width,
            total: self.sampled_total(ids.len()),
            offset: self.offset,
            masses: self.masses.of_sample(ids),
            stride: self.width,
            rows: Rows::Double(rows),
        }
    }

    /// The columns of the rows.
    pub fn columns(&self) -> Columns {
        Columns {
            inputs: self.inputs,
            width: self.width,
        }
    }

    /// The columns of the first `count` principal components. `None` where that would not halve the
    /// width, of fewer points, or where it would take too long to find.
    pub fn principal_columns(&self, count: usize) -> Option<Columns> {
        let width = (count + 2).next_multiple_of(LINE);
        let worthwhile = 2 * width <= self.width && self.inputs <= MOST_INPUTS && self.n >= count;
        worthwhile.then_some(Columns {
            inputs: count,
            width,
        })
    }

    /// The rows of the first principal components of the inputs, with the norms of all. `columns`
    /// are those of [`Factors::principal_columns`]. What the other components add to y_n . y_m is
    /// missing in w-_nm.
    pub fn principal(&self, columns: Columns, monitor: &dyn Monitor) -> Result<Self> {
        let Columns {
            inputs: count,
            width,
        } = columns;
        let firsts = || (0..self.n).step_by(BLOCK);
        let inputs_from = |first: usize| self.inputs_of(first..(first + BLOCK).min(self.n));
        let mut sums = GramAccumulator::new(self.inputs)?;
        for first in firsts() {
            let inputs = inputs_from(first);
            sums.add(&Matrix::Dense(inputs.view()), Cells::Rows, monitor)?;
        }
        let loadings = sums.finish(count, false, 0, monitor)?;
        let mut rows = Aligned::zeros(self.n * width);
        for (first, rows) in firsts().zip(rows.chunks_mut(BLOCK * width)) {
            let inputs = inputs_from(first);
            let components = loadings.project(&Matrix::Dense(inputs.view()), Cells::Rows)?;
            let targets = rows.chunks_exact_mut(width).zip(components.rows());
            for (point, (row, components)) in (first..).zip(targets) {
                for (value, component) in row.iter_mut().zip(components) {
                    *value = *component;
                }
                row[count] = self.squared_norm(point);
                row[count + 1] = 1.0;
            }
        }
        Ok(Factors {
            n: self.n,
            inputs: count,
            width,
            total: self.total,
            offset: self.offset,
            masses: self.masses.clone(),
            stride: width,
            rows: Rows::Double(rows),
        })
    }

    /// The centred inputs of consecutive points, one row each.
    fn inputs_of(&self, points: std::ops::Range<usize>) -> Array2<f64> {
        let ids: Vec<u32> = points.map(|id| id as u32).collect();
        let mut rows = Array2::zeros((ids.len(), self.width));
        if let Some(rows) = rows.as_slice_mut() {
            self.copy_rows(&ids, rows);
        }
        rows.slice_move(s![.., ..self.inputs])
    }

    /// Writes the padded rows of some points one after the other.
    pub fn copy_rows(&self, ids: &[u32], rows: &mut [f64]) {
        match &self.rows {
            Rows::Double(stored) => {
                for (row, &id) in rows.chunks_exact_mut(self.width).zip(ids) {
                    row.copy_from_slice(&stored[id as usize * self.stride..][..self.width]);
                }
            }
            Rows::Single(stored) => {
                widen(stored, self.stride, self.inputs, ids, rows, self.width);
            }
        }
    }

    /// The same, each times the mass of its point.
    pub fn copy_weighted_rows(&self, ids: &[u32], rows: &mut [f64]) {
        self.copy_rows(ids, rows);
        if let Masses::Each(masses) = &self.masses {
            for (row, &id) in rows.chunks_exact_mut(self.width).zip(ids) {
                let mass = masses[id as usize];
                row.iter_mut().for_each(|v| *v *= mass);
            }
        }
    }

    /// Asks the memory for the rows of some points that are wanted soon.
    pub fn prefetch(&self, ids: &[u32]) {
        for &id in ids {
            let at = id as usize * self.stride;
            match &self.rows {
                Rows::Double(rows) => prefetch(&rows[at..at + self.stride]),
                Rows::Single(rows) => prefetch(&rows[at..at + self.stride]),
            }
        }
    }

    /// |y_i|^2 of the centred input, and [`Factors::offset`].
    pub fn squared_norm(&self, i: usize) -> f64 {
        let at = i * self.stride + self.inputs;
        match &self.rows {
            Rows::Double(rows) => rows[at],
            Rows::Single(rows) => f64::from(rows[at]) + f64::from(rows[at + 1]),
        }
    }

    /// Hands the bytes of all rows to `feed`.
    pub fn bytes(&self, mut feed: impl FnMut(&[u8])) {
        match &self.rows {
            Rows::Double(rows) => rows.iter().for_each(|v| feed(&v.to_le_bytes())),
            Rows::Single(rows) => rows.iter().for_each(|v| feed(&v.to_le_bytes())),
        }
        self.masses.bytes(feed);
    }
}

/// The inputs of the cells as factors of W-: w-_nm = c_n . q_m.
#[derive(Debug, Clone)]
pub struct Inputs(Arc<Factors>);

impl Inputs {
    /// The rows of `factors` without their padding.
    pub(super) fn new(factors: Arc<Factors>) -> Self {
        Inputs(factors)
    }

    /// Number of cells.
    pub fn n(&self) -> usize {
        self.0.n
    }

    /// Columns of the inputs, D.
    pub fn columns(&self) -> usize {
        self.0.inputs
    }

    /// S, what the weights of all ordered pairs are divided by.
    pub fn total(&self) -> f64 {
        self.0.total
    }

    /// sum_n c_n . q_n, which belongs to no pair.
    pub fn own_weight(&self) -> f64 {
        self.0.own_weight()
    }

    /// Writes rows q = (y, |y|^2, 1) of the centred inputs, D + 2 numbers each, from that of cell
    /// `first` on. It fills `rows`.
    pub fn copy_rows(&self, first: usize, rows: &mut [f64]) {
        let (width, padded) = (self.0.inputs + 2, self.0.width);
        let ids: Vec<u32> = (0..rows.len() / width)
            .map(|i| (first + i) as u32)
            .collect();
        let mut wide = vec![0.0; ids.len() * padded];
        self.0.copy_rows(&ids, &mut wide);
        for (row, wide) in rows.chunks_exact_mut(width).zip(wide.chunks_exact(padded)) {
            row.copy_from_slice(&wide[..width]);
        }
    }
}

/// Rows (y, |y|^2, 1) from stored rows (y, high, low).
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn widen(
    stored: &[f32],
    stride: usize,
    inputs: usize,
    ids: &[u32],
    rows: &mut [f64],
    width: usize,
) {
    for (row, &id) in rows.chunks_exact_mut(width).zip(ids) {
        let stored = &stored[id as usize * stride..][..width];
        let (targets, _) = row.as_chunks_mut::<LINE>();
        let (sources, _) = stored.as_chunks::<LINE>();
        for (target, source) in targets.iter_mut().zip(sources) {
            for lane in 0..LINE {
                target[lane] = f64::from(source[lane]);
            }
        }
        row[inputs] += row[inputs + 1];
        row[inputs + 1] = 1.0;
    }
}

/// The largest |y_i - mean|^2.
fn largest_norm(y: ArrayView2<f64>, mean: &[f64]) -> f64 {
    (0..y.nrows())
        .into_par_iter()
        .with_min_len(ROWS)
        .map(|i| {
            let row = y.row(i);
            let centred = row.iter().zip(mean).map(|(y, mean)| y - mean);
            centred.map(|v| v * v).sum::<f64>()
        })
        .reduce(|| 0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;
    use crate::threads::with_threads;

    /// Of inputs that lie on 14 axes, in single and in double precision; and never of few.
    #[test]
    fn principal_components_hold_inputs_of_their_rank() {
        let stream = Stream::new(5, 0);
        let draw = |rows: usize, columns: usize, from: usize| {
            Array2::from_shape_fn((rows, columns), |(i, j)| {
                stream.normal((from + i * columns + j) as u64)
            })
        };
        let y = draw(2500, 14, 0).dot(&draw(14, 60, 50_000));
        let mean = y.sum_axis(Axis(0)).mapv(|sum| sum / 2500.0).to_vec();
        for single in [false, true] {
            let all = Factors::stored(y.view(), &mean, single, Masses::Ones(2500));
            let few_on = |threads| {
                let columns = all.principal_columns(14).unwrap();
                let few = || all.principal(columns, &()).unwrap();
                with_threads(threads, few).unwrap()
            };
            let few = few_on(1);
            assert_eq!((few.width, few.total), (16, all.total));
            let points: Vec<u32> = (0..2500).collect();
            let all_rows = |factors: &Factors| {
                let mut rows = vec![f64::NAN; 2500 * 16];
                factors.copy_rows(&points, &mut rows);
                rows
            };
            assert_eq!(all_rows(&few_on(3)), all_rows(&few));
            let product = |factors: &Factors, i: u32, j: u32| {
                let mut rows = vec![f64::NAN; 2 * factors.width];
                factors.copy_rows(&[i, j], &mut rows);
                let (a, b) = rows.split_at(factors.width);
                let products = a[..factors.inputs].iter().zip(b).map(|(a, b)| a * b);
                (
                    products.sum::<f64>(),
                    [a[factors.inputs], a[factors.inputs + 1]],
                )
            };
            for (i, j) in [(0, 1), (7, 2499), (1024, 1023), (9, 9)] {
                let (expected, norm) = product(&all, i, j);
                let (found, norm_found) = product(&few, i, j);
                assert!((found - expected).abs() < 1e-4 * norm[0], "{i} {j}");
                assert_eq!(norm_found, norm);
            }
        }
        let few = y.slice(s![.., ..20]);
        let few = Factors::stored(few, &mean[..20], false, Masses::Ones(2500));
        assert!(few.principal_columns(14).is_none());
    }

    #[test]
    fn single_rows_are_those_of_rounded_inputs() {
        let stream = Stream::new(3, 0);
        for inputs in [1, 6, 14, 50] {
            let y = Array2::from_shape_fn((40, inputs), |(i, j)| {
                100.0 * stream.normal((i * inputs + j) as u64)
            });
            let rounded = y.mapv(|v| f64::from(v as f32));
            let origin = vec![0.0; inputs];
            let single = Factors::stored(y.view(), &origin, true, Masses::Ones(40));
            let double = Factors::stored(rounded.view(), &origin, false, Masses::Ones(40));
            assert!((single.total / double.total - 1.0).abs() < 1e-13);
            let rows = |factors: &Factors| {
                let mut rows = vec![f64::NAN; 3 * factors.width];
                factors.copy_rows(&[39, 0, 7], &mut rows);
                rows
            };
            let width = single.width;
            for (i, (found, expected)) in rows(&single).iter().zip(rows(&double)).enumerate() {
                if i % width == inputs {
                    assert!((found / expected - 1.0).abs() < 1e-13);
                } else {
                    assert_eq!(*found, expected);
                }
            }
            assert_eq!(single.squared_norm(39), rows(&single)[inputs]);
        }
    }
}
