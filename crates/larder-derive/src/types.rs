//! What the macro can tell about a type from its name.

use quote::ToTokens;
use syn::{GenericArgument, Ident, PathArguments, Type};

/// Returns a type without surrounding parentheses. A type from a `macro_rules!` fragment `$type:ty` has
/// invisible parentheses.
pub(crate) fn plain(mut found: &Type) -> &Type {
    loop {
        found = match found {
            Type::Group(group) => &group.elem,
            Type::Paren(paren) => &paren.elem,
            _ => return found,
        };
    }
}

/// The kind of a field's type, judged by its name.
pub(crate) enum FieldType<'a> {
    /// `String`, `Box<str>`, `Arc<str>` or `Cow<'static, str>`.
    Text,
    /// `Vec<u8>`.
    Bytes,
    /// A tuple of two or more parts.
    Tuple(Vec<&'a Type>),
    Other,
}

impl<'a> FieldType<'a> {
    pub(crate) fn of(field: &'a Type) -> Self {
        match plain(field) {
            Type::Tuple(tuple) if tuple.elems.len() > 1 => {
                Self::Tuple(tuple.elems.iter().map(plain).collect())
            }
            found => match known_name(found) {
                Some("Vec<u8>") => Self::Bytes,
                Some(_) => Self::Text,
                None => Self::Other,
            },
        }
    }
}

/// Returns the usual name of a text or byte type without its path: `String` for `std::string::String`.
fn known_name(found: &Type) -> Option<&'static str> {
    if is_named(found, "String") {
        return Some("String");
    }
    let holders = [
        ("Box", "str", "Box<str>"),
        ("Arc", "str", "Arc<str>"),
        ("Cow", "str", "Cow<str>"),
        ("Vec", "u8", "Vec<u8>"),
    ];
    let is_found = |outer, inner| {
        is_named(found, outer) && argument(found).is_some_and(|argument| is_named(argument, inner))
    };
    holders.into_iter().find_map(|(outer, inner, name)| is_found(outer, inner).then_some(name))
}

/// Returns whether two types are the same, judged by their names.
pub(crate) fn is_same(a: &Type, b: &Type) -> bool {
    let text = |found: &Type| match known_name(found) {
        Some(name) => name.to_owned(),
        None => plain(found).to_token_stream().to_string(),
    };
    text(a) == text(b)
}

/// Returns whether a type is the derived type: `Self`, its name, or `self::` before its name.
pub(crate) fn is_itself(found: &Type, name: &Ident) -> bool {
    let Type::Path(path) = plain(found) else { return false };
    let mut segments = path.path.segments.iter().map(|segment| &segment.ident).peekable();
    segments.next_if(|first| *first == "self");
    let first = segments.next();
    path.qself.is_none()
        && segments.next().is_none()
        && first.is_some_and(|first| first == name || first == "Self")
}

/// Returns whether the path of a type ends with a name.
pub(crate) fn is_named(found: &Type, name: &str) -> bool {
    let Type::Path(path) = plain(found) else { return false };
    path.qself.is_none() && path.path.segments.last().is_some_and(|last| last.ident == name)
}

/// Returns the first type in the angle brackets of a type, if there is one.
fn argument(found: &Type) -> Option<&Type> {
    let Type::Path(path) = plain(found) else { return None };
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(found) => Some(found),
        _ => None,
    })
}
