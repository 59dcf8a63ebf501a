//! The one error type of the crate. Each variant becomes the R condition
//! `neuralee_error_<kind>`.

/// What went wrong, and what the caller can do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// One sentence that names the argument, the position and the value.
    pub message: String,
    /// One sentence that says what to do; empty where the message says it.
    pub remedy: String,
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        if !self.remedy.is_empty() {
            write!(f, " {}", self.remedy)?;
        }
        Ok(())
    }
}

/// Result of every fallible function of the crate.
pub type Result<T> = std::result::Result<T, Error>;

macro_rules! errors {
    ($($(#[$doc:meta])* $variant:ident, $function:ident;)*) => {
        /// Every way in which the crate refuses or fails.
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        pub enum Error {
            $($(#[$doc])* #[error("{0}")] $variant(Report),)*
        }

        impl Error {
            $($(#[$doc])*
            pub fn $function(message: impl Into<String>, remedy: impl Into<String>) -> Self {
                Error::$variant(Report { message: message.into(), remedy: remedy.into() })
            })*

            /// The last part of the R condition class.
            pub fn kind(&self) -> &'static str {
                match self { $(Error::$variant(_) => stringify!($function),)* }
            }

            /// Message and remedy.
            pub fn report(&self) -> &Report {
                match self { $(Error::$variant(report) => report,)* }
            }
        }
    };
}

errors! {
    /// An argument that is of the wrong kind or out of range.
    Input, input;
    /// A file that is missing, truncated, or not what its name promises.
    FileFormat, file_format;
    /// NA, NaN or an infinite value in the data.
    NotFinite, not_finite;
    /// A perplexity that the number of neighbours cannot reach.
    Perplexity, perplexity;
    /// An embedding dimension that is not supported.
    Dimension, dimension;
    /// A job that would not fit into memory, refused before anything is allocated.
    Memory, memory;
    /// A device that is not there.
    Device, device;
    /// A saved model or state of another version.
    ModelVersion, model_version;
    /// The user stopped the job.
    Interrupted, interrupted;
    /// A bug in this crate.
    Internal, internal;
}
