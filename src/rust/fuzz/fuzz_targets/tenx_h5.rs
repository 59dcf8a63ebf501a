//! HDF5 files of Cell Ranger that the bytes describe.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neuralee_fuzz::{check_tenx, hdf5::Draw, outcome};
use neuralee_io::tenx::{outline_h5, read_h5};

fuzz_target!(|data: &[u8]| {
    let mut draw = Draw::new(data);
    let group = [None, None, None, Some("matrix"), Some("genome1")][draw.below(5)];
    let drawn = draw.tenx();
    let path = &drawn.path;
    if let Some(found) = outcome(read_h5(path, group, &())) {
        check_tenx(&found);
    }
    outcome(outline_h5(path, group, &()));
});
