//! Enums whose variants have no fields. Such an enum is encoded as the name of its variant.

use quote::quote;
use syn::ext::IdentExt;
use syn::{DataEnum, DeriveInput, Error, Ident, LitStr};

use crate::attributes::{TypeOptions, renamed};
use crate::forms::{self, KeyType};
use crate::key_trait::own;

pub(crate) fn expand(input: &DeriveInput, options: &TypeOptions, data: &DataEnum) -> syn::Result<KeyType> {
    options.refuse_try_from()?;
    if data.variants.is_empty() {
        return Err(Error::new_spanned(&input.ident, "an enum without variants has no keys"));
    }
    let mut names: Vec<String> = Vec::new();
    for variant in &data.variants {
        if !variant.fields.is_empty() {
            let text = "a variant of a key has no fields; use a struct whose fields are keys";
            return Err(Error::new_spanned(&variant.fields, text));
        }
        let name = match renamed(&variant.attrs)? {
            Some(name) => name,
            None => LitStr::new(&variant.ident.unraw().to_string(), variant.ident.span()),
        };
        if let Some((other, _)) = data.variants.iter().zip(&names).find(|(_, known)| **known == name.value())
        {
            let text = format!("{:?} is also the name of the variant `{}`", name.value(), other.ident);
            return Err(Error::new(name.span(), text));
        }
        names.push(name.value());
    }
    let idents: Vec<&Ident> = data.variants.iter().map(|variant| &variant.ident).collect();

    let larder = &options.larder;
    let unknown = format!("{{name:?}} is no variant of {}", input.ident.unraw());
    let decode = quote! {
        let name = reader.text()?;
        match &*name {
            #(#names => ::core::result::Result::Ok(Self::#idents {}),)*
            _ => ::core::result::Result::Err(#larder::KeyError::new(::std::format!(#unknown))),
        }
    };
    let encode = quote! {
        out.text(match self {
            #(Self::#idents {} => #names,)*
        });
    };
    let key = quote!(::std::string::String);
    let shape = quote! { <#key as #larder::Key>::shape() };
    let own = own(input, options, &shape, &decode, &encode);
    Ok(KeyType { own, forms: forms::chosen(input, options, &[], &key)? })
}
