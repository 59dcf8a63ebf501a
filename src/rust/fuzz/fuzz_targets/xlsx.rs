//! A workbook: one byte for layout and compression, then its parts with a line `---` between them,
//! or the bytes of the archive.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neuralee_fuzz::{check_counts, check_names, container, file, outcome};
use neuralee_io::xlsx::{read, Layout};

const PARTS: [&str; 4] = [
    "xl/worksheets/sheet1.xml",
    "xl/sharedStrings.xml",
    "xl/_rels/workbook.xml.rels",
    "xl/workbook.xml",
];

fuzz_target!(|data: &[u8]| {
    let Some((flags, input)) = data.split_first() else {
        return;
    };
    let layout = Layout {
        sheet: "S".into(),
        header: flags & 1 != 0,
        row_names: flags & 2 != 0,
    };
    let path = if flags & 8 != 0 {
        file("book.xlsx", input)
    } else {
        let (mut parts, mut rest) = (Vec::new(), Some(input));
        for name in PARTS {
            let Some(left) = rest else { break };
            let (part, after) = container::split(left);
            parts.push((name, part));
            rest = after;
        }
        file("book.xlsx", &container::zip(&parts, flags & 4 != 0))
    };
    if let Some(sheet) = outcome(read(&path, &layout, &())) {
        let counts = &sheet.counts;
        check_counts(counts);
        check_names(&sheet.row_names);
        check_names(&sheet.column_names);
        let named = if layout.row_names { counts.genes } else { 0 };
        assert_eq!(sheet.row_names.len(), named);
        let named = if layout.header { counts.cells } else { 0 };
        assert_eq!(sheet.column_names.len(), named);
    }
});
