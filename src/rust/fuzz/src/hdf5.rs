//! HDF5 files whose shapes, types, values and members follow from the bytes of an input:
//! mostly what a reader expects, now and then something else. Mutating the bytes of a
//! file mostly meets HDF5's own parser instead.

use arbitrary::Unstructured;
use hdf5_metno::types::{FixedAscii, VarLenUnicode};
use hdf5_metno::{File, Group, H5Type, Location};
use ndarray::{ArrayD, IxDyn};
use std::path::PathBuf;

#[allow(dead_code)] // datasets have one chunk here
#[path = "../../io/tests/common/lzf.rs"]
mod lzf;

/// A record as files of anndata 0.6 have them.
#[derive(H5Type, Clone)]
#[repr(C)]
struct Record {
    index: VarLenUnicode,
    number: f64,
    code: i32,
    coordinates: [f32; 2],
}

/// A file that was drawn, open until this is dropped.
pub struct Drawn {
    pub path: PathBuf,
    _open: File,
}

/// Draws what to write. An input that has ended gives the usual choice.
pub struct Draw<'a>(Unstructured<'a>);

impl<'a> Draw<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Draw(Unstructured::new(data))
    }

    fn byte(&mut self) -> u8 {
        self.0.arbitrary().unwrap_or(0)
    }

    /// Whether to do something unusual: once in 16.
    pub fn odd(&mut self) -> bool {
        self.byte() >= 240
    }

    pub fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()) % n.max(1)
    }

    /// Mostly the length that is expected.
    fn length(&mut self, expected: usize) -> usize {
        if !self.odd() {
            return expected;
        }
        [expected + 1, expected.saturating_sub(1), 0, 2 * expected, 1][self.below(5)]
    }

    fn text(&mut self) -> VarLenUnicode {
        let texts = [
            "a", "b", "", "β-actin", "0", "a/b", ".", "NA", "x y", "&#181;", "_index", "A,B",
        ];
        let text = match self.odd() {
            true => "long ".repeat(self.below(64)),
            false => texts[self.below(texts.len())].to_owned(),
        };
        text.parse().unwrap_or_default()
    }

    fn texts(&mut self, n: usize) -> Vec<VarLenUnicode> {
        (0..n).map(|_| self.text()).collect()
    }

    /// A number that is mostly a small count.
    fn number(&mut self) -> f64 {
        let extremes = [
            -1.0,
            0.5,
            f64::NAN,
            f64::INFINITY,
            1e300,
            -1e300,
            2147483647.0,
            2147483648.0,
            -2147483648.0,
            9007199254740993.0,
            1.8446744073709552e19,
            -0.0,
        ];
        match self.odd() {
            true => extremes[self.below(extremes.len())],
            false => f64::from(self.byte() % 4),
        }
    }

    /// A number within `0..n`, mostly.
    fn index(&mut self, n: usize) -> f64 {
        match self.odd() {
            true => self.number(),
            false => self.below(n.max(1)) as f64,
        }
    }
}

fn name(group: &str, at: usize) -> String {
    format!("{group}{at}")
}

/// Writes a dataset of a type, chunked and compressed or not as drawn.
fn put<T: H5Type>(draw: &mut Draw, group: &Group, name: &str, shape: &[usize], values: Vec<T>) {
    let Ok(values) = ArrayD::from_shape_vec(IxDyn(shape), values) else {
        return;
    };
    let builder = group.new_dataset_builder();
    let _ = if shape.is_empty() || values.is_empty() || draw.byte() < 200 {
        builder.with_data(&values).create(name)
    } else {
        let chunk: Vec<usize> = shape.iter().map(|&n| 1 + draw.below(n)).collect();
        let builder = builder.chunk(chunk);
        match draw.below(5) {
            0 => builder.with_data(&values).create(name),
            1 => builder.shuffle().deflate(1).with_data(&values).create(name),
            2 => builder.fletcher32().with_data(&values).create(name),
            3 => builder
                .deflate(1)
                .deflate(1)
                .with_data(&values)
                .create(name),
            _ => builder.deflate(9).with_data(&values).create(name),
        }
    };
}

/// Writes a dataset of one chunk that h5py's filter compressed, mostly as it should be.
fn put_lzf<T: H5Type + Copy>(
    draw: &mut Draw,
    group: &Group,
    name: &str,
    shape: &[usize],
    values: &[T],
) {
    let shuffled = draw.byte() >= 128;
    let claimed = draw.odd().then(|| u32::from(draw.byte()));
    let mut bytes = lzf::compress(&lzf::bytes_of(values, shuffled));
    if draw.odd() {
        let at = draw.below(bytes.len());
        bytes[at] = draw.byte();
    }
    if draw.odd() {
        bytes.truncate(1 + draw.below(bytes.len()));
    }
    let dataset = lzf::create::<T>(group, name, shape, shape, shuffled, claimed);
    lzf::write_chunk(&dataset, &vec![0; shape.len()], &bytes);
}

/// Writes numbers, mostly of the type that `usual` names.
fn put_numbers(
    draw: &mut Draw,
    group: &Group,
    name: &str,
    shape: &[usize],
    usual: usize,
    values: Vec<f64>,
) {
    macro_rules! as_type {
        ($type:ty) => {{
            let values: Vec<_> = values.iter().map(|&v| v as $type).collect();
            if !values.is_empty() && !shape.is_empty() && draw.byte() >= 232 {
                put_lzf(draw, group, name, shape, &values)
            } else {
                put(draw, group, name, shape, values)
            }
        }};
    }
    let kind = if draw.odd() { draw.below(14) } else { usual };
    match kind {
        0 => as_type!(i32),
        1 => as_type!(f32),
        2 => as_type!(f64),
        3 => as_type!(i64),
        4 => as_type!(u8),
        5 => as_type!(i8),
        6 => as_type!(u16),
        7 => as_type!(u32),
        8 => as_type!(u64),
        9 => put(
            draw,
            group,
            name,
            shape,
            values.iter().map(|&v| v != 0.0).collect::<Vec<_>>(),
        ),
        10 => {
            let texts = draw.texts(values.len());
            put(draw, group, name, shape, texts);
        }
        11 => {
            let records = draw.records(values.len());
            put(draw, group, name, shape, records);
        }
        12 => put(
            draw,
            group,
            name,
            shape,
            values.iter().map(|&v| [v, 1.0]).collect::<Vec<_>>(),
        ),
        _ => {
            let _ = group.create_group(name);
        }
    }
}

fn put_texts(draw: &mut Draw, group: &Group, name: &str, n: usize) {
    let n = draw.length(n);
    if draw.odd() {
        let values = (0..n).map(|_| draw.number()).collect();
        return put_numbers(draw, group, name, &[n], 0, values);
    }
    if draw.odd() {
        let fixed = |_| FixedAscii::<4>::from_ascii("ab").unwrap_or_default();
        let values = (0..n).map(fixed).collect();
        return put(draw, group, name, &[n], values);
    }
    let texts = draw.texts(n);
    put(draw, group, name, &[n], texts);
}

fn attribute_text(draw: &mut Draw, at: &Location, name: &str, usual: &str) {
    if draw.odd() {
        return;
    }
    let text = match draw.odd() {
        true => draw.text(),
        false => usual.parse().unwrap_or_default(),
    };
    match draw.byte() {
        0..=239 => {
            let made = at.new_attr::<VarLenUnicode>().create(name);
            let _ = made.map(|a| a.write_scalar(&text));
        }
        240..=247 => {
            let _ = at
                .new_attr_builder()
                .with_data(&[text.clone(), text])
                .create(name);
        }
        _ => {
            let _ = at.new_attr_builder().with_data(&[1i32, 2]).create(name);
        }
    }
}

fn attribute_numbers(draw: &mut Draw, at: &Location, name: &str, values: &[i64]) {
    if draw.odd() {
        return;
    }
    let n = draw.length(values.len());
    let mut values: Vec<i64> = values.iter().copied().cycle().take(n).collect();
    if draw.odd() {
        values.iter_mut().for_each(|v| *v = draw.number() as i64);
    }
    let _ = match draw.odd() {
        true => at
            .new_attr_builder()
            .with_data(&values.iter().map(|&v| v as f64).collect::<Vec<_>>())
            .create(name),
        false => at.new_attr_builder().with_data(&values).create(name),
    };
}

impl Draw<'_> {
    fn records(&mut self, n: usize) -> Vec<Record> {
        (0..n)
            .map(|_| Record {
                index: self.text(),
                number: self.number(),
                code: self.index(3) as i32,
                coordinates: [1.0, 2.0],
            })
            .collect()
    }

    fn coordinates(&mut self, n: usize) -> Vec<f64> {
        (0..n).map(|_| self.number()).collect()
    }

    /// A file, whole on the disk when `fill` is done. It stays open, so that HDF5 need not build
    /// its caches anew for each reading, which takes longer than the reading.
    fn file(&mut self, file_name: &str, fill: impl FnOnce(&mut Self, &File)) -> Drawn {
        let path = crate::scratch().join(file_name);
        let file = File::create(&path).expect("a file");
        fill(self, &file);
        file.flush().expect("a written file");
        Drawn { path, _open: file }
    }

    /// Starts, indices and values of compressed columns.
    fn compressed(&mut self, group: &Group, major: usize, minor: usize) {
        let mut starts = vec![0.0];
        let mut indices = Vec::new();
        for _ in 0..major {
            let mut row: Vec<f64> = (0..self.below(4)).map(|_| self.index(minor)).collect();
            if self.byte() < 200 {
                row.sort_by(f64::total_cmp);
                row.dedup();
            }
            if minor > 0 || self.odd() {
                indices.extend(row);
            }
            starts.push(indices.len() as f64);
        }
        if self.odd() {
            let at = self.below(starts.len());
            starts[at] = self.number();
        }
        let kinds = [0, 3, 7];
        let (n, stored) = (self.length(starts.len()), indices.len());
        starts.resize(n, stored as f64);
        let kind = kinds[self.below(3)];
        if !self.odd() {
            put_numbers(self, group, "indptr", &[n], kind, starts);
        }
        let n = self.length(stored);
        indices.resize(n, 0.0);
        if !self.odd() {
            put_numbers(self, group, "indices", &[n], kind, indices);
        }
        let n = self.length(stored);
        let values = self.coordinates(n);
        if !self.odd() {
            let kind = self.below(10);
            put_numbers(self, group, "data", &[n], kind, values);
        }
    }

    /// A dense matrix.
    fn dense(&mut self, group: &Group, name: &str, rows: usize, columns: usize) {
        let shape = match self.odd() {
            true => [
                vec![rows * columns],
                vec![rows, columns, 1],
                vec![],
                vec![columns, rows],
            ][self.below(4)]
            .clone(),
            false => vec![self.length(rows), self.length(columns)],
        };
        let values = self.coordinates(shape.iter().product());
        let kind = self.below(10);
        put_numbers(self, group, name, &shape, kind, values);
    }

    /// X, or a layer.
    fn matrix(&mut self, group: &Group, name: &str, cells: usize, genes: usize) {
        match self.byte() {
            0..=89 => self.dense(group, name, cells, genes),
            90..=249 => {
                let Ok(sparse) = group.create_group(name) else {
                    return;
                };
                let by_cells = self.byte() < 128;
                let format = if by_cells { "csr" } else { "csc" };
                if self.byte() < 200 {
                    attribute_text(self, &sparse, "encoding-type", &format!("{format}_matrix"));
                    attribute_numbers(self, &sparse, "shape", &[cells as i64, genes as i64]);
                } else {
                    attribute_text(self, &sparse, "h5sparse_format", format);
                    attribute_numbers(
                        self,
                        &sparse,
                        "h5sparse_shape",
                        &[cells as i64, genes as i64],
                    );
                }
                let (major, minor) = if by_cells {
                    (cells, genes)
                } else {
                    (genes, cells)
                };
                self.compressed(&sparse, major, minor);
            }
            _ => {}
        }
    }

    /// A column of annotations.
    fn column(&mut self, group: &Group, name: &str, n: usize) {
        let n = self.length(n);
        match self.below(8) {
            0 => put_texts(self, group, name, n),
            1 => {
                let Ok(column) = group.create_group(name) else {
                    return;
                };
                attribute_text(self, &column, "encoding-type", "categorical");
                if self.byte() < 128 {
                    let _ = column
                        .new_attr::<bool>()
                        .create("ordered")
                        .map(|a| a.write_scalar(&true));
                }
                let levels = self.below(4);
                let codes = (0..n)
                    .map(|_| self.index(levels) - f64::from(self.byte() >> 7))
                    .collect();
                if !self.odd() {
                    put_numbers(self, &column, "codes", &[n], 5, codes);
                }
                self.categories(&column, "categories", levels);
            }
            2 => {
                let Ok(column) = group.create_group(name) else {
                    return;
                };
                let kind = [
                    "nullable-integer",
                    "nullable-boolean",
                    "nullable-string-array",
                ][self.below(3)];
                attribute_text(self, &column, "encoding-type", kind);
                let usual = [3, 9, 10][self.below(3)];
                let values = self.coordinates(n);
                if !self.odd() {
                    put_numbers(self, &column, "values", &[n], usual, values);
                }
                let n = self.length(n);
                let mask = self.coordinates(n);
                if !self.odd() {
                    put_numbers(self, &column, "mask", &[n], 9, mask);
                }
            }
            3 => {
                let levels = 1 + self.below(3);
                let codes = (0..n).map(|_| self.index(levels)).collect();
                put_numbers(self, group, name, &[n], 5, codes);
                let beside = group
                    .create_group("__categories")
                    .or_else(|_| group.group("__categories"));
                if let Ok(beside) = beside {
                    self.categories(&beside, name, levels);
                }
            }
            4 => {
                let _ = group.create_group(name);
            }
            5 => self.dense(group, name, n, 2),
            kind => {
                let values = self.coordinates(n);
                put_numbers(self, group, name, &[n], [0, 9][kind - 6], values);
            }
        }
    }

    fn categories(&mut self, group: &Group, name: &str, n: usize) {
        if self.odd() {
            return self.column(group, name, n);
        }
        let n = self.length(n);
        let levels: Vec<VarLenUnicode> = match self.odd() {
            true => self.texts(n),
            false => (0..n)
                .map(|i| format!("level{i}").parse().unwrap_or_default())
                .collect(),
        };
        put(self, group, name, &[n], levels);
    }

    /// obs or var.
    fn table(&mut self, parent: &Group, which: &str, n: usize) {
        if self.odd() {
            return;
        }
        if self.odd() {
            let n = self.length(n);
            let records = self.records(n);
            return put(self, parent, which, &[n], records);
        }
        let Ok(table) = parent.create_group(which) else {
            return;
        };
        attribute_text(self, &table, "_index", "_index");
        let columns = self.below(4);
        let mut order: Vec<VarLenUnicode> = (0..columns)
            .map(|i| name("c", i).parse().unwrap_or_default())
            .collect();
        if self.odd() {
            let more = self.text();
            order.push(more);
        }
        if order.is_empty() || self.odd() {
            let _ = table
                .new_attr_builder()
                .with_data(&[0f64; 0])
                .create("column-order");
        } else if !self.odd() {
            let _ = table
                .new_attr_builder()
                .with_data(&order)
                .create("column-order");
        }
        if !self.odd() {
            if self.odd() {
                self.column(&table, "_index", n);
            } else {
                put_texts(self, &table, "_index", n);
            }
        }
        for i in 0..columns {
            self.column(&table, &name("c", i), n);
        }
        self.links(&table);
    }

    /// Soft links, which may go in circles or nowhere.
    fn links(&mut self, group: &Group) {
        if self.odd() {
            let targets = ["c0", "/X", "/obs", "link", ".", "/", "..", "/none/such"];
            let _ = group.link_soft(targets[self.below(targets.len())], "link");
        }
    }

    /// A file of anndata.
    pub fn h5ad(&mut self) -> Drawn {
        self.file("drawn.h5ad", |draw, file| {
            let (cells, genes) = (draw.below(6), draw.below(5));
            draw.matrix(file, "X", cells, genes);
            draw.table(file, "obs", cells);
            draw.table(file, "var", genes);
            if draw.byte() >= 128 {
                if let Ok(layers) = file.create_group("layers") {
                    draw.matrix(&layers, "l0", cells, genes);
                }
            }
            if draw.byte() >= 160 {
                if let Ok(raw) = file.create_group("raw") {
                    let genes = genes + draw.below(3);
                    draw.matrix(&raw, "X", cells, genes);
                    draw.table(&raw, "var", genes);
                }
            }
            if draw.byte() >= 128 {
                if draw.odd() {
                    let records = draw.records(cells);
                    put(draw, file, "obsm", &[cells], records);
                } else if let Ok(obsm) = file.create_group("obsm") {
                    for i in 0..draw.below(3) {
                        let columns = 1 + draw.below(3);
                        draw.dense(&obsm, &name("X_", i), cells, columns);
                    }
                    draw.links(&obsm);
                }
            }
            if draw.odd() {
                if let Ok(uns) = file.create_group("uns") {
                    draw.categories(&uns, "code_categories", 3);
                }
            }
            draw.links(file);
        })
    }

    /// A loom file.
    pub fn loom(&mut self) -> Drawn {
        self.file("drawn.loom", |draw, file| {
            let (genes, cells) = (draw.below(5), draw.below(6));
            draw.dense(file, "matrix", genes, cells);
            if draw.byte() >= 128 {
                if let Ok(layers) = file.create_group("layers") {
                    draw.dense(&layers, "l0", genes, cells);
                    draw.links(&layers);
                }
            }
            for (group, names, n) in [("row_attrs", "Gene", genes), ("col_attrs", "CellID", cells)]
            {
                if draw.odd() {
                    continue;
                }
                let Ok(group) = file.create_group(group) else {
                    continue;
                };
                if !draw.odd() {
                    put_texts(draw, &group, names, n);
                }
                for i in 0..draw.below(4) {
                    draw.column(&group, &name("c", i), n);
                }
                if draw.byte() >= 128 {
                    let numbers = (0..n).map(|_| draw.index(4)).collect();
                    put_numbers(draw, &group, "ClusterID", &[n], 0, numbers);
                }
                draw.links(&group);
            }
            if draw.byte() >= 64 {
                if let Ok(attributes) = file.create_group("attrs") {
                    let n = draw.below(4);
                    put_texts(draw, &attributes, "CellTypes", n);
                    put_texts(draw, &attributes, "LOOM_SPEC_VERSION", 1);
                    draw.column(&attributes, "c0", n);
                }
            }
            attribute_text(draw, file, "LOOM_SPEC_VERSION", "2.0.1");
            attribute_text(draw, file, "CellTypes", "A,B, C");
            attribute_numbers(draw, file, "numbers", &[1, 2]);
            if draw.odd() {
                let _ = file.create_group("row_graphs/g0");
            }
        })
    }

    /// A file of Cell Ranger.
    pub fn tenx(&mut self) -> Drawn {
        self.file("drawn.h5", |draw, file| {
            let current = draw.byte() < 160;
            for i in 0..1 + usize::from(draw.odd()) {
                let group = if current && i == 0 {
                    "matrix".to_owned()
                } else {
                    name("genome", i)
                };
                let Ok(group) = file.create_group(&group) else {
                    continue;
                };
                let (genes, cells) = (draw.below(5), draw.below(6));
                let mut shape = vec![genes as f64, cells as f64];
                if draw.odd() {
                    shape[draw.below(2)] = draw.number();
                }
                let n = draw.length(2);
                shape.resize(n, 1.0);
                if !draw.odd() {
                    put_numbers(draw, &group, "shape", &[n], 0, shape);
                }
                if !draw.odd() {
                    put_texts(draw, &group, "barcodes", cells);
                }
                if current {
                    if let Ok(features) = group.create_group("features") {
                        for part in ["id", "name", "feature_type", "genome"] {
                            if !draw.odd() {
                                put_texts(draw, &features, part, genes);
                            }
                        }
                    }
                } else {
                    put_texts(draw, &group, "genes", genes);
                    put_texts(draw, &group, "gene_names", genes);
                }
                draw.compressed(&group, cells, genes);
                draw.links(&group);
            }
        })
    }
}
