//! Implements the trait `Key`, and the traits with which a key looks up itself.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Fields};

use crate::attributes::TypeOptions;
use crate::forms::Form;

/// Returns the implementations for the type itself.
pub(crate) fn own(
    input: &DeriveInput,
    options: &TypeOptions,
    shape: &TokenStream,
    decode: &TokenStream,
    encode: &TokenStream,
) -> TokenStream {
    let (larder, name) = (&options.larder, &input.ident);
    let (parameters, arguments, conditions) = input.generics.split_for_impl();
    let itself = Form {
        generics: input.generics.clone(),
        ty: quote!(#name #arguments),
        encode: encode.clone(),
        prefix: None,
    };
    let itself = itself.implement(input, options);
    quote! {
        #[automatically_derived]
        impl #parameters #larder::Key for #name #arguments #conditions {
            fn shape() -> ::std::string::String {
                #shape
            }

            fn decode(
                reader: &mut #larder::KeyReader<'_>,
            ) -> ::core::result::Result<Self, #larder::KeyError> {
                #decode
            }
        }

        #itself
    }
}

/// Returns the expression that constructs the type from one value for each field.
pub(crate) fn construct(fields: &Fields, values: impl Iterator<Item = TokenStream>) -> TokenStream {
    let members = fields.members();
    quote! { Self { #(#members: #values),* } }
}
