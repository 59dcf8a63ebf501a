//! Loom files that the bytes describe.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neuralee_fuzz::{check_column, check_counts, check_names, hdf5::Draw, outcome};
use neuralee_io::loom::{outline, read, Options};

fuzz_target!(|data: &[u8]| {
    let mut draw = Draw::new(data);
    let defaults = Options::default();
    let options = Options {
        layer: ["", "", "l0", "none"][draw.below(4)].into(),
        gene_names: [&defaults.gene_names, "c0"][draw.below(16) / 15].into(),
        ..defaults
    };
    let drawn = draw.loom();
    let path = &drawn.path;
    if let Some(found) = outcome(read(path, &options, &())) {
        check_counts(&found.counts);
        for (axis, n) in [
            (&found.genes, found.counts.genes),
            (&found.cells, found.counts.cells),
        ] {
            assert_eq!(axis.n, n);
            if let Some(names) = &axis.names {
                assert_eq!(names.len(), n);
                check_names(names);
            }
            for (_, column) in &axis.columns {
                check_column(column, n);
            }
        }
        for (_, matrix) in &found.reductions {
            assert_eq!(matrix.nrows(), found.counts.cells);
        }
    }
    outcome(outline(path, &options, &()));
});
