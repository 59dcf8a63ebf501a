//! Compressed columns, from whatever order the file has.

/// A sparse matrix by columns: row ids ascend within a column and none repeats.
#[derive(Debug, Clone, PartialEq)]
pub struct SparseColumns {
    /// Number of rows.
    pub nrows: usize,
    /// Number of columns.
    pub ncols: usize,
    /// Start of each column in `indices`, and the end of the last: ncols + 1 entries.
    pub indptr: Vec<i32>,
    /// Row of each stored value.
    pub indices: Vec<i32>,
    /// The stored values.
    pub values: Vec<f64>,
}

impl SparseColumns {
    /// Sorts the rows within each column and adds up values stored for one row of a column. Row ids
    /// must be in range and `indptr` must ascend from 0 to the number of values.
    pub fn canonical(mut self) -> Self {
        let mut kept = 0;
        let mut column: Vec<(i32, f64)> = Vec::new();
        let mut start = 0;
        for c in 0..self.ncols {
            let end = self.indptr[c + 1] as usize;
            let ascends = self.indices[start..end].windows(2).all(|w| w[0] < w[1]);
            if ascends && kept == start {
                kept = end;
            } else {
                column.clear();
                column.extend((start..end).map(|i| (self.indices[i], self.values[i])));
                column.sort_by_key(|&(row, _)| row);
                let first = kept;
                for &(row, value) in &column {
                    if kept > first && self.indices[kept - 1] == row {
                        self.values[kept - 1] += value;
                    } else {
                        self.indices[kept] = row;
                        self.values[kept] = value;
                        kept += 1;
                    }
                }
            }
            start = end;
            self.indptr[c + 1] = kept as i32;
        }
        self.indices.truncate(kept);
        self.values.truncate(kept);
        self
    }

    /// The same matrix with rows and columns exchanged, in time linear in its size.
    pub fn transposed(&self) -> Self {
        let columns = (0..self.ncols)
            .flat_map(|c| (self.indptr[c]..self.indptr[c + 1]).map(move |_| c as i32));
        group(self.ncols, self.nrows, columns, &self.indices, &self.values)
    }
}

/// Compressed columns of entries in any order: a counting sort by column that keeps the
/// order of the entries within each.
pub fn group(
    nrows: usize,
    ncols: usize,
    rows: impl Iterator<Item = i32>,
    columns: &[i32],
    values: &[f64],
) -> SparseColumns {
    let mut next = vec![0i32; ncols + 1];
    for &c in columns {
        next[c as usize + 1] += 1;
    }
    for c in 0..ncols {
        next[c + 1] += next[c];
    }
    let indptr = next.clone();
    let mut indices = vec![0i32; columns.len()];
    let mut sorted = vec![0f64; columns.len()];
    for ((row, &c), &value) in rows.zip(columns).zip(values) {
        let at = next[c as usize] as usize;
        next[c as usize] += 1;
        indices[at] = row;
        sorted[at] = value;
    }
    SparseColumns {
        nrows,
        ncols,
        indptr,
        indices,
        values: sorted,
    }
}
