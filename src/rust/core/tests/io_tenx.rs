//! 10x Genomics folders, well-formed and hostile.

use flate2::{write::GzEncoder, Compression};
use neuralee_core::io::tenx::{self, TenX};
use neuralee_core::io::Values;
use neuralee_core::{Error, Result};
use proptest::prelude::*;
use std::io::Write;
use std::path::Path;

const MATRIX: &str =
    "%%MatrixMarket matrix coordinate integer general\n%metadata\n3 2 3\n2 1 4\n3 2 6\n1 2 5\n";
const GENES: &str = "ENSG1\tA\nENSG2\tB\nENSG3\tC\n";
const FEATURES: &str =
    "ENSG1\tA\tGene Expression\nENSG2\tB\tGene Expression\nENSG3\tC\tAntibody Capture\n";
const BARCODES: &str = "AAA-1\nCCC-1\n";

fn put(folder: &Path, name: &str, text: &str) {
    std::fs::create_dir_all(folder).expect("folder");
    let bytes = if name.ends_with(".gz") {
        gzip(text.as_bytes())
    } else {
        text.into()
    };
    std::fs::write(folder.join(name), bytes).expect("written");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .expect("gzip")
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("folder");
    for (name, text) in files {
        put(folder.path(), name, text);
    }
    folder
}

fn read(folder: &Path) -> Result<TenX> {
    tenx::read(folder, &())
}

/// Reads `matrix` beside genes and barcodes that fit 3 x 2.
fn read_matrix(matrix: &str) -> Result<TenX> {
    let files = [
        ("matrix.mtx", matrix),
        ("genes.tsv", GENES),
        ("barcodes.tsv", BARCODES),
    ];
    read(folder(&files).path())
}

fn assert_refused(result: Result<TenX>, words: &str) {
    match result {
        Err(Error::FileFormat(report)) => {
            assert!(
                report.message.contains(words),
                "'{words}' is not in: {}",
                report.message
            );
            assert!(!report.remedy.is_empty());
        }
        other => panic!("not refused as a file format: {other:?}"),
    }
}

#[test]
fn both_versions_read_the_same_counts() {
    let v2 = folder(&[
        ("matrix.mtx", MATRIX),
        ("genes.tsv", GENES),
        ("barcodes.tsv", BARCODES),
    ]);
    let v3 = folder(&[
        ("matrix.mtx.gz", MATRIX),
        ("features.tsv.gz", FEATURES),
        ("barcodes.tsv.gz", BARCODES),
    ]);
    let (v2, v3) = (read(v2.path()).expect("v2"), read(v3.path()).expect("v3"));
    assert_eq!(v2.counts, v3.counts);
    let Values::Sparse(sparse) = &v2.counts.values else {
        panic!("not sparse")
    };
    assert_eq!(
        (&sparse.indptr[..], &sparse.indices[..]),
        (&[0, 1, 3][..], &[1, 0, 2][..])
    );
    assert_eq!(sparse.values, [4.0, 5.0, 6.0]);
    assert!(v2.counts.whole);
    assert_eq!(v2.barcodes, ["AAA-1", "CCC-1"]);
    assert_eq!(
        (v2.ids[2].as_str(), v2.symbols[2].as_str(), v2.types),
        ("ENSG3", "C", None)
    );
    assert_eq!(
        v3.types.map(|t| t[2].clone()).as_deref(),
        Some("Antibody Capture")
    );
}

#[test]
fn the_matrix_may_lie_one_folder_deeper() {
    let outer = tempfile::tempdir().expect("folder");
    let fill = |name: &str| {
        let inner = outer.path().join(name);
        put(&inner, "matrix.mtx", MATRIX);
        put(&inner, "genes.tsv", GENES);
    };
    fill("hg19");
    let data = read(outer.path()).expect("readable");
    assert_eq!(data.barcodes, ["1", "2"]);
    fill("mm10");
    assert_refused(read(outer.path()), "hg19, mm10");
    fill("filtered_feature_bc_matrix");
    assert!(read(outer.path()).is_ok());
}

#[test]
fn real_and_pattern_fields_are_read() {
    let values = |data: &TenX| match &data.counts.values {
        Values::Sparse(sparse) => sparse.values.clone(),
        Values::Dense(_) => panic!("not sparse"),
    };
    let start = "%%MatrixMarket matrix coordinate";
    let real = read_matrix(&format!("{start} real general\n3 2 1\n3 2 -1.5e-3\n")).expect("real");
    assert_eq!((values(&real), real.counts.whole), (vec![-1.5e-3], false));
    let pattern = read_matrix(&format!("{start} pattern general\n3 2 1\n3 2\n")).expect("pattern");
    assert_eq!(values(&pattern), [1.0]);
}

#[test]
fn damaged_matrices_are_refused_with_the_line() {
    let start = "%%MatrixMarket matrix coordinate integer general\n";
    let refused =
        |rest: &str, words: &str| assert_refused(read_matrix(&format!("{start}{rest}")), words);
    refused(
        "3 2 2\n1 1 1\n1 1 2\n",
        "Line 4: this row and column already had a value",
    );
    refused(
        "3 2 3\n3 1 1\n1 1 2\n3 1 5\n",
        "Line 5: this row and column already had a value",
    );
    refused("3 2 1\n4 1 1\n", "Line 3: place (4, 1)");
    refused("3 2 1\n0 1 1\n", "Line 3: place (0, 1)");
    refused("3 2 1\n1 1\n", "Line 3: it must hold a row");
    refused("3 2 1\n1 1 1 1\n", "Line 3: it must hold a row");
    refused("3 2 1\n1 1 x\n", "Line 3: it must hold a row");
    refused("3 2 1\n1 1 1\n2 1 1\n", "Line 4: there are more entries");
    refused("3 2 2\n1 1 1000000\n", "after 1 of the 2");
    refused("3 2 900\n1 1 1\n", "more entries than places");
    refused(
        "999999999 2 900000\n1 1 1\n",
        "cannot fit into a file of this size",
    );
    refused(
        "99999999999 2 1\n1 1 1\n",
        "more rows or columns than R can index",
    );
    refused("3 2\n", "three whole numbers");
    refused("4 2 1\n1 1 1\n", "4 rows, but there are 3 features");
    refused("3 5 1\n1 1 1\n", "5 columns, but there are 2 barcodes");
    refused("", "sizes are missing");
    let whole = |text: &str, words: &str| assert_refused(read_matrix(text), words);
    whole(
        "%%MatrixMarket matrix coordinate integer symmetric\n",
        "symmetric",
    );
    whole(
        "%%MatrixMarket matrix coordinate complex general\n",
        "complex",
    );
    whole(
        "%%MatrixMarket matrix array real general\n",
        "does not begin with",
    );
    whole("1 1 1\n", "does not begin with");
    whole("", "empty");
}

#[test]
fn a_value_that_is_not_finite_names_cell_and_gene() {
    match read_matrix("%%MatrixMarket matrix coordinate real general\n3 2 1\n3 2 inf\n") {
        Err(Error::NotFinite(report)) => {
            let place = "cell 2 ('CCC-1'), gene 3 ('ENSG3')";
            assert!(report.message.contains(place), "{}", report.message);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn without_barcodes_the_number_of_cells_must_be_credible() {
    let claims = "%%MatrixMarket matrix coordinate integer general\n3 2000000000 1\n1 1 1\n";
    let folder = folder(&[("matrix.mtx", claims), ("genes.tsv", GENES)]);
    assert_refused(read(folder.path()), "2000000000 columns");
}

#[test]
fn missing_files_are_named() {
    assert_refused(read(Path::new("/nowhere/at/all")), "no such folder");
    assert_refused(read(folder(&[]).path()), "no matrix.mtx[.gz]");
    let lonely = folder(&[("matrix.mtx", MATRIX)]);
    assert_refused(
        read(lonely.path()),
        "no features.tsv[.gz] or genes.tsv[.gz]",
    );
    assert_refused(read(&lonely.path().join("matrix.mtx")), "not a folder");
}

#[test]
fn gzip_that_is_cut_or_expands_without_end_is_refused() {
    let cut = folder(&[("matrix.mtx.gz", MATRIX), ("genes.tsv", GENES)]);
    let path = cut.path().join("matrix.mtx.gz");
    let bytes = std::fs::read(&path).expect("bytes");
    for tenth in 0..10 {
        std::fs::write(&path, &bytes[..bytes.len() * tenth / 10]).expect("written");
        assert!(
            matches!(read(cut.path()), Err(Error::FileFormat(_))),
            "cut at {tenth}/10"
        );
    }
    let bomb = folder(&[("matrix.mtx", MATRIX), ("barcodes.tsv", BARCODES)]);
    let expands = gzip(&vec![b'A'; 1 << 24]);
    std::fs::write(bomb.path().join("genes.tsv.gz"), expands).expect("written");
    assert_refused(read(bomb.path()), "longer than");
}

#[test]
fn ragged_features_are_refused() {
    let ragged = "ENSG1\tA\nENSG2\nENSG3\tC\n";
    let folder = folder(&[("matrix.mtx", MATRIX), ("genes.tsv", ragged)]);
    assert_refused(read(folder.path()), "Line 2: it has not as many columns");
}

proptest! {
    #[test]
    fn what_is_written_in_any_order_is_read_back(
        places in proptest::collection::btree_map((0usize..7, 0usize..5), 1u32..1000, 0..35),
        seed in any::<u64>(),
        gzipped in any::<bool>(),
    ) {
        let mut lines: Vec<_> = places.iter().collect();
        lines.sort_by_key(|((r, c), _)| (*r as u64 * 5 + *c as u64 + 1).wrapping_mul(seed | 1));
        let n = lines.len();
        let mut matrix = format!("%%MatrixMarket matrix coordinate integer general\n7 5 {n}\n");
        for ((row, column), value) in lines {
            matrix += &format!("{} {} {value}\n", row + 1, column + 1);
        }
        let genes: String = (0..7).map(|i| format!("g{i}\n")).collect();
        let name = if gzipped { "matrix.mtx.gz" } else { "matrix.mtx" };
        let data = read(folder(&[(name, &matrix), ("features.tsv", &genes)]).path());
        let Values::Sparse(sparse) = data.expect("readable").counts.values else {
            panic!("not sparse")
        };
        let mut found = std::collections::BTreeMap::new();
        for c in 0..5 {
            let column = sparse.indptr[c] as usize..sparse.indptr[c + 1] as usize;
            prop_assert!(sparse.indices[column.clone()].windows(2).all(|w| w[0] < w[1]));
            for i in column {
                found.insert((sparse.indices[i] as usize, c), sparse.values[i] as u32);
            }
        }
        prop_assert_eq!(found, places);
    }
}
