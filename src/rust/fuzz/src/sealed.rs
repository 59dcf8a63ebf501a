//! Models and states: length and checksum are those of the mutated content.

use xxhash_rust::xxh3::xxh3_64;

/// Bytes before the content.
pub const HEADER: usize = 28;

/// The file whose content is `body`.
pub fn seal(magic: &[u8; 8], version: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = magic.to_vec();
    bytes.extend(version.to_le_bytes());
    bytes.extend((body.len() as u64).to_le_bytes());
    bytes.extend(xxh3_64(body).to_le_bytes());
    bytes.extend(body);
    bytes
}

/// The file that an input stands for: as it is after a 0, else sealed.
pub fn of_input(magic: &[u8; 8], version: u32, data: &[u8]) -> Vec<u8> {
    match data.split_first() {
        Some((0, bytes)) => bytes.to_vec(),
        Some((_, body)) => seal(magic, version, body),
        None => Vec::new(),
    }
}
