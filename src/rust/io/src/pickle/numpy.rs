//! Arrays of numpy.

use super::names::Name;
use super::reader::{damaged, Entry, Reader};
use super::values::{Id, Object, Value};
use crate::limits::MOST_ENTRIES;
use crate::Column;
use neuralee_core::{Error, Result};
use std::borrow::Cow;

/// The type of an array's entries.
#[derive(Debug, Clone)]
pub(super) struct Dtype {
    /// As numpy names it: b, i, u, f, S, U, O, M and others.
    kind: u8,
    /// Bytes of an entry.
    size: usize,
    big_endian: bool,
    /// Names, types and offsets of the fields of a record.
    fields: Option<Vec<(String, Dtype, usize)>>,
}

/// An array, not yet taken apart.
pub(super) struct Array<'a> {
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    /// The first index runs fastest.
    pub fortran: bool,
    data: Data<'a>,
}

enum Data<'a> {
    Bytes(Cow<'a, [u8]>),
    Objects(&'a [Id]),
}

/// Which entries of an array make a column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub start: usize,
    pub step: usize,
    pub n: usize,
}

impl Array<'_> {
    /// Row `row` of a matrix.
    pub(super) fn row(&self, row: usize) -> Part {
        let (rows, n) = (self.shape[0], self.shape[1]);
        if self.fortran {
            Part {
                start: row,
                step: rows,
                n,
            }
        } else {
            Part {
                start: row * n,
                step: 1,
                n,
            }
        }
    }

    /// Column `column` of a matrix.
    pub(super) fn column(&self, column: usize) -> Part {
        let (n, columns) = (self.shape[0], self.shape[1]);
        if self.fortran {
            Part {
                start: column * n,
                step: 1,
                n,
            }
        } else {
            Part {
                start: column,
                step: columns,
                n,
            }
        }
    }

    /// All entries of an array with one index.
    pub(super) fn all(&self) -> Part {
        Part {
            start: 0,
            step: 1,
            n: self.shape.iter().product(),
        }
    }

    pub(super) fn is_record(&self) -> bool {
        self.dtype.fields.is_some()
    }
}

impl<'a> Reader<'a> {
    pub(super) fn is_array(&self, id: Id) -> bool {
        self.object(id)
            .is_some_and(|o| matches!(o.maker, Name::Reconstruct | Name::FromBuffer))
    }

    pub(super) fn array(&self, id: Id) -> Result<Array<'a>> {
        let object = self
            .object(id)
            .ok_or_else(|| damaged("an array is missing"))?;
        let (shape, dtype, fortran, data) = match object.maker {
            Name::Reconstruct => {
                let state = self.items(self.state(object)?).unwrap_or_default();
                let [.., shape, dtype, fortran, data] = *state else {
                    return Err(damaged("an array is incomplete"));
                };
                let fortran = match self.get(fortran) {
                    Value::Bool(fortran) => *fortran,
                    Value::Integer(fortran) => *fortran != 0,
                    _ => return Err(damaged("the order of an array is unknown")),
                };
                (shape, dtype, fortran, data)
            }
            Name::FromBuffer => {
                let [data, dtype, shape, order] = *self.arguments(object) else {
                    return Err(damaged("an array is incomplete"));
                };
                (shape, dtype, self.text(order).as_deref() == Some("F"), data)
            }
            _ => return Err(damaged("an array is missing")),
        };
        let dtype = self.dtype(dtype)?;
        let shape = match self.integer(shape) {
            Some(_) => vec![self.size(shape)?],
            None => {
                let sides = self
                    .items(shape)
                    .ok_or_else(|| damaged("an array has no shape"))?;
                self.charge(sides.len(), 8)?;
                sides
                    .iter()
                    .map(|&side| self.size(side))
                    .collect::<Result<_>>()?
            }
        };
        if let Some(side) = shape.iter().find(|&&side| side > MOST_ENTRIES) {
            return Err(damaged(&format!("an array has a side of {side} entries")));
        }
        let n = shape
            .iter()
            .try_fold(1usize, |n, &side| n.checked_mul(side));
        let (data, stored) = if dtype.kind == b'O' {
            let items = self
                .items(data)
                .ok_or_else(|| damaged("an array has no entries"))?;
            (Data::Objects(items), Some(items.len()))
        } else {
            let bytes = self.bytes(data)?;
            let stored = bytes
                .len()
                .is_multiple_of(dtype.size)
                .then_some(bytes.len() / dtype.size);
            (Data::Bytes(bytes), stored)
        };
        if n.is_none() || n != stored {
            return Err(damaged(
                "an array has not as many entries as its shape says",
            ));
        }
        Ok(Array {
            dtype,
            shape,
            fortran,
            data,
        })
    }

    fn dtype(&self, id: Id) -> Result<Dtype> {
        self.dtype_within(id, false)
    }

    /// `in_record`: of a field, which is no record itself.
    fn dtype_within(&self, id: Id, in_record: bool) -> Result<Dtype> {
        let no_type = || damaged("the type of an array is unknown");
        let object = self
            .object(id)
            .filter(|o| o.maker == Name::Dtype)
            .ok_or_else(no_type)?;
        let code = self
            .arguments(object)
            .first()
            .copied()
            .ok_or_else(no_type)?;
        let state = match object.state {
            Some(state) => self.items(state).unwrap_or_default(),
            None => &[],
        };
        let stated_size = state
            .get(5)
            .and_then(|&s| self.integer(s))
            .filter(|&s| s > 0);
        let (kind, size) = match self.text(code) {
            Some(code) => {
                let (kind, digits) = code.as_bytes().split_first().ok_or_else(no_type)?;
                let digits = std::str::from_utf8(digits).map_err(|_| no_type())?;
                (*kind, digits.parse().unwrap_or(0))
            }
            // The class of records stands for their type.
            None if matches!(self.get(code), Value::Name(Name::Record)) => (b'V', 0),
            None => return Err(no_type()),
        };
        // U counts characters, of four bytes.
        let size = if kind == b'U' {
            4i64.checked_mul(size)
        } else {
            Some(size)
        };
        let size = stated_size
            .or(size)
            .and_then(|s| usize::try_from(s).ok())
            .filter(|&s| s > 0);
        let size = match (kind, size) {
            (b'O' | b'M' | b'm', _) => 8,
            (_, size) => size.ok_or_else(no_type)?,
        };
        let endian = state.get(1).and_then(|&e| self.text(e));
        let no_part = |at: usize| {
            state
                .get(at)
                .is_none_or(|&part| matches!(self.get(part), Value::None))
        };
        let fields = if no_part(3) || no_part(4) {
            None
        } else if in_record {
            return Err(nested());
        } else {
            Some(self.fields(state[3], state[4], size)?)
        };
        if !no_part(2) {
            return Err(nested());
        }
        Ok(Dtype {
            kind,
            size,
            big_endian: endian.as_deref() == Some(">"),
            fields,
        })
    }

    /// The fields of a record of `size` bytes.
    fn fields(&self, names: Id, described: Id, size: usize) -> Result<Vec<(String, Dtype, usize)>> {
        let names = self
            .items(names)
            .ok_or_else(|| damaged("a record has no names"))?;
        let mut fields = Vec::new();
        for &name in names {
            let name = self
                .text(name)
                .ok_or_else(|| damaged("a field has no name"))?;
            self.charge(name.len() + 64, 1)?;
            let field = self
                .items(self.required(described, &[&name])?)
                .unwrap_or_default();
            let [dtype, offset, ..] = *field else {
                return Err(damaged("a field has no place"));
            };
            let (dtype, offset) = (self.dtype_within(dtype, true)?, self.size(offset)?);
            if dtype.kind == b'O' {
                return Err(nested());
            }
            if offset.checked_add(dtype.size).is_none_or(|end| end > size) {
                return Err(damaged("a field ends beyond its record"));
            }
            fields.push((name.into_owned(), dtype, offset));
        }
        Ok(fields)
    }

    /// Some entries of an array as a column; `None` where R has no counterpart.
    pub(super) fn entries(&self, array: &Array<'a>, part: Part) -> Result<Option<Column>> {
        match &array.data {
            Data::Objects(ids) => {
                if part.step == 1 {
                    return self.column(&ids[part.start..part.start + part.n]);
                }
                self.charge(part.n, 4)?;
                let entry = |i: usize| ids[part.start + i * part.step];
                self.column(&(0..part.n).map(entry).collect::<Vec<Id>>())
            }
            Data::Bytes(bytes) => self.typed(bytes, &array.dtype, array.dtype.size, 0, part),
        }
    }

    /// The fields of an array of records.
    pub(super) fn records(&self, array: &Array<'a>) -> Result<Vec<(String, Option<Column>)>> {
        let (Data::Bytes(bytes), Some(fields)) = (&array.data, &array.dtype.fields) else {
            return Err(damaged("an array has no records"));
        };
        let mut columns = Vec::new();
        for (name, dtype, offset) in fields {
            let values = self.typed(bytes, dtype, array.dtype.size, *offset, array.all())?;
            columns.push((name.clone(), values));
        }
        Ok(columns)
    }

    /// Entries of one type that lie `stride` bytes apart, each `offset` bytes in.
    fn typed(
        &self,
        bytes: &[u8],
        dtype: &Dtype,
        stride: usize,
        offset: usize,
        part: Part,
    ) -> Result<Option<Column>> {
        let at = |i: usize| {
            let from = (part.start + i * part.step) * stride + offset;
            &bytes[from..from + dtype.size]
        };
        let entries = (0..part.n).map(at);
        Ok(Some(match (dtype.kind, dtype.size) {
            (b'b', 1) => {
                self.charge(part.n, 1)?;
                Column::Logical(entries.map(|e| Some(e[0] != 0)).collect())
            }
            (b'i' | b'u', 1 | 2 | 4 | 8) => {
                self.charge(part.n, 8)?;
                let small = |e| match integer(e, dtype) {
                    Integer::Signed(n) => i32::try_from(n).ok().filter(|&n| n != i32::MIN),
                    Integer::Unsigned(n) => i32::try_from(n).ok(),
                };
                match entries.clone().map(|e| small(e).map(Some)).collect() {
                    Some(column) => Column::Integer(column),
                    None => Column::Number(
                        entries
                            .map(|e| match integer(e, dtype) {
                                Integer::Signed(n) => n as f64,
                                Integer::Unsigned(n) => n as f64,
                            })
                            .collect(),
                    ),
                }
            }
            (b'f', 2 | 4 | 8) => {
                self.charge(part.n, 8)?;
                Column::Number(entries.map(|e| real(e, dtype)).collect())
            }
            (b'S' | b'U', _) => {
                let mut column = Vec::new();
                for entry in entries {
                    self.charge(std::mem::size_of::<Option<String>>() + dtype.size, 1)?;
                    column.push(Some(text(entry, dtype)?));
                }
                Column::Text(column)
            }
            _ => return Ok(None),
        }))
    }

    /// A number of numpy's own types.
    pub(super) fn scalar(&self, object: &Object) -> Result<Option<Entry<'a>>> {
        let [dtype, data] = *self.arguments(object) else {
            return Err(damaged("a number is incomplete"));
        };
        let dtype = self.dtype(dtype)?;
        if dtype.kind == b'O' || dtype.fields.is_some() {
            return Ok(None);
        }
        let bytes = self.bytes(data)?;
        if bytes.len() != dtype.size {
            return Err(damaged("a number has not the bytes of its type"));
        }
        let one = Part {
            start: 0,
            step: 1,
            n: 1,
        };
        Ok(match self.typed(&bytes, &dtype, dtype.size, 0, one)? {
            Some(Column::Logical(x)) => x[0].map(Entry::Bool),
            Some(Column::Integer(x)) => x[0].map(|n| Entry::Integer(n.into())),
            Some(Column::Number(x)) if x[0].is_nan() => Some(Entry::NotANumber),
            Some(Column::Number(x)) => Some(Entry::Number(x[0])),
            Some(Column::Text(mut x)) => x.pop().flatten().map(|t| Entry::Text(t.into())),
            _ => None,
        })
    }
}

fn nested() -> Error {
    Error::file_format(
        "The pickle has an array of records with fields of several values.",
        "Write it as a data frame of pandas, or as csv.",
    )
}

enum Integer {
    Signed(i64),
    Unsigned(u64),
}

/// The bytes as a number, whatever their order.
fn bits(entry: &[u8], dtype: &Dtype) -> u64 {
    let shift = |n: u64, b: &u8| n << 8 | u64::from(*b);
    if dtype.big_endian {
        entry.iter().fold(0, shift)
    } else {
        entry.iter().rev().fold(0, shift)
    }
}

fn integer(entry: &[u8], dtype: &Dtype) -> Integer {
    let bits = bits(entry, dtype);
    if dtype.kind == b'u' {
        return Integer::Unsigned(bits);
    }
    // The sign is moved to the highest bit and back.
    let spare = 64 - 8 * dtype.size as u32;
    Integer::Signed((bits << spare) as i64 >> spare)
}

fn real(entry: &[u8], dtype: &Dtype) -> f64 {
    let bits = bits(entry, dtype);
    match dtype.size {
        8 => f64::from_bits(bits),
        4 => f64::from(f32::from_bits(bits as u32)),
        _ => half(bits as u16),
    }
}

/// A number in half precision.
fn half(bits: u16) -> f64 {
    let exponent = i32::from(bits >> 10 & 0x1f);
    let fraction = f64::from(bits & 0x3ff) / 1024.0;
    let size = match exponent {
        0 => fraction * 2f64.powi(-14),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction) * 2f64.powi(exponent - 15),
    };
    if bits >> 15 == 1 {
        -size
    } else {
        size
    }
}

/// Text of a fixed width, which zeros fill up.
fn text(entry: &[u8], dtype: &Dtype) -> Result<String> {
    if dtype.kind == b'S' {
        let used = entry
            .iter()
            .rposition(|&b| b != 0)
            .map_or(0, |last| last + 1);
        return Ok(String::from_utf8_lossy(&entry[..used]).into_owned());
    }
    let mut text = String::new();
    for unit in entry.chunks(4) {
        let letter = char::from_u32(bits(unit, dtype) as u32);
        text.push(letter.ok_or_else(|| damaged("a text holds what is no character"))?);
    }
    text.truncate(text.trim_end_matches('\0').len());
    Ok(text)
}
