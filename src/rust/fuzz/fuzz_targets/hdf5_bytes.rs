//! Raw bytes as each of the HDF5 formats. Most of what this meets is HDF5's own parser.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neuralee_fuzz::{file, outcome};
use neuralee_io::{h5ad, loom, tenx};

fuzz_target!(|data: &[u8]| {
    let path = file("mutated.h5", data);
    outcome(h5ad::read(&path, &h5ad::Options::default(), &()));
    outcome(loom::read(&path, &loom::Options::default(), &()));
    outcome(tenx::read_h5(&path, None, &()));
});
