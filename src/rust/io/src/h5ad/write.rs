//! Writing AnnData files, in the layout of anndata 0.8 and later.
//!
//! A new file grows under a name of its own and takes over its path in one move. An existing one is
//! copied, the copy changed and moved likewise. HDF5 keeps no journal, so that a program that dies
//! while it changes a file where it lies may leave all of it unreadable.

use super::draft::{Block, Contents, Draft};
use super::format::{FORMAT, R_TEXT, R_TYPE};
use super::table::row_names;
use crate::hdf5::raw;
use crate::hdf5::store::{Node, Store};
use crate::{Column, Table};
use hdf5_metno as hdf5;
use hdf5_metno::file::FileBuilder;
use hdf5_metno::types::VarLenUnicode;
use hdf5_metno::{Dataset, Extent, File, Group, H5Type, Location, SimpleExtents};
use ndarray::{s, ArrayView1, ArrayView2, Axis};
use neuralee_core::monitor::Monitor;
use neuralee_core::{Error, Result};
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// Values of one chunk, which is read and expanded as a whole.
const CHUNK: usize = 1 << 16;
/// Values written between two looks at the monitor.
const STEP: usize = 1 << 20;
const DEFLATE: i32 = 1;
const SHUFFLE: i32 = 2;

pub(super) fn begin(draft: &Draft, contents: &Contents, overwrite: bool) -> Result<()> {
    check_target(&draft.target, overwrite)?;
    for filter in [DEFLATE, SHUFFLE] {
        if draft.gzip > 0 && !raw::filter_available(filter) {
            return Err(Error::input(
                "This HDF5 was built without gzip compression.",
                "Write without compression, or install an HDF5 that has it.",
            ));
        }
    }
    contents.check()?;
    // HDF5 would say less of why a file cannot be created.
    std::fs::File::create(&draft.beside).map_err(|e| unwritten(&e))?;
    let file = unbuffered().create(&draft.beside).map_err(failed)?;
    change(draft, file, |file| contents.write(file).map_err(failed))
}

/// A file whose values are written at once. Values that wait for their dataset to be closed would
/// keep it open for ever where the disk has no room for them. HDF5 would then crash at the end of
/// the program.
fn unbuffered() -> FileBuilder {
    let mut builder = File::with_options();
    builder.with_fapl(|access| access.chunk_cache(0, 0, 0.0).sieve_buf_size(0));
    builder
}

fn open(draft: &Draft) -> Result<File> {
    unbuffered().open_rw(&draft.beside).map_err(failed)
}

pub(super) fn add_matrix(draft: &Draft, path: &str, sparse: bool, genes: usize) -> Result<()> {
    if let Some(layer) = path.strip_prefix("layers/") {
        check_key(layer, "layer")?;
    }
    let create = |file: &Group| {
        if !sparse {
            let values = growing::<f64>(file, path, Some(genes), draft.gzip)?;
            return mark(&values, "array", "0.2.0");
        }
        let group = file.create_group(path)?;
        mark(&group, "csr_matrix", "0.1.0")?;
        growing::<f64>(&group, "data", None, draft.gzip)?;
        growing::<i32>(&group, "indices", None, draft.gzip)?;
        append_1d(
            &growing::<i64>(&group, "indptr", None, draft.gzip)?,
            &[0i64],
        )?;
        let shape = [0, genes as i64];
        let attribute = group.new_attr_builder().with_data(&shape);
        attribute.create("shape").map(drop)
    };
    change(draft, open(draft)?, |file| create(file).map_err(failed))
}

/// An empty dataset that grows along its first axis.
fn growing<T: H5Type>(
    group: &Group,
    name: &str,
    columns: Option<usize>,
    gzip: u8,
) -> hdf5::Result<Dataset> {
    let mut extents = vec![Extent::resizable(0)];
    let mut chunk = vec![CHUNK];
    if let Some(columns) = columns {
        // No chunk is as narrow as a matrix without genes.
        extents.push(match columns {
            0 => Extent::resizable(0),
            _ => Extent::fixed(columns),
        });
        chunk = vec![(CHUNK / columns.max(1)).max(1), columns.max(1)];
    }
    let mut builder = group.new_dataset_builder();
    if gzip > 0 {
        builder = builder.shuffle().deflate(gzip);
    }
    let builder = builder.chunk(chunk).empty::<T>();
    builder.shape(SimpleExtents::from_vec(extents)).create(name)
}

pub(super) fn append(draft: &Draft, path: &str, block: Block, monitor: &dyn Monitor) -> Result<()> {
    change(draft, open(draft)?, |file| match block {
        Block::Dense { cells, values } => append_dense(file, path, cells, values, monitor),
        Block::Sparse {
            indptr,
            indices,
            values,
        } => append_sparse(file, path, indptr, indices, values, monitor),
    })
}

pub(super) fn finish(draft: &Draft, overwrite: bool) -> Result<()> {
    change(draft, open(draft)?, |file| {
        complete(file, draft.gzip).map_err(failed)
    })?;
    check_target(&draft.target, overwrite)?;
    replace(draft)
}

/// Gives sparse matrices their number of rows and, where they fit, starts of 32 bits, as their
/// indices have: some programs take no others.
fn complete(file: &Group, gzip: u8) -> hdf5::Result<()> {
    let layers = file.group("layers")?.member_names()?;
    let paths = layers.iter().map(|name| format!("layers/{name}"));
    for path in std::iter::once("X".to_owned()).chain(paths) {
        let Ok(group) = file.group(&path) else {
            continue;
        };
        let starts = group.dataset("indptr")?.read_raw::<i64>()?;
        let shape = group.attr("shape")?;
        let genes = shape.read_raw::<i64>()?[1];
        shape.write_raw(&[starts.len() as i64 - 1, genes])?;
        let small: std::result::Result<Vec<i32>, _> =
            starts.iter().map(|&s| i32::try_from(s)).collect();
        if let Ok(small) = small {
            group.unlink("indptr")?;
            append_1d(&growing::<i32>(&group, "indptr", None, gzip)?, &small)?;
        }
    }
    Ok(())
}

fn check_target(target: &Path, overwrite: bool) -> Result<()> {
    if target.exists() && !target.is_file() {
        return Err(Error::input(
            "This exists and is no regular file.",
            "Give another path.",
        ));
    }
    if target.exists() && !overwrite {
        return Err(Error::input(
            "The file exists.",
            "Give another path, or set overwrite = TRUE.",
        ));
    }
    Ok(())
}

fn replace(draft: &Draft) -> Result<()> {
    // Windows syncs only what may be written.
    std::fs::File::options()
        .write(true)
        .open(&draft.beside)
        .and_then(|file| file.sync_all())
        .and_then(|()| std::fs::rename(&draft.beside, &draft.target))
        .map_err(|e| unwritten(&e))
}

fn unwritten(e: &std::io::Error) -> Error {
    Error::input(
        format!("The file could not be written: {e}."),
        "Check that the folder exists, is writable and has room.",
    )
}

fn failed(e: hdf5::Error) -> Error {
    Error::input(
        format!("HDF5 could not write the file ({e})."),
        "Check that the disk has room, and that no other program writes this file.",
    )
}

/// Lets `work` change a draft's file and closes it.
fn change(draft: &Draft, file: File, work: impl FnOnce(&File) -> Result<()>) -> Result<()> {
    // Closing alone would keep silent about what could not be written.
    let changed = work(&file).and_then(|()| file.flush().map_err(failed));
    if changed.is_err() {
        // Closing writes what belongs to the file as a whole, and must not fail either. A full disk
        // has room again once the draft is empty.
        let emptied = std::fs::File::options().write(true).open(&draft.beside);
        let _ = emptied.and_then(|file| file.set_len(0));
    }
    let closed = file.close().map_err(failed);
    changed.and(closed)
}

/// A name that is one step of a path in the file.
fn check_key(name: &str, what: &str) -> Result<()> {
    if name.is_empty() || name == "." || name.contains(['/', '\0']) {
        return Err(Error::input(
            format!("\"{name}\" cannot be the name of a {what} in an AnnData file."),
            "Names are not empty, not \".\" and without \"/\": rename it.",
        ));
    }
    Ok(())
}

fn check_keys<T>(entries: &[(String, T)], what: &str) -> Result<()> {
    let mut seen = HashSet::new();
    for (name, _) in entries {
        check_key(name, what)?;
        if !seen.insert(name) {
            return Err(Error::input(
                format!("There are several {what}s called \"{name}\"."),
                "Rename all but one.",
            ));
        }
    }
    Ok(())
}

impl Contents<'_> {
    fn check(&self) -> Result<()> {
        for (table, what) in [
            (self.cells, "column of the cells"),
            (self.genes, "column of the genes"),
        ] {
            check_keys(&table.columns, what)?;
            if table.columns.iter().any(|(name, _)| name == "_index") {
                return Err(Error::input(
                    format!(
                        "\"_index\" cannot be the name of a {what}: AnnData keeps it for their \
                         names."
                    ),
                    "Rename it.",
                ));
            }
        }
        check_keys(self.reductions, "reduction")?;
        check_keys(self.unstructured, "part of the metadata")
    }

    fn write(&self, file: &Group) -> hdf5::Result<()> {
        mark(file, "anndata", "0.1.0")?;
        write_table(file, "obs", self.cells)?;
        write_table(file, "var", self.genes)?;
        for name in ["layers", "obsm", "varm", "obsp", "varp", "uns"] {
            let group = file.create_group(name)?;
            mark(&group, "dict", "0.1.0")?;
        }
        let obsm = file.group("obsm")?;
        for (name, matrix) in self.reductions {
            write_reduction(&obsm, name, matrix.view())?;
        }
        let uns = file.group("uns")?;
        for (name, value) in self.unstructured {
            if !write_single(&uns, name, value)? {
                write_column(&uns, name, value)?;
            }
        }
        Ok(())
    }
}

fn text(value: &str) -> hdf5::Result<VarLenUnicode> {
    value
        .parse()
        .map_err(|_| hdf5::Error::from("a text holds a NUL byte"))
}

fn texts<'a>(values: impl Iterator<Item = &'a str>) -> hdf5::Result<Vec<VarLenUnicode>> {
    values.map(text).collect()
}

fn set_text(at: &Location, name: &str, value: &str) -> hdf5::Result<()> {
    let attribute = at.new_attr::<VarLenUnicode>().create(name)?;
    attribute.write_scalar(&text(value)?)
}

/// Says what it is in anndata's terms.
fn mark(at: &Location, encoding: &str, version: &str) -> hdf5::Result<()> {
    set_text(at, "encoding-type", encoding)?;
    set_text(at, "encoding-version", version)
}

fn write_array<T: H5Type>(
    group: &Group,
    name: &str,
    values: &[T],
    encoding: &str,
) -> hdf5::Result<()> {
    let builder = group.new_dataset_builder().with_data(values);
    let dataset = builder.create(name)?;
    mark(&dataset, encoding, "0.2.0")
}

fn write_reduction(obsm: &Group, name: &str, matrix: ArrayView2<f64>) -> hdf5::Result<()> {
    let by_rows = matrix.as_standard_layout();
    let builder = obsm.new_dataset_builder().with_data(by_rows.view());
    let dataset = builder.create(name)?;
    mark(&dataset, "array", "0.2.0")
}

fn write_table(file: &Group, name: &str, table: &Table) -> hdf5::Result<()> {
    let group = file.create_group(name)?;
    mark(&group, "dataframe", "0.2.0")?;
    set_text(&group, "_index", "_index")?;
    let names = texts(table.names.iter().map(String::as_str))?;
    write_array(&group, "_index", &names, "string-array")?;
    for (name, column) in &table.columns {
        write_column(&group, name, column)?;
    }
    let order = group.new_attr_builder();
    if table.columns.is_empty() {
        // As anndata itself does.
        order.with_data(&[0f64; 0]).create("column-order")?;
    } else {
        let names = texts(table.columns.iter().map(|c| c.0.as_str()))?;
        order.with_data(&names).create("column-order")?;
    }
    Ok(())
}

/// Values and, in a group with them, which of them are missing; without any, values alone.
fn write_nullable<T: H5Type + Copy + Default>(
    group: &Group,
    name: &str,
    values: &[Option<T>],
    encoding: &str,
) -> hdf5::Result<()> {
    let filled: Vec<T> = values.iter().map(|v| v.unwrap_or_default()).collect();
    let mask: Vec<bool> = values.iter().map(Option::is_none).collect();
    if !mask.contains(&true) {
        return write_array(group, name, &filled, "array");
    }
    let nullable = group.create_group(name)?;
    mark(&nullable, encoding, "0.1.0")?;
    write_array(&nullable, "values", &filled, "array")?;
    write_array(&nullable, "mask", &mask, "array")
}

fn write_column(group: &Group, name: &str, column: &Column) -> hdf5::Result<()> {
    match column {
        Column::Number(values) => write_array(group, name, values, "array"),
        Column::Integer(values) => write_nullable(group, name, values, "nullable-integer"),
        Column::Logical(values) => write_nullable(group, name, values, "nullable-boolean"),
        Column::Text(values) if values.iter().all(Option::is_some) => {
            let values = texts(values.iter().flatten().map(String::as_str))?;
            write_array(group, name, &values, "string-array")
        }
        // Missing text has a form of its own only in the newest versions of anndata; they and
        // the older ones agree about categories. The mark lets our reader turn them back.
        Column::Text(values) => {
            let mut positions = HashMap::new();
            let mut levels = Vec::new();
            let mut codes = Vec::with_capacity(values.len());
            for value in values {
                codes.push(value.as_deref().map(|value| {
                    *positions.entry(value).or_insert_with(|| {
                        levels.push(value);
                        levels.len() as u32 - 1
                    })
                }));
            }
            let factor = write_factor(group, name, &codes, levels.into_iter(), false)?;
            set_text(&factor, R_TYPE, R_TEXT)
        }
        Column::Factor {
            codes,
            levels,
            ordered,
        } => {
            let levels = levels.iter().map(String::as_str);
            write_factor(group, name, codes, levels, *ordered).map(drop)
        }
    }
}

fn write_factor<'a>(
    group: &Group,
    name: &str,
    codes: &[Option<u32>],
    levels: impl Iterator<Item = &'a str>,
    ordered: bool,
) -> hdf5::Result<Group> {
    let factor = group.create_group(name)?;
    mark(&factor, "categorical", "0.2.0")?;
    let attribute = factor.new_attr::<bool>().create("ordered")?;
    attribute.write_scalar(&ordered)?;
    let levels = texts(levels)?;
    let code = |code: &Option<u32>| code.map_or(-1, |code| code as i32);
    // As narrow as pandas has them.
    if levels.len() <= i8::MAX as usize {
        let codes: Vec<i8> = codes.iter().map(|c| code(c) as i8).collect();
        write_array(&factor, "codes", &codes, "array")?;
    } else if levels.len() <= i16::MAX as usize {
        let codes: Vec<i16> = codes.iter().map(|c| code(c) as i16).collect();
        write_array(&factor, "codes", &codes, "array")?;
    } else {
        let codes: Vec<i32> = codes.iter().map(code).collect();
        write_array(&factor, "codes", &codes, "array")?;
    }
    write_array(&factor, "categories", &levels, "string-array")?;
    Ok(factor)
}

fn write_scalar<T: H5Type>(
    group: &Group,
    name: &str,
    value: &T,
    encoding: &str,
) -> hdf5::Result<()> {
    let dataset = group.new_dataset::<T>().create(name)?;
    dataset.write_scalar(value)?;
    mark(&dataset, encoding, "0.2.0")
}

/// Writes a column of one value as that value; false where it is none.
fn write_single(group: &Group, name: &str, column: &Column) -> hdf5::Result<bool> {
    match column {
        Column::Number(x) if x.len() == 1 => write_scalar(group, name, &x[0], "numeric-scalar")?,
        Column::Integer(x) => match x[..] {
            [Some(value)] => write_scalar(group, name, &value, "numeric-scalar")?,
            _ => return Ok(false),
        },
        Column::Logical(x) => match x[..] {
            [Some(value)] => write_scalar(group, name, &value, "numeric-scalar")?,
            _ => return Ok(false),
        },
        Column::Text(x) => match &x[..] {
            [Some(value)] => write_scalar(group, name, &text(value)?, "string")?,
            _ => return Ok(false),
        },
        _ => return Ok(false),
    }
    Ok(true)
}

fn append_1d<T: H5Type>(dataset: &Dataset, values: &[T]) -> hdf5::Result<()> {
    let start = dataset.size();
    dataset.resize([start + values.len()])?;
    dataset.write_slice(ArrayView1::from(values), s![start..])
}

fn append_sparse(
    file: &Group,
    path: &str,
    indptr: &[i32],
    indices: &[i32],
    values: &[f64],
    monitor: &dyn Monitor,
) -> Result<()> {
    let group = file.group(path).map_err(failed)?;
    let dataset = |name: &str| group.dataset(name).map_err(failed);
    let (data, genes, starts) = (dataset("data")?, dataset("indices")?, dataset("indptr")?);
    let before = data.size() as i64;
    monitor.stage("Writing the matrix", values.len());
    for (values, indices) in values.chunks(STEP).zip(indices.chunks(STEP)) {
        monitor.check()?;
        append_1d(&data, values).map_err(failed)?;
        append_1d(&genes, indices).map_err(failed)?;
        monitor.advance(values.len());
    }
    let ends: Vec<i64> = indptr
        .iter()
        .skip(1)
        .map(|&s| before + i64::from(s))
        .collect();
    append_1d(&starts, &ends).map_err(failed)
}

fn append_dense(
    file: &Group,
    path: &str,
    cells: usize,
    values: &[f64],
    monitor: &dyn Monitor,
) -> Result<()> {
    let dataset = file.dataset(path).map_err(failed)?;
    let &[first, genes] = &dataset.shape()[..] else {
        return Err(Error::internal(format!("{path} is no matrix."), ""));
    };
    let rows = ArrayView2::from_shape((cells, genes), values)
        .map_err(|e| Error::internal(format!("A block does not fit into {path} ({e})."), ""))?;
    dataset.resize([first + cells, genes]).map_err(failed)?;
    monitor.stage("Writing the matrix", values.len());
    let mut at = first;
    for part in rows.axis_chunks_iter(Axis(0), (STEP / genes.max(1)).max(1)) {
        monitor.check()?;
        let end = at + part.nrows();
        dataset.write_slice(part, s![at..end, ..]).map_err(failed)?;
        at = end;
        monitor.advance(part.len());
    }
    Ok(())
}

/// Adds an embedding (cells in rows) to obsm of an existing file, which is replaced by a
/// changed copy. `cells`, where given, are matched with the names in obs; without them the
/// order is the file's.
pub(super) fn add_embedding(
    path: &Path,
    name: &str,
    embedding: ArrayView2<f64>,
    cells: Option<&[String]>,
    overwrite: bool,
) -> Result<()> {
    check_key(name, "reduction")?;
    let (order, obsm) = {
        let store = Store::open(path, &FORMAT)?;
        let root = store.root();
        let obs = root.required("obs", "")?;
        if obs.is_dataset() {
            return Err(Error::file_format(
                "The file has the layout of anndata before 0.7, to which nothing is added.",
                "In Python read it with anndata and write it again.",
            ));
        }
        let names = row_names(&obs)?;
        let obsm = find_obsm(&root, name, overwrite)?;
        (match_cells(&names, embedding.nrows(), cells)?, obsm)
    };
    let ordered = match order {
        Some(order) => embedding.select(Axis(0), &order),
        None => embedding.to_owned(),
    };
    let draft = Draft::new(path, 0);
    let write = || {
        std::fs::copy(&draft.target, &draft.beside).map_err(|e| unwritten(&e))?;
        let put = |file: &Group| {
            let group = match &obsm {
                Some(path) => file.group(path)?,
                None => {
                    let group = file.create_group("obsm")?;
                    mark(&group, "dict", "0.1.0")?;
                    group
                }
            };
            if group.link_exists(name) {
                group.unlink(name)?;
            }
            write_reduction(&group, name, ordered.view())
        };
        change(&draft, open(&draft)?, |file| put(file).map_err(failed))?;
        replace(&draft)
    };
    write().inspect_err(|_| draft.discard())
}

/// The path of obsm, if there is one, once `name` may be written there.
fn find_obsm(root: &Node, name: &str, overwrite: bool) -> Result<Option<String>> {
    let Some(obsm) = root.member("obsm")? else {
        return Ok(None);
    };
    if !overwrite && obsm.members()?.iter().any(|member| member == name) {
        return Err(Error::input(
            format!("There is an obsm/{name} in the file."),
            "Give another name, or set overwrite = TRUE.",
        ));
    }
    Ok(Some(obsm.path))
}

/// Which row of the embedding belongs to each cell of the file; `None` where they have one order.
fn match_cells(
    names: &[String],
    rows: usize,
    cells: Option<&[String]>,
) -> Result<Option<Vec<usize>>> {
    if names.len() != rows {
        return Err(Error::input(
            format!(
                "The embedding has {rows} cells and the file {}.",
                names.len()
            ),
            "Embed all cells of the file.",
        ));
    }
    let Some(cells) = cells.filter(|&cells| cells != names) else {
        return Ok(None);
    };
    let repeated = |names: &[String]| {
        let mut seen = HashSet::new();
        names.iter().find(|&name| !seen.insert(name)).cloned()
    };
    if let Some(name) = repeated(names).or_else(|| repeated(cells)) {
        return Err(Error::input(
            format!("Several cells are called '{name}', so that cells cannot be matched by name."),
            "Bring the embedding into the order of the file and remove its row names.",
        ));
    }
    let at: HashMap<&str, usize> = cells.iter().map(String::as_str).zip(0..).collect();
    let find = |name: &String| {
        at.get(name.as_str()).copied().ok_or_else(|| {
            Error::input(
                format!("The embedding has no cell '{name}', which the file has."),
                "Embed the cells of the file; if the order is the same, remove the row names.",
            )
        })
    };
    names.iter().map(find).collect::<Result<_>>().map(Some)
}
