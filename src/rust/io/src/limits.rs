//! What a file may ask for.

use neuralee_core::error::Report;
use neuralee_core::{memory, Error, Result};
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::Path;

/// R's vectors of row and column indices are 32-bit.
pub(crate) const MOST_ENTRIES: usize = i32::MAX as usize;

/// Deflate cannot shrink data by more than about 1032 to 1.
pub(crate) const DEFLATE_RATIO: u64 = 1100;

/// The metadata of a regular file. Anything else (a folder, a pipe, a device) is refused
/// before it is opened, as opening may already block.
pub(crate) fn regular_file(path: &Path) -> Result<Metadata> {
    let found = std::fs::metadata(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => Error::file_format(
            "There is no such file.",
            "Check the path; it is relative to the working directory.",
        ),
        _ => unreadable(&e),
    })?;
    if found.is_dir() {
        return Err(Error::file_format(
            "This is a folder, not a file.",
            "Name the file in it; a 10x Genomics folder is read by read_10x().",
        ));
    }
    if !found.is_file() {
        return Err(Error::file_format(
            "This is not a regular file.",
            "Copy its content to a file.",
        ));
    }
    Ok(found)
}

/// The file's first bytes, at most `n`.
pub(crate) fn first_bytes(path: &Path, n: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(n).read_to_end(&mut bytes))
        .map_err(|e| unreadable(&e))?;
    Ok(bytes)
}

/// The error for a file that the system does not let us read.
pub(crate) fn unreadable(e: &std::io::Error) -> Error {
    Error::file_format(
        format!("The file could not be read: {e}."),
        "Check that it is complete and that you may read it.",
    )
}

/// Puts the path in front of an error's message.
pub(crate) fn with_path(path: &Path, error: Error) -> Error {
    let add = |r: Report| Report {
        message: format!("{}: {}", path.display(), r.message),
        ..r
    };
    match error {
        Error::FileFormat(r) => Error::FileFormat(add(r)),
        Error::Input(r) => Error::Input(add(r)),
        Error::NotFinite(r) => Error::NotFinite(add(r)),
        Error::Memory(r) => Error::Memory(add(r)),
        other => other,
    }
}

/// Refuses to read more than fits into memory.
pub(crate) fn require_memory(bytes: u64, what: &str) -> Result<()> {
    match memory::available() {
        Some(free) if bytes > free => Err(Error::memory(
            format!(
                "{what} needs {} of memory and {} is free.",
                memory::size(bytes),
                memory::size(free)
            ),
            "Use a machine with more memory, or a file with fewer cells or genes.",
        )),
        _ => Ok(()),
    }
}

/// Refuses a matrix with more stored values than R's sparse matrices can index.
pub(crate) fn require_indexable(entries: usize) -> Result<()> {
    if entries > MOST_ENTRIES {
        return Err(Error::memory(
            format!(
                "The matrix stores {entries} values; an R sparse matrix holds at most \
                 {MOST_ENTRIES}."
            ),
            "Use a file with fewer cells or genes.",
        ));
    }
    Ok(())
}

/// Refuses: this build has no HDF5. What else it is given would have been needed with it.
#[cfg(not(feature = "hdf5"))]
pub(crate) fn without_hdf5<T, U>(path: &Path, _: U) -> Result<T> {
    Err(Error::file_format(
        format!(
            "{}: neuralee was installed without HDF5 and cannot read this.",
            path.display()
        ),
        "Install HDF5 (Debian and Ubuntu: apt-get install libhdf5-dev; macOS: brew install hdf5), \
         then reinstall neuralee.",
    ))
}
