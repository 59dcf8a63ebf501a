//! Datasets that went through h5py's filter, which HDF5 itself cannot write.

use hdf5_metno::plist::DatasetCreate;
use hdf5_metno::sync::sync;
use hdf5_metno::{from_id, Dataset, Dataspace, Datatype, Group, H5Type};
use std::ffi::{c_char, c_void, CString};

const LZF: i32 = 32000;
const OPTIONAL: u32 = 1;

unsafe extern "C" {
    fn H5Pset_filter(plan: i64, filter: i32, flags: u32, n: usize, parameters: *const u32) -> i32;
    fn H5Dcreate2(
        place: i64,
        name: *const c_char,
        datatype: i64,
        space: i64,
        links: i64,
        plan: i64,
        access: i64,
    ) -> i64;
    fn H5Dwrite_chunk(
        dataset: i64,
        transfer: i64,
        skipped: u32,
        first: *const u64,
        length: usize,
        bytes: *const c_void,
    ) -> i32;
}

/// What LZF makes of the bytes: each three of them that were there before are repeated.
pub fn compress(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut plain = 0;
    let mut seen = std::collections::HashMap::new();
    let flush = |out: &mut Vec<u8>, part: &[u8]| {
        for part in part.chunks(32) {
            out.push(part.len() as u8 - 1);
            out.extend_from_slice(part);
        }
    };
    let mut at = 0;
    while at < bytes.len() {
        let three = bytes.get(at..at + 3);
        let before = three.and_then(|three| seen.insert(three, at));
        let Some(from) = before.filter(|from| at - from <= 8192) else {
            at += 1;
            continue;
        };
        flush(&mut out, &bytes[plain..at]);
        let same = bytes[at..].iter().zip(&bytes[from..]).take(264);
        let length = same.take_while(|(a, b)| a == b).count();
        let back = at - from - 1;
        let code = (length - 2).min(7) as u8;
        out.push(code << 5 | (back >> 8) as u8);
        if code == 7 {
            out.push((length - 9) as u8);
        }
        out.push(back as u8);
        at += length;
        plain = at;
    }
    flush(&mut out, &bytes[plain..]);
    out
}

/// The first bytes of all values, then the second of all, and so on.
pub fn shuffle(bytes: &[u8], size: usize) -> Vec<u8> {
    let byte = |j| bytes.iter().skip(j).step_by(size).copied();
    (0..size).flat_map(byte).collect()
}

/// A dataset without values whose chunks claim `claimed` bytes, or what they have.
pub fn create<T: H5Type>(
    group: &Group,
    name: &str,
    shape: &[usize],
    chunk: &[usize],
    shuffled: bool,
    claimed: Option<u32>,
) -> Dataset {
    let bytes = size_of::<T>() * chunk.iter().product::<usize>();
    let mut plan = DatasetCreate::build();
    plan.chunk(chunk);
    if shuffled {
        plan.shuffle();
    }
    with_lzf(
        group,
        name,
        Datatype::from_type::<T>().expect("type"),
        shape,
        &plan.finish().expect("plan"),
        claimed.unwrap_or(bytes as u32),
    )
}

/// The same, whose chunks go through what else `plan` says. The crate wants a filter to be there.
pub fn with_lzf(
    group: &Group,
    name: &str,
    datatype: Datatype,
    shape: &[usize],
    plan: &DatasetCreate,
    claimed: u32,
) -> Dataset {
    let name = CString::new(name).expect("no NUL in a test's name");
    let space = Dataspace::try_new(shape).expect("space");
    let parameters = [4, 261, claimed];
    // SAFETY: all ids are open, and there are as many parameters as is said.
    let made = sync(|| unsafe {
        let default = 0;
        let n = parameters.len();
        assert!(H5Pset_filter(plan.id(), LZF, OPTIONAL, n, parameters.as_ptr()) >= 0);
        let (place, datatype, space) = (group.id(), datatype.id(), space.id());
        let plan = plan.id();
        from_id(H5Dcreate2(
            place,
            name.as_ptr(),
            datatype,
            space,
            default,
            plan,
            default,
        ))
    });
    made.expect("dataset")
}

/// Stores a chunk as it is.
pub fn write_chunk(dataset: &Dataset, first: &[usize], bytes: &[u8]) {
    let first: Vec<u64> = first.iter().map(|&i| i as u64).collect();
    // SAFETY: the dataset is open, and has as many axes as `first`.
    let written = sync(|| unsafe {
        let (transfer, skipped) = (0, 0);
        let bytes_at = bytes.as_ptr().cast();
        H5Dwrite_chunk(
            dataset.id(),
            transfer,
            skipped,
            first.as_ptr(),
            bytes.len(),
            bytes_at,
        )
    });
    assert!(written >= 0, "chunk");
}

/// Numbers of one axis, the last chunk filled up with zeros.
pub fn put<T: H5Type + Copy + Default>(
    group: &Group,
    name: &str,
    values: &[T],
    chunk: usize,
    shuffled: bool,
) {
    let dataset = create::<T>(group, name, &[values.len()], &[chunk], shuffled, None);
    for (i, part) in values.chunks(chunk).enumerate() {
        let mut part = part.to_vec();
        part.resize(chunk, T::default());
        write_chunk(
            &dataset,
            &[i * chunk],
            &compress(&bytes_of(&part, shuffled)),
        );
    }
}

/// Values as they lie in memory, shuffled or not.
pub fn bytes_of<T: Copy>(values: &[T], shuffled: bool) -> Vec<u8> {
    // SAFETY: the numbers of the tests have no padding.
    let bytes =
        unsafe { std::slice::from_raw_parts(values.as_ptr().cast::<u8>(), size_of_val(values)) };
    match shuffled {
        true => shuffle(bytes, size_of::<T>()),
        false => bytes.to_vec(),
    }
}
