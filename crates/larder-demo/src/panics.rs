//! Silences panics of the store on a damaged file, because larder catches them and reports the damage.

use std::panic::{set_hook, take_hook};
use std::path::Path;

/// Installs a panic hook that does not print panics inside the store. Other panics are printed as before.
pub(crate) fn silence_store() {
    let print = take_hook();
    set_hook(Box::new(move |panic| {
        if !panic.location().is_some_and(|place| is_of_store(Path::new(place.file()))) {
            print(panic);
        }
    }));
}

/// Returns whether a source file is in a directory `redb`, or in one such as `redb-4.1.0`.
fn is_of_store(file: &Path) -> bool {
    file.components().any(|part| {
        let part = part.as_os_str().to_string_lossy();
        let version = part.strip_prefix("redb-").unwrap_or_default();
        part == "redb" || version.starts_with(|first: char| first.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_file_of_the_store_is_recognized() {
        for (file, is_store) in [
            ("/x/.cargo/registry/src/index/redb-4.1.0/src/tree_store/page.rs", true),
            ("vendor/redb/src/db.rs", true),
            ("crates/larder/src/disk/store.rs", false),
            ("src/redb.rs", false),
            ("/x/redb-derive-1.0/src/lib.rs", false),
        ] {
            assert_eq!(is_of_store(Path::new(file)), is_store, "{file}");
        }
    }
}
