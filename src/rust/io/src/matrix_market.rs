//! Matrix Market files in coordinate form, as 10x Genomics' Cell Ranger writes them.

use super::limits::{self, DEFLATE_RATIO, MOST_ENTRIES};
use neuralee_core::monitor::Monitor;
use neuralee_core::sparse::{group, SparseColumns};
use neuralee_core::{Error, Result};
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::Path;

const LONGEST_LINE: usize = 1 << 16;
const MOST_COMMENTS: usize = 10_000;

/// A text file read line by line, gzipped or not, its lines no longer than 64 KiB.
pub(super) struct Lines {
    reader: Box<dyn BufRead>,
    line: Vec<u8>,
    /// The 1-based number of the line last read.
    pub(super) number: usize,
    /// The most bytes that the file can hold once expanded.
    pub(super) most_bytes: u64,
}

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let length = limits::regular_file(path)?.len();
        let file = File::open(path).map_err(|e| limits::unreadable(&e))?;
        Lines::new(file, length)
    }

    /// The lines of `length` bytes from elsewhere.
    pub(super) fn new(mut source: impl Read + 'static, length: u64) -> Result<Self> {
        let mut head = Vec::new();
        (&mut source)
            .take(2)
            .read_to_end(&mut head)
            .map_err(|e| limits::unreadable(&e))?;
        let gzipped = head == [0x1f, 0x8b];
        let source = Cursor::new(head).chain(source);
        let (reader, most_bytes): (Box<dyn BufRead>, u64) = if gzipped {
            let expanded = flate2::read::MultiGzDecoder::new(BufReader::new(source));
            let reader = BufReader::with_capacity(1 << 17, expanded);
            (Box::new(reader), length.saturating_mul(DEFLATE_RATIO))
        } else {
            (Box::new(BufReader::with_capacity(1 << 17, source)), length)
        };
        Ok(Lines {
            reader,
            line: Vec::new(),
            number: 0,
            most_bytes,
        })
    }

    /// The next line without its end, or `None` after the last one.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>> {
        self.line.clear();
        let most = LONGEST_LINE as u64 + 1;
        let read = (&mut self.reader)
            .take(most)
            .read_until(b'\n', &mut self.line);
        let read = read.map_err(|e| limits::unreadable(&e))?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        } else if self.line.len() > LONGEST_LINE {
            return Err(Error::file_format(
                format!("Line {} is longer than {LONGEST_LINE} bytes.", self.number),
                "This is not a file of the expected kind.",
            ));
        }
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        Ok(Some(&self.line))
    }
}

fn refuse(line: usize, problem: impl std::fmt::Display) -> Error {
    Error::file_format(
        format!("Line {line}: {problem}."),
        "The file is damaged or was not written by Cell Ranger; download or export it again.",
    )
}

#[derive(Clone, Copy, PartialEq)]
enum Field {
    Number,
    Pattern,
}

struct Header {
    field: Field,
    rows: usize,
    columns: usize,
    entries: usize,
}

fn header(lines: &mut Lines) -> Result<Header> {
    let banner = match lines.next()? {
        Some(line) => String::from_utf8_lossy(line).to_ascii_lowercase(),
        None => return Err(refuse(1, "the file is empty")),
    };
    let words: Vec<&str> = banner.split_ascii_whitespace().collect();
    let field = match words[..] {
        ["%%matrixmarket", "matrix", "coordinate", field, "general"] => match field {
            "integer" | "real" | "double" => Field::Number,
            "pattern" => Field::Pattern,
            _ => {
                return Err(refuse(
                    1,
                    format!("the field '{field}' is not integer, real or pattern"),
                ))
            }
        },
        ["%%matrixmarket", "matrix", "coordinate", _, symmetry] => {
            let problem =
                format!("a {symmetry} matrix cannot be genes by cells; it must be 'general'");
            return Err(refuse(1, problem));
        }
        _ => {
            let problem = "it does not begin with '%%MatrixMarket matrix coordinate'";
            return Err(refuse(1, problem));
        }
    };
    let sizes = loop {
        match lines.next()? {
            None => return Err(refuse(lines.number + 1, "the sizes are missing")),
            Some(line) if line.first() == Some(&b'%') || line.is_empty() => {
                if lines.number > MOST_COMMENTS {
                    return Err(refuse(lines.number, "there is no end to the comments"));
                }
            }
            Some(line) => {
                let mut words = Words(line);
                let sizes = [words.whole(), words.whole(), words.whole()];
                match (sizes, words.done()) {
                    ([Some(rows), Some(columns), Some(entries)], true) => {
                        break Header {
                            field,
                            rows,
                            columns,
                            entries,
                        }
                    }
                    _ => return Err(refuse(lines.number, "it must hold three whole numbers")),
                }
            }
        }
    };
    let at = lines.number;
    if sizes.rows > MOST_ENTRIES || sizes.columns >= MOST_ENTRIES {
        return Err(refuse(at, "more rows or columns than R can index"));
    }
    if sizes.entries as u128 > sizes.rows as u128 * sizes.columns as u128 {
        return Err(refuse(at, "more entries than places in the matrix"));
    }
    let shortest = if field == Field::Pattern { 4 } else { 6 };
    if (sizes.entries as u64).saturating_mul(shortest) > lines.most_bytes.saturating_add(1) {
        let problem = format!(
            "{} entries cannot fit into a file of this size",
            sizes.entries
        );
        return Err(refuse(at, problem));
    }
    Ok(sizes)
}

/// The words of a line, parsed without allocating.
struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    fn next(&mut self) -> &'a [u8] {
        let start = self
            .0
            .iter()
            .position(|b| !b.is_ascii_whitespace())
            .unwrap_or(self.0.len());
        let rest = &self.0[start..];
        let end = rest
            .iter()
            .position(u8::is_ascii_whitespace)
            .unwrap_or(rest.len());
        self.0 = &rest[end..];
        &rest[..end]
    }

    fn whole(&mut self) -> Option<usize> {
        let word = self.next();
        if word.is_empty() || word.len() > 18 {
            return None;
        }
        word.iter().try_fold(0usize, |n, b| {
            b.is_ascii_digit().then(|| n * 10 + usize::from(b - b'0'))
        })
    }

    fn real(&mut self) -> Option<f64> {
        let start = self.0;
        if let Some(n) = self.whole().filter(|&n| n < 1 << 53) {
            return Some(n as f64);
        }
        self.0 = start;
        std::str::from_utf8(self.next()).ok()?.parse().ok()
    }

    fn done(&mut self) -> bool {
        self.next().is_empty()
    }
}

/// Reads the matrix; `check` judges its numbers of rows and columns before the entries
/// are read. Entries may come in any order; a row and column given twice are refused.
pub(super) fn read(
    lines: &mut Lines,
    check: impl FnOnce(usize, usize, usize) -> Result<()>,
    monitor: &dyn Monitor,
) -> Result<SparseColumns> {
    let Header {
        field,
        rows: nrows,
        columns: ncols,
        entries,
    } = header(lines)?;
    check(nrows, ncols, entries)?;
    limits::require_indexable(entries)?;
    limits::require_memory(28 * entries as u64 + 12 * ncols as u64, "The matrix")?;
    let first_line = lines.number + 1;

    let mut rows = Vec::with_capacity(entries);
    let mut columns = Vec::with_capacity(entries);
    let mut values = Vec::with_capacity(entries);
    monitor.stage("Reading counts", entries);
    let mut reported = 0;
    while let Some(line) = lines.next()? {
        let mut words = Words(line);
        let (row, column) = (words.whole(), words.whole());
        let value = if field == Field::Pattern {
            Some(1.0)
        } else {
            words.real()
        };
        let (Some(row), Some(column), Some(value), true) = (row, column, value, words.done())
        else {
            if line.iter().all(u8::is_ascii_whitespace) {
                break;
            }
            return Err(refuse(
                lines.number,
                "it must hold a row, a column and a value",
            ));
        };
        if !(1..=nrows).contains(&row) || !(1..=ncols).contains(&column) {
            let problem = format!("place ({row}, {column}) is outside of {nrows} x {ncols}");
            return Err(refuse(lines.number, problem));
        }
        if rows.len() == entries {
            let problem = format!("there are more entries than the {entries} that were announced");
            return Err(refuse(lines.number, problem));
        }
        rows.push((row - 1) as i32);
        columns.push((column - 1) as i32);
        values.push(value);
        if rows.len() - reported == 1 << 16 {
            monitor.check()?;
            monitor.advance(rows.len() - reported);
            reported = rows.len();
        }
    }
    at_end(lines, rows.len(), entries)?;
    monitor.advance(entries - reported);
    columns_of(nrows, ncols, rows, columns, values)
        .map_err(|at| refuse(first_line + at, "this row and column already had a value"))
}

/// Nothing but white space may follow, and all entries must have been there.
fn at_end(lines: &mut Lines, found: usize, announced: usize) -> Result<()> {
    let mut blank = 0;
    while let Some(line) = lines.next()? {
        blank += 1;
        if blank > MOST_COMMENTS || !line.iter().all(u8::is_ascii_whitespace) {
            return Err(refuse(lines.number, "there is more after an empty line"));
        }
    }
    if found < announced {
        return Err(Error::file_format(
            format!("The file ends after {found} of the {announced} entries that it announces."),
            "It is truncated; download or export it again.",
        ));
    }
    Ok(())
}

/// Compressed columns, or the position of the first entry whose row and column came before.
fn columns_of(
    nrows: usize,
    ncols: usize,
    rows: Vec<i32>,
    columns: Vec<i32>,
    values: Vec<f64>,
) -> std::result::Result<SparseColumns, usize> {
    let in_order = (1..rows.len()).all(|i| (columns[i - 1], rows[i - 1]) < (columns[i], rows[i]));
    if in_order {
        let mut indptr = vec![0i32; ncols + 1];
        for &c in &columns {
            indptr[c as usize + 1] += 1;
        }
        for c in 0..ncols {
            indptr[c + 1] += indptr[c];
        }
        return Ok(SparseColumns {
            nrows,
            ncols,
            indptr,
            indices: rows,
            values,
        });
    }
    let grouped = group(nrows, ncols, rows.iter().copied(), &columns, &values).canonical();
    if grouped.values.len() < rows.len() {
        let mut seen = std::collections::HashSet::with_capacity(rows.len());
        let again = (0..rows.len()).find(|&i| !seen.insert((rows[i], columns[i])));
        return Err(again.unwrap_or(0));
    }
    Ok(grouped)
}
