//! HDF5 matrices of Cell Ranger, well-formed and hostile.
#![cfg(feature = "hdf5")]

#[path = "common/refusal.rs"]
mod refusal;

use hdf5_metno::types::{FixedAscii, VarLenUnicode};
use hdf5_metno::{File, Group, H5Type};
use neuralee_core::{Error, Result};
use neuralee_io::tenx::{self, TenX};
use neuralee_io::{SparseColumns, Stored, Values};
use proptest::prelude::*;
use refusal::{assert_input, assert_refused};
use std::path::PathBuf;

const BARCODES: [&str; 4] = ["AAA-1", "CCC-1", "GGG-1", "TTT-1"];
const IDS: [&str; 3] = ["ENSG1", "ENSG2", "ENSG3"];
const SYMBOLS: [&str; 3] = ["A", "B", "B"];

fn put<T: H5Type>(group: &Group, name: &str, values: &[T]) {
    let built = group.new_dataset_builder().with_data(values);
    built.create(name).expect("dataset");
}

fn put_texts(group: &Group, name: &str, texts: &[&str]) {
    let texts: Vec<VarLenUnicode> = texts.iter().map(|t| t.parse().expect("text")).collect();
    put(group, name, &texts);
}

fn group(parent: &Group, name: &str) -> Group {
    parent.create_group(name).expect("group")
}

struct Fixture {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Fixture {
    fn new(fill: impl FnOnce(&File)) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("matrix.h5");
        let file = File::create(&path).expect("file");
        fill(&file);
        file.close().expect("closed");
        Fixture {
            _folder: folder,
            path,
        }
    }

    fn read(&self) -> Result<TenX> {
        tenx::read_h5(&self.path, None, &())
    }

    fn outline(&self) -> Result<TenX<Stored>> {
        tenx::outline_h5(&self.path, None, &())
    }
}

fn features(group_: &Group, genes: usize) {
    let features = group(group_, "features");
    put_texts(&features, "id", &IDS[..genes]);
    put_texts(&features, "name", &SYMBOLS[..genes]);
    let types = ["Gene Expression", "Gene Expression", "Antibody Capture"];
    put_texts(&features, "feature_type", &types[..genes]);
    put_texts(&features, "genome", &["GRCh38", "GRCh38", ""][..genes]);
}

/// The compressed columns of a matrix of 3 genes by 4 cells, the third of which is empty.
fn values<D: H5Type, I: H5Type, P: H5Type>(
    group: &Group,
    (data, indices, indptr): (&[D], &[I], &[P]),
) {
    put(group, "data", data);
    put(group, "indices", indices);
    put(group, "indptr", indptr);
}

/// The second cell is not in order.
const DATA: [i32; 4] = [2, 7, 5, 1];
const INDICES: [i64; 4] = [1, 2, 0, 0];
const INDPTR: [i64; 5] = [0, 1, 3, 3, 4];

fn version_3(file: &File) -> Group {
    let matrix = group(file, "matrix");
    features(&matrix, 3);
    put_texts(&matrix, "barcodes", &BARCODES);
    put(&matrix, "shape", &[3i32, 4]);
    matrix
}

fn version_2(file: &File, genome: &str) {
    let fixed = |t: &&str| FixedAscii::<8>::from_ascii(t).expect("ascii");
    let matrix = group(file, genome);
    put(&matrix, "genes", &IDS.each_ref().map(fixed));
    put(&matrix, "gene_names", &SYMBOLS.each_ref().map(fixed));
    put(&matrix, "barcodes", &BARCODES.each_ref().map(fixed));
    put(&matrix, "shape", &[3i32, 4]);
    values(&matrix, (&DATA, &INDICES, &INDPTR));
}

/// A file of version 3 with parts of a choice.
fn parts<I: H5Type>(data: &[f64], indices: &[I], indptr: &[i64]) -> Fixture {
    Fixture::new(|f| values(&version_3(f), (data, indices, indptr)))
}

fn whole() -> Fixture {
    Fixture::new(|f| values(&version_3(f), (&DATA, &INDICES, &INDPTR)))
}

fn expected() -> SparseColumns {
    SparseColumns {
        nrows: 3,
        ncols: 4,
        indptr: vec![0, 1, 3, 3, 4],
        indices: vec![1, 0, 2, 0],
        values: vec![2.0, 5.0, 7.0, 1.0],
    }
}

fn sparse(data: TenX) -> SparseColumns {
    match data.counts.values {
        Values::Sparse(sparse) => sparse,
        Values::Dense(_) => panic!("not sparse"),
    }
}

#[test]
fn version_3_has_types_and_genomes_and_genes_in_order() {
    let data = whole().read().expect("readable");
    assert!(data.counts.whole);
    assert_eq!((data.counts.genes, data.counts.cells), (3, 4));
    assert_eq!(data.barcodes, BARCODES);
    assert_eq!(data.ids, IDS);
    assert_eq!(data.symbols, SYMBOLS);
    let types = data.types.as_ref().expect("types");
    assert_eq!(types[2], "Antibody Capture");
    let genomes = data.genomes.as_ref().expect("genomes");
    assert_eq!(genomes, &["GRCh38", "GRCh38", ""]);
    assert_eq!(sparse(data), expected());
}

#[test]
fn version_2_has_a_group_for_each_genome() {
    let one = Fixture::new(|f| version_2(f, "mm10"));
    let data = one.read().expect("readable");
    assert_eq!((&data.types, &data.genomes), (&None, &None));
    assert_eq!(
        (&data.ids[..], &data.symbols[..]),
        (&IDS.map(String::from)[..], &SYMBOLS.map(String::from)[..])
    );
    assert_eq!(data.barcodes, BARCODES);
    assert_eq!(sparse(data), expected());

    let two = Fixture::new(|f| {
        version_2(f, "hg19");
        version_2(f, "mm10");
        group(f, "notes");
    });
    assert_input(two.read(), "hg19, mm10");
    assert_input(two.outline(), "hg19, mm10");
    let named = |name| tenx::read_h5(&two.path, Some(name), &());
    assert_eq!(sparse(named("mm10").expect("named")), expected());
    assert_input(named("notes"), "No group 'notes'");
    assert_input(named("../mm10"), "Choose `group` from: hg19, mm10");
}

#[test]
fn every_type_of_number_reads_the_same() {
    fn reads<D: H5Type, I: H5Type>(data: impl Fn(i32) -> D, index: impl Fn(i64) -> I) {
        let fixture = Fixture::new(|f| {
            let parts = (
                &DATA.map(data)[..],
                &INDICES.map(&index)[..],
                &INDPTR.map(&index)[..],
            );
            values(&version_3(f), parts);
        });
        assert_eq!(sparse(fixture.read().expect("readable")), expected());
    }
    reads(|v| v, |i| i);
    reads(i64::from, |i| i as i32);
    reads(|v| v as u32, |i| i as u32);
    reads(|v| v as f32, |i| i as u64);
    reads(f64::from, |i| i as i16);
}

#[test]
fn chunks_and_gzip_do_not_show() {
    let (genes, cells) = (200usize, 3000usize);
    let names = |n: usize| -> Vec<FixedAscii<8>> {
        let name = |i: usize| FixedAscii::from_ascii(&i.to_string()).expect("ascii");
        (0..n).map(name).collect()
    };
    let per_cell = |c: usize| c % 7;
    let indptr: Vec<i64> = (0..=cells)
        .map(|c| (0..c).map(per_cell).sum::<usize>() as i64)
        .collect();
    let gene = |c: usize, i: usize| (c * 13 + i * 29) % genes;
    let entries = || (0..cells).flat_map(|c| (0..per_cell(c)).map(move |i| (c, i)));
    let indices: Vec<i64> = entries().map(|(c, i)| gene(c, i) as i64).collect();
    let data: Vec<i32> = entries().map(|(c, i)| (c + i + 1) as i32).collect();
    let fixture = Fixture::new(|f| {
        let matrix = group(f, "matrix");
        let zipped = |group: &Group| group.new_dataset_builder().chunk(777).shuffle().deflate(4);
        put(&matrix, "shape", &[genes as i32, cells as i32]);
        zipped(&matrix)
            .with_data(&names(cells))
            .create("barcodes")
            .expect("barcodes");
        put(&group(&matrix, "features"), "id", &names(genes));
        zipped(&matrix)
            .with_data(&indptr)
            .create("indptr")
            .expect("indptr");
        zipped(&matrix)
            .with_data(&indices)
            .create("indices")
            .expect("indices");
        zipped(&matrix)
            .with_data(&data)
            .create("data")
            .expect("data");
    });
    let data = fixture.read().expect("readable");
    assert_eq!(data.symbols, data.ids);
    assert_eq!(data.barcodes[2999], "2999");
    let found = sparse(data);
    let mut expected: Vec<(usize, usize, f64)> = entries()
        .map(|(c, i)| (c, gene(c, i), (c + i + 1) as f64))
        .collect();
    expected.sort_by_key(|&(c, g, _)| (c, g));
    let columns =
        (0..cells).flat_map(|c| (found.indptr[c]..found.indptr[c + 1]).map(move |i| (c, i)));
    let found: Vec<(usize, usize, f64)> = columns
        .map(|(c, i)| {
            (
                c,
                found.indices[i as usize] as usize,
                found.values[i as usize],
            )
        })
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn a_matrix_may_be_empty() {
    let fixture = Fixture::new(|f| {
        let matrix = group(f, "matrix");
        features(&matrix, 0);
        put_texts(&matrix, "barcodes", &[]);
        put(&matrix, "shape", &[0i64, 0]);
        values(&matrix, (&[0i32; 0], &[0i64; 0], &[0i64]));
    });
    let data = fixture.read().expect("readable");
    assert_eq!((data.counts.genes, data.counts.cells), (0, 0));
    assert_eq!(sparse(data).indptr, [0]);
    assert_eq!(fixture.outline().expect("outline").counts.path, "/matrix");
    let nothing = parts(&[], &[0i32; 0], &[0, 0, 0, 0, 0])
        .read()
        .expect("empty cells");
    assert_eq!(sparse(nothing).indptr, [0; 5]);
}

#[test]
fn an_outline_tells_where_the_matrix_lies_and_reads_the_rest() {
    let fixture = whole();
    let (data, outlined) = (
        fixture.read().expect("read"),
        fixture.outline().expect("outline"),
    );
    let stored = |path: &str, whole| Stored {
        path: path.into(),
        sparse: true,
        by_cells: true,
        whole,
    };
    assert_eq!(outlined.counts, stored("/matrix", true));
    assert_eq!(
        (
            outlined.barcodes,
            outlined.ids,
            outlined.symbols,
            outlined.types,
            outlined.genomes
        ),
        (
            data.barcodes,
            data.ids,
            data.symbols,
            data.types,
            data.genomes
        )
    );
    let real = parts(&[0.5, 1.0, 2.0, 3.0], &INDICES, &INDPTR);
    assert_eq!(
        real.outline().expect("real").counts,
        stored("/matrix", false)
    );
    assert_refused(
        parts(&[1.0], &INDICES, &INDPTR).outline(),
        "not equally long",
    );
    assert_refused(
        parts(&[1.0; 4], &INDICES, &[0, 3, 1, 3, 4]).outline(),
        "does not ascend",
    );
}

#[test]
fn parts_that_contradict_each_other_are_refused() {
    let refused = |indices: &[i64], indptr: &[i64], words: &str| {
        assert_refused(parts(&[1.0, 2.0], indices, indptr).read(), words);
    };
    refused(&[0, 3], &[0, 1, 2, 2, 2], "outside of 0 to 2");
    refused(&[0, -1], &[0, 1, 2, 2, 2], "outside of 0 to 2");
    refused(&[0, 1 << 40], &[0, 1, 2, 2, 2], "outside of 0 to 2");
    refused(&[0, 1], &[0, 2, 1, 2, 2], "does not ascend");
    refused(&[0, 1], &[1, 1, 2, 2, 2], "does not ascend");
    refused(&[0, 1], &[0, 1, 2, 2, 9], "does not ascend");
    refused(&[0, 1], &[0, 1, 2], "not equally long");
    refused(&[0], &[0, 1, 2, 2, 2], "not equally long");
    refused(
        &[1, 1],
        &[0, 0, 2, 2, 2],
        "two values for one gene of cell 2 ('CCC-1')",
    );
}

#[test]
fn values_that_are_not_finite_are_named() {
    match parts(&[1.0, f64::NAN, 1.0, 1.0], &INDICES, &INDPTR).read() {
        Err(Error::NotFinite(report)) => {
            let place = "cell 2 ('CCC-1'), gene 3 ('ENSG3')";
            assert!(report.message.contains(place), "{}", report.message);
        }
        other => panic!("{other:?}"),
    }
    let real = parts(&[1.5, 1.0, 1.0, 1.0], &INDICES, &INDPTR).read();
    assert!(!real.expect("real").counts.whole);
}

#[test]
fn missing_or_wrong_annotations_are_refused() {
    let without = |name: &str| {
        Fixture::new(|f| {
            let matrix = version_3(f);
            values(&matrix, (&DATA, &INDICES, &INDPTR));
            matrix.unlink(name).expect("unlinked");
        })
    };
    assert_refused(
        without("features").read(),
        "no /matrix/features or /matrix/genes",
    );
    assert_refused(without("features/id").read(), "no /matrix/features/id");
    assert_refused(without("shape").read(), "no /matrix/shape");
    assert_refused(without("data").read(), "no /matrix/data");
    assert_refused(without("barcodes").read(), "no /matrix/barcodes");
    let bare = without("features/name").read().expect("readable");
    assert_eq!(bare.symbols, IDS);
    assert_eq!(
        without("features/genome").read().expect("readable").genomes,
        None
    );

    let instead = |name: &str, put_other: &dyn Fn(&Group)| {
        let fixture = Fixture::new(|f| {
            let matrix = version_3(f);
            values(&matrix, (&DATA, &INDICES, &INDPTR));
            matrix.unlink(name).expect("unlinked");
            put_other(&matrix);
        });
        fixture.read()
    };
    let shape = |sides: &'static [i64]| instead("shape", &|m| put(m, "shape", sides));
    assert_refused(shape(&[3, 5]), "holds 4 names, but there are 5 cells");
    assert_refused(shape(&[2, 4]), "holds 3 names, but there are 2 genes");
    assert_refused(shape(&[-3, 4]), "-3 x 4");
    assert_refused(shape(&[3, 1 << 40]), "R can index");
    assert_refused(shape(&[3, 4, 1]), "two numbers");
    let numbers = instead("barcodes", &|m| put(m, "barcodes", &[1, 2, 3, 4]));
    assert_refused(numbers, "does not hold text");
    let names = instead("data", &|m| put_texts(m, "data", &BARCODES));
    assert_refused(names, "does not hold numbers");
    let table = instead("indptr", &|m| drop(group(m, "indptr")));
    assert_refused(table, "is a group, not a dataset");
}

#[test]
fn files_of_other_kinds_are_told_apart() {
    let with =
        |names: &[&str]| Fixture::new(|f| names.iter().for_each(|name| drop(group(f, name))));
    assert_refused(with(&["obs", "var", "X"]).read(), "read_h5ad()");
    assert_refused(
        with(&["matrix", "row_attrs", "col_attrs"]).read(),
        "a loom file",
    );
    let molecules = ["barcode_idx", "umi", "barcodes"];
    assert_refused(with(&molecules).read(), "filtered_feature_bc_matrix.h5");
    assert_refused(with(&["other"]).read(), "not a matrix of Cell Ranger");
    assert_refused(with(&[]).read(), "not a matrix of Cell Ranger");

    let folder = tempfile::tempdir().expect("folder");
    let at = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("written");
        tenx::read_h5(&path, None, &())
    };
    assert_refused(at("text", b"cell,gene\n"), "not an HDF5 file");
    assert_refused(at("gz", &[0x1f, 0x8b, 8, 0]), "gzip");
    assert_refused(tenx::read_h5(folder.path(), None, &()), "read_10x()");
    let none = folder.path().join("none.h5");
    assert_refused(tenx::read_h5(&none, None, &()), "no such file");
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    let whole = whole();
    let bytes = std::fs::read(&whole.path).expect("bytes");
    for tenth in 0..10 {
        std::fs::write(&whole.path, &bytes[..bytes.len() * tenth / 10]).expect("written");
        let refused = matches!(whole.read(), Err(Error::FileFormat(_)));
        assert!(refused, "cut at {tenth}/10");
    }
}

/// The matrix alone, as it is and outlined.
fn alone(shape: [i64; 2], indptr: &[i64]) -> [Result<TenX<()>>; 2] {
    let fixture = Fixture::new(|f| {
        let matrix = group(f, "mm10");
        put(&matrix, "shape", &shape);
        values(&matrix, (&DATA, &INDICES, indptr));
    });
    fn without<M>(data: TenX<M>) -> TenX<()> {
        TenX {
            counts: (),
            barcodes: data.barcodes,
            ids: data.ids,
            symbols: data.symbols,
            types: data.types,
            genomes: data.genomes,
            notes: data.notes,
        }
    }
    let read = fixture.read().map(|data| {
        assert_eq!(sparse(data.clone()).values, expected().values);
        without(data)
    });
    [read, fixture.outline().map(without)]
}

#[test]
fn a_group_may_hold_the_matrix_alone() {
    for data in alone([3, 4], &INDPTR) {
        let data = data.expect("readable");
        assert_eq!(data.barcodes, ["1", "2", "3", "4"]);
        assert_eq!((&data.ids, &data.symbols), (&data.symbols, &data.ids));
        assert_eq!(data.ids, ["1", "2", "3"]);
        assert_eq!(data.notes.len(), 2);
        assert!(data.notes[0].contains("/mm10 does not name the cells"));
    }
    for data in alone([3, 5], &INDPTR) {
        assert_refused(data, "/mm10/indptr holds 5 numbers, but there are 5 cells");
    }
    for data in alone([1 << 30, 4], &INDPTR) {
        assert_refused(
            data,
            "/mm10/shape claims 1073741824 genes, but there are 4 values",
        );
    }
}

#[test]
fn annotation_without_values_is_left_out_with_a_note() {
    let fixture = Fixture::new(|f| {
        let matrix = version_3(f);
        values(&matrix, (&DATA, &INDICES, &INDPTR));
        for name in [
            "features/name",
            "features/genome",
            "features/id",
            "barcodes",
        ] {
            matrix.unlink(name).expect("unlinked");
            let builder = matrix.new_dataset_builder().empty::<FixedAscii<4>>();
            let void = builder.shape(hdf5_metno::Extents::Null);
            void.create(name).expect("null");
        }
    });
    let data = fixture.read().expect("readable");
    assert_eq!((data.genomes, data.ids), (None, data.symbols));
    assert_eq!(data.barcodes, ["1", "2", "3", "4"]);
    let note = "/matrix/features/name was left out: it holds no values.".to_owned();
    assert!(data.notes.contains(&note));
    assert_eq!(data.notes.len(), 6);
    assert_eq!(fixture.outline().expect("outline").notes, data.notes);
}

#[test]
fn a_claim_beyond_the_file_allocates_nothing() {
    let huge = 1usize << 30;
    let claims = |name: &'static str| {
        Fixture::new(|f| {
            let matrix = version_3(f);
            values(&matrix, (&DATA, &INDICES, &INDPTR));
            matrix.unlink(name).expect("unlinked");
            let claimed = matrix.new_dataset::<i64>().chunk(1024).shape(huge);
            claimed.create(name).expect("dataset");
        })
    };
    for name in ["data", "indices", "indptr", "shape"] {
        assert_refused(claims(name).read(), "the file holds only 0 bytes");
        assert_refused(claims(name).outline(), "the file holds only 0 bytes");
    }
    let names = Fixture::new(|f| {
        let matrix = group(f, "matrix");
        features(&matrix, 3);
        put(&matrix, "shape", &[3i64, 1 << 30]);
        let claimed = matrix
            .new_dataset::<FixedAscii<18>>()
            .chunk(1024)
            .shape(huge);
        claimed.create("barcodes").expect("barcodes");
        values(&matrix, (&DATA, &INDICES, &INDPTR));
    });
    assert_refused(names.read(), "the file holds only 0 bytes");
}

#[test]
fn more_values_than_r_can_index_are_refused() {
    // Of a dataset in chunks only those are stored that were written.
    let count = (1usize << 31) + 1;
    let fixture = Fixture::new(|f| {
        let matrix = version_3(f);
        for name in ["data", "indices"] {
            let built = matrix
                .new_dataset::<u8>()
                .chunk(1 << 20)
                .deflate(9)
                .shape(count);
            let dataset = built.create(name).expect("dataset");
            // Noise, which does not shrink: so much could be all values, compressed.
            let mut state = 1u64;
            let noise: Vec<u8> = std::iter::repeat_with(|| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
                (state >> 56) as u8
            })
            .take(1 << 20)
            .collect();
            for chunk in 0..3 {
                let at = chunk << 20;
                dataset
                    .write_slice(&noise, at..at + (1 << 20))
                    .expect("written");
            }
        }
        put(&matrix, "indptr", &[0i64, 0, 0, 0, count as i64]);
    });
    match fixture.read() {
        Err(Error::Memory(report)) => assert!(!report.remedy.is_empty()),
        other => panic!("not refused for its size: {other:?}"),
    }
}

#[test]
fn links_and_data_of_other_files_are_refused() {
    let other = whole();
    let other = other.path.to_string_lossy();
    let external = Fixture::new(|f| f.link_external(&other, "/matrix", "matrix").expect("link"));
    assert_refused(external.read(), "link to another file");
    let one_part = Fixture::new(|f| {
        let matrix = version_3(f);
        put(&matrix, "indices", &INDICES);
        put(&matrix, "indptr", &INDPTR);
        matrix
            .link_external(&other, "/matrix/data", "data")
            .expect("link");
    });
    assert_refused(one_part.read(), "link to another file");
    assert_refused(one_part.outline(), "link to another file");
    let outside = Fixture::new(|f| {
        let matrix = version_3(f);
        put(&matrix, "indices", &INDICES);
        put(&matrix, "indptr", &INDPTR);
        let built = matrix.new_dataset::<i32>().external("/etc/hostname", 0, 16);
        built.shape(4).create("data").expect("data");
    });
    assert_refused(outside.read(), "other files");
    let dangling = Fixture::new(|f| f.link_soft("/nothing", "matrix").expect("link"));
    assert_refused(dangling.read(), "no group with barcodes");
    let inside = Fixture::new(|f| {
        let matrix = version_3(f);
        values(&group(f, "parts"), (&DATA, &INDICES, &INDPTR));
        for name in ["data", "indices", "indptr"] {
            matrix
                .link_soft(&format!("/parts/{name}"), name)
                .expect("link");
        }
    });
    assert_eq!(
        sparse(inside.read().expect("links within the file")),
        expected()
    );
}

proptest! {
    #[test]
    fn what_is_written_in_any_order_is_read_back(
        places in proptest::collection::btree_map((0usize..5, 0usize..3), 1i32..1000, 0..15),
        reversed in any::<bool>(),
    ) {
        let mut entries: Vec<_> = places.iter().map(|(&(c, g), &v)| (c, g, v)).collect();
        if reversed {
            entries.sort_by_key(|&(c, g, _)| (c, std::cmp::Reverse(g)));
        }
        let indptr: Vec<i64> = (0..=5)
            .map(|c| entries.iter().filter(|e| e.0 < c).count() as i64)
            .collect();
        let fixture = Fixture::new(|f| {
            let matrix = group(f, "matrix");
            features(&matrix, 3);
            put_texts(&matrix, "barcodes", &["a", "b", "c", "d", "e"]);
            put(&matrix, "shape", &[3i32, 5]);
            let data: Vec<i32> = entries.iter().map(|e| e.2).collect();
            let indices: Vec<i64> = entries.iter().map(|e| e.1 as i64).collect();
            values(&matrix, (&data, &indices, &indptr));
        });
        let sparse = sparse(fixture.read().expect("readable"));
        let mut found = std::collections::BTreeMap::new();
        for c in 0..5 {
            let column = sparse.indptr[c] as usize..sparse.indptr[c + 1] as usize;
            prop_assert!(sparse.indices[column.clone()].windows(2).all(|w| w[0] < w[1]));
            for i in column {
                found.insert((c, sparse.indices[i] as usize), sparse.values[i] as i32);
            }
        }
        prop_assert_eq!(found, places);
    }
}
