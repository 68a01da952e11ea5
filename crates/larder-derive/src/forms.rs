//! The forms that look up a key, and their implementations.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::{DeriveInput, GenericParam, Generics, Ident, Type};

use crate::attributes::TypeOptions;
use crate::generics::{bounded, with_more};

/// The implementations for a key type, and the forms that look it up.
pub(crate) struct KeyType {
    /// The implementations of `Key` and `EncodeKey` for the type itself, and what belongs to no form.
    pub(crate) own: TokenStream,
    pub(crate) forms: Vec<Form>,
}

/// A form that looks up a key.
pub(crate) struct Form {
    /// The parameters of the implementation.
    pub(crate) generics: Generics,
    pub(crate) ty: TokenStream,
    /// Statements that write the key's bytes to `out`.
    pub(crate) encode: TokenStream,
    /// Statements that write the form as the beginning of keys, if it may be one.
    pub(crate) prefix: Option<TokenStream>,
}

impl Form {
    /// Returns a form that looks up another key, which has the same encoding as the derived one.
    pub(crate) fn of(
        form: &impl ToTokens,
        key: &impl ToTokens,
        generics: Generics,
        larder: &syn::Path,
    ) -> Self {
        let encode = quote! { <#form as #larder::EncodeKey<#key>>::encode(self, out); };
        Self { generics, ty: form.to_token_stream(), encode, prefix: None }
    }

    /// Lets the form also be the beginning of keys, as it is of the other key.
    pub(crate) fn with_prefix(mut self, key: &impl ToTokens, larder: &syn::Path) -> Self {
        let form = &self.ty;
        self.prefix = Some(quote! { <#form as #larder::KeyPrefix<#key>>::encode_prefix(self, out); });
        self
    }

    /// Returns the implementations for this form.
    pub(crate) fn implement(&self, input: &DeriveInput, options: &TypeOptions) -> TokenStream {
        let (larder, name, form) = (&options.larder, &input.ident, &self.ty);
        let (_, arguments, _) = input.generics.split_for_impl();
        let (parameters, _, conditions) = self.generics.split_for_impl();
        let encode = &self.encode;
        let prefix = self.prefix.as_ref().map(|prefix| {
            quote! {
                #[automatically_derived]
                impl #parameters #larder::KeyPrefix<#name #arguments> for #form #conditions {
                    fn encode_prefix(&self, out: &mut #larder::KeyWriter) {
                        #prefix
                    }
                }
            }
        });
        quote! {
            #[automatically_derived]
            impl #parameters #larder::EncodeKey<#name #arguments> for #form #conditions {
                #[inline]
                fn encode(&self, out: &mut #larder::KeyWriter) {
                    #encode
                }
            }

            #[automatically_derived]
            impl #parameters #larder::PatternPart<#name #arguments> for #form #conditions {
                fn write(&self, out: &mut #larder::PatternWriter) {
                    out.exact::<#name #arguments>(self);
                }
            }

            #prefix
        }
    }
}

/// Returns the forms of the option `lookup_by` that are not among `known` forms.
pub(crate) fn chosen(
    options: &TypeOptions,
    known: &[Form],
    key: &impl ToTokens,
    generics: &Generics,
) -> Vec<Form> {
    let is_known = |form: &Type| {
        let text = form.to_token_stream().to_string();
        known.iter().any(|known| known.ty.to_string() == text)
    };
    let chosen = options.lookup_by.iter().filter(|form| !is_known(form));
    chosen.map(|form| Form::of(form, key, generics.clone(), &options.larder)).collect()
}

/// The forms of several parts: tuples with a form of each part.
pub(crate) struct TupleForms {
    /// The tuple that looks up a whole key.
    pub(crate) whole: Form,
    /// The implementations for the tuples of the first parts, and for patterns.
    pub(crate) others: TokenStream,
}

impl TupleForms {
    /// Returns the forms of a key that is encoded as the tuple of these types.
    pub(crate) fn new(input: &DeriveInput, options: &TypeOptions, parts: &[&Type]) -> Self {
        let (larder, name) = (&options.larder, &input.ident);
        let (_, arguments, _) = input.generics.split_for_impl();
        let prefixes = (1..parts.len()).map(|len| {
            let first: Vec<&Type> = parts.iter().take(len).copied().collect();
            let (generics, form, encode) = tuple(input, larder, &first);
            let (parameters, _, conditions) = generics.split_for_impl();
            quote! {
                #[automatically_derived]
                impl #parameters #larder::KeyPrefix<#name #arguments> for #form #conditions {
                    fn encode_prefix(&self, out: &mut #larder::KeyWriter) {
                        #encode
                    }
                }
            }
        });
        let names = names(parts.len());
        let bound = |part: &&Type| quote!(#larder::PatternPart<#part>);
        let generics = with_bounds(input, &names, parts.iter().map(bound));
        let (parameters, _, conditions) = generics.split_for_impl();
        let at = (0..parts.len()).map(syn::Index::from);
        let others = quote! {
            #(#prefixes)*

            #[automatically_derived]
            impl #parameters #larder::KeyPattern<#name #arguments> for (#(#names,)*) #conditions {
                fn write_pattern(&self, out: &mut #larder::PatternWriter) {
                    #(#larder::PatternPart::<#parts>::write(&self.#at, out);)*
                }
            }
        };
        let (generics, form, encode) = tuple(input, larder, parts);
        Self { whole: Form { generics, ty: form, encode, prefix: None }, others }
    }
}

/// Returns the tuple that has a form of each part: its parameters, its type, and the statements that write
/// its parts.
fn tuple(input: &DeriveInput, larder: &syn::Path, parts: &[&Type]) -> (Generics, TokenStream, TokenStream) {
    let names = names(parts.len());
    let bound = |part: &&Type| quote!(#larder::EncodeKey<#part>);
    let generics = with_bounds(input, &names, parts.iter().map(bound));
    let at = (0..parts.len()).map(syn::Index::from);
    let encode = quote! { #(#larder::EncodeKey::<#parts>::encode(&self.#at, out);)* };
    (generics, quote! { (#(#names,)*) }, encode)
}

fn names(count: usize) -> Vec<Ident> {
    (0..count).map(|at| format_ident!("__Form{at}")).collect()
}

fn with_bounds(input: &DeriveInput, names: &[Ident], bounds: impl Iterator<Item = TokenStream>) -> Generics {
    let parameters: Vec<GenericParam> =
        names.iter().zip(bounds).map(|(name, bound)| bounded(name, &bound)).collect();
    with_more(&input.generics, parameters)
}
