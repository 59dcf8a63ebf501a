//! Compressed files and archives around mutated content: checksums would otherwise turn
//! almost every input away before the reader behind them sees it.

use flate2::write::{DeflateEncoder, GzEncoder};
use flate2::{Compression, Crc};
use std::io::Write;

/// The bytes as they are, or compressed as `how` says.
pub fn compressed(how: u8, bytes: &[u8]) -> Vec<u8> {
    match how % 8 {
        1 => gzip(bytes),
        2 => {
            let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            out.write_all(bytes).expect("memory");
            out.finish().expect("memory")
        }
        3 => {
            let options = lzma_rust2::XzOptions::with_preset(0);
            let mut out = lzma_rust2::XzWriter::new(Vec::new(), options).expect("options");
            out.write_all(bytes).expect("memory");
            out.finish().expect("memory")
        }
        4 => zip(bytes, true),
        5 => zip(bytes, false),
        _ => bytes.to_vec(),
    }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(bytes).expect("memory");
    out.finish().expect("memory")
}

/// A zip archive of one file, deflated or stored.
fn zip(bytes: &[u8], deflate: bool) -> Vec<u8> {
    let mut crc = Crc::new();
    crc.update(bytes);
    let packed = if deflate {
        let mut out = DeflateEncoder::new(Vec::new(), Compression::fast());
        out.write_all(bytes).expect("memory");
        out.finish().expect("memory")
    } else {
        bytes.to_vec()
    };
    let mut about = vec![20, 0, 0, 0, if deflate { 8 } else { 0 }, 0, 0, 0, 33, 0];
    for number in [crc.sum(), packed.len() as u32, bytes.len() as u32] {
        about.extend(number.to_le_bytes());
    }
    about.extend([5, 0, 0, 0]);
    let mut out = b"PK\x03\x04".to_vec();
    out.extend(&about);
    out.extend(b"a.csv");
    out.extend(&packed);
    let directory = out.len() as u32;
    out.extend(b"PK\x01\x02\x14\x00");
    out.extend(&about);
    out.extend([0; 14]);
    out.extend(b"a.csv");
    let size = out.len() as u32 - directory;
    out.extend(b"PK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00");
    out.extend(size.to_le_bytes());
    out.extend(directory.to_le_bytes());
    out.extend([0, 0]);
    out
}

/// Gives the headers of a tar archive, as they follow from one another, right checksums.
pub fn mend_tar(bytes: &mut [u8]) {
    let mut at = 0;
    while let Some(header) = bytes.get_mut(at..at + 512) {
        if header.iter().all(|&b| b == 0) {
            at += 512;
            continue;
        }
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|&b| u32::from(b)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let digits = header[124..136].iter().take_while(|b| b.is_ascii_digit());
        let size = digits.fold(0usize, |n, &b| {
            n.saturating_mul(8).saturating_add(usize::from(b - b'0'))
        });
        at = at
            .saturating_add(512)
            .saturating_add(size.div_ceil(512).saturating_mul(512));
        if at >= bytes.len() {
            return;
        }
    }
}

/// A tar archive of these files.
pub fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, bytes) in files {
        let mut header = [0u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..108].copy_from_slice(b"0000644\0");
        header[124..136].copy_from_slice(format!("{:011o}\0", bytes.len()).as_bytes());
        header[156] = b'0';
        header[257..265].copy_from_slice(b"ustar\x0000");
        out.extend(header);
        out.extend(*bytes);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    mend_tar(&mut out);
    out
}
