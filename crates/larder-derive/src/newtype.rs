//! Structs with one field, which are encoded as this field. Without `try_from`, the forms that look up the
//! field also look up the struct, as far as a macro can implement this in Rust.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{DeriveInput, Fields, Type, parse_quote};

use crate::attributes::TypeOptions;
use crate::forms::{self, ANY_SIZE, Form, KeyType, TupleForms};
use crate::generics::{mentions_parameter, with_more};
use crate::key_trait::{construct, own};
use crate::types::{FieldType, is_named, plain};

pub(crate) fn expand(input: &DeriveInput, options: &TypeOptions, fields: &Fields) -> syn::Result<KeyType> {
    let larder = &options.larder;
    let (Some(field), Some(member)) = (fields.iter().next(), fields.members().next()) else {
        return crate::fields::expand(input, options, fields);
    };
    let inner = plain(&field.ty);
    let decode = match &options.try_from {
        None => {
            let value = construct(fields, std::iter::once(quote!(<#inner as #larder::Key>::decode(reader)?)));
            quote! { ::core::result::Result::Ok(#value) }
        }
        Some(found) => {
            let source = found.source.as_ref().unwrap_or(inner);
            quote_spanned! { found.span=>
                let value = <#source as #larder::Key>::decode(reader)?;
                <Self as ::core::convert::TryFrom<#source>>::try_from(value)
                    .map_err(|error| #larder::KeyError::new(::std::string::ToString::to_string(&error)))
            }
        }
    };
    let shape = quote_spanned! { inner.span()=> <#inner as #larder::Key>::shape() };
    let encode = quote! { #larder::EncodeKey::<#inner>::encode(&self.#member, out); };
    let own = own(input, options, &shape, &decode, &encode);

    let (prefixes, mut forms) = lookups(input, options, inner);
    forms.extend(forms::chosen(input, options, &forms, inner)?);
    Ok(KeyType { own: quote! { #own #prefixes }, forms })
}

/// Returns the forms that look up the field and can therefore look up the key, and implementations that
/// belong to no form. With `try_from`, there are none, because an insert with such a form could bypass the
/// validation. Only `lookup_by` then adds forms.
fn lookups(input: &DeriveInput, options: &TypeOptions, inner: &Type) -> (TokenStream, Vec<Form>) {
    let none = (TokenStream::new(), Vec::new());
    if options.try_from.is_some() {
        return none;
    }
    let larder = &options.larder;
    let of = |form: &Type| Form::of(form, inner, input.generics.clone(), larder);
    match FieldType::of(inner) {
        FieldType::Text => {
            let mut texts: Vec<Type> = vec![parse_quote!(str), parse_quote!(::std::string::String)];
            if !is_named(inner, "String") {
                texts.push(inner.clone());
            }
            (none.0, texts.iter().map(|text| of(text).with_prefix(inner, larder)).collect())
        }
        FieldType::Bytes => {
            let slice: Type = parse_quote!([u8]);
            let size = format_ident!("{ANY_SIZE}");
            let generics = with_more(&input.generics, [parse_quote!(const #size: usize)]);
            let array = Form::of(&quote!([u8; #size]), inner, generics, larder);
            let forms = [of(&slice), of(inner), array];
            (none.0, forms.map(|form| form.with_prefix(inner, larder)).into())
        }
        FieldType::Tuple(parts) => {
            let TupleForms { whole, others } = TupleForms::new(input, options, &parts);
            (others, vec![whole])
        }
        FieldType::Other if mentions_parameter(inner.to_token_stream(), &input.generics) => none,
        FieldType::Other => (none.0, vec![of(inner)]),
    }
}
