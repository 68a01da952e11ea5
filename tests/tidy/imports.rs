//! Finds the files that each file imports. Follows each path through `use`, renames, globs and re-exports, to
//! the file that *defines* the named item.
//!
//! - A path that ends at a module is not an import. The names that are used through that module are
//!   imports.
//! - If a module re-exports a name from a module below itself, a file that uses this name imports only the
//!   file that defines it. Any other re-export is an import.
//! - `super::` from a child to its parent is an import. `mod child;` is not.
//! - Method calls name no path, so they are not imports. Attributes, such as serde's `with`, are not read.

use std::collections::{BTreeMap, BTreeSet};

use super::modules::{Binding, Crate, Mention, MentionKind};

/// A use of an item that another file defines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) from: String,
    pub(crate) to: String,
    /// The line and the path of the first use.
    pub(crate) line: usize,
    pub(crate) path: String,
}

impl std::fmt::Display for Edge {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{} uses `{}`, which is in {}", self.from, self.line, self.path, self.to)
    }
}

/// The item or module that a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    Module(usize),
    /// An item that a file defines.
    Item(usize),
}

/// The names that are being looked up. A name that leads back to itself ends the search.
type Visited = BTreeSet<(usize, String)>;

impl Crate {
    /// Returns every import between two files, with the place of its first use.
    pub(crate) fn edges(&self) -> Vec<Edge> {
        let mut edges = BTreeMap::<(usize, usize), Edge>::new();
        for (index, module) in self.modules.iter().enumerate() {
            for mention in &module.mentions {
                for to in self.files_of(index, mention) {
                    if to == module.file || self.only_says_where(index, to, mention) {
                        continue;
                    }
                    edges.entry((module.file, to)).or_insert_with(|| Edge {
                        from: self.files[module.file].clone(),
                        to: self.files[to].clone(),
                        line: mention.line,
                        path: mention.path.join("::"),
                    });
                }
            }
        }
        edges.into_values().collect()
    }

    fn files_of(&self, module: usize, mention: &Mention) -> Vec<usize> {
        let mut targets = BTreeSet::new();
        let first = &mention.path[0];
        match mention.kind {
            MentionKind::Code if mention.path.len() == 1 => {
                // A name that this module defines or imports by name is already recorded. A name from a glob
                // is not.
                if !self.modules[module].names.contains_key(first) {
                    self.look_up(module, first, &mut Visited::new(), &mut targets);
                }
            }
            MentionKind::Macro if mention.path.len() == 1 => {
                self.look_up(module, first, &mut Visited::new(), &mut targets);
                // After its definition, a macro can also be used without a path.
                if let (true, Some([file])) = (targets.is_empty(), self.macros.get(first).map(Vec::as_slice))
                {
                    targets.insert(Target::Item(*file));
                }
            }
            _ => self.resolve(module, &mention.path, &mut Visited::new(), &mut targets),
        }
        let file = |target| if let Target::Item(file) = target { Some(file) } else { None };
        targets.into_iter().filter_map(file).collect()
    }

    /// Returns whether a mention in `module` only re-exports an item, and the file `to` has a module below
    /// `module`.
    fn only_says_where(&self, module: usize, to: usize, mention: &Mention) -> bool {
        mention.kind == MentionKind::Reexport
            && self
                .modules
                .iter()
                .enumerate()
                .filter(|(_, other)| other.file == to)
                .any(|(other, _)| self.is_below(other, module))
    }

    fn is_below(&self, mut module: usize, ancestor: usize) -> bool {
        while let Some(parent) = self.modules[module].parent {
            if parent == ancestor {
                return true;
            }
            module = parent;
        }
        false
    }

    /// Follows a path that starts in a module.
    fn resolve(&self, module: usize, path: &[String], visited: &mut Visited, targets: &mut BTreeSet<Target>) {
        let (first, mut rest) = path.split_first().expect("a path has a first part");
        let mut current = BTreeSet::new();
        match first.as_str() {
            "crate" => drop(current.insert(Target::Module(0))),
            "self" => drop(current.insert(Target::Module(module))),
            "super" => {
                let mut parent = self.modules[module].parent;
                while rest.first().is_some_and(|next| next == "super") {
                    parent = parent.and_then(|parent| self.modules[parent].parent);
                    rest = &rest[1..];
                }
                current.extend(parent.map(Target::Module));
            }
            name => self.look_up(module, name, visited, &mut current),
        }
        for name in rest {
            // A function may have the same name as a module, but only a module can continue the path.
            if current.iter().any(|target| matches!(target, Target::Module(_))) {
                current.retain(|target| matches!(target, Target::Module(_)));
            }
            let mut next = BTreeSet::new();
            for target in current {
                match target {
                    // The rest of the path names a variant or an associated item.
                    Target::Item(_) => drop(next.insert(target)),
                    Target::Module(module) => {
                        let before = next.len();
                        self.look_up(module, name, visited, &mut next);
                        // The item is not in the text of that module, so a macro must have defined it.
                        if next.len() == before {
                            next.insert(Target::Item(self.modules[module].file));
                        }
                    }
                }
            }
            current = next;
        }
        targets.extend(current);
    }

    /// Finds what a name means in a module.
    fn look_up(&self, module: usize, name: &str, visited: &mut Visited, targets: &mut BTreeSet<Target>) {
        if !visited.insert((module, name.to_owned())) {
            return;
        }
        let this = &self.modules[module];
        for binding in this.names.get(name).into_iter().flatten() {
            match binding {
                Binding::Module(child) => drop(targets.insert(Target::Module(*child))),
                Binding::Item => drop(targets.insert(Target::Item(this.file))),
                Binding::Import(path) => self.resolve(module, path, visited, targets),
            }
        }
        if !this.names.contains_key(name) {
            for glob in &this.globs {
                let mut modules = BTreeSet::new();
                self.resolve(module, glob, visited, &mut modules);
                for target in modules {
                    if let Target::Module(other) = target {
                        self.look_up(other, name, visited, targets);
                    }
                }
            }
        }
        visited.remove(&(module, name.to_owned()));
    }
}
