//! A table of counts: two bytes for layout and compression, then its text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neuralee_fuzz::{check_counts, check_names, container, file, outcome};
use neuralee_io::csv::{read, Layout};

fuzz_target!(|data: &[u8]| {
    let [how, flags, text @ ..] = data else {
        return;
    };
    let separators = [None, Some(b','), Some(b';'), Some(b'\t')];
    let layout = Layout {
        genes_in_rows: flags & 1 != 0,
        header: flags & 2 != 0,
        row_names: flags & 4 != 0,
        separator: separators[usize::from(flags >> 3) % 4],
        above: usize::from(flags >> 5) % 2,
        text_columns: usize::from(flags >> 6),
    };
    let path = file("table.csv", &container::compressed(*how, text));
    if let Some(table) = outcome(read(&path, &layout, &())) {
        check_counts(&table.counts);
        assert_eq!(table.genes.len(), table.counts.genes);
        assert_eq!(table.cells.len(), table.counts.cells);
        check_names(&table.genes);
        check_names(&table.cells);
        assert_eq!(table.above.len(), layout.above);
        assert_eq!(table.text_columns.len(), layout.text_columns);
    }
});
