//! What the fuzz targets share: a folder for files, and what every outcome must satisfy.

pub mod container;
pub mod hdf5;
pub mod problem;
pub mod sealed;

use neuralee_core::{Error, Result};
use neuralee_io::tenx::TenX;
use neuralee_io::{Column, Counts, SparseColumns, Table, Values};
use std::path::PathBuf;
use std::sync::OnceLock;

/// A folder of this process, in memory where there is such a file system.
pub fn scratch() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let memory = PathBuf::from("/dev/shm");
        let base = if memory.is_dir() {
            memory
        } else {
            std::env::temp_dir()
        };
        let folder = base.join(format!("neuralee-fuzz-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for the files");
        folder
    })
}

/// A file of this process with these bytes.
pub fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = scratch().join(name);
    std::fs::write(&path, bytes).expect("a file");
    path
}

/// What a reader returned; an error must be of a class that a file can cause.
pub fn outcome<T>(result: Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(
            e @ (Error::FileFormat(_)
            | Error::Input(_)
            | Error::NotFinite(_)
            | Error::Memory(_)
            | Error::ModelVersion(_)),
        ) => {
            let report = e.report();
            assert!(!report.message.is_empty(), "an error without a message");
            None
        }
        Err(e) => panic!("a file cannot cause this: {e:?}"),
    }
}

/// A matrix is what R takes for one.
pub fn check_counts(counts: &Counts) {
    let stored = match &counts.values {
        Values::Dense(values) => {
            assert_eq!(values.len(), counts.genes * counts.cells);
            values
        }
        Values::Sparse(sparse) => {
            assert_eq!((sparse.nrows, sparse.ncols), (counts.genes, counts.cells));
            check_columns(sparse);
            &sparse.values
        }
    };
    assert!(stored.iter().all(|v| v.is_finite()));
    let whole = stored.iter().all(|&v| v >= 0.0 && v.fract() == 0.0);
    assert_eq!(whole, counts.whole);
}

fn check_columns(sparse: &SparseColumns) {
    assert_eq!(sparse.indptr.len(), sparse.ncols + 1);
    assert_eq!(sparse.indptr[0], 0);
    assert_eq!(sparse.indptr[sparse.ncols] as usize, sparse.values.len());
    assert_eq!(sparse.indices.len(), sparse.values.len());
    for ends in sparse.indptr.windows(2) {
        let rows = &sparse.indices[ends[0] as usize..ends[1] as usize];
        assert!(rows.windows(2).all(|w| w[0] < w[1]), "rows do not ascend");
        assert!(rows.iter().all(|&r| r >= 0 && (r as usize) < sparse.nrows));
    }
}

/// A column has `n` entries, and text that R can hold.
pub fn check_column(column: &Column, n: usize) {
    assert_eq!(column.len(), n);
    let text = |t: &str| assert!(!t.contains('\0'), "a NUL in a text");
    match column {
        Column::Text(values) => values.iter().flatten().for_each(|t| text(t)),
        Column::Factor { codes, levels, .. } => {
            levels.iter().for_each(|t| text(t));
            let known = |c: &u32| (*c as usize) < levels.len();
            assert!(codes.iter().flatten().all(known));
        }
        _ => {}
    }
}

pub fn check_table(table: &Table, n: usize) {
    assert_eq!(table.names.len(), n);
    check_names(&table.names);
    for (_, column) in &table.columns {
        check_column(column, n);
    }
}

pub fn check_names(names: &[String]) {
    assert!(
        names.iter().all(|name| !name.contains('\0')),
        "a NUL in a name"
    );
}

/// Counts of Cell Ranger with the names that belong to them.
pub fn check_tenx(found: &TenX) {
    check_counts(&found.counts);
    assert_eq!(found.ids.len(), found.counts.genes);
    assert_eq!(found.symbols.len(), found.counts.genes);
    assert_eq!(found.barcodes.len(), found.counts.cells);
    check_names(&found.ids);
    check_names(&found.barcodes);
}
