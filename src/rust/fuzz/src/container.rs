//! Compressed files and archives around mutated content: checksums would otherwise turn
//! almost every input away before the reader behind them sees it.

use flate2::write::GzEncoder;
use flate2::Compression;
use std::io::Write;

#[path = "../../io/tests/common/zip.rs"]
mod zip;

pub use zip::zip;

/// What stands between the files of an input that is several.
const MARK: &[u8] = b"\n---\n";

/// The first of the files that an input stands for, with its last line end, and the others, if any.
pub fn split(input: &[u8]) -> (&[u8], Option<&[u8]>) {
    match input.windows(MARK.len()).position(|w| w == MARK) {
        Some(end) => (&input[..end + 1], Some(&input[end + MARK.len()..])),
        None => (input, None),
    }
}

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
        4 => zip(&[("a.csv", bytes)], true),
        5 => zip(&[("a.csv", bytes)], false),
        _ => bytes.to_vec(),
    }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(bytes).expect("memory");
    out.finish().expect("memory")
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
