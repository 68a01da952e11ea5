//! The requirements on the types of values.

use serde::{Serialize, de::DeserializeOwned};

/// The requirements on the type of a cached value. Every type with these traits implements it.
pub trait Value: Serialize + DeserializeOwned + Send + Sync + 'static {}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Value for T {}
