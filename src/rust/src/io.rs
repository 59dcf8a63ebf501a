//! Reading files.

use extendr_api::prelude::*;
use ndarray::Array2;
use neuralee_io::pickle::{self, Content, Frame, RowNames};
use neuralee_io::tenx::{self, TenX};
use neuralee_io::{csv, h5ad, loom, xlsx, Column, Counts, Stored, Table, Values};
use std::path::Path;

use crate::convert::{count, matrix_view, or_null, to_r_matrix, Outcome, SparseSlots};
use crate::job;
use crate::vectors::{self, collect_garbage, texts_to_r};

/// Genes by cells: a matrix, or the slots of a `dgCMatrix`.
fn counts_to_r(counts: Counts) -> List {
    let dim = [counts.genes as i32, counts.cells as i32];
    match counts.values {
        Values::Sparse(sparse) => list!(
            whole = counts.whole,
            dim = dim,
            p = vectors::to_r(sparse.indptr),
            i = vectors::to_r(sparse.indices),
            x = vectors::to_r(sparse.values)
        ),
        Values::Dense(values) => list!(
            whole = counts.whole,
            dim = dim,
            dense = vectors::to_r(values)
        ),
    }
}

fn column_to_r(column: &Column) -> Outcome<Robj> {
    Ok(match column {
        Column::Number(x) => x.as_slice().into(),
        Column::Integer(x) => Integers::from_values(x.iter().map(|v| Rint::from(*v))).into(),
        Column::Logical(x) => Logicals::from_values(x.iter().map(|v| Rbool::from(*v))).into(),
        Column::Text(x) => texts_to_r(x.iter().map(Option::as_deref)),
        Column::Factor {
            codes,
            levels,
            ordered,
        } => {
            let code = |c: &Option<u32>| Rint::from(c.map(|c| c as i32 + 1));
            let mut factor: Robj = Integers::from_values(codes.iter().map(code)).into();
            factor.set_attrib(
                "levels",
                texts_to_r(levels.iter().map(|l| Some(l.as_str()))),
            )?;
            if *ordered {
                factor.set_class(["ordered", "factor"])?;
            } else {
                factor.set_class(["factor"])?;
            }
            factor
        }
    })
}

fn columns_to_r(columns: &[(String, Column)]) -> Outcome<List> {
    let columns = columns
        .iter()
        .map(|(name, column)| Ok((name.as_str(), column_to_r(column)?)))
        .collect::<Outcome<Vec<_>>>()?;
    Ok(List::from_pairs(columns))
}

fn names_to_r(names: &[String]) -> Robj {
    texts_to_r(names.iter().map(|n| Some(n.as_str())))
}

/// `list(names =, columns = list(...))`.
fn table_to_r(table: &Table) -> Outcome<List> {
    Ok(list!(
        names = names_to_r(&table.names),
        columns = columns_to_r(&table.columns)?
    ))
}

/// `list(n =, names =, columns = list(...))`; the names are `NULL` where there are none.
fn annotations_to_r(annotations: &loom::Annotations) -> Outcome<List> {
    Ok(list!(
        n = annotations.n as i32,
        names = or_null(annotations.names.as_deref().map(names_to_r)),
        columns = columns_to_r(&annotations.columns)?
    ))
}

fn reductions_to_r(reductions: &[(String, Array2<f64>)]) -> List {
    let matrix = |values: &Array2<f64>| Robj::from(to_r_matrix(values.view()));
    List::from_pairs(
        reductions
            .iter()
            .map(|(name, values)| (name.as_str(), matrix(values))),
    )
}

/// The matrix that `layer` names, with annotations, as `read_h5ad()` documents.
#[extendr]
fn rs_read_h5ad(file: &str, layer: &str, reductions: bool, progress: Robj) -> Outcome<List> {
    collect_garbage();
    let options = h5ad::Options {
        layer: layer.to_owned(),
        reductions,
    };
    let data = job::run_here(&progress, |monitor| {
        h5ad::read(Path::new(file), &options, monitor)
    })?;
    Ok(list!(
        counts = counts_to_r(data.counts),
        cells = table_to_r(&data.cells)?,
        genes = table_to_r(&data.genes)?,
        reductions = reductions_to_r(&data.reductions),
        notes = data.notes
    ))
}

/// As `rs_read_h5ad`, but of the matrix only where it lies in the file.
#[extendr]
fn rs_outline_h5ad(file: &str, layer: &str, reductions: bool, progress: Robj) -> Outcome<List> {
    let options = h5ad::Options {
        layer: layer.to_owned(),
        reductions,
    };
    let data = job::run_here(&progress, |monitor| {
        h5ad::outline(Path::new(file), &options, monitor)
    })?;
    Ok(list!(
        counts = stored_to_r(data.counts),
        cells = table_to_r(&data.cells)?,
        genes = table_to_r(&data.genes)?,
        reductions = reductions_to_r(&data.reductions),
        notes = data.notes
    ))
}

/// Text, of which some may be `NA`.
fn texts_from_r(texts: &Robj) -> Outcome<Vec<Option<String>>> {
    let texts = Strings::try_from(texts)?;
    let text = |t: &Rstr| (!t.is_na()).then(|| t.as_ref().to_owned());
    Ok(texts.iter().map(text).collect())
}

fn names_from_r(names: &Robj) -> Outcome<Vec<String>> {
    let names = texts_from_r(names)?.into_iter();
    Ok(names.map(Option::unwrap_or_default).collect())
}

/// Integers or the codes of a factor; `NA` is the least of them.
fn integers_from_r(values: &Robj) -> Vec<Option<i32>> {
    let values = values.as_integer_slice().unwrap_or_default();
    let value = |&v: &i32| Some(v).filter(|&v| v != i32::MIN);
    values.iter().map(value).collect()
}

/// A vector or a factor as `column_to_write()` leaves it.
fn column_from_r(values: &Robj) -> Outcome<Column> {
    if values.is_factor() {
        let levels = values.get_attrib("levels").unwrap_or_else(|| ().into());
        let codes = integers_from_r(values).into_iter();
        return Ok(Column::Factor {
            codes: codes.map(|code| code.map(|c| (c - 1) as u32)).collect(),
            levels: names_from_r(&levels)?,
            ordered: values.inherits("ordered"),
        });
    }
    Ok(match values.rtype() {
        Rtype::Doubles => Column::Number(values.as_real_slice().unwrap_or_default().to_vec()),
        Rtype::Integers => Column::Integer(integers_from_r(values)),
        Rtype::Logicals => {
            let values = Logicals::try_from(values)?;
            let value = |v: Rbool| (!v.is_na()).then(|| v.is_true());
            Column::Logical(values.iter().map(value).collect())
        }
        _ => Column::Text(texts_from_r(values)?),
    })
}

fn columns_from_r(columns: &List) -> Outcome<Vec<(String, Column)>> {
    let column = |(name, values): (&str, Robj)| Ok((name.to_owned(), column_from_r(&values)?));
    columns.iter().map(column).collect()
}

fn table_from_r(names: &Robj, columns: &List) -> Outcome<Table> {
    Ok(Table {
        names: names_from_r(names)?,
        columns: columns_from_r(columns)?,
    })
}

/// Begins a file beside `file`, with all but its matrices, as `write_h5ad()` documents it.
#[extendr]
fn rs_h5ad_begin(
    file: &str,
    overwrite: bool,
    gzip: i32,
    cells: Robj,
    cell_columns: List,
    genes: Robj,
    gene_columns: List,
    reductions: List,
    metadata: List,
) -> Outcome<bool> {
    let cells = table_from_r(&cells, &cell_columns)?;
    let genes = table_from_r(&genes, &gene_columns)?;
    let matrices: Vec<(&str, RMatrix<f64>)> = reductions
        .iter()
        .map(|(name, matrix)| Ok((name, RMatrix::try_from(matrix)?)))
        .collect::<Outcome<_>>()?;
    let reductions: Vec<_> = matrices
        .iter()
        .map(|(name, matrix)| Ok(((*name).to_owned(), matrix_view(matrix)?)))
        .collect::<Outcome<_>>()?;
    let contents = h5ad::Contents {
        cells: &cells,
        genes: &genes,
        reductions: &reductions,
        unstructured: &columns_from_r(&metadata)?,
    };
    draft(file, gzip).begin(&contents, overwrite)?;
    Ok(true)
}

fn draft(file: &str, gzip: i32) -> h5ad::Draft {
    h5ad::Draft::new(Path::new(file), u8::try_from(gzip).unwrap_or(0))
}

/// Adds a matrix to the file that was begun, without any cells.
#[extendr]
fn rs_h5ad_add_matrix(
    file: &str,
    gzip: i32,
    path: &str,
    sparse: bool,
    genes: i32,
) -> Outcome<bool> {
    let genes = count(genes);
    draft(file, gzip).add_matrix(path, sparse, genes)?;
    Ok(true)
}

/// Appends cells to it: the columns of a matrix or a `dgCMatrix` of genes by cells.
#[extendr]
fn rs_h5ad_append(file: &str, gzip: i32, path: &str, block: Robj, progress: Robj) -> Outcome<bool> {
    let draft = draft(file, gzip);
    if block.is_matrix() {
        let matrix = RMatrix::<f64>::try_from(block)?;
        let block = h5ad::Block::Dense {
            cells: matrix.ncols(),
            values: matrix.data(),
        };
        job::run_here(&progress, |monitor| draft.append(path, block, monitor))?;
    } else {
        let slots = SparseSlots::new(&block)?;
        let block = h5ad::Block::Sparse {
            indptr: slots.indptr()?,
            indices: slots.indices()?,
            values: slots.values()?,
        };
        job::run_here(&progress, |monitor| draft.append(path, block, monitor))?;
    }
    Ok(true)
}

/// Completes the file and moves it to its path.
#[extendr]
fn rs_h5ad_finish(file: &str, gzip: i32, overwrite: bool) -> Outcome<bool> {
    draft(file, gzip).finish(overwrite)?;
    Ok(true)
}

/// Removes what was begun.
#[extendr]
fn rs_h5ad_discard(file: &str) -> bool {
    draft(file, 0).discard();
    true
}

/// Adds an embedding to obsm; `cells` is `NULL` where the order is the file's.
#[extendr]
fn rs_h5ad_add_embedding(
    file: &str,
    name: &str,
    embedding: RMatrix<f64>,
    cells: Robj,
    overwrite: bool,
) -> Outcome<bool> {
    let cells = match cells.is_null() {
        true => None,
        false => Some(names_from_r(&cells)?),
    };
    let embedding = matrix_view(&embedding)?;
    h5ad::add_embedding(
        Path::new(file),
        name,
        embedding,
        cells.as_deref(),
        overwrite,
    )?;
    Ok(true)
}

/// One sheet of a workbook: rows by columns, and names where there are any.
#[extendr]
fn rs_read_xlsx(
    file: &str,
    sheet: &str,
    header: bool,
    row_names: bool,
    progress: Robj,
) -> Outcome<List> {
    collect_garbage();
    let layout = xlsx::Layout {
        sheet: sheet.to_owned(),
        header,
        row_names,
    };
    let data = job::run(1, &progress, |monitor| {
        xlsx::read(Path::new(file), &layout, monitor)
    })?;
    Ok(list!(
        counts = counts_to_r(data.counts),
        row_names = names_to_r(&data.row_names),
        column_names = names_to_r(&data.column_names)
    ))
}

/// Where a matrix lies in its file.
fn stored_to_r(stored: Stored) -> List {
    list!(
        path = stored.path,
        sparse = stored.sparse,
        by_cells = stored.by_cells,
        whole = stored.whole
    )
}

/// Some genes and cells of a matrix that was left in its file; numbers from 1 on, or `NULL` for
/// all.
#[extendr]
fn rs_read_part(
    file: &str,
    path: &str,
    sparse: bool,
    by_cells: bool,
    dim: Vec<i32>,
    genes: Robj,
    cells: Robj,
) -> Outcome<Robj> {
    let stored = Stored {
        path: path.to_owned(),
        sparse,
        by_cells,
        whole: false,
    };
    let chosen = |numbers: &Robj| {
        let numbers = numbers.as_integer_slice()?;
        Some(numbers.iter().map(|&n| count(n - 1)).collect::<Vec<_>>())
    };
    let (genes, cells) = (chosen(&genes), chosen(&cells));
    let shape = [count(dim[0]), count(dim[1])];
    let rows = genes.as_ref().map_or(shape[0], Vec::len);
    let columns = cells.as_ref().map_or(shape[1], Vec::len);
    let values = stored.part(Path::new(file), shape, genes.as_deref(), cells.as_deref())?;
    let mut matrix = vectors::to_r(values);
    matrix.set_attrib("dim", [rows as i32, columns as i32])?;
    Ok(matrix)
}

/// The matrix, as `counts` converts it, and the annotations of a matrix of Cell Ranger.
fn tenx_to_r<M>(data: TenX<M>, counts: impl FnOnce(M) -> List) -> List {
    list!(
        counts = counts(data.counts),
        barcodes = names_to_r(&data.barcodes),
        ids = names_to_r(&data.ids),
        symbols = names_to_r(&data.symbols),
        types = or_null(data.types.as_deref().map(names_to_r)),
        genomes = or_null(data.genomes.as_deref().map(names_to_r)),
        notes = data.notes
    )
}

/// A folder or an archive as `read_10x()` documents it.
#[extendr]
fn rs_read_10x(path: &str, progress: Robj) -> Outcome<List> {
    collect_garbage();
    let data = job::run(1, &progress, |monitor| tenx::read(Path::new(path), monitor))?;
    Ok(tenx_to_r(data, counts_to_r))
}

/// A file as `read_10x_h5()` documents it; `group` is empty where none is named.
#[extendr]
fn rs_read_10x_h5(file: &str, group: &str, progress: Robj) -> Outcome<List> {
    collect_garbage();
    let group = Some(group).filter(|g| !g.is_empty());
    let data = job::run_here(&progress, |monitor| {
        tenx::read_h5(Path::new(file), group, monitor)
    })?;
    Ok(tenx_to_r(data, counts_to_r))
}

/// As `rs_read_10x_h5`, but of the matrix only where it lies in the file.
#[extendr]
fn rs_outline_10x_h5(file: &str, group: &str, progress: Robj) -> Outcome<List> {
    let group = Some(group).filter(|g| !g.is_empty());
    let data = job::run_here(&progress, |monitor| {
        tenx::outline_h5(Path::new(file), group, monitor)
    })?;
    Ok(tenx_to_r(data, stored_to_r))
}

/// A table of text as `read_csv_counts()` documents it; `separator` is empty to find it.
#[extendr]
fn rs_read_csv(
    file: &str,
    genes_in_rows: bool,
    separator: &str,
    header: bool,
    row_names: bool,
    above: i32,
    text_columns: i32,
    progress: Robj,
) -> Outcome<List> {
    collect_garbage();
    let layout = csv::Layout {
        genes_in_rows,
        separator: separator.bytes().next(),
        header,
        row_names,
        above: count(above),
        text_columns: count(text_columns),
    };
    let data = job::run(1, &progress, |monitor| {
        csv::read(Path::new(file), &layout, monitor)
    })?;
    let texts = |texts: &[String]| texts_to_r(texts.iter().map(|t| Some(t.as_str())));
    Ok(list!(
        counts = counts_to_r(data.counts),
        genes = texts(&data.genes),
        cells = texts(&data.cells),
        above = List::from_values(data.above.iter().map(|line| texts(line))),
        text_columns = List::from_values(data.text_columns.iter().map(|column| texts(&column.1))),
        text_names = texts_to_r(data.text_columns.iter().map(|column| column.0.as_deref()))
    ))
}

/// One label for each of `cells` cells; `NA` only where they may miss.
#[extendr]
fn rs_read_labels(file: &str, cells: i32, may_miss: bool, progress: Robj) -> Outcome<List> {
    let cells = count(cells);
    let data = job::run(1, &progress, |monitor| {
        csv::read_labels(Path::new(file), cells, may_miss, monitor)
    })?;
    Ok(list!(
        labels = texts_to_r(data.labels.iter().map(Option::as_deref)),
        title = or_null(data.title)
    ))
}

/// An embedding as text; `labels` is `NULL` or has one text a cell, perhaps `NA`.
#[extendr]
fn rs_write_csv(
    embedding: RMatrix<f64>,
    cells: Vec<String>,
    dimensions: Vec<String>,
    labels: Nullable<Strings>,
    file: &str,
) -> Outcome<bool> {
    let text = |label: &Rstr| (!label.is_na()).then(|| label.as_ref().to_owned());
    let labels: Option<Vec<Option<String>>> = match &labels {
        Nullable::NotNull(labels) => Some(labels.iter().map(text).collect()),
        Nullable::Null => None,
    };
    let table = csv::EmbeddingTable {
        embedding: matrix_view(&embedding)?,
        cells: &cells,
        dimensions: &dimensions,
        labels: labels.as_deref(),
    };
    table.write(Path::new(file))?;
    Ok(true)
}

fn loom_to_r<M>(data: loom::Loom<M>, counts_to_r: impl FnOnce(M) -> List) -> Outcome<List> {
    Ok(list!(
        counts = counts_to_r(data.counts),
        genes = annotations_to_r(&data.genes)?,
        cells = annotations_to_r(&data.cells)?,
        reductions = reductions_to_r(&data.reductions),
        attributes = columns_to_r(&data.attributes)?,
        notes = data.notes
    ))
}

/// The matrix that `layer` names, with attributes, as `read_loom()` documents.
#[extendr]
fn rs_read_loom(
    file: &str,
    layer: &str,
    gene_names: &str,
    cell_names: &str,
    progress: Robj,
) -> Outcome<List> {
    collect_garbage();
    let options = loom::Options {
        layer: layer.to_owned(),
        gene_names: gene_names.to_owned(),
        cell_names: cell_names.to_owned(),
    };
    let data = job::run_here(&progress, |monitor| {
        loom::read(Path::new(file), &options, monitor)
    })?;
    loom_to_r(data, counts_to_r)
}

/// As `rs_read_loom`, but of the matrix only where it lies in the file.
#[extendr]
fn rs_outline_loom(
    file: &str,
    layer: &str,
    gene_names: &str,
    cell_names: &str,
    progress: Robj,
) -> Outcome<List> {
    let options = loom::Options {
        layer: layer.to_owned(),
        gene_names: gene_names.to_owned(),
        cell_names: cell_names.to_owned(),
    };
    let data = job::run_here(&progress, |monitor| {
        loom::outline(Path::new(file), &options, monitor)
    })?;
    loom_to_r(data, stored_to_r)
}

/// `list(rows =, start =, step =, names =, title =, columns =)`; either the names are `NULL` or
/// start and step are.
fn frame_to_r(frame: &Frame) -> Outcome<Robj> {
    let (start, step, names) = match &frame.names {
        RowNames::Range { start, step } => (Some(*start as f64), Some(*step as f64), None),
        RowNames::Labels(names) => (None, None, Some(column_to_r(names)?)),
    };
    Ok(list!(
        kind = "table",
        rows = frame.rows as i32,
        start = or_null(start),
        step = or_null(step),
        names = or_null(names),
        title = or_null(frame.title.clone()),
        columns = columns_to_r(&frame.columns)?
    )
    .into())
}

/// What a pickle holds, as a list with its kind.
fn content_to_r(content: &Content) -> Outcome<Robj> {
    Ok(match content {
        Content::Nothing => list!(kind = "nothing").into(),
        Content::Values(column) => list!(kind = "values", values = column_to_r(column)?).into(),
        Content::Matrix { rows, columns } => {
            let columns = columns
                .iter()
                .map(column_to_r)
                .collect::<Outcome<Vec<_>>>()?;
            list!(
                kind = "matrix",
                rows = *rows as i32,
                columns = List::from_values(columns)
            )
            .into()
        }
        Content::Table(frame) => frame_to_r(frame)?,
        Content::List(items) => {
            let items = items
                .iter()
                .map(content_to_r)
                .collect::<Outcome<Vec<_>>>()?;
            list!(kind = "list", items = List::from_values(items)).into()
        }
        Content::Dict(entries) => {
            let names: Vec<String> = entries.iter().map(|(name, _)| name.clone()).collect();
            let items = entries.iter().map(|(_, item)| content_to_r(item));
            let items = items.collect::<Outcome<Vec<_>>>()?;
            list!(
                kind = "list",
                names = names_to_r(&names),
                items = List::from_values(items)
            )
            .into()
        }
    })
}

/// The tables of a pickle, as `read_pickle()` puts them together.
#[extendr]
fn rs_read_pickle(file: &str, progress: Robj) -> Outcome<List> {
    let data = job::run(1, &progress, |monitor| {
        pickle::read(Path::new(file), monitor)
    })?;
    Ok(list!(
        content = content_to_r(&data.content)?,
        notes = data.notes
    ))
}

extendr_module! {
    mod io;
    fn rs_read_h5ad;
    fn rs_outline_h5ad;
    fn rs_read_loom;
    fn rs_outline_loom;
    fn rs_read_part;
    fn rs_read_10x;
    fn rs_read_10x_h5;
    fn rs_outline_10x_h5;
    fn rs_read_csv;
    fn rs_read_labels;
    fn rs_read_pickle;
    fn rs_write_csv;
    fn rs_read_xlsx;
    fn rs_h5ad_begin;
    fn rs_h5ad_add_matrix;
    fn rs_h5ad_append;
    fn rs_h5ad_finish;
    fn rs_h5ad_discard;
    fn rs_h5ad_add_embedding;
}
