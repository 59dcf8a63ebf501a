//! Tables of counts as text: each way to write them, and damage.

#[path = "common/zip.rs"]
mod zip;

use flate2::{write::GzEncoder, Compression};
use neuralee_core::monitor::Monitor;
use neuralee_core::{Error, Result};
use neuralee_io::csv::{self, CountTable, EmbeddingTable, Layout};
use neuralee_io::Values;
use proptest::prelude::*;
use std::io::Write;
use std::path::{Path, PathBuf};
use zip::zip;

const LAYOUT: Layout = Layout {
    genes_in_rows: true,
    separator: None,
    header: true,
    row_names: true,
    above: 0,
    text_columns: 0,
};

struct Put {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

fn put(bytes: impl AsRef<[u8]>) -> Put {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("table");
    std::fs::write(&path, bytes).expect("written");
    Put {
        _folder: folder,
        path,
    }
}

fn read_as(bytes: impl AsRef<[u8]>, layout: &Layout) -> Result<CountTable> {
    csv::read(&put(bytes).path, layout, &())
}

fn read(bytes: impl AsRef<[u8]>) -> Result<CountTable> {
    read_as(bytes, &LAYOUT)
}

/// The matrix gene by gene.
fn rows(table: &CountTable) -> Vec<Vec<f64>> {
    let counts = &table.counts;
    let mut rows = vec![vec![0.0; counts.cells]; counts.genes];
    match &counts.values {
        Values::Dense(values) => {
            for (i, &value) in values.iter().enumerate() {
                rows[i % counts.genes][i / counts.genes] = value;
            }
        }
        Values::Sparse(sparse) => {
            assert_eq!((sparse.nrows, sparse.ncols), (counts.genes, counts.cells));
            for cell in 0..counts.cells {
                let stored = sparse.indptr[cell] as usize..sparse.indptr[cell + 1] as usize;
                assert!(sparse.indices[stored.clone()]
                    .windows(2)
                    .all(|w| w[0] < w[1]));
                for i in stored {
                    assert_ne!(sparse.values[i], 0.0);
                    rows[sparse.indices[i] as usize][cell] = sparse.values[i];
                }
            }
        }
    }
    rows
}

fn assert_refused(result: Result<CountTable>, kind: &str, words: &str) {
    let error = result.expect_err("not refused");
    assert_eq!(error.kind(), kind, "{error}");
    assert!(
        error.report().message.contains(words),
        "'{words}' is not in: {error}"
    );
    assert!(error.report().message.contains("table: "), "{error}");
    assert!(!error.report().remedy.is_empty());
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("gzip");
    encoder.finish().expect("gzip")
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(bytes).expect("bzip2");
    encoder.finish().expect("bzip2")
}

const TABLE: &str = "gene,a,b,c\nCD4,0,3,0\nLYZ,7,0,0\nCD4,0,0,12\n";

#[test]
fn every_way_to_write_a_table_gives_the_same() {
    let plain = read(TABLE).expect("readable");
    assert_eq!(
        rows(&plain),
        [[0.0, 3.0, 0.0], [7.0, 0.0, 0.0], [0.0, 0.0, 12.0]]
    );
    assert_eq!(plain.genes, ["CD4", "LYZ", "CD4"]);
    assert_eq!(plain.cells, ["a", "b", "c"]);
    assert!(plain.counts.whole);
    assert!(matches!(plain.counts.values, Values::Sparse(_)));

    let same = [
        TABLE.replace('\n', "\r\n"),
        TABLE.replace('\n', "\r"),
        format!("\u{feff}{TABLE}"),
        TABLE.trim_end().to_owned(),
        format!("{TABLE}\n\r\n"),
        TABLE.replace("gene,", ""),
        TABLE.replace("gene,", ","),
        TABLE.replace("gene,", "\"\","),
        TABLE.replace(',', "\t"),
        TABLE.replace(',', ";"),
        TABLE.replace("CD4", "\"CD4\"").replace("12", "\" 1.2e1\""),
        TABLE.replace("12", "+12.0 ").replace(",7", ",0.7E+1"),
        TABLE.replace(",0", ",-0.000"),
    ];
    for text in same {
        assert_eq!(read(&text).as_ref(), Ok(&plain), "{text:?}");
        assert_eq!(read(gzip(text.as_bytes())).as_ref(), Ok(&plain));
    }
    let transposed = "cell,CD4,LYZ,CD4\na,0,7,0\nb,3,0,0\nc,0,0,12\n";
    let cells_in_rows = Layout {
        genes_in_rows: false,
        ..LAYOUT
    };
    assert_eq!(read_as(transposed, &cells_in_rows), Ok(plain));
}

#[test]
fn compressed_files_are_known_by_their_first_bytes() {
    let plain = read(TABLE).expect("readable");
    let bytes = TABLE.as_bytes();
    // Two members or streams in a row are one text.
    let two =
        |compress: fn(&[u8]) -> Vec<u8>| [compress(&bytes[..20]), compress(&bytes[20..])].concat();
    let folder: (&str, &[u8]) = ("folder/", b"");
    let aside: (&str, &[u8]) = ("__MACOSX/._t.csv", b"x");
    for compressed in [
        gzip(bytes),
        two(gzip),
        bzip2(bytes),
        two(bzip2),
        zip(&[("t.csv", bytes)], true),
        zip(&[folder, ("folder/t.csv", bytes), aside], false),
    ] {
        assert_eq!(read(compressed).as_ref(), Ok(&plain));
    }
    let both = zip(&[("a.csv", bytes), ("b.csv", bytes)], true);
    assert_refused(read(both), "file_format", "holds 2 files: a.csv, b.csv");
    assert_refused(read(zip(&[], true)), "file_format", "holds 0 files");
    assert_refused(read(b"\x28\xb5\x2f\xfd1234567"), "file_format", "Zstandard");
}

#[test]
fn damage_to_compressed_files_is_noticed() {
    let text: String = (0..20_000).fold(String::from("g,a\n"), |text, i| {
        text + &format!("{i},{}\n", i * 7919 % 1009)
    });
    let bytes = text.as_bytes();
    for whole in [
        gzip(bytes),
        bzip2(bytes),
        zip(&[("t", bytes)], true),
        zip(&[("t", bytes)], false),
    ] {
        assert!(read(&whole).is_ok());
        for cut in [whole.len() / 3, whole.len() / 2, whole.len() - 1] {
            assert!(read(&whole[..cut]).is_err(), "cut at {cut}");
        }
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 0x01;
        assert!(read(&flipped).is_err());
    }
}

#[test]
fn names_are_numbers_where_the_file_has_none() {
    let bare = Layout {
        header: false,
        row_names: false,
        ..LAYOUT
    };
    let table = read_as("1\t0\n0\t2.5\n", &bare).expect("readable");
    assert_eq!(
        (rows(&table), table.counts.whole),
        (vec![vec![1.0, 0.0], vec![0.0, 2.5]], false)
    );
    assert_eq!(
        (table.genes, table.cells),
        (vec!["1".into(), "2".into()], vec!["1".into(), "2".into()])
    );
    let header_only = Layout {
        row_names: false,
        ..LAYOUT
    };
    let table = read_as("a\n4\n-1\n", &header_only).expect("readable");
    assert_eq!(
        (rows(&table), table.counts.whole),
        (vec![vec![4.0], vec![-1.0]], false)
    );
    let names_only = Layout {
        header: false,
        ..LAYOUT
    };
    assert_eq!(
        read_as("x;4\ny;5", &names_only).expect("readable").genes,
        ["x", "y"]
    );
}

#[test]
fn lines_above_and_columns_of_text_stay_text() {
    let annotated = Layout {
        separator: Some(b'\t'),
        header: false,
        above: 3,
        text_columns: 1,
        ..LAYOUT
    };
    let text = "\tage\t21\t20\n\nan\todd,\"line\"\nTspan12\t-1\t0\t3\nTshz1\t\t2\t0\n";
    let table = read_as(text, &annotated).expect("readable");
    assert_eq!(
        table.above,
        [
            vec!["", "age", "21", "20"],
            vec![],
            vec!["an", "odd,\"line\""]
        ]
    );
    assert_eq!(table.text_columns, [(None, vec!["-1".into(), "".into()])]);
    assert_eq!(rows(&table), [vec![0.0, 3.0], vec![2.0, 0.0]]);
    assert!(table.counts.whole);
    assert_eq!(table.genes, ["Tspan12", "Tshz1"]);
    let refused =
        |text: &str, words: &str| assert_refused(read_as(text, &annotated), "file_format", words);
    refused(
        "a\n\n\nx\tg\tz\n",
        "Line 4, column 3 (gene 'x'): 'z' is no number",
    );
    refused("a\n\n\n\nx\tg\t1\n", "Line 4 is empty, but others follow");
    refused("a\n\n\nx\tg\n", "Line 4 holds no values");
    refused("a\n\n", "The file ends after 2 lines, before the table");
    refused("", "The file is empty");

    let described = Layout {
        genes_in_rows: false,
        text_columns: 2,
        ..LAYOUT
    };
    for corner in ["cell_id,", ""] {
        let text = format!("{corner}barcode,library,CD4,LYZ\nc1,AC-GT,one,0,2\nc2,GT-AC,two,1,0\n");
        let table = read_as(text, &described).expect("readable");
        assert_eq!(table.genes, ["CD4", "LYZ"]);
        assert_eq!(rows(&table), [vec![0.0, 1.0], vec![2.0, 0.0]]);
        let column =
            |name: &str, values: [&str; 2]| (Some(name.into()), values.map(Into::into).to_vec());
        assert_eq!(
            table.text_columns,
            [
                column("barcode", ["AC-GT", "GT-AC"]),
                column("library", ["one", "two"])
            ]
        );
    }
    assert_refused(
        read_as("id,barcode,library,CD4,LYZ\nc1,AC,one,0\n", &described),
        "file_format",
        "The header names 5 columns, but line 2 holds 1 values and 2 columns of text",
    );
}

#[test]
fn names_keep_what_is_quoted() {
    let text = "\"\",\"c,1\",\"c \"\"2\"\"\"\n\"gène\nα,β\",1,0\n 细胞 ,0,1\n";
    let table = read(text).expect("readable");
    assert_eq!(table.genes, ["gène\nα,β", " 细胞 "]);
    assert_eq!(table.cells, ["c,1", "c \"2\""]);
}

#[test]
fn a_table_may_lack_genes_but_not_cells() {
    let table = read("gene,a,b\n").expect("no genes");
    assert_eq!((table.counts.genes, table.counts.cells), (0, 2));
    assert_eq!(table.cells, ["a", "b"]);
    let refused = |text: &str, words: &str| assert_refused(read(text), "file_format", words);
    refused(
        "gene\nCD4\nLYZ\n",
        "Line 2 holds no values (fields end at each ',')",
    );
    refused("gene\n", "Line 1 holds no values");
    for empty in ["", "\n\n", "\u{feff}"] {
        assert_refused(read(empty), "file_format", "The file is empty");
    }
}

#[test]
fn long_lines_and_many_of_them() {
    let n = 300_000;
    let names: Vec<String> = (0..n).map(|i| format!("cell_number_{i}")).collect();
    let mut text = format!("gene,{}\n", names.join(","));
    for gene in 0..3 {
        let values: Vec<&str> = (0..n)
            .map(|i| if i % 7 == gene { "5" } else { "0" })
            .collect();
        text += &format!("g{gene},{}\n", values.join(","));
    }
    let table = read(&text).expect("readable");
    assert_eq!(table.cells, names);
    for (gene, row) in rows(&table).iter().enumerate() {
        assert!(row
            .iter()
            .enumerate()
            .all(|(i, &v)| v == if i % 7 == gene { 5.0 } else { 0.0 }));
    }
    // Cells in lines, more values than one block holds.
    let mut text = String::from("cell,a,b,c\n");
    for i in 0..500_000 {
        text += &format!("{i},{},{},1\n", i % 5 + 1, i % 3);
    }
    let cells_in_rows = Layout {
        genes_in_rows: false,
        ..LAYOUT
    };
    let table = read_as(&text, &cells_in_rows).expect("readable");
    assert!(matches!(table.counts.values, Values::Dense(_)));
    let rows = rows(&table);
    assert!(
        (0..500_000)
            .all(|i| [rows[0][i], rows[1][i], rows[2][i]]
                == [(i % 5 + 1) as f64, (i % 3) as f64, 1.0])
    );
}

#[test]
fn values_that_are_missing_are_named() {
    let at = |value: &str| TABLE.replace("12", value);
    let place = "Line 4, column 4 (gene 'CD4', cell 'c')";
    for value in ["", "  ", "\"\""] {
        assert_refused(
            read(at(value)),
            "not_finite",
            &format!("{place}: the value is missing"),
        );
    }
    for value in ["NA", "NaN", "Inf", "-inf", "1e999", "null"] {
        assert_refused(
            read(at(value)),
            "not_finite",
            &format!("{place}: the value is {value}"),
        );
    }
    for value in ["x", "1 2", "0x10", "1e", "--1", "1_000", "TRUE"] {
        assert_refused(
            read(at(value)),
            "file_format",
            &format!("{place}: '{value}' is no number"),
        );
    }
    let comma = read("g;a\nCD4;1,5\n").expect_err("a decimal comma");
    assert!(comma.report().remedy.contains("decimal point"), "{comma}");
    let cells_in_rows = Layout {
        genes_in_rows: false,
        ..LAYOUT
    };
    let refused = read_as("x,CD4\ncell1,1\ncell2,NA\n", &cells_in_rows);
    assert_refused(
        refused,
        "not_finite",
        "Line 3, column 2 (cell 'cell2', gene 'CD4')",
    );
    assert_refused(
        read("x,a,b\ng,NA,1\n"),
        "not_finite",
        "Line 2, column 2 (gene 'g')",
    );
}

#[test]
fn lines_that_do_not_fit_are_named() {
    assert_refused(
        read("g,a,b\nx,1,2\ny,1\n"),
        "file_format",
        "Line 3 has 1 values, where 2",
    );
    assert_refused(
        read("g,a,b\nx,1,2\ny,1,2,3\n"),
        "file_format",
        "Line 3 has more than 2 values, where 2",
    );
    assert_refused(
        read("g,a,b\nx,1,2,3,4\n"),
        "file_format",
        "header names 3 columns, but line 2 holds 4 values",
    );
    assert_refused(
        read("g,a,b\nx,1\n"),
        "file_format",
        "header names 3 columns",
    );
    assert_refused(
        read("g,a\nx,1\n\ny,2\n"),
        "file_format",
        "Line 3 is empty, but others follow",
    );
    assert_refused(
        read("g,a\n\"x,1\ny,2\n"),
        "file_format",
        "Line 2: the quote that begins",
    );
    // A quoted break counts as a line.
    assert_refused(
        read("g,a\n\"x\ny\",1\nz\n"),
        "file_format",
        "Line 4 has 0 values",
    );
    assert_refused(
        read(b"g,a\nx\0,1\n"),
        "file_format",
        "Line 2: there is a NUL byte",
    );
    assert_refused(
        read(b"g,a\nx\xff,1\n"),
        "file_format",
        "Line 2: a name is not UTF-8",
    );
    assert_refused(read(b"\xff\xfeg\0,\0a\0"), "file_format", "UTF-16");
    assert_refused(
        csv::read(Path::new("no/table"), &LAYOUT, &()),
        "file_format",
        "There is no such file",
    );
}

#[test]
fn separators_are_found_where_names_hold_others() {
    for text in [
        "gene\tCD4,x\tCD8,y\nc\t1\t0\n",
        "gene,\"a\tb\",c\ng;1,1,0\n",
        "a;b\nx,y,z;1;2\n",
    ] {
        let table = read(text).unwrap_or_else(|e| panic!("{text:?}: {e}"));
        assert_eq!(table.counts.cells, 2, "{text:?}");
    }
    let named = Layout {
        separator: Some(b' '),
        ..LAYOUT
    };
    assert_eq!(
        read_as("a b\nx 1 2\n", &named).expect("spaces").cells,
        ["a", "b"]
    );
}

fn labels(text: &str, cells: usize) -> Result<csv::Labels> {
    csv::read_labels(&put(text).path, cells, true, &())
}

#[test]
fn a_line_more_than_cells_is_a_header() {
    let found = labels("B cells, naive\nT\n", 2).expect("no header");
    assert_eq!(
        found.labels,
        [Some("B cells, naive".into()), Some("T".into())]
    );
    assert_eq!(found.title, None);
    let found = labels(
        "\u{feff}\"type\"\r\n\"B, or T\"\r\n NA \r\n\"NA\"\r\n\r\n",
        3,
    )
    .expect("header");
    assert_eq!(
        found.labels,
        [Some("B, or T".into()), None, Some("NA".into())]
    );
    assert_eq!(found.title.as_deref(), Some("type"));

    let refused = |result: Result<csv::Labels>, words: &str| {
        let error = result.expect_err("not refused");
        assert!(error.report().message.contains(words), "{error}");
    };
    refused(labels("a\nb\n", 3), "There are 2 labels for 3 cells");
    refused(labels("a\nb\nc\nd\n", 2), "more than 3 labels for 2 cells");
    refused(
        labels("a,1\nb,2\n", 2),
        "Each line holds 2 columns, separated by ','",
    );
    refused(labels("a\n\" \"\n\"\"\n", 3), "Line 3: the label is empty");
    refused(
        labels("\"x\",1\n", 1),
        "Line 1: there is text after the quote",
    );
    let path = put("a\nNA\n");
    let batches = csv::read_labels(&path.path, 2, false, &());
    assert!(matches!(batches, Err(Error::NotFinite(r)) if r.message.contains("Line 2")));
}

#[test]
fn an_embedding_reads_back_as_the_same_bits() {
    let values = ndarray::array![
        [1.0 / 3.0, -0.0],
        [f64::MIN_POSITIVE, 1e300],
        [-123456.789, 5e-324]
    ];
    let folder = tempfile::tempdir().expect("folder");
    for name in ["map.csv", "map.csv.gz"] {
        let path = folder.path().join(name);
        let table = EmbeddingTable {
            embedding: values.view(),
            cells: &["a", "b\"", "c,d"].map(String::from),
            dimensions: &["EE1", "EE2"].map(String::from),
            labels: None,
        };
        table.write(&path).expect("written");
        let cells_in_rows = Layout {
            genes_in_rows: false,
            ..LAYOUT
        };
        let back = csv::read(&path, &cells_in_rows, &()).expect("readable");
        assert_eq!(back.genes, ["EE1", "EE2"]);
        assert_eq!(back.cells, ["a", "b\"", "c,d"]);
        let rows = rows(&back);
        assert!((0..6).all(|i| rows[i % 2][i / 2] == values[[i / 2, i % 2]]));
        let labelled = EmbeddingTable {
            labels: Some(&[Some("B, or \"T\"".into()), None, Some("NA".into())]),
            ..table
        };
        let text = folder.path().join("labelled.csv");
        labelled.write(&text).expect("written");
        let text = std::fs::read_to_string(text).expect("text");
        assert!(
            text.starts_with(
                "cell,\"EE1\",\"EE2\",label\n\"a\",0.3333333333333333,-0,\"B, or \"\"T\"\"\"\n"
            ),
            "{text}"
        );
        assert!(text.ends_with(",5e-324,\"NA\"\n"), "{text}");
    }
    let nowhere = EmbeddingTable {
        embedding: values.view(),
        cells: &["a", "b", "c"].map(String::from),
        dimensions: &["x", "y"].map(String::from),
        labels: None,
    };
    assert!(matches!(
        nowhere.write(&folder.path().join("no/map.csv")),
        Err(Error::Input(_))
    ));
    assert!(matches!(nowhere.write(folder.path()), Err(Error::Input(_))));
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .expect("folder")
        .flatten()
        .collect();
    assert_eq!(left.len(), 3, "nothing half-written is left: {left:?}");
}

/// Asks to stop at the first opportunity.
struct Stop;

impl Monitor for Stop {
    fn cancelled(&self) -> bool {
        true
    }
    fn stage(&self, _: &'static str, _: usize) {}
    fn advance(&self, _: usize) {}
}

#[test]
fn reading_can_be_interrupted() {
    let long = format!("g,a\n{}", "x,1\n".repeat(1 << 19));
    for text in [TABLE, &long] {
        let refused = csv::read(&put(text).path, &LAYOUT, &Stop);
        assert!(matches!(refused, Err(Error::Interrupted(_))));
    }
    let labels = csv::read_labels(&put("a\n").path, 1, true, &Stop);
    assert!(matches!(labels, Err(Error::Interrupted(_))));
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        values in (1usize..6, 1usize..6).prop_flat_map(|(genes, cells)| {
            let value = prop_oneof![
                3 => Just(0.0),
                1 => (1u32..1000).prop_map(f64::from),
                1 => any::<f64>().prop_filter("finite", |v| v.is_finite())
            ];
            proptest::collection::vec(proptest::collection::vec(value, cells), genes)
        }),
        separator in prop_oneof![Just(','), Just('\t'), Just(';')],
        corner in any::<bool>(),
        genes_in_rows in any::<bool>(),
    ) {
        let names = |n: usize, what: &str| (0..n).map(|i| format!("{what}{i}")).collect::<Vec<_>>();
        let (rows_there, columns) = (names(values.len(), "r"), names(values[0].len(), "c"));
        let sep = separator.to_string();
        let mut text = if corner { format!("x{sep}") } else { String::new() };
        text += &columns.join(&sep);
        for (name, row) in rows_there.iter().zip(&values) {
            let row: Vec<_> = row.iter().map(|v| format!("{v:?}")).collect();
            text += &format!("\n{name}{sep}{}", row.join(&sep));
        }
        let table = read_as(text, &Layout { genes_in_rows, ..LAYOUT }).expect("readable");
        let found = rows(&table);
        if genes_in_rows {
            prop_assert_eq!((&table.genes, &table.cells), (&rows_there, &columns));
            prop_assert_eq!(&found, &values);
        } else {
            prop_assert_eq!((&table.cells, &table.genes), (&rows_there, &columns));
            for (i, row) in values.iter().enumerate() {
                for (j, value) in row.iter().enumerate() {
                    prop_assert_eq!(found[j][i], *value);
                }
            }
        }
        let whole = values.iter().flatten().all(|&v| v >= 0.0 && v.fract() == 0.0);
        prop_assert_eq!(table.counts.whole, whole);
    }

    #[test]
    fn any_bytes_give_a_table_or_an_error(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        start in 0usize..5
    ) {
        let magic: [&[u8]; 5] =
            [b"", b"PK\x03\x04", &[0x1f, 0x8b, 8], b"\xfd7zXZ\0", b"BZh91AY&SY"];
        let bytes = [magic[start], &bytes].concat();
        if let Ok(table) = read(&bytes) {
            prop_assert_eq!(table.genes.len(), table.counts.genes);
            prop_assert_eq!(table.cells.len(), table.counts.cells);
        }
    }
}
