//! Files that are whole or not there.

use std::fs::File;
use std::path::Path;

use crate::{Error, Result};

/// Lets `write` fill a file beside `path`, which then replaces it in one move. `name`:
/// what people call what is written.
pub fn replace(
    path: &Path,
    name: &str,
    write: impl FnOnce(&File) -> std::io::Result<()>,
) -> Result<()> {
    // A pipe or a device must not be replaced.
    if path.exists() && !path.is_file() {
        return Err(Error::input(
            format!("\"{}\" exists and is no regular file.", path.display()),
            "Give another path.",
        ));
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".partial");
    let beside = Path::new(&beside);
    let written = File::create(beside)
        .and_then(|file| write(&file).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(beside, path));
    written.map_err(|e| {
        // What is left of a failed attempt is of no use; that it stays is no second error.
        let _ = std::fs::remove_file(beside);
        Error::input(
            format!(
                "The {name} could not be written to \"{}\": {e}.",
                path.display()
            ),
            "Check that the folder exists, is writable and has room.",
        )
    })
}
