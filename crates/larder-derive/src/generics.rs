//! Checks the generic parameters of a key type, and extends them for an implementation.

use proc_macro2::TokenStream;
use syn::{
    Error, GenericParam, Generics, Ident, Type, TypeParam, TypeParamBound, WherePredicate, parse_quote,
};

use crate::types::plain;

/// Fails if a type parameter lacks the bound `Key`, or if the type has a lifetime parameter.
pub(crate) fn check(generics: &Generics) -> syn::Result<()> {
    for parameter in &generics.params {
        match parameter {
            GenericParam::Lifetime(found) => {
                let text =
                    "a key owns its parts, so its type has no lifetime; use `String` in place of `&str`";
                return Err(Error::new_spanned(&found.lifetime, text));
            }
            GenericParam::Type(found) if !is_bounded(found, generics) => {
                let text = format!("the parameter `{0}` needs the bound `{0}: larder::Key`", found.ident);
                return Err(Error::new_spanned(&found.ident, text));
            }
            GenericParam::Type(_) | GenericParam::Const(_) => {}
        }
    }
    Ok(())
}

/// Returns whether a parameter is bounded by a trait named `Key`.
fn is_bounded(parameter: &TypeParam, generics: &Generics) -> bool {
    let clauses = generics.where_clause.iter().flat_map(|clause| &clause.predicates);
    let elsewhere = clauses.filter_map(|predicate| match predicate {
        WherePredicate::Type(found) if is_named(&found.bounded_ty, &parameter.ident) => Some(&found.bounds),
        _ => None,
    });
    elsewhere.chain([&parameter.bounds]).flatten().any(|bound| match bound {
        TypeParamBound::Trait(bound) => bound.path.segments.last().is_some_and(|last| last.ident == "Key"),
        _ => false,
    })
}

fn is_named(found: &Type, name: &Ident) -> bool {
    matches!(plain(found), Type::Path(path) if path.qself.is_none() && path.path.is_ident(name))
}

/// Returns whether a type mentions a type parameter. Such a type may be a bare parameter, for which Rust
/// allows no implementation.
pub(crate) fn mentions_parameter(tokens: TokenStream, generics: &Generics) -> bool {
    tokens.into_iter().any(|token| match token {
        proc_macro2::TokenTree::Ident(name) => generics.type_params().any(|found| found.ident == name),
        proc_macro2::TokenTree::Group(group) => mentions_parameter(group.stream(), generics),
        _ => false,
    })
}

/// Returns the parameters of an implementation: the parameters of the type, and additional ones.
pub(crate) fn with_more(generics: &Generics, more: impl IntoIterator<Item = GenericParam>) -> Generics {
    let mut generics = generics.clone();
    generics.params.extend(more);
    generics
}

pub(crate) fn bounded(name: &Ident, bound: &TokenStream) -> GenericParam {
    parse_quote!(#name: #bound)
}
