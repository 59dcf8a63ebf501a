//! The values of a pickle, side by side. What holds others names them by their index. So values
//! that are used often exist once, and those that hold themselves do no harm.

use super::names::Name;
use std::borrow::Cow;

/// The position of a value.
pub(super) type Id = u32;

/// One value.
#[derive(Debug)]
pub(super) enum Value<'a> {
    None,
    Bool(bool),
    Integer(i64),
    Number(f64),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    Tuple(Box<[Id]>),
    /// A list, or a set.
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Name(Name),
    Object(Box<Object>),
}

/// What would be made by a function or a class, if it were called.
#[derive(Debug)]
pub(super) struct Object {
    pub maker: Name,
    /// A tuple.
    pub arguments: Id,
    pub state: Option<Id>,
}

/// All values of a pickle.
#[derive(Debug)]
pub(super) struct Values<'a> {
    pub all: Vec<Value<'a>>,
    /// The one that the pickle is about.
    pub root: Id,
}

impl<'a> Values<'a> {
    pub(super) fn get(&self, id: Id) -> &Value<'a> {
        &self.all[id as usize]
    }
}
