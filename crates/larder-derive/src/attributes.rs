//! Parses the options in `#[key(…)]`.

use proc_macro2::Span;
use syn::meta::ParseNestedMeta;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Fields, LitStr, Path, Token, Type, parse_quote};

use crate::types::plain;

pub(crate) struct TypeOptions {
    /// The path of the crate larder.
    pub(crate) larder: Path,
    /// The option `lookup_by`: types that look up the key, in addition to those that the macro chooses.
    pub(crate) lookup_by: Vec<Type>,
    pub(crate) try_from: Option<TryFrom>,
}

/// The option `try_from`: keys are read through a conversion that validates them.
pub(crate) struct TryFrom {
    pub(crate) span: Span,
    /// The type to convert from. `None` means the type of the field.
    pub(crate) source: Option<Type>,
}

impl TypeOptions {
    pub(crate) fn read(attributes: &[Attribute]) -> syn::Result<Self> {
        let (mut larder, mut lookup_by, mut try_from) = (None, Vec::new(), None);
        for_each_option(attributes, |meta| {
            if meta.path.is_ident("crate") {
                set(&mut larder, &meta, meta.value()?.parse::<Path>()?)
            } else if meta.path.is_ident("lookup_by") {
                let content;
                syn::parenthesized!(content in meta.input);
                let types = Punctuated::<Type, Token![,]>::parse_terminated(&content)?;
                types.into_iter().try_for_each(|form| {
                    lookup_by.push(not_a_reference(form)?);
                    Ok(())
                })
            } else if meta.path.is_ident("try_from") {
                let source = if meta.input.peek(Token![=]) { Some(meta.value()?.parse()?) } else { None };
                set(&mut try_from, &meta, TryFrom { span: meta.path.span(), source })
            } else {
                Err(meta.error("the options of a key type are `lookup_by(…)`, `try_from` and `crate = …`"))
            }
        })?;
        let larder = larder.unwrap_or_else(|| parse_quote!(::larder));
        Ok(Self { larder, lookup_by, try_from })
    }

    /// Fails if the type has the option `try_from`, which only structs with one field may have.
    pub(crate) fn refuse_try_from(&self) -> syn::Result<()> {
        match &self.try_from {
            None => Ok(()),
            Some(found) => Err(Error::new(found.span, "only a struct with one field can have `try_from`")),
        }
    }
}

/// Returns the name in the option `rename` of a variant.
pub(crate) fn renamed(attributes: &[Attribute]) -> syn::Result<Option<LitStr>> {
    let mut renamed = None;
    for_each_option(attributes, |meta| {
        if meta.path.is_ident("rename") {
            set(&mut renamed, &meta, meta.value()?.parse::<LitStr>()?)
        } else {
            Err(meta.error("the option of a variant is `rename = \"…\"`"))
        }
    })?;
    Ok(renamed)
}

/// Fails if a field has options.
pub(crate) fn refuse_on_fields(fields: &Fields) -> syn::Result<()> {
    let attributes = fields.iter().flat_map(|field| &field.attrs);
    match attributes.into_iter().find(|attribute| attribute.path().is_ident("key")) {
        None => Ok(()),
        Some(found) => Err(Error::new_spanned(found, "a field has no options; they belong to the type")),
    }
}

fn for_each_option(
    attributes: &[Attribute],
    mut read: impl FnMut(ParseNestedMeta<'_>) -> syn::Result<()>,
) -> syn::Result<()> {
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("key"))
        .try_for_each(|attribute| attribute.parse_nested_meta(&mut read))
}

/// Sets an option. Fails if it was given before.
fn set<T>(option: &mut Option<T>, meta: &ParseNestedMeta<'_>, value: T) -> syn::Result<()> {
    match option.replace(value) {
        None => Ok(()),
        Some(_) => Err(meta.error("this option is given twice")),
    }
}

fn not_a_reference(form: Type) -> syn::Result<Type> {
    match plain(&form) {
        Type::Reference(_) => {
            let text = "give the type without `&`: a reference to a type looks up what the type looks up";
            Err(Error::new_spanned(form, text))
        }
        found => Ok(found.clone()),
    }
}
