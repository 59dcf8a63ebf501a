//! Pickles of tables: what each version of pandas wrote, and what was made to do harm.

#[path = "common/refusal.rs"]
mod refusal;

use neuralee_core::Result;
use neuralee_io::pickle::{self, Content, Frame, Pickle, RowNames};
use neuralee_io::Column;
use proptest::prelude::*;
use refusal::{assert_refused, of_file};
use std::path::PathBuf;

const TABLES: [&str; 8] = [
    "pandas023_2",
    "pandas023_4",
    "pandas15_0",
    "pandas15_2",
    "pandas15_4",
    "pandas15_5",
    "pandas22_5",
    "pandas31_5",
];
const ARRAYS: [&str; 3] = ["arrays15", "arrays22", "arrays31"];

fn path(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/pickles");
    folder.join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(path(&format!("{name}.pickle"))).expect("a fixture")
}

fn read(bytes: &[u8]) -> Result<Pickle> {
    pickle::read_bytes(bytes)
}

fn content(bytes: &[u8]) -> Content {
    read(bytes).expect("well-formed").content
}

fn frame(content: Content) -> Frame {
    match content {
        Content::Table(frame) => frame,
        other => panic!("no table: {other:?}"),
    }
}

/// The fields of each line; `NA` is `None`, also where a text was missing.
fn truth() -> Vec<Vec<Option<String>>> {
    let text = std::fs::read_to_string(path("table.csv")).expect("the csv");
    let fields = |line: &str| {
        let (mut fields, mut quoted) = (vec![String::new()], false);
        for letter in line.chars() {
            match letter {
                '"' => quoted = !quoted,
                ',' if !quoted => fields.push(String::new()),
                other => fields.last_mut().expect("a field").push(other),
            }
        }
        fields
            .into_iter()
            .map(|f| (f != "NA").then_some(f))
            .collect()
    };
    text.lines().map(fields).collect()
}

fn as_text(column: &Column) -> Vec<Option<String>> {
    match column {
        Column::Number(x) => {
            let text = |v: &f64| (!v.is_nan()).then(|| v.to_string());
            x.iter().map(text).collect()
        }
        Column::Integer(x) => x.iter().map(|v| v.map(|v| v.to_string())).collect(),
        Column::Logical(x) => {
            let text = |v: bool| if v { "True" } else { "False" }.to_owned();
            x.iter().map(|v| v.map(text)).collect()
        }
        Column::Text(x) => x.clone(),
        Column::Factor { codes, levels, .. } => {
            let text = |code: u32| levels[code as usize].clone();
            codes.iter().map(|code| code.map(text)).collect()
        }
    }
}

fn texts(values: &[Option<&str>]) -> Vec<Option<String>> {
    values.iter().map(|v| v.map(str::to_owned)).collect()
}

#[test]
fn tables_of_all_versions_have_the_values_of_the_csv() {
    let truth = truth();
    for name in TABLES {
        let pickle = read(&bytes(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        let table = frame(pickle.content);
        assert_eq!(table.title.as_deref(), Some("barcode"), "{name}");
        let names = match &table.names {
            RowNames::Labels(names) => as_text(names),
            range => panic!("{name}: {range:?}"),
        };
        assert_eq!(table.rows, 4);
        for (row, label) in truth[1..].iter().zip(names) {
            assert_eq!(row[0], label, "{name}");
        }
        for (k, title) in truth[0].iter().enumerate().skip(1) {
            let (found, column) = &table.columns[k - 1];
            assert_eq!(Some(found), title.as_ref(), "{name}");
            let wanted: Vec<_> = truth[1..].iter().map(|row| row[k].clone()).collect();
            if let Column::Number(x) = column {
                let number =
                    |w: &Option<String>| w.as_ref().map_or(f64::NAN, |w| w.parse().unwrap());
                let same = |(a, b): (&f64, f64)| a == &b || a.is_nan() && b.is_nan();
                assert!(
                    x.iter().zip(wanted.iter().map(number)).all(same),
                    "{name} {found}"
                );
            } else {
                assert_eq!(as_text(column), wanted, "{name} {found}");
            }
        }
        let of = |title: &str| {
            &table
                .columns
                .iter()
                .find(|c| c.0 == title)
                .expect("a column")
                .1
        };
        assert!(matches!(of("whole"), Column::Integer(_)));
        assert!(matches!(of("large"), Column::Number(_)));
        match (of("type"), of("stage")) {
            (
                Column::Factor {
                    levels,
                    ordered: false,
                    ..
                },
                Column::Factor {
                    levels: stages,
                    ordered: true,
                    ..
                },
            ) => {
                assert_eq!(levels, &["T", "NK", "B"], "{name}");
                assert_eq!(stages, &["lo", "hi"], "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
        if name.starts_with("pandas023") {
            assert!(pickle.notes.is_empty());
            continue;
        }
        assert_eq!(
            of("masked"),
            &Column::Integer(vec![Some(1), None, Some(3), Some(4)])
        );
        assert_eq!(
            of("maybe"),
            &Column::Logical(vec![Some(true), None, Some(false), Some(true)])
        );
        assert_eq!(
            as_text(of("string")),
            texts(&[Some("x"), None, Some("y"), Some("z")])
        );
        assert_eq!(table.columns.len(), 12, "{name}");
        assert_eq!(
            pickle.notes,
            ["day was left out: its type has no counterpart in R."]
        );
    }
}

#[test]
fn arrays_lists_and_dictionaries_keep_their_values() {
    for name in ARRAYS {
        let pickle = read(&bytes(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        let Content::Dict(entries) = pickle.content else {
            panic!("no dictionary");
        };
        let of = |key: &str| {
            entries
                .iter()
                .find(|e| e.0 == key)
                .expect("an entry")
                .1
                .clone()
        };
        let integers = |x: &[i32]| Column::Integer(x.iter().copied().map(Some).collect());
        let record = frame(of("record"));
        assert_eq!(record.names, RowNames::Range { start: 0, step: 1 });
        let named = |name: &str, column| (name.to_owned(), column);
        assert_eq!(
            record.columns,
            [
                named("id", integers(&[1, 2])),
                named("name", Column::Text(texts(&[Some("ab"), Some("ü")]))),
                named("score", Column::Number(vec![0.5, -2.0])),
            ]
        );
        let matrix = Content::Matrix {
            rows: 2,
            columns: vec![integers(&[1, 4]), integers(&[2, 5]), integers(&[3, 6])],
        };
        assert_eq!(of("fortran"), matrix, "{name}");
        assert_eq!(of("rows"), matrix, "{name}");
        assert_eq!(of("big"), Content::Values(integers(&[-2, 300])));
        let half = vec![0.5, -2.0, 2f64.powi(-24), f64::INFINITY];
        assert_eq!(of("half"), Content::Values(Column::Number(half)));
        let fixed = Column::Text(texts(&[Some("ab"), Some("c")]));
        assert_eq!(of("fixed"), Content::Values(fixed));
        let objects = [[Some("a"), Some("b")], [None, Some("3")]];
        match of("objects") {
            Content::Matrix { rows: 2, columns } => {
                assert_eq!(as_text(&columns[0]), texts(&objects[0]));
                assert_eq!(columns[1], Column::Integer(vec![None, Some(3)]));
            }
            other => panic!("{name}: {other:?}"),
        }
        assert_eq!(of("scalar"), Content::Values(Column::Number(vec![2.5])));
        assert_eq!(
            of("list"),
            Content::Values(Column::Integer(vec![Some(1), None, Some(3)]))
        );
        let nested = vec![
            Content::Values(integers(&[1, 2])),
            Content::Values(Column::Text(texts(&[Some("a"), None]))),
            Content::Nothing,
        ];
        assert_eq!(of("nested"), Content::List(nested));
        let mixed = Column::Text(texts(&[Some("True"), Some("2.5"), Some("x")]));
        assert_eq!(of("mixed"), Content::Values(mixed));
        assert_eq!(of("nothing"), Content::Nothing);
        let one = Content::Values(integers(&[1]));
        assert_eq!(of("ordered"), Content::Dict(vec![("a".to_owned(), one)]));
        let unnamed = frame(of("unnamed"));
        assert_eq!(unnamed.names, RowNames::Range { start: 0, step: 1 });
        assert_eq!(unnamed.columns[0], named("0", integers(&[1, 2])));
        assert_eq!(
            unnamed.columns[1],
            named("b", Column::Number(vec![0.5, 1.0]))
        );
        let factors = frame(of("factors"));
        assert_eq!(factors.title.as_deref(), Some("f"));
        match &factors.names {
            RowNames::Labels(labels) => assert_eq!(as_text(labels), texts(&[Some("u"), None])),
            range => panic!("{name}: {range:?}"),
        }
        let empty = frame(of("empty"));
        assert_eq!((empty.rows, empty.columns.len()), (1, 0));
        let series = frame(of("series"));
        assert_eq!(series.columns, [named("s", Column::Number(vec![1.5, 2.5]))]);
        assert_eq!(of("range"), Content::Values(Column::Number(vec![2.0, 5.0])));
        assert_eq!(
            of("huge"),
            Content::Values(Column::Number(vec![2f64.powi(70)]))
        );
        assert_eq!(
            pickle.notes,
            ["complex was left out: its type has no counterpart in R."]
        );
    }
}

#[test]
fn numbers_and_text_of_each_opcode() {
    let one = |bytes: &[u8]| match content(bytes) {
        Content::Values(column) => column,
        other => panic!("no value: {other:?}"),
    };
    let integer = |n| Column::Integer(vec![Some(n)]);
    let text = |t: &str| Column::Text(vec![Some(t.to_owned())]);
    assert_eq!(one(b"I-12\n."), integer(-12));
    assert_eq!(one(b"I01\n."), Column::Logical(vec![Some(true)]));
    assert_eq!(one(b"L7L\n."), integer(7));
    assert_eq!(one(b"J\xfe\xff\xff\xff."), integer(-2));
    assert_eq!(one(b"M\x00\x01."), integer(256));
    assert_eq!(one(b"\x8a\x02\x00\xff."), integer(-256));
    assert_eq!(one(b"\x8a\x00."), integer(0));
    assert_eq!(
        one(b"\x8a\x09\0\0\0\0\0\0\0\0\xff."),
        Column::Number(vec![-(2f64.powi(64))])
    );
    assert_eq!(one(b"F2.5\n."), Column::Number(vec![2.5]));
    assert_eq!(one(b"G\x40\x04\0\0\0\0\0\0."), Column::Number(vec![2.5]));
    assert_eq!(one(b"S'a\\x41\\n'\n."), text("aA\n"));
    assert_eq!(one(b"V\\u00fc\xfc\n."), text("üü"));
    assert_eq!(one(b"U\x01a."), text("a"));
    assert_eq!(one(b"X\x02\0\0\0\xc3\xbc."), text("ü"));
    // A dictionary of protocol 0, a duplicate, and a mark that POP takes.
    assert_eq!(one(b"(0K\x01(K\x021."), integer(1));
    let entry = ("1".to_owned(), Content::Values(integer(2)));
    assert_eq!(content(b"(K\x01K\x02d20."), Content::Dict(vec![entry]));
}

#[test]
fn other_names_are_refused_whatever_asks_for_them() {
    let text = |t: &str| [&[0x8c, t.len() as u8][..], t.as_bytes()].concat();
    let stack = [text("os"), text("system"), vec![0x93]].concat();
    let argument = text("touch /tmp/harm");
    let programs: [Vec<u8>; 6] = [
        [b"cos\nsystem\n(", &argument[..], b"tR."].concat(),
        [b"\x80\x04", &stack[..], &argument[..], b"\x85R."].concat(),
        [b"(", &argument[..], b"ios\nsystem\n."].concat(),
        [b"(", &stack[..], &argument[..], b"o."].concat(),
        [&stack[..], &argument[..], b"\x85\x81."].concat(),
        [&stack[..], &argument[..], b"\x85}\x92."].concat(),
    ];
    for program in programs {
        assert_refused(read(&program), "os.system");
    }
    let names = [
        "builtins\neval",
        "__builtin__\nexec",
        "builtins\ngetattr",
        "posix\nsystem",
        "subprocess\nPopen",
        "numpy\nload",
        "numpy.testing._private.utils\nrunstring",
        "pandas\nread_pickle",
        "pandas.core.computation.eval\neval",
        "operator\nattrgetter",
        "importlib\nimport_module",
        "_codecs\ndecode",
        "os.pandas\nDataFrame",
        "evil.numpy\nndarray",
        "pandasx\nDataFrame",
    ];
    for name in names {
        let program = format!("c{name}\n.");
        assert_refused(read(program.as_bytes()), &name.replace('\n', "."));
    }
    assert_refused(read(b"cpyarrow.lib\npy_buffer\n."), "astype(object)");
    // What was allowed as a name is not called, and no value by itself.
    assert_refused(read(b"cpandas\nDataFrame\n."), "no table");
    assert_refused(read(b"cbuiltins\nobject\n)R."), "no table");
    assert_refused(read(b"K\x01)R."), "called that is no function");
    assert_refused(
        read(b"cpandas\nDataFrame\n)}K\x01K\x02s\x92."),
        "named arguments",
    );
}

#[test]
fn what_lies_outside_the_file_is_refused() {
    assert_refused(read(b"Pid\n."), "PERSID");
    assert_refused(read(b"K\x01Q."), "PERSID");
    for extension in [&b"\x82\x01."[..], b"\x83\x01\0.", b"\x84\x01\0\0\0."] {
        assert_refused(read(extension), "EXT");
    }
    assert_refused(read(b"\x97."), "buffers");
    assert_refused(read(b"\x98."), "buffers");
}

#[test]
fn lengths_beyond_the_file_are_refused() {
    let announce: [&[u8]; 8] = [
        b"X\xff\xff\xff\xff",
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x96\xff\xff\xff\xff\xff\xff\xff\xff",
        b"B\xff\xff\xff\xff",
        b"T\xff\xff\xff\xff",
        b"\x8b\xff\xff\xff\x7f",
        b"\x95\xff\xff\xff\xff\xff\xff\xff\xff",
    ];
    for start in announce {
        assert_refused(
            read(&[start, b"abc."].concat()),
            "are announced, but 4 are left",
        );
    }
    let array = |shape: &str, dtype: &str, size: &str| {
        format!(
            "cnumpy\n_reconstruct\n(tR(I1\n{shape}cnumpy\ndtype\n(V{dtype}\n\
             tR(I3\nV|\nNNNI{size}\ntbI00\nS''\ntb."
        )
    };
    let shapes = [
        "(L4611686018427387904\nL4\nt",
        "(I2147483648\nI0\nt",
        "(I-1\nt",
        "(I5\nt",
        "(L9999999999999999999999\nt",
    ];
    for shape in shapes {
        of_file(read(array(shape, "f8", "8").as_bytes()));
    }
    for (dtype, size) in [
        ("S0", "0"),
        ("V0", "0"),
        ("", "0"),
        ("U4611686018427387904", "0"),
    ] {
        of_file(read(array("(I1000000000\nt", dtype, size).as_bytes()));
    }
    // Nothing in it, but two billion columns.
    let empty = array("(I0\nI2000000000\nt", "f8", "8");
    assert_refused(read(empty.as_bytes()), "beyond reason");
    let range = "cpandas\n_new_Index\n(cpandas\nRangeIndex\n(\
                 dVstart\nI0\nsVstop\nI2000000000\nsVstep\nI1\nstR.";
    assert_refused(read(range.as_bytes()), "beyond reason");
    let range = range.replace("I2000000000", "I9223372036854775807");
    assert_refused(read(range.as_bytes()), "too long");
}

#[test]
fn values_that_hold_themselves_end() {
    let deep = [vec![b']'; 1_000_000], vec![b'a'; 999_999], b".".to_vec()].concat();
    assert_refused(read(&deep), "deep");
    assert_refused(
        read(&[vec![b'('; 1_000_000], b".".to_vec()].concat()),
        "missing on the stack",
    );
    assert_refused(read(b"]q\0h\0a."), "holds itself");
    assert_refused(read(b"}q\0K\x01h\0s."), "holds itself");
    assert_refused(read(b"]q\0(h\0tq\x01a0h\x01."), "holds itself");
    // A factor whose categories are an index of the factor.
    let index = "cpandas\n_new_Index\n(cpandas\nIndex\n}p0\ntRp1\n0g0\nVdata\n";
    let factor = "cpandas\nCategorical\n(tR}V_codes\ncnumpy\n_reconstruct\n(tR(I1\n(I1\nt\
                  cnumpy\ndtype\n(Vi1\ntRI00\nS'a'\ntbsV_categories\ng1\nsb";
    assert_refused(
        read(format!("{index}{factor}sg1\n.").as_bytes()),
        "categories of a factor",
    );
    // A type that is its own size, and one that is its own field.
    let scalar = "cnumpy\nscalar\n(cnumpy\ndtype\n(Vi8\ntRp0\n(I3\nV<\nNNN";
    let own = format!("{scalar}cnumpy\nscalar\n(g0\nS'aaaaaaaa'\ntRtbS'aaaaaaaa'\ntR.");
    assert_eq!(
        content(own.as_bytes()),
        Content::Values(Column::Number(vec![7016996765293437281.0]))
    );
    let field = "cnumpy\nscalar\n(cnumpy\ndtype\n(VV8\ntRp0\n(I3\nV|\nN(\
                 Va\nt(dVa\n(g0\nI0\ntsI8\ntbS'aaaaaaaa'\ntR.";
    assert_refused(read(field.as_bytes()), "fields of several values");
}

#[test]
fn values_that_repeat_each_other_do_not_explode() {
    // Each list holds the one before it ten times: 10^12 entries in a few hundred bytes.
    let mut laughs = b"](Vha\n]e".to_vec();
    for level in 0..12u8 {
        laughs.extend([b'q', level, b'0', b']', b'(']);
        laughs.extend([b'h', level].repeat(10));
        laughs.push(b'e');
    }
    laughs.push(b'.');
    assert_refused(read(&laughs), "beyond reason");
    // One long text many times.
    let text = "x".repeat(100_000);
    let repeated = [
        format!("(V{text}\nq\0").as_bytes(),
        &b"h\0".repeat(100_000),
        b"l.",
    ]
    .concat();
    assert_refused(read(&repeated), "beyond reason");
    // One list of pairs as the entries of many dictionaries.
    let pairs = b"(K\x01K\x02t".repeat(10_000);
    let dict = b"ccollections\nOrderedDict\n(h\0tR0".repeat(10_000);
    let copied = [b"(", &pairs[..], b"lq\0", &dict[..], b"."].concat();
    assert_refused(read(&copied), "beyond reason");
}

#[test]
fn damage_is_refused() {
    for (program, words) in [
        (&b""[..], "does not end"),
        (b"K\x01", "does not end"),
        (b".", "missing on the stack"),
        (b"(.", "missing on the stack"),
        (b"t.", "a mark is missing"),
        (b"(K\x01\x86.", "missing on the stack"),
        (b"h\x07.", "was not there before"),
        (b"K\x01K\x02a.", "no list"),
        (b"K\x01K\x02K\x03s.", "no dictionary"),
        (b"}(K\x01u.", "no dictionary"),
        (b"\x80\x06.", "protocol is 6"),
        (b"\xff.", "no opcode 0xff"),
        (b"Ix\n.", "a number is none"),
        (b"Linf\n.", "a number is none"),
        (b"K\x01K\x02b.", "state is given"),
        (b"cpandas\nDataFrame\n)\x81.", "incomplete"),
        (b"name,value\na,1\n", "no opcode"),
    ] {
        assert_refused(read(program), words);
    }
}

#[test]
fn a_nul_in_a_text_is_refused_as_r_has_none() {
    let text = b"\x8c\x03a\0b";
    let other = b"\x8c\x01c";
    let programs = [
        [&text[..], b"."].concat(),
        [b"(", &other[..], &text[..], b"l."].concat(),
        [b"(", &text[..], &other[..], b"d."].concat(),
    ];
    for program in programs {
        assert_refused(read(&program), "holds a NUL");
    }
}

#[test]
fn every_beginning_of_a_pickle_is_refused() {
    for name in TABLES.iter().chain(&ARRAYS) {
        let whole = bytes(name);
        for n in 0..whole.len() {
            of_file(read(&whole[..n]));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]
    #[test]
    fn changed_bytes_give_a_table_or_an_error(
        which in 0..TABLES.len() + ARRAYS.len(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let name = TABLES.iter().chain(&ARRAYS).nth(which).expect("a name");
        let mut changed = bytes(name);
        for (at, byte) in changes {
            let at = at.index(changed.len());
            changed[at] = byte;
        }
        if let Err(error) = read(&changed) {
            prop_assert!(matches!(error.kind(), "file_format" | "memory"), "{}", error);
        }
    }
}

#[test]
fn a_file_may_be_compressed_and_errors_name_it() {
    use std::io::Write;
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("table.pickle.gz");
    let write = |content: &[u8]| {
        let file = std::fs::File::create(&path).expect("created");
        let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        encoder.write_all(content).expect("written");
        encoder.finish().expect("finished");
    };
    let plain = bytes("pandas22_5");
    write(&plain);
    let shown = |pickle: Result<Pickle>| format!("{:?}", pickle.expect("well-formed"));
    assert_eq!(shown(pickle::read(&path, &())), shown(read(&plain)));
    write(b"cos\nsystem\n.");
    assert_refused(
        pickle::read(&path, &()),
        "table.pickle.gz: The pickle uses os.system",
    );
    assert_refused(
        pickle::read(&folder.path().join("none"), &()),
        "no such file",
    );
}
