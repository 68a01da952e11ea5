//! The shop: its catalog, its database, its value types, and the service that answers requests.

pub(crate) mod catalog;
pub(crate) mod database;
pub(crate) mod reader;
pub(crate) mod service;
pub(crate) mod values;
pub(crate) mod writer;
