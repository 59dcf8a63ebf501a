//! obs and var: the annotations of cells and genes.

use super::format::{R_TEXT, R_TYPE};
use crate::hdf5::arrays;
use crate::hdf5::raw::{Kind, Source};
use crate::hdf5::store::{damaged, failed, Array, Node};
use crate::{Column, Table};
use neuralee_core::{Error, Result};

/// Reads the annotations that `which` (obs, var or raw/var) holds; `name` is obs or var.
pub(super) fn read_annotations(
    root: &Node,
    which: Node,
    name: &str,
    notes: &mut Vec<String>,
) -> Result<Table> {
    let table = if which.is_dataset() {
        read_records(root, &which, notes)?
    } else {
        read_group(&which, notes)?
    };
    if let Some((column, _)) = table
        .columns
        .iter()
        .find(|(_, c)| c.len() != table.names.len())
    {
        return Err(damaged(format!(
            "The column '{column}' of {name} is not as long as its index"
        )));
    }
    Ok(table)
}

fn index_name(group: &Node) -> Result<String> {
    Ok(group.text("_index")?.unwrap_or_else(|| "_index".into()))
}

/// Names of the rows of a table that is a group.
pub(super) fn row_names(group: &Node) -> Result<Vec<String>> {
    let index = index_name(group)?;
    let found = group.member(&index)?;
    let found = found.ok_or_else(|| damaged(format!("{} has no index", group.path)))?;
    let names = read_column(group, &found, &index)?
        .ok_or_else(|| damaged(format!("The index of {} holds no text", group.path)))?;
    Ok(names.into_text())
}

/// Since anndata 0.7: a group with one member a column.
fn read_group(group: &Node, notes: &mut Vec<String>) -> Result<Table> {
    let index = index_name(group)?;
    let names = row_names(group)?;

    let order = match group.texts("column-order")? {
        Some(order) => order,
        // An empty order is stored as an array of numbers.
        None if group.has_attribute("column-order") => Vec::new(),
        None => group.members()?,
    };
    let mut table = Table {
        names,
        columns: Vec::new(),
    };
    for name in order {
        if name == index || name == "__categories" {
            continue;
        }
        let column = group.required(&name, "")?;
        if is_void(&column, table.names.len())? {
            notes.push(void(&column.path));
            continue;
        }
        match read_column(group, &column, &name)? {
            Some(values) => table.columns.push((name, values)),
            None => notes.push(left_out(&column.path)),
        }
    }
    Ok(table)
}

fn left_out(path: &str) -> String {
    format!("{path} was left out: its type has no counterpart in R.")
}

/// What is said of a part without values.
pub(crate) fn void(path: &str) -> String {
    format!("{path} was left out: it holds no values.")
}

/// Whether a column, or the part of it that has a value for each of `n` rows, has none at all.
pub(crate) fn is_void(column: &Node, n: usize) -> Result<bool> {
    let mut parts = vec![column.is_void(n)?];
    for name in ["codes", "values"] {
        if let Some(part) = column.member(name)? {
            parts.push(part.is_void(n)?);
        }
    }
    Ok(parts.contains(&true))
}

/// One column of a group, or `None` where R has no counterpart.
fn read_column(group: &Node, column: &Node, name: &str) -> Result<Option<Column>> {
    if column.is_dataset() {
        let values = read_values(&column.array()?, None)?;
        // anndata 0.7 keeps categories beside the columns.
        return match group.member(&format!("__categories/{name}"))? {
            Some(categories) => {
                let ordered = categories.logical("ordered").unwrap_or(false);
                let values =
                    values.ok_or_else(|| damaged(format!("{} has no codes", column.path)))?;
                factor(&column.path, values, levels(&categories)?, ordered).map(Some)
            }
            None => Ok(values),
        };
    }
    match column.text("encoding-type")?.as_deref() {
        Some("categorical") => {
            let codes = read_values(&column.required("codes", "")?.array()?, None)?;
            let codes = codes.ok_or_else(|| damaged(format!("{} has no codes", column.path)))?;
            let levels = levels(&column.required("categories", "")?)?;
            let ordered = column.logical("ordered").unwrap_or(false);
            let factor = factor(&column.path, codes, levels, ordered)?;
            Ok(Some(match column.text(R_TYPE)?.as_deref() {
                Some(R_TEXT) => spelled_out(factor),
                _ => factor,
            }))
        }
        Some(kind) if kind.starts_with("nullable-") => {
            let Some(values) = read_values(&column.required("values", "")?.array()?, None)? else {
                return Ok(None);
            };
            match read_values(&column.required("mask", "")?.array()?, None)? {
                Some(Column::Logical(mask)) if mask.len() == values.len() => {
                    Ok(Some(masked(values, &mask)))
                }
                _ => Err(damaged(format!("The mask of {} does not fit", column.path))),
            }
        }
        _ => Ok(None),
    }
}

/// Before anndata 0.7: a dataset of records, the first field being the index; categories
/// are in uns under the field's name.
fn read_records(root: &Node, records: &Node, notes: &mut Vec<String>) -> Result<Table> {
    let array = records.array()?;
    let source = Source {
        container: array.source,
        field: None,
    };
    if source.kind().map_err(failed(array.path))? != Kind::Compound {
        return Err(damaged(format!("{} is not a table", records.path)));
    }
    let mut table = Table::default();
    for (i, field) in source
        .fields()
        .map_err(failed(array.path))?
        .into_iter()
        .enumerate()
    {
        let values = read_values(&array, Some(&field))?;
        let Some(values) = values else {
            notes.push(left_out(&format!("{}/{field}", records.path)));
            continue;
        };
        if i == 0 {
            table.names = values.into_text();
            continue;
        }
        let categories = match values {
            Column::Integer(_) => root.member(&format!("uns/{field}_categories"))?,
            _ => None,
        };
        // Without names the numbers stay what they are.
        let categories = match categories {
            Some(categories) if categories.is_void(1)? => {
                notes.push(void(&categories.path));
                None
            }
            other => other,
        };
        let values = match categories {
            Some(categories) => {
                let path = format!("{}/{field}", records.path);
                factor(&path, values, levels(&categories)?, false)?
            }
            None => values,
        };
        table.columns.push((field, values));
    }
    Ok(table)
}

fn levels(categories: &Node) -> Result<Vec<String>> {
    if categories.is_void(1)? {
        return Ok(Vec::new());
    }
    let values = match categories.is_dataset() {
        true => read_values(&categories.array()?, None)?,
        false => read_column(categories, categories, "")?,
    };
    let values = values.ok_or_else(|| damaged(format!("{} holds no names", categories.path)))?;
    let mut seen = std::collections::HashSet::new();
    let levels = values.into_text();
    match levels.iter().find(|level| !seen.insert(level.as_str())) {
        Some(twice) => Err(damaged(format!(
            "{} names '{twice}' twice",
            categories.path
        ))),
        None => Ok(levels),
    }
}

/// Codes below 0 are missing values.
fn factor(path: &str, codes: Column, levels: Vec<String>, ordered: bool) -> Result<Column> {
    let Column::Integer(codes) = codes else {
        return Err(damaged(format!("The codes of {path} are no integers")));
    };
    let code = |code: Option<i32>| match code {
        None | Some(i32::MIN..=-1) => Ok(None),
        Some(c) if (c as usize) < levels.len() => Ok(Some(c as u32)),
        Some(c) => {
            let problem = format!(
                "Code {c} of {path} has no category; there are {}",
                levels.len()
            );
            Err(damaged(problem))
        }
    };
    let codes = codes.into_iter().map(code).collect::<Result<_>>()?;
    Ok(Column::Factor {
        codes,
        levels,
        ordered,
    })
}

/// Categories as text.
fn spelled_out(column: Column) -> Column {
    match column {
        Column::Factor { codes, levels, .. } => Column::Text(
            codes
                .into_iter()
                .map(|code| code.map(|code| levels[code as usize].clone()))
                .collect(),
        ),
        other => other,
    }
}

fn masked(values: Column, mask: &[Option<bool>]) -> Column {
    fn hide<T>(values: Vec<Option<T>>, mask: &[Option<bool>]) -> Vec<Option<T>> {
        values
            .into_iter()
            .zip(mask)
            .map(|(v, &m)| v.filter(|_| m != Some(true)))
            .collect()
    }
    match values {
        Column::Number(mut x) => {
            for (value, _) in x.iter_mut().zip(mask).filter(|(_, &m)| m == Some(true)) {
                *value = f64::NAN;
            }
            Column::Number(x)
        }
        Column::Integer(x) => Column::Integer(hide(x, mask)),
        Column::Logical(x) => Column::Logical(hide(x, mask)),
        Column::Text(x) => Column::Text(hide(x, mask)),
        other => other,
    }
}

/// The values of a one-dimensional dataset or of one field of it, or `None` where they are
/// neither numbers nor text nor true and false.
fn read_values(array: &Array, field: Option<&str>) -> Result<Option<Column>> {
    if array.is_null()? {
        return Ok(None);
    }
    values_of(array, array.length()?, field)
}

/// As [`read_values`], of a dataset of `n` entries, whatever its axes.
pub(crate) fn values_of(array: &Array, n: usize, field: Option<&str>) -> Result<Option<Column>> {
    let source = Source {
        container: array.source,
        field,
    };
    let wrong = |e| failed(array.path)(e);
    Ok(Some(match source.kind().map_err(wrong)? {
        Kind::Text => {
            let texts = arrays::texts(array, field, n)?;
            Column::Text(texts.into_iter().map(Some).collect())
        }
        Kind::Logical => {
            let values = source.logicals(0..n).map_err(wrong)?;
            Column::Logical(values.into_iter().map(Some).collect())
        }
        Kind::Integer if source.fits_i32().map_err(wrong)? => {
            let mut values = vec![0i32; n];
            source.numbers(0..n, &mut values).map_err(wrong)?;
            // R's integers have no -2^31: it stands for a missing value.
            Column::Integer(
                values
                    .into_iter()
                    .map(|v| Some(v).filter(|&v| v != i32::MIN))
                    .collect(),
            )
        }
        Kind::Integer => {
            let mut values = vec![0i64; n];
            source.numbers(0..n, &mut values).map_err(wrong)?;
            integers(values)
        }
        Kind::Float => {
            let mut values = vec![0f64; n];
            source.numbers(0..n, &mut values).map_err(wrong)?;
            Column::Number(values)
        }
        Kind::Compound | Kind::Numbers(_) | Kind::Other => return Ok(None),
    }))
}

/// Integers where all of them are R's, else real numbers.
pub(crate) fn integers(values: Vec<i64>) -> Column {
    let small: Option<Vec<i32>> = values
        .iter()
        .map(|&v| i32::try_from(v).ok().filter(|&v| v != i32::MIN))
        .collect();
    match small {
        Some(small) => Column::Integer(small.into_iter().map(Some).collect()),
        None => Column::Number(values.into_iter().map(|v| v as f64).collect()),
    }
}

/// The error for a matrix whose sides do not fit the annotations.
pub(super) fn wrong_shape(path: &str, shape: [usize; 2], cells: usize, genes: usize) -> Error {
    damaged(format!(
        "{path} is {} x {}, but there are {cells} cells in obs and {genes} genes in var",
        shape[0], shape[1]
    ))
}
