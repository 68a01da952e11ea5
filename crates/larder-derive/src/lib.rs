#![forbid(unsafe_code)]
//! The derive macro of larder. Use it through larder's feature `derive`, as `larder::Key`.
//!
//! - `attributes`: the options in `#[key(…)]`. `generics`: the parameters of the type.
//! - `newtype`, `fields`, `variants`: the three kinds of key types.
//! - `key_trait`: the trait `Key`. `forms`: the forms that look up a key.

mod attributes;
mod fields;
mod forms;
mod generics;
mod key_trait;
mod newtype;
mod types;
mod variants;

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error};

use attributes::TypeOptions;
use forms::KeyType;

/// Derives `larder::Key`, so that a type can be the key of a keyspace.
///
/// | type | encoded as | looked up by, besides itself |
/// |---|---|---|
/// | a struct with one field | its field | the field's type, unless it mentions a type parameter; also `str` and `String` if the field is text, or `[u8]` and byte arrays if it is bytes. If the field is a tuple, a tuple with a form of each part |
/// | a struct with several fields | the tuple of its fields | a tuple with a form of each field |
/// | a struct without fields | `()` | – |
/// | an enum whose variants have no fields | the name of its variant, as text | – |
///
/// The order of an enum's variants may change, but not their names. A text that is not the name of a variant
/// is not a key. The first fields of a struct can be the prefix in `remove_prefix`, like the first parts of a
/// tuple. `remove_matching` takes a pattern with a part for each field.
///
/// Text and bytes are recognised by the type's name: `String`, `Box<str>`, `Arc<str>`, `Cow<'static, str>`
/// and `Vec<u8>`, with any path. An alias such as `type Name = String` is not recognised; add
/// `#[key(lookup_by(str))]` for it.
///
/// The shape of a key has the types of its fields in order, but not their names. If two fields of the same
/// type swap positions, the shape stays the same, and old entries are found under wrong keys. Raise the
/// keyspace's version with such a change.
///
/// Options:
///
/// | option | of | means |
/// |---|---|---|
/// | `#[key(lookup_by(str, u64))]` | a type | these types can look up the key too. Each must be able to look up the field, or the tuple of fields. With `try_from`, an insert with such a type bypasses the validation |
/// | `#[key(try_from)]` | a struct with one field | keys from the file are converted from the field's type by `TryFrom`, which validates them. The field's type cannot look up the key, so only a type in `lookup_by` can bypass the validation |
/// | `#[key(try_from = String)]` | a struct with one field | the same with another type that has the same encoding |
/// | `#[key(crate = path)]` | a type | the path of larder, if it is not `::larder` |
/// | `#[key(rename = "name")]` | a variant | the name in the encoding |
#[proc_macro_derive(Key, attributes(key))]
pub fn derive_key(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = syn::parse_macro_input!(input as DeriveInput);
    expand(&input).unwrap_or_else(Error::into_compile_error).into()
}

fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let options = TypeOptions::read(&input.attrs)?;
    generics::check(&input.generics)?;
    let found = match &input.data {
        Data::Struct(data) => {
            attributes::refuse_on_fields(&data.fields)?;
            match data.fields.len() {
                1 => newtype::expand(input, &options, &data.fields)?,
                _ => fields::expand(input, &options, &data.fields)?,
            }
        }
        Data::Enum(data) => variants::expand(input, &options, data)?,
        Data::Union(data) => {
            return Err(Error::new(data.union_token.span(), "a union can't be a key; use a struct"));
        }
    };
    let KeyType { own, forms } = found;
    let forms = forms.iter().map(|form| form.implement(input, &options));
    Ok(quote! { #own #(#forms)* })
}

#[cfg(test)]
mod tests;
