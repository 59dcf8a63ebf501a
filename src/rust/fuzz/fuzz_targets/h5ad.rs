//! Files of anndata that the bytes describe.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neuralee_fuzz::{check_counts, check_table, hdf5::Draw, outcome};
use neuralee_io::h5ad::{outline, read, Options};

fuzz_target!(|data: &[u8]| {
    let mut draw = Draw::new(data);
    let layer = ["X", "X", "X", "raw", "l0", "none"][draw.below(6)];
    let drawn = draw.h5ad();
    let path = &drawn.path;
    let options = Options {
        layer: layer.into(),
        reductions: true,
    };
    let found = outcome(read(path, &options, &()));
    if let Some(found) = &found {
        check_counts(&found.counts);
        check_table(&found.cells, found.counts.cells);
        check_table(&found.genes, found.counts.genes);
        for (_, matrix) in &found.reductions {
            assert_eq!(matrix.nrows(), found.counts.cells);
        }
    }
    // What can be read can be left in the file.
    let left = outcome(outline(path, &options, &()));
    if let (Some(found), Some(left)) = (found, left) {
        assert_eq!(
            (found.cells.names, found.notes),
            (left.cells.names, left.notes)
        );
    }
});
