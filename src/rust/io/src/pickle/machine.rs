//! The stack machine of pickles, protocols 0 to 5: each opcode takes values from a stack and
//! puts one back. Its instructions to import and to call only leave a note of what they name.

use super::names::{self, Name};
use super::values::{Id, Object, Value, Values};
use crate::limits::require_memory;
use neuralee_core::{Error, Result};
use std::borrow::Cow;
use std::collections::HashMap;

const NEWEST_PROTOCOL: u8 = 5;

/// The longest line of text that an opcode of protocol 0 may have, except for text itself.
const LONGEST_LINE: usize = 4096;

/// The values of the first pickle in `bytes`.
pub(super) fn run(bytes: &[u8]) -> Result<Values<'_>> {
    let mut machine = Machine {
        bytes,
        at: 0,
        start: 0,
        all: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        copied: 0,
    };
    let root = loop {
        if let Some(root) = machine.step()? {
            break root;
        }
    };
    Ok(Values {
        all: machine.all,
        root,
    })
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the opcode at work begins.
    start: usize,
    all: Vec<Value<'a>>,
    stack: Vec<Id>,
    /// Heights of the stack at the marks.
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
    /// Entries of dictionaries that were copied.
    copied: usize,
}

impl<'a> Machine<'a> {
    fn damaged(&self, problem: &str) -> Error {
        Error::file_format(
            format!("At byte {}: {problem}.", self.start),
            "This is no pickle, or it is damaged or truncated; copy or write it again.",
        )
    }

    fn refused(&self, problem: &str) -> Error {
        Error::file_format(
            format!("At byte {}: {problem}.", self.start),
            "Only pickles of tables are read; write the table with pandas' to_pickle(), or as csv.",
        )
    }

    /// The next `n` bytes.
    fn take(&mut self, n: u64) -> Result<&'a [u8]> {
        let left = &self.bytes[self.at..];
        let taken = usize::try_from(n).ok().and_then(|n| left.get(..n));
        let taken = taken.ok_or_else(|| {
            self.damaged(&format!(
                "{n} bytes are announced, but {} are left",
                left.len()
            ))
        })?;
        self.at += taken.len();
        Ok(taken)
    }

    /// An unsigned number of `width` bytes.
    fn unsigned(&mut self, width: u64) -> Result<u64> {
        let bytes = self.take(width)?;
        Ok(bytes.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b)))
    }

    /// As many bytes as the next number, of `width` bytes, says.
    fn counted(&mut self, width: u64) -> Result<&'a [u8]> {
        let n = self.unsigned(width)?;
        self.take(n)
    }

    fn text(&mut self, width: u64) -> Result<Value<'a>> {
        // Python also writes halves of surrogate pairs, which are no characters.
        Ok(Value::Text(String::from_utf8_lossy(self.counted(width)?)))
    }

    fn line(&mut self) -> Result<&'a [u8]> {
        let left = &self.bytes[self.at..];
        let end = left.iter().position(|&b| b == b'\n');
        let end = end.ok_or_else(|| self.damaged("a line does not end"))?;
        self.at += end + 1;
        Ok(&left[..end])
    }

    fn short_line(&mut self) -> Result<&'a str> {
        let line = self.line()?;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = std::str::from_utf8(line).ok();
        text.filter(|t| t.len() <= LONGEST_LINE)
            .ok_or_else(|| self.damaged("a line is no text, or too long"))
    }

    fn push(&mut self, value: Value<'a>) -> Result<()> {
        let id = self.all.len();
        if id.is_power_of_two() && id >= 1 << 16 {
            let size = std::mem::size_of::<Value>() as u64;
            require_memory(2 * size * id as u64, "The pickle's values")?;
        }
        let id = Id::try_from(id).map_err(|_| self.refused("there are too many values"))?;
        self.all.push(value);
        self.stack.push(id);
        Ok(())
    }

    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<Id> {
        match self.stack.last() {
            Some(&id) if self.stack.len() > self.floor() => Ok(id),
            _ => Err(self.damaged("a value is missing on the stack")),
        }
    }

    fn pop(&mut self) -> Result<Id> {
        let id = self.top()?;
        self.stack.pop();
        Ok(id)
    }

    /// The values above the last mark, which goes.
    fn marked(&mut self) -> Result<Vec<Id>> {
        match self.marks.pop() {
            Some(mark) => Ok(self.stack.split_off(mark)),
            None => Err(self.damaged("a mark is missing on the stack")),
        }
    }

    fn tuple(&mut self, n: usize) -> Result<()> {
        let Some(from) = self
            .stack
            .len()
            .checked_sub(n)
            .filter(|&f| f >= self.floor())
        else {
            return Err(self.damaged("a value is missing on the stack"));
        };
        let items = self.stack.split_off(from);
        self.push(Value::Tuple(items.into()))
    }

    fn pop_arguments(&mut self) -> Result<Id> {
        let id = self.pop()?;
        match &self.all[id as usize] {
            Value::Tuple(_) => Ok(id),
            _ => Err(self.damaged("the arguments are no tuple")),
        }
    }

    fn pop_name(&mut self) -> Result<Name> {
        let id = self.pop()?;
        match self.all[id as usize] {
            Value::Name(name) => Ok(name),
            _ => Err(self.refused("something is called that is no function by its name")),
        }
    }

    fn pop_text(&mut self) -> Result<Cow<'a, str>> {
        let id = self.pop()?;
        match &self.all[id as usize] {
            Value::Text(text) if text.len() <= LONGEST_LINE => Ok(text.clone()),
            _ => Err(self.damaged("a name is no text, or too long")),
        }
    }

    fn remember(&mut self, key: u64) -> Result<()> {
        let id = self.top()?;
        self.memo.insert(key, id);
        Ok(())
    }

    fn recall(&mut self, key: u64) -> Result<()> {
        match self.memo.get(&key) {
            Some(&id) => {
                self.stack.push(id);
                Ok(())
            }
            None => Err(self.damaged("a value is referred to that was not there before")),
        }
    }

    fn key(&mut self) -> Result<u64> {
        let line = self.short_line()?;
        line.parse()
            .map_err(|_| self.damaged("a reference is no number"))
    }

    fn append(&mut self, items: &[Id]) -> Result<()> {
        let list = self.top()? as usize;
        match &mut self.all[list] {
            Value::List(values) => {
                values.extend_from_slice(items);
                Ok(())
            }
            _ => Err(self.damaged("values are appended to what is no list")),
        }
    }

    fn set_items(&mut self, items: &[Id]) -> Result<()> {
        let dict = self.top()? as usize;
        match &mut self.all[dict] {
            Value::Dict(entries) if items.len().is_multiple_of(2) => {
                entries.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1])));
                Ok(())
            }
            _ => Err(self.damaged("entries are given to what is no dictionary")),
        }
    }

    /// Notes that `maker` would be called with the tuple `arguments`.
    fn make(&mut self, maker: Name, arguments: Id) -> Result<()> {
        let first = match &self.all[arguments as usize] {
            Value::Tuple(items) => items.first().copied(),
            _ => None,
        };
        if maker == Name::OrderedDict {
            let pairs = self.pairs(first)?;
            return self.push(Value::Dict(pairs));
        }
        let maker = match (maker, first.map(|id| &self.all[id as usize])) {
            // Protocols 0 and 1: the class is the first argument.
            (Name::Reconstructor, Some(&Value::Name(class))) => class,
            (Name::Reconstructor, _) => return Err(self.damaged("an object has no class")),
            (maker, _) => maker,
        };
        self.push(Value::Object(Box::new(Object {
            maker,
            arguments,
            state: None,
        })))
    }

    /// As `make`, with arguments that are no tuple yet.
    fn make_of(&mut self, maker: Name, arguments: Vec<Id>) -> Result<()> {
        self.push(Value::Tuple(arguments.into()))?;
        let arguments = self.pop()?;
        self.make(maker, arguments)
    }

    /// Python 2 gives an ordered dictionary its entries as a list of pairs.
    fn pairs(&mut self, list: Option<Id>) -> Result<Vec<(Id, Id)>> {
        let Some(list) = list else {
            return Ok(Vec::new());
        };
        let pair = |id: &Id| match &self.all[*id as usize] {
            Value::List(pair) if pair.len() == 2 => Some((pair[0], pair[1])),
            Value::Tuple(pair) if pair.len() == 2 => Some((pair[0], pair[1])),
            _ => None,
        };
        let pairs: Option<Vec<_>> = match &self.all[list as usize] {
            Value::List(pairs) => pairs.iter().map(pair).collect(),
            _ => None,
        };
        let pairs =
            pairs.ok_or_else(|| self.damaged("the entries of a dictionary are no pairs"))?;
        // One list may be the entries of many dictionaries; each entry takes a byte at least.
        self.copied += pairs.len();
        if self.copied > self.bytes.len() {
            return Err(self.refused("its values expand beyond reason"));
        }
        Ok(pairs)
    }

    fn build(&mut self) -> Result<()> {
        let state = self.pop()?;
        let object = self.top()? as usize;
        match &mut self.all[object] {
            Value::Object(object) if object.state.is_none() => {
                object.state = Some(state);
                Ok(())
            }
            _ => Err(self.refused("a state is given to what has none")),
        }
    }

    /// One opcode; the value of the pickle at its end.
    fn step(&mut self) -> Result<Option<Id>> {
        self.start = self.at;
        let Some(&opcode) = self.bytes.get(self.at) else {
            return Err(self.damaged("the pickle does not end"));
        };
        self.at += 1;
        match opcode {
            b'.' => return self.pop().map(Some),
            0x80 => {
                let protocol = self.take(1)?[0];
                if protocol > NEWEST_PROTOCOL {
                    let problem = format!("the protocol is {protocol}, and known are 0 to 5");
                    return Err(self.damaged(&problem));
                }
            }
            // A frame is read with what it frames, but may not claim more than there is.
            0x95 => {
                let at = self.at;
                self.counted(8)?;
                self.at = at + 8;
            }
            b'(' => self.marks.push(self.stack.len()),
            b'0' => {
                // As in Python, this takes a mark where it comes first.
                if self.marks.last() == Some(&self.stack.len()) {
                    self.marks.pop();
                } else {
                    self.pop()?;
                }
            }
            b'1' => {
                self.marked()?;
            }
            b'2' => {
                let id = self.top()?;
                self.stack.push(id);
            }
            b'N' => self.push(Value::None)?,
            0x88 => self.push(Value::Bool(true))?,
            0x89 => self.push(Value::Bool(false))?,
            b'I' | b'L' => {
                let line = self.short_line()?;
                let value = self.whole_number(line, opcode == b'I')?;
                self.push(value)?;
            }
            b'J' => {
                let n = self.unsigned(4)?;
                self.push(Value::Integer(i64::from(n as u32 as i32)))?;
            }
            b'K' | b'M' => {
                let n = self.unsigned(if opcode == b'K' { 1 } else { 2 })?;
                self.push(Value::Integer(n as i64))?;
            }
            0x8a | 0x8b => {
                let bytes = self.counted(if opcode == 0x8a { 1 } else { 4 })?;
                self.push(long(bytes))?;
            }
            b'F' => {
                let line = self.short_line()?;
                let number = line.trim().parse();
                let number = number.map_err(|_| self.damaged("a number is none"))?;
                self.push(Value::Number(number))?;
            }
            b'G' => {
                let bits = self.unsigned(8)?.swap_bytes();
                self.push(Value::Number(f64::from_bits(bits)))?;
            }
            b'S' => {
                let line = self.line()?;
                let bytes = unquoted(line).ok_or_else(|| self.damaged("a text has no quotes"))?;
                self.push(Value::Bytes(bytes.into()))?;
            }
            b'V' => {
                let line = self.line()?;
                let text = unescaped(line).ok_or_else(|| self.damaged("a text is damaged"))?;
                self.push(Value::Text(text.into()))?;
            }
            b'X' | 0x8c | 0x8d => {
                let width = match opcode {
                    b'X' => 4,
                    0x8c => 1,
                    _ => 8,
                };
                let text = self.text(width)?;
                self.push(text)?;
            }
            // Text of Python 2, bytes, and bytes that can be changed.
            b'T' | b'U' | b'B' | b'C' | 0x8e | 0x96 => {
                let width = match opcode {
                    b'T' | b'B' => 4,
                    b'U' | b'C' => 1,
                    _ => 8,
                };
                let bytes = self.counted(width)?;
                self.push(Value::Bytes(bytes.into()))?;
            }
            b')' => self.push(Value::Tuple(Box::default()))?,
            0x85..=0x87 => self.tuple(usize::from(opcode - 0x84))?,
            b't' => {
                let items = self.marked()?;
                self.push(Value::Tuple(items.into()))?;
            }
            b']' | 0x8f => self.push(Value::List(Vec::new()))?,
            b'l' | 0x91 => {
                let items = self.marked()?;
                self.push(Value::List(items))?;
            }
            b'a' => {
                let item = self.pop()?;
                self.append(&[item])?;
            }
            b'e' | 0x90 => {
                let items = self.marked()?;
                self.append(&items)?;
            }
            b'}' => self.push(Value::Dict(Vec::new()))?,
            b'd' => {
                let items = self.marked()?;
                self.push(Value::Dict(Vec::new()))?;
                self.set_items(&items)?;
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set_items(&[key, value])?;
            }
            b'u' => {
                let items = self.marked()?;
                self.set_items(&items)?;
            }
            b'p' | b'g' => {
                let key = self.key()?;
                self.use_memo(opcode == b'p', key)?;
            }
            b'q' | b'h' => {
                let key = self.unsigned(1)?;
                self.use_memo(opcode == b'q', key)?;
            }
            b'r' | b'j' => {
                let key = self.unsigned(4)?;
                self.use_memo(opcode == b'r', key)?;
            }
            0x94 => self.remember(self.memo.len() as u64)?,
            b'c' => {
                let (module, name) = (self.short_line()?, self.short_line()?);
                self.push(Value::Name(names::find(module, name)?))?;
            }
            0x93 => {
                let (name, module) = (self.pop_text()?, self.pop_text()?);
                self.push(Value::Name(names::find(&module, &name)?))?;
            }
            b'i' => {
                let (module, name) = (self.short_line()?, self.short_line()?);
                let maker = names::find(module, name)?;
                let arguments = self.marked()?;
                self.make_of(maker, arguments)?;
            }
            b'o' => {
                let mut items = self.marked()?.into_iter();
                let maker = match items.next().map(|id| &self.all[id as usize]) {
                    Some(&Value::Name(maker)) => maker,
                    _ => return Err(self.refused("an object is made of what is no class")),
                };
                self.make_of(maker, items.collect())?;
            }
            b'R' | 0x81 => {
                let arguments = self.pop_arguments()?;
                let maker = self.pop_name()?;
                self.make(maker, arguments)?;
            }
            0x92 => {
                let named = self.pop()?;
                if !matches!(&self.all[named as usize], Value::Dict(d) if d.is_empty()) {
                    return Err(self.refused("an object is made with named arguments"));
                }
                let arguments = self.pop_arguments()?;
                let maker = self.pop_name()?;
                self.make(maker, arguments)?;
            }
            b'b' => self.build()?,
            b'P' | b'Q' => {
                return Err(self.refused("it refers to an object outside the file (PERSID)"))
            }
            0x82..=0x84 => return Err(self.refused("it refers to a registry of extensions (EXT)")),
            0x97 | 0x98 => return Err(self.refused("it refers to buffers outside the file")),
            _ => return Err(self.damaged(&format!("there is no opcode 0x{opcode:02x}"))),
        }
        Ok(None)
    }

    fn use_memo(&mut self, put: bool, key: u64) -> Result<()> {
        if put {
            self.remember(key)
        } else {
            self.recall(key)
        }
    }

    /// In protocol 0, 00 and 01 are false and true.
    fn whole_number(&self, line: &str, may_be_flag: bool) -> Result<Value<'a>> {
        let digits = line.trim().trim_end_matches('L');
        if may_be_flag && matches!(digits, "00" | "01") {
            return Ok(Value::Bool(digits == "01"));
        }
        if let Ok(integer) = digits.parse() {
            return Ok(Value::Integer(integer));
        }
        let bare = digits.strip_prefix('-').unwrap_or(digits);
        match digits.parse() {
            Ok(number) if bare.bytes().all(|b| b.is_ascii_digit()) => Ok(Value::Number(number)),
            _ => Err(self.damaged("a number is none")),
        }
    }
}

/// Two's complement of any length, little-endian.
fn long(bytes: &[u8]) -> Value<'static> {
    let negative = bytes.last().is_some_and(|b| b & 0x80 != 0);
    if bytes.len() <= 8 {
        let fill = if negative { u64::MAX } else { 0 };
        let bits = bytes.iter().rev().fold(fill, |n, &b| n << 8 | u64::from(b));
        return Value::Integer(bits as i64);
    }
    let number = bytes.iter().rev().fold(0.0, |n, &b| {
        n * 256.0 + f64::from(if negative { !b } else { b })
    });
    Value::Number(if negative { -number - 1.0 } else { number })
}

/// The bytes that a quoted text of Python 2 stands for.
fn unquoted(line: &[u8]) -> Option<Vec<u8>> {
    let line = line.trim_ascii();
    let (&quote, rest) = line.split_first()?;
    let (&last, inside) = rest.split_last()?;
    if quote != last || !matches!(quote, b'\'' | b'"') {
        return None;
    }
    let mut bytes = Vec::with_capacity(inside.len());
    let mut left = inside.iter().copied();
    while let Some(byte) = left.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match left.next()? {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'x' => hexadecimal(&mut left, 2)? as u8,
            other @ (b'\\' | b'\'' | b'"') => other,
            _ => return None,
        });
    }
    Some(bytes)
}

/// Text of protocol 0: Latin-1 with \u and \U for the rest.
fn unescaped(line: &[u8]) -> Option<String> {
    let mut text = String::with_capacity(line.len());
    let mut at = 0;
    while at < line.len() {
        let width = match &line[at..] {
            [b'\\', b'u', ..] => 4,
            [b'\\', b'U', ..] => 8,
            _ => 0,
        };
        if width == 0 {
            text.push(char::from(line[at]));
            at += 1;
            continue;
        }
        let mut digits = line.get(at + 2..at + 2 + width)?.iter().copied();
        text.push(char::from_u32(hexadecimal(&mut digits, width)?)?);
        at += 2 + width;
    }
    Some(text)
}

fn hexadecimal(digits: &mut impl Iterator<Item = u8>, n: usize) -> Option<u32> {
    let mut number = 0;
    for _ in 0..n {
        number = number << 4 | char::from(digits.next()?).to_digit(16)?;
    }
    Some(number)
}
