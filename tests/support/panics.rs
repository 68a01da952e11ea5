//! The messages of panics, so that a test can tell a panic that it expects from any other panic.

use std::any::Any;

/// Returns the message of a caught panic. Returns an empty text if the panic has a payload of another type.
pub(crate) fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default()
}
