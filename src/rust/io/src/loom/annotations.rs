//! /row_attrs and /col_attrs: the attributes of genes and cells.

use super::attributes::unescape_column;
use super::content::Annotations;
use crate::h5ad::matrix::read_reduction;
use crate::h5ad::table::{values_of, void};
use crate::hdf5::store::{damaged, Node};
use crate::Column;
use ndarray::Array2;
use neuralee_core::{Error, Result};

/// Matrices of numbers with one row a cell.
type Reductions = Vec<(String, Array2<f64>)>;

/// Genes or cells, and what of their attributes is asked for.
pub(super) struct Axis<'a> {
    /// The group that has the attributes.
    pub(super) group: &'a str,
    /// genes or cells.
    pub(super) what: &'a str,
    /// How many there are.
    pub(super) n: usize,
    /// The attribute that holds the names.
    pub(super) names: &'a str,
    /// The attribute that holds them by custom, which a file need not follow.
    pub(super) names_unasked: &'a str,
    /// Whether text is escaped.
    pub(super) escaped: bool,
}

/// What one attribute is.
enum Attribute {
    Column(Column),
    Matrix(Array2<f64>),
    Other,
}

/// Reads the attributes of the genes or of the cells.
pub(super) fn read(
    root: &Node,
    axis: &Axis,
    notes: &mut Vec<String>,
) -> Result<(Annotations, Reductions)> {
    let mut found = Annotations {
        n: axis.n,
        names: None,
        columns: Vec::new(),
    };
    let mut reductions = Vec::new();
    let group = root.member(axis.group)?;
    let members = group.as_ref().map(Node::members).transpose()?;
    let members = members.unwrap_or_default();
    if let Some(group) = group {
        for name in &members {
            let node = group.required(name, "")?;
            if node.is_void(axis.n)? {
                notes.push(void(&node.path));
                continue;
            }
            let attribute = read_attribute(&node, axis)?;
            if name == axis.names {
                let Attribute::Column(column) = attribute else {
                    return Err(Error::input(
                        format!("{} cannot name the {}.", node.path, axis.what),
                        "Name an attribute with one text or number for each.",
                    ));
                };
                found.names = Some(column.into_text());
                continue;
            }
            match attribute {
                Attribute::Column(column) => found.columns.push((name.clone(), column)),
                Attribute::Matrix(matrix) => reductions.push((name.clone(), matrix)),
                Attribute::Other => notes.push(format!(
                    "{} was left out: its shape or type has no counterpart here.",
                    node.path
                )),
            }
        }
    }
    if found.names.is_none() {
        let message = format!("There is no {} in {}", axis.names, axis.group);
        let others = match members.is_empty() {
            true => "nor any other attribute".to_owned(),
            false => format!("there are: {}", members.join(", ")),
        };
        if axis.names != axis.names_unasked {
            return Err(Error::input(
                format!("{message}."),
                format!("To name the {}, {others}.", axis.what),
            ));
        }
        notes.push(format!(
            "{message}, so that the {} have no names; {others}.",
            axis.what
        ));
    }
    Ok((found, reductions))
}

fn read_attribute(node: &Node, axis: &Axis) -> Result<Attribute> {
    if !node.is_dataset() {
        return Ok(Attribute::Other);
    }
    let array = node.array()?;
    let shape = array.shape()?;
    if shape.first().is_some_and(|&length| length != axis.n) {
        return Err(damaged(format!(
            "{} has {} values, but /matrix has {} {}",
            array.path, shape[0], axis.n, axis.what
        )));
    }
    match shape[..] {
        [n] | [n, 1] => Ok(match values_of(&array, n, None)? {
            Some(column) => Attribute::Column(unescape_column(column, axis.escaped)),
            None => Attribute::Other,
        }),
        [n, _] if axis.what == "cells" => Ok(match read_reduction(&array, None, n)? {
            Some(matrix) => Attribute::Matrix(matrix),
            None => Attribute::Other,
        }),
        _ => Ok(Attribute::Other),
    }
}

/// Notes the graphs between cells or genes, which are not read.
pub(super) fn note_graphs(root: &Node, notes: &mut Vec<String>) -> Result<()> {
    for group in ["row_graphs", "col_graphs"] {
        let graphs = root.member(group)?;
        for name in graphs
            .as_ref()
            .map(Node::members)
            .transpose()?
            .unwrap_or_default()
        {
            notes.push(format!(
                "/{group}/{name} was left out: graphs are not read."
            ));
        }
    }
    Ok(())
}
