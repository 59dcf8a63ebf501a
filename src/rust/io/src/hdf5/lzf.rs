//! LZF, the compression that h5py has beside gzip and HDF5 itself has not.

use hdf5_metno::sync::sync;
use hdf5_metno_sys::h5::{H5allocate_memory, H5free_memory};
use hdf5_metno_sys::h5z::{self, H5Z_class2_t, H5Z_CLASS_T_VERS, H5Z_FLAG_REVERSE};
use std::cell::Cell;
use std::ffi::{c_uint, c_void};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The id under which the HDF Group registered h5py's filter.
pub(super) const LZF: i32 = 32000;
/// Three bytes stand for at most 264.
pub(super) const LZF_RATIO: u64 = 88;
/// What another filter may have added behind a chunk: the checksum of Fletcher-32.
const CHECKSUM: usize = 4;

/// Expands a chunk; returns how many bytes it has. `None` where they do not fit into `out`, or
/// the chunk ends early or repeats what was not there.
pub(super) fn expand(stored: &[u8], out: &mut [u8]) -> Option<usize> {
    let (mut from, mut at) = (0, 0);
    while let Some(&control) = stored.get(from) {
        let token = Token::read(control, &stored[from + 1..])?;
        let to = at + token.length;
        match token.back {
            None => {
                let bytes = stored.get(from + 1..from + token.bytes)?;
                out.get_mut(at..to)?.copy_from_slice(bytes);
            }
            Some(back) => {
                let start = at.checked_sub(back)?;
                if to > out.len() {
                    return None;
                }
                if back >= token.length {
                    out.copy_within(start..start + token.length, at);
                } else {
                    // What is repeated overlaps with what it becomes.
                    for i in 0..token.length {
                        out[at + i] = out[start + i];
                    }
                }
            }
        }
        (from, at) = (from + token.bytes, to);
    }
    Some(at)
}

/// How many bytes a chunk expands to, if it does not end early.
fn length(stored: &[u8]) -> Option<usize> {
    let (mut from, mut length) = (0, 0);
    while let Some(&control) = stored.get(from) {
        let token = Token::read(control, &stored[from + 1..])?;
        (from, length) = (from + token.bytes, length + token.length);
    }
    (from == stored.len()).then_some(length)
}

/// Some bytes as they are, or a repetition.
struct Token {
    /// Stored bytes, the first included.
    bytes: usize,
    length: usize,
    /// How far back lies what is repeated.
    back: Option<usize>,
}

impl Token {
    /// Of its first byte and those behind it.
    #[inline(always)]
    fn read(control: u8, rest: &[u8]) -> Option<Self> {
        let control = usize::from(control);
        if control < 32 {
            return Some(Token {
                bytes: control + 2,
                length: control + 1,
                back: None,
            });
        }
        let far = (control & 31) << 8;
        let (bytes, length, near) = match control >> 5 {
            7 => (3, 9 + usize::from(*rest.first()?), *rest.get(1)?),
            n => (2, n + 2, *rest.first()?),
        };
        Some(Token {
            bytes,
            length,
            back: Some(far + usize::from(near) + 1),
        })
    }
}

/// Whether HDF5 expands LZF by what is here, and for how many; both change under HDF5's lock.
static REGISTERED: AtomicBool = AtomicBool::new(false);
static USERS: AtomicUsize = AtomicUsize::new(0);

pub(super) fn is_registered() -> bool {
    REGISTERED.load(Ordering::Relaxed)
}

/// Whether HDF5 has a filter already; this does not look for plugins.
fn is_known(filter: i32) -> bool {
    let mut config = 0;
    // SAFETY: HDF5 answers a negative number for an id that it does not know.
    sync(|| unsafe { h5z::H5Zget_filter_info(filter, &mut config) }) >= 0
}

thread_local! {
    static EXPECTED: Cell<usize> = const { Cell::new(0) };
}

/// Says how many bytes the chunks have that this thread will have HDF5 read next. The filter's
/// own parameters may lie, or be missing, as they are where there is text.
pub(super) fn expect(bytes: usize) {
    EXPECTED.set(bytes);
}

/// While one lives, HDF5 expands LZF. It belongs to whoever else uses the library, who may have
/// brought a filter for it that is then left alone.
pub(super) struct Registration(());

impl Registration {
    pub(super) fn new() -> hdf5_metno::Result<Self> {
        sync(|| {
            if USERS.load(Ordering::Relaxed) == 0 && !is_known(LZF) {
                let filter = H5Z_class2_t {
                    version: H5Z_CLASS_T_VERS as i32,
                    id: LZF,
                    encoder_present: 0,
                    decoder_present: 1,
                    name: c"lzf".as_ptr(),
                    can_apply: None,
                    set_local: None,
                    filter: Some(undo),
                };
                // SAFETY: HDF5 copies the record, and what that points to is static.
                unsafe { hdf5_metno::h5check(h5z::H5Zregister((&raw const filter).cast())) }?;
                REGISTERED.store(true, Ordering::Relaxed);
            }
            USERS.fetch_add(1, Ordering::Relaxed);
            Ok(Registration(()))
        })
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        sync(|| {
            if USERS.fetch_sub(1, Ordering::Relaxed) == 1 && is_registered() {
                REGISTERED.store(false, Ordering::Relaxed);
                // SAFETY: HDF5 keeps it where somebody has a dataset open that went through it.
                unsafe { h5z::H5Zunregister(LZF) };
            }
        });
    }
}

/// HDF5's filter. It replaces the bytes of a chunk by what they expand to, and returns their
/// number, or 0 where it is not the expected one. HDF5 itself does not look.
unsafe extern "C" fn undo(
    flags: c_uint,
    _: usize,
    _: *const c_uint,
    bytes: usize,
    room: *mut usize,
    buffer: *mut *mut c_void,
) -> usize {
    let expected = EXPECTED.get();
    if flags & H5Z_FLAG_REVERSE == 0 || expected == 0 {
        return 0;
    }
    // SAFETY: HDF5 passes as many bytes as it says, and takes memory that it would free itself;
    // both buffers are its own.
    unsafe {
        let stored = std::slice::from_raw_parts((*buffer).cast::<u8>(), bytes);
        let length = match length(stored) {
            Some(length) if (expected..=expected + CHECKSUM).contains(&length) => length,
            _ => return 0,
        };
        let memory = H5allocate_memory(length, 1);
        if memory.is_null() {
            return 0;
        }
        let out = std::slice::from_raw_parts_mut(memory.cast::<u8>(), length);
        if expand(stored, out) != Some(length) {
            H5free_memory(memory);
            return 0;
        }
        H5free_memory(*buffer);
        (*buffer, *room) = (memory, length);
        length
    }
}

#[cfg(test)]
mod tests {
    use super::{expand, is_known, length, Registration, LZF};

    #[test]
    fn the_filter_goes_with_its_last_user() {
        assert!(!is_known(LZF));
        let first = Registration::new().expect("registered");
        let second = Registration::new().expect("registered");
        drop(first);
        assert!(is_known(LZF));
        drop(second);
        assert!(!is_known(LZF));
    }

    /// Both ways of measuring agree.
    fn expanded(stored: &[u8], room: usize) -> Option<Vec<u8>> {
        let mut out = vec![0; room];
        let n = expand(stored, &mut out)?;
        assert_eq!(length(stored), Some(n));
        out.truncate(n);
        Some(out)
    }

    #[test]
    fn bytes_and_repetitions_expand() {
        assert_eq!(expanded(&[], 0), Some(vec![]));
        assert_eq!(expanded(&[1, 7, 8], 2), Some(vec![7, 8]));
        // 3 bytes from 2 back, which overlap; then 9 + 1 from 4 back.
        let stored = [1, 7, 8, 0x20, 1, 0xe0, 1, 3];
        let first = [7, 8, 7, 8, 7];
        let all = [&first[..], &[8, 7, 8, 7, 8, 7, 8, 7, 8, 7]].concat();
        assert_eq!(expanded(&stored[..5], 5), Some(first.to_vec()));
        assert_eq!(expanded(&stored, 99), Some(all));
        // 300 bytes as they are, then 3 of them from the very first on.
        let mut far: Vec<u8> = Vec::new();
        let bytes: Vec<u8> = (0..300).map(|i| i as u8).collect();
        for part in bytes.chunks(32) {
            far.push(part.len() as u8 - 1);
            far.extend(part);
        }
        far.extend([0x21, 43]);
        assert_eq!(
            expanded(&far, 303).map(|out| out[300..].to_vec()),
            Some(vec![0, 1, 2])
        );
    }

    #[test]
    fn what_ends_early_or_reaches_too_far_is_none() {
        for stored in [
            &[3, 1, 2][..],
            &[0x20],
            &[0xe0, 1],
            &[0, 5, 0x20, 1],
            &[0x20, 0],
        ] {
            assert_eq!(expand(stored, &mut [0; 600]), None, "{stored:?}");
        }
        assert_eq!(expand(&[2, 1, 2, 3], &mut [0; 2]), None);
        assert_eq!(expand(&[0, 1, 0xe0, 255, 0], &mut [0; 264]), None);
        assert_eq!(length(&[3, 1, 2]), None);
    }
}
