//! 10x Genomics folders and archives of them, well-formed and hostile.

#[path = "common/refusal.rs"]
mod refusal;

use flate2::{write::GzEncoder, Compression};
use neuralee_core::{Error, Result};
use neuralee_io::tenx::{self, TenX};
use neuralee_io::Values;
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
    gzip_at(Compression::fast(), bytes)
}

fn gzip_at(level: Compression, bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
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

fn assert_refused<T: std::fmt::Debug>(result: Result<T>, words: &str) {
    let message = refusal::of_file(result).message;
    assert!(message.contains(words), "'{words}' is not in: {message}");
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

/// One member of a tar archive: its kind, its name, its content.
struct Member<'a>(u8, &'a str, &'a [u8]);

fn file<'a>(name: &'a str, text: &'a str) -> Member<'a> {
    Member(b'0', name, text.as_bytes())
}

/// A tar archive in the form of ustar.
fn tar(members: &[Member]) -> Vec<u8> {
    let mut out = Vec::new();
    for Member(kind, name, content) in members {
        let mut header = [0u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        let size = format!("{:011o}", content.len());
        header[124..135].copy_from_slice(size.as_bytes());
        header[156] = *kind;
        header[257..263].copy_from_slice(b"ustar\0");
        out.extend(summed(header));
        out.extend_from_slice(content);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

/// The header with its checksum.
fn summed(mut header: [u8; 512]) -> [u8; 512] {
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|&b| u32::from(b)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    header
}

/// Reads an archive with this content.
fn read_archive(bytes: &[u8]) -> Result<TenX> {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("matrices.tar.gz");
    std::fs::write(&path, bytes).expect("written");
    read(&path)
}

fn version_2_below(folder: &str) -> [(String, &'static str); 3] {
    [
        ("matrix.mtx", MATRIX),
        ("genes.tsv", GENES),
        ("barcodes.tsv", BARCODES),
    ]
    .map(|(name, text)| (format!("{folder}{name}"), text))
}

/// The three files of version 2 in each folder, after the members of a choice.
fn archive_of(first: &[Member], folders: &[&str]) -> Vec<u8> {
    let files: Vec<_> = folders.iter().flat_map(|f| version_2_below(f)).collect();
    let first = first
        .iter()
        .map(|Member(kind, name, content)| Member(*kind, name, content));
    let rest = files.iter().map(|(name, text)| file(name, text));
    tar(&first.chain(rest).collect::<Vec<_>>())
}

#[test]
fn an_archive_reads_as_its_folder() {
    let expected = read(
        folder(&[
            ("matrix.mtx", MATRIX),
            ("genes.tsv", GENES),
            ("barcodes.tsv", BARCODES),
        ])
        .path(),
    )
    .expect("folder");
    let directories = [
        Member(b'5', "filtered_gene_bc_matrices/", b""),
        Member(b'5', "filtered_gene_bc_matrices/hg19/", b""),
    ];
    let plain = archive_of(&directories, &["filtered_gene_bc_matrices/hg19/"]);
    assert_eq!(read_archive(&plain).expect("tar"), expected);
    assert_eq!(read_archive(&gzip(&plain)).expect("tar.gz"), expected);
    for folder in ["", "./", ".//a/./b/"] {
        let archive = archive_of(&[], &[folder]);
        assert_eq!(
            read_archive(&archive).expect("readable"),
            expected,
            "{folder}"
        );
    }

    let [matrix, features, barcodes] = [MATRIX, FEATURES, BARCODES].map(|t| gzip(t.as_bytes()));
    let version_3 = tar(&[
        Member(b'0', "m/features.tsv.gz", &features),
        Member(b'0', "m/matrix.mtx.gz", &matrix),
        Member(b'0', "m/barcodes.tsv.gz", &barcodes),
    ]);
    let data = read_archive(&gzip(&version_3)).expect("version 3");
    assert_eq!(data.counts, expected.counts);
    assert_eq!(data.types.expect("types")[2], "Antibody Capture");
}

#[test]
fn the_folder_in_an_archive_is_chosen_as_that_in_a_folder() {
    let choose = |folders: &[&str]| read_archive(&archive_of(&[], folders));
    assert_refused(choose(&["m/hg19/", "m/mm10/"]), "m/hg19, m/mm10");
    assert!(choose(&["outs/raw_matrix/", "outs/filtered_matrix/"]).is_ok());
    assert!(choose(&["raw/hg19/", "filtered/hg19/"]).is_ok());
    assert_refused(
        choose(&["filtered/hg19/", "filtered/mm10/"]),
        "several folders",
    );
    assert!(choose(&["", "more/"]).is_ok());
    assert_refused(choose(&[]), "no tar archive");
    assert_refused(
        read_archive(&tar(&[
            file("readme", "words"),
            file("not_matrix.mtx", MATRIX),
        ])),
        "no matrix.mtx[.gz] in it",
    );
    assert_refused(
        read_archive(&tar(&[file("m/matrix.mtx", MATRIX)])),
        "m/: there is no features.tsv[.gz] or genes.tsv[.gz]",
    );
    let wrong = tar(&[file("m/matrix.mtx", "1 1 1\n"), file("m/genes.tsv", GENES)]);
    assert_refused(read_archive(&wrong), "matrices.tar.gz/m/matrix.mtx: Line 1");
}

#[test]
fn long_names_of_every_dialect_are_read() {
    let folder = "a_name_that_is_longer_than_the_hundred_bytes_of_a_header/".repeat(3);
    let long = |name: &str| format!("{folder}{name}");
    let files = [("matrix.mtx", MATRIX), ("genes.tsv", GENES)];
    let mut gnu = Vec::new();
    let mut posix = Vec::new();
    for (name, text) in files {
        gnu.push((
            b'L',
            "././@LongLink".to_owned(),
            format!("{}\0", long(name)),
        ));
        gnu.push((b'0', "cut".to_owned(), text.to_owned()));
        // The length of a record counts its own three digits.
        let record = format!(" path={}\n", long(name));
        let record = format!("{}{record}", record.len() + 3);
        let size = format!("{} size={}\n", 9 + text.len().to_string().len(), text.len());
        posix.push((b'g', "global".to_owned(), "13 comment=x\n".to_owned()));
        posix.push((b'x', "PaxHeaders".to_owned(), format!("{record}{size}")));
        posix.push((b'0', "cut".to_owned(), text.to_owned()));
    }
    for members in [gnu, posix] {
        let members: Vec<_> = members
            .iter()
            .map(|(kind, name, content)| Member(*kind, name, content.as_bytes()))
            .collect();
        let data = read_archive(&tar(&members)).expect("readable");
        assert_eq!(data.ids, ["ENSG1", "ENSG2", "ENSG3"]);
    }

    let mut prefixed = tar(&[file("matrix.mtx", MATRIX), file("m/genes.tsv", GENES)]);
    let mut header: [u8; 512] = prefixed[..512].try_into().expect("header");
    header[345] = b'm';
    prefixed[..512].copy_from_slice(&summed(header));
    assert!(read_archive(&prefixed).is_ok());
}

#[test]
fn members_that_reach_outside_or_are_no_files_are_refused() {
    let with = |member: Member| read_archive(&archive_of(&[member], &["m/"]));
    assert!(with(file("m/other", "")).is_ok());
    assert_refused(with(file("/etc/passwd", "")), "'/etc/passwd' lies outside");
    assert_refused(with(file("m/../../x", "")), "lies outside");
    assert_refused(with(Member(b'5', "..", b"")), "lies outside");
    assert_refused(
        with(Member(b'2', "m/x", b"")),
        "'m/x' in the archive is a link",
    );
    assert_refused(with(Member(b'1', "m/x", b"")), "is a link");
    for kind in *b"346SV" {
        assert_refused(with(Member(kind, "m/x", b"")), "no plain file");
    }
    assert_refused(with(Member(b'x', "h", b"12 path=/x/\n")), "lies outside");
    assert_refused(with(file("m/genes.tsv", GENES)), "'m/genes.tsv' twice");
    let sparse = Member(b'x', "h", b"22 GNU.sparse.major=1\n");
    assert_refused(with(sparse), "with holes");
    for record in [
        "",
        "x",
        "5",
        "99 path=x\n",
        "9 path=xyz",
        "0 path=x\n",
        "8 pathx\n",
    ] {
        let result = with(Member(b'x', "h", record.as_bytes()));
        assert_eq!(result.is_ok(), record.is_empty(), "{record}");
    }
}

#[test]
fn archives_that_are_cut_or_damaged_are_refused() {
    let plain = archive_of(&[], &["m/"]);
    let zipped = gzip(&plain);
    let end = plain.len() - 1024;
    for cut in (0..=end).step_by(256) {
        let refused = matches!(read_archive(&plain[..cut]), Err(Error::FileFormat(_)));
        assert!(refused, "cut at {cut}");
    }
    for cut in (0..zipped.len()).step_by(7) {
        let refused = matches!(read_archive(&zipped[..cut]), Err(Error::FileFormat(_)));
        assert!(refused, "gzip cut at {cut}");
    }
    let flipped = |at: usize| {
        let mut bytes = plain.clone();
        bytes[at] ^= 1;
        read_archive(&bytes)
    };
    assert_refused(flipped(0), "no tar archive");
    assert_refused(flipped(1024), "checksum");
    let mut checked = zipped.clone();
    let last = checked.len() - 8;
    checked[last] ^= 1;
    assert_refused(read_archive(&checked), "could not be read");
}

#[test]
fn a_length_beyond_the_archive_is_refused() {
    let mut claims = archive_of(&[], &["m/"]);
    let mut header: [u8; 512] = claims[..512].try_into().expect("header");
    let mut claimed = |size: &[u8]| {
        header[124..124 + size.len()].copy_from_slice(size);
        claims[..512].copy_from_slice(&summed(header));
        read_archive(&claims)
    };
    assert_refused(claimed(b"00000100000\0"), "ends before its end");
    assert_refused(claimed(b"77777777777\0"), "100 times its length");
    assert_refused(
        claimed(b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"),
        "100 times",
    );
    assert_refused(
        claimed(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
        "is no number",
    );
    assert_refused(claimed(b"12x\0"), "is no number");
}

#[test]
fn archives_that_expand_without_end_are_refused() {
    let best = |bytes: &[u8]| gzip_at(Compression::best(), bytes);
    let zeros = vec![0u8; 1 << 26];
    let bomb = archive_of(&[Member(b'0', "m/zeros", &zeros)], &["m/"]);
    assert_refused(read_archive(&best(&bomb)), "100 times its length");
    assert!(read_archive(&bomb).is_ok());
    // After the end as well.
    let mut tail = archive_of(&[], &["m/"]);
    tail.extend(&zeros);
    assert_refused(read_archive(&best(&tail)), "100 times its length");
    let name = vec![b'x'; 1 << 17];
    let long = archive_of(&[Member(b'L', "l", &name)], &["m/"]);
    assert_refused(read_archive(&long), "longer than 65536 bytes");
}

#[test]
fn files_that_are_no_archive_are_refused() {
    assert_refused(read_archive(b""), "not a folder");
    assert_refused(read_archive(b"cell,gene\n"), "not a folder");
    assert_refused(read_archive(&[0u8; 4096]), "no tar archive");
    assert_refused(read_archive(&gzip(MATRIX.as_bytes())), "no tar archive");
    assert_refused(read_archive(b"\x89HDF\r\n\x1a\n"), "an HDF5 file");
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

    #[test]
    fn any_damage_to_an_archive_is_an_error_or_harmless(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        zipped in any::<bool>(),
    ) {
        let mut bytes = archive_of(&[], &["m/"]);
        if zipped {
            bytes = gzip(&bytes);
        }
        let at = at.index(bytes.len());
        bytes[at] = byte;
        match read_archive(&bytes) {
            Ok(data) => prop_assert_eq!((data.counts.genes, data.counts.cells), (3, 2)),
            Err(error) => prop_assert!(matches!(error, Error::FileFormat(_)), "{error:?}"),
        }
    }
}
