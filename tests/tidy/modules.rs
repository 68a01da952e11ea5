//! The modules of a crate: the names that each module defines or imports, and the paths that its code
//! mentions.

use std::collections::BTreeMap;

use super::tokens::{Placed, Token, tokens_of};

/// All keywords except `crate`, `self` and `super`, which can begin a path.
const KEYWORDS: [&str; 36] = [
    "Self", "as", "async", "await", "break", "const", "continue", "dyn", "else", "enum", "extern", "false",
    "fn", "for", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref", "return",
    "static", "struct", "trait", "true", "type", "unsafe", "use", "where", "while", "_",
];

/// The meaning of a name in a module.
#[derive(Debug, Clone)]
pub(crate) enum Binding {
    Module(usize),
    /// An item that the module itself defines.
    Item,
    /// A name that a `use` imports, with its path.
    Import(Vec<String>),
}

/// A path that the code mentions, or a name that it imports.
#[derive(Debug)]
pub(crate) struct Mention {
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
    pub(crate) kind: MentionKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MentionKind {
    /// `use a::b;`
    Import,
    /// `pub use a::b;`
    Reexport,
    /// `a::b`, or `b`, in a type or an expression.
    Code,
    /// `b!`
    Macro,
}

#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) parent: Option<usize>,
    /// Index of the module's file in [`Crate::files`].
    pub(crate) file: usize,
    pub(crate) names: BTreeMap<String, Vec<Binding>>,
    /// Paths of modules that a glob imports.
    pub(crate) globs: Vec<Vec<String>>,
    pub(crate) mentions: Vec<Mention>,
    /// Names of structs, enums, unions, traits and aliases, with their lines.
    pub(crate) types: Vec<(String, usize)>,
}

/// The files and modules of a crate.
#[derive(Debug, Default)]
pub(crate) struct Crate {
    /// Paths of the files, relative to the folder of the root file. Files that only tests compile are left
    /// out.
    pub(crate) files: Vec<String>,
    pub(crate) modules: Vec<Module>,
    /// The files that define a macro, by its name.
    pub(crate) macros: BTreeMap<String, Vec<usize>>,
}

impl Crate {
    /// Reads a crate from its files, which are given by their paths relative to the folder of the root file.
    pub(crate) fn read(sources: &BTreeMap<String, String>) -> Self {
        let root = ["lib.rs", "main.rs"].into_iter().find(|root| sources.contains_key(*root));
        let mut read = Self::default();
        read.add_file(sources, root.expect("a crate has a root"), "", None);
        read
    }

    /// Reads a file and, in `folder`, the files of its child modules.
    fn add_file(
        &mut self,
        sources: &BTreeMap<String, String>,
        name: &str,
        folder: &str,
        parent: Option<usize>,
    ) -> usize {
        let tokens = tokens_of(name, &sources[name]);
        self.files.push(name.to_owned());
        let file = self.files.len() - 1;
        self.add_module(sources, &tokens, file, folder, parent)
    }

    fn add_module(
        &mut self,
        sources: &BTreeMap<String, String>,
        tokens: &[Placed],
        file: usize,
        folder: &str,
        parent: Option<usize>,
    ) -> usize {
        let module = self.modules.len();
        self.modules.push(Module {
            parent,
            file,
            names: BTreeMap::new(),
            globs: Vec::new(),
            mentions: Vec::new(),
            types: Vec::new(),
        });
        let mut reader = Reader { tokens, at: 0, depth: 0 };
        while reader.at < tokens.len() {
            match reader.step() {
                Piece::Nothing => {}
                Piece::Child { name } => {
                    let child = self.add_child(sources, &name, folder, module);
                    self.bind(module, name, Binding::Module(child));
                }
                Piece::Inline { name, content } => {
                    let folder = below(folder, &name);
                    let child = self.add_module(sources, content, file, &folder, Some(module));
                    self.bind(module, name, Binding::Module(child));
                }
                Piece::Definition { keyword, name, line } => {
                    if matches!(keyword.as_str(), "struct" | "enum" | "union" | "trait" | "type") {
                        self.modules[module].types.push((name.clone(), line));
                    }
                    if keyword == "macro_rules" {
                        self.macros.entry(name.clone()).or_default().push(file);
                    }
                    self.bind(module, name, Binding::Item);
                }
                Piece::Use { leaves, line, kind } => self.add_use(module, leaves, line, kind),
                Piece::Path(mention) => self.modules[module].mentions.push(mention),
            }
        }
        module
    }

    fn add_child(
        &mut self,
        sources: &BTreeMap<String, String>,
        name: &str,
        folder: &str,
        parent: usize,
    ) -> usize {
        let inside = below(folder, name);
        let candidates = [format!("{inside}.rs"), format!("{inside}/mod.rs")];
        let file = candidates.iter().find(|file| sources.contains_key(*file));
        let file = file.unwrap_or_else(|| panic!("the module {inside} has no file"));
        self.add_file(sources, file, &inside, Some(parent))
    }

    fn add_use(&mut self, module: usize, leaves: Vec<Leaf>, line: usize, kind: MentionKind) {
        for Leaf { path, name } in leaves {
            match name {
                LeafName::All => self.modules[module].globs.push(path.clone()),
                LeafName::None => {}
                LeafName::Of(name) => self.bind(module, name, Binding::Import(path.clone())),
            }
            self.modules[module].mentions.push(Mention { path, line, kind });
        }
    }

    fn bind(&mut self, module: usize, name: String, binding: Binding) {
        self.modules[module].names.entry(name).or_default().push(binding);
    }
}

fn below(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// A name that a `use` imports.
struct Leaf {
    path: Vec<String>,
    name: LeafName,
}

enum LeafName {
    Of(String),
    /// `as _`
    None,
    /// `*`
    All,
}

enum Piece<'a> {
    Nothing,
    Child { name: String },
    Inline { name: String, content: &'a [Placed] },
    Definition { keyword: String, name: String, line: usize },
    Use { leaves: Vec<Leaf>, line: usize, kind: MentionKind },
    Path(Mention),
}

/// Reads the tokens of one module in order.
struct Reader<'a> {
    tokens: &'a [Placed],
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn token(&self, at: usize) -> Option<&'a Token> {
        self.tokens.get(at).map(|placed| &placed.token)
    }

    fn word(&self, at: usize) -> Option<&'a str> {
        self.token(at).and_then(Token::word)
    }

    fn is(&self, at: usize, expected: &Token) -> bool {
        self.token(at) == Some(expected)
    }

    /// Reads one piece from the next token on, and advances past the piece.
    fn step(&mut self) -> Piece<'a> {
        let at = self.at;
        let line = self.tokens[at].line;
        self.at += 1;
        match &self.tokens[at].token {
            Token::Open(_) => self.depth += 1,
            Token::Close(_) => self.depth = self.depth.saturating_sub(1),
            Token::Word(word) => return self.step_word(word, at, line),
            Token::Colons | Token::Mark(_) | Token::Literal => {}
        }
        Piece::Nothing
    }

    fn step_word(&mut self, word: &str, at: usize, line: usize) -> Piece<'a> {
        let next = self.word(at + 1);
        match word {
            "pub" if self.is(at + 1, &Token::Open('(')) => {
                if matches!(self.word(at + 2), Some("crate" | "super" | "self" | "in")) {
                    self.at = self.end_of_group(at + 1);
                }
                Piece::Nothing
            }
            "mod" if self.depth == 0 && next.is_some() => {
                let name = next.unwrap_or_default().to_owned();
                if self.is(at + 2, &Token::Open('{')) {
                    self.at = self.end_of_group(at + 2);
                    Piece::Inline { name, content: &self.tokens[at + 3..self.at - 1] }
                } else {
                    self.at = at + 3;
                    Piece::Child { name }
                }
            }
            "use" if !self.is(at + 1, &Token::Mark('<')) => {
                let kind = if self.depth == 0 && self.is_public(at) {
                    MentionKind::Reexport
                } else {
                    MentionKind::Import
                };
                let mut leaves = Vec::new();
                self.at = self.use_tree(at + 1, &[], &mut leaves);
                Piece::Use { leaves, line, kind }
            }
            "macro_rules" if self.is(at + 1, &Token::Mark('!')) => {
                self.at = at + 3;
                let name = self.word(at + 2).unwrap_or_default().to_owned();
                Piece::Definition { keyword: word.to_owned(), name, line }
            }
            "struct" | "enum" | "union" | "trait" | "type" | "fn" | "const" | "static"
                if self.depth == 0 && next.is_some_and(|name| !KEYWORDS.contains(&name)) =>
            {
                self.at = at + 2;
                let name = next.unwrap_or_default().to_owned();
                Piece::Definition { keyword: word.to_owned(), name, line }
            }
            _ => self.path(word, at, line),
        }
    }

    fn path(&mut self, word: &str, at: usize, line: usize) -> Piece<'a> {
        if KEYWORDS.contains(&word) || self.is_no_beginning(at, word) {
            return Piece::Nothing;
        }
        let mut path = vec![word.to_owned()];
        while self.is(self.at, &Token::Colons)
            && let Some(next) = self.word(self.at + 1)
        {
            path.push(next.to_owned());
            self.at += 2;
        }
        if path.len() == 1 && matches!(word, "crate" | "self" | "super") {
            return Piece::Nothing;
        }
        let is_macro = self.is(self.at, &Token::Mark('!')) && !self.is(self.at + 1, &Token::Mark('='));
        let kind = if is_macro { MentionKind::Macro } else { MentionKind::Code };
        Piece::Path(Mention { path, line, kind })
    }

    /// Returns whether a word does not begin a path, because it continues one, or is a field, a lifetime or a
    /// macro variable.
    fn is_no_beginning(&self, at: usize, word: &str) -> bool {
        let Some(before) = at.checked_sub(1).and_then(|before| self.token(before)) else { return false };
        match before {
            Token::Colons | Token::Mark('\'') => true,
            Token::Mark('$') => word != "crate",
            // The word after `..` is the end of a range, and begins a path.
            Token::Mark('.') => !at.checked_sub(2).is_some_and(|before| self.is(before, &Token::Mark('.'))),
            _ => false,
        }
    }

    /// Returns whether `pub` or `pub(…)` precedes a token.
    fn is_public(&self, at: usize) -> bool {
        let Some(before) = at.checked_sub(1) else { return false };
        if self.is(before, &Token::Close(')')) {
            let open = (0..before).rev().find(|open| self.is(*open, &Token::Open('(')));
            return open.and_then(|open| open.checked_sub(1)).is_some_and(|at| self.word(at) == Some("pub"));
        }
        self.word(before) == Some("pub")
    }

    /// Returns the position after the group that opens at `open`.
    fn end_of_group(&self, open: usize) -> usize {
        let mut depth = 0_usize;
        for (at, placed) in self.tokens.iter().enumerate().skip(open) {
            match placed.token {
                Token::Open(_) => depth += 1,
                Token::Close(_) => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return at + 1;
            }
        }
        self.tokens.len()
    }

    /// Reads the tree of a `use`. Returns the position after it.
    fn use_tree(&self, mut at: usize, prefix: &[String], leaves: &mut Vec<Leaf>) -> usize {
        let mut path = prefix.to_vec();
        loop {
            match self.token(at) {
                Some(Token::Colons) => at += 1,
                Some(Token::Mark('*')) => {
                    leaves.push(Leaf { path, name: LeafName::All });
                    return at + 1;
                }
                Some(Token::Open('{')) => {
                    at += 1;
                    while !self.is(at, &Token::Close('}')) {
                        at = self.use_tree(at, &path, leaves);
                        if self.is(at, &Token::Mark(',')) {
                            at += 1;
                        }
                    }
                    return at + 1;
                }
                Some(Token::Word(word)) if word == "as" => {
                    let name = self.word(at + 1).unwrap_or("_");
                    let name = if name == "_" { LeafName::None } else { LeafName::Of(name.to_owned()) };
                    leaves.push(Leaf { path, name });
                    return at + 2;
                }
                Some(Token::Word(word)) => {
                    at += 1;
                    // `{self}` imports the path in front of it.
                    if word != "self" || path.is_empty() {
                        path.push(word.clone());
                    }
                    let goes_on = self.is(at, &Token::Colons) || self.word(at) == Some("as");
                    if !goes_on {
                        let name = path.last().cloned().unwrap_or_default();
                        leaves.push(Leaf { path, name: LeafName::Of(name) });
                        return at;
                    }
                }
                _ => return at + 1,
            }
        }
    }
}
