//! Values of a pickle as what they should be, and a limit to what they may become.

use super::names::Name;
use super::values::{Id, Object, Value, Values};
use crate::limits::require_memory;
use crate::Column;
use neuralee_core::{Error, Result};
use std::borrow::Cow;
use std::cell::{Cell, RefCell};

/// What a pickle holds may take this many bytes for each of its own. A text that a column repeats
/// is written once and referred to by two bytes. Lists of lists that repeat each other could expand
/// without end.
const TIMES_LENGTH: u64 = 256;

/// What any pickle may take.
const ALWAYS: u64 = 1 << 20;

/// Looks at values, and counts what is made of them.
pub(super) struct Reader<'a> {
    pub values: &'a Values<'a>,
    left: Cell<u64>,
    /// Made since the free memory was looked at.
    fresh: Cell<u64>,
    notes: RefCell<Vec<String>>,
}

/// An entry of an array of objects or of a list.
pub(super) enum Entry<'a> {
    Missing,
    NotANumber,
    Bool(bool),
    Integer(i64),
    Number(f64),
    Text(Cow<'a, str>),
}

pub(super) fn damaged(problem: &str) -> Error {
    Error::file_format(
        format!("The pickle is damaged: {problem}."),
        "Copy the file again, or write the table once more.",
    )
}

impl<'a> Reader<'a> {
    /// `length`: bytes of the pickle.
    pub(super) fn new(values: &'a Values<'a>, length: usize) -> Self {
        let left = (length as u64).saturating_mul(TIMES_LENGTH) + ALWAYS;
        Reader {
            values,
            left: Cell::new(left),
            fresh: Cell::new(0),
            notes: RefCell::new(Vec::new()),
        }
    }

    pub(super) fn note(&self, note: String) {
        self.notes.borrow_mut().push(note);
    }

    pub(super) fn into_notes(self) -> Vec<String> {
        self.notes.into_inner()
    }

    /// Counts bytes that are about to be made.
    pub(super) fn charge(&self, n: usize, each: usize) -> Result<()> {
        let bytes = (n as u64).saturating_mul(each as u64);
        match self.left.get().checked_sub(bytes) {
            Some(left) => self.left.set(left),
            None => {
                return Err(Error::file_format(
                    "What the pickle holds expands beyond reason.",
                    "It repeats its own values too often to be a table; write it again.",
                ))
            }
        }
        self.fresh.set(self.fresh.get() + bytes);
        if self.fresh.get() > 64 << 20 {
            require_memory(self.fresh.replace(0), "The pickle's table")?;
        }
        Ok(())
    }

    pub(super) fn get(&self, id: Id) -> &'a Value<'a> {
        self.values.get(id)
    }

    pub(super) fn object(&self, id: Id) -> Option<&'a Object> {
        match self.get(id) {
            Value::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The items of a tuple or a list.
    pub(super) fn items(&self, id: Id) -> Option<&'a [Id]> {
        match self.get(id) {
            Value::Tuple(items) => Some(items),
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    pub(super) fn arguments(&self, object: &Object) -> &'a [Id] {
        self.items(object.arguments).unwrap_or_default()
    }

    pub(super) fn state(&self, object: &Object) -> Result<Id> {
        object
            .state
            .ok_or_else(|| damaged("an object is incomplete"))
    }

    /// The last entry of a dictionary with this key.
    pub(super) fn entry(&self, dict: Id, key: &str) -> Result<Option<Id>> {
        let Value::Dict(entries) = self.get(dict) else {
            return Err(damaged("a dictionary is missing"));
        };
        self.charge(entries.len(), 1)?;
        let found = entries
            .iter()
            .rev()
            .find(|(k, _)| self.text(*k).as_deref() == Some(key));
        Ok(found.map(|&(_, value)| value))
    }

    /// The first of several keys that a dictionary has.
    pub(super) fn required(&self, dict: Id, keys: &[&str]) -> Result<Id> {
        for key in keys {
            if let Some(value) = self.entry(dict, key)? {
                return Ok(value);
            }
        }
        Err(damaged(&format!("'{}' is missing", keys[0])))
    }

    /// Text; that of Python 2 is bytes.
    pub(super) fn text(&self, id: Id) -> Option<Cow<'a, str>> {
        match self.get(id) {
            Value::Text(text) => Some(Cow::Borrowed(text)),
            Value::Bytes(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            _ => None,
        }
    }

    pub(super) fn integer(&self, id: Id) -> Option<i64> {
        match self.get(id) {
            Value::Integer(n) => Some(*n),
            _ => None,
        }
    }

    pub(super) fn size(&self, id: Id) -> Result<usize> {
        let n = self.integer(id).and_then(|n| usize::try_from(n).ok());
        n.ok_or_else(|| damaged("a length is none"))
    }

    /// Bytes, which protocols before 3 write as text in Latin-1.
    pub(super) fn bytes(&self, id: Id) -> Result<Cow<'a, [u8]>> {
        let no_bytes = || damaged("bytes are missing");
        match self.get(id) {
            Value::Bytes(bytes) => Ok(Cow::Borrowed(bytes)),
            Value::Object(object) if object.maker == Name::Encode => {
                let text = self.arguments(object).first().and_then(|&t| self.text(t));
                let text = text.ok_or_else(no_bytes)?;
                self.charge(text.len(), 1)?;
                let bytes = text.chars().map(|c| u8::try_from(u32::from(c)).ok());
                bytes
                    .collect::<Option<Vec<u8>>>()
                    .map(Cow::Owned)
                    .ok_or_else(no_bytes)
            }
            Value::Object(object) if object.maker == Name::Bytes => {
                match self.arguments(object).first().map(|&inner| self.get(inner)) {
                    None => Ok(Cow::Borrowed(&[])),
                    Some(Value::Bytes(bytes)) => Ok(Cow::Borrowed(bytes)),
                    Some(_) => Err(no_bytes()),
                }
            }
            _ => Err(no_bytes()),
        }
    }

    /// A value that stands for one entry of a column.
    pub(super) fn one(&self, id: Id) -> Result<Option<Entry<'a>>> {
        Ok(Some(match self.get(id) {
            Value::None | Value::Name(Name::NotAvailable) => Entry::Missing,
            Value::Bool(b) => Entry::Bool(*b),
            Value::Integer(n) => Entry::Integer(*n),
            Value::Number(x) if x.is_nan() => Entry::NotANumber,
            Value::Number(x) => Entry::Number(*x),
            Value::Text(text) => Entry::Text(Cow::Borrowed(text)),
            Value::Bytes(bytes) => Entry::Text(String::from_utf8_lossy(bytes)),
            Value::Object(object) if object.maker == Name::NotATime => Entry::Missing,
            Value::Object(object) if object.maker == Name::Scalar => return self.scalar(object),
            _ => return Ok(None),
        }))
    }

    /// A column of what has one value for each entry; `None` where some have another kind.
    pub(super) fn column(&self, ids: &[Id]) -> Result<Option<Column>> {
        self.charge(ids.len(), std::mem::size_of::<Entry>())?;
        let mut entries = Vec::with_capacity(ids.len());
        for &id in ids {
            match self.one(id)? {
                Some(entry) => entries.push(entry),
                None => return Ok(None),
            }
        }
        let any = |test: fn(&Entry) -> bool| entries.iter().any(test);
        let text = any(|e| matches!(e, Entry::Text(_)));
        let flags = any(|e| matches!(e, Entry::Bool(_)));
        let integers = any(|e| matches!(e, Entry::Integer(_)));
        let numbers = any(|e| matches!(e, Entry::Number(_) | Entry::NotANumber));
        Ok(Some(
            if text || flags && (integers || any(|e| matches!(e, Entry::Number(_)))) {
                let mut column = Vec::with_capacity(entries.len());
                for entry in entries {
                    let entry = match entry {
                        Entry::Missing | Entry::NotANumber => None,
                        Entry::Bool(true) => Some("True".to_owned()),
                        Entry::Bool(false) => Some("False".to_owned()),
                        Entry::Integer(n) => Some(n.to_string()),
                        Entry::Number(x) => Some(x.to_string()),
                        Entry::Text(text) => Some(text.into_owned()),
                    };
                    self.charge(entry.as_ref().map_or(0, String::len), 1)?;
                    column.push(entry);
                }
                Column::Text(column)
            } else if flags || !integers && !numbers {
                let flag = |e: &Entry| {
                    if let Entry::Bool(b) = e {
                        Some(*b)
                    } else {
                        None
                    }
                };
                Column::Logical(entries.iter().map(flag).collect())
            } else {
                let number = |e: &Entry| match e {
                    Entry::Integer(n) => Some(*n as f64),
                    Entry::Number(x) => Some(*x),
                    _ => None,
                };
                let whole = |e: &Entry| match e {
                    Entry::Integer(n) => {
                        i32::try_from(*n).ok().filter(|&n| n != i32::MIN).map(Some)
                    }
                    Entry::Missing | Entry::NotANumber if integers => Some(None),
                    _ => None,
                };
                match entries.iter().map(whole).collect() {
                    Some(column) => Column::Integer(column),
                    None => Column::Number(
                        entries
                            .iter()
                            .map(|e| number(e).unwrap_or(f64::NAN))
                            .collect(),
                    ),
                }
            },
        ))
    }
}
