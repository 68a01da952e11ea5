//! The requirements on the types of values.

use serde::{Serialize, de::DeserializeOwned};

/// The requirements on the type of a cached value. Every type that meets them is a `Value`.
pub trait Value: Serialize + DeserializeOwned + Send + Sync + 'static {}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Value for T {}
