//! Tar archives, gzipped or not, read as a stream and never unpacked.
//!
//! The archive is first read to its end, so that its names are known and its lengths are true. It
//! is read once more for each file that is needed, up to that file. Only plain files and folders
//! are accepted, under names that stay within the archive.

use crate::limits;
use crate::matrix_market::Lines;
use neuralee_core::monitor::Monitor;
use neuralee_core::{Error, Result};
use std::collections::HashSet;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

const BLOCK: usize = 512;
/// gzip makes matrices and tables three to thirty times smaller, zeros a thousand times.
const MOST_EXPANSION: u64 = 100;
/// Tar fills up with zeros, which of a small archive may be most.
const SLACK: u64 = 1 << 24;
const MOST_MEMBERS: usize = 100_000;
/// Of a name or of the extended attributes that may hold one.
const LONGEST_NAME: u64 = 1 << 16;
/// Bytes that are skipped between two looks at the monitor.
const SKIPPED: usize = 1 << 18;

fn damaged(problem: impl std::fmt::Display) -> Error {
    Error::file_format(
        format!("{problem}."),
        "The archive is damaged or incomplete; download it or pack it again.",
    )
}

fn refused(problem: impl std::fmt::Display) -> Error {
    Error::file_format(
        format!("{problem}."),
        "Such archives are not read; if you trust it, unpack it and name the folder.",
    )
}

/// The names of all files, once the archive was read to its end.
pub(super) fn names(path: &Path, monitor: &dyn Monitor) -> Result<HashSet<String>> {
    let mut archive = Archive::open(path)?;
    let mut names = HashSet::new();
    while let Some(name) = archive.next_file(monitor)? {
        if names.len() == MOST_MEMBERS {
            return Err(refused(format!(
                "There are more than {MOST_MEMBERS} files in the archive"
            )));
        }
        if let Some(name) = names.replace(name) {
            return Err(refused(format!("The archive holds '{name}' twice")));
        }
    }
    archive.finish(monitor)?;
    Ok(names)
}

/// The lines of one file of the archive.
pub(super) fn lines(path: &Path, wanted: &str, monitor: &dyn Monitor) -> Result<Lines> {
    let mut archive = Archive::open(path)?;
    while let Some(name) = archive.next_file(monitor)? {
        if name == wanted {
            let length = archive.left;
            return Lines::new(archive, length);
        }
    }
    Err(damaged("The archive changed while it was read"))
}

/// An archive that is being read.
struct Archive {
    source: Box<dyn Read>,
    started: bool,
    /// Bytes of the file last named that were not read yet.
    left: u64,
    /// Zeros that follow its content up to a whole block.
    padding: u64,
    /// Bytes that the archive may still expand to.
    allowed: u64,
}

/// Reads the content of the file last named.
impl Read for Archive {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let most = (out.len() as u64).min(self.left) as usize;
        let n = self.source.read(&mut out[..most])?;
        if n == 0 && most > 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= n as u64;
        Ok(n)
    }
}

impl Archive {
    fn open(path: &Path) -> Result<Self> {
        let length = limits::regular_file(path)?.len();
        let head = limits::first_bytes(path, 8)?;
        if head == *b"\x89HDF\r\n\x1a\n" {
            return Err(Error::file_format(
                "This is an HDF5 file, not a folder.",
                "Cell Ranger's HDF5 files are read by read_10x_h5(), AnnData files (.h5ad) by \
                 read_h5ad().",
            ));
        }
        let file = BufReader::new(File::open(path).map_err(|e| limits::unreadable(&e))?);
        let source: Box<dyn Read> = if head.starts_with(&[0x1f, 0x8b]) {
            let expanded = flate2::bufread::MultiGzDecoder::new(file);
            Box::new(BufReader::with_capacity(1 << 17, expanded))
        } else {
            Box::new(file)
        };
        Ok(Archive {
            source,
            started: false,
            left: 0,
            padding: 0,
            allowed: length.saturating_mul(MOST_EXPANSION).saturating_add(SLACK),
        })
    }

    /// Skips what is left of the current file, and returns the name of the next; folders
    /// between them are passed over.
    fn next_file(&mut self, monitor: &dyn Monitor) -> Result<Option<String>> {
        let mut given = Extended::default();
        loop {
            self.skip(monitor)?;
            let Some(header) = self.header()? else {
                return Ok(None);
            };
            let kind = header[156];
            let about_next = matches!(kind, b'L' | b'x' | b'g');
            let size = match given.size {
                Some(size) if !about_next => size,
                _ => number(&header[124..136])
                    .ok_or_else(|| damaged("The length of a file in the archive is no number"))?,
            };
            self.enter(size)?;
            if about_next {
                let content = self.small()?;
                match kind {
                    b'L' => given.name = Some(text(&content)),
                    b'x' => given.take(&content)?,
                    // What holds for all files is a comment or a date.
                    _ => {}
                }
                continue;
            }
            let name = given.name.take().unwrap_or_else(|| short_name(&header));
            given = Extended::default();
            match kind {
                b'0' | b'\0' | b'7' | b'5' => {}
                b'1' | b'2' | b'K' => {
                    return Err(refused(format!("'{name}' in the archive is a link")))
                }
                _ => return Err(refused(format!("'{name}' in the archive is no plain file"))),
            }
            let within = within(&name)?;
            // Before there was a kind for folders, their names ended with a slash.
            if kind != b'5' && !name.ends_with('/') {
                return Ok(Some(within));
            }
        }
    }

    /// The next header, or `None` at the block of zeros that ends the archive.
    fn header(&mut self) -> Result<Option<[u8; BLOCK]>> {
        let mut block = [0u8; BLOCK];
        self.enter(BLOCK as u64)?;
        let first = !std::mem::replace(&mut self.started, true);
        let wrong = |e: Error| if first { no_archive() } else { e };
        self.read_exact(&mut block).map_err(|e| wrong(cut(&e)))?;
        if block.iter().all(|&b| b == 0) && !first {
            return Ok(None);
        }
        // The sum is taken with blanks in its own place.
        let sum = block.iter().enumerate().map(|(i, &b)| match i {
            148..156 => u64::from(b' '),
            _ => u64::from(b),
        });
        if number(&block[148..156]) != Some(sum.sum()) {
            let problem = "The checksum of a header in the archive does not match";
            return Err(wrong(damaged(problem)));
        }
        Ok(Some(block))
    }

    /// What follows are `size` bytes of content and the zeros after them.
    fn enter(&mut self, size: u64) -> Result<()> {
        let padding = size.wrapping_neg() % BLOCK as u64;
        self.spend(size.saturating_add(padding))?;
        (self.left, self.padding) = (size, padding);
        Ok(())
    }

    fn spend(&mut self, bytes: u64) -> Result<()> {
        let left = self.allowed.checked_sub(bytes);
        self.allowed = left.ok_or_else(|| {
            refused(format!(
                "The archive would expand to more than {MOST_EXPANSION} times its length"
            ))
        })?;
        Ok(())
    }

    /// The content, where it may only be short.
    fn small(&mut self) -> Result<Vec<u8>> {
        if self.left > LONGEST_NAME {
            return Err(refused(format!(
                "A name in the archive is longer than {LONGEST_NAME} bytes"
            )));
        }
        let mut content = vec![0u8; self.left as usize];
        self.read_exact(&mut content).map_err(|e| cut(&e))?;
        Ok(content)
    }

    fn skip(&mut self, monitor: &dyn Monitor) -> Result<()> {
        self.left += std::mem::take(&mut self.padding);
        let mut buffer = vec![0u8; (self.left as usize).min(SKIPPED)];
        while self.left > 0 {
            monitor.check()?;
            let n = buffer.len().min(self.left as usize);
            self.read_exact(&mut buffer[..n]).map_err(|e| cut(&e))?;
        }
        Ok(())
    }

    /// Reads what follows the end, zeros as a rule, so that a gzip file is checked whole.
    fn finish(&mut self, monitor: &dyn Monitor) -> Result<()> {
        let mut buffer = vec![0u8; SKIPPED];
        loop {
            monitor.check()?;
            match self.source.read(&mut buffer).map_err(|e| cut(&e))? {
                0 => return Ok(()),
                n => self.spend(n as u64)?,
            }
        }
    }
}

fn no_archive() -> Error {
    Error::file_format(
        "This is not a folder, and no tar archive (.tar, .tar.gz) either.",
        "Name the folder that holds matrix.mtx, features.tsv (or genes.tsv) and barcodes.tsv, or a \
         .tar.gz of it.",
    )
}

fn cut(e: &std::io::Error) -> Error {
    match e.kind() {
        std::io::ErrorKind::UnexpectedEof => damaged("The archive ends before its end is marked"),
        _ => damaged(format!("The archive could not be read: {e}")),
    }
}

/// What POSIX's extended headers, or GNU's long names, say of the file that follows.
#[derive(Default)]
struct Extended {
    name: Option<String>,
    size: Option<u64>,
}

impl Extended {
    /// Reads records of the form "length key=value\n", where the length counts all of it.
    fn take(&mut self, mut records: &[u8]) -> Result<()> {
        let wrong = || damaged("An extended header in the archive is damaged");
        while !records.is_empty() {
            let blank = records.iter().position(|&b| b == b' ').ok_or_else(wrong)?;
            let length: Option<usize> = text(&records[..blank]).parse().ok();
            let length = length
                .filter(|&n| n > blank + 1 && n <= records.len())
                .ok_or_else(wrong)?;
            let (record, rest) = records.split_at(length);
            records = rest;
            let record = record[blank + 1..].strip_suffix(b"\n").ok_or_else(wrong)?;
            let equals = record.iter().position(|&b| b == b'=').ok_or_else(wrong)?;
            let (key, value) = (&record[..equals], text(&record[equals + 1..]));
            match key {
                b"path" => self.name = Some(value),
                b"size" => self.size = Some(value.parse().map_err(|_| wrong())?),
                _ if key.starts_with(b"GNU.sparse.") => {
                    return Err(refused("A file in the archive is stored with holes"))
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Text up to its first NUL, with what is not UTF-8 replaced.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// A number in octal digits or, where its first bit is set, in bytes.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        let high = u64::from(field[0] & 0x7f);
        return field[1..]
            .iter()
            .try_fold(high, |n, &b| n.checked_mul(256)?.checked_add(u64::from(b)));
    }
    let digits = text(field);
    match digits.trim_matches(' ') {
        "" => Some(0),
        digits => u64::from_str_radix(digits, 8).ok(),
    }
}

/// The name in a header: in ustar's form its first part may stand apart.
fn short_name(header: &[u8; BLOCK]) -> String {
    let name = text(&header[..100]);
    let front = text(&header[345..500]);
    match &header[257..263] == b"ustar\0" && !front.is_empty() {
        true => format!("{front}/{name}"),
        false => name,
    }
}

/// The name without empty steps; one that leads out of the archive is refused.
fn within(name: &str) -> Result<String> {
    let outside = name.starts_with('/') || name.split('/').any(|step| step == "..");
    if outside {
        return Err(refused(format!("'{name}' lies outside of the archive")));
    }
    let steps = name
        .split('/')
        .filter(|step| !step.is_empty() && *step != ".");
    Ok(steps.collect::<Vec<_>>().join("/"))
}
