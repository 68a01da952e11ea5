//! A struct with several fields is encoded as the tuple of its fields. A struct without fields is encoded
//! as `()`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{DeriveInput, Error, Fields, Type};

use crate::attributes::TypeOptions;
use crate::forms::{self, KeyType, TupleForms};
use crate::key_trait::{construct, own};
use crate::types::plain;

/// Maximum number of fields. The `larder` command cannot parse the shape of a tuple with more parts.
const MAX_FIELDS: usize = 16;

pub(crate) fn expand(input: &DeriveInput, options: &TypeOptions, fields: &Fields) -> syn::Result<KeyType> {
    options.refuse_try_from()?;
    if let Some(surplus) = fields.iter().nth(MAX_FIELDS) {
        let text = format!("a key has at most {MAX_FIELDS} fields");
        return Err(Error::new(surplus.span(), text));
    }
    let larder = &options.larder;
    let types: Vec<&Type> = fields.iter().map(|field| plain(&field.ty)).collect();
    let tuple = (types.len() > 1).then(|| TupleForms::new(input, options, &types));
    let (others, mut forms) = match tuple {
        Some(TupleForms { whole, others }) => (others, vec![whole]),
        None => (TokenStream::new(), Vec::new()),
    };
    forms.extend(forms::chosen(input, options, &forms, &quote!((#(#types),*)))?);

    let shapes = types.iter().map(|part| quote_spanned!(part.span()=> <#part as #larder::Key>::shape()));
    let shape = if types.is_empty() {
        quote! { <() as #larder::Key>::shape() }
    } else {
        quote! { ::std::format!("({})", [#(#shapes),*].join(", ")) }
    };
    let values = types.iter().map(|part| quote!(<#part as #larder::Key>::decode(reader)?));
    let value = construct(fields, values);
    let members = fields.members();
    let encode = quote! { #(#larder::EncodeKey::<#types>::encode(&self.#members, out);)* };
    let own = own(input, options, &shape, &quote!(::core::result::Result::Ok(#value)), &encode);
    Ok(KeyType { own: quote! { #own #others }, forms })
}
