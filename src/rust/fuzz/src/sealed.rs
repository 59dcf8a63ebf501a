//! Models and states: length and checksum are those of the mutated content.

use xxhash_rust::xxh3::xxh3_64;

/// A kind of sealed file, with the versions that core reads. `examples/seeds.rs` holds them
/// against what core writes.
pub struct Kind {
    pub magic: &'static [u8; 8],
    pub oldest: u32,
    pub newest: u32,
}

pub const MODEL: Kind = Kind {
    magic: b"NEURALEM",
    oldest: 1,
    newest: 3,
};
pub const EE_STATE: Kind = Kind {
    magic: b"NEURALEE",
    oldest: 5,
    newest: 5,
};
pub const NEURALEE_STATE: Kind = Kind {
    magic: b"NEURALET",
    oldest: 3,
    newest: 3,
};

/// Bytes before the content.
pub const HEADER: usize = 28;

/// The file of a version whose content is `body`.
fn seal(kind: &Kind, version: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = kind.magic.to_vec();
    bytes.extend(version.to_le_bytes());
    bytes.extend((body.len() as u64).to_le_bytes());
    bytes.extend(xxh3_64(body).to_le_bytes());
    bytes.extend(body);
    bytes
}

/// The file that an input stands for: as it is after a 0, else sealed, 1 being the newest version.
pub fn seal_input(kind: &Kind, data: &[u8]) -> Vec<u8> {
    match data.split_first() {
        Some((0, bytes)) => bytes.to_vec(),
        Some((how, body)) => {
            let back = u32::from(how - 1) % (kind.newest - kind.oldest + 1);
            seal(kind, kind.newest - back, body)
        }
        None => Vec::new(),
    }
}

/// Whether core writes files of this kind and version.
pub fn is_current(kind: &Kind, bytes: &[u8]) -> bool {
    bytes[..12] == seal(kind, kind.newest, &[])[..12]
}
