//! Tables of counts as text, a line a gene or a line a cell, with a label per cell beside them if
//! they have labels. Embeddings are written as such text.
//!
//! The text is read once, in pieces. Only values other than zero are kept, so that a sparse matrix
//! takes the memory of a sparse one. Nothing announces the size of a table. What was read is
//! compared with the free memory as it grows, and the whole once more before the matrix is made.

use super::expand::Text;
use super::fields::{Fields, Sink};
use super::limits::{self, with_path, MOST_ENTRIES};
use super::{Counts, SparseColumns, Values};
use neuralee_core::files;
use neuralee_core::monitor::Monitor;

use ndarray::ArrayView2;
use neuralee_core::{Error, Result};
use std::io::{self, Write};
use std::path::Path;

/// The text is read in pieces of this many bytes.
const PIECE: usize = 1 << 18;

/// The separator is looked for in so many bytes, and in so many lines of these.
const SAMPLE_BYTES: usize = 1 << 20;
const SAMPLE_LINES: usize = 20;

/// Values that are stored together, and how often the free memory is looked at.
const BLOCK: usize = 1 << 20;

/// How a table is laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Each line is a gene; else each is a cell.
    pub genes_in_rows: bool,
    /// The byte between fields; `None` to find it.
    pub separator: Option<u8>,
    /// The first line names the columns.
    pub header: bool,
    /// Each line begins with its name.
    pub row_names: bool,
    /// Lines above the table, also empty ones, which are kept as they are.
    pub above: usize,
    /// Columns of text that stand before the values.
    pub text_columns: usize,
}

/// What a table holds. Names are those in the file, or numbers where it has none.
#[derive(Debug, Clone, PartialEq)]
pub struct CountTable {
    /// Genes by cells.
    pub counts: Counts,
    /// Names of the genes; they may repeat.
    pub genes: Vec<String>,
    /// Names of the cells; they may repeat.
    pub cells: Vec<String>,
    /// The fields of each line above the table.
    pub above: Vec<Vec<String>>,
    /// The columns of text, with the names that the header gives them.
    pub text_columns: Vec<(Option<String>, Vec<String>)>,
}

/// Reads a table, compressed or not.
pub fn read(path: &Path, layout: &Layout, monitor: &dyn Monitor) -> Result<CountTable> {
    read_table(path, layout, monitor).map_err(|e| with_path(path, e))
}

fn read_table(path: &Path, layout: &Layout, monitor: &dyn Monitor) -> Result<CountTable> {
    let mut text = Text::open(path)?;
    monitor.stage("Reading counts", text.length as usize);
    let mut sample = vec![0; SAMPLE_BYTES];
    let n = text.fill(&mut sample)?;
    let all = n < SAMPLE_BYTES;
    sample.truncate(n);
    let start = without_mark(&sample)?;
    let separator = match layout.separator {
        Some(separator) => separator,
        None => find_separator(start, all),
    };
    let mut fields = Fields::new(Some(separator));
    fields.keep_blank_lines(layout.above);
    let mut table = Table::new(layout, separator);
    fields.feed(start, &mut table)?;
    if !all {
        drop(sample);
        feed_rest(&mut text, &mut fields, &mut table, monitor)?;
    }
    fields.finish(&mut table)?;
    table.finish(monitor)
}

/// Feeds what is left of the text.
fn feed_rest(
    text: &mut Text,
    fields: &mut Fields,
    sink: &mut impl Sink,
    monitor: &dyn Monitor,
) -> Result<()> {
    let mut piece = vec![0; PIECE];
    let mut reported = 0;
    loop {
        monitor.check()?;
        let n = text.fill(&mut piece)?;
        if n == 0 {
            return Ok(());
        }
        fields.feed(&piece[..n], sink)?;
        let position = text.position();
        monitor.advance((position - reported) as usize);
        reported = position;
    }
}

/// The text without its byte order mark; refuses the encodings that are no bytes of text.
fn without_mark(start: &[u8]) -> Result<&[u8]> {
    if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
        return Err(Error::file_format(
            "The text is in UTF-16.",
            "Save it as UTF-8.",
        ));
    }
    Ok(start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start))
}

/// The one of tab, semicolon and comma that stands as often in each line (in the first, which may
/// have no corner, one less). Where several do, it is the most frequent of them; where none does,
/// the most frequent of all. `all`: the sample is the whole text, so that its last line is whole
/// too.
fn find_separator(sample: &[u8], all: bool) -> u8 {
    const CANDIDATES: [u8; 3] = *b"\t;,";
    let mut lines: Vec<[usize; 3]> = Vec::new();
    let mut counts = [0; 3];
    let (mut quoted, mut whole) = (false, true);
    for &byte in sample {
        if byte == b'"' {
            quoted = !quoted;
        }
        if quoted {
            continue;
        }
        if byte == b'\n' || byte == b'\r' {
            // An empty line or the second half of a line's end says nothing.
            if !whole {
                lines.push(std::mem::take(&mut counts));
                whole = true;
            }
            if lines.len() == SAMPLE_LINES {
                break;
            }
            continue;
        }
        whole = false;
        if let Some(i) = CANDIDATES.iter().position(|&c| c == byte) {
            counts[i] += 1;
        }
    }
    if lines.is_empty() || (all && !whole) {
        lines.push(counts);
    }
    let regular = |i: usize| {
        let (first, rest) = (lines[0][i], &lines[1..]);
        let usual = rest.first().map_or(first, |l| l[i]);
        (first == usual || first + 1 == usual) && rest.iter().all(|l| l[i] == usual)
    };
    let total = |i: usize| lines.iter().map(|l| l[i]).sum::<usize>();
    let best = (0..3)
        .rev()
        .max_by_key(|&i| (total(i) > 0, regular(i), total(i)));
    match best {
        Some(i) if total(i) > 0 => CANDIDATES[i],
        _ => b',',
    }
}

/// Values other than zero of some lines, line by line.
#[derive(Default)]
struct Block {
    /// Where each line ends among the values.
    ends: Vec<usize>,
    columns: Vec<i32>,
    values: Vec<f64>,
}

/// A table that is being read.
struct Table {
    genes_in_rows: bool,
    row_names: bool,
    separator: u8,
    /// Lines above the table that are still to come, and those that were read.
    to_come: usize,
    above: Vec<Vec<String>>,
    text_columns: Vec<(Option<String>, Vec<String>)>,
    /// Names of the columns; before the first line of values perhaps the corner too.
    header: Option<Vec<String>>,
    reads_header: bool,
    /// Values in each line, known after the first.
    width: Option<usize>,
    /// Fields of the line so far.
    at: usize,
    lines: usize,
    names: Vec<String>,
    /// Memory of all names, in R as well.
    name_bytes: u64,
    blocks: Vec<Block>,
    block: Block,
    stored: usize,
    /// When the free memory is looked at next: number of values, bytes of names and lines.
    next_look: (usize, u64, usize),
    whole: bool,
}

impl Table {
    fn new(layout: &Layout, separator: u8) -> Self {
        Table {
            genes_in_rows: layout.genes_in_rows,
            row_names: layout.row_names,
            separator,
            to_come: layout.above,
            above: Vec::from_iter((layout.above > 0).then(Vec::new)),
            text_columns: vec![(None, Vec::new()); layout.text_columns],
            header: layout.header.then(Vec::new),
            reads_header: layout.header,
            width: None,
            at: 0,
            lines: 0,
            names: Vec::new(),
            name_bytes: 0,
            blocks: Vec::new(),
            block: Block::default(),
            stored: 0,
            next_look: (0, 0, 0),
            whole: true,
        }
    }

    /// Compares the matrix of what was read, and room to go on, with the free memory, each
    /// time that a block's worth was added.
    fn look_at_memory(&mut self) -> Result<()> {
        let (stored, names, lines) = self.next_look;
        if self.stored < stored && self.name_bytes < names && self.lines < lines {
            return Ok(());
        }
        self.next_look = (
            self.stored + BLOCK,
            self.name_bytes + (16 << 20),
            self.lines + BLOCK,
        );
        let width = self.width.unwrap_or(0) as u64;
        let dense = (8 * width).saturating_mul(self.lines as u64 + 1);
        let matrix = (12 * self.stored as u64).min(dense.max(12 * BLOCK as u64));
        // A block that grows is copied to one of twice its size.
        let room = 24 * BLOCK.max(self.block.values.len()) as u64;
        limits::require_memory(
            matrix + self.name_bytes + 12 * self.lines as u64 + room,
            "The matrix",
        )
    }

    fn name(&mut self, text: &[u8], line: usize) -> Result<String> {
        let name = as_text(text, line)?;
        // A string here, one of R and its index in a vector.
        self.name_bytes += 96 + 2 * text.len() as u64;
        self.look_at_memory()?;
        Ok(name)
    }

    /// Fields of a line that come before its values.
    fn leading(&self) -> usize {
        usize::from(self.row_names) + self.text_columns.len()
    }

    fn value(&mut self, text: &[u8], line: usize) -> Result<()> {
        let column = self.at - self.leading();
        if self.width.is_some_and(|width| column >= width) {
            return Err(self.ragged(line, format!("more than {}", self.width.unwrap_or(0))));
        }
        if column >= MOST_ENTRIES {
            return Err(Error::file_format(
                format!("Line {line} has more values than R can index."),
                "This is not a table of counts.",
            ));
        }
        let value = match number(text) {
            Some(value) if value.is_finite() => value,
            _ => return Err(self.no_count(text, column, line)),
        };
        if value != 0.0 {
            self.whole &= value > 0.0 && value.fract() == 0.0;
            self.block.columns.push(column as i32);
            self.block.values.push(value);
            self.stored += 1;
            if self.stored >= self.next_look.0 {
                self.look_at_memory()?;
            }
        }
        Ok(())
    }

    fn ragged(&self, line: usize, found: String) -> Error {
        Error::file_format(
            format!(
                "Line {line} has {found} values, where {} are expected (fields end at each {}).",
                self.width.unwrap_or(0),
                separator_name(self.separator)
            ),
            "The file is damaged, a field with a separator lacks its quotes, or `sep` is another.",
        )
    }

    /// The error for a value that is missing or no number, by line, column, gene and cell.
    fn no_count(&self, text: &[u8], column: usize, line: usize) -> Error {
        let row_name = self.names.get(self.lines).map(String::as_str);
        // Whether the header has a corner is known once the first line has ended.
        let column_name = match (&self.header, self.width) {
            (Some(names), Some(_)) => names.get(column).map(String::as_str),
            _ => None,
        };
        let kinds = if self.genes_in_rows {
            ["gene", "cell"]
        } else {
            ["cell", "gene"]
        };
        let known: Vec<String> = kinds
            .iter()
            .zip([row_name, column_name])
            .filter_map(|(kind, name)| Some(format!("{kind} '{}'", name?)))
            .collect();
        let known = if known.is_empty() {
            String::new()
        } else {
            format!(" ({})", known.join(", "))
        };
        let position = format!("Line {line}, column {}{known}", self.at + 1);
        let text = String::from_utf8_lossy(text);
        let text = text.trim();
        let missing =
            ["", "na", "nan", "n/a", "null", "none", "."].contains(&&*text.to_lowercase());
        if text.is_empty() {
            return Error::not_finite(
                format!("{position}: the value is missing."),
                "Write 0 where nothing was counted, and remove separators at the ends of lines.",
            );
        }
        let shown: String = text.chars().take(40).collect();
        if missing || number(text.as_bytes()).is_some() {
            return Error::not_finite(
                format!("{position}: the value is {shown}."),
                "Replace such values, or remove their genes or cells, where the file was written.",
            );
        }
        let decimal_comma = text.bytes().filter(|&b| b == b',').count() == 1
            && number(text.replace(',', ".").as_bytes()).is_some();
        Error::file_format(
            format!("{position}: '{shown}' is no number."),
            if decimal_comma {
                "Write numbers with a decimal point."
            } else {
                "Remove columns and lines that hold no counts; see `header`, `row_names` and `sep` \
                 for names."
            },
        )
    }

    /// The width is that of the first line of values; the header may have a corner more.
    fn settle_width(&mut self, values: usize, line: usize) -> Result<()> {
        if values == 0 {
            return Err(Error::file_format(
                format!(
                    "Line {line} holds no values (fields end at each {}).",
                    separator_name(self.separator)
                ),
                "Set `sep` if it is another, or `row_names = FALSE` if lines do not begin with \
                 names.",
            ));
        }
        self.width = Some(values);
        let Some(header) = &mut self.header else {
            return Ok(());
        };
        let named = header.len();
        let columns = self.text_columns.len() + values;
        if named == columns + 1 && self.row_names {
            header.remove(0);
        } else if named != columns {
            let text = match self.text_columns.len() {
                0 => String::new(),
                n => format!(" and {n} columns of text"),
            };
            return Err(Error::file_format(
                format!(
                    "The header names {named} columns, but line {line} holds {values} \
                     values{text} (fields end at each {}).",
                    separator_name(self.separator)),
                "Set `header = FALSE` if the first line holds values, `row_names = FALSE` if lines \
                 do not begin with names, or `sep`.",
            ));
        }
        for (column, name) in self
            .text_columns
            .iter_mut()
            .zip(header.drain(..columns - values))
        {
            column.0 = Some(name);
        }
        Ok(())
    }

    fn finish(mut self, monitor: &dyn Monitor) -> Result<CountTable> {
        if self.to_come > 0 || self.reads_header || (self.header.is_none() && self.lines == 0) {
            let found = match self.above.len() - usize::from(self.to_come > 0) {
                0 => "The file is empty.".into(),
                n => format!("The file ends after {n} lines, before the table."),
            };
            return Err(Error::file_format(
                found,
                "Check that it was written to its end.",
            ));
        }
        if self.lines == 0 {
            // No line says whether the header has a corner: with names of lines it has.
            let named = self.header.as_ref().map_or(0, Vec::len);
            let values = named.saturating_sub(self.leading());
            self.settle_width(values, 1)?;
        }
        let width = self.width.unwrap_or(0);
        let numbers = |n: usize| (1..=n).map(|i| i.to_string()).collect::<Vec<_>>();
        let columns = self.header.take().unwrap_or_else(|| numbers(width));
        let rows = if self.row_names {
            std::mem::take(&mut self.names)
        } else {
            numbers(self.lines)
        };
        let (genes, cells) = if self.genes_in_rows {
            (rows, columns)
        } else {
            (columns, rows)
        };
        self.blocks.push(std::mem::take(&mut self.block));
        let values = self.values(genes.len(), cells.len(), monitor)?;
        Ok(CountTable {
            counts: Counts {
                genes: genes.len(),
                cells: cells.len(),
                values,
                whole: self.whole,
            },
            genes,
            cells,
            above: self.above,
            text_columns: self.text_columns,
        })
    }

    /// The matrix in the form that takes less memory. Blocks vanish as they are used up.
    fn values(&mut self, genes: usize, cells: usize, monitor: &dyn Monitor) -> Result<Values> {
        let count = (genes as u64).saturating_mul(cells as u64);
        let sparse = 12 * self.stored as u64 + 4 * (cells as u64 + 1);
        let dense = count.saturating_mul(8);
        limits::require_memory(sparse.min(dense), "The matrix")?;
        let blocks = std::mem::take(&mut self.blocks);
        if count > 0 && dense <= sparse {
            let mut values = vec![0.0; count as usize];
            let mut line = 0;
            for block in blocks {
                monitor.check()?;
                block.for_each(|at, column, value| {
                    let (gene, cell) = self.gene_and_cell(line + at, column);
                    values[cell * genes + gene] = value;
                });
                line += block.ends.len();
            }
            return Ok(Values::Dense(values));
        }
        limits::require_indexable(self.stored)?;
        let mut indptr = vec![0i32; cells + 1];
        let mut line = 0;
        for block in &blocks {
            block
                .for_each(|at, column, _| indptr[self.gene_and_cell(line + at, column).1 + 1] += 1);
            line += block.ends.len();
        }
        for cell in 0..cells {
            indptr[cell + 1] += indptr[cell];
        }
        let mut next = indptr.clone();
        let mut indices = vec![0i32; self.stored];
        let mut values = vec![0f64; self.stored];
        // Lines and their columns ascend, so that the genes of each cell do.
        line = 0;
        for block in blocks {
            monitor.check()?;
            block.for_each(|at, column, value| {
                let (gene, cell) = self.gene_and_cell(line + at, column);
                let to = next[cell] as usize;
                next[cell] += 1;
                indices[to] = gene as i32;
                values[to] = value;
            });
            line += block.ends.len();
        }
        Ok(Values::Sparse(SparseColumns {
            nrows: genes,
            ncols: cells,
            indptr,
            indices,
            values,
        }))
    }

    /// Gene and cell of a column in a line.
    fn gene_and_cell(&self, line: usize, column: usize) -> (usize, usize) {
        if self.genes_in_rows {
            (line, column)
        } else {
            (column, line)
        }
    }
}

impl Block {
    /// Calls `put(line within the block, column, value)` for each value in order.
    fn for_each(&self, mut put: impl FnMut(usize, usize, f64)) {
        let mut start = 0;
        for (line, &end) in self.ends.iter().enumerate() {
            for i in start..end {
                put(line, self.columns[i] as usize, self.values[i]);
            }
            start = end;
        }
    }
}

impl Sink for Table {
    fn field(&mut self, text: &[u8], _: bool, line: usize) -> Result<()> {
        if self.to_come > 0 {
            let text = self.name(text, line)?;
            self.above.last_mut().expect("a line is open").push(text);
        } else if self.reads_header {
            let name = self.name(text, line)?;
            self.header.get_or_insert_default().push(name);
        } else if self.row_names && self.at == 0 {
            let name = self.name(text, line)?;
            self.names.push(name);
        } else if self.at < self.leading() {
            let column = self.at - usize::from(self.row_names);
            let text = self.name(text, line)?;
            self.text_columns[column].1.push(text);
        } else {
            self.value(text, line)?;
        }
        self.at += 1;
        Ok(())
    }

    fn end(&mut self, line: usize) -> Result<()> {
        let fields = std::mem::take(&mut self.at);
        if self.to_come > 0 {
            self.to_come -= 1;
            if self.to_come > 0 {
                self.above.push(Vec::new());
            }
            return Ok(());
        }
        if std::mem::take(&mut self.reads_header) {
            return Ok(());
        }
        let values = fields.saturating_sub(self.leading());
        match self.width {
            None => self.settle_width(values, line)?,
            Some(width) if values != width => return Err(self.ragged(line, values.to_string())),
            Some(_) => {}
        }
        self.lines += 1;
        if self.lines > MOST_ENTRIES {
            return Err(Error::file_format(
                "The file has more lines than R can index.",
                "This is not a table of counts.",
            ));
        }
        self.block.ends.push(self.block.values.len());
        if self.block.values.len() >= BLOCK {
            self.blocks.push(std::mem::take(&mut self.block));
        }
        if self.lines >= self.next_look.2 {
            self.look_at_memory()?;
        }
        Ok(())
    }
}

fn separator_name(separator: u8) -> String {
    match separator {
        b'\t' => "tab".into(),
        b' ' => "space".into(),
        other => format!("'{}'", char::from(other)),
    }
}

/// A number in decimal notation, also NaN or infinity, with spaces around it.
fn number(text: &[u8]) -> Option<f64> {
    if let [digit @ b'0'..=b'9'] = text {
        return Some(f64::from(digit - b'0'));
    }
    let digits = text.len() <= 15 && !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    if digits {
        let whole = text.iter().fold(0u64, |n, b| n * 10 + u64::from(b - b'0'));
        return Some(whole as f64);
    }
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

/// Names go to R, whose strings are UTF-8 without NUL.
fn as_text(text: &[u8], line: usize) -> Result<String> {
    let refuse = |problem: &str, remedy: &str| {
        Error::file_format(format!("Line {line}: {problem}."), remedy)
    };
    if text.contains(&0) {
        return Err(refuse(
            "there is a NUL byte in a name",
            "This is not a table of text, or it is damaged.",
        ));
    }
    match std::str::from_utf8(text) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(refuse("a name is not UTF-8", "Save the file as UTF-8.")),
    }
}

/// Labels of cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// One for each cell; `None` where it is NA.
    pub labels: Vec<Option<String>>,
    /// The header, where there was one.
    pub title: Option<String>,
}

/// Reads one label a line, quoted or not, for each of `cells` cells. One line more than
/// cells is a header. NA is refused unless `may_miss`.
pub fn read_labels(
    path: &Path,
    cells: usize,
    may_miss: bool,
    monitor: &dyn Monitor,
) -> Result<Labels> {
    let read = || {
        let mut text = Text::open(path)?;
        monitor.stage("Reading labels", text.length as usize);
        let mut piece = vec![0; PIECE];
        let n = text.fill(&mut piece)?;
        let mut fields = Fields::new(None);
        let mut lines = LabelLines {
            cells,
            found: Vec::new(),
            columns: None,
        };
        fields.feed(without_mark(&piece[..n])?, &mut lines)?;
        feed_rest(&mut text, &mut fields, &mut lines, monitor)?;
        fields.finish(&mut lines)?;
        lines.finish(may_miss)
    };
    read().map_err(|e| with_path(path, e))
}

/// Lines of a file of labels.
struct LabelLines {
    cells: usize,
    found: Vec<(Option<String>, usize)>,
    /// A separator and how often it stands in each line without quotes, if in all as often.
    columns: Option<Vec<(u8, usize)>>,
}

impl LabelLines {
    fn mismatch(&self, lines: &str) -> Error {
        Error::file_format(
            format!("There are {lines} labels for {} cells.", self.cells),
            "Write one label a line in the order of the cells, with or without one line of header.",
        )
    }

    fn finish(mut self, may_miss: bool) -> Result<Labels> {
        let n = self.found.len();
        if n != self.cells && n != self.cells + 1 {
            return Err(self.mismatch(&n.to_string()));
        }
        if let Some(&(separator, count)) = self.columns.iter().flatten().find(|c| c.1 > 0) {
            return Err(Error::file_format(
                format!(
                    "Each line holds {} columns, separated by {}.",
                    count + 1,
                    separator_name(separator)
                ),
                "Write the labels alone (in R: write.csv(..., row.names = FALSE)), or quote them.",
            ));
        }
        let title = (n > self.cells).then(|| self.found.remove(0).0.unwrap_or_else(|| "NA".into()));
        if let (false, Some(&(_, line))) = (may_miss, self.found.iter().find(|f| f.0.is_none())) {
            return Err(Error::not_finite(
                format!("Line {line}: the label is NA."),
                "Each cell must belong to a batch.",
            ));
        }
        Ok(Labels {
            labels: self.found.into_iter().map(|f| f.0).collect(),
            title,
        })
    }
}

impl Sink for LabelLines {
    fn field(&mut self, text: &[u8], quoted: bool, line: usize) -> Result<()> {
        if self.found.len() > self.cells {
            return Err(self.mismatch(&format!("more than {}", self.found.len())));
        }
        let mut label = as_text(text, line)?;
        if !quoted {
            label = label.trim().to_owned();
        }
        if label.is_empty() {
            return Err(Error::file_format(
                format!("Line {line}: the label is empty."),
                "Write NA where there is none.",
            ));
        }
        let count = |separator: u8| match quoted {
            true => (separator, 0),
            false => (separator, text.iter().filter(|&&b| b == separator).count()),
        };
        let counts: Vec<_> = b"\t;,".iter().map(|&s| count(s)).collect();
        let known = self.columns.get_or_insert_with(|| counts.clone());
        known.retain(|c| counts.contains(c));
        let label = (quoted || label != "NA").then_some(label);
        self.found.push((label, line));
        Ok(())
    }

    fn end(&mut self, _: usize) -> Result<()> {
        Ok(())
    }
}

/// An embedding to be written.
#[derive(Debug, Clone)]
pub struct EmbeddingTable<'a> {
    /// Cells in rows.
    pub embedding: ArrayView2<'a, f64>,
    /// A name for each cell.
    pub cells: &'a [String],
    /// A name for each dimension.
    pub dimensions: &'a [String],
    /// A label for each cell, `None` where it has none.
    pub labels: Option<&'a [Option<String>]>,
}

impl EmbeddingTable<'_> {
    /// Writes a line a cell, which replaces what was there once it is whole;
    /// gzipped where the path ends with ".gz". Numbers read back as the same bits.
    pub fn write(&self, path: &Path) -> Result<()> {
        let gzipped = path
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("gz"));
        files::replace(path, "embedding", |file| {
            let buffered = io::BufWriter::with_capacity(1 << 17, file);
            if gzipped {
                let mut out =
                    flate2::write::GzEncoder::new(buffered, flate2::Compression::default());
                self.write_to(&mut out)?;
                out.finish()?.flush()
            } else {
                let mut out = buffered;
                self.write_to(&mut out)?;
                out.flush()
            }
        })
    }

    fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        write!(out, "cell")?;
        for name in self.dimensions {
            write!(out, ",{}", quoted(name))?;
        }
        if self.labels.is_some() {
            write!(out, ",label")?;
        }
        writeln!(out)?;
        for (i, row) in self.embedding.rows().into_iter().enumerate() {
            write!(out, "{}", quoted(&self.cells[i]))?;
            for &value in row {
                // Neither form alone is short for all numbers.
                if value == 0.0 || (1e-5..1e15).contains(&value.abs()) {
                    write!(out, ",{value}")?;
                } else {
                    write!(out, ",{value:e}")?;
                }
            }
            if let Some(labels) = self.labels {
                write!(
                    out,
                    ",{}",
                    labels[i].as_deref().map_or_else(|| "NA".into(), quoted)
                )?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

/// A name in quotes, those within it doubled.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
