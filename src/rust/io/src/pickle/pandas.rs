//! Tables of pandas, as its versions have written them.

use super::frame::{Frame, RowNames};
use super::names::Name;
use super::numpy::Array;
use super::reader::{damaged, Reader};
use super::values::{Id, Object, Value};
use crate::limits::MOST_ENTRIES;
use crate::Column;
use neuralee_core::{Error, Result};

/// What a manager of blocks holds.
struct Manager {
    axes: Vec<Id>,
    /// Values, and which columns of the table they are.
    blocks: Vec<(Id, Id)>,
}

/// Labels of rows or of columns.
struct Index {
    labels: RowNames,
    n: usize,
    name: Option<String>,
}

fn unsupported_index() -> Error {
    Error::file_format(
        "The table has an index of dates, intervals or several levels.",
        "Write it with names of rows and columns that are text or numbers: in Python \
         df.reset_index().",
    )
}

fn incomplete(what: &str) -> Error {
    damaged(&format!("{what} is incomplete"))
}

impl<'a> Reader<'a> {
    /// A `DataFrame`.
    pub(super) fn frame(&self, object: &Object) -> Result<Frame> {
        let state = self.state(object)?;
        let manager = self.manager(self.required(state, &["_mgr", "_data"])?)?;
        let [columns, rows] = *manager.axes.as_slice() else {
            return Err(incomplete("a table"));
        };
        let (columns, rows) = (self.index(columns)?, self.index(rows)?);
        let labels = self.labels(columns)?;
        let mut found: Vec<Option<Option<Column>>> = Vec::new();
        found.resize_with(labels.len(), || None);
        for (values, placement) in manager.blocks {
            let positions = self.positions(placement, labels.len())?;
            let parts = self.block(values, positions.len(), rows.n)?;
            for (position, part) in positions.into_iter().zip(parts) {
                if found[position].replace(part).is_some() {
                    return Err(damaged("a column of the table is given twice"));
                }
            }
        }
        let mut columns = Vec::with_capacity(labels.len());
        for (label, column) in labels.into_iter().zip(found) {
            match column {
                Some(Some(column)) => columns.push((label, column)),
                Some(None) => self.left_out(&label),
                None => return Err(damaged(&format!("the column '{label}' is missing"))),
            }
        }
        Ok(Frame {
            rows: rows.n,
            names: rows.labels,
            title: rows.name,
            columns,
        })
    }

    /// A `Series`, as a table of one column, with its name or 0 as pandas names such a column.
    pub(super) fn series(&self, object: &Object) -> Result<Frame> {
        let state = self.state(object)?;
        let name = match self.entry(state, "_name")? {
            Some(name) => Some(name),
            None => self.entry(state, "name")?,
        };
        let manager = self.manager(self.required(state, &["_mgr", "_data"])?)?;
        let ([rows], [(values, _)]) = (manager.axes.as_slice(), manager.blocks.as_slice()) else {
            return Err(incomplete("a series"));
        };
        let rows = self.index(*rows)?;
        let name = name
            .and_then(|name| self.label(name))
            .unwrap_or_else(|| "0".to_owned());
        let mut columns = Vec::new();
        match self.values_of(*values, rows.n)? {
            Some(column) => columns.push((name, column)),
            None => self.left_out(&name),
        }
        Ok(Frame {
            rows: rows.n,
            names: rows.labels,
            title: rows.name,
            columns,
        })
    }

    pub(super) fn left_out(&self, name: &str) {
        self.note(format!(
            "{name} was left out: its type has no counterpart in R."
        ));
    }

    /// A `BlockManager` or a `SingleBlockManager`.
    fn manager(&self, id: Id) -> Result<Manager> {
        let object = self.object(id).filter(|o| o.maker == Name::Manager);
        let object = object.ok_or_else(|| damaged("a table has no values"))?;
        // From pandas 1.3 on, a table's manager is made of its blocks and its axes.
        if let [blocks, axes] = *self.arguments(object) {
            let axes = self.items(axes).ok_or_else(|| incomplete("a table"))?;
            self.charge(axes.len(), 4)?;
            let blocks = self.items(blocks).ok_or_else(|| incomplete("a table"))?;
            let blocks = blocks.iter().map(|&block| self.made_block(block));
            return Ok(Manager {
                axes: axes.to_vec(),
                blocks: blocks.collect::<Result<_>>()?,
            });
        }
        // Before, and for series still, its state has them twice. They are given as pandas 0.13
        // wanted them, and in a dictionary named after the version that changed it.
        let state = self.items(self.state(object)?).unwrap_or_default();
        let Some(&newer) = state.get(3) else {
            return Err(Error::file_format(
                "The table was written by pandas 0.14 or earlier.",
                "Read it and write it again with a current pandas, or as csv.",
            ));
        };
        let newer = self.required(newer, &["0.14.1"])?;
        let axes = self.items(self.required(newer, &["axes"])?);
        let axes = axes.ok_or_else(|| incomplete("a table"))?;
        let blocks = self.items(self.required(newer, &["blocks"])?);
        let blocks = blocks.ok_or_else(|| incomplete("a table"))?;
        self.charge(axes.len() + blocks.len(), 8)?;
        let block = |&block: &Id| {
            Ok((
                self.required(block, &["values"])?,
                self.required(block, &["mgr_locs"])?,
            ))
        };
        Ok(Manager {
            axes: axes.to_vec(),
            blocks: blocks.iter().map(block).collect::<Result<_>>()?,
        })
    }

    fn made_block(&self, id: Id) -> Result<(Id, Id)> {
        self.charge(1, 16)?;
        let object = self.object(id).filter(|o| o.maker == Name::UnpickleBlock);
        match object.map(|o| self.arguments(o)) {
            Some(&[values, positions, _]) => Ok((values, positions)),
            _ => Err(damaged("a block of a table is incomplete")),
        }
    }

    /// The positions that a slice or an array names, each below `n`.
    fn positions(&self, id: Id, n: usize) -> Result<Vec<usize>> {
        let beyond = || damaged("a block of a table lies outside it");
        let slice = self.object(id).filter(|o| o.maker == Name::Slice);
        let Some(slice) = slice else {
            let column = self.column_of(&self.array(id)?)?;
            let Some(Column::Integer(positions)) = column else {
                return Err(beyond());
            };
            let position =
                |p: Option<i32>| p.and_then(|p| usize::try_from(p).ok()).filter(|&p| p < n);
            return positions
                .into_iter()
                .map(|p| position(p).ok_or_else(beyond))
                .collect();
        };
        let [start, stop, step] = *self.arguments(slice) else {
            return Err(beyond());
        };
        let step = match self.get(step) {
            Value::None => 1,
            _ => self.integer(step).ok_or_else(beyond)?,
        };
        let start = self.integer(start).ok_or_else(beyond)?;
        let stop = match self.get(stop) {
            // Down to the first.
            Value::None if step < 0 => -1,
            _ => self.integer(stop).ok_or_else(beyond)?,
        };
        let length = range_length(start, stop, step).filter(|&length| length <= n);
        let length = length.ok_or_else(beyond)?;
        self.charge(length, 8)?;
        // The first and the last position bound the others.
        let position = |i: usize| {
            let at = (i as i64)
                .checked_mul(step)
                .and_then(|d| start.checked_add(d));
            at.and_then(|p| usize::try_from(p).ok())
                .filter(|&p| p < n)
                .ok_or_else(beyond)
        };
        (0..length).map(position).collect()
    }

    /// The `columns` columns of a block, each of `rows` entries.
    fn block(&self, values: Id, columns: usize, rows: usize) -> Result<Vec<Option<Column>>> {
        let wrong = || damaged("a block of a table is not as long as its index");
        if self.is_array(values) {
            let array = self.array(values)?;
            if array.shape.len() == 2 {
                if array.shape != [columns, rows] {
                    return Err(wrong());
                }
                self.charge(columns, std::mem::size_of::<Option<Column>>())?;
                return (0..columns)
                    .map(|k| self.entries(&array, array.row(k)))
                    .collect();
            }
        }
        if columns == 1 {
            return Ok(vec![self.values_of(values, rows)?]);
        }
        // Dates, which have one array for several columns too.
        if self.extension(values)?.is_none() {
            self.charge(columns, std::mem::size_of::<Option<Column>>())?;
            return Ok((0..columns).map(|_| None).collect());
        }
        Err(wrong())
    }

    /// An array, whatever its class, that must have `n` entries.
    fn values_of(&self, id: Id, n: usize) -> Result<Option<Column>> {
        let column = self.extension(id)?;
        if column.as_ref().is_some_and(|column| column.len() != n) {
            return Err(damaged("a column is not as long as the table's index"));
        }
        Ok(column)
    }

    /// An array with one index, of numpy or of pandas; `None` where R has no counterpart.
    pub(super) fn extension(&self, id: Id) -> Result<Option<Column>> {
        if self.is_array(id) {
            return self.column_of(&self.array(id)?);
        }
        let object = self
            .object(id)
            .ok_or_else(|| damaged("an array is missing"))?;
        match object.maker {
            Name::Categorical => self.categorical(self.state(object)?),
            Name::StringArray => {
                let values = self.required(self.state(object)?, &["_ndarray"])?;
                self.column_of(&self.array(values)?)
            }
            Name::MaskedArray => self.masked(self.state(object)?),
            Name::UnpickleBacked => self.backed(object),
            Name::Unsupported => Ok(None),
            _ => Err(damaged("an array is of an unknown class")),
        }
    }

    /// All entries of an array with one index, or of one with a single row, as pandas keeps some.
    pub(super) fn column_of(&self, array: &Array<'a>) -> Result<Option<Column>> {
        match array.shape.as_slice() {
            [_] | [1, _] => self.entries(array, array.all()),
            _ => Err(damaged("an array has not one index")),
        }
    }

    /// What pandas keeps as one array of numpy with a type of its own.
    fn backed(&self, object: &Object) -> Result<Option<Column>> {
        let class = self.arguments(object).first().map(|&class| self.get(class));
        let Some(&Value::Name(class)) = class else {
            return Err(damaged("an array has no class"));
        };
        if class == Name::Unsupported {
            return Ok(None);
        }
        let state = self.items(self.state(object)?).unwrap_or_default();
        let array = state.iter().find(|&&part| self.is_array(part));
        let array = self.array(*array.ok_or_else(|| incomplete("an array"))?)?;
        match class {
            Name::StringArray => self.column_of(&array),
            Name::Categorical => {
                let is_type = |part: &Id| {
                    self.object(*part)
                        .is_some_and(|o| o.maker == Name::CategoricalDtype)
                };
                let dtype = state.iter().find(|&part| is_type(part));
                self.factor(&array, *dtype.ok_or_else(|| incomplete("a factor"))?)
            }
            _ => Err(damaged("an array is of an unknown class")),
        }
    }

    /// The state of a `Categorical` before pandas 1.3.
    fn categorical(&self, state: Id) -> Result<Option<Column>> {
        let codes = self.array(self.required(state, &["_codes", "_ndarray"])?)?;
        match self.entry(state, "_dtype")? {
            Some(dtype) => self.factor(&codes, dtype),
            // Before 0.21 it had no type of its own.
            None => {
                let levels = self.required(state, &["_categories"])?;
                self.coded(&codes, levels, self.entry(state, "_ordered")?)
            }
        }
    }

    fn factor(&self, codes: &Array<'a>, dtype: Id) -> Result<Option<Column>> {
        let dtype = self
            .object(dtype)
            .filter(|o| o.maker == Name::CategoricalDtype);
        let dtype = dtype.ok_or_else(|| incomplete("a factor"))?;
        let state = self.state(dtype)?;
        let levels = self.required(state, &["categories"])?;
        self.coded(codes, levels, self.entry(state, "ordered")?)
    }

    /// A factor of codes, which are -1 where values are missing.
    fn coded(&self, codes: &Array<'a>, levels: Id, ordered: Option<Id>) -> Result<Option<Column>> {
        let levels = self.labels(self.index_of(levels, false)?)?;
        let Some(Column::Integer(codes)) = self.column_of(codes)? else {
            return Err(damaged("a factor has no codes"));
        };
        self.charge(codes.len(), 8)?;
        let code = |code: Option<i32>| match code {
            Some(-1) => Ok(None),
            Some(code) if code >= 0 && (code as usize) < levels.len() => Ok(Some(code as u32)),
            _ => Err(damaged("a factor has a code without a category")),
        };
        let codes = codes.into_iter().map(code).collect::<Result<_>>()?;
        let ordered = ordered.is_some_and(|o| matches!(self.get(o), Value::Bool(true)));
        Ok(Some(Column::Factor {
            codes,
            levels,
            ordered,
        }))
    }

    /// Numbers or true and false, and which of them are missing.
    fn masked(&self, state: Id) -> Result<Option<Column>> {
        let values = self.column_of(&self.array(self.required(state, &["_data"])?)?)?;
        let mask = self.column_of(&self.array(self.required(state, &["_mask"])?)?)?;
        let (Some(mut values), Some(Column::Logical(mask))) = (values, mask) else {
            return Ok(None);
        };
        if mask.len() != values.len() {
            return Err(damaged("a column is not as long as its mask"));
        }
        let missing = mask
            .iter()
            .enumerate()
            .filter(|(_, m)| **m == Some(true))
            .map(|(i, _)| i);
        match &mut values {
            Column::Number(x) => missing.for_each(|i| x[i] = f64::NAN),
            Column::Integer(x) => missing.for_each(|i| x[i] = None),
            Column::Logical(x) => missing.for_each(|i| x[i] = None),
            _ => return Ok(None),
        }
        Ok(Some(values))
    }

    fn index(&self, id: Id) -> Result<Index> {
        self.index_of(id, true)
    }

    /// `factors`: whether the labels may be a factor; a factor's own may not.
    fn index_of(&self, id: Id, factors: bool) -> Result<Index> {
        self.charge(1, 16)?;
        let object = self
            .object(id)
            .ok_or_else(|| damaged("an index is missing"))?;
        if object.maker == Name::Unsupported {
            return Err(unsupported_index());
        }
        let (class, parts) = match (object.maker, self.arguments(object)) {
            (Name::NewIndex, &[class, parts]) => (self.get(class), parts),
            _ => return Err(damaged("an index is missing")),
        };
        let Value::Name(class) = class else {
            return Err(damaged("an index has no class"));
        };
        let name = self.entry(parts, "name")?.and_then(|name| self.label(name));
        match class {
            Name::RangeIndex => {
                let part = |key| {
                    let value = self.integer(self.required(parts, &[key])?);
                    value.ok_or_else(|| damaged("a range of rows has no limits"))
                };
                let (start, step) = (part("start")?, part("step")?);
                let n = range_length(start, part("stop")?, step).filter(|&n| n <= MOST_ENTRIES);
                let n = n.ok_or_else(|| damaged("a range of rows is too long"))?;
                Ok(Index {
                    labels: RowNames::Range { start, step },
                    n,
                    name,
                })
            }
            Name::Index => {
                let data = self.required(parts, &["data"])?;
                if !factors && self.is_factor(data) {
                    return Err(damaged("the categories of a factor are a factor"));
                }
                let labels = self.extension(data)?.ok_or_else(unsupported_index)?;
                Ok(Index {
                    n: labels.len(),
                    labels: RowNames::Labels(labels),
                    name,
                })
            }
            Name::Unsupported => Err(unsupported_index()),
            _ => Err(damaged("an index has no class")),
        }
    }

    fn is_factor(&self, id: Id) -> bool {
        self.object(id).is_some_and(|object| match object.maker {
            Name::Categorical => true,
            Name::UnpickleBacked => {
                let class = self.arguments(object).first().map(|&class| self.get(class));
                matches!(class, Some(Value::Name(Name::Categorical)))
            }
            _ => false,
        })
    }

    /// An index by itself.
    pub(super) fn index_values(&self, id: Id) -> Result<Column> {
        let index = self.index(id)?;
        Ok(match index.labels {
            RowNames::Labels(column) => column,
            RowNames::Range { start, step } => {
                self.charge(index.n, 8)?;
                let at = |i: usize| (i128::from(start) + i as i128 * i128::from(step)) as f64;
                Column::Number((0..index.n).map(at).collect())
            }
        })
    }

    /// The labels of an index as text.
    fn labels(&self, index: Index) -> Result<Vec<String>> {
        const SHORT: usize = 64;
        match index.labels {
            RowNames::Range { start, step } => {
                self.charge(index.n, SHORT)?;
                let label =
                    |i: usize| (i128::from(start) + i as i128 * i128::from(step)).to_string();
                Ok((0..index.n).map(label).collect())
            }
            RowNames::Labels(column) => {
                if let Column::Factor { codes, levels, .. } = &column {
                    for code in codes.iter().flatten() {
                        self.charge(levels[*code as usize].len(), 1)?;
                    }
                }
                self.charge(column.len(), SHORT)?;
                Ok(column.into_text())
            }
        }
    }

    /// A name of an axis or a series: text or a number, or none.
    pub(super) fn label(&self, id: Id) -> Option<String> {
        match self.column(&[id]) {
            Ok(Some(Column::Logical(x))) if x[0].is_none() => None,
            Ok(Some(column)) => column.into_text().pop(),
            _ => None,
        }
    }
}

/// How many whole numbers lie from `start` to before `stop`.
fn range_length(start: i64, stop: i64, step: i64) -> Option<usize> {
    let (start, stop, step) = (i128::from(start), i128::from(stop), i128::from(step));
    let span = match step {
        0 => return None,
        1.. => stop - start,
        _ => start - stop,
    };
    usize::try_from((span.max(0) + step.abs() - 1) / step.abs()).ok()
}
