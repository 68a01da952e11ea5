//! The application's own families, in addition to those of the shop: their definitions, their registration,
//! and their open keyspaces.

pub(crate) mod definition;
pub(crate) mod error;
pub(crate) mod key;
pub(crate) mod open;
pub(crate) mod registered;
