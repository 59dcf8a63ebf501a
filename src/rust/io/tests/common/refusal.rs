//! What a refused file or argument must say.

use std::fmt::Debug;

use neuralee_core::error::Report;
use neuralee_core::{Error, Result};

/// The report of an error of the format of a file, which says what to do.
pub fn of_file<T: Debug>(result: Result<T>) -> Report {
    match result {
        Err(Error::FileFormat(report)) => {
            assert!(!report.remedy.is_empty());
            report
        }
        other => panic!("not refused as a file format: {other:?}"),
    }
}

/// The same, with these words in message or remedy.
#[allow(dead_code)] // not every test crate looks at remedies
pub fn assert_refused<T: Debug>(result: Result<T>, words: &str) {
    let said = of_file(result).to_string();
    assert!(said.contains(words), "'{words}' is not in: {said}");
}

/// An error of an argument, with these words in message or remedy.
#[allow(dead_code)] // not every test crate has arguments to refuse
pub fn assert_input<T: Debug>(result: Result<T>, words: &str) {
    match result {
        Err(Error::Input(report)) => {
            let said = report.to_string();
            assert!(said.contains(words), "'{words}' is not in: {said}");
        }
        other => panic!("not refused as an input: {other:?}"),
    }
}
