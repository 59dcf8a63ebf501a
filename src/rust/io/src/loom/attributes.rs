//! Attributes of the file as a whole: datasets in /attrs since version 3 of the format,
//! before that HDF5 attributes of the root.

use crate::h5ad::table::{integers, values_of, void};
use crate::hdf5::raw::{
    attribute_is_void, attribute_kind, attribute_logicals, attribute_texts, Kind,
};
use crate::hdf5::store::{failed, Node};
use crate::Column;
use neuralee_core::Result;

/// Values of an HDF5 attribute that are read; more are a mistake.
const MOST_VALUES: usize = 10_000;

/// Reads all of them. Of two with one name, that in /attrs is taken.
pub(super) fn read(root: &Node, notes: &mut Vec<String>) -> Result<Vec<(String, Column)>> {
    let mut found: Vec<(String, Column)> = Vec::new();
    for name in root.attribute_names()? {
        let void_here = root.attribute(&name).as_ref().map(attribute_is_void);
        if void_here.transpose().map_err(failed(&name))? == Some(true) {
            notes.push(void(&format!("The attribute {name}")));
            continue;
        }
        match read_hdf5_attribute(root, &name)? {
            Some(values) => found.push((name, values)),
            None => notes.push(left_out(&format!("The attribute {name}"))),
        }
    }
    if let Some(group) = root.member("attrs")? {
        for name in group.members()? {
            let node = group.required(&name, "")?;
            if node.is_void(1)? {
                notes.push(void(&node.path));
                continue;
            }
            match read_dataset(&node)? {
                Some(values) => {
                    found.retain(|(known, _)| *known != name);
                    found.push((name, values));
                }
                None => notes.push(left_out(&node.path)),
            }
        }
    }
    if is_escaped(&found) {
        for (_, values) in &mut found {
            let column = std::mem::replace(values, Column::Text(Vec::new()));
            *values = unescape_column(column, true);
        }
    }
    Ok(found)
}

fn left_out(what: &str) -> String {
    format!("{what} was left out: its shape or type has no counterpart here.")
}

/// One value or a vector.
fn read_dataset(node: &Node) -> Result<Option<Column>> {
    if !node.is_dataset() {
        return Ok(None);
    }
    let array = node.array()?;
    match array.shape()?[..] {
        [] => values_of(&array, 1, None),
        [n] | [n, 1] => values_of(&array, n, None),
        _ => Ok(None),
    }
}

fn read_hdf5_attribute(root: &Node, name: &str) -> Result<Option<Column>> {
    let Some(attribute) = root.attribute(name) else {
        return Ok(None);
    };
    let what = format!("the attribute '{name}'");
    let wrong = |e| failed(&what)(e);
    let (kind, n) = attribute_kind(&attribute).map_err(wrong)?;
    if n > MOST_VALUES {
        return Ok(None);
    }
    Ok(match kind {
        Kind::Text => attribute_texts(&attribute)
            .map_err(wrong)?
            .map(|texts| Column::Text(texts.into_iter().map(Some).collect())),
        Kind::Integer => Some(integers(attribute.read_raw::<i64>().map_err(wrong)?)),
        Kind::Float => Some(Column::Number(attribute.read_raw::<f64>().map_err(wrong)?)),
        Kind::Logical => {
            let values = attribute_logicals(&attribute).map_err(wrong)?;
            Some(Column::Logical(values.into_iter().map(Some).collect()))
        }
        _ => None,
    })
}

/// Whether text is escaped: it is before version 3. A file that names no version is older.
pub(super) fn is_escaped(attributes: &[(String, Column)]) -> bool {
    let version = attributes
        .iter()
        .find(|(name, _)| name == "LOOM_SPEC_VERSION");
    let Some((_, version)) = version else {
        return true;
    };
    let text = version.clone().into_text();
    let major = text.first().and_then(|t| t.split('.').next()?.parse().ok());
    major.unwrap_or(0u32) < 3
}

/// The same column with the text of `escaped` ones as it was meant.
pub(super) fn unescape_column(column: Column, escaped: bool) -> Column {
    match column {
        Column::Text(texts) if escaped => Column::Text(
            texts
                .into_iter()
                .map(|text| text.map(|t| unescape(&t)))
                .collect(),
        ),
        other => other,
    }
}

/// Text in which characters beyond ASCII are written by their numbers, as in XML: `&#8364;`.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("&#") {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        match reference(&from[2..]) {
            Some((character, length)) => {
                out.push(character);
                rest = &from[2 + length..];
            }
            None => {
                out.push_str("&#");
                rest = &from[2..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// The character of a reference whose number starts here, and the length with its semicolon.
fn reference(text: &str) -> Option<(char, usize)> {
    let end = text.find(';')?;
    let number = &text[..end];
    let (digits, radix) = match number.strip_prefix(['x', 'X']) {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    let valid = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    let code = valid.then(|| u32::from_str_radix(digits, radix).ok())??;
    // R's strings cannot hold the character 0.
    let character = char::from_u32(code).filter(|&c| c != '\0')?;
    Some((character, end + 1))
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn references_become_characters_and_the_rest_stays() {
        for (escaped, meant) in [
            ("", ""),
            ("plain", "plain"),
            ("5&#181;m", "5µm"),
            ("&#x3b1;&#946;", "αβ"),
            ("&#128512;", "😀"),
            ("a & b; &amp; &#;", "a & b; &amp; &#;"),
            (
                "&#-5; &#xD800; &#0; &#99999999999;",
                "&#-5; &#xD800; &#0; &#99999999999;",
            ),
            ("&#181", "&#181"),
            ("&#&#181;", "&#µ"),
        ] {
            assert_eq!(unescape(escaped), meant);
        }
    }
}
