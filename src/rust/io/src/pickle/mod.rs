//! Pickles of Python that hold tables: data frames and series of pandas, arrays of numpy,
//! and dictionaries and lists of these.
//!
//! A pickle is a program for a small machine that imports and calls what it names. Here nothing is
//! imported and nothing called. `machine` runs the opcodes that only move values and notes what
//! would be called, if it is on the list of `names`. `numpy` and `pandas` read those notes as
//! arrays and tables, within the limits that `reader` keeps.

mod frame;
mod machine;
mod names;
mod numpy;
mod pandas;
mod reader;
mod values;

use super::expand::Text;
use super::limits::{require_memory, with_path};
use super::Column;
use names::Name;
use neuralee_core::monitor::Monitor;
use neuralee_core::{Error, Result};
use reader::{damaged, Reader};
use std::path::Path;
use values::{Id, Value};

pub use frame::{Frame, RowNames};

/// Tables in dictionaries in lists: no deeper than this.
const DEEPEST: usize = 16;

/// What a pickle holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Python's `None`.
    Nothing,
    /// One value, an array with one index, or a list of values of one kind.
    Values(Column),
    /// An array with two indices, by columns.
    Matrix {
        /// Number of rows.
        rows: usize,
        /// Columns, all of one kind.
        columns: Vec<Column>,
    },
    /// A data frame, a series or an array of records.
    Table(Frame),
    /// Any other list.
    List(Vec<Content>),
    /// A dictionary, in its order.
    Dict(Vec<(String, Content)>),
}

/// A pickle, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Pickle {
    /// What it holds.
    pub content: Content,
    /// What was left out, one sentence each.
    pub notes: Vec<String>,
}

/// Reads a file, which may be compressed.
pub fn read(path: &Path, monitor: &dyn Monitor) -> Result<Pickle> {
    let bytes = whole(path, monitor).map_err(|e| with_path(path, e))?;
    monitor.check()?;
    read_bytes(&bytes).map_err(|e| with_path(path, e))
}

/// Reads the bytes of a file that is not compressed.
pub fn read_bytes(bytes: &[u8]) -> Result<Pickle> {
    let values = machine::run(bytes)?;
    let reader = Reader::new(&values, bytes.len());
    let content = reader.content(values.root, "The pickle", DEEPEST)?;
    let content = content.ok_or_else(|| {
        Error::file_format(
            "The pickle holds a value that is no table.",
            "Write a data frame, a series, an array, or a dictionary of such.",
        )
    })?;
    let notes = reader.into_notes();
    let without_nul = |text: &str| !text.contains('\0');
    if !content.all_texts(&without_nul) || !notes.iter().all(|note| without_nul(note)) {
        return Err(damaged(
            "one of its texts holds a NUL, which is no part of any in R",
        ));
    }
    Ok(Pickle { content, notes })
}

impl Content {
    /// Whether all texts, the names included, are as they should be.
    fn all_texts(&self, should: &dyn Fn(&str) -> bool) -> bool {
        let all = |columns: &[Column]| columns.iter().all(|c| c.all_texts(should));
        match self {
            Content::Nothing => true,
            Content::Values(column) => column.all_texts(should),
            Content::Matrix { columns, .. } => all(columns),
            Content::Table(frame) => {
                let named = match &frame.names {
                    RowNames::Range { .. } => true,
                    RowNames::Labels(labels) => labels.all_texts(should),
                };
                let mut columns = frame.columns.iter();
                named
                    && frame.title.iter().all(|title| should(title))
                    && columns.all(|(name, column)| should(name) && column.all_texts(should))
            }
            Content::List(items) => items.iter().all(|item| item.all_texts(should)),
            Content::Dict(entries) => {
                let mut entries = entries.iter();
                entries.all(|(name, item)| should(name) && item.all_texts(should))
            }
        }
    }
}

/// The file's bytes, expanded where it is compressed.
fn whole(path: &Path, monitor: &dyn Monitor) -> Result<Vec<u8>> {
    const PIECE: usize = 1 << 20;
    let mut text = Text::open(path)?;
    monitor.stage("Reading the pickle", text.length as usize);
    let (mut bytes, mut reported) = (Vec::new(), 0);
    loop {
        let filled = bytes.len();
        if filled.is_power_of_two() && filled >= 64 * PIECE {
            require_memory(2 * filled as u64, "The pickle")?;
        }
        bytes.resize(filled + PIECE, 0);
        let n = text.fill(&mut bytes[filled..])?;
        bytes.truncate(filled + n);
        monitor.check()?;
        monitor.advance((text.position() - reported) as usize);
        reported = text.position();
        if n < PIECE {
            return Ok(bytes);
        }
    }
}

impl<'a> Reader<'a> {
    /// What a value holds, `name` in messages; `None` where R has no counterpart. `deepest`:
    /// how many levels of lists and dictionaries may follow, as some hold themselves.
    fn content(&self, id: Id, name: &str, deepest: usize) -> Result<Option<Content>> {
        self.charge(1, std::mem::size_of::<Content>())?;
        Ok(Some(match self.get(id) {
            Value::None => Content::Nothing,
            Value::Tuple(_) | Value::List(_) => {
                let items = self.items(id).unwrap_or_default();
                if let Some(column) = self.column(items)? {
                    return Ok(Some(Content::Values(column)));
                }
                let deepest = below(deepest)?;
                let mut contents = Vec::new();
                for (i, &item) in items.iter().enumerate() {
                    let name = format!("{name}[{i}]");
                    match self.content(item, &name, deepest)? {
                        Some(content) => contents.push(content),
                        None => {
                            self.left_out(&name);
                            contents.push(Content::Nothing);
                        }
                    }
                }
                Content::List(contents)
            }
            Value::Dict(entries) => {
                let deepest = below(deepest)?;
                let mut contents = Vec::new();
                for &(key, value) in entries {
                    let key = self.label(key);
                    let key = key.ok_or_else(|| damaged("a key of a dictionary is no name"))?;
                    self.charge(key.len(), 2)?;
                    match self.content(value, &key, deepest)? {
                        Some(content) => contents.push((key, content)),
                        None => self.left_out(&key),
                    }
                }
                Content::Dict(contents)
            }
            Value::Object(object) => match object.maker {
                Name::DataFrame => Content::Table(self.frame(object)?),
                Name::Series => Content::Table(self.series(object)?),
                Name::Reconstruct | Name::FromBuffer => return self.array_content(id),
                Name::NewIndex => Content::Values(self.index_values(id)?),
                Name::Categorical
                | Name::StringArray
                | Name::MaskedArray
                | Name::UnpickleBacked => return Ok(self.extension(id)?.map(Content::Values)),
                _ => return self.single(id),
            },
            _ => return self.single(id),
        }))
    }

    fn single(&self, id: Id) -> Result<Option<Content>> {
        Ok(self.column(&[id])?.map(Content::Values))
    }

    fn array_content(&self, id: Id) -> Result<Option<Content>> {
        let array = self.array(id)?;
        if array.is_record() {
            if array.shape.len() != 1 {
                return Ok(None);
            }
            let mut columns = Vec::new();
            for (name, column) in self.records(&array)? {
                match column {
                    Some(column) => columns.push((name, column)),
                    None => self.left_out(&name),
                }
            }
            return Ok(Some(Content::Table(Frame {
                rows: array.shape[0],
                names: RowNames::Range { start: 0, step: 1 },
                title: None,
                columns,
            })));
        }
        Ok(match *array.shape.as_slice() {
            [] | [_] => self.entries(&array, array.all())?.map(Content::Values),
            [rows, n] => {
                self.charge(n, std::mem::size_of::<Column>())?;
                let column = |k: usize| self.entries(&array, array.column(k));
                let columns = (0..n).map(column).collect::<Result<Option<Vec<_>>>>()?;
                columns.map(|columns| Content::Matrix { rows, columns })
            }
            _ => None,
        })
    }
}

fn below(deepest: usize) -> Result<usize> {
    deepest.checked_sub(1).ok_or_else(|| {
        Error::file_format(
            format!(
                "The pickle has lists in lists, more than {DEEPEST} deep, or one that holds \
                 itself."
            ),
            "Write a data frame, a series, an array, or a dictionary of such.",
        )
    })
}
