//! R bindings of neuralee.
