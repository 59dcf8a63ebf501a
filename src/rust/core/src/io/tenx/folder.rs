//! Where the files of a folder are.

use super::{choose, no_matrix, Part, Parts};
use crate::Result;
use std::path::Path;

fn find(folder: &Path, name: &str) -> Option<Part> {
    Some(folder.join(name))
        .filter(|path| path.exists())
        .map(Part::File)
}

/// The files of the folder itself, or of the folder in it that is to be taken.
pub(super) fn locate(folder: &Path) -> Result<Parts> {
    if !folder.exists() {
        return Err(no_matrix(folder, "there is no such folder"));
    }
    if !folder.is_dir() {
        return Err(no_matrix(folder, "this is not a folder"));
    }
    let holds_matrix = |folder: &Path| {
        ["matrix.mtx", "matrix.mtx.gz"]
            .iter()
            .any(|name| find(folder, name).is_some())
    };
    if holds_matrix(folder) {
        return Parts::of(folder, |name| find(folder, name));
    }
    let entries = folder
        .read_dir()
        .map_err(|e| no_matrix(folder, format!("it could not be listed: {e}")))?;
    let mut inside: Vec<_> = entries.flatten().map(|e| e.path()).collect();
    inside.retain(|path| path.is_dir() && holds_matrix(path));
    inside.sort();
    let names: Vec<String> = inside
        .iter()
        .filter_map(|path| path.file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    let chosen = choose(folder, &names)?;
    let at = names.iter().position(|name| name == chosen).unwrap_or(0);
    let chosen = &inside[at];
    Parts::of(chosen, |name| find(chosen, name))
}
