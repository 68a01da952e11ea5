//! The tokens of a source file, without comments, attributes, and code that only tests compile.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

/// A token with its line number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) token: Token,
    pub(crate) line: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    Word(String),
    /// `::`
    Colons,
    Mark(char),
    Open(char),
    Close(char),
    Literal,
}

impl Token {
    pub(crate) fn word(&self) -> Option<&str> {
        if let Self::Word(word) = self { Some(word) } else { None }
    }
}

/// Returns the tokens that a build without tests compiles.
///
/// # Panics
/// Panics if the text is not valid Rust.
pub(crate) fn tokens_of(name: &str, text: &str) -> Vec<Placed> {
    let stream: TokenStream =
        text.parse().unwrap_or_else(|error| panic!("{name} can't be split into tokens: {error}"));
    let mut tokens = Vec::new();
    flatten(stream, &mut tokens);
    tokens
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Placed>) {
    let trees: Vec<TokenTree> = stream.into_iter().collect();
    let mut at = 0;
    while let Some(tree) = trees.get(at) {
        if let Some(attribute) = Attribute::at(&trees, at) {
            at = attribute.end;
            if !can_hold(&attribute.content) {
                if attribute.is_inner {
                    return;
                }
                at = end_of_item(&trees, at);
            }
            continue;
        }
        let line = tree.span().start().line;
        let mut push = |token| tokens.push(Placed { token, line });
        match tree {
            TokenTree::Ident(word) => push(Token::Word(word.to_string())),
            TokenTree::Literal(_) => push(Token::Literal),
            TokenTree::Punct(mark) if is_double_colon(&trees, at) => {
                debug_assert_eq!(mark.as_char(), ':');
                push(Token::Colons);
                at += 1;
            }
            TokenTree::Punct(mark) => push(Token::Mark(mark.as_char())),
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ('(', ')'),
                    Delimiter::Brace => ('{', '}'),
                    Delimiter::Bracket => ('[', ']'),
                    Delimiter::None => (' ', ' '),
                };
                push(Token::Open(open));
                flatten(group.stream(), tokens);
                let line = group.span_close().start().line;
                tokens.push(Placed { token: Token::Close(close), line });
            }
        }
        at += 1;
    }
}

fn is_mark(tree: Option<&TokenTree>, expected: char) -> bool {
    matches!(tree, Some(TokenTree::Punct(mark)) if mark.as_char() == expected)
}

fn is_double_colon(trees: &[TokenTree], at: usize) -> bool {
    matches!(&trees[at], TokenTree::Punct(mark) if mark.as_char() == ':' && mark.spacing() == Spacing::Joint)
        && is_mark(trees.get(at + 1), ':')
}

/// An attribute: `#[…]` or `#![…]`.
struct Attribute {
    content: Vec<TokenTree>,
    is_inner: bool,
    end: usize,
}

impl Attribute {
    fn at(trees: &[TokenTree], at: usize) -> Option<Self> {
        if !is_mark(trees.get(at), '#') {
            return None;
        }
        let is_inner = is_mark(trees.get(at + 1), '!');
        let bracket = at + 1 + usize::from(is_inner);
        match trees.get(bracket) {
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket => {
                Some(Self { content: group.stream().into_iter().collect(), is_inner, end: bracket + 1 })
            }
            _ => None,
        }
    }
}

/// Returns whether a build without tests can contain the item with this attribute. Only a `cfg` attribute can
/// exclude the item.
fn can_hold(attribute: &[TokenTree]) -> bool {
    match attribute {
        [TokenTree::Ident(name), TokenTree::Group(condition)] if name == "cfg" => {
            condition_can_hold(&condition.stream().into_iter().collect::<Vec<_>>())
        }
        _ => true,
    }
}

/// Returns whether a `cfg` condition can be true without `test` and `doctest`. Every other flag may be set or
/// not.
fn condition_can_hold(condition: &[TokenTree]) -> bool {
    match condition {
        [TokenTree::Ident(name)] => name != "test" && name != "doctest",
        [TokenTree::Ident(name), TokenTree::Group(parts), ..] => {
            let parts: Vec<TokenTree> = parts.stream().into_iter().collect();
            let mut parts = parts.split(|tree| is_mark(Some(tree), ',')).filter(|part| !part.is_empty());
            if name == "all" {
                parts.all(condition_can_hold)
            } else if name == "any" {
                parts.any(condition_can_hold)
            } else {
                true
            }
        }
        _ => true,
    }
}

/// Returns the end of the item, field, arm or statement that begins at `at`.
fn end_of_item(trees: &[TokenTree], mut at: usize) -> usize {
    while let Some(attribute) = Attribute::at(trees, at) {
        at = attribute.end;
    }
    let words: Vec<String> = trees[at..]
        .iter()
        .filter(
            |tree| !matches!(tree, TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis),
        )
        .map_while(|tree| if let TokenTree::Ident(word) = tree { Some(word.to_string()) } else { None })
        .skip_while(|word| word == "pub")
        .take(2)
        .collect();
    let first = words.first().map_or("", String::as_str);
    let is_function = words.iter().any(|word| word == "fn");
    let ends_with_semicolon =
        matches!(first, "use" | "let" | "static" | "type") || first == "const" && !is_function;
    let is_item = is_function
        || matches!(
            first,
            "struct" | "enum" | "union" | "impl" | "trait" | "mod" | "unsafe" | "async" | "extern"
        );
    while let Some(tree) = trees.get(at) {
        at += 1;
        match tree {
            TokenTree::Punct(mark) if mark.as_char() == ';' => break,
            TokenTree::Punct(mark) if mark.as_char() == ',' && !is_item && !ends_with_semicolon => break,
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && !ends_with_semicolon => break,
            _ => {}
        }
    }
    at
}
