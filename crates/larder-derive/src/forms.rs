//! Forms: the types with which a caller can look up a key, and their implementations.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::{DeriveInput, Error, Expr, GenericParam, Generics, Ident, Type};

use crate::attributes::TypeOptions;
use crate::generics::{bounded, with_more};
use crate::types;

/// The implementations for a key type, and its forms.
pub(crate) struct KeyType {
    /// The implementations for the type itself, and other code that belongs to no form.
    pub(crate) own: TokenStream,
    pub(crate) forms: Vec<Form>,
}

/// The name of the const parameter for the length of a byte array.
pub(crate) const ANY_SIZE: &str = "__SIZE";

/// A type with which a caller can look up a key.
pub(crate) struct Form {
    /// The generic parameters of the implementation.
    pub(crate) generics: Generics,
    pub(crate) ty: TokenStream,
    /// Statements that write the key's bytes to `out`.
    pub(crate) encode: TokenStream,
    /// Statements that write the form as a prefix of keys. `None` if the form cannot be a prefix.
    pub(crate) prefix: Option<TokenStream>,
}

impl Form {
    /// Returns the form of a type that already looks up `key`. The type `key` has the same encoding as the
    /// derived type.
    pub(crate) fn of(
        form: &impl ToTokens,
        key: &impl ToTokens,
        generics: Generics,
        larder: &syn::Path,
    ) -> Self {
        let encode = quote! { <#form as #larder::EncodeKey<#key>>::encode(self, out); };
        Self { generics, ty: form.to_token_stream(), encode, prefix: None }
    }

    /// Makes the form a prefix of keys too. The form must already be a prefix of `key`.
    pub(crate) fn with_prefix(mut self, key: &impl ToTokens, larder: &syn::Path) -> Self {
        let form = &self.ty;
        self.prefix = Some(quote! { <#form as #larder::KeyPrefix<#key>>::encode_prefix(self, out); });
        self
    }

    /// Returns whether the implementations for this form also cover a type.
    fn includes(&self, found: &Type) -> bool {
        let Ok(form) = syn::parse2::<Type>(self.ty.clone()) else { return false };
        match (&form, types::plain(found)) {
            (Type::Tuple(ours), Type::Tuple(theirs)) => ours.elems.len() == theirs.elems.len(),
            (Type::Array(ours), Type::Array(theirs)) if is_size(&ours.len) => {
                types::is_same(&ours.elem, &theirs.elem)
            }
            (form, found) => types::is_same(form, found),
        }
    }

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

/// Returns whether the length of an array is the parameter [`ANY_SIZE`].
fn is_size(length: &Expr) -> bool {
    matches!(length, Expr::Path(path) if path.path.is_ident(ANY_SIZE))
}

/// Returns the forms in the option `lookup_by` that are not among `known`. A form that is given twice is
/// returned once.
///
/// # Errors
/// Fails if a form is the key type itself, which is always a form.
pub(crate) fn chosen(
    input: &DeriveInput,
    options: &TypeOptions,
    known: &[Form],
    key: &impl ToTokens,
) -> syn::Result<Vec<Form>> {
    let mut chosen: Vec<&Type> = Vec::new();
    for form in &options.lookup_by {
        if types::is_itself(form, &input.ident) {
            let text = "a key always looks itself up; remove its type from `lookup_by`";
            return Err(Error::new_spanned(form, text));
        }
        let is_repeated = chosen.iter().any(|other| types::is_same(other, form));
        if !is_repeated && !known.iter().any(|known| known.includes(form)) {
            chosen.push(form);
        }
    }
    let form = |form| Form::of(form, key, input.generics.clone(), &options.larder);
    Ok(chosen.into_iter().map(form).collect())
}

/// The forms of a key with several parts: tuples with a form of each part.
pub(crate) struct TupleForms {
    /// The tuple that looks up a complete key.
    pub(crate) whole: Form,
    /// The implementations for tuples of the first parts (prefixes), and for patterns.
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

/// Returns the tuple with a form of each part: its parameters, its type, and the statements that encode it.
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
