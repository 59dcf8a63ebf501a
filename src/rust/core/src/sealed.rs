//! States and models as plain bytes that can be told from others and from damaged ones.
//!
//! 8 bytes name the kind, 4 its version, 8 the length of the content and 8 its checksum (XXH3), all
//! little-endian. The content follows in postcard's format, which is data alone: reading it runs
//! nothing.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::Serialize;

use crate::files::replace;
use crate::{Error, Result};

/// Bytes before the content.
const HEADER: usize = 28;

/// A kind of sealed bytes.
pub(crate) struct Kind {
    /// First bytes of every file of the kind.
    pub magic: &'static [u8; 8],
    /// Version that is written.
    pub version: u32,
    /// Oldest version that is read.
    pub oldest: u32,
    /// The last neuralee that reads what is older.
    pub reads_older: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// What to do where it cannot be read.
    pub remedy: &'static str,
}

impl Kind {
    /// The bytes of `content`.
    pub fn seal<T: Serialize>(&self, content: &T) -> Result<Vec<u8>> {
        let body = postcard::to_stdvec(content).map_err(|e| {
            Error::internal(format!("The {} could not be written: {e}.", self.name), "")
        })?;
        let mut bytes = Vec::with_capacity(body.len() + HEADER);
        bytes.extend_from_slice(self.magic);
        bytes.extend_from_slice(&self.version.to_le_bytes());
        bytes.extend_from_slice(&(body.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&xxhash_rust::xxh3::xxh3_64(&body).to_le_bytes());
        bytes.extend_from_slice(&body);
        Ok(bytes)
    }

    /// The version that bytes of this kind say they have; what they hold is not looked at.
    pub fn version_of(&self, bytes: &[u8]) -> Option<u32> {
        let (magic, rest) = bytes.split_first_chunk::<8>()?;
        let (version, _) = rest.split_first_chunk::<4>()?;
        (magic == self.magic).then(|| u32::from_le_bytes(*version))
    }

    /// The content of bytes that [`Kind::seal`] made.
    pub fn open<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T> {
        let damaged =
            |what: &str| Error::file_format(format!("The {} {what}.", self.name), self.remedy);
        let header = bytes.get(..HEADER).ok_or_else(|| damaged("is truncated"))?;
        let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| header[at + i]));
        let version = self
            .version_of(bytes)
            .ok_or_else(|| damaged("is not one of neuralee's"))?;
        if version < self.oldest || version > self.version {
            let who = if version < self.oldest {
                format!("neuralee {}", self.reads_older)
            } else {
                String::from("a later neuralee")
            };
            return Err(Error::model_version(
                format!(
                    "The {} has version {version}, which {who} reads.",
                    self.name
                ),
                format!("Use it with {who}, or make it anew."),
            ));
        }
        let body = &bytes[HEADER..];
        if body.len() as u64 != number(12) {
            return Err(damaged("is truncated"));
        }
        if xxhash_rust::xxh3::xxh3_64(body) != number(20) {
            return Err(damaged("is damaged: its checksum does not match"));
        }
        postcard::from_bytes(body).map_err(|e| damaged(&format!("cannot be decoded: {e}")))
    }

    /// The bytes of a file that [`Kind::save`] wrote. What cannot be one is refused before it is
    /// read: a folder, a pipe, a file of another kind or length.
    pub fn read(&self, path: &Path) -> Result<Vec<u8>> {
        let refused = |what: String| {
            let message = format!("\"{}\" is no {}: {what}.", path.display(), self.name);
            Error::file_format(message, self.remedy)
        };
        let unread = |e: std::io::Error| refused(e.to_string());
        let found = std::fs::metadata(path).map_err(unread)?;
        if !found.is_file() {
            return Err(refused(String::from("it is no regular file")));
        }
        let mut file = File::open(path).map_err(unread)?;
        let mut bytes = Vec::with_capacity(HEADER);
        (&file)
            .take(HEADER as u64)
            .read_to_end(&mut bytes)
            .map_err(unread)?;
        if bytes.len() < HEADER || &bytes[..8] != self.magic {
            return Err(refused(String::from(
                "it is not one of neuralee's, or truncated",
            )));
        }
        let body = u64::from_le_bytes(std::array::from_fn(|i| bytes[12 + i]));
        if found.len().checked_sub(HEADER as u64) != Some(body) {
            return Err(refused(String::from("it is truncated")));
        }
        file.read_to_end(&mut bytes).map_err(unread)?;
        Ok(bytes)
    }

    /// Writes bytes to a file, which replaces what was there only once it is
    /// whole.
    pub fn save(&self, bytes: &[u8], path: &Path) -> Result<()> {
        replace(path, self.name, |mut file| file.write_all(bytes))
    }
}
