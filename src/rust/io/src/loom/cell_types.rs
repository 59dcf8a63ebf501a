//! Which type each cell has. Some files number the clusters of their cells in the column attribute
//! ClusterID and name them in the global attribute CellTypes.

use crate::Column;

const NUMBERS: &str = "ClusterID";
const NAMES: &str = "CellTypes";
const ADDED: &str = "cell_type";

/// Adds the factor `cell_type` where both attributes are there and fit. Numbers count from 0
/// if any is 0, else from 1; negative ones are missing. A single text names several types
/// with commas between them.
pub(super) fn name(
    columns: &mut Vec<(String, Column)>,
    attributes: &[(String, Column)],
    notes: &mut Vec<String>,
) {
    let find = |of: &[(String, Column)], name: &str| {
        let found = of.iter().find(|(known, _)| known == name);
        found.map(|(_, column)| column.clone())
    };
    let (Some(Column::Text(names)), Some(numbers)) =
        (find(attributes, NAMES), find(columns, NUMBERS))
    else {
        return;
    };
    let Some(numbers) = whole(numbers) else {
        return;
    };
    if columns.iter().any(|(known, _)| known == ADDED) {
        return;
    }
    let names = split(names);
    let used = || numbers.iter().flatten().copied();
    let (least, most) = (used().min().unwrap_or(0), used().max().unwrap_or(0));
    let first = u64::from(least > 0);
    if !names.is_empty() && most < names.len() as u64 && first == 1 {
        notes.push(format!(
            "{NUMBERS} has no 0 and no {}: it was taken to count the {} {NAMES} from 1.",
            names.len(),
            names.len()
        ));
    }
    if most >= names.len() as u64 + first {
        notes.push(format!(
            "There is no {ADDED}: {NUMBERS} goes up to {most}, but {NAMES} has {} names.",
            names.len()
        ));
        return;
    }

    // Types may share a name; a factor's levels may not.
    let mut levels: Vec<String> = Vec::new();
    let level_of: Vec<u32> = names
        .iter()
        .map(|name| {
            let known = levels.iter().position(|level| level == name);
            known.unwrap_or_else(|| {
                levels.push(name.clone());
                levels.len() - 1
            }) as u32
        })
        .collect();
    let codes = numbers
        .iter()
        .map(|number| number.map(|n| level_of[(n - first) as usize]))
        .collect();
    let factor = Column::Factor {
        codes,
        levels,
        ordered: false,
    };
    columns.push((ADDED.to_owned(), factor));
}

/// Whole numbers, with what is missing or negative as `None`; `None` for anything else.
fn whole(column: Column) -> Option<Vec<Option<u64>>> {
    match column {
        Column::Integer(values) => Some(
            values
                .into_iter()
                .map(|v| v.and_then(|v| u64::try_from(v).ok()))
                .collect(),
        ),
        Column::Number(values) => values
            .into_iter()
            .map(|v| match v {
                v if v.is_nan() || v < 0.0 => Some(None),
                v if v.fract() == 0.0 && v < u64::MAX as f64 => Some(Some(v as u64)),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

fn split(names: Vec<Option<String>>) -> Vec<String> {
    let names: Vec<String> = names.into_iter().flatten().collect();
    match &names[..] {
        [one] => one.split(',').map(|name| name.trim().to_owned()).collect(),
        _ => names,
    }
}
