//! Options as R gives them, a named list, and as the core has them.

use extendr_api::prelude::*;
use extendr_api::serializer::to_robj;
use neuralee_core::Error as CoreError;
use serde::de::DeserializeOwned;
use serde::Serialize;

use crate::convert::Outcome;

/// The struct that a list of R stands for. What the struct does not know, and what is of another
/// type, is refused by its name: `optimizer.rate`.
pub(crate) fn read<T: DeserializeOwned>(list: &Robj) -> Outcome<T> {
    serde_path_to_error::deserialize(list).map_err(|error| {
        let path = error.path().to_string();
        let of = if path == "." {
            String::from("The options")
        } else {
            format!("The option `{path}`")
        };
        CoreError::input(
            format!("{of} cannot be used: {}.", in_words(error.inner())),
            "",
        )
        .into()
    })
}

/// What extendr says of a value, without the value.
fn in_words(error: &extendr_api::Error) -> String {
    match error {
        extendr_api::Error::Other(message) => message.clone(),
        other => {
            let name = format!("{other:?}");
            let kind = name.split(['(', ' ', '{']).next().unwrap_or_default();
            kind.chars()
                .flat_map(|c| {
                    let space = c.is_uppercase().then_some(' ');
                    space.into_iter().chain(c.to_lowercase())
                })
                .collect::<String>()
                .trim()
                .to_string()
        }
    }
}

/// The list that stands for a struct.
pub(crate) fn to_list<T: Serialize>(options: &T) -> Outcome<Robj> {
    Ok(to_robj(options)?)
}
