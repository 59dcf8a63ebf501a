//! The order in which a run has its cells: near ones near each other, where that is faster.

use crate::masses::Masses;
use ndarray::{Array2, ArrayView2, Axis, CowArray, Ix2};

/// Number of the cell, as it came, in each row of the run; `None` where rows are as they came.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Order(pub Option<Vec<u32>>);

/// The row of each cell, given the cell in each row.
pub(crate) fn rows_of(cells: &[u32]) -> Vec<u32> {
    let mut rows = vec![0; cells.len()];
    for (row, &cell) in (0..).zip(cells) {
        rows[cell as usize] = row;
    }
    rows
}

impl Order {
    /// Rows as the run has them.
    pub fn apply<'a>(&self, rows: ArrayView2<'a, f64>) -> CowArray<'a, f64, Ix2> {
        let Some(order) = &self.0 else {
            return rows.into();
        };
        let ids: Vec<usize> = order.iter().map(|&id| id as usize).collect();
        rows.select(Axis(0), &ids).into()
    }

    /// The masses of the cells in these rows.
    pub fn apply_to_masses(&self, masses: Masses) -> Masses {
        match &self.0 {
            Some(order) => masses.of_sample(order),
            None => masses,
        }
    }

    /// Rows of the run, `d` numbers each, as they came.
    pub fn undo(&self, rows: &[f64], d: usize) -> Array2<f64> {
        let n = rows.len() / d;
        let mut came = Array2::zeros((n, d));
        for (i, row) in rows.chunks_exact(d).enumerate() {
            let id = self.0.as_ref().map_or(i, |order| order[i] as usize);
            came.row_mut(id).assign(&ndarray::ArrayView1::from(row));
        }
        came
    }
}
