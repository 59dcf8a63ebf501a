//! The symmetric sparse attractive weights W+.

use rayon::prelude::*;
use sprs::CsMatViewI;

use crate::aligned::prefetch;
use crate::masses::Masses;
use crate::order::rows_of;
use crate::{Error, Result};

/// Rows handled by one task; fixed, so that sums do not depend on the thread count.
const ROWS_PER_TASK: usize = 256;

/// Rows between the one in work and the one that is fetched: those of a sample lie
/// scattered in memory.
const AHEAD: usize = 2;

/// Rows by which the nearness of neighbours is judged.
const ROWS_JUDGED: usize = 512;

/// Entries hashed by one task.
const HASHED: usize = 1 << 16;

/// A symmetric n x n matrix of non-negative weights with zero diagonal, by rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// Start of each row among the entries, n + 1 numbers.
    pub(super) starts: Vec<usize>,
    pub(super) entries: Entries,
}

/// One of the batches into which all points are divided.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// Its points.
    pub ids: &'a [u32],
    /// Number of the batch.
    pub batch: u32,
    /// Of every point, its batch and its row in it.
    pub assignments: &'a [(u32, u32)],
}

impl Sample<'_> {
    /// The row of a point, if it is in this batch.
    pub fn row_of(&self, id: u32) -> Option<usize> {
        let (batch, row) = self.assignments[id as usize];
        (batch == self.batch).then_some(row as usize)
    }
}

/// Entries row by row, columns ascending within a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Entries {
    /// Weights in double precision, 12 bytes an entry.
    Double { columns: Vec<u32>, values: Vec<f64> },
    /// For very many cells: 8 bytes an entry. The upper half is the column, the lower half the bits
    /// of the weight in single precision.
    Single(Vec<u64>),
}

/// An entry of [`Entries::Single`].
pub(super) fn pack(column: u32, weight: f32) -> u64 {
    u64::from(column) << 32 | u64::from(weight.to_bits())
}

fn unpack(entry: u64) -> (u32, f64) {
    let weight = f32::from_bits(entry as u32);
    ((entry >> 32) as u32, f64::from(weight))
}

impl Weights {
    /// Checks rows given by a caller: shape, order, symmetry, zero diagonal, values.
    pub fn from_rows(starts: Vec<usize>, columns: Vec<u32>, values: Vec<f64>) -> Result<Self> {
        let refuse = |what: String| {
            Error::input(
                format!("The attractive weights {what}."),
                "Give a symmetric, non-negative sparse matrix with zero diagonal, such as the \
                 `weights` of `entropic_affinity()`.",
            )
        };
        let n = starts.len().saturating_sub(1);
        if n == 0 {
            return Err(refuse("are empty".into()));
        }
        CsMatViewI::<f64, u32, usize>::try_new((n, n), &starts, &columns, &values).map_err(
            |(_, _, _, error)| refuse(format!("are not a square sparse matrix: {error}")),
        )?;
        let weights = Weights {
            starts,
            entries: Entries::Double { columns, values },
        };
        let position = |row: usize, column: u32| {
            format!("at row {}, column {}", row + 1, u64::from(column) + 1)
        };
        let fault = |row: usize| {
            weights.row(row).find_map(|(column, value)| {
                let mirrored = weights.get(column as usize, row as u32);
                let at = || position(row, column);
                if !value.is_finite() {
                    let message = format!("The attractive weights hold {value} {}.", at());
                    Some(Error::not_finite(message, ""))
                } else if value < 0.0 {
                    Some(refuse(format!("are negative ({value}) {}", at())))
                } else if column as usize == row && value != 0.0 {
                    Some(refuse(format!("have a non-zero diagonal {}", at())))
                } else if (mirrored - value).abs() > 1e-9 * value.max(mirrored) {
                    Some(refuse(format!("are not symmetric {}", at())))
                } else {
                    None
                }
            })
        };
        if let Some(error) = (0..n).into_par_iter().find_map_first(fault) {
            return Err(error);
        }
        Ok(weights)
    }

    /// Number of points.
    pub fn n(&self) -> usize {
        self.starts.len() - 1
    }

    /// How near each other neighbours lie on a map X: the mean distance of a cell to its
    /// neighbours, by their weights, which a tenth of some hundred cells undercut. Infinite where
    /// there are no neighbours.
    pub fn nearness(&self, x: &[f64], d: usize) -> f64 {
        let step = self.n().div_ceil(ROWS_JUDGED).max(1);
        let mut means: Vec<f64> = (0..self.n())
            .step_by(step)
            .filter_map(|n| {
                let (mut sum, mut total) = (0.0, 0.0);
                for (m, weight) in self.row(n) {
                    let (x_n, x_m) = (&x[n * d..][..d], &x[m as usize * d..][..d]);
                    let squares = x_n.iter().zip(x_m).map(|(a, b)| (a - b) * (a - b));
                    sum += weight * squares.sum::<f64>().sqrt();
                    total += weight;
                }
                (total > 0.0).then(|| sum / total)
            })
            .collect();
        means.sort_unstable_by(f64::total_cmp);
        means
            .get(means.len() / 10)
            .copied()
            .unwrap_or(f64::INFINITY)
    }

    /// Whether every cell can be reached from every other over weights above zero.
    pub fn is_connected(&self) -> bool {
        let mut seen = vec![false; self.n()];
        let mut waiting: Vec<u32> = Vec::new();
        let mut reached = 0;
        if let Some(first) = seen.first_mut() {
            *first = true;
            waiting.push(0);
        }
        while let Some(cell) = waiting.pop() {
            reached += 1;
            for (other, weight) in self.row(cell as usize) {
                let seen = &mut seen[other as usize];
                if weight > 0.0 && !*seen {
                    *seen = true;
                    waiting.push(other);
                }
            }
        }
        reached == self.n()
    }

    /// The weights of cells of these masses, of the same sum as before:
    ///
    /// ```text
    /// c w_nm (m_n + m_m) / 2
    /// ```
    ///
    /// Cell n stands for m_n cells, and each of them has a row of P that sums to 1. A neighbour's
    /// part of the row is shared out among the cells that it stands for.
    pub fn with_masses(mut self, masses: &Masses) -> Self {
        let Masses::Each(_) = masses else {
            return self;
        };
        // W is symmetric: sum_nm w_nm (m_n + m_m) / 2 = sum_n m_n sum_m w_nm.
        let degrees = self.degrees();
        let weighted = degrees.iter().enumerate().map(|(n, w)| masses.of(n) * w);
        let half = 0.5 * degrees.iter().sum::<f64>() / weighted.sum::<f64>();
        for n in 0..self.n() {
            let entries = self.starts[n]..self.starts[n + 1];
            let factor = |m: u32| half * (masses.of(n) + masses.of(m as usize));
            match &mut self.entries {
                Entries::Double { columns, values } => {
                    let columns = &columns[entries.clone()];
                    for (value, &m) in values[entries].iter_mut().zip(columns) {
                        *value *= factor(m);
                    }
                }
                Entries::Single(packed) => {
                    for entry in &mut packed[entries] {
                        let (m, w) = unpack(*entry);
                        *entry = pack(m, (w * factor(m)) as f32);
                    }
                }
            }
        }
        self
    }

    /// Number of entries.
    pub fn entries(&self) -> usize {
        self.starts[self.n()]
    }

    /// Start of each row among the entries, and one past the last.
    pub fn starts(&self) -> &[usize] {
        &self.starts
    }

    /// Columns and weights of one row.
    pub fn row(&self, row: usize) -> impl Iterator<Item = (u32, f64)> + '_ {
        let entry = move |at: usize| match &self.entries {
            Entries::Double { columns, values } => (columns[at], values[at]),
            Entries::Single(entries) => unpack(entries[at]),
        };
        (self.starts[row]..self.starts[row + 1]).map(entry)
    }

    /// Writes columns and weights of the entries from `first` on, as many as there is room for.
    pub fn copy_entries(&self, first: usize, columns: &mut [i64], values: &mut [f64]) {
        for (at, (column, value)) in (first..).zip(columns.iter_mut().zip(values)) {
            let (id, weight) = match &self.entries {
                Entries::Double { columns, values } => (columns[at], values[at]),
                Entries::Single(entries) => unpack(entries[at]),
            };
            (*column, *value) = (i64::from(id), weight);
        }
    }

    fn get(&self, row: usize, column: u32) -> f64 {
        let (from, to) = (self.starts[row], self.starts[row + 1]);
        match &self.entries {
            Entries::Double { columns, values } => columns[from..to]
                .binary_search(&column)
                .map_or(0.0, |index| values[from + index]),
            Entries::Single(entries) => entries[from..to]
                .binary_search_by_key(&column, |&entry| unpack(entry).0)
                .map_or(0.0, |index| unpack(entries[from + index]).1),
        }
    }

    /// The weights with point i called `ids[i]`, in double precision.
    pub fn renumbered(&self, ids: &[u32]) -> Weights {
        let rows: Vec<Vec<(u32, f64)>> = rows_of(ids)
            .par_iter()
            .map(|&at| {
                let renumbered = |(column, weight): (u32, f64)| (ids[column as usize], weight);
                let mut row: Vec<_> = self.row(at as usize).map(renumbered).collect();
                row.sort_unstable_by_key(|entry| entry.0);
                row
            })
            .collect();
        let mut starts = vec![0];
        starts.extend(rows.iter().scan(0, |end, row| {
            *end += row.len();
            Some(*end)
        }));
        let (columns, values) = rows.into_iter().flatten().unzip();
        Weights {
            starts,
            entries: Entries::Double { columns, values },
        }
    }

    /// A number that identifies the weights.
    pub fn fingerprint(&self) -> u64 {
        let parts: Vec<u64> = match &self.entries {
            Entries::Double { columns, values } => columns
                .par_chunks(HASHED)
                .zip(values.par_chunks(HASHED))
                .map(|(columns, values)| {
                    let mut hash = xxhash_rust::xxh3::Xxh3::new();
                    columns.iter().for_each(|c| hash.update(&c.to_le_bytes()));
                    values.iter().for_each(|v| hash.update(&v.to_le_bytes()));
                    hash.digest()
                })
                .collect(),
            Entries::Single(entries) => entries
                .par_chunks(HASHED)
                .map(|entries| {
                    let bytes: Vec<u8> = entries.iter().flat_map(|e| e.to_le_bytes()).collect();
                    xxhash_rust::xxh3::xxh3_64(&bytes)
                })
                .collect(),
        };
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.to_le_bytes()).collect();
        xxhash_rust::xxh3::xxh3_64(&bytes)
    }

    /// Row sums of W+, the diagonal of the degree matrix.
    pub fn degrees(&self) -> Vec<f64> {
        (0..self.n())
            .into_par_iter()
            .map(|row| self.row(row).map(|(_, weight)| weight).sum())
            .collect()
    }

    /// result_n = sum_m w_nm (x_n - x_m): the product L+ X for X by rows, d columns.
    pub fn laplacian_product(&self, x: &[f64], d: usize, result: &mut [f64]) {
        match d {
            1 => self.laplacian_product_in::<1>(x, result),
            2 => self.laplacian_product_in::<2>(x, result),
            3 => self.laplacian_product_in::<3>(x, result),
            _ => result
                .par_chunks_mut(ROWS_PER_TASK * d)
                .enumerate()
                .for_each(|(task, chunk)| {
                    for (i, out) in chunk.chunks_exact_mut(d).enumerate() {
                        let row = task * ROWS_PER_TASK + i;
                        out.fill(0.0);
                        for (column, w) in self.row(row) {
                            for a in 0..d {
                                out[a] += w * (x[row * d + a] - x[column as usize * d + a]);
                            }
                        }
                    }
                }),
        }
    }

    /// For every row n what `row(n, columns, weights)` makes of its entries: replaces `sums`.
    pub fn sum_rows<const S: usize>(
        &self,
        sums: &mut [[f64; S]],
        row: impl Fn(usize, &[u32], &[f64]) -> [f64; S] + Sync,
    ) {
        self.each_row(sums.as_flattened_mut(), S, |n, columns, weights, sums| {
            sums.copy_from_slice(&row(n, columns, weights));
        });
    }

    /// Calls `row(n, columns, weights, result)` for every row n with its entries and the `width`
    /// numbers of `results` that are its own.
    pub fn each_row(
        &self,
        results: &mut [f64],
        width: usize,
        row: impl Fn(usize, &[u32], &[f64], &mut [f64]) + Sync,
    ) {
        results
            .par_chunks_mut(ROWS_PER_TASK * width)
            .enumerate()
            .for_each_init(<(Vec<u32>, Vec<f64>)>::default, |scratch, (task, chunk)| {
                for (n, result) in (task * ROWS_PER_TASK..).zip(chunk.chunks_exact_mut(width)) {
                    let entries = self.starts[n]..self.starts[n + 1];
                    match &self.entries {
                        Entries::Double { columns, values } => {
                            row(n, &columns[entries.clone()], &values[entries], result);
                        }
                        Entries::Single(packed) => {
                            let (columns, values) = &mut *scratch;
                            columns.clear();
                            values.clear();
                            // Each on its own, so that the loops run several at once.
                            let packed = &packed[entries];
                            columns.extend(packed.iter().map(|&entry| unpack(entry).0));
                            values.extend(packed.iter().map(|&entry| unpack(entry).1));
                            row(n, columns, values, result);
                        }
                    }
                }
            });
    }

    /// The same as [`Weights::laplacian_product`] for some points alone, as if no others existed. x
    /// and the result have a row for each point of the sample.
    pub fn sampled_product(&self, sample: &Sample<'_>, x: &[f64], d: usize, result: &mut [f64]) {
        let ids = sample.ids;
        result
            .par_chunks_mut(ROWS_PER_TASK * d)
            .enumerate()
            .for_each(|(task, chunk)| {
                for (i, out) in chunk.chunks_exact_mut(d).enumerate() {
                    let row = task * ROWS_PER_TASK + i;
                    if let Some(&ahead) = ids.get(row + AHEAD) {
                        self.prefetch(ahead as usize);
                    }
                    out.fill(0.0);
                    let here = &x[row * d..][..d];
                    for (column, w) in self.row(ids[row] as usize) {
                        let Some(other) = sample.row_of(column) else {
                            continue;
                        };
                        for (out, (a, b)) in out.iter_mut().zip(here.iter().zip(&x[other * d..])) {
                            *out += w * (a - b);
                        }
                    }
                }
            });
    }

    fn laplacian_product_in<const D: usize>(&self, x: &[f64], result: &mut [f64]) {
        match &self.entries {
            Entries::Double { columns, values } => {
                let entry = |at: usize| (columns[at], values[at]);
                self.product_of_rows::<D, 1>(entry, x, result);
            }
            Entries::Single(entries) => {
                self.product_of_rows::<D, 4>(|at| unpack(entries[at]), x, result);
            }
        }
    }

    /// Asks the memory for a row that is wanted soon.
    fn prefetch(&self, row: usize) {
        let entries = self.starts[row]..self.starts[row + 1];
        match &self.entries {
            Entries::Double { columns, values } => {
                prefetch(&columns[entries.clone()]);
                prefetch(&values[entries]);
            }
            Entries::Single(packed) => prefetch(&packed[entries]),
        }
    }

    /// Each row is summed in `LANES` parts, which the processor adds up side by side.
    fn product_of_rows<const D: usize, const LANES: usize>(
        &self,
        entry: impl Fn(usize) -> (u32, f64) + Sync,
        x: &[f64],
        result: &mut [f64],
    ) {
        let (points, _) = x.as_chunks::<D>();
        let (results, _) = result.as_chunks_mut::<D>();
        results
            .par_chunks_mut(ROWS_PER_TASK)
            .enumerate()
            .for_each(|(task, chunk)| {
                for (i, out) in chunk.iter_mut().enumerate() {
                    let n = task * ROWS_PER_TASK + i;
                    let here = points[n];
                    let mut sums = [[0.0; D]; LANES];
                    let add = |sum: &mut [f64; D], at: usize| {
                        let (column, w) = entry(at);
                        let other = points[column as usize];
                        for a in 0..D {
                            sum[a] += w * (here[a] - other[a]);
                        }
                    };
                    let (start, end) = (self.starts[n], self.starts[n + 1]);
                    let whole = start + (end - start) / LANES * LANES;
                    for block in (start..whole).step_by(LANES) {
                        for lane in 0..LANES {
                            add(&mut sums[lane], block + lane);
                        }
                    }
                    for at in whole..end {
                        add(&mut sums[at - whole], at);
                    }
                    *out = std::array::from_fn(|a| sums.iter().map(|sum| sum[a]).sum());
                }
            });
    }
}
