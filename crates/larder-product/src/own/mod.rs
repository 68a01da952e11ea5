//! Families of the application's own, in addition to the families of the shop: their definitions, their
//! registration, and their open keyspaces.

pub(crate) mod definition;
pub(crate) mod error;
pub(crate) mod key;
pub(crate) mod open;
pub(crate) mod registered;
