//! The bytes of a text file that may be compressed: by gzip, bzip2, xz, or as the only
//! file in a zip archive. Its first bytes say which, not its name.

use super::limits::{self, unreadable};
use flate2::read::{DeflateDecoder, MultiGzDecoder};
use flate2::CrcReader;
use neuralee_core::{memory, Error, Result};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

/// Text may expand to this many times the free memory. A sparse matrix takes far less memory
/// than its text; what expands to more than this was made to fill the machine.
const TIMES_FREE_MEMORY: u64 = 64;

/// Free memory where the system does not tell it.
const ASSUMED_FREE: u64 = 16 << 30;

/// The dictionary that `xz -9` uses takes 64 MiB; a file may ask for up to 4 GiB.
const MOST_XZ_KIB: u32 = 256 << 10;

/// A file that is read once, from its beginning to its end.
pub(super) struct Text {
    reader: Box<dyn Read>,
    compressed: bool,
    most: u64,
    expanded: u64,
    position: Arc<AtomicU64>,
    /// Bytes of the file, compressed or not.
    pub(super) length: u64,
}

/// Counts what is read of the file itself.
struct Counting {
    file: File,
    position: Arc<AtomicU64>,
}

impl Read for Counting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.position.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

impl Text {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let free = memory::available().unwrap_or(ASSUMED_FREE);
        Self::open_within(path, free.saturating_mul(TIMES_FREE_MEMORY))
    }

    /// `most`: how many bytes a compressed file may expand to.
    fn open_within(path: &Path, most: u64) -> Result<Self> {
        let length = limits::regular_file(path)?.len();
        let start = limits::first_bytes(path, 10)?;
        let mut file = File::open(path).map_err(|e| unreadable(&e))?;
        let entry = if start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06") {
            Some(find_only_file(&mut file, length)?)
        } else {
            None
        };
        let position = Arc::new(AtomicU64::new(0));
        let counting = Counting {
            file,
            position: position.clone(),
        };
        let bytes = BufReader::with_capacity(1 << 17, counting);
        let mut compressed = true;
        let reader: Box<dyn Read> = if let Some(entry) = entry {
            entry.reader(bytes)
        } else if start.starts_with(&[0x1f, 0x8b]) {
            Box::new(MultiGzDecoder::new(bytes))
        } else if is_bzip2(&start) {
            Box::new(bzip2::read::MultiBzDecoder::new(bytes))
        } else if start.starts_with(b"\xfd7zXZ\0") {
            Box::new(lzma_rust2::XzReader::new_mem_limit(
                bytes,
                true,
                MOST_XZ_KIB,
            ))
        } else if start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            return Err(Error::file_format(
                "The file is compressed with Zstandard.",
                "Expand it (unzstd), or compress it with gzip, bzip2 or xz.",
            ));
        } else {
            compressed = false;
            Box::new(bytes)
        };
        Ok(Text {
            reader,
            compressed,
            most,
            expanded: 0,
            position,
            length,
        })
    }

    /// How many bytes of the file were read.
    pub(super) fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    /// Fills the buffer, except at the end of the text; returns the number of bytes.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.reader.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::OutOfMemory => {
                    return Err(Error::memory(
                        format!("The compressed file cannot be expanded: {e}."),
                        "Compress it with a smaller dictionary (xz -9 or less), or with gzip.",
                    ))
                }
                Err(e) if self.compressed => {
                    return Err(Error::file_format(
                        format!("The compressed file is damaged or truncated: {e}."),
                        "Copy or download it again.",
                    ))
                }
                Err(e) => return Err(unreadable(&e)),
            }
        }
        self.expanded += filled as u64;
        if self.compressed && self.expanded > self.most {
            return Err(Error::memory(
                format!(
                    "The compressed file expands to more than {}, {TIMES_FREE_MEMORY} times the \
                     free memory.",
                    memory::size(self.most)
                ),
                "Check what it is; if it is sound, expand it first or use a machine with more \
                 memory.",
            ));
        }
        Ok(filled)
    }
}

/// "BZh", the size of its blocks, and what begins the first block or ends an empty file.
fn is_bzip2(start: &[u8]) -> bool {
    start.len() == 10
        && start.starts_with(b"BZh")
        && matches!(start[3], b'1'..=b'9')
        && (start[4..] == *b"\x31\x41\x59\x26\x53\x59"
            || start[4..] == *b"\x17\x72\x45\x38\x50\x90")
}

/// A file in a zip archive, as the archive's directory describes it.
struct Entry {
    name: String,
    method: u16,
    encrypted: bool,
    compressed: u64,
    expanded: u64,
    crc: u32,
    header: u64,
}

impl Entry {
    /// The bytes of the file, from an archive that stands at their beginning.
    fn reader(&self, archive: impl Read + 'static) -> Box<dyn Read> {
        let stored = archive.take(self.compressed);
        let check = |reader| Checked {
            reader: CrcReader::new(reader),
            length: self.expanded,
            crc: self.crc,
        };
        let bytes: Box<dyn Read> = if self.method == 0 {
            Box::new(stored)
        } else {
            // One byte too many is enough to be noticed.
            Box::new(DeflateDecoder::new(stored).take(self.expanded + 1))
        };
        Box::new(check(bytes))
    }
}

/// Compares length and checksum with the directory's once all is read.
struct Checked {
    reader: CrcReader<Box<dyn Read>>,
    length: u64,
    crc: u32,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(buffer)?;
        let crc = self.reader.crc();
        let whole = u64::from(crc.amount()) == self.length && crc.sum() == self.crc;
        if n == 0 && !buffer.is_empty() && !whole {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "its checksum does not match",
            ));
        }
        Ok(n)
    }
}

/// Finds the one file in a zip archive and moves to its bytes. What macOS adds about a
/// file, in a folder of its own, does not count.
fn find_only_file(archive: &mut File, length: u64) -> Result<Entry> {
    let mut entries = directory(archive, length)?;
    entries.retain(|e| !e.name.ends_with('/') && !e.name.starts_with("__MACOSX/"));
    if entries.len() != 1 {
        let names: Vec<_> = entries.iter().take(5).map(|e| e.name.as_str()).collect();
        return Err(Error::file_format(
            format!(
                "The zip archive holds {} files{}{}.",
                entries.len(),
                if names.is_empty() { "" } else { ": " },
                names.join(", ")
            ),
            "Unpack it and name the file to read.",
        ));
    }
    let entry = entries.remove(0);
    enter(archive, length, &entry)?;
    Ok(entry)
}

/// Moves to the bytes of a file in an archive.
fn enter(archive: &mut File, length: u64, entry: &Entry) -> Result<()> {
    if entry.encrypted || !matches!(entry.method, 0 | 8) {
        return Err(Error::file_format(
            "The file in the zip archive is encrypted or not compressed by deflate.",
            "Unpack it first.",
        ));
    }
    // The local header repeats the name and may hold other extra fields than the directory.
    let header = bytes_at(archive, entry.header, 30)?;
    if !header.starts_with(b"PK\x03\x04") {
        return Err(damaged_zip());
    }
    let data = entry.header + 30 + u64::from(u16_at(&header, 26)) + u64::from(u16_at(&header, 28));
    if data.saturating_add(entry.compressed) > length {
        return Err(damaged_zip());
    }
    archive
        .seek(SeekFrom::Start(data))
        .map(drop)
        .map_err(|e| unreadable(&e))
}

/// A zip archive of several files.
pub(super) struct Archive<'a> {
    path: &'a Path,
    length: u64,
    entries: Vec<Entry>,
}

impl<'a> Archive<'a> {
    pub(super) fn open(path: &'a Path) -> Result<Self> {
        let length = limits::regular_file(path)?.len();
        let mut file = File::open(path).map_err(|e| unreadable(&e))?;
        let entries = directory(&mut file, length)?;
        Ok(Archive {
            path,
            length,
            entries,
        })
    }

    /// How many bytes the file of a name says to have; `None` where there is none.
    pub(super) fn size(&self, name: &str) -> Option<u64> {
        Some(self.entries.iter().find(|e| e.name == name)?.expanded)
    }

    /// The bytes of a file: as many as its directory says, or an error at their end.
    pub(super) fn read(&self, name: &str) -> Result<Box<dyn Read>> {
        let mut named = self.entries.iter().filter(|e| e.name == name);
        let (Some(entry), None) = (named.next(), named.next()) else {
            return Err(damaged_zip());
        };
        let mut file = File::open(self.path).map_err(|e| unreadable(&e))?;
        enter(&mut file, self.length, entry)?;
        Ok(entry.reader(file))
    }
}

/// The archive's directory, which its last bytes point to.
fn directory(archive: &mut File, length: u64) -> Result<Vec<Entry>> {
    const END: u64 = 22;
    const LONGEST_COMMENT: u64 = 65_535;
    let tail = length.min(END + LONGEST_COMMENT);
    let bytes = bytes_at(archive, length - tail, tail)?;
    let end = (0..=bytes.len().saturating_sub(END as usize))
        .rev()
        .find(|&i| bytes[i..].starts_with(b"PK\x05\x06") && bytes.len() - i >= END as usize)
        .ok_or_else(damaged_zip)?;
    let end = &bytes[end..];
    let (count, size, start) = (u16_at(end, 10), u32_at(end, 12), u32_at(end, 16));
    if count == u16::MAX || start == u32::MAX {
        return Err(zip64());
    }
    if u64::from(start) + u64::from(size) > length {
        return Err(damaged_zip());
    }
    let listing = bytes_at(archive, start.into(), size.into())?;
    let mut at = 0;
    let mut entries = Vec::new();
    for _ in 0..count {
        let entry = listing
            .get(at..)
            .filter(|e| e.len() >= 46)
            .ok_or_else(damaged_zip)?;
        let [name, extra, comment] = [28, 30, 32].map(|i| usize::from(u16_at(entry, i)));
        let name_bytes = entry.get(46..46 + name).ok_or_else(damaged_zip)?;
        if !entry.starts_with(b"PK\x01\x02") {
            return Err(damaged_zip());
        }
        let [compressed, expanded, header] = [20, 24, 42].map(|i| u32_at(entry, i));
        if [compressed, expanded, header].contains(&u32::MAX) {
            return Err(zip64());
        }
        entries.push(Entry {
            name: String::from_utf8_lossy(name_bytes).into_owned(),
            method: u16_at(entry, 10),
            encrypted: u16_at(entry, 8) & 1 == 1,
            compressed: compressed.into(),
            expanded: expanded.into(),
            crc: u32_at(entry, 16),
            header: header.into(),
        });
        at += 46 + name + extra + comment;
    }
    Ok(entries)
}

/// `n` bytes of the file; the caller has compared them with its length.
fn bytes_at(file: &mut File, start: u64, n: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = file
        .seek(SeekFrom::Start(start))
        .and_then(|_| file.take(n).read_to_end(&mut bytes));
    read.map_err(|e| unreadable(&e))?;
    if bytes.len() as u64 == n {
        Ok(bytes)
    } else {
        Err(damaged_zip())
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

fn damaged_zip() -> Error {
    Error::file_format(
        "The zip archive is damaged or truncated.",
        "Copy or download it again.",
    )
}

fn zip64() -> Error {
    Error::file_format(
        "The zip archive is of the kind for files of more than 4 GiB.",
        "Unpack it, or compress the file with gzip.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_expands_beyond_the_limit_is_refused() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("zeros.csv.gz");
        let file = File::create(&path).expect("created");
        let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::best());
        encoder.write_all(&vec![b'0'; 1 << 20]).expect("written");
        encoder.finish().expect("finished");

        let all = |most: u64| {
            let mut text = Text::open_within(&path, most)?;
            let mut buffer = vec![0; 1 << 16];
            while text.fill(&mut buffer)? > 0 {}
            Ok(text.expanded)
        };
        assert_eq!(all(1 << 20), Ok(1 << 20));
        assert!(matches!(
            all((1 << 20) - 1),
            Err(Error::Memory(r)) if r.message.contains("expands to more than")
        ));
    }
}
