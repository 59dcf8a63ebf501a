//! A table, as Python has it.

use crate::Column;

/// Labels of a table's rows.
#[derive(Debug, Clone, PartialEq)]
pub enum RowNames {
    /// Whole numbers at equal distances; from 0 by 1 where rows have no names.
    Range {
        /// The first.
        start: i64,
        /// From each to the next.
        step: i64,
    },
    /// One for each row.
    Labels(Column),
}

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Number of rows.
    pub rows: usize,
    /// Their labels.
    pub names: RowNames,
    /// What the labels are called.
    pub title: Option<String>,
    /// Names, which may repeat, and columns of `rows` entries.
    pub columns: Vec<(String, Column)>,
}
