//! One sheet of an Excel workbook (.xlsx) that holds numbers, as genes by cells.
//!
//! A workbook is a zip archive of XML files. Their sizes are compared with the free memory before
//! one is expanded, and none may become longer than it says. No document types are taken, so that
//! no entities can expand, and nothing outside the archive is named. What is not there takes no
//! memory: a cell far out does not make a large table.

use super::expand::Archive;
use super::limits::{self, with_path};
use super::{Counts, Values};
use neuralee_core::monitor::Monitor;
use neuralee_core::{Error, Result};
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use std::io::{BufReader, Read};
use std::path::Path;

/// Memory that a byte of XML may take once it is read: the shortest text or cell.
const EXPANDS: u64 = 8;
const WORKBOOK: &str = "xl/workbook.xml";
const MOST_ROWS: usize = 1 << 20;
const MOST_COLUMNS: usize = 1 << 14;
/// Rows read between two looks at the monitor.
const STEP: usize = 256;

/// What a sheet holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Name of the sheet.
    pub sheet: String,
    /// Whether the first row names the columns.
    pub header: bool,
    /// Whether the first column names the rows.
    pub row_names: bool,
}

/// The numbers of a sheet, its rows being the genes.
#[derive(Debug, Clone, PartialEq)]
pub struct Sheet {
    /// Rows by columns.
    pub counts: Counts,
    /// Empty where the sheet has none.
    pub row_names: Vec<String>,
    /// Likewise.
    pub column_names: Vec<String>,
}

/// Reads a sheet whose cells, but for names, are all numbers.
pub fn read(path: &Path, layout: &Layout, monitor: &dyn Monitor) -> Result<Sheet> {
    let read = || {
        check_signature(path)?;
        let archive = Archive::open(path)?;
        let parts = find_parts(&archive, &layout.sheet)?;
        let texts = match &parts.texts {
            Some(part) => read_texts(&archive, part)?,
            None => Vec::new(),
        };
        let mut table = Table::new(layout);
        read_rows(&archive, &parts.sheet, &texts, &mut table, monitor)?;
        table.finish()
    };
    read().map_err(|e| with_path(path, e))
}

fn check_signature(path: &Path) -> Result<()> {
    limits::regular_file(path)?;
    let start = limits::first_bytes(path, 8)?;
    if start.starts_with(b"PK\x03\x04") {
        return Ok(());
    }
    Err(if start == *b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" {
        Error::file_format(
            "This is a workbook of Excel 2003 or earlier (.xls), or one with a password.",
            "Save it as .xlsx, without a password.",
        )
    } else {
        Error::file_format(
            "This is not an Excel workbook (.xlsx).",
            "Check the name; tables of text are read by read_csv_counts().",
        )
    })
}

fn damaged(problem: impl std::fmt::Display) -> Error {
    Error::file_format(
        format!("{problem}."),
        "The workbook is damaged; download it again, or open it in Excel and save it anew.",
    )
}

/// What a part of a workbook is made of.
enum Piece {
    Start(Element),
    End(String),
    Text(String),
}

/// An element with its attributes, all without prefixes.
struct Element {
    name: String,
    attributes: Vec<(String, String)>,
}

impl Element {
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|a| a.0 == name)?;
        Some(&found.1)
    }
}

/// One part of a workbook, piece by piece.
struct Part<'a> {
    name: &'a str,
    reader: Reader<BufReader<Box<dyn Read>>>,
    buffer: Vec<u8>,
    depth: usize,
}

impl<'a> Part<'a> {
    fn open(archive: &Archive, name: &'a str) -> Result<Self> {
        let size = archive
            .size(name)
            .ok_or_else(|| damaged(format!("The workbook has no {name}")))?;
        limits::require_memory(size.saturating_mul(EXPANDS), name)?;
        let mut reader = Reader::from_reader(BufReader::new(archive.read(name)?));
        reader.config_mut().expand_empty_elements = true;
        Ok(Part {
            name,
            reader,
            buffer: Vec::new(),
            depth: 0,
        })
    }

    fn broken(&self, why: impl std::fmt::Display) -> Error {
        damaged(format!("{} cannot be read ({why})", self.name))
    }

    /// `None` at the end.
    fn next(&mut self) -> Result<Option<Piece>> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let piece = loop {
            let event = match self.reader.read_event_into(&mut buffer) {
                Ok(event) => event,
                Err(e) => return Err(self.broken(e)),
            };
            break match event {
                Event::Start(start) => {
                    self.depth += 1;
                    Some(Piece::Start(element(&start).map_err(|e| self.broken(e))?))
                }
                Event::End(end) => {
                    self.depth -= 1;
                    Some(Piece::End(end.local_name().as_ref().to_owned()))
                }
                Event::Text(text) => Some(Piece::Text(text.xml10_content().into_owned())),
                Event::CData(text) => Some(Piece::Text(text.xml10_content().into_owned())),
                Event::GeneralRef(name) => {
                    let one = name.resolve_char_ref().map_err(|e| self.broken(e))?;
                    let text = match one {
                        Some(letter) => letter.to_string(),
                        None => resolve_predefined_entity(&name.xml10_content())
                            .ok_or_else(|| self.broken("it uses an entity of its own"))?
                            .to_owned(),
                    };
                    Some(Piece::Text(text))
                }
                Event::DocType(_) => {
                    return Err(Error::file_format(
                        format!(
                            "{} declares a document type, which no workbook has.",
                            self.name
                        ),
                        "Do not trust this file.",
                    ))
                }
                Event::Eof if self.depth > 0 => return Err(self.broken("it ends too early")),
                Event::Eof => None,
                _ => continue,
            };
        };
        self.buffer = buffer;
        match &piece {
            Some(Piece::Text(text)) if text.contains('\0') => Err(self.broken("it holds a NUL")),
            _ => Ok(piece),
        }
    }
}

fn element(start: &BytesStart) -> quick_xml::Result<Element> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0)?;
        let name = attribute.key.local_name().as_ref().to_owned();
        attributes.push((name, value.into_owned()));
    }
    Ok(Element {
        name: start.local_name().as_ref().to_owned(),
        attributes,
    })
}

/// Names of the parts in the archive.
struct Parts {
    sheet: String,
    /// Text that cells refer to by number.
    texts: Option<String>,
}

fn find_parts(archive: &Archive, sheet: &str) -> Result<Parts> {
    if archive.size(WORKBOOK).is_none() {
        return Err(Error::file_format(
            "This zip archive holds no Excel workbook.",
            "Name a file that Excel saved as .xlsx.",
        ));
    }
    let mut workbook = Part::open(archive, WORKBOOK)?;
    let mut sheets = Vec::new();
    while let Some(piece) = workbook.next()? {
        if let Piece::Start(element) = piece {
            if element.name == "sheet" {
                let name = element.get("name").unwrap_or_default().to_owned();
                sheets.push((name, element.get("id").unwrap_or_default().to_owned()));
            }
        }
    }
    let Some((_, id)) = sheets.iter().find(|(name, _)| name == sheet) else {
        let names: Vec<_> = sheets.iter().map(|s| format!("'{}'", s.0)).collect();
        return Err(Error::file_format(
            format!("The workbook has no sheet '{sheet}'."),
            format!("There are: {}.", names.join(", ")),
        ));
    };
    let mut relations = Part::open(archive, "xl/_rels/workbook.xml.rels")?;
    let (mut found, mut texts) = (None, None);
    while let Some(piece) = relations.next()? {
        let Piece::Start(element) = piece else {
            continue;
        };
        let target = element
            .get("Target")
            .map(|target| match target.strip_prefix('/') {
                Some(whole) => whole.to_owned(),
                None => format!("xl/{target}"),
            });
        if element.get("Id") == Some(id) {
            found = target;
        } else if element
            .get("Type")
            .is_some_and(|kind| kind.ends_with("/sharedStrings"))
        {
            texts = target;
        }
    }
    Ok(Parts {
        sheet: found.ok_or_else(|| damaged(format!("The sheet '{sheet}' is nowhere")))?,
        texts,
    })
}

fn read_texts(archive: &Archive, name: &str) -> Result<Vec<String>> {
    let mut part = Part::open(archive, name)?;
    let mut texts = Vec::new();
    while let Some(piece) = part.next()? {
        if matches!(&piece, Piece::Start(element) if element.name == "si") {
            texts.push(text_within(&mut part, "si")?);
        }
    }
    Ok(texts)
}

/// The text of an element that was begun: of all its parts, but not how it is spoken.
fn text_within(part: &mut Part, outer: &str) -> Result<String> {
    let mut text = String::new();
    let (mut shown, mut spoken) = (false, false);
    while let Some(piece) = part.next()? {
        match piece {
            Piece::Start(element) => match element.name.as_str() {
                "t" => shown = true,
                "rPh" => spoken = true,
                _ => {}
            },
            Piece::End(name) => match name.as_str() {
                "t" => shown = false,
                "rPh" => spoken = false,
                name if name == outer => break,
                _ => {}
            },
            Piece::Text(piece) if shown && !spoken => text.push_str(&piece),
            Piece::Text(_) => {}
        }
    }
    Ok(text)
}

#[derive(Debug, Clone, PartialEq)]
enum Value {
    Number(f64),
    Text(String),
    Logical(bool),
    Failed(String),
}

/// "C12", from numbers that count from 0.
fn cell_name(row: usize, column: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = column + 1;
    while rest > 0 {
        letters.push(char::from(b'A' + ((rest - 1) % 26) as u8));
        rest = (rest - 1) / 26;
    }
    let letters: String = letters.iter().rev().collect();
    format!("{letters}{}", row + 1)
}

/// The column of a name as "C12", counted from 0.
fn column_of(name: &str) -> Option<usize> {
    let letters = name.bytes().take_while(u8::is_ascii_uppercase);
    let column = letters.fold(0usize, |n, letter| {
        n.saturating_mul(26)
            .saturating_add(usize::from(letter - b'A') + 1)
    });
    (1..=MOST_COLUMNS).contains(&column).then(|| column - 1)
}

fn read_rows(
    archive: &Archive,
    name: &str,
    texts: &[String],
    table: &mut Table,
    monitor: &dyn Monitor,
) -> Result<()> {
    let mut part = Part::open(archive, name)?;
    let mut next_row = 0;
    let mut cells = Vec::new();
    let mut next_column = 0;
    let mut row = 0;
    monitor.stage("Reading the sheet", 0);
    while let Some(piece) = part.next()? {
        match piece {
            Piece::Start(element) if element.name == "row" => {
                row = match element.get("r") {
                    Some(r) => r.parse::<usize>().unwrap_or(0).wrapping_sub(1),
                    None => next_row,
                };
                if row < next_row || row >= MOST_ROWS {
                    return Err(
                        part.broken(format!("its rows are not in order at {}", next_row + 1))
                    );
                }
                next_row = row + 1;
                next_column = 0;
                if row % STEP == 0 {
                    monitor.check()?;
                }
            }
            Piece::Start(element) if element.name == "c" => {
                let column = match element.get("r") {
                    Some(r) => column_of(r),
                    None => Some(next_column),
                };
                let column = column
                    .filter(|&c| c >= next_column && c < MOST_COLUMNS)
                    .ok_or_else(|| {
                        part.broken(format!("the cells of row {} are not in order", row + 1))
                    })?;
                next_column = column + 1;
                let kind = element.get("t").unwrap_or("n").to_owned();
                if let Some(value) = read_value(&mut part, &kind, texts, row, column)? {
                    cells.push((column, value));
                }
            }
            Piece::End(name) if name == "row" => table.add(row, std::mem::take(&mut cells))?,
            _ => {}
        }
    }
    Ok(())
}

/// The value of a cell that was begun; `None` where it is empty.
fn read_value(
    part: &mut Part,
    kind: &str,
    texts: &[String],
    row: usize,
    column: usize,
) -> Result<Option<Value>> {
    let mut stored = String::new();
    let mut inline = None;
    let mut within = false;
    while let Some(piece) = part.next()? {
        match piece {
            Piece::Start(element) if element.name == "v" => within = true,
            Piece::Start(element) if element.name == "is" => {
                inline = Some(text_within(part, "is")?);
            }
            Piece::End(name) if name == "v" => within = false,
            Piece::End(name) if name == "c" => break,
            Piece::Text(text) if within => stored.push_str(&text),
            _ => {}
        }
    }
    if let Some(text) = inline {
        return Ok((!text.is_empty()).then_some(Value::Text(text)));
    }
    if stored.is_empty() {
        return Ok(None);
    }
    let wrong = || {
        damaged(format!(
            "{} holds '{}', which is no value of its kind",
            cell_name(row, column),
            shortened(&stored)
        ))
    };
    let value = match kind {
        "n" => Value::Number(stored.trim().parse().map_err(|_| wrong())?),
        "s" => {
            let index: usize = stored.trim().parse().map_err(|_| wrong())?;
            let text = texts.get(index).ok_or_else(wrong)?.clone();
            if text.is_empty() {
                return Ok(None);
            }
            Value::Text(text)
        }
        "b" => Value::Logical(stored.trim() == "1"),
        "e" => Value::Failed(stored),
        _ => Value::Text(stored),
    };
    Ok(Some(value))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(30) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// Numbers and names, row by row.
struct Table<'a> {
    layout: &'a Layout,
    rows: usize,
    /// Columns with names and, once a row is known, of numbers.
    width: Option<usize>,
    values: Vec<f64>,
    row_names: Vec<String>,
    column_names: Vec<String>,
}

impl<'a> Table<'a> {
    fn new(layout: &'a Layout) -> Self {
        Table {
            layout,
            rows: 0,
            width: None,
            values: Vec::new(),
            row_names: Vec::new(),
            column_names: Vec::new(),
        }
    }

    /// A row of the sheet with its cells that are not empty, in order.
    fn add(&mut self, row: usize, mut cells: Vec<(usize, Value)>) -> Result<()> {
        let Some(&(last, _)) = cells.last() else {
            return Ok(());
        };
        if row != self.rows {
            return Err(Error::file_format(
                format!(
                    "Row {} of the sheet is empty, but others follow.",
                    self.rows + 1
                ),
                "Remove it, or write what is missing.",
            ));
        }
        let heads = self.layout.header && row == 0;
        // What is above the names of the rows needs no name of its own.
        if heads && self.layout.row_names && cells[0].0 > 0 {
            cells.insert(0, (0, Value::Text(String::new())));
        }
        let width = *self.width.get_or_insert(last + 1);
        if last >= width {
            return Err(Error::file_format(
                format!(
                    "{} lies beyond the {width} columns of the first row.",
                    cell_name(row, last)
                ),
                "Remove what is beside the table.",
            ));
        }
        let mut filled = cells.iter().map(|c| c.0);
        if let Some(column) = (0..width).find(|&column| filled.next() != Some(column)) {
            return Err(Error::file_format(
                format!("{} is empty.", cell_name(row, column)),
                "Write what is missing (0 where there were no counts), and split merged cells.",
            ));
        }
        self.rows += 1;
        for (column, value) in cells {
            if heads {
                if column > 0 || !self.layout.row_names {
                    self.column_names.push(as_name(value));
                }
            } else if column == 0 && self.layout.row_names {
                self.row_names.push(as_name(value));
            } else {
                self.values.push(as_number(value, row, column)?);
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Sheet> {
        let rows = self.rows - usize::from(self.layout.header && self.rows > 0);
        let columns = self.width.unwrap_or(0) - usize::from(self.layout.row_names && self.rows > 0);
        limits::require_memory(8 * self.values.len() as u64, "The sheet")?;
        let mut values = vec![0f64; self.values.len()];
        for (i, row) in self.values.chunks_exact(columns.max(1)).enumerate() {
            for (j, &value) in row.iter().enumerate() {
                values[j * rows + i] = value;
            }
        }
        let counts = Counts {
            genes: rows,
            cells: columns,
            values: Values::Dense(values),
            whole: false,
        };
        Ok(Sheet {
            counts: counts.checked(&self.column_names, &self.row_names)?,
            row_names: self.row_names,
            column_names: self.column_names,
        })
    }
}

fn as_name(value: Value) -> String {
    match value {
        Value::Text(text) | Value::Failed(text) => text,
        Value::Number(number) => number.to_string(),
        Value::Logical(value) => if value { "TRUE" } else { "FALSE" }.to_owned(),
    }
}

fn as_number(value: Value, row: usize, column: usize) -> Result<f64> {
    let found = match value {
        Value::Number(number) => return Ok(number),
        Value::Text(text) => format!("the text '{}'", shortened(&text)),
        Value::Failed(error) => format!("the error {}", shortened(&error)),
        Value::Logical(_) => "true or false".to_owned(),
    };
    Err(Error::file_format(
        format!(
            "{} holds {found}, where a number is expected.",
            cell_name(row, column)
        ),
        "Correct it in the workbook; numbers that are stored as text must be turned into numbers.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cells_have_the_names_that_excel_gives_them() {
        let named = [
            (0, "A1"),
            (25, "Z1"),
            (26, "AA1"),
            (701, "ZZ1"),
            (702, "AAA1"),
            (16383, "XFD1"),
        ];
        for (column, name) in named {
            assert_eq!(cell_name(0, column), name);
        }
        assert_eq!(cell_name(11, 2), "C12");
        for wrong in ["", "12", "XFE1", "ZZZZZZZZZZZZZZZZZZZZ1", "é1"] {
            assert_eq!(column_of(wrong), None);
        }
    }

    proptest! {
        #[test]
        fn a_column_is_found_by_its_name(column in 0..MOST_COLUMNS) {
            prop_assert_eq!(column_of(&cell_name(7, column)), Some(column));
        }
    }
}
