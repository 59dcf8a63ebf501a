//! The calls into HDF5 whose types are known only once the file is open. They read numbers of any
//! width, text of fixed or variable length, and single fields of compound tables. All of the
//! reader's unsafe code is here.

use super::lzf;
use hdf5_metno as hdf5;
use hdf5_metno::dataset::DatasetCreate;
use hdf5_metno::sync::sync;
use hdf5_metno::types::TypeDescriptor;
use hdf5_metno::{Attribute, Container, Datatype, Group, H5Type, PropertyList, Result};
use hdf5_metno_sys::h5i::hid_t;
use hdf5_metno_sys::{h5a, h5d, h5l, h5p, h5s, h5t, h5z};
use multiversion::multiversion;
use std::ffi::{c_char, c_void, CStr, CString};
use std::ops::Range;

/// What the entries of a dataset, or of one field of it, are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Integer,
    Float,
    Logical,
    Text,
    Compound,
    /// So many numbers in one entry.
    Numbers(usize),
    Other,
}

/// A dataset or, of a dataset of records, one field.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) container: &'a Container,
    pub(crate) field: Option<&'a str>,
}

fn c_text(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| "a name holds a NUL byte".into())
}

/// Text up to its first NUL, with what is not UTF-8 replaced.
fn text_of(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn class(id: hid_t) -> h5t::H5T_class_t {
    // SAFETY: HDF5 answers H5T_NO_CLASS for an id that is no type.
    unsafe { h5t::H5Tget_class(id) }
}

fn super_type(of: &Datatype) -> Result<Datatype> {
    // SAFETY: `of` is open; the new id is owned by what is returned.
    sync(|| unsafe { hdf5::from_id(h5t::H5Tget_super(of.id())) })
}

fn kind_of(datatype: &Datatype) -> Result<Kind> {
    use h5t::H5T_class_t as Class;
    sync(|| {
        Ok(match class(datatype.id()) {
            Class::H5T_INTEGER => Kind::Integer,
            Class::H5T_FLOAT => Kind::Float,
            Class::H5T_STRING => Kind::Text,
            Class::H5T_COMPOUND => Kind::Compound,
            Class::H5T_ENUM => match datatype.to_descriptor() {
                Ok(TypeDescriptor::Boolean) => Kind::Logical,
                _ => Kind::Other,
            },
            Class::H5T_ARRAY => {
                let base = super_type(datatype)?;
                // SAFETY: `datatype` is an open array type, and `length` has room for the
                // one dimension that it was found to have.
                let length = unsafe {
                    let mut length = 0;
                    if h5t::H5Tget_array_ndims(datatype.id()) != 1
                        || h5t::H5Tget_array_dims2(datatype.id(), &mut length) < 0
                    {
                        return Ok(Kind::Other);
                    }
                    length
                };
                match class(base.id()) {
                    Class::H5T_INTEGER | Class::H5T_FLOAT => Kind::Numbers(length as usize),
                    _ => Kind::Other,
                }
            }
            _ => Kind::Other,
        })
    })
}

impl Source<'_> {
    fn datatype(&self) -> Result<Datatype> {
        let whole = self.container.dtype()?;
        let Some(field) = self.field else {
            return Ok(whole);
        };
        let name = c_text(field)?;
        // SAFETY: `whole` is open and `name` is a C string; a negative index is not used.
        sync(|| unsafe {
            let index = h5t::H5Tget_member_index(whole.id(), name.as_ptr());
            if index < 0 {
                return Err(format!("there is no field '{field}'").into());
            }
            hdf5::from_id(h5t::H5Tget_member_type(whole.id(), index as u32))
        })
    }

    pub(crate) fn kind(&self) -> Result<Kind> {
        kind_of(&self.datatype()?)
    }

    /// Whether every value of this type fits into 32 bits.
    pub(crate) fn fits_i32(&self) -> Result<bool> {
        let datatype = self.datatype()?;
        // SAFETY: the type is open.
        let signed = sync(|| unsafe { h5t::H5Tget_sign(datatype.id()) });
        let unsigned = signed == h5t::H5T_sign_t::H5T_SGN_NONE;
        Ok(datatype.size() < 4 || (datatype.size() == 4 && !unsigned))
    }

    /// Names of the fields of a dataset of records, in order.
    pub(crate) fn fields(&self) -> Result<Vec<String>> {
        let datatype = self.datatype()?;
        // SAFETY: names are asked for below the number of members, and each is copied
        // before HDF5's own copy is given back.
        sync(|| unsafe {
            let n = h5t::H5Tget_nmembers(datatype.id()).max(0) as u32;
            (0..n)
                .map(|i| {
                    let name = h5t::H5Tget_member_name(datatype.id(), i);
                    if name.is_null() {
                        return Err("a field has no name".into());
                    }
                    let text = text_of(CStr::from_ptr(name).to_bytes());
                    hdf5_metno_sys::h5::H5free_memory(name.cast());
                    Ok(text)
                })
                .collect()
        })
    }

    /// `element`, or a record that has it as its only field, so that HDF5 reads that field.
    fn in_memory(&self, element: Datatype) -> Result<Datatype> {
        let Some(field) = self.field else {
            return Ok(element);
        };
        let name = c_text(field)?;
        // SAFETY: the record is as large as its only field, which starts at 0.
        sync(|| unsafe {
            let compound = h5t::H5T_class_t::H5T_COMPOUND;
            let record: Datatype = hdf5::from_id(h5t::H5Tcreate(compound, element.size()))?;
            if h5t::H5Tinsert(record.id(), name.as_ptr(), 0, element.id()) < 0 {
                return Err(format!("there is no field '{field}'").into());
            }
            Ok(record)
        })
    }

    /// Reads some rows (the first axis), converted to `T`, into all of `out`; true counts 1 and
    /// false 0.
    pub(crate) fn numbers<T: Native>(&self, rows: Range<usize>, out: &mut [T]) -> Result<()> {
        self.read_numbers(&[rows], out)
    }

    /// Reads a block of a matrix, row by row, into all of `out`, likewise.
    pub(crate) fn block(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
        out: &mut [f64],
    ) -> Result<()> {
        self.read_numbers(&[rows, columns], out)
    }

    fn read_numbers<T: Native>(&self, within: &[Range<usize>], out: &mut [T]) -> Result<()> {
        let kind = self.kind()?;
        if kind == Kind::Logical {
            let mut stored = vec![0u8; out.len()];
            let memory = self.in_memory(self.datatype()?)?;
            read_into(self.container, &memory, within, None, &mut stored)?;
            for (to, from) in out.iter_mut().zip(stored) {
                *to = T::from(from != 0);
            }
            return Ok(());
        }
        let element = Datatype::from_type::<T>()?;
        let element = match kind {
            Kind::Integer | Kind::Float => element,
            // SAFETY: the length is the file's own for this field.
            Kind::Numbers(length) => sync(|| unsafe {
                hdf5::from_id(h5t::H5Tarray_create2(element.id(), 1, &(length as u64)))
            })?,
            _ => return Err("it does not hold numbers".into()),
        };
        let memory = self.in_memory(element)?;
        read_into(self.container, &memory, within, None, bytes_of(out))
    }

    /// The type of the numbers, if it is one of this machine's own.
    pub(crate) fn plain(&self) -> Result<Option<Plain>> {
        let stored = self.datatype()?;
        let own = [
            (Plain::F32, Datatype::from_type::<f32>()?),
            (Plain::F64, Datatype::from_type::<f64>()?),
            (Plain::I32, Datatype::from_type::<i32>()?),
            (Plain::I64, Datatype::from_type::<i64>()?),
            (Plain::I16, Datatype::from_type::<i16>()?),
            (Plain::I8, Datatype::from_type::<i8>()?),
            (Plain::U32, Datatype::from_type::<u32>()?),
            (Plain::U64, Datatype::from_type::<u64>()?),
            (Plain::U16, Datatype::from_type::<u16>()?),
            (Plain::U8, Datatype::from_type::<u8>()?),
        ];
        let found = own.into_iter().find(|(_, own)| *own == stored);
        Ok(found
            .map(|(plain, _)| plain)
            .filter(|_| self.field.is_none()))
    }

    /// Reads some rows as they are stored, behind what `to` holds.
    pub(crate) fn bytes(&self, rows: Range<usize>, to: &mut Vec<u8>) -> Result<()> {
        let datatype = self.datatype()?;
        let from = to.len();
        to.resize(from + rows.len() * datatype.size(), 0);
        read_into(self.container, &datatype, &[rows], None, &mut to[from..])
    }

    /// Reads the chunk of a one-dimensional dataset that begins at `first`, as it is stored, behind
    /// what `to` holds. Returns the filters that it did not go through, a bit each. `None` where it
    /// is not stored or longer than `most`.
    pub(crate) fn chunk(&self, first: usize, most: usize, to: &mut Vec<u8>) -> Result<Option<u32>> {
        let (id, first) = (self.container.id(), first as u64);
        let (mut length, mut skipped) = (0, 0);
        // SAFETY: the dataset is open and has one dimension; `to` has room for the chunk, and
        // is only as long as what was read.
        sync(|| unsafe {
            hdf5::h5check(H5Dget_chunk_storage_size(id, &first, &mut length))?;
            let length = length as usize;
            if length == 0 || length > most {
                return Ok(None);
            }
            to.reserve(length);
            let out = to.as_mut_ptr().add(to.len()).cast();
            let transfer = h5p::H5P_DEFAULT;
            hdf5::h5check(h5d::H5Dread_chunk1(id, transfer, &first, &mut skipped, out))?;
            to.set_len(to.len() + length);
            Ok(Some(skipped))
        })
    }

    /// Reads true and false.
    pub(crate) fn logicals(&self, rows: Range<usize>) -> Result<Vec<bool>> {
        if self.kind()? != Kind::Logical {
            return Err("it does not hold true and false".into());
        }
        let mut out = vec![0u8; rows.len()];
        let memory = self.in_memory(self.datatype()?)?;
        read_into(self.container, &memory, &[rows], None, &mut out)?;
        Ok(out.into_iter().map(|b| b != 0).collect())
    }

    /// Reads text. The texts together may not be longer than `most_bytes`.
    pub(crate) fn texts(&self, rows: Range<usize>, most_bytes: u64) -> Result<Vec<String>> {
        let datatype = self.datatype()?;
        if kind_of(&datatype)? != Kind::Text {
            return Err("it does not hold text".into());
        }
        let size = datatype.size();
        // SAFETY: the type is open.
        let variable = sync(|| unsafe { h5t::H5Tis_variable_str(datatype.id()) }) > 0;
        let memory = self.in_memory(datatype)?;
        if !variable {
            let mut out = vec![0u8; rows.len().saturating_mul(size)];
            read_into(self.container, &memory, &[rows], None, &mut out)?;
            return Ok(out.chunks_exact(size.max(1)).map(text_of).collect());
        }
        let mut arena = Arena {
            blocks: Vec::new(),
            left: most_bytes as usize,
        };
        let mut out: Vec<*const c_char> = vec![std::ptr::null(); rows.len()];
        // SAFETY: a null pointer is all zeros, and HDF5 writes either null or a pointer that
        // it got from the arena.
        let bytes = unsafe {
            std::slice::from_raw_parts_mut(out.as_mut_ptr().cast::<u8>(), size_of_val(&out[..]))
        };
        read_into(self.container, &memory, &[rows], Some(&mut arena), bytes)?;
        // SAFETY: blocks of the arena end with a NUL beyond what HDF5 asked for.
        let text = |p: &*const c_char| match p.is_null() {
            true => String::new(),
            false => text_of(unsafe { CStr::from_ptr(*p) }.to_bytes()),
        };
        Ok(out.iter().map(text).collect())
    }
}

/// Number types that HDF5, or [`Plain::convert`], can convert to.
pub(crate) trait Native: H5Type + Copy + From<bool> + Send {
    /// Whether real numbers are converted by more than a rounding, which HDF5 is to do.
    const WHOLE: bool;
    /// The nearest number of this type.
    fn from_integer(value: i64) -> Self;
    /// Likewise.
    fn from_unsigned(value: u64) -> Self;
    /// Likewise; only where the type is not `WHOLE`.
    fn from_real(value: f64) -> Self;
}

impl Native for f64 {
    const WHOLE: bool = false;
    fn from_integer(value: i64) -> Self {
        value as f64
    }
    fn from_unsigned(value: u64) -> Self {
        value as f64
    }
    fn from_real(value: f64) -> Self {
        value
    }
}

impl Native for i32 {
    const WHOLE: bool = true;
    fn from_integer(value: i64) -> Self {
        value.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
    }
    fn from_unsigned(value: u64) -> Self {
        value.min(i32::MAX as u64) as i32
    }
    fn from_real(value: f64) -> Self {
        value as i32
    }
}

impl Native for i64 {
    const WHOLE: bool = true;
    fn from_integer(value: i64) -> Self {
        value
    }
    fn from_unsigned(value: u64) -> Self {
        value.min(i64::MAX as u64) as i64
    }
    fn from_real(value: f64) -> Self {
        value as i64
    }
}

/// Numbers that lie in the file as they do in this machine's memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Plain {
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F32,
    F64,
}

impl Plain {
    pub(crate) fn size(self) -> usize {
        match self {
            Plain::I8 | Plain::U8 => 1,
            Plain::I16 | Plain::U16 => 2,
            Plain::I32 | Plain::U32 | Plain::F32 => 4,
            Plain::I64 | Plain::U64 | Plain::F64 => 8,
        }
    }

    /// As HDF5 converts: what does not fit becomes the nearest that does.
    pub(crate) fn convert<T: Native>(self, bytes: &[u8], out: &mut [T]) {
        convert(self, bytes, out);
    }
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn convert<T: Native>(plain: Plain, bytes: &[u8], out: &mut [T]) {
    #[inline(always)]
    fn each<const N: usize, T>(bytes: &[u8], out: &mut [T], convert: impl Fn([u8; N]) -> T) {
        for (to, from) in out.iter_mut().zip(bytes.as_chunks::<N>().0) {
            *to = convert(*from);
        }
    }
    match plain {
        Plain::I8 => each(bytes, out, |b| T::from_integer(i8::from_ne_bytes(b).into())),
        Plain::I16 => each(bytes, out, |b| {
            T::from_integer(i16::from_ne_bytes(b).into())
        }),
        Plain::I32 => each(bytes, out, |b| {
            T::from_integer(i32::from_ne_bytes(b).into())
        }),
        Plain::I64 => each(bytes, out, |b| T::from_integer(i64::from_ne_bytes(b))),
        Plain::U8 => each(bytes, out, |b| {
            T::from_unsigned(u8::from_ne_bytes(b).into())
        }),
        Plain::U16 => each(bytes, out, |b| {
            T::from_unsigned(u16::from_ne_bytes(b).into())
        }),
        Plain::U32 => each(bytes, out, |b| {
            T::from_unsigned(u32::from_ne_bytes(b).into())
        }),
        Plain::U64 => each(bytes, out, |b| T::from_unsigned(u64::from_ne_bytes(b))),
        Plain::F32 => each(bytes, out, |b| T::from_real(f32::from_ne_bytes(b).into())),
        Plain::F64 => each(bytes, out, |b| T::from_real(f64::from_ne_bytes(b))),
    }
}

unsafe extern "C" {
    // hdf5-metno-sys does not declare it; HDF5 has it since 1.10.2.
    fn H5Dget_chunk_storage_size(dataset: hid_t, first: *const u64, length: *mut u64) -> i32;
}

/// The memory of numbers.
fn bytes_of<T: Native>(numbers: &mut [T]) -> &mut [u8] {
    let bytes = size_of_val(numbers);
    // SAFETY: every bit pattern is a value of the number types that are `Native`.
    unsafe { std::slice::from_raw_parts_mut(numbers.as_mut_ptr().cast::<u8>(), bytes) }
}

/// Memory for text of variable length. It is freed as a whole, and is no more than the text in the
/// file, as many entries may name one long text.
struct Arena {
    blocks: Vec<Vec<u8>>,
    left: usize,
}

unsafe extern "C" fn allocate(size: usize, arena: *mut c_void) -> *mut c_void {
    // SAFETY: `read_into` passes its arena, which nothing else uses during the read.
    let arena = unsafe { &mut *arena.cast::<Arena>() };
    if size > arena.left {
        return std::ptr::null_mut();
    }
    arena.left -= size;
    arena.blocks.push(vec![0u8; size + 1]);
    arena
        .blocks
        .last_mut()
        .map_or(std::ptr::null_mut(), |block| block.as_mut_ptr().cast())
}

unsafe extern "C" fn keep(_: *mut c_void, _: *mut c_void) {}

/// Bytes of an entry in the file, where these are known.
fn stored_size(datatype: &Datatype) -> Result<Option<usize>> {
    /// A length, an offset in the file and a number.
    const VARIABLE_TEXT: usize = 16;
    Ok(match kind_of(datatype)? {
        Kind::Integer | Kind::Float | Kind::Logical | Kind::Numbers(_) => Some(datatype.size()),
        Kind::Text => {
            // SAFETY: the type is open.
            let variable = sync(|| unsafe { h5t::H5Tis_variable_str(datatype.id()) }) > 0;
            Some(if variable {
                VARIABLE_TEXT
            } else {
                datatype.size()
            })
        }
        Kind::Compound => {
            // SAFETY: the type is open, and members are asked for below their number.
            let members: Vec<Datatype> = sync(|| unsafe {
                let n = h5t::H5Tget_nmembers(datatype.id()).max(0) as u32;
                let member = |i| hdf5::from_id(h5t::H5Tget_member_type(datatype.id(), i));
                (0..n).map(member).collect::<Result<_>>()
            })?;
            let mut fixed = true;
            for member in members {
                fixed &= stored_size(&member)? == Some(member.size());
            }
            fixed.then(|| datatype.size())
        }
        Kind::Other => None,
    })
}

/// Bytes of a chunk before it went through filters, where there are chunks and these are known.
fn chunk_size(container: &Container) -> Result<Option<usize>> {
    const MOST_AXES: usize = 32;
    let mut chunk = [0u64; MOST_AXES];
    // SAFETY: HDF5 writes at most as many sides as it is told that there is room for.
    let axes = sync(|| unsafe {
        let plan: PropertyList = hdf5::from_id(h5d::H5Dget_create_plist(container.id()))?;
        let axes = h5p::H5Pget_chunk(plan.id(), MOST_AXES as i32, chunk.as_mut_ptr());
        Ok::<i32, hdf5::Error>(axes)
    })?;
    let Some(chunk) = usize::try_from(axes).ok().and_then(|n| chunk.get(..n)) else {
        return Ok(None);
    };
    let item = stored_size(&container.dtype()?)?;
    Ok(item.map(|item| {
        let sides = chunk.iter().map(|&n| n as usize);
        sides.fold(item, usize::saturating_mul)
    }))
}

/// Reads a part of a dataset into `out`, which must have its size exactly: ranges of the
/// first axes and all of the others. A single value, which has no axes, is a row of one.
fn read_into(
    container: &Container,
    memory: &Datatype,
    within: &[Range<usize>],
    arena: Option<&mut Arena>,
    out: &mut [u8],
) -> Result<()> {
    let space = container.space()?;
    let mut shape = space.shape();
    let single = shape.is_empty() && space.size() == 1;
    if single {
        shape.push(1);
    }
    if within.len() > shape.len() {
        return Err("it has too few dimensions".into());
    }
    let mut start = vec![0u64; shape.len()];
    let mut count: Vec<u64> = shape.iter().map(|&n| n as u64).collect();
    for (axis, range) in within.iter().enumerate() {
        if range.end > shape[axis] || range.start > range.end {
            return Err("values beyond its end were asked for".into());
        }
        start[axis] = range.start as u64;
        count[axis] = range.len() as u64;
    }
    let bytes = count
        .iter()
        .fold(memory.size() as u64, |b, &n| b.saturating_mul(n));
    if bytes != out.len() as u64 {
        return Err("it has another size than expected".into());
    }
    if bytes == 0 {
        return Ok(());
    }
    if lzf::is_registered() {
        lzf::expect(chunk_size(container)?.unwrap_or(0));
    }
    let null = std::ptr::null();
    // SAFETY: start and count have one entry for each axis and lie within the shape. `out` has room
    // for `count` entries of the type `memory`. The arena outlives the read.
    sync(|| unsafe {
        let set = h5s::H5S_seloper_t::H5S_SELECT_SET;
        let (from, to) = (start.as_ptr(), count.as_ptr());
        if !single && h5s::H5Sselect_hyperslab(space.id(), set, from, null, to, null) < 0 {
            return Err("its values could not be selected".into());
        }
        let target: hdf5::Dataspace =
            hdf5::from_id(h5s::H5Screate_simple(shape.len() as i32, to, null))?;
        let transfer: PropertyList =
            hdf5::from_id(h5p::H5Pcreate(*hdf5::globals::H5P_DATASET_XFER))?;
        if let Some(arena) = arena {
            let arena = std::ptr::from_mut(arena).cast();
            let nothing = std::ptr::null_mut();
            h5p::H5Pset_vlen_mem_manager(transfer.id(), Some(allocate), arena, Some(keep), nothing);
        }
        hdf5::h5check(h5d::H5Dread(
            container.id(),
            memory.id(),
            target.id(),
            space.id(),
            transfer.id(),
            out.as_mut_ptr().cast(),
        ))?;
        Ok(())
    })
}

/// What the values of an attribute are, and how many there are.
pub(crate) fn attribute_kind(attribute: &Attribute) -> Result<(Kind, usize)> {
    Ok((kind_of(&attribute.dtype()?)?, attribute.space()?.size()))
}

/// Whether an attribute has no value.
pub(crate) fn attribute_is_void(attribute: &Attribute) -> Result<bool> {
    let space = attribute.space()?;
    Ok(space.is_null() || space.size() == 0)
}

/// The texts of an attribute, or `None` where it holds something else.
pub(crate) fn attribute_texts(attribute: &Attribute) -> Result<Option<Vec<String>>> {
    const MOST: usize = 100_000;
    let datatype = attribute.dtype()?;
    if kind_of(&datatype)? != Kind::Text {
        return Ok(None);
    }
    let n = attribute.space()?.size();
    let size = datatype.size();
    if n.saturating_mul(size) > MOST * size_of::<usize>() {
        return Err("it is too large".into());
    }
    if n == 0 {
        return Ok(Some(Vec::new()));
    }
    let space = attribute.space()?;
    // SAFETY: as the memory type is the file's own, a buffer gets n entries of `size` bytes. Those
    // of variable text are null or pointers to C strings that HDF5 takes back.
    sync(|| unsafe {
        if h5t::H5Tis_variable_str(datatype.id()) > 0 {
            let mut buffer: Vec<*mut c_char> = vec![std::ptr::null_mut(); n];
            let out: *mut c_void = buffer.as_mut_ptr().cast();
            hdf5::h5check(h5a::H5Aread(attribute.id(), datatype.id(), out))?;
            let text = |p: &*mut c_char| match p.is_null() {
                true => String::new(),
                false => text_of(CStr::from_ptr(*p).to_bytes()),
            };
            let texts = buffer.iter().map(text).collect();
            // Its successor H5Treclaim is not in the HDF5 1.10 that many systems have.
            #[allow(deprecated)]
            h5d::H5Dvlen_reclaim(datatype.id(), space.id(), h5p::H5P_DEFAULT, out);
            return Ok(Some(texts));
        }
        let mut buffer = vec![0u8; n * size];
        hdf5::h5check(h5a::H5Aread(
            attribute.id(),
            datatype.id(),
            buffer.as_mut_ptr().cast(),
        ))?;
        Ok(Some(
            buffer.chunks_exact(size.max(1)).map(text_of).collect(),
        ))
    })
}

/// The integers of an attribute.
pub(crate) fn attribute_integers(attribute: &Attribute) -> Result<Vec<i64>> {
    if kind_of(&attribute.dtype()?)? != Kind::Integer || attribute.space()?.size() > 64 {
        return Err("it does not hold a few integers".into());
    }
    attribute.read_raw::<i64>()
}

/// True and false of an attribute, which is not to be large.
pub(crate) fn attribute_logicals(attribute: &Attribute) -> Result<Vec<bool>> {
    let datatype = attribute.dtype()?;
    if kind_of(&datatype)? != Kind::Logical {
        return Err("it does not hold true and false".into());
    }
    let n = attribute.space()?.size();
    let mut stored = vec![0u8; n * datatype.size()];
    let out: *mut c_void = stored.as_mut_ptr().cast();
    // SAFETY: as the memory type is the file's own, the buffer has its size for each value.
    sync(|| unsafe { hdf5::h5check(h5a::H5Aread(attribute.id(), datatype.id(), out)) })?;
    Ok(stored.into_iter().map(|b| b != 0).collect())
}

/// The truth of a scalar attribute.
pub(crate) fn attribute_logical(attribute: &Attribute) -> Result<bool> {
    match kind_of(&attribute.dtype()?)? {
        Kind::Logical => attribute.read_scalar::<bool>(),
        Kind::Integer => attribute.read_scalar::<i64>().map(|v| v != 0),
        _ => Err("it is neither true nor false".into()),
    }
}

/// Where a soft link points.
pub(crate) fn soft_link(group: &Group, name: &str) -> Result<String> {
    let name = c_text(name)?;
    let mut target = vec![0u8; 4096];
    // SAFETY: HDF5 writes at most as many bytes as it is told that there are.
    sync(|| unsafe {
        let (buffer, room) = (target.as_mut_ptr().cast(), target.len());
        hdf5::h5check(h5l::H5Lget_val(
            group.id(),
            name.as_ptr(),
            buffer,
            room,
            h5p::H5P_DEFAULT,
        ))
    })?;
    if !target.contains(&0) {
        return Err("a link is too long".into());
    }
    Ok(text_of(&target))
}

/// Whether the data lie in files of their own.
pub(crate) fn has_external_storage(plan: &DatasetCreate) -> bool {
    // SAFETY: the list is open.
    sync(|| unsafe { h5p::H5Pget_external_count(plan.id()) }) != 0
}

/// The ids of the filters that the data went through.
pub(crate) fn filters(plan: &DatasetCreate) -> Result<Vec<i32>> {
    // SAFETY: filters are asked for below their number; no parameters or names are wanted,
    // so there is no room for them.
    sync(|| unsafe {
        let n = hdf5::h5check(h5p::H5Pget_nfilters(plan.id()))?;
        (0..n as u32)
            .map(|i| {
                let (mut flags, mut parameters, mut config) = (0, 0, 0);
                let (none, unnamed) = (std::ptr::null_mut(), std::ptr::null_mut());
                hdf5::h5check(h5p::H5Pget_filter2(
                    plan.id(),
                    i,
                    &mut flags,
                    &mut parameters,
                    none,
                    0,
                    unnamed,
                    &mut config,
                ))
            })
            .collect()
    })
}

/// Whether this HDF5 was built with a filter; not to be asked of plugins, as it loads them.
pub(crate) fn filter_available(filter: i32) -> bool {
    // SAFETY: HDF5 answers 0 for an id that it does not know.
    sync(|| unsafe { h5z::H5Zfilter_avail(filter) }) > 0
}
