//! The symmetric sparse attractive weights W+.

use rayon::prelude::*;
use sprs::CsMatViewI;

use crate::{Error, Result};

/// Rows handled by one task; fixed, so that sums do not depend on the thread count.
const ROWS_PER_TASK: usize = 256;

/// A symmetric n x n matrix of non-negative weights with zero diagonal, by rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// Start of each row in `columns`, n + 1 entries.
    pub starts: Vec<usize>,
    /// Column of each weight, ascending within a row.
    pub columns: Vec<u32>,
    /// The weights.
    pub values: Vec<f64>,
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
            columns,
            values,
        };
        let place = |row: usize, column: u32| {
            format!("at row {}, column {}", row + 1, u64::from(column) + 1)
        };
        let fault = |row: usize| {
            let (columns, values) = weights.row(row);
            columns.iter().zip(values).find_map(|(&column, &value)| {
                let mirrored = weights.get(column as usize, row as u32);
                let at = || place(row, column);
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

    /// W+ = (P + P') / (2n) of row-stochastic weights `p`, n x k, on the neighbours `ids`.
    pub fn symmetrized(n: usize, k: usize, ids: &[u32], p: &[f64]) -> Self {
        let scale = 1.0 / (2.0 * n as f64);
        // Column counts of P are the row lengths of P', which is then built by one
        // pass over P in row order, so that its rows come out sorted.
        let mut transposed_starts = vec![0usize; n + 1];
        for &id in ids {
            transposed_starts[id as usize + 1] += 1;
        }
        for i in 0..n {
            transposed_starts[i + 1] += transposed_starts[i];
        }
        let mut cursor = transposed_starts.clone();
        let mut transposed_ids = vec![0u32; n * k];
        let mut transposed_p = vec![0f64; n * k];
        for row in 0..n {
            for (&id, &p) in ids[row * k..][..k].iter().zip(&p[row * k..][..k]) {
                let place = &mut cursor[id as usize];
                transposed_ids[*place] = row as u32;
                transposed_p[*place] = p;
                *place += 1;
            }
        }
        let rows: Vec<Vec<(u32, f64)>> = (0..n)
            .into_par_iter()
            .map(|row| {
                let mut own: Vec<(u32, f64)> = ids[row * k..][..k]
                    .iter()
                    .copied()
                    .zip(p[row * k..][..k].iter().copied())
                    .collect();
                own.sort_unstable_by_key(|&(id, _)| id);
                let span = transposed_starts[row]..transposed_starts[row + 1];
                let theirs = transposed_ids[span.clone()].iter().zip(&transposed_p[span]);
                merge_sums(&own, theirs.map(|(&id, &p)| (id, p)), scale)
            })
            .collect();
        let mut starts = vec![0usize; n + 1];
        for (row, entries) in rows.iter().enumerate() {
            starts[row + 1] = starts[row] + entries.len();
        }
        let mut columns = Vec::with_capacity(starts[n]);
        let mut values = Vec::with_capacity(starts[n]);
        for (column, value) in rows.into_iter().flatten() {
            columns.push(column);
            values.push(value);
        }
        Weights {
            starts,
            columns,
            values,
        }
    }

    /// Number of points.
    pub fn n(&self) -> usize {
        self.starts.len() - 1
    }

    /// Columns and values of one row.
    pub fn row(&self, row: usize) -> (&[u32], &[f64]) {
        let span = self.starts[row]..self.starts[row + 1];
        (&self.columns[span.clone()], &self.values[span])
    }

    fn get(&self, row: usize, column: u32) -> f64 {
        let (columns, values) = self.row(row);
        columns
            .binary_search(&column)
            .map_or(0.0, |place| values[place])
    }

    /// Row sums of W+, the diagonal of the degree matrix.
    pub fn degrees(&self) -> Vec<f64> {
        (0..self.n())
            .into_par_iter()
            .map(|row| self.row(row).1.iter().sum())
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
                        let (columns, values) = self.row(row);
                        out.fill(0.0);
                        for (&column, &w) in columns.iter().zip(values) {
                            for a in 0..d {
                                out[a] += w * (x[row * d + a] - x[column as usize * d + a]);
                            }
                        }
                    }
                }),
        }
    }

    fn laplacian_product_in<const D: usize>(&self, x: &[f64], result: &mut [f64]) {
        let (points, _) = x.as_chunks::<D>();
        let (results, _) = result.as_chunks_mut::<D>();
        results
            .par_chunks_mut(ROWS_PER_TASK)
            .enumerate()
            .for_each(|(task, chunk)| {
                for (i, out) in chunk.iter_mut().enumerate() {
                    let row = task * ROWS_PER_TASK + i;
                    let (columns, values) = self.row(row);
                    let here = points[row];
                    let mut sum = [0.0; D];
                    for (&column, &w) in columns.iter().zip(values) {
                        let there = points[column as usize];
                        for a in 0..D {
                            sum[a] += w * (here[a] - there[a]);
                        }
                    }
                    *out = sum;
                }
            });
    }
}

/// Scaled sum of two sparse rows, both sorted by column.
fn merge_sums(
    own: &[(u32, f64)],
    theirs: impl Iterator<Item = (u32, f64)>,
    scale: f64,
) -> Vec<(u32, f64)> {
    let mut merged = Vec::with_capacity(2 * own.len());
    let mut own = own.iter().copied().peekable();
    for (id, p) in theirs {
        while let Some(entry) = own.next_if(|&(other, _)| other < id) {
            merged.push((entry.0, scale * entry.1));
        }
        let both = own
            .next_if(|&(other, _)| other == id)
            .map_or(0.0, |(_, p)| p);
        merged.push((id, scale * (p + both)));
    }
    merged.extend(own.map(|(id, p)| (id, scale * p)));
    merged
}
