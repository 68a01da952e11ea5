//! A registered loader in a forked child. The child does not have the threads of the loader's pool.

use std::sync::Arc;
use std::time::Duration;

use larder::{Error, Keyspace, Load, LoadPolicy, LoadingKeyspace};

use super::split::Says;

pub(super) type Sevens = LoadingKeyspace<u64, u64, ()>;

/// Returns a handle whose loader returns 7. In the parent, the pool of the cache has one idle thread.
pub(super) fn sevens(versions: &Keyspace<u64, u64>) -> Sevens {
    let policy =
        LoadPolicy::new().refresh_after(Duration::from_millis(1)).hard_timeout(Duration::from_mins(1));
    let sevens = versions.with_loader(policy, |_, _| Ok(Load::Cache(Arc::new(7)))).unwrap();
    assert_eq!(*sevens.get(9).unwrap().value.unwrap(), 7);
    assert!(versions.remove(9).unwrap());
    sevens
}

/// Calls `get` and `refresh` in a child, and registers another loader. Key 1 has the value 10, which is old
/// enough for a refresh.
pub(super) fn ask(says: &mut Says, sevens: &Sevens) {
    says.step("a registered loader");
    assert_eq!(*sevens.get(1).unwrap().value.unwrap(), 10, "no refresh begins");
    assert_eq!(*sevens.get(9).unwrap().value.unwrap(), 7, "the caller runs the loader");
    assert!(sevens.keyspace().get(9).is_none(), "its value is not cached");
    assert!(matches!(sevens.refresh(1), Err(Error::Forked)));
    let registered = sevens.keyspace().with_loader(LoadPolicy::new(), |_, _| Err::<Load<u64>, _>(()));
    assert!(matches!(registered, Err(Error::Forked)));
}
