//! The tree of groups and datasets in a file: which links are followed, and which
//! datasets are read.

use super::lzf::{self, LZF, LZF_RATIO};
use super::raw;
use crate::limits::{self, DEFLATE_RATIO};
use hdf5_metno as hdf5;
use hdf5_metno::dataset::Layout;
use hdf5_metno::{Attribute, Container, Dataset, Group, LinkType};
use neuralee_core::{Error, Result};
use std::cell::OnceCell;
use std::path::Path;

const SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";
const MOST_LINKS: usize = 16;
/// Deflate, shuffle, Fletcher-32, szip, n-bit and scale-offset are part of HDF5. Any other filter
/// is a plugin, which would be code loaded on the file's word.
const OWN_FILTERS: std::ops::RangeInclusive<i32> = 1..=6;
const DEFLATE: i32 = 1;
const SHUFFLE: i32 = 2;
const FLETCHER32: i32 = 3;

/// The error for a file that contradicts itself or that HDF5 cannot read.
pub(crate) fn damaged(problem: impl std::fmt::Display) -> Error {
    Error::file_format(
        format!("{problem}."),
        "The file is damaged or incomplete; download it or write it again.",
    )
}

/// For `map_err` after a call into HDF5 that concerns `what`.
pub(crate) fn failed(what: &str) -> impl FnOnce(hdf5::Error) -> Error + '_ {
    move |e| damaged(format!("HDF5 could not read {what} ({e})"))
}

/// What errors say of the kind of file that a reader expects.
pub(crate) struct Format {
    /// What people call it.
    pub(crate) name: &'static str,
    /// Why a part may be missing.
    pub(crate) incomplete: &'static str,
    /// How all of it comes into one file.
    pub(crate) rewrite: &'static str,
    /// How it gets a compression that is read.
    pub(crate) recompress: &'static str,
}

/// An open file.
pub(crate) struct Store {
    file: hdf5::File,
    length: u64,
    format: &'static Format,
    /// Once there is something that needs it; it goes after the file.
    lzf: OnceCell<lzf::Registration>,
}

impl Store {
    /// Opens a file after a look at its first bytes.
    pub(crate) fn open(path: &Path, format: &'static Format) -> Result<Self> {
        let length = limits::regular_file(path)?.len();
        // A user block of 512 bytes or more may precede the content.
        let head = limits::first_bytes(path, 1 << 16)?;
        let starts = std::iter::once(0).chain((9..16).map(|i| 1usize << i));
        if !starts
            .into_iter()
            .any(|at| head.get(at..).is_some_and(|h| h.starts_with(SIGNATURE)))
        {
            return Err(if head.starts_with(&[0x1f, 0x8b]) {
                Error::file_format("This is a gzip file.", "Expand it with gunzip first.")
            } else {
                Error::file_format(
                    format!("This is not an HDF5 file, so it is no {}.", format.name),
                    "Check the name; an interrupted download also looks like this.",
                )
            });
        }
        let file = hdf5::File::open(path).map_err(failed("the file"))?;
        Ok(Store {
            file,
            length,
            format,
            lzf: OnceCell::new(),
        })
    }

    pub(crate) fn root(&self) -> Node<'_> {
        Node {
            store: self,
            path: String::new(),
            object: Object::Group((*self.file).clone()),
        }
    }
}

enum Object {
    Group(Group),
    Dataset(Dataset),
}

/// A group or a dataset.
pub(crate) struct Node<'a> {
    store: &'a Store,
    /// Its path in the file, as errors name it.
    pub(crate) path: String,
    object: Object,
}

impl<'a> Node<'a> {
    /// Names and kinds of the links of a group; none for a dataset.
    fn links(&self) -> Result<Vec<(String, LinkType)>> {
        let Object::Group(group) = &self.object else {
            return Ok(Vec::new());
        };
        let mut links = Vec::new();
        let visited = group.iter_visit_default(|name, info| {
            links.push((name.to_owned(), info.link_type));
            Ok(())
        });
        visited.map_err(failed(&self.path))?;
        Ok(links)
    }

    /// Names of the members of a group.
    pub(crate) fn members(&self) -> Result<Vec<String>> {
        Ok(self.links()?.into_iter().map(|(name, _)| name).collect())
    }

    /// The member at a path below this group, if there is one. Links to other files are
    /// refused; soft links are followed step by step, so that they cannot lead there.
    pub(crate) fn member(&self, path: &str) -> Result<Option<Node<'a>>> {
        self.follow(path, MOST_LINKS)
    }

    fn follow(&self, path: &str, links_left: usize) -> Result<Option<Node<'a>>> {
        let mut steps = path.split('/').filter(|s| !s.is_empty() && *s != ".");
        let Some(step) = steps.next() else {
            return Ok(None);
        };
        let found = self.links()?.into_iter().find(|(name, _)| name == step);
        let Some((_, link)) = found else {
            return Ok(None);
        };
        let here = format!("{}/{step}", self.path);
        let next = match (link, &self.object) {
            (LinkType::Hard, Object::Group(group)) => {
                let object = match group.dataset(step) {
                    Ok(dataset) => Object::Dataset(dataset),
                    Err(_) => Object::Group(group.group(step).map_err(failed(&here))?),
                };
                Node {
                    store: self.store,
                    path: here,
                    object,
                }
            }
            (LinkType::Soft, Object::Group(group)) if links_left > 0 => {
                let target = raw::soft_link(group, step).map_err(|e| failed(&here)(e))?;
                let start = if target.starts_with('/') {
                    &self.store.root()
                } else {
                    self
                };
                match start.follow(&target, links_left - 1)? {
                    Some(node) => node,
                    None => return Ok(None),
                }
            }
            (LinkType::Soft, _) => {
                return Err(damaged(format!("The links at {here} go in circles")))
            }
            _ => {
                return Err(Error::file_format(
                    format!("{here} is a link to another file, which is not followed."),
                    format!(
                        "Write the data into one file: {}.",
                        self.store.format.rewrite
                    ),
                ))
            }
        };
        let rest = steps.collect::<Vec<_>>().join("/");
        if rest.is_empty() {
            return Ok(Some(next));
        }
        next.follow(&rest, links_left)
    }

    /// The member at a path, which must be there; `remedy` says what to do if not.
    pub(crate) fn required(&self, path: &str, remedy: &str) -> Result<Node<'a>> {
        self.member(path)?.ok_or_else(|| {
            let remedy = if remedy.is_empty() {
                self.store.format.incomplete
            } else {
                remedy
            };
            Error::file_format(
                format!("There is no {}/{path} in the file.", self.path),
                remedy,
            )
        })
    }

    pub(crate) fn is_dataset(&self) -> bool {
        matches!(self.object, Object::Dataset(_))
    }

    /// Whether it is a dataset without any value, where there should be `n`.
    pub(crate) fn is_void(&self, n: usize) -> Result<bool> {
        let Object::Dataset(dataset) = &self.object else {
            return Ok(false);
        };
        let space = dataset.space().map_err(failed(&self.path))?;
        Ok(space.is_null() || (n > 0 && space.size() == 0))
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<Attribute> {
        match &self.object {
            Object::Group(group) => group.attr(name).ok(),
            Object::Dataset(dataset) => dataset.attr(name).ok(),
        }
    }

    pub(crate) fn has_attribute(&self, name: &str) -> bool {
        self.attribute(name).is_some()
    }

    /// The texts of an attribute; none where there is no such attribute or it holds no text.
    pub(crate) fn texts(&self, name: &str) -> Result<Option<Vec<String>>> {
        let Some(attribute) = self.attribute(name) else {
            return Ok(None);
        };
        let what = format!("the attribute '{name}' of {}", self.path);
        raw::attribute_texts(&attribute).map_err(|e| failed(&what)(e))
    }

    /// The first text of an attribute.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>> {
        Ok(self.texts(name)?.and_then(|texts| texts.into_iter().next()))
    }

    /// The integers of an attribute.
    pub(crate) fn integers(&self, name: &str) -> Result<Option<Vec<i64>>> {
        let Some(attribute) = self.attribute(name) else {
            return Ok(None);
        };
        let what = format!("the attribute '{name}' of {}", self.path);
        raw::attribute_integers(&attribute)
            .map(Some)
            .map_err(|e| failed(&what)(e))
    }

    /// Names of its attributes.
    pub(crate) fn attribute_names(&self) -> Result<Vec<String>> {
        let names = match &self.object {
            Object::Group(group) => group.attr_names(),
            Object::Dataset(dataset) => dataset.attr_names(),
        };
        names.map_err(failed(&self.path))
    }

    /// The truth of an attribute.
    pub(crate) fn logical(&self, name: &str) -> Option<bool> {
        self.attribute(name)
            .and_then(|attribute| raw::attribute_logical(&attribute).ok())
    }

    /// The dataset, after a check of where and how it is stored and that it fits into memory.
    pub(crate) fn array(&self) -> Result<Array<'_>> {
        let array = self.array_on_disk()?;
        limits::require_memory(array.bytes, array.path)?;
        Ok(array)
    }

    /// The dataset, of which parts may be read, after a check of where and how it is stored.
    pub(crate) fn array_on_disk(&self) -> Result<Array<'_>> {
        let Object::Dataset(dataset) = &self.object else {
            return Err(damaged(format!("{} is a group, not a dataset", self.path)));
        };
        let file_length = self.store.length;
        let mut array = Array {
            path: &self.path,
            source: dataset,
            file_length,
            format: self.store.format,
            bytes: 0,
            chunk: Vec::new(),
            filters: Vec::new(),
        };
        (array.bytes, array.chunk, array.filters) = check_storage(dataset, &array)?;
        if array.filters.contains(&LZF) && self.store.lzf.get().is_none() {
            let registration = lzf::Registration::new().map_err(failed(&self.path))?;
            self.store.lzf.get_or_init(|| registration);
        }
        Ok(array)
    }
}

/// A dataset that may be read.
pub(crate) struct Array<'a> {
    pub(crate) path: &'a str,
    pub(crate) source: &'a Container,
    /// Text of variable length lies outside of the dataset, but not outside of the file.
    pub(crate) file_length: u64,
    format: &'static Format,
    /// Of all values and, while they are read, a chunk.
    bytes: u64,
    chunk: Vec<usize>,
    filters: Vec<i32>,
}

impl Array<'_> {
    pub(crate) fn shape(&self) -> Result<Vec<usize>> {
        Ok(self.source.space().map_err(failed(self.path))?.shape())
    }

    /// Whether it has no storage for values, as where None was written.
    pub(crate) fn is_null(&self) -> Result<bool> {
        Ok(self.source.space().map_err(failed(self.path))?.is_null())
    }

    /// The shape of a chunk, empty where the data are not chunked.
    pub(crate) fn chunk(&self) -> &[usize] {
        &self.chunk
    }

    /// The ids of the filters that chunks went through, in this order.
    pub(crate) fn filters(&self) -> &[i32] {
        &self.filters
    }

    /// Rows of one chunk; 1 where the data are not chunked.
    pub(crate) fn chunk_rows(&self) -> usize {
        self.chunk.first().map_or(1, |&rows| rows.max(1))
    }

    /// The length of a one-dimensional dataset.
    pub(crate) fn length(&self) -> Result<usize> {
        match self.shape()?[..] {
            [n] => Ok(n),
            _ => Err(damaged(format!("{} is not one-dimensional", self.path))),
        }
    }
}

/// Checks that the data are in this file and can be as many as claimed, and that a chunk fits into
/// memory. Returns the bytes that they take with a chunk, the shape of a chunk, empty without
/// chunks, and the filters.
fn check_storage(dataset: &Dataset, array: &Array) -> Result<(u64, Vec<usize>, Vec<i32>)> {
    let path = array.path;
    let plan = dataset.create_plist().map_err(failed(path))?;
    let layout = plan.get_layout().map_err(failed(path))?;
    if layout == Layout::Virtual || raw::has_external_storage(&plan) {
        return Err(Error::file_format(
            format!("The data of {path} lie in other files, which are not opened."),
            format!("Write the data into one file: {}.", array.format.rewrite),
        ));
    }
    let filters = raw::filters(&plan).map_err(|e| failed(path)(e))?;
    let recompress = |how: String| {
        let message = format!("{path} is compressed with {how}.");
        Err(Error::file_format(message, array.format.recompress))
    };
    let with_lzf = [SHUFFLE, FLETCHER32, LZF];
    if filters.contains(&LZF) && !filters.iter().all(|f| with_lzf.contains(f)) {
        return recompress("LZF and with something else, which is not read".into());
    }
    for &filter in filters.iter().filter(|&&f| f != LZF) {
        if !OWN_FILTERS.contains(&filter) || !raw::filter_available(filter) {
            let name = match filter {
                4 => "szip".to_owned(),
                32001 => "Blosc".to_owned(),
                32015 => "Zstandard".to_owned(),
                _ => format!("HDF5 filter {filter}"),
            };
            return recompress(format!("{name}, which this HDF5 does not read by itself"));
        }
    }

    let item = dataset.dtype().map_err(failed(path))?.size() as u64;
    let bytes_of = |shape: &[usize]| {
        shape
            .iter()
            .fold(item, |bytes, &n| bytes.saturating_mul(n as u64))
    };
    let shape = array.shape()?;
    let space = dataset.space().map_err(failed(path))?;
    let bytes = if space.size() == 0 {
        0
    } else {
        bytes_of(&shape)
    };
    let stored = dataset.storage_size();
    let expands = if layout == Layout::Chunked {
        let ratio = |&filter: &i32| match filter {
            DEFLATE => DEFLATE_RATIO,
            LZF => LZF_RATIO,
            SHUFFLE | FLETCHER32 => 1,
            _ => u64::MAX,
        };
        let ratios = filters.iter().map(ratio);
        ratios.fold(1, u64::saturating_mul)
    } else {
        1
    };
    if stored > array.file_length || bytes > stored.saturating_mul(expands) {
        return Err(damaged(format!(
            "{path} claims {shape:?} values, but the file holds only {} bytes for them",
            stored.min(array.file_length)
        )));
    }
    let chunk = plan.get_chunk().map_err(failed(path))?;
    let chunk = chunk.unwrap_or_default();
    let chunk_bytes = if chunk.is_empty() {
        0
    } else {
        bytes_of(&chunk)
    };
    limits::require_memory(chunk_bytes, path)?;
    Ok((bytes.saturating_add(chunk_bytes), chunk, filters))
}
