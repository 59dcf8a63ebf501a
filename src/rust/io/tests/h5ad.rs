//! AnnData files, well-formed and hostile.
#![cfg(feature = "hdf5")]

#[path = "common/lzf.rs"]
mod lzf;
#[path = "common/refusal.rs"]
mod refusal;

use hdf5_metno::types::{FixedAscii, VarLenAscii, VarLenUnicode};
use hdf5_metno::{Dataset, File, Group, H5Type, Location};
use ndarray::{arr2, Array2};
use neuralee_core::{Error, Result};
use neuralee_io::h5ad::{self, AnnData, Options};
use neuralee_io::{Column, SparseColumns, Stored, Values};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// 4 cells x 3 genes.
fn counts() -> Array2<f64> {
    arr2(&[
        [0.0, 2.0, 0.0],
        [1.0, 0.0, 0.0],
        [0.0, 0.0, 0.0],
        [5.0, 0.0, 7.0],
    ])
}

fn unicode(text: &str) -> VarLenUnicode {
    text.parse().expect("no NUL in test text")
}

fn texts<T: AsRef<str>>(values: &[T]) -> Vec<VarLenUnicode> {
    values.iter().map(|t| unicode(t.as_ref())).collect()
}

fn put<T: H5Type>(group: &Group, name: &str, values: &[T]) -> Dataset {
    group
        .new_dataset_builder()
        .with_data(values)
        .create(name)
        .expect("dataset")
}

fn put_matrix<T: H5Type>(group: &Group, name: &str, values: &Array2<T>) -> Dataset {
    group
        .new_dataset_builder()
        .with_data(values)
        .create(name)
        .expect("dataset")
}

fn group(parent: &Group, name: &str) -> Group {
    parent.create_group(name).expect("group")
}

fn mark(at: &Location, name: &str, value: &str) {
    let attribute = at
        .new_attr::<VarLenUnicode>()
        .create(name)
        .expect("attribute");
    attribute.write_scalar(&unicode(value)).expect("written");
}

fn table<T: AsRef<str>>(file: &Group, name: &str, index: &[T], columns: &[&str]) -> Group {
    let table = group(file, name);
    mark(&table, "_index", "_index");
    put(&table, "_index", &texts(index));
    table
        .new_attr_builder()
        .with_data(&texts(columns))
        .create("column-order")
        .expect("attribute");
    table
}

struct Fixture {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Fixture {
    /// A file with obs and var for `counts()`, and what `fill` adds.
    fn new(fill: impl FnOnce(&File)) -> Self {
        Self::bare(|file| {
            table(file, "obs", &["c0", "c1", "c2", "c3"], &[]);
            table(file, "var", &["g0", "g1", "g2"], &[]);
            fill(file);
        })
    }

    fn bare(fill: impl FnOnce(&File)) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("test.h5ad");
        let file = File::create(&path).expect("file");
        fill(&file);
        file.close().expect("closed");
        Fixture {
            _folder: folder,
            path,
        }
    }

    fn read(&self) -> Result<AnnData> {
        read(&self.path)
    }

    fn layer(&self, layer: &str) -> Result<AnnData> {
        h5ad::read(
            &self.path,
            &Options {
                layer: layer.into(),
                reductions: true,
            },
            &(),
        )
    }
}

fn read(path: &Path) -> Result<AnnData> {
    h5ad::read(path, &Options::default(), &())
}

fn outline(fixture: &Fixture) -> Result<AnnData<Stored>> {
    h5ad::outline(&fixture.path, &Options::default(), &())
}

/// Genes by cells, by columns.
fn dense(data: &AnnData) -> Vec<f64> {
    match &data.counts.values {
        Values::Dense(values) => values.clone(),
        Values::Sparse(s) => {
            let mut out = vec![0.0; s.nrows * s.ncols];
            for c in 0..s.ncols {
                for i in s.indptr[c] as usize..s.indptr[c + 1] as usize {
                    out[c * s.nrows + s.indices[i] as usize] = s.values[i];
                }
            }
            out
        }
    }
}

fn expected() -> Vec<f64> {
    counts().iter().copied().collect()
}

fn sparse_group<D: H5Type, I: H5Type, P: H5Type>(
    file: &Group,
    format: &str,
    (data, indices, indptr): (&[D], &[I], &[P]),
    shape: [i64; 2],
) {
    let x = group(file, "X");
    mark(&x, "encoding-type", format);
    x.new_attr_builder()
        .with_data(&shape)
        .create("shape")
        .expect("shape");
    put(&x, "data", data);
    put(&x, "indices", indices);
    put(&x, "indptr", indptr);
}

fn csr(file: &File) {
    let parts = (
        &[2f32, 1.0, 5.0, 7.0][..],
        &[1i32, 0, 0, 2][..],
        &[0i64, 1, 2, 2, 4][..],
    );
    sparse_group(file, "csr_matrix", parts, [4, 3]);
}

fn assert_refused<T: std::fmt::Debug>(result: Result<T>, words: &str) {
    let message = refusal::of_file(result).message;
    assert!(message.contains(words), "'{words}' is not in: {message}");
}

#[test]
fn csr_becomes_genes_by_cells() {
    let data = Fixture::new(csr).read().expect("readable");
    assert_eq!(
        (data.counts.genes, data.counts.cells, data.counts.whole),
        (3, 4, true)
    );
    let columns = SparseColumns {
        nrows: 3,
        ncols: 4,
        indptr: vec![0, 1, 2, 2, 4],
        indices: vec![1, 0, 0, 2],
        values: vec![2.0, 1.0, 5.0, 7.0],
    };
    assert_eq!(data.counts.values, Values::Sparse(columns));
    assert_eq!(data.cells.names, ["c0", "c1", "c2", "c3"]);
    assert_eq!(data.genes.names, ["g0", "g1", "g2"]);
}

#[test]
fn csc_equals_csr() {
    let by_genes = Fixture::new(|f| {
        let parts = (
            &[1u16, 5, 2, 7][..],
            &[1i64, 3, 0, 3][..],
            &[0u32, 2, 3, 4][..],
        );
        sparse_group(f, "csc_matrix", parts, [4, 3]);
    });
    let by_cells = Fixture::new(csr).read().expect("csr");
    assert_eq!(by_genes.read().expect("csc").counts, by_cells.counts);
}

/// Cells of the long matrix, and values of each.
const LONG: [usize; 2] = [700, 300];

/// The row of each value: every other gene or so, so that rows ascend.
fn long_rows() -> Vec<i32> {
    let row = |i: usize| (2 * (i % LONG[1]) + i / LONG[1] % 2) as i32;
    (0..LONG[0] * LONG[1]).map(row).collect()
}

/// A sparse matrix long enough to be read by several threads, whose values `store` puts.
fn long(rows: &[i32], store: impl Fn(&Group, &[i32])) -> Fixture {
    let [cells, each] = LONG;
    Fixture::bare(|f| {
        let names = |letter, n| {
            (0..n)
                .map(move |i| format!("{letter}{i}"))
                .collect::<Vec<_>>()
        };
        table(f, "obs", &names('c', cells), &[]);
        table(f, "var", &names('g', 2 * each), &[]);
        let x = group(f, "X");
        mark(&x, "encoding-type", "csr_matrix");
        x.new_attr_builder()
            .with_data(&[cells as i64, 2 * each as i64])
            .create("shape")
            .expect("shape");
        let starts: Vec<i64> = (0..=cells).map(|c| (c * each) as i64).collect();
        put(&x, "indptr", &starts);
        store(&x, rows);
    })
}

fn long_values() -> Vec<u8> {
    let n = LONG[0] * LONG[1];
    (0..n).map(|i| (i * i % 97) as u8).collect()
}

#[test]
fn long_matrices_read_the_same_however_they_are_stored() {
    let expected: Vec<f64> = long_values().into_iter().map(f64::from).collect();
    let read = |rows: &[i32], store: &dyn Fn(&Group, &[i32])| {
        let data = long(rows, store).read().expect("readable");
        let Values::Sparse(sparse) = data.counts.values else {
            panic!("not sparse")
        };
        assert!(data.counts.whole);
        assert_eq!(sparse.indptr[LONG[0]] as usize, expected.len());
        assert_eq!(sparse.indices, long_rows());
        assert_eq!(sparse.values, expected);
    };
    type Build = hdf5_metno::DatasetBuilder;
    let layouts: [fn(Build) -> Build; 7] = [
        |b| b,
        |b| b.chunk(1000),
        |b| b.chunk(210_000).deflate(4),
        |b| b.chunk(777).deflate(4),
        |b| b.chunk(4096).shuffle(),
        |b| b.chunk(1 << 16).shuffle().deflate(1),
        |b| b.chunk(5000).deflate(1).fletcher32(),
    ];
    for layout in layouts {
        read(&long_rows(), &|x, rows| {
            let builder = || layout(x.new_dataset_builder());
            let values = long_values();
            let (single, rows) = (values.iter().map(|&v| f32::from(v)), rows);
            let single: Vec<f32> = single.collect();
            builder().with_data(&single).create("data").expect("data");
            builder().with_data(rows).create("indices").expect("rows");
        });
    }
    fn typed<T: H5Type + From<u8>, I: H5Type + TryFrom<i32>>(x: &Group, rows: &[i32])
    where
        I::Error: std::fmt::Debug,
    {
        let values: Vec<T> = long_values().into_iter().map(T::from).collect();
        let rows: Vec<I> = rows
            .iter()
            .map(|&r| I::try_from(r).expect("small"))
            .collect();
        let builder = || x.new_dataset_builder().chunk(3000).shuffle().deflate(1);
        builder().with_data(&values).create("data").expect("data");
        builder().with_data(&rows).create("indices").expect("rows");
    }
    let types: [fn(&Group, &[i32]); 6] = [
        typed::<f64, i64>,
        typed::<i16, u64>,
        typed::<i32, u32>,
        typed::<i64, u16>,
        typed::<u32, i16>,
        typed::<u64, i32>,
    ];
    for store in types {
        read(&long_rows(), &store);
    }
    typed_bytes(&expected);
}

/// Numbers of one byte, and those of another machine, which HDF5 converts.
fn typed_bytes(expected: &[f64]) {
    let fixture = long(&long_rows(), |x, rows| {
        put(x, "data", &long_values());
        put(x, "indices", rows);
    });
    let data = fixture.read().expect("bytes");
    assert!(matches!(&data.counts.values, Values::Sparse(s) if s.values == expected));
}

#[test]
fn what_is_wrong_in_a_long_matrix_is_seen_where_it_is() {
    let gzip = |x: &Group| x.new_dataset_builder().chunk(1000).deflate(1);
    let store = |x: &Group, rows: &[i32], values: &[f32]| {
        gzip(x).with_data(values).create("data").expect("data");
        gzip(x).with_data(rows).create("indices").expect("rows");
    };
    let values: Vec<f32> = long_values().into_iter().map(f32::from).collect();

    let mut rows = long_rows();
    (rows[150_123], rows[200_000]) = (600, -1);
    let outside = long(&rows, |x, rows| store(x, rows, &values));
    assert_refused(
        outside.read(),
        "/X/indices at 150123 is 600, outside of 0 to 599",
    );

    let mut not_finite = values.clone();
    (not_finite[160_001], not_finite[7]) = (f32::INFINITY, 0.5);
    let fixture = long(&long_rows(), |x, rows| store(x, rows, &not_finite));
    match fixture.read() {
        Err(Error::NotFinite(report)) => {
            let place = "cell 534 ('c533'), gene 204 ('g203')";
            assert!(report.message.contains(place), "{}", report.message);
        }
        other => panic!("{other:?}"),
    }
    not_finite[160_001] = 1.0;
    let fixture = long(&long_rows(), |x, rows| store(x, rows, &not_finite));
    assert!(!fixture.read().expect("finite").counts.whole);

    // Within a part, and between two parts that are looked at one by one.
    for at in [100_010, 8192, 16_384] {
        let mut rows = long_rows();
        rows.swap(at - 1, at);
        let mut swapped = values.clone();
        swapped.swap(at - 1, at);
        let fixture = long(&rows, |x, rows| {
            put(x, "data", &swapped);
            put(x, "indices", rows);
        });
        let data = fixture.read().expect("sorted");
        let Values::Sparse(sparse) = data.counts.values else {
            panic!("not sparse")
        };
        assert_eq!(sparse.indices, long_rows(), "at {at}");
        assert!(sparse
            .values
            .iter()
            .zip(&values)
            .all(|(&a, &b)| a == f64::from(b)));
    }
}

#[test]
fn a_damaged_chunk_of_a_long_matrix_is_an_error_and_a_missing_one_holds_zeros() {
    let fixture = long(&long_rows(), |x, rows| {
        let builder = || x.new_dataset_builder().chunk(70_000).deflate(9);
        // Random, so that no chunk is short.
        let noise = (0..210_000u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40);
        let noise: Vec<f32> = noise.map(|v| v as f32).collect();
        builder().with_data(&noise).create("data").expect("data");
        builder().with_data(rows).create("indices").expect("rows");
    });
    let mut bytes = std::fs::read(&fixture.path).expect("bytes");
    let x = File::open(&fixture.path).expect("file");
    let x = x.dataset("X/data").expect("data");
    let chunk = x.chunk_info(1).expect("a chunk");
    let at = (chunk.addr + chunk.size / 2) as usize;
    drop(x);
    bytes[at..at + 64].fill(0x55);
    std::fs::write(&fixture.path, &bytes).expect("written");
    assert_refused(fixture.read(), "HDF5 could not read /X/data");

    let sparse = long(&long_rows(), |x, rows| {
        let data = x
            .new_dataset::<f32>()
            .chunk(70_000)
            .deflate(1)
            .shape(210_000);
        let data = data.create("data").expect("data");
        let ones = vec![1f32; 70_000];
        data.write_slice(&ones, 0..70_000).expect("written");
        data.write_slice(&ones, 140_000..210_000).expect("written");
        put(x, "indices", rows);
    });
    let data = sparse.read().expect("readable");
    let Values::Sparse(sparse) = data.counts.values else {
        panic!("not sparse")
    };
    let expected = |i: usize| f64::from(u8::from(!(70_000..140_000).contains(&i)));
    let mut values = sparse.values.iter().enumerate();
    assert!(values.all(|(i, &v)| v == expected(i)));
}

#[test]
fn rows_are_sorted_and_repeated_places_added_up() {
    let data = Fixture::new(|f| {
        let parts = (
            &[7i8, 2, 3, 1][..],
            &[2i32, 0, 0, 0][..],
            &[0i32, 0, 0, 0, 4][..],
        );
        sparse_group(f, "csr_matrix", parts, [4, 3]);
    });
    let data = data.read().expect("readable");
    let Values::Sparse(sparse) = &data.counts.values else {
        panic!("not sparse")
    };
    assert_eq!(sparse.indices, [0, 2]);
    assert_eq!(sparse.values, [6.0, 7.0]);
    assert_eq!(sparse.indptr, [0, 0, 0, 0, 2]);
}

#[test]
fn an_outline_says_where_the_matrix_lies_and_reads_the_rest() {
    let fixture = Fixture::new(csr);
    let (whole, outlined) = (
        fixture.read().expect("csr"),
        outline(&fixture).expect("csr"),
    );
    assert_eq!(outlined.cells, whole.cells);
    assert_eq!(outlined.genes, whole.genes);
    let stored = |sparse, by_cells, whole| Stored {
        path: "/X".into(),
        sparse,
        by_cells,
        whole,
    };
    assert_eq!(outlined.counts, stored(true, true, true));

    let by_genes = Fixture::new(|f| {
        let parts = (
            &[1f64, 5.5, 2.0, 7.0][..],
            &[1i64, 3, 0, 3][..],
            &[0u32, 2, 3, 4][..],
        );
        sparse_group(f, "csc_matrix", parts, [4, 3]);
    });
    assert_eq!(
        outline(&by_genes).expect("csc").counts,
        stored(true, false, false)
    );
    let dense = Fixture::new(|f| drop(put_matrix(f, "X", &counts())));
    assert_eq!(
        outline(&dense).expect("dense").counts,
        stored(false, true, true)
    );
    // A link is resolved, since others may open what the path names.
    let linked = Fixture::new(|f| {
        put_matrix(f, "here", &counts());
        f.link_soft("/here", "X").expect("link");
    });
    assert_eq!(outline(&linked).expect("link").counts.path, "/here");
}

#[test]
fn an_outline_refuses_a_matrix_that_contradicts_itself() {
    let wrong = Fixture::new(|f| drop(put_matrix(f, "X", &arr2(&[[1.0, 2.0]]))));
    assert_refused(outline(&wrong), "X");
    let parts: [(&[f32], &[i32], &[i64]); 3] = [
        (&[1.0, 2.0], &[0], &[0, 1, 2, 2, 2]),
        (&[1.0, 2.0], &[0, 1], &[0, 1, 2]),
        (&[1.0, 2.0], &[0, 1], &[0, 2, 1, 2, 2]),
    ];
    for parts in parts {
        let fixture = Fixture::new(|f| sparse_group(f, "csr_matrix", parts, [4, 3]));
        assert_refused(outline(&fixture), "X");
    }
    let fixture = Fixture::new(|f| sparse_group(f, "coo", (&[1f32], &[0i32], &[0i32]), [4, 3]));
    assert_refused(outline(&fixture), "coo");
}

#[test]
fn every_width_of_number_reads_the_same() {
    fn reads<T: H5Type>(convert: impl Fn(f64) -> T) {
        let fixture = Fixture::new(|f| drop(put_matrix(f, "X", &counts().mapv(convert))));
        assert_eq!(dense(&fixture.read().expect("readable")), expected());
    }
    reads(|v| v as u8);
    reads(|v| v as i8);
    reads(|v| v as u16);
    reads(|v| v as i16);
    reads(|v| v as u32);
    reads(|v| v as i32);
    reads(|v| v as u64);
    reads(|v| v as i64);
    reads(|v| v as f32);
    reads(|v| v);
}

#[test]
fn true_counts_1_and_false_0() {
    let seen: Vec<f64> = expected().iter().map(|&v| f64::from(v > 1.0)).collect();
    let dense_x = Fixture::new(|f| drop(put_matrix(f, "X", &counts().mapv(|v| v > 1.0))));
    let sparse_x = Fixture::new(|f| {
        let parts = (
            &[true, false, true, true][..],
            &[1i32, 0, 0, 2][..],
            &[0i32, 1, 2, 2, 4][..],
        );
        sparse_group(f, "csr_matrix", parts, [4, 3]);
    });
    for fixture in [dense_x, sparse_x] {
        assert_eq!(dense(&fixture.read().expect("readable")), seen);
        assert!(outline(&fixture).expect("readable").counts.whole);
    }
}

#[test]
fn categories_have_the_names_that_r_gives_them() {
    let fixture = Fixture::bare(|f| {
        csr(f);
        table(f, "var", &["g0", "g1", "g2"], &[]);
        let obs = table(f, "obs", &["c0", "c1", "c2", "c3"], &["treated", "dose"]);
        for (name, n) in [("treated", 2), ("dose", 3)] {
            let column = group(&obs, name);
            mark(&column, "encoding-type", "categorical");
            put(&column, "codes", &[0i8, 1, n - 1, 0]);
            match n {
                2 => put(&column, "categories", &[false, true]),
                _ => put(&column, "categories", &[1.0, 1.25, 30.0]),
            };
        }
    });
    let data = fixture.read().expect("readable");
    let levels = |i: usize| match &data.cells.columns[i].1 {
        Column::Factor { levels, .. } => levels.clone(),
        other => panic!("{other:?} is no factor"),
    };
    assert_eq!(levels(0), ["FALSE", "TRUE"]);
    assert_eq!(levels(1), ["1", "1.25", "30"]);
}

#[test]
fn dense_input_is_sparse_below_a_third_and_blocks_do_not_show() {
    // Enough places for three blocks; the switch to dense comes in the second of them.
    let (cells, genes) = (5000, 1000);
    let names = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>();
    for (full_from, sparse) in [(cells, true), (2500, false)] {
        let x = Array2::from_shape_fn((cells, genes), |(c, g)| {
            let filled = c >= full_from || (c * 31 + g * 7) % 5 == 0;
            if filled {
                ((c + g) % 9 + 1) as u8
            } else {
                0
            }
        });
        let fixture = Fixture::bare(|f| {
            table(f, "obs", &names(cells), &[]);
            table(f, "var", &names(genes), &[]);
            let built = f.new_dataset_builder().chunk((777, 100)).deflate(1);
            built.with_data(&x).create("X").expect("X");
        });
        let data = fixture.read().expect("readable");
        assert_eq!(matches!(data.counts.values, Values::Sparse(_)), sparse);
        assert!(dense(&data)
            .iter()
            .zip(&x)
            .all(|(&a, &b)| a == f64::from(b)));
    }
}

#[test]
fn raw_and_layers_are_chosen_by_name() {
    let fixture = Fixture::new(|f| {
        put_matrix(f, "X", &(counts() * 0.5));
        put_matrix(&group(f, "layers"), "spliced", &counts());
        let raw = group(f, "raw");
        put_matrix(&raw, "X", &arr2(&[[1u8], [2], [3], [4]]));
        table(&raw, "var", &["only"], &[]);
    });
    assert!(!fixture.read().expect("X").counts.whole);
    assert_eq!(dense(&fixture.layer("spliced").expect("layer")), expected());
    let raw = fixture.layer("raw").expect("raw");
    assert_eq!(dense(&raw), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(raw.genes.names, ["only"]);
    match fixture.layer("unspliced") {
        Err(Error::Input(report)) => assert!(report.remedy.contains("X, raw, spliced")),
        other => panic!("{other:?}"),
    }
}

#[derive(H5Type, Clone, Copy)]
#[repr(C)]
struct Record {
    a: i32,
    b: f64,
}

#[test]
fn columns_keep_their_types() {
    let ascii = |t: &str| VarLenAscii::from_ascii(t).expect("ascii");
    let fixed = |t: &str| FixedAscii::<4>::from_ascii(t).expect("ascii");
    let fixture = Fixture::bare(|f| {
        let names = [
            "factor", "nullable", "flag", "wide", "real", "ascii", "fixed", "records",
        ];
        let obs = table(f, "obs", &["a", "b"], &names);
        let factor = group(&obs, "factor");
        mark(&factor, "encoding-type", "categorical");
        let ordered = factor
            .new_attr::<bool>()
            .create("ordered")
            .expect("attribute");
        ordered.write_scalar(&true).expect("written");
        put(&factor, "codes", &[1i8, -1]);
        put(&factor, "categories", &texts(&["low", "hoch ü"]));
        let nullable = group(&obs, "nullable");
        mark(&nullable, "encoding-type", "nullable-integer");
        put(&nullable, "values", &[4i64, 5]);
        put(&nullable, "mask", &[false, true]);
        put(&obs, "flag", &[true, false]);
        put(&obs, "wide", &[1i64 << 40, 1]);
        put(&obs, "real", &[0.5f32, f32::NAN]);
        put(&obs, "ascii", &[ascii("x"), ascii("")]);
        put(&obs, "fixed", &[fixed("ab"), fixed("abcd")]);
        put(
            &obs,
            "records",
            &[Record { a: 1, b: 2.0 }, Record { a: 3, b: 4.0 }],
        );
        table(f, "var", &["g"], &[]);
        put_matrix(f, "X", &arr2(&[[1], [0]]));
    });
    let data = fixture.read().expect("readable");
    let column = |name: &str| {
        data.cells
            .columns
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, c)| c)
    };
    let text = |a: &str, b: &str| Column::Text(vec![Some(a.into()), Some(b.into())]);
    let levels = vec!["low".into(), "hoch ü".into()];
    let factor = Column::Factor {
        codes: vec![Some(1), None],
        levels,
        ordered: true,
    };
    assert_eq!(column("factor"), Some(&factor));
    assert_eq!(
        column("nullable"),
        Some(&Column::Integer(vec![Some(4), None]))
    );
    assert_eq!(
        column("flag"),
        Some(&Column::Logical(vec![Some(true), Some(false)]))
    );
    assert_eq!(
        column("wide"),
        Some(&Column::Number(vec![(1u64 << 40) as f64, 1.0]))
    );
    assert!(matches!(column("real"), Some(Column::Number(x)) if x[0] == 0.5 && x[1].is_nan()));
    assert_eq!(column("ascii"), Some(&text("x", "")));
    assert_eq!(column("fixed"), Some(&text("ab", "abcd")));
    assert_eq!(column("records"), None);
    assert_eq!(data.notes.len(), 1);
    assert!(data.notes[0].contains("/obs/records"));
}

#[derive(H5Type, Clone)]
#[repr(C)]
struct OldCell {
    index: FixedAscii<8>,
    n_genes: i64,
    louvain: i32,
}

#[derive(H5Type, Clone)]
#[repr(C)]
struct OldGene {
    index: VarLenUnicode,
}

#[derive(H5Type, Clone, Copy)]
#[repr(C)]
struct OldReductions {
    pca: [f32; 2],
    one: f64,
}

#[test]
fn the_layout_before_anndata_0_7_is_read() {
    let fixture = Fixture::bare(|f| {
        let cell = |name: &str, n_genes, louvain| {
            let index = FixedAscii::from_ascii(name).expect("ascii");
            OldCell {
                index,
                n_genes,
                louvain,
            }
        };
        put(f, "obs", &[cell("c0", 10, 1), cell("c1", 20, -1)]);
        put(
            f,
            "var",
            &["g0", "g1", "g2"].map(|g| OldGene { index: unicode(g) }),
        );
        put(&group(f, "uns"), "louvain_categories", &texts(&["T", "B"]));
        let row = |pca, one| OldReductions { pca, one };
        put(f, "obsm", &[row([1.0, 2.0], 5.0), row([3.0, 4.0], 6.0)]);
        let x = group(f, "X");
        mark(&x, "h5sparse_format", "csr");
        x.new_attr_builder()
            .with_data(&[2i64, 3])
            .create("h5sparse_shape")
            .expect("shape");
        put(&x, "data", &[3f32, 4.0]);
        put(&x, "indices", &[2i32, 0]);
        put(&x, "indptr", &[0i32, 1, 2]);
    });
    let data = fixture.read().expect("readable");
    assert_eq!(dense(&data), [0.0, 0.0, 3.0, 4.0, 0.0, 0.0]);
    assert_eq!(data.cells.names, ["c0", "c1"]);
    assert_eq!(data.genes.names, ["g0", "g1", "g2"]);
    let levels = vec!["T".into(), "B".into()];
    let louvain = Column::Factor {
        codes: vec![Some(1), None],
        levels,
        ordered: false,
    };
    let n_genes = Column::Integer(vec![Some(10), Some(20)]);
    let columns = [
        ("n_genes".to_owned(), n_genes),
        ("louvain".to_owned(), louvain),
    ];
    assert_eq!(data.cells.columns, columns);
    let (pca, one) = (arr2(&[[1.0, 2.0], [3.0, 4.0]]), arr2(&[[5.0], [6.0]]));
    assert_eq!(
        data.reductions,
        [("pca".to_owned(), pca), ("one".to_owned(), one)]
    );
}

#[test]
fn reductions_keep_rows_and_skip_what_is_not_dense() {
    let fixture = Fixture::new(|f| {
        csr(f);
        let obsm = group(f, "obsm");
        let umap = Array2::from_shape_fn((4, 2), |(i, j)| (10 * i + j) as f32);
        put_matrix(&obsm, "X_umap", &umap);
        group(&obsm, "table");
    });
    let data = fixture.read().expect("readable");
    assert_eq!(data.reductions.len(), 1);
    assert_eq!(data.reductions[0].1[[3, 1]], 31.0);
    assert!(data.notes[0].contains("obsm/table"));
}

#[test]
fn values_that_are_not_finite_are_named() {
    let mut x = counts();
    x[[3, 1]] = f64::NAN;
    match Fixture::new(|f| drop(put_matrix(f, "X", &x))).read() {
        Err(Error::NotFinite(report)) => {
            let place = "cell 4 ('c3'), gene 2 ('g1')";
            assert!(report.message.contains(place), "{}", report.message);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn files_that_are_no_h5ad_are_refused() {
    let folder = tempfile::tempdir().expect("folder");
    let at = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("written");
        path
    };
    assert_refused(read(&folder.path().join("none.h5ad")), "no such file");
    assert_refused(read(folder.path()), "folder");
    assert_refused(read(&at("empty", b"")), "not an HDF5 file");
    assert_refused(read(&at("text", b"cell,gene\n")), "not an HDF5 file");
    assert_refused(read(&at("gz", &[0x1f, 0x8b, 8, 0])), "gzip");
    assert_refused(
        read(&at("head", b"\x89HDF\r\n\x1a\n")),
        "HDF5 could not read",
    );
    assert_refused(Fixture::bare(|_| ()).read(), "no X");
    assert_refused(Fixture::new(|_| ()).read(), "no X");
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    let whole = Fixture::new(csr);
    let bytes = std::fs::read(&whole.path).expect("bytes");
    for tenth in 0..10 {
        std::fs::write(&whole.path, &bytes[..bytes.len() * tenth / 10]).expect("written");
        assert!(
            matches!(whole.read(), Err(Error::FileFormat(_))),
            "cut at {tenth}/10"
        );
    }
}

#[test]
fn sparse_parts_that_contradict_each_other_are_refused() {
    let refused = |indices: &[i64], indptr: &[i64], shape: [i64; 2], words: &str| {
        let parts = (&[1f32, 2.0][..], indices, indptr);
        assert_refused(
            Fixture::new(|f| sparse_group(f, "csr_matrix", parts, shape)).read(),
            words,
        );
    };
    refused(&[0, 3], &[0, 1, 2, 2, 2], [4, 3], "outside of 0 to 2");
    refused(&[0, -1], &[0, 1, 2, 2, 2], [4, 3], "outside of 0 to 2");
    refused(&[0, 1 << 40], &[0, 1, 2, 2, 2], [4, 3], "outside of 0 to 2");
    refused(&[0, 1], &[0, 2, 1, 2, 2], [4, 3], "does not ascend");
    refused(&[0, 1], &[1, 1, 2, 2, 2], [4, 3], "does not ascend");
    refused(&[0, 1], &[0, 1, 2, 2, 9], [4, 3], "does not ascend");
    refused(&[0, 1], &[0, 1, 2], [4, 3], "not equally long");
    refused(&[0], &[0, 1, 2, 2, 2], [4, 3], "not equally long");
    refused(&[0, 1], &[0, 1, 2, 2, 2], [4, 2], "4 x 2");
    refused(&[0, 1], &[0, 1, 2, 2, 2], [-4, 3], "no shape");
}

#[test]
fn codes_without_a_category_are_refused() {
    let fixture = Fixture::bare(|f| {
        let label = group(&table(f, "obs", &["a", "b"], &["label"]), "label");
        mark(&label, "encoding-type", "categorical");
        put(&label, "codes", &[0i8, 2]);
        put(&label, "categories", &texts(&["x", "y"]));
        table(f, "var", &["g"], &[]);
        put_matrix(f, "X", &arr2(&[[1], [0]]));
    });
    assert_refused(fixture.read(), "Code 2 of /obs/label");
}

#[test]
fn a_claim_beyond_the_file_allocates_nothing() {
    let huge = 1usize << 50;
    let fixture = Fixture::new(|f| {
        let x = group(f, "X");
        mark(&x, "encoding-type", "csr_matrix");
        x.new_attr_builder()
            .with_data(&[4i64, 3])
            .create("shape")
            .expect("shape");
        x.new_dataset::<f64>()
            .chunk(1024)
            .shape(huge)
            .create("data")
            .expect("data");
        x.new_dataset::<i32>()
            .chunk(1024)
            .shape(huge)
            .create("indices")
            .expect("indices");
        put(&x, "indptr", &[0i64, 0, 0, 0, huge as i64]);
    });
    assert_refused(fixture.read(), "the file holds only 0 bytes");
}

#[test]
fn links_lead_nowhere_else() {
    let other = Fixture::new(csr);
    let other = other.path.to_string_lossy();
    let external = Fixture::new(|f| f.link_external(&other, "/X", "X").expect("link"));
    assert_refused(external.read(), "link to another file");
    let through_soft = Fixture::new(|f| {
        f.link_external(&other, "/", "away").expect("link");
        f.link_soft("/away/X", "X").expect("link");
    });
    assert_refused(through_soft.read(), "link to another file");
    let circle = Fixture::new(|f| {
        f.link_soft("/Y", "X").expect("link");
        f.link_soft("/X", "Y").expect("link");
    });
    assert_refused(circle.read(), "circles");
    let dangling = Fixture::new(|f| f.link_soft("/nothing", "X").expect("link"));
    assert_refused(dangling.read(), "no X");
    let inside = Fixture::new(|f| {
        csr(f);
        f.relink("X", "elsewhere").expect("moved");
        f.link_soft("elsewhere", "X").expect("link");
    });
    assert_eq!(
        dense(&inside.read().expect("a soft link within the file")),
        expected()
    );
}

#[test]
fn data_outside_of_the_file_are_refused() {
    let external = Fixture::new(|f| {
        let built = f
            .new_dataset::<f64>()
            .external("/etc/hostname", 0, 96)
            .shape((4, 3));
        built.create("X").expect("X");
    });
    assert_refused(external.read(), "other files");
}

/// Held by each test of LZF. HDF5 creates no dataset with a filter that it knows and that cannot
/// compress, as is so while another test reads.
fn with_filter() -> MutexGuard<'static, ()> {
    static FILTER: Mutex<()> = Mutex::new(());
    FILTER.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn lzf_is_read_shuffled_or_not_by_one_thread_or_several() {
    let _alone = with_filter();
    let expected: Vec<f64> = long_values().into_iter().map(f64::from).collect();
    for (chunk, shuffled) in [(1000, false), (1000, true), (210_000, true), (4096, false)] {
        let fixture = long(&long_rows(), |x, rows| {
            let values: Vec<f32> = long_values().into_iter().map(f32::from).collect();
            lzf::put(x, "data", &values, chunk, shuffled);
            lzf::put(x, "indices", rows, chunk, shuffled);
        });
        let data = fixture.read().expect("readable");
        assert!(matches!(&data.counts.values, Values::Sparse(s) if s.values == expected));
        assert!(outline(&fixture).expect("outline").counts.whole);
    }
}

/// Dense counts in chunks of 3 cells by 2 genes, which reach beyond the matrix.
fn lzf_matrix(shuffled: bool, spoil: impl Fn(Vec<u8>) -> Vec<u8>, claimed: Option<u32>) -> Fixture {
    Fixture::new(|f| {
        let x = lzf::create::<i32>(f, "X", &[4, 3], &[3, 2], shuffled, claimed);
        for (top, left) in [(0, 0), (0, 2), (3, 0), (3, 2)] {
            let at = |i: usize| {
                counts()
                    .get((top + i / 2, left + i % 2))
                    .map_or(0, |&v| v as i32)
            };
            let values: Vec<i32> = (0..6).map(at).collect();
            let bytes = spoil(lzf::compress(&lzf::bytes_of(&values, shuffled)));
            lzf::write_chunk(&x, &[top, left], &bytes);
        }
    })
}

#[test]
fn dense_lzf_is_read() {
    let _alone = with_filter();
    for shuffled in [false, true] {
        let data = lzf_matrix(shuffled, |bytes| bytes, None)
            .read()
            .expect("readable");
        assert_eq!(dense(&data), expected());
    }
}

#[test]
fn lzf_that_is_damaged_is_refused_and_lies_are_ignored() {
    let _alone = with_filter();
    type Spoil = fn(Vec<u8>) -> Vec<u8>;
    let spoils: [Spoil; 6] = [
        |bytes| bytes[..bytes.len() - 1].to_vec(),
        // One byte less and one more than a chunk has.
        |_| lzf::compress(&[1; 23]),
        |_| lzf::compress(&[1; 29]),
        // Megabytes, if it were believed.
        |_| [&[0, 1][..], &[0xe0, 255, 0].repeat(1 << 14)].concat(),
        // What was before the first byte.
        |_| vec![0, 1, 0xe0, 14, 1],
        |_| vec![0x20, 0],
    ];
    for spoil in spoils {
        assert_refused(lzf_matrix(false, spoil, None).read(), "could not read /X");
    }
    // What the filter's parameters say of the length has no say.
    for claimed in [0, 23, u32::MAX] {
        let lying = lzf_matrix(false, |bytes| bytes, Some(claimed));
        assert_eq!(dense(&lying.read().expect("readable")), expected());
    }
    let unwritten = Fixture::new(|f| {
        lzf::create::<i32>(f, "X", &[4, 3], &[4, 3], false, None);
    });
    assert_refused(
        unwritten.read(),
        "claims [4, 3] values, but the file holds only 0 bytes",
    );
    let twice = Fixture::new(|f| {
        let mut plan = hdf5_metno::plist::DatasetCreate::build();
        let plan = plan.chunk((3, 2)).deflate(1).finish().expect("plan");
        let datatype = hdf5_metno::Datatype::from_type::<i32>().expect("type");
        let x = lzf::with_lzf(f, "X", datatype, &[4, 3], &plan, 24);
        lzf::write_chunk(&x, &[0, 0], &[0, 1]);
    });
    assert_refused(
        twice.read(),
        "/X is compressed with LZF and with something else",
    );
}

#[test]
fn text_in_lzf_is_read() {
    let _alone = with_filter();
    let fixture = Fixture::bare(|f| {
        csr(f);
        table(f, "var", &["g0", "g1", "g2"], &[]);
        let obs = group(f, "obs");
        let names = lzf::create::<FixedAscii<2>>(&obs, "_index", &[4], &[4], false, None);
        lzf::write_chunk(&names, &[0], &lzf::compress(b"c0c1c2c3"));
    });
    assert_eq!(
        fixture.read().expect("readable").cells.names,
        ["c0", "c1", "c2", "c3"]
    );
}

#[test]
fn long_lzf_that_is_damaged_is_refused() {
    let _alone = with_filter();
    for bytes in [&[5, 1, 2][..], &[0x20, 0], &[0, 1, 0xe0, 255, 0]] {
        let fixture = long(&long_rows(), |x, rows| {
            put(x, "data", &long_values());
            lzf::put(x, "indices", rows, 10_000, true);
            lzf::write_chunk(&x.dataset("indices").expect("indices"), &[50_000], bytes);
        });
        assert_refused(fixture.read(), "could not read /X/indices");
    }
}

/// A dataset without a place for values, as h5py writes `Empty`.
fn put_null<T: H5Type>(group: &Group, name: &str) {
    let builder = group.new_dataset_builder().empty::<T>();
    builder
        .shape(hdf5_metno::Extents::Null)
        .create(name)
        .expect("null");
}

#[test]
fn annotation_without_values_is_left_out_with_a_note() {
    let columns = [
        "null", "text", "empty", "factor", "masked", "kept", "unnamed",
    ];
    let fixture = Fixture::bare(|f| {
        csr(f);
        table(f, "var", &["g0", "g1", "g2"], &[]);
        let obs = table(f, "obs", &["c0", "c1", "c2", "c3"], &columns);
        put_null::<f32>(&obs, "null");
        put_null::<VarLenUnicode>(&obs, "text");
        put::<f64>(&obs, "empty", &[]);
        let factor = group(&obs, "factor");
        mark(&factor, "encoding-type", "categorical");
        put_null::<i8>(&factor, "codes");
        put(&factor, "categories", &texts(&["a"]));
        let masked = group(&obs, "masked");
        mark(&masked, "encoding-type", "nullable-integer");
        put::<i64>(&masked, "values", &[]);
        put::<bool>(&masked, "mask", &[]);
        put(&obs, "kept", &[1i32, 2, 3, 4]);
        // A factor without levels has missing values alone.
        let unnamed = group(&obs, "unnamed");
        mark(&unnamed, "encoding-type", "categorical");
        put(&unnamed, "codes", &[-1i8; 4]);
        put_null::<f64>(&unnamed, "categories");
        let obsm = group(f, "obsm");
        put_null::<f64>(&obsm, "X_null");
        put_matrix(&obsm, "X_empty", &Array2::<f64>::zeros((0, 2)));
        put_matrix(&obsm, "X_pca", &Array2::<f64>::zeros((4, 2)));
        put_null::<f64>(&group(f, "uns"), "none");
    });
    let data = fixture.read().expect("readable");
    let names: Vec<_> = data
        .cells
        .columns
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names, ["kept", "unnamed"]);
    assert_eq!(data.reductions.len(), 1);
    let left_out = ["null", "text", "empty", "factor", "masked"].map(|n| format!("/obs/{n}"));
    for path in left_out
        .iter()
        .map(String::as_str)
        .chain(["/obsm/X_null", "/obsm/X_empty"])
    {
        let note = format!("{path} was left out: it holds no values.");
        assert!(data.notes.contains(&note), "{path}: {:?}", data.notes);
    }
    assert_eq!(data.notes.len(), 7);
    assert_eq!(outline(&fixture).expect("outline").notes, data.notes);
}

#[test]
fn an_index_or_a_matrix_without_values_is_refused() {
    let nameless = Fixture::bare(|f| {
        csr(f);
        table(f, "var", &["g0", "g1", "g2"], &[]);
        let obs = group(f, "obs");
        put_null::<VarLenUnicode>(&obs, "_index");
    });
    assert_refused(nameless.read(), "The index of /obs holds no text");
    let without = Fixture::new(|f| put_null::<f32>(f, "X"));
    assert_refused(without.read(), "There is no X in the file");
    let part = Fixture::new(|f| {
        csr(f);
        f.unlink("X/data").expect("unlinked");
        put_null::<f32>(&f.group("X").expect("X"), "data");
    });
    assert_refused(part.read(), "/X/data is not one-dimensional");
}

#[test]
fn categories_of_old_files_without_names_leave_the_numbers() {
    #[derive(H5Type, Clone)]
    #[repr(C)]
    struct Record {
        index: FixedAscii<4>,
        louvain: i8,
    }
    let fixture = Fixture::bare(|f| {
        csr(f);
        table(f, "var", &["g0", "g1", "g2"], &[]);
        let index = FixedAscii::from_ascii("c").expect("ASCII");
        let records = [1, 0, 1, 0].map(|louvain| Record { index, louvain });
        put(f, "obs", &records);
        put_null::<VarLenUnicode>(&group(f, "uns"), "louvain_categories");
    });
    let data = fixture.read().expect("readable");
    assert_eq!(
        data.cells.columns[0].1,
        Column::Integer([1, 0, 1, 0].map(Some).to_vec())
    );
    assert_eq!(
        data.notes,
        ["/uns/louvain_categories was left out: it holds no values."]
    );
}

/// Checks parts of `counts()`, chosen in order and out of it.
fn assert_parts(fixture: &Fixture) {
    let stored = outline(fixture).expect("outline").counts;
    let counts = counts();
    let lists: [Option<&[usize]>; 5] =
        [None, Some(&[]), Some(&[1]), Some(&[2, 0, 2]), Some(&[0, 1])];
    for genes in lists {
        for cells in lists.into_iter().chain([Some(&[3, 1, 2][..])]) {
            let part = stored
                .part(&fixture.path, [3, 4], genes, cells)
                .expect("part");
            let all = |list: Option<&[usize]>, n| list.map_or((0..n).collect(), <[usize]>::to_vec);
            let mut expected = Vec::new();
            for cell in all(cells, 4) {
                expected.extend(all(genes, 3).iter().map(|&gene| counts[[cell, gene]]));
            }
            assert_eq!(part, expected, "{genes:?} {cells:?}");
        }
    }
    for (genes, cells) in [(Some(&[3][..]), None), (None, Some(&[4][..]))] {
        assert_refused(stored.part(&fixture.path, [3, 4], genes, cells), "smaller");
    }
    assert_refused(stored.part(&fixture.path, [4, 5], None, None), "X");
}

#[test]
fn parts_of_stored_matrices_are_those_of_the_whole() {
    assert_parts(&Fixture::new(csr));
    assert_parts(&Fixture::new(|f| {
        let parts = (
            &[1u16, 5, 2, 7][..],
            &[1i64, 3, 0, 3][..],
            &[0u32, 2, 3, 4][..],
        );
        sparse_group(f, "csc_matrix", parts, [4, 3]);
    }));
    assert_parts(&Fixture::new(|f| {
        put_matrix(f, "X", &counts().mapv(|v| v as u8));
    }));
    let outside = Fixture::new(|f| {
        let parts = (&[1.0f32][..], &[3i32][..], &[0i64, 1, 1, 1, 1][..]);
        sparse_group(f, "csr_matrix", parts, [4, 3]);
    });
    let stored = outline(&outside).expect("outline").counts;
    assert_refused(
        stored.part(&outside.path, [3, 4], None, None),
        "/X/indices at 0 is outside of 0 to 2",
    );
}

#[test]
fn true_and_false_count_as_1_and_0() {
    let truth = counts().mapv(|v| v > 0.0);
    let expected: Vec<f64> = truth.iter().map(|&v| f64::from(v)).collect();
    let whole = Fixture::new(|f| {
        put_matrix(f, "X", &truth);
    });
    let sparse = Fixture::new(|f| {
        let parts = (
            &[true; 4][..],
            &[1i32, 0, 0, 2][..],
            &[0i64, 1, 2, 2, 4][..],
        );
        sparse_group(f, "csr_matrix", parts, [4, 3]);
    });
    for fixture in [whole, sparse] {
        assert_eq!(dense(&fixture.read().expect("readable")), expected);
        let stored = outline(&fixture).expect("outline").counts;
        assert!(stored.whole);
        let part = stored.part(&fixture.path, [3, 4], None, None);
        assert_eq!(part.expect("part"), expected);
    }
}
