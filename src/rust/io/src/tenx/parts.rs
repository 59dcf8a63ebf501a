//! Which files make up a matrix, in a folder or in an archive of one.

use super::archive;
use crate::limits::with_path;
use crate::matrix_market::Lines;
use neuralee_core::monitor::Monitor;
use neuralee_core::{Error, Result};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// One file of a folder or of an archive.
pub(super) enum Part {
    File(PathBuf),
    Member { archive: PathBuf, name: String },
}

impl Part {
    /// As errors name it.
    pub(super) fn path(&self) -> PathBuf {
        match self {
            Part::File(path) => path.clone(),
            Part::Member { archive, name } => archive.join(name),
        }
    }

    fn lines(&self, monitor: &dyn Monitor) -> Result<Lines> {
        match self {
            Part::File(path) => Lines::open(path),
            Part::Member { archive, name } => archive::lines(archive, name, monitor),
        }
    }

    /// Does something with the lines; errors name the part.
    pub(super) fn read<T>(
        &self,
        monitor: &dyn Monitor,
        take: impl FnOnce(&mut Lines) -> Result<T>,
    ) -> Result<T> {
        let taken = self.lines(monitor).and_then(|mut lines| take(&mut lines));
        taken.map_err(|e| with_path(&self.path(), e))
    }
}

/// The files that make up a matrix.
pub(super) struct Parts {
    pub(super) matrix: Part,
    pub(super) features: Part,
    pub(super) barcodes: Option<Part>,
}

impl Parts {
    /// Those of a folder, of the one folder in it that holds a matrix, or of an archive.
    pub(super) fn find(path: &Path, monitor: &dyn Monitor) -> Result<Self> {
        if path.is_file() {
            Self::from_archive(path, monitor)
        } else {
            Self::from_folder(path)
        }
    }

    /// Those of the folder itself, or of the folder in it that is to be taken.
    fn from_folder(folder: &Path) -> Result<Self> {
        if !folder.exists() {
            return Err(no_matrix(folder, "there is no such folder"));
        }
        if !folder.is_dir() {
            return Err(no_matrix(folder, "this is not a folder"));
        }
        let holds_matrix = |folder: &Path| {
            ["matrix.mtx", "matrix.mtx.gz"]
                .iter()
                .any(|name| file_in(folder, name).is_some())
        };
        if holds_matrix(folder) {
            return Self::gather(folder, |name| file_in(folder, name));
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
        Self::gather(chosen, |name| file_in(chosen, name))
    }

    /// Those of the folder in the archive that is to be taken.
    fn from_archive(path: &Path, monitor: &dyn Monitor) -> Result<Self> {
        let names = archive::names(path, monitor).map_err(|e| with_path(path, e))?;
        let folder_of = |name: &String| {
            let folder = name.strip_suffix("matrix.mtx.gz");
            let folder = folder.or_else(|| name.strip_suffix("matrix.mtx"))?;
            let bare = folder
                .strip_suffix('/')
                .or(Some(folder).filter(|f| f.is_empty()));
            bare.map(str::to_owned)
        };
        let folders: BTreeSet<String> = names.iter().filter_map(folder_of).collect();
        let folders: Vec<String> = folders.into_iter().collect();
        // As in a folder, a matrix at the top is taken whatever lies below.
        let start = match folders.first() {
            Some(top) if top.is_empty() => String::new(),
            _ => format!("{}/", choose(path, &folders)?),
        };
        Self::gather(&path.join(&start), |name| {
            let name = format!("{start}{name}");
            names.contains(&name).then(|| Part::Member {
                archive: path.to_owned(),
                name,
            })
        })
    }

    /// Those that `find` finds by `name` or `name.gz`; `searched` is the folder.
    fn gather(searched: &Path, find: impl Fn(&str) -> Option<Part>) -> Result<Self> {
        let either = |name: &str| find(name).or_else(|| find(&format!("{name}.gz")));
        let required = |names: &[&str]| {
            names.iter().find_map(|name| either(name)).ok_or_else(|| {
                let wanted: Vec<_> = names.iter().map(|n| format!("{n}[.gz]")).collect();
                no_matrix(searched, format!("there is no {}", wanted.join(" or ")))
            })
        };
        Ok(Parts {
            matrix: required(&["matrix.mtx"])?,
            features: required(&["features.tsv", "genes.tsv"])?,
            barcodes: either("barcodes.tsv"),
        })
    }
}

fn file_in(folder: &Path, name: &str) -> Option<Part> {
    Some(folder.join(name))
        .filter(|path| path.exists())
        .map(Part::File)
}

fn no_matrix(searched: &Path, problem: impl std::fmt::Display) -> Error {
    Error::file_format(
        format!("{}: {problem}.", searched.display()),
        "Name the folder that holds matrix.mtx, features.tsv (or genes.tsv) and barcodes.tsv, or a \
         .tar.gz of it.",
    )
}

/// The only one of several folders that hold a matrix, else the only one within a folder
/// that is named "filtered…".
fn choose<'a>(searched: &Path, folders: &'a [String]) -> Result<&'a str> {
    let is_filtered = |folder: &&String| folder.split('/').any(|f| f.starts_with("filtered"));
    let filtered: Vec<_> = folders.iter().filter(is_filtered).collect();
    match (folders, &filtered[..]) {
        ([only], _) => Ok(only),
        (_, [only]) => Ok(only),
        ([], _) => Err(no_matrix(searched, "there is no matrix.mtx[.gz] in it")),
        _ => {
            let names = folders.join(", ");
            Err(no_matrix(
                searched,
                format!("several folders in it hold a matrix: {names}"),
            ))
        }
    }
}
