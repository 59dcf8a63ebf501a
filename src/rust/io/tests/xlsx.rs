//! Excel workbooks, well-formed and hostile.

#[path = "common/refusal.rs"]
mod refusal;
#[path = "common/zip.rs"]
mod zip;

use neuralee_core::{Error, Result};
use neuralee_io::xlsx::{self, Layout, Sheet};
use neuralee_io::Values;
use refusal::assert_refused;
use zip::zip;

const WORKBOOK: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"
 xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>
<sheet name="About" sheetId="1" r:id="rId1"/>
<sheet name="Counts &amp; more" sheetId="2" r:id="rId2"/>
</sheets></workbook>"#;
const RELATIONS: &str = r#"<Relationships>
<Relationship Id="rId1" Type="t/worksheet" Target="worksheets/sheet1.xml"/>
<Relationship Id="rId2" Type="t/worksheet" Target="/xl/worksheets/sheet2.xml"/>
<Relationship Id="rId3" Type="t/sharedStrings" Target="sharedStrings.xml"/></Relationships>"#;
const TEXTS: &str = r#"<sst><si><t>'Aars'</t></si>
<si><r><t xml:space="preserve">B </t></r><r><t>&#956;</t></r>
<rPh sb="0" eb="1"><t>spoken</t></rPh></si><si><t/></si></sst>"#;

/// A workbook whose second sheet has these rows, in XML.
fn workbook(rows: &str) -> Vec<u8> {
    let sheet =
        format!("<worksheet><dimension ref=\"A1\"/><sheetData>{rows}</sheetData></worksheet>");
    zip(
        &[
            ("xl/workbook.xml", WORKBOOK.as_bytes()),
            ("xl/_rels/workbook.xml.rels", RELATIONS.as_bytes()),
            ("xl/sharedStrings.xml", TEXTS.as_bytes()),
            ("xl/worksheets/sheet1.xml", b"<worksheet/>"),
            ("xl/worksheets/sheet2.xml", sheet.as_bytes()),
        ],
        true,
    )
}

fn read_as(bytes: &[u8], sheet: &str, header: bool, row_names: bool) -> Result<Sheet> {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("book.xlsx");
    std::fs::write(&path, bytes).expect("written");
    let layout = Layout {
        sheet: sheet.into(),
        header,
        row_names,
    };
    xlsx::read(&path, &layout, &())
}

/// Names in the first column, no header.
fn read(rows: &str) -> Result<Sheet> {
    read_as(&workbook(rows), "Counts & more", false, true)
}

const ROWS: &str = r#"
<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1"><v>1</v></c><c r="C1"><v>2.5e1</v></c></row>
<row r="2"><c r="A2" t="s"><v>1</v></c><c r="B2" t="n"><v>0</v></c>
<c r="C2"><f>1+2</f><v>3</v></c></row>"#;

#[test]
fn numbers_and_names_are_read_row_by_row() {
    let sheet = read(ROWS).expect("readable");
    assert_eq!(sheet.row_names, ["'Aars'", "B μ"]);
    assert!(sheet.column_names.is_empty());
    assert_eq!((sheet.counts.genes, sheet.counts.cells), (2, 2));
    assert!(sheet.counts.whole);
    assert_eq!(
        sheet.counts.values,
        Values::Dense(vec![1.0, 0.0, 25.0, 3.0])
    );
}

#[test]
fn what_a_writer_may_leave_out_or_add_makes_no_difference() {
    let plain = read(ROWS).expect("readable");
    let without_places = ROWS.replace("r=\"1\"", "").replace("r=\"2\"", "");
    let without_places = ["A1", "B1", "C1", "A2", "B2", "C2"]
        .iter()
        .fold(without_places, |rows, cell| {
            rows.replace(&format!("r=\"{cell}\""), "")
        });
    let inline = ROWS.replace(
        "t=\"s\"><v>0</v>",
        "t=\"inlineStr\"><is><t>&apos;Aars<![CDATA[']]></t></is>",
    );
    // Formatted cells without a value, after the table in both directions.
    let formatted = format!(
        "{}<row r=\"3\" s=\"1\"><c r=\"A3\" s=\"2\"/><c r=\"B3\" t=\"s\"><v>2</v></c></row>",
        ROWS.replace("</row>", "<c r=\"Z9\" s=\"2\"/></row>")
    );
    for rows in [without_places, inline, formatted] {
        assert_eq!(read(&rows).as_ref(), Ok(&plain), "{rows}");
    }
    let prefixed = |text: &str| {
        text.replace("</", "</x:")
            .replace("<row", "<x:row")
            .replace("<c ", "<x:c ")
    };
    let prefixed = prefixed(ROWS)
        .replace("<v>", "<x:v>")
        .replace("<f>", "<x:f>");
    assert_eq!(read(&prefixed), Ok(plain));
}

#[test]
fn a_header_names_the_columns_whether_or_not_rows_have_names() {
    let text = |text: &str| format!("<c t=\"str\"><v>{text}</v></c>");
    let number = |number: u8| format!("<c><v>{number}</v></c>");
    let rows = format!(
        "<row><c/>{}{}</row><row>{}{}{}</row>",
        text("a"),
        number(7),
        text("g"),
        number(1),
        number(2)
    );
    let sheet = read_as(&workbook(&rows), "Counts & more", true, true).expect("readable");
    assert_eq!(
        (sheet.column_names, sheet.row_names),
        (vec!["a".into(), "7".into()], vec!["g".into()])
    );
    assert_eq!(sheet.counts.values, Values::Dense(vec![1.0, 2.0]));

    let rows = format!(
        "<row>{}{}</row><row>{}{}</row>",
        text("a"),
        text("b"),
        number(1),
        number(2)
    );
    let sheet = read_as(&workbook(&rows), "Counts & more", true, false).expect("readable");
    assert_eq!(sheet.column_names, ["a", "b"]);
    assert!(sheet.row_names.is_empty());
    assert_eq!((sheet.counts.genes, sheet.counts.cells), (1, 2));

    let nothing = read("").expect("readable");
    assert_eq!((nothing.counts.genes, nothing.counts.cells), (0, 0));
}

#[test]
fn what_is_wrong_is_named_by_its_cell() {
    let refused = |from: &str, to: &str, words: &str| {
        assert!(ROWS.contains(from));
        assert_refused(read(&ROWS.replace(from, to)), words);
    };
    refused(
        "<v>1</v></c><c r=\"C1\">",
        "</c><c r=\"C1\">",
        "B1 is empty",
    );
    refused("<v>2.5e1</v>", "", "C2 lies beyond the 2 columns");
    refused("<c r=\"B2\" t=\"n\"><v>0</v></c>", "", "B2 is empty");
    refused("t=\"n\"><v>0", "t=\"str\"><v>1", "B2 holds the text '1'");
    refused("t=\"n\"><v>0", "t=\"e\"><v>#N/A", "B2 holds the error #N/A");
    refused("t=\"n\"><v>0", "t=\"b\"><v>1", "B2 holds true or false");
    refused("t=\"n\"><v>0", "t=\"n\"><v>one", "B2 holds 'one'");
    refused("t=\"s\"><v>1", "t=\"s\"><v>3", "A2 holds '3'");
    refused(
        "<row r=\"2\">",
        "<row r=\"3\">",
        "Row 2 of the sheet is empty",
    );
    refused("<row r=\"2\">", "<row r=\"1\">", "not in order");
    refused("r=\"B2\"", "r=\"A2\"", "not in order");
    refused(
        "<v>3</v></c>",
        "<v>3</v></c><c><v>4</v></c>",
        "D2 lies beyond the 3 columns",
    );
    let infinite = read(&ROWS.replace("<v>3</v>", "<v>1e999</v>"));
    assert!(
        matches!(&infinite, Err(Error::NotFinite(r)) if r.message.contains("gene 2 ('B μ')")),
        "{infinite:?}"
    );
}

#[test]
fn a_cell_far_out_takes_no_memory() {
    let rows = "<row r=\"1\"><c r=\"A1\"><v>1</v></c></row>\
                <row r=\"1048576\"><c r=\"XFD1048576\"><v>1</v></c></row>";
    assert_refused(read(rows), "Row 2 of the sheet is empty");
    assert_refused(read("<row><c r=\"XFD1\"><v>1</v></c></row>"), "A1 is empty");
    assert_refused(
        read("<row><c r=\"XFE1\"><v>1</v></c></row>"),
        "not in order",
    );
}

#[test]
fn other_files_and_sheets_are_refused_with_what_there_is() {
    let book = workbook(ROWS);
    assert_refused(
        read_as(&book, "counts", false, true),
        "no sheet 'counts'. There are: 'About', 'Counts & more'.",
    );
    assert_refused(
        read_as(b"a,b\n1,2\n", "a", false, true),
        "read_csv_counts()",
    );
    assert_refused(
        read_as(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1....", "a", false, true),
        "Save it as .xlsx",
    );
    let other = zip(&[("data.csv", b"1,2")], true);
    assert_refused(read_as(&other, "a", false, true), "holds no Excel workbook");
    for tenth in 1..10 {
        let part = &book[..book.len() * tenth / 10];
        assert_refused(read_as(part, "Counts & more", false, true), "damaged");
    }
    let unfinished = zip(
        &[
            ("xl/workbook.xml", WORKBOOK.as_bytes()),
            ("xl/_rels/workbook.xml.rels", RELATIONS.as_bytes()),
            ("xl/sharedStrings.xml", TEXTS.as_bytes()),
            (
                "xl/worksheets/sheet2.xml",
                b"<worksheet><sheetData><row r=\"1\">",
            ),
        ],
        false,
    );
    assert_refused(
        read_as(&unfinished, "Counts & more", false, true),
        "ends too early",
    );
}

#[test]
fn entities_and_document_types_are_refused() {
    let declared = r#"<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b SYSTEM "file:///etc/passwd">]>"#;
    let book = |workbook: &str| zip(&[("xl/workbook.xml", workbook.as_bytes())], true);
    let with_type = WORKBOOK.replacen("?>", &format!("?>{declared}"), 1);
    assert_refused(
        read_as(&book(&with_type), "About", false, true),
        "declares a document type",
    );
    let entity = ROWS.replace("<v>3</v>", "<v>&a;</v>");
    assert_refused(read(&entity), "an entity of its own");
}

/// The workbook with another length of its sheet in the archive's directory.
fn claiming(book: &[u8], length: u32) -> Vec<u8> {
    let mut book = book.to_vec();
    let name = b"xl/worksheets/sheet2.xml";
    let at = book
        .windows(name.len())
        .rposition(|w| w == name)
        .expect("entry");
    book[at - 22..at - 18].copy_from_slice(&length.to_le_bytes());
    book
}

#[test]
fn a_sheet_takes_no_more_than_it_says_and_may_not_say_too_much() {
    let long = format!("{ROWS}{}", " ".repeat(1 << 20));
    let book = workbook(&long);
    assert!(book.len() < 1 << 13);
    assert!(read_as(&book, "Counts & more", false, true).is_ok());
    let small = read_as(&claiming(&book, 500), "Counts & more", false, true);
    assert_refused(small, "xl/worksheets/sheet2.xml cannot be read");
    if neuralee_core::memory::available().is_some_and(|free| free < 8 * 0xffff_fff0) {
        let large = read_as(&claiming(&book, 0xffff_fff0), "Counts & more", false, true);
        assert!(
            matches!(&large, Err(Error::Memory(r)) if r.message.contains("sheet2.xml")),
            "{large:?}"
        );
    }
}

#[test]
fn a_nul_in_a_text_is_refused_as_r_has_none() {
    for nul in ["\0", "&#0;"] {
        let name = format!("<c t=\"str\"><v>a{nul}b</v></c>");
        let rows = format!("<row>{name}<c><v>1</v></c></row>");
        assert_refused(read(&rows), "sheet2.xml cannot be read");
    }
}
