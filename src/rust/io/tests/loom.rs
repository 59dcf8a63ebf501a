//! Loom files, well-formed and hostile.
#![cfg(feature = "hdf5")]

#[path = "common/refusal.rs"]
mod refusal;

use hdf5_metno::types::{FixedAscii, VarLenAscii, VarLenUnicode};
use hdf5_metno::{Dataset, File, Group, H5Type};
use ndarray::{arr2, Array2};
use neuralee_core::{Error, Result};
use neuralee_io::loom::{self, Loom, Options};
use neuralee_io::{Column, SparseColumns, Stored, Values};
use refusal::{assert_input, assert_refused};
use std::path::{Path, PathBuf};

/// 3 genes x 4 cells.
fn counts() -> Array2<f64> {
    arr2(&[
        [0.0, 1.0, 0.0, 5.0],
        [2.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 7.0],
    ])
}

fn unicode(text: &str) -> VarLenUnicode {
    text.parse().expect("no NUL in test text")
}

fn texts<T: AsRef<str>>(values: &[T]) -> Vec<VarLenUnicode> {
    values.iter().map(|t| unicode(t.as_ref())).collect()
}

fn fixed(text: &str) -> FixedAscii<16> {
    FixedAscii::from_ascii(text).expect("ascii")
}

fn put<T: H5Type>(group: &Group, name: &str, values: &[T]) -> Dataset {
    let built = group.new_dataset_builder().with_data(values);
    built.create(name).expect("dataset")
}

fn put_matrix<T: H5Type>(group: &Group, name: &str, values: &Array2<T>) -> Dataset {
    let built = group.new_dataset_builder().with_data(values);
    built.create(name).expect("dataset")
}

fn put_scalar<T: H5Type>(group: &Group, name: &str, value: &T) {
    let dataset = group.new_dataset::<T>().create(name).expect("dataset");
    dataset.write_scalar(value).expect("written");
}

fn mark<T: H5Type>(at: &Group, name: &str, values: &[T]) {
    let built = at.new_attr_builder().with_data(values);
    built.create(name).expect("attribute");
}

fn mark_text(at: &Group, name: &str, value: &str) {
    let built = at.new_attr::<VarLenUnicode>();
    let attribute = built.create(name).expect("attribute");
    attribute.write_scalar(&unicode(value)).expect("written");
}

struct Fixture {
    _folder: tempfile::TempDir,
    path: PathBuf,
    rows: &'static str,
    columns: &'static str,
}

/// The groups of a loom file of version 3 with names for `counts()`.
struct Parts<'a> {
    file: &'a File,
    genes: Group,
    cells: Group,
    attrs: Group,
}

impl Fixture {
    /// A file of version 3 with names for `counts()`, and what `fill` adds.
    fn new(fill: impl FnOnce(Parts)) -> Self {
        Self::bare(|file| {
            let group = |name: &str| file.create_group(name).expect("group");
            let parts = Parts {
                file,
                genes: group("row_attrs"),
                cells: group("col_attrs"),
                attrs: group("attrs"),
            };
            put(&parts.genes, "Gene", &texts(&["g0", "g1", "g2"]));
            put(&parts.cells, "CellID", &texts(&["c0", "c1", "c2", "c3"]));
            put_scalar(&parts.attrs, "LOOM_SPEC_VERSION", &unicode("3.0.0"));
            fill(parts);
        })
    }

    /// As `new`, with `counts()` as the matrix.
    fn full(fill: impl FnOnce(Parts)) -> Self {
        Self::new(|parts| {
            put_matrix(parts.file, "matrix", &counts());
            fill(parts);
        })
    }

    fn bare(fill: impl FnOnce(&File)) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("test.loom");
        let file = File::create(&path).expect("file");
        fill(&file);
        file.close().expect("closed");
        Fixture {
            _folder: folder,
            path,
            rows: "Gene",
            columns: "CellID",
        }
    }

    fn layer(&self, layer: &str) -> Result<Loom> {
        loom::read(&self.path, &self.options(layer), &())
    }

    fn read(&self) -> Result<Loom> {
        self.layer("")
    }

    fn options(&self, layer: &str) -> Options {
        Options {
            layer: layer.into(),
            gene_names: self.rows.into(),
            cell_names: self.columns.into(),
        }
    }

    fn outline(&self, layer: &str) -> Result<Loom<Stored>> {
        loom::outline(&self.path, &self.options(layer), &())
    }
}

fn read(path: &Path) -> Result<Loom> {
    loom::read(path, &Options::default(), &())
}

/// Genes by cells, row by row.
fn dense(data: &Loom) -> Vec<f64> {
    let (genes, cells) = (data.counts.genes, data.counts.cells);
    let mut out = vec![0.0; genes * cells];
    match &data.counts.values {
        Values::Dense(values) => {
            for (i, &value) in values.iter().enumerate() {
                out[i % genes * cells + i / genes] = value;
            }
        }
        Values::Sparse(s) => {
            assert_eq!((s.nrows, s.ncols), (genes, cells));
            assert_eq!(s.indptr.len(), cells + 1);
            for c in 0..s.ncols {
                let rows = s.indptr[c] as usize..s.indptr[c + 1] as usize;
                assert!(s.indices[rows.clone()].windows(2).all(|w| w[0] < w[1]));
                for i in rows {
                    out[s.indices[i] as usize * cells + c] = s.values[i];
                }
            }
        }
    }
    out
}

fn expected() -> Vec<f64> {
    counts().iter().copied().collect()
}

fn column<'a>(columns: &'a [(String, Column)], name: &str) -> Option<&'a Column> {
    columns.iter().find(|(n, _)| n == name).map(|(_, c)| c)
}

fn text(values: &[&str]) -> Column {
    Column::Text(values.iter().map(|v| Some((*v).to_owned())).collect())
}

fn integers(values: &[i32]) -> Column {
    Column::Integer(values.iter().map(|&v| Some(v)).collect())
}

#[test]
fn the_matrix_is_genes_by_cells_and_sparse() {
    let data = Fixture::full(|_| ()).read().expect("readable");
    let columns = SparseColumns {
        nrows: 3,
        ncols: 4,
        indptr: vec![0, 1, 2, 2, 4],
        indices: vec![1, 0, 0, 2],
        values: vec![2.0, 1.0, 5.0, 7.0],
    };
    assert_eq!(data.counts.values, Values::Sparse(columns));
    assert!(data.counts.whole);
    let names = |n: &loom::Annotations| n.names.clone().expect("names");
    assert_eq!(names(&data.genes), ["g0", "g1", "g2"]);
    assert_eq!(names(&data.cells), ["c0", "c1", "c2", "c3"]);
    assert!(data.genes.columns.is_empty() && data.cells.columns.is_empty());
    assert!(data.notes.is_empty());
}

#[test]
fn every_type_of_number_reads_the_same() {
    fn reads<T: H5Type>(convert: impl Fn(f64) -> T) {
        let converted = counts().mapv(convert);
        let fixture = Fixture::new(|p| drop(put_matrix(p.file, "matrix", &converted)));
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
    let flags = Fixture::new(|p| drop(put_matrix(p.file, "matrix", &counts().mapv(|v| v > 0.0))));
    let ones: Vec<f64> = expected().iter().map(|&v| f64::from(v > 0.0)).collect();
    let data = flags.read().expect("true and false");
    assert_eq!(dense(&data), ones);
    assert!(data.counts.whole);
}

/// Enough places for several tiles, also where chunks are whole rows or whole columns.
#[test]
fn neither_chunks_nor_tiles_show() {
    let (genes, cells) = (1100, 5000);
    let value = |g: usize, c: usize, filled: bool| match filled {
        true => ((c + 3 * g) % 9 + 1) as u8,
        false => 0,
    };
    let layouts = [
        None,
        Some([64, 64]),
        Some([1, 5000]),
        Some([1100, 1]),
        Some([333, 777]),
        Some([1100, 5000]),
    ];
    for full_from in [usize::MAX, 800, 0] {
        let x = Array2::from_shape_fn((genes, cells), |(g, c)| {
            let filled = g >= full_from || (c * 31 + g * 7) % 5 == 0;
            value(g, c, filled)
        });
        for layout in layouts {
            let fixture = Fixture::bare(|file| {
                let built = file.new_dataset_builder();
                let built = match layout {
                    Some(chunk) => built.chunk(chunk).deflate(1),
                    None => built,
                };
                built.with_data(&x).create("matrix").expect("matrix");
            });
            let data = fixture.read().expect("readable");
            let sparse = matches!(data.counts.values, Values::Sparse(_));
            assert_eq!(sparse, full_from == usize::MAX, "{layout:?}");
            let same = dense(&data)
                .iter()
                .zip(&x)
                .all(|(&a, &b)| a == f64::from(b));
            assert!(same, "{layout:?}, full from {full_from}");
        }
    }
}

#[test]
fn the_switch_to_dense_keeps_the_bands_before_it() {
    // Two bands of columns; the second is full.
    let (genes, cells) = (2, 3 << 20);
    let x = Array2::from_shape_fn((genes, cells), |(g, c)| {
        u8::from(c > 1 << 21 || c % 1000 == g) * (c % 100 + 1) as u8
    });
    let fixture = Fixture::bare(|file| drop(put_matrix(file, "matrix", &x)));
    let data = fixture.read().expect("readable");
    assert!(matches!(data.counts.values, Values::Dense(_)));
    assert!(dense(&data)
        .iter()
        .zip(&x)
        .all(|(&a, &b)| a == f64::from(b)));
}

#[test]
fn layers_are_chosen_by_name() {
    let fixture = Fixture::full(|p| {
        let layers = p.file.create_group("layers").expect("group");
        put_matrix(&layers, "halves", &(counts() / 2.0));
        put_matrix(&layers, "wrong", &arr2(&[[1.0, 2.0]]));
        put(&layers, "flat", &[1.0, 2.0]);
    });
    let halves = fixture.layer("halves").expect("layer");
    assert!(!halves.counts.whole);
    let doubled: Vec<f64> = dense(&halves).iter().map(|v| 2.0 * v).collect();
    assert_eq!(doubled, expected());
    assert_input(fixture.layer("nothing"), "flat, halves, wrong");
    assert_input(fixture.layer("../matrix"), "no layer");
    assert_input(Fixture::full(|_| ()).layer("nothing"), "all that there is");
    assert_refused(
        fixture.layer("wrong"),
        "/layers/wrong is 1 x 2, but /matrix is 3 x 4",
    );
    assert_refused(fixture.layer("flat"), "not two-dimensional");
    assert_refused(fixture.outline("wrong"), "1 x 2");
}

#[test]
fn an_outline_says_where_the_matrix_lies_and_reads_the_rest() {
    let fixture = Fixture::full(|p| {
        put(&p.cells, "Age", &[1i32, 2, 3, 4]);
        let layers = p.file.create_group("layers").expect("group");
        put_matrix(&layers, "halves", &(counts() / 4.0));
        p.file
            .link_soft("/layers/halves", "layers/again")
            .expect("link");
    });
    let (whole, outlined) = (
        fixture.read().expect("whole"),
        fixture.outline("").expect("outline"),
    );
    assert_eq!(outlined.cells, whole.cells);
    assert_eq!(outlined.genes, whole.genes);
    assert_eq!(outlined.attributes, whole.attributes);
    let stored = |path: &str, whole| Stored {
        path: path.into(),
        sparse: false,
        by_cells: false,
        whole,
    };
    assert_eq!(outlined.counts, stored("/matrix", true));
    let again = fixture.outline("again").expect("link");
    assert_eq!(again.counts, stored("/layers/halves", false));
}

#[test]
fn attributes_keep_their_types() {
    let ascii = |t: &str| VarLenAscii::from_ascii(t).expect("ascii");
    let fixture = Fixture::full(|p| {
        put(&p.genes, "Chromosome", &texts(&["1", "X", "µ;&#181;"]));
        put(
            &p.genes,
            "Accession",
            &[fixed("ENSG1"), fixed(""), fixed("ENSG3")],
        );
        put(&p.genes, "Selected", &[true, false, true]);
        put(&p.genes, "Start", &[0u64, 1 << 40, 5]);
        put_matrix(&p.genes, "Loadings", &Array2::<f64>::zeros((3, 2)));
        put(&p.cells, "Age", &[1i8, -2, 3, 4]);
        put(&p.cells, "Score", &[0.5f32, f32::NAN, 1.0, 2.0]);
        put(
            &p.cells,
            "Sex",
            &[ascii("f"), ascii("m"), ascii(""), ascii("f")],
        );
        put_matrix(&p.cells, "BatchID", &arr2(&[[0u8], [0], [1], [1]]));
        let pca = Array2::from_shape_fn((4, 2), |(i, j)| (10 * i + j) as f32);
        put_matrix(&p.cells, "X_pca", &pca);
        let names = Array2::from_elem((4, 2), unicode("x"));
        put_matrix(&p.cells, "Pairs", &names);
    });
    let data = fixture.read().expect("readable");
    let (genes, cells) = (&data.genes.columns, &data.cells.columns);
    assert_eq!(
        column(genes, "Chromosome"),
        Some(&text(&["1", "X", "µ;&#181;"]))
    );
    assert_eq!(
        column(genes, "Accession"),
        Some(&text(&["ENSG1", "", "ENSG3"]))
    );
    let flags = Column::Logical(vec![Some(true), Some(false), Some(true)]);
    assert_eq!(column(genes, "Selected"), Some(&flags));
    let starts = Column::Number(vec![0.0, (1u64 << 40) as f64, 5.0]);
    assert_eq!(column(genes, "Start"), Some(&starts));
    assert_eq!(column(cells, "Age"), Some(&integers(&[1, -2, 3, 4])));
    assert!(
        matches!(column(cells, "Score"), Some(Column::Number(x)) if x[0] == 0.5 && x[1].is_nan())
    );
    assert_eq!(column(cells, "Sex"), Some(&text(&["f", "m", "", "f"])));
    assert_eq!(column(cells, "BatchID"), Some(&integers(&[0, 0, 1, 1])));
    assert_eq!(data.reductions.len(), 1);
    assert_eq!(data.reductions[0].0, "X_pca");
    assert_eq!(data.reductions[0].1[[3, 1]], 31.0);
    assert_eq!(data.notes.len(), 2);
    assert!(data.notes[0].contains("/row_attrs/Loadings"));
    assert!(data.notes[1].contains("/col_attrs/Pairs"));
}

#[test]
fn attributes_of_another_length_are_refused() {
    let short = Fixture::full(|p| drop(put(&p.cells, "Age", &[1, 2, 3])));
    assert_refused(
        short.read(),
        "/col_attrs/Age has 3 values, but /matrix has 4 cells",
    );
    let turned =
        Fixture::full(|p| drop(put_matrix(&p.cells, "PCA", &Array2::<f64>::zeros((2, 4)))));
    assert_refused(turned.read(), "/col_attrs/PCA has 2 values");
    let names = Fixture::new(|p| drop(put_matrix(p.file, "matrix", &Array2::<f64>::zeros((4, 3)))));
    assert_refused(
        names.read(),
        "/row_attrs/Gene has 3 values, but /matrix has 4 genes",
    );
}

#[test]
fn names_may_be_missing_repeat_or_be_numbers() {
    let bare = Fixture::bare(|file| drop(put_matrix(file, "matrix", &counts())));
    let data = bare.read().expect("without attributes");
    assert_eq!((data.genes.n, data.cells.n), (3, 4));
    assert_eq!((&data.genes.names, &data.cells.names), (&None, &None));
    assert_eq!(data.notes.len(), 2);
    assert!(data.notes[0].contains("no Gene in row_attrs"));

    let mut other = Fixture::bare(|file| {
        put_matrix(file, "matrix", &counts());
        let genes = file.create_group("row_attrs").expect("group");
        put(&genes, "var_names", &texts(&["a", "", "a"]));
        let cells = file.create_group("col_attrs").expect("group");
        put(&cells, "number", &[7i32, 8, 9, 7]);
        put_matrix(&cells, "PCA", &Array2::<f64>::zeros((4, 2)));
    });
    let data = other.read().expect("other names");
    assert!(
        data.notes[0].contains("there are: var_names"),
        "{:?}",
        data.notes
    );
    (other.rows, other.columns) = ("var_names", "number");
    let data = other.read().expect("names of names");
    assert_eq!(data.genes.names.as_deref().expect("names"), ["a", "", "a"]);
    assert_eq!(
        data.cells.names.as_deref().expect("names"),
        ["7", "8", "9", "7"]
    );
    assert!(data.genes.columns.is_empty() && data.notes.is_empty());

    other.rows = "symbol";
    assert_input(
        other.read(),
        "no symbol in row_attrs. To name the genes, there are: var_names",
    );
    (other.rows, other.columns) = ("var_names", "PCA");
    assert_input(other.read(), "/col_attrs/PCA cannot name the cells");
}

#[test]
fn attributes_without_values_are_left_out_with_a_note() {
    fn null<T: H5Type>(group: &Group, name: &str) {
        let builder = group.new_dataset_builder().empty::<T>();
        let void = builder.shape(hdf5_metno::Extents::Null);
        void.create(name).expect("null");
    }
    let fixture = Fixture::full(|p| {
        null::<f64>(&p.cells, "Age");
        put::<f64>(&p.cells, "Mass", &[]);
        put_matrix(&p.cells, "PCA", &Array2::<f64>::zeros((4, 0)));
        null::<VarLenUnicode>(&p.genes, "Symbol");
        null::<f64>(&p.attrs, "nothing");
        put::<f64>(&p.attrs, "none", &[]);
        let title = p.file.new_attr_builder().empty::<VarLenUnicode>();
        let title = title.shape(hdf5_metno::Extents::Null);
        title.create("title").expect("attribute");
        put(&p.cells, "Kept", &[1i32, 2, 3, 4]);
    });
    let data = fixture.read().expect("readable");
    assert_eq!(data.cells.columns.len(), 1);
    assert_eq!(data.genes.columns.len(), 0);
    let names: Vec<_> = data.attributes.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["LOOM_SPEC_VERSION"]);
    assert!(data.reductions.is_empty());
    let places = [
        "/col_attrs/Age",
        "/col_attrs/Mass",
        "/col_attrs/PCA",
        "/row_attrs/Symbol",
        "/attrs/nothing",
        "/attrs/none",
        "The attribute title",
    ];
    for place in places {
        let note = format!("{place} was left out: it holds no values.");
        assert!(data.notes.contains(&note), "{place}: {:?}", data.notes);
    }
    assert_eq!(data.notes.len(), places.len());
    assert_eq!(fixture.outline("").expect("outline").notes, data.notes);

    let nameless = Fixture::full(|p| {
        p.cells.unlink("CellID").expect("unlinked");
        null::<VarLenUnicode>(&p.cells, "CellID");
    });
    let data = nameless.read().expect("readable");
    assert_eq!(data.cells.names, None);
    assert!(data.notes[1].contains("the cells have no names"));
}

#[test]
fn global_attributes_are_read_from_either_place() {
    let fixture = Fixture::full(|p| {
        mark_text(p.file, "title", "a µ title");
        mark(p.file, "versions", &texts(&["x", "y"]));
        mark(p.file, "old", &[fixed("&#181;")]);
        mark(p.file, "count", &[3i64]);
        mark(p.file, "weights", &[0.5f32, 1.5]);
        mark(p.file, "flag", &[true]);
        mark(p.file, "both", &[1i32]);
        put_scalar(&p.attrs, "both", &2i32);
        put_scalar(&p.attrs, "mean", &2.5f64);
        put_scalar(&p.attrs, "done", &false);
        put(&p.attrs, "list", &texts(&["p", "", "q"]));
        put_matrix(&p.attrs, "table", &Array2::<f64>::zeros((2, 2)));
    });
    let data = fixture.read().expect("readable");
    let found = |name: &str| column(&data.attributes, name);
    assert_eq!(found("title"), Some(&text(&["a µ title"])));
    assert_eq!(found("versions"), Some(&text(&["x", "y"])));
    assert_eq!(found("old"), Some(&text(&["&#181;"])));
    assert_eq!(found("count"), Some(&integers(&[3])));
    assert_eq!(found("weights"), Some(&Column::Number(vec![0.5, 1.5])));
    assert_eq!(found("flag"), Some(&Column::Logical(vec![Some(true)])));
    assert_eq!(found("both"), Some(&integers(&[2])));
    assert_eq!(found("mean"), Some(&Column::Number(vec![2.5])));
    assert_eq!(found("done"), Some(&Column::Logical(vec![Some(false)])));
    assert_eq!(found("list"), Some(&text(&["p", "", "q"])));
    assert_eq!(found("LOOM_SPEC_VERSION"), Some(&text(&["3.0.0"])));
    assert_eq!(data.attributes.len(), 11);
    assert_eq!(data.notes.len(), 1);
    assert!(data.notes[0].contains("/attrs/table"));
}

#[test]
fn text_before_version_3_is_unescaped() {
    let version_2 = |version: Option<&str>| {
        Fixture::bare(|file| {
            if let Some(version) = version {
                mark_text(file, "LOOM_SPEC_VERSION", version);
            }
            mark_text(file, "title", "5 &#181;m");
            put_matrix(file, "matrix", &arr2(&[[1u8, 2]]));
            let genes = file.create_group("row_attrs").expect("group");
            put(&genes, "Gene", &[fixed("&#946;-actin")]);
            let cells = file.create_group("col_attrs").expect("group");
            put(&cells, "CellID", &[fixed("a"), fixed("b&#x3b2;")]);
            put(&cells, "Note", &[fixed("&amp;"), fixed("&#181;")]);
        })
        .read()
        .expect("readable")
    };
    for version in [None, Some("2.0.1")] {
        let data = version_2(version);
        assert_eq!(data.genes.names.expect("names"), ["β-actin"]);
        assert_eq!(data.cells.names.expect("names"), ["a", "bβ"]);
        assert_eq!(
            column(&data.cells.columns, "Note"),
            Some(&text(&["&amp;", "µ"]))
        );
        assert_eq!(column(&data.attributes, "title"), Some(&text(&["5 µm"])));
    }
    let data = version_2(Some("3.0.0"));
    assert_eq!(data.genes.names.expect("names"), ["&#946;-actin"]);
    assert_eq!(
        column(&data.attributes, "title"),
        Some(&text(&["5 &#181;m"]))
    );
}

fn cell_types(names: &[&str], numbers: &[i32]) -> (Option<Vec<Option<String>>>, Vec<String>) {
    let fixture = Fixture::full(|p| {
        put(&p.attrs, "CellTypes", &texts(names));
        put(&p.cells, "ClusterID", numbers);
    });
    let data = fixture.read().expect("readable");
    assert_eq!(
        column(&data.cells.columns, "ClusterID"),
        Some(&integers(numbers))
    );
    let found = column(&data.cells.columns, "cell_type").map(|column| match column {
        Column::Factor { codes, levels, .. } => codes
            .iter()
            .map(|code| code.map(|c| levels[c as usize].clone()))
            .collect(),
        other => panic!("no factor: {other:?}"),
    });
    (found, data.notes)
}

#[test]
fn clusters_get_their_names_counted_from_0_or_from_1() {
    let named = |names: &[&str]| {
        let names = names.iter().map(|n| Some((*n).to_owned()));
        Some(names.collect::<Vec<_>>())
    };
    let (found, notes) = cell_types(&["B", "T", "NK"], &[0, 2, 1, 0]);
    assert_eq!((found, notes.len()), (named(&["B", "NK", "T", "B"]), 0));
    let (found, notes) = cell_types(&["B", "T", "NK"], &[1, 3, 2, 1]);
    assert_eq!((found, notes.len()), (named(&["B", "NK", "T", "B"]), 0));
    let (found, notes) = cell_types(&["B, T,NK"], &[0, 2, 1, 0]);
    assert_eq!((found, notes.len()), (named(&["B", "NK", "T", "B"]), 0));
    let (found, notes) = cell_types(&["B", "T", "B"], &[0, 2, 1, 0]);
    assert_eq!((found, notes.len()), (named(&["B", "B", "T", "B"]), 0));
    let (found, notes) = cell_types(&["B", "T", "NK"], &[1, 2, 2, 1]);
    assert_eq!(found, named(&["B", "T", "T", "B"]));
    assert!(notes[0].contains("no 0 and no 3"), "{notes:?}");
    let (found, notes) = cell_types(&["B", "T", "NK"], &[0, 3, 1, 0]);
    assert_eq!(found, None);
    assert!(
        notes[0].contains("goes up to 3, but CellTypes has 3"),
        "{notes:?}"
    );
    let (found, _) = cell_types(&["B", "T"], &[0, -1, 1, 0]);
    let (b, t) = (Some("B".to_owned()), Some("T".to_owned()));
    assert_eq!(found, Some(vec![b.clone(), None, t, b]));
}

#[test]
fn a_cell_type_of_the_file_stays() {
    let fixture = Fixture::full(|p| {
        put(&p.attrs, "CellTypes", &texts(&["B", "T"]));
        put(&p.cells, "ClusterID", &[0, 1, 0, 1]);
        put(&p.cells, "cell_type", &texts(&["a", "b", "c", "d"]));
    });
    let data = fixture.read().expect("readable");
    assert_eq!(
        column(&data.cells.columns, "cell_type"),
        Some(&text(&["a", "b", "c", "d"]))
    );
    let words = Fixture::full(|p| {
        put(&p.attrs, "CellTypes", &texts(&["B", "T"]));
        put(&p.cells, "ClusterID", &texts(&["B", "T", "T", "B"]));
    });
    let data = words.read().expect("readable");
    assert_eq!(column(&data.cells.columns, "cell_type"), None);
}

#[test]
fn graphs_are_noted() {
    let fixture = Fixture::full(|p| {
        let graphs = p.file.create_group("col_graphs").expect("group");
        let knn = graphs.create_group("KNN").expect("group");
        put(&knn, "a", &[0i32, 1]);
    });
    let data = fixture.read().expect("readable");
    assert!(
        data.notes[0].contains("/col_graphs/KNN"),
        "{:?}",
        data.notes
    );
}

#[test]
fn empty_matrices_are_read() {
    for (genes, cells) in [(0, 0), (0, 4), (3, 0)] {
        let fixture = Fixture::bare(|file| {
            put_matrix(file, "matrix", &Array2::<f32>::zeros((genes, cells)));
        });
        let data = fixture.read().expect("readable");
        assert_eq!((data.counts.genes, data.counts.cells), (genes, cells));
        assert!(dense(&data).is_empty());
        assert_eq!(fixture.outline("").expect("outline").genes.n, genes);
    }
}

#[test]
fn values_that_are_not_finite_are_named() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut x = counts();
        x[[1, 3]] = value;
        match Fixture::new(|p| drop(put_matrix(p.file, "matrix", &x))).read() {
            Err(Error::NotFinite(report)) => {
                let place = "cell 4 ('c3'), gene 2 ('g1')";
                assert!(report.message.contains(place), "{}", report.message);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn files_that_are_no_loom_are_refused_with_what_reads_them() {
    let folder = tempfile::tempdir().expect("folder");
    let at = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("written");
        path
    };
    assert_refused(read(&folder.path().join("none.loom")), "no such file");
    assert_refused(read(folder.path()), "folder");
    assert_refused(read(&at("text", b"cell,gene\n")), "not an HDF5 file");
    assert_refused(Fixture::bare(|_| ()).read(), "no dataset /matrix");
    let h5ad = Fixture::bare(|file| {
        file.create_group("obs").expect("group");
        file.create_group("var").expect("group");
        put_matrix(file, "X", &counts());
    });
    assert_refused(h5ad.read(), "read_h5ad()");
    for name in ["matrix", "mm10"] {
        let tenx = Fixture::bare(|file| {
            let group = file.create_group(name).expect("group");
            put(&group, "barcodes", &texts(&["AAAC"]));
        });
        assert_refused(tenx.read(), "read_10x_h5()");
    }
    let text = Fixture::new(|p| {
        let x = Array2::from_elem((3, 4), unicode("1"));
        put_matrix(p.file, "matrix", &x);
    });
    assert_refused(text.read(), "does not hold numbers");
    assert_refused(text.outline(""), "does not hold numbers");
    let flat = Fixture::new(|p| drop(put(p.file, "matrix", &[1.0, 2.0])));
    assert_refused(flat.read(), "not two-dimensional");
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    let whole = Fixture::full(|p| drop(put(&p.cells, "Age", &[1, 2, 3, 4])));
    let bytes = std::fs::read(&whole.path).expect("bytes");
    for tenth in 0..10 {
        std::fs::write(&whole.path, &bytes[..bytes.len() * tenth / 10]).expect("written");
        let cut = whole.read();
        assert!(
            matches!(cut, Err(Error::FileFormat(_))),
            "cut at {tenth}/10"
        );
    }
}

#[test]
fn a_claim_beyond_the_file_allocates_nothing() {
    let claims = |shape: (usize, usize)| {
        let fixture = Fixture::bare(|file| {
            let built = file.new_dataset::<f64>().chunk((64, 64)).shape(shape);
            built.create("matrix").expect("matrix");
        });
        (fixture.read(), fixture.outline(""))
    };
    let (read, outlined) = claims((1 << 30, 1 << 30));
    assert_refused(read, "the file holds only 0 bytes");
    assert_refused(outlined, "the file holds only 0 bytes");
    assert_refused(
        claims((1 << 32, 0)).0,
        "more cells or genes than R can index",
    );
    let attribute = Fixture::full(|p| {
        let built = p
            .cells
            .new_dataset::<f64>()
            .chunk((4, 64))
            .shape((4, 1 << 50));
        built.create("PCA").expect("claim");
    });
    assert_refused(attribute.read(), "the file holds only 0 bytes");
}

#[test]
fn nothing_outside_of_the_file_is_opened() {
    let other = Fixture::full(|_| ());
    let other = other.path.to_string_lossy();
    let matrix = Fixture::new(|p| {
        p.file
            .link_external(&other, "/matrix", "matrix")
            .expect("link")
    });
    assert_refused(matrix.read(), "link to another file");
    assert_refused(matrix.outline(""), "link to another file");
    let attribute = Fixture::full(|p| {
        let link = p.cells.link_external(&other, "/col_attrs/CellID", "Sex");
        link.expect("link");
    });
    assert_refused(attribute.read(), "link to another file");
    let global = Fixture::full(|p| {
        p.attrs
            .link_external(&other, "/matrix", "away")
            .expect("link");
    });
    assert_refused(global.read(), "link to another file");
    let dangling = Fixture::full(|p| p.cells.link_soft("/nothing", "Sex").expect("link"));
    assert_refused(dangling.read(), "no /col_attrs/Sex");
    let external = Fixture::new(|p| {
        let built = p.file.new_dataset::<f64>().external("/etc/hostname", 0, 96);
        built.shape((3, 4)).create("matrix").expect("matrix");
    });
    assert_refused(external.read(), "other files");
    assert_refused(external.outline(""), "other files");
    let inside = Fixture::new(|p| {
        put_matrix(p.file, "elsewhere", &counts());
        p.file.link_soft("elsewhere", "matrix").expect("link");
    });
    assert_eq!(
        dense(&inside.read().expect("a soft link within")),
        expected()
    );
}
