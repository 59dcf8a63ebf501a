//! A file of labels: compression, number of cells, whether labels may miss, then its text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neuralee_fuzz::{container, file, outcome};
use neuralee_io::csv::read_labels;

fuzz_target!(|data: &[u8]| {
    let [how, cells, may_miss, text @ ..] = data else {
        return;
    };
    let (cells, may_miss) = (usize::from(cells % 16), may_miss & 1 != 0);
    let path = file("labels.txt", &container::compressed(*how, text));
    if let Some(found) = outcome(read_labels(&path, cells, may_miss, &())) {
        assert_eq!(found.labels.len(), cells);
        assert!(may_miss || found.labels.iter().all(Option::is_some));
        assert!(!found.labels.iter().flatten().any(|l| l.contains('\0')));
    }
});
