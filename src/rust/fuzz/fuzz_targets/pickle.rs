//! The bytes of a pickle.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neuralee_fuzz::{check_column, outcome};
use neuralee_io::pickle::{read_bytes, Content, Frame, RowNames};

fn check(content: &Content) {
    match content {
        Content::Nothing => {}
        Content::Values(column) => check_column(column, column.len()),
        Content::Matrix { rows, columns } => columns.iter().for_each(|c| check_column(c, *rows)),
        Content::Table(frame) => check_frame(frame),
        Content::List(items) => items.iter().for_each(check),
        Content::Dict(entries) => entries.iter().for_each(|(name, item)| {
            check_text(name);
            check(item);
        }),
    }
}

fn check_frame(frame: &Frame) {
    if let RowNames::Labels(labels) = &frame.names {
        check_column(labels, frame.rows);
    }
    if let Some(title) = &frame.title {
        check_text(title);
    }
    for (name, column) in &frame.columns {
        check_text(name);
        check_column(column, frame.rows);
    }
}

fn check_text(text: &str) {
    assert!(!text.contains('\0'), "a NUL in a text");
}

fuzz_target!(|data: &[u8]| {
    if let Some(found) = outcome(read_bytes(data)) {
        check(&found.content);
        found.notes.iter().for_each(|note| check_text(note));
    }
});
