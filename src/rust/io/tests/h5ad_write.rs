//! AnnData files that are written, read back by the reader; and what may go wrong.
#![cfg(feature = "hdf5")]

#[path = "common/refusal.rs"]
mod refusal;

use hdf5_metno::File;
use ndarray::{arr2, Array2, ArrayView2};
use neuralee_core::Result;
use neuralee_io::h5ad::{self, AnnData, Block, Contents, Draft, Options};
use neuralee_io::{Column, SparseColumns, Table, Values};
use proptest::prelude::*;
use refusal::{assert_input, assert_refused};
use std::path::{Path, PathBuf};

struct Place {
    folder: tempfile::TempDir,
    path: PathBuf,
}

fn place() -> Place {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("cells.h5ad");
    Place { folder, path }
}

impl Place {
    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).expect("folder");
        let name = |e: std::io::Result<std::fs::DirEntry>| {
            e.expect("entry").file_name().to_string_lossy().into_owned()
        };
        entries.map(name).collect()
    }
}

fn table(names: &[&str], columns: Vec<(String, Column)>) -> Table {
    Table {
        names: names.iter().map(|&n| n.to_owned()).collect(),
        columns,
    }
}

const CELLS: [&str; 4] = ["c0", "c1", "c1", "ü"];

fn contents<'a>(cells: &'a Table, genes: &'a Table) -> Contents<'a> {
    Contents {
        cells,
        genes,
        reductions: &[],
        unstructured: &[],
    }
}

/// 4 cells by 3 genes: 0 2 0; 1 0 0; 0 0 0; 5 0 7.
const INDPTR: [i32; 5] = [0, 1, 2, 2, 4];
const INDICES: [i32; 4] = [1, 0, 0, 2];
const VALUES: [f64; 4] = [2.0, 1.0, 5.0, 7.0];

/// The first cells and the others, each as a block of its own.
fn append_in_two(draft: &Draft, path: &str, at: usize) -> Result<()> {
    let first = INDPTR[at] as usize;
    let rest: Vec<i32> = INDPTR[at..].iter().map(|&s| s - INDPTR[at]).collect();
    let block = |indptr, from: usize, to: usize| Block::Sparse {
        indptr,
        indices: &INDICES[from..to],
        values: &VALUES[from..to],
    };
    draft.append(path, block(&INDPTR[..=at], 0, first), &())?;
    draft.append(path, block(&rest, first, VALUES.len()), &())
}

fn write(path: &Path, contents: &Contents, gzip: u8, at: usize) -> Result<()> {
    let draft = Draft::new(path, gzip);
    draft.begin(contents, false)?;
    draft.add_matrix("X", true, 3)?;
    append_in_two(&draft, "X", at)?;
    draft.add_matrix("layers/dense", false, 3)?;
    let dense = [0.5, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 5.0, 1.0, 7.0];
    for cells in dense.chunks(6) {
        let block = Block::Dense {
            cells: 2,
            values: cells,
        };
        draft.append("layers/dense", block, &())?;
    }
    draft.finish(false)
}

fn read(path: &Path, layer: &str) -> AnnData {
    let options = Options {
        layer: layer.into(),
        reductions: true,
    };
    h5ad::read(path, &options, &()).expect("readable")
}

#[test]
fn blocks_make_one_matrix_wherever_they_are_cut() {
    let (cells, genes) = (table(&CELLS, vec![]), table(&["g0", "g1", "g2"], vec![]));
    let expected = SparseColumns {
        nrows: 3,
        ncols: 4,
        indptr: INDPTR.to_vec(),
        indices: INDICES.to_vec(),
        values: VALUES.to_vec(),
    };
    for (at, gzip) in [(0, 0), (1, 4), (2, 9), (3, 0), (4, 1)] {
        let place = place();
        write(&place.path, &contents(&cells, &genes), gzip, at).expect("written");
        assert_eq!(place.files(), ["cells.h5ad"]);
        let data = read(&place.path, "X");
        assert_eq!(data.counts.values, Values::Sparse(expected.clone()));
        assert_eq!((&data.cells, &data.genes), (&cells, &genes));
        assert!(data.notes.is_empty());
        let dense = vec![0.5, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 5.0, 1.0, 7.0];
        assert_eq!(
            read(&place.path, "dense").counts.values,
            Values::Dense(dense)
        );

        let file = File::open(&place.path).expect("HDF5");
        let x = file.group("X").expect("X");
        let starts = x.dataset("indptr").expect("indptr");
        assert!(starts.dtype().expect("type").is::<i32>());
        let shape = x.attr("shape").expect("shape").read_raw::<i64>();
        assert_eq!(shape.expect("numbers"), [4, 3]);
        let filters = x.dataset("data").expect("data").filters();
        assert_eq!(filters.is_empty(), gzip == 0);
    }
}

fn column(n: usize) -> impl Strategy<Value = Column> {
    use proptest::collection::vec;
    use proptest::option::of;
    let text = "[a-c é\u{4e2d}]{0,3}";
    prop_oneof![
        vec(
            any::<f64>().prop_filter("equal to itself", |v| !v.is_nan()),
            n
        )
        .prop_map(Column::Number),
        vec(of(i32::MIN + 1..i32::MAX), n).prop_map(Column::Integer),
        vec(of(any::<bool>()), n).prop_map(Column::Logical),
        vec(of(text), n).prop_map(Column::Text),
        vec(text.prop_map(Some), n).prop_map(Column::Text),
        (
            vec(of(0u32..300), n),
            any::<bool>(),
            prop_oneof![Just(0u32), Just(200), Just(40_000)]
        )
            .prop_map(|(codes, ordered, more)| Column::Factor {
                codes: codes.iter().map(|c| c.map(|c| c + more)).collect(),
                levels: (0..300 + more).map(|i| format!("level {i}")).collect(),
                ordered,
            }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn annotations_of_every_type_read_back_as_they_were(
        columns in proptest::collection::vec(column(4), 0..4)
    ) {
        let named = |(i, c)| (format!("column {i}"), c);
        let columns = columns.into_iter().enumerate().map(named).collect();
        let (cells, genes) = (table(&CELLS, columns), table(&["g0", "g1", "g2"], vec![]));
        let place = place();
        write(&place.path, &contents(&cells, &genes), 0, 2).expect("written");
        prop_assert_eq!(read(&place.path, "X").cells, cells);
    }
}

#[test]
fn nothing_at_all_is_a_file_too() {
    let empty = table(&[], vec![("a".into(), Column::Text(vec![]))]);
    for sparse in [true, false] {
        let place = place();
        let draft = Draft::new(&place.path, 4);
        draft
            .begin(&contents(&empty, &empty), false)
            .expect("begun");
        draft.add_matrix("X", sparse, 0).expect("added");
        draft.finish(false).expect("written");
        let data = read(&place.path, "X");
        assert_eq!((data.counts.genes, data.counts.cells), (0, 0));
        assert_eq!(data.cells, empty);
    }
}

#[test]
fn what_cannot_be_written_is_refused_and_leaves_what_was_there() {
    let (cells, genes) = (table(&CELLS, vec![]), table(&["g0", "g1", "g2"], vec![]));
    let place = place();
    std::fs::write(&place.path, "before").expect("written");
    assert_input(
        write(&place.path, &contents(&cells, &genes), 0, 2),
        "overwrite = TRUE",
    );
    let draft = Draft::new(&place.path, 0);
    draft.begin(&contents(&cells, &genes), true).expect("begun");
    assert_input(
        draft.add_matrix("layers/a/b", true, 3),
        "\"a/b\" cannot be the name of a layer",
    );
    draft.discard();
    assert_eq!(place.files(), ["cells.h5ad"]);
    assert_eq!(std::fs::read(&place.path).expect("there"), b"before");

    let elsewhere = Draft::new(&place.folder.path().join("none/cells.h5ad"), 0);
    assert_input(
        elsewhere.begin(&contents(&cells, &genes), true),
        "Check that the folder exists",
    );
    let folder = Draft::new(place.folder.path(), 0);
    assert_input(
        folder.begin(&contents(&cells, &genes), true),
        "no regular file",
    );
    for (name, words) in [
        ("", "\"\" cannot"),
        ("a/b", "\"a/b\" cannot"),
        (".", "\".\" cannot"),
        ("_index", "keeps it"),
    ] {
        let named = table(&CELLS, vec![(name.into(), Column::Number(vec![0.0; 4]))]);
        assert_input(draft.begin(&contents(&named, &genes), true), words);
    }
    let twice = vec![("a".into(), Column::Number(vec![0.0; 4])); 2];
    assert_input(
        draft.begin(&contents(&table(&CELLS, twice), &genes), true),
        "several column of the cells",
    );
}

/// A file of cells a, b and c.
fn three_cells(path: &Path) {
    let names = table(&["a", "b", "c"], vec![]);
    let genes = table(&[], vec![]);
    let draft = Draft::new(path, 0);
    draft
        .begin(&contents(&names, &genes), false)
        .expect("begun");
    draft.add_matrix("X", true, 0).expect("added");
    let block = Block::Sparse {
        indptr: &[0; 4],
        indices: &[],
        values: &[],
    };
    draft.append("X", block, &()).expect("appended");
    draft.finish(false).expect("written");
}

fn embedding() -> Array2<f64> {
    arr2(&[[1.0, -1.0], [2.0, -2.0], [3.0, -3.0]])
}

fn add(
    path: &Path,
    values: ArrayView2<f64>,
    cells: Option<&[&str]>,
    overwrite: bool,
) -> Result<()> {
    let cells: Option<Vec<String>> = cells.map(|c| c.iter().map(|&c| c.to_owned()).collect());
    h5ad::add_embedding(path, "X_ee", values, cells.as_deref(), overwrite)
}

#[test]
fn an_embedding_is_added_in_the_order_of_the_file() {
    let place = place();
    three_cells(&place.path);
    let before = read(&place.path, "X");
    add(
        &place.path,
        embedding().view(),
        Some(&["c", "a", "b"]),
        false,
    )
    .expect("added");
    let after = read(&place.path, "X");
    let ordered = arr2(&[[2.0, -2.0], [3.0, -3.0], [1.0, -1.0]]);
    assert_eq!(after.reductions, [("X_ee".to_owned(), ordered)]);
    assert_eq!((before.counts, before.cells), (after.counts, after.cells));
    assert_eq!(place.files(), ["cells.h5ad"]);

    for cells in [None, Some(&["a", "b", "c"][..])] {
        let file = File::open_rw(&place.path).expect("HDF5");
        file.unlink("obsm").expect("unlinked");
        file.close().expect("closed");
        // A matrix as R has it, column by column.
        let transposed = embedding()
            .reversed_axes()
            .as_standard_layout()
            .into_owned();
        add(&place.path, transposed.t(), cells, false).expect("added");
        assert_eq!(read(&place.path, "X").reductions[0].1, embedding());
    }
}

#[test]
fn an_embedding_that_does_not_fit_leaves_the_file_as_it_was() {
    let place = place();
    three_cells(&place.path);
    add(&place.path, embedding().view(), None, false).expect("added");
    let before = std::fs::read(&place.path).expect("there");
    let refused = |values: ArrayView2<f64>, cells: Option<&[&str]>, words: &str| {
        assert_input(add(&place.path, values, cells, true), words);
        assert_eq!(place.files(), ["cells.h5ad"]);
        assert!(std::fs::read(&place.path).expect("there") == before);
    };
    let whole = embedding();
    refused(
        whole.slice(ndarray::s![..2, ..]),
        None,
        "has 2 cells and the file 3",
    );
    refused(whole.view(), Some(&["a", "b", "d"]), "no cell 'c'");
    refused(
        whole.view(),
        Some(&["a", "b", "b"]),
        "Several cells are called 'b'",
    );
    assert_input(
        add(&place.path, whole.view(), None, false),
        "an obsm/X_ee in the file",
    );
    assert_input(
        h5ad::add_embedding(&place.path, "a/b", whole.view(), None, true),
        "cannot be the name",
    );
    assert!(std::fs::read(&place.path).expect("there") == before);

    let zero = Array2::zeros((3, 2));
    add(&place.path, zero.view(), None, true).expect("replaced");
    assert_eq!(read(&place.path, "X").reductions[0].1, zero);
}

#[test]
fn an_embedding_goes_into_no_other_file_than_the_one_named() {
    let place = place();
    three_cells(&place.path);
    let other = place.folder.path().join("other.h5ad");
    std::fs::copy(&place.path, &other).expect("copied");
    let file = File::open_rw(&place.path).expect("HDF5");
    file.unlink("obsm").expect("unlinked");
    file.link_external("other.h5ad", "/obsm", "obsm")
        .expect("linked");
    file.close().expect("closed");
    assert_refused(
        add(&place.path, embedding().view(), None, true),
        "link to another file",
    );
    assert!(read(&other, "X").reductions.is_empty());

    assert_refused(
        add(
            &place.folder.path().join("none"),
            embedding().view(),
            None,
            true,
        ),
        "no such file",
    );
    std::fs::write(&other, "text").expect("written");
    assert_refused(
        add(&other, embedding().view(), None, true),
        "not an HDF5 file",
    );
}

#[cfg(unix)]
#[test]
fn a_link_to_a_file_stays_one() {
    let place = place();
    three_cells(&place.path);
    let link = place.folder.path().join("link.h5ad");
    std::os::unix::fs::symlink(&place.path, &link).expect("linked");
    add(&link, embedding().view(), None, false).expect("added");
    assert!(link.symlink_metadata().expect("there").is_symlink());
    assert_eq!(read(&place.path, "X").reductions.len(), 1);
}
