//! Writes the first inputs of each target to corpus/TARGET, beside which cargo-fuzz keeps what it
//! finds.

use neuralee_core::model::{Landmarks, Model, Origin, Preprocessing};
use neuralee_core::network::{Network, Standard};
use neuralee_core::session::Session;
use neuralee_core::{ee, neuralee};
use neuralee_fuzz::container::{tar, zip};
use neuralee_fuzz::{problem, sealed};
use std::path::Path;

const MATRIX: &str = "%%MatrixMarket matrix coordinate integer general\n%metadata\n\
    3 4 4\n1 1 5\n3 2 1\n2 4 7\n1 4 2\n";
const FEATURES: &str =
    "ENSG1\tA\tGene Expression\nENSG2\tB\tGene Expression\nENSG3\tC\tAntibody Capture\n";
const SHEET: &str = r#"<worksheet><dimension ref="A1"/><sheetData>
<row r="1"><c r="A1" t="s"><v>0</v></c>
<c r="B1" t="s"><v>1</v></c><c r="C1" t="inlineStr"><is><t>b &amp; c</t></is></c></row>
<row r="2"><c r="A2" t="str"><v>d</v></c>
<c r="B2"><v>1</v></c><c r="C2"><f>1+1</f><v>2.5e1</v></c></row>
<row><c t="e"><v>#REF!</v></c><c><v>3</v></c><c t="n"><v>0</v></c>
</row></sheetData></worksheet>"#;
const TEXTS: &str = r#"<sst><si><t xml:space="preserve">a </t></si>
<si><r><t>B</t></r><r><t>&#956;<![CDATA[<]]></t></r>
<rPh sb="0" eb="1"><t>spoken</t></rPh></si></sst>"#;
const RELATIONS: &str = r#"<Relationships>
<Relationship Id="rId1" Type="t/worksheet" Target="worksheets/sheet1.xml"/>
<Relationship Id="rId2" Type="t/sharedStrings" Target="/xl/sharedStrings.xml"/></Relationships>"#;
const WORKBOOK: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<workbook xmlns:r="x"><sheets><sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>"#;
const BARCODES: &str = "AAA-1\nCCC-1\nGGG-1\nTTT-1\n";

fn save(target: &str, name: &str, bytes: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join(name), bytes).expect("a file");
}

fn joined(head: &[u8], body: &[u8]) -> Vec<u8> {
    [head, body].concat()
}

fn main() {
    let tables = [
        "gene,cell1,cell2\nCD4,0,3\nLYZ,12,0\nNKG7,0,0\n",
        "cell1;cell2\n\"a \"\"b\"\"\";1e3;-2.5\r\nb;0;0.25\r\n",
        "\u{feff}\t1\t2\r3\t4\t5\r",
        "1,2,3\n",
    ];
    for (i, table) in tables.iter().enumerate() {
        for how in 0..6u8 {
            for flags in [7u8, 2, 4, 0] {
                save(
                    "csv",
                    &format!("{i}-{how}-{flags}"),
                    &joined(&[how, flags], table.as_bytes()),
                );
            }
        }
    }
    for (i, labels) in [
        "cell_type\nB\nT, naive\n\"B\"\n",
        "NA\n1\n\n",
        "a,b\r\nc,d\r\n",
    ]
    .iter()
    .enumerate()
    {
        for how in 0..6u8 {
            save(
                "labels",
                &format!("{i}-{how}"),
                &joined(&[how, 3, 1], labels.as_bytes()),
            );
        }
    }
    let real = MATRIX.replace("integer", "real");
    for (i, matrix) in [MATRIX, &real].iter().enumerate() {
        let text = format!("{matrix}---\n{FEATURES}---\n{BARCODES}");
        let text = text.replace("---\n", "\n---\n");
        for flags in [0u8, 1, 14, 16] {
            save(
                "tenx_folder",
                &format!("{i}-{flags}"),
                &joined(&[flags], text.as_bytes()),
            );
        }
    }
    let files = [
        ("m/matrix.mtx", MATRIX),
        ("m/genes.tsv", FEATURES),
        ("m/barcodes.tsv", BARCODES),
    ];
    let archive = tar(&files.map(|(name, text)| (name, text.as_bytes())));
    for flags in 0..4u8 {
        save(
            "tenx_archive",
            &flags.to_string(),
            &joined(&[flags], &archive),
        );
    }

    let parts = [SHEET, TEXTS, RELATIONS, WORKBOOK];
    for flags in 0..8u8 {
        save(
            "xlsx",
            &flags.to_string(),
            &joined(&[flags], parts.join("\n---\n").as_bytes()),
        );
    }
    let names = [
        "xl/worksheets/sheet1.xml",
        "xl/sharedStrings.xml",
        "xl/_rels/workbook.xml.rels",
        "xl/workbook.xml",
    ];
    let files: Vec<(&str, &[u8])> = names.into_iter().zip(parts.map(str::as_bytes)).collect();
    for deflate in [false, true] {
        let bytes = joined(&[11], &zip(&files, deflate));
        save("xlsx", &format!("whole-{deflate}"), &bytes);
    }
    let pickles = Path::new(env!("CARGO_MANIFEST_DIR")).join("../io/tests/pickles");
    for entry in std::fs::read_dir(pickles).expect("the fixtures") {
        let path = entry.expect("a fixture").path();
        if path.extension().is_some_and(|e| e == "pickle") {
            let name = path.file_stem().expect("a name").to_string_lossy();
            save("pickle", &name, &std::fs::read(&path).expect("a fixture"));
        }
    }

    let cells = problem::cells();
    let architecture = problem::training().network.architecture(3, 2);
    let model = Model {
        network: Network::initial(architecture, 0.3, 1).expect("a network"),
        standard: Standard {
            centre: vec![0.0; 3],
            scale: 1.5,
        },
        preprocessing: Preprocessing::none(3),
        landmarks: Landmarks::default(),
        origin: Origin {
            kernel: "student".into(),
            features: vec!["a".into(), "b".into(), "c".into()],
            width: 3,
            ..Origin::default()
        },
    };
    let mut map = ee::open(cells.view(), &problem::map(), &()).expect("a run");
    map.advance(3, &()).expect("steps");
    let mut training = neuralee::open(cells.view(), &problem::training(), &()).expect("a run");
    training.advance(2, &()).expect("epochs");
    let sealed_files = [
        (
            "model",
            sealed::MODEL,
            model.check().and_then(|m| m.to_bytes()).expect("bytes"),
        ),
        ("ee_state", sealed::EE_STATE, map.state().expect("bytes")),
        (
            "neuralee_state",
            sealed::NEURALEE_STATE,
            training.state().expect("bytes"),
        ),
    ];
    for (target, kind, bytes) in sealed_files {
        assert!(
            sealed::is_current(&kind, &bytes),
            "{target} is of another version"
        );
        save(target, "whole", &joined(&[0], &bytes));
        save(target, "content", &joined(&[1], &bytes[sealed::HEADER..]));
    }

    // Long enough to draw from, and of each kind of matrix.
    for target in ["h5ad", "loom", "tenx_h5"] {
        for seed in 0..32u32 {
            let mut state = seed + 1;
            let bytes: Vec<u8> = (0..400)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    // Unusual choices are few, so that some files are whole.
                    (state >> 24) as u8 % if seed % 4 == 0 { 255 } else { 239 }
                })
                .collect();
            save(target, &seed.to_string(), &bytes);
        }
    }
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/testthat/fixtures");
    for name in ["new.h5ad", "old.h5ad", "loompy.loom"] {
        let bytes = std::fs::read(fixtures.join(name)).expect("a fixture");
        save("hdf5_bytes", name, &bytes);
    }
}
