//! The import graph of a crate: its cycles and its figures.

use std::collections::{BTreeMap, BTreeSet};

use super::imports::Edge;

/// Files that import each other, directly or through other files, with the imports between them.
#[derive(Debug)]
pub(crate) struct Circle {
    pub(crate) files: Vec<String>,
    pub(crate) edges: Vec<Edge>,
}

impl std::fmt::Display for Circle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(formatter, "circle of {}: {}", self.files.len(), self.files.join(", "))?;
        self.edges.iter().try_for_each(|edge| writeln!(formatter, "    {edge}"))
    }
}

/// Returns the cycles: the strongly connected components with more than one file.
pub(crate) fn circles(edges: &[Edge]) -> Vec<Circle> {
    let mut next = BTreeMap::<&str, Vec<&str>>::new();
    for edge in edges {
        next.entry(&edge.from).or_default().push(&edge.to);
    }
    let reached = |from: &str| {
        let mut reached = BTreeSet::<String>::new();
        let mut waiting = vec![from.to_owned()];
        while let Some(file) = waiting.pop() {
            for to in next.get(file.as_str()).into_iter().flatten() {
                if reached.insert((*to).to_owned()) {
                    waiting.push((*to).to_owned());
                }
            }
        }
        reached
    };
    let reached: BTreeMap<&str, BTreeSet<String>> = next.keys().map(|file| (*file, reached(file))).collect();
    let mut seen = BTreeSet::<&str>::new();
    let mut circles = Vec::new();
    for (file, from_here) in &reached {
        if !from_here.contains(*file) || seen.contains(file) {
            continue;
        }
        let files: Vec<String> = reached
            .iter()
            .filter(|(other, back)| from_here.contains(**other) && back.contains(*file))
            .map(|(other, _)| (*other).to_owned())
            .collect();
        seen.extend(reached.keys().filter(|other| files.iter().any(|file| file == **other)));
        let inside = |name: &String| files.contains(name);
        let edges = edges.iter().filter(|edge| inside(&edge.from) && inside(&edge.to)).cloned().collect();
        circles.push(Circle { files, edges });
    }
    circles
}

/// Returns the folder of a file, or an empty text for the root. A module with children belongs to the folder
/// of its children, whether its file is `memory.rs` or `memory/mod.rs`.
fn folder_of<'a>(file: &'a str, files: &[String]) -> &'a str {
    let children = file.trim_end_matches(".rs");
    let has_children =
        files.iter().any(|other| other.strip_prefix(children).is_some_and(|rest| rest.starts_with('/')));
    if has_children { children } else { file.rsplit_once('/').map_or("", |(folder, _)| folder) }
}

/// Figures about the import graph, which the tests print.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) files: usize,
    pub(crate) folders: usize,
    pub(crate) imports: usize,
    /// Number of imports between files in different folders.
    pub(crate) imports_between_folders: usize,
    /// Number of pairs of folders with such an import.
    pub(crate) pairs_of_folders: usize,
    pub(crate) circles: usize,
    pub(crate) files_in_circles: usize,
}

impl Figures {
    pub(crate) fn of(files: &[String], edges: &[Edge]) -> Self {
        let folders: BTreeSet<&str> = files.iter().map(|file| folder_of(file, files)).collect();
        let between: Vec<(&str, &str)> = edges
            .iter()
            .map(|edge| (folder_of(&edge.from, files), folder_of(&edge.to, files)))
            .filter(|(from, to)| from != to)
            .collect();
        let circles = circles(edges);
        Self {
            files: files.len(),
            folders: folders.len(),
            imports: edges.len(),
            imports_between_folders: between.len(),
            pairs_of_folders: between.into_iter().collect::<BTreeSet<_>>().len(),
            circles: circles.len(),
            files_in_circles: circles.iter().map(|circle| circle.files.len()).sum(),
        }
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            files,
            folders,
            imports,
            imports_between_folders,
            pairs_of_folders,
            circles,
            files_in_circles,
        } = self;
        write!(
            formatter,
            "{files} files in {folders} folders; {imports} imports, {imports_between_folders} of them between \
             folders ({pairs_of_folders} pairs of folders); {circles} circles with {files_in_circles} files"
        )
    }
}
