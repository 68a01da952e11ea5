use syn::parse_str;

use super::*;

/// Derives `Key` for a type. Returns the implementations without spaces.
fn derived(source: &str) -> String {
    expand(&parse_str(source).unwrap()).unwrap().to_string().replace(' ', "")
}

/// Returns a type inside an invisible group, as `macro_rules!` passes a fragment `$type:ty`.
fn fragment(found: &str) -> TokenStream {
    let group = proc_macro2::Group::new(proc_macro2::Delimiter::None, found.parse().unwrap());
    TokenStream::from(proc_macro2::TokenTree::Group(group))
}

/// Returns the text of the error for a type, and the part of the source that the error points at.
fn refused(source: &str) -> (String, String) {
    let error = expand(&parse_str(source).unwrap()).unwrap_err();
    (error.to_string(), error.span().source_text().unwrap())
}

#[test]
fn a_type_that_can_not_be_a_key_is_refused_where_the_reason_stands() {
    for (source, at, text) in [
        ("union Code { a: u8, b: i8 }", "union", "a union can't be a key"),
        ("enum Code {}", "Code", "an enum without variants has no keys"),
        ("enum Code { A, B(String), C }", "(String)", "a variant of a key has no fields"),
        ("enum Code { A, B { text: String } }", "{ text: String }", "a variant of a key has no fields"),
        ("struct Pair<A, B: larder::Key>(A, B);", "A", "`A` needs the bound `A: larder::Key`"),
        ("struct Pair<A: Clone>(A, u8) where A: Ord;", "A", "`A` needs the bound"),
        ("struct Code<'a>(&'a str);", "'a", "its type has no lifetime"),
        ("enum Code { A, #[key(rename = \"A\")] B }", "\"A\"", "\"A\" is also the name of the variant `A`"),
        ("enum Code { #[key(rename = \"B\")] A, B }", "B", "\"B\" is also the name of the variant `A`"),
        ("enum Code { #[key(name = \"B\")] A }", "name", "the option of a variant is `rename"),
        ("#[key(lookup_as(str))] struct Code(String);", "lookup_as", "the options of a key type are"),
        ("#[key(lookup_by(&str))] struct Code(String);", "&str", "give the type without `&`"),
        ("#[key(lookup_by(str, Code))] struct Code(String);", "Code", "a key always looks itself up"),
        ("#[key(lookup_by(Self))] struct Code(String, u8);", "Self", "a key always looks itself up"),
        ("#[key(lookup_by(self::Code))] enum Code { A }", "self::Code", "a key always looks itself up"),
        ("#[key(lookup_by(Pair<A>))] struct Pair<A: Key>(A);", "Pair<A>", "a key always looks itself up"),
        ("#[key(try_from, try_from)] struct Code(String);", "try_from", "this option is given twice"),
        ("#[key(try_from)] struct Code(String, u8);", "try_from", "only a struct with one field"),
        ("#[key(try_from)] enum Code { A }", "try_from", "only a struct with one field"),
        ("struct Code { #[key(rename = \"a\")] b: u8 }", "#[key(rename = \"a\")]", "a field has no options"),
    ] {
        let (error, found) = refused(source);
        assert!(error.contains(text), "{source}: {error}");
        assert_eq!(found, at, "{source}: {error}");
    }
    let fields = (0..17).map(|at| format!("f{at}: u8")).collect::<Vec<_>>().join(", ");
    let (error, found) = refused(&format!("struct Code {{ {fields} }}"));
    assert_eq!((error.as_str(), found.as_str()), ("a key has at most 16 fields", "f16: u8"));
}

#[test]
fn a_bound_may_stand_in_any_place() {
    for source in [
        "struct Pair<A: Key>(A, u8);",
        "struct Pair<A: larder::Key + Clone>(A, u8);",
        "struct Pair<A>(A, u8) where A: Clone + larder::Key;",
        "struct Digest<const N: usize>([u8; N]);",
    ] {
        assert!(derived(source).contains("::Keyfor"), "{source}");
    }
}

#[test]
fn a_form_is_implemented_once_and_only_where_rust_permits_it() {
    let forms = |source: &str| {
        let tokens = derived(source);
        let parts: Vec<String> = tokens
            .split("::EncodeKey<Code")
            .skip(1)
            .filter_map(|part| {
                part.split_once("for").map(|(_, form)| form.split_once('{').unwrap().0.to_owned())
            })
            .collect();
        parts.join(" ")
    };
    assert_eq!(forms("struct Code(u64);"), "Code u64");
    assert_eq!(forms("struct Code(String);"), "Code str ::std::string::String");
    assert_eq!(forms("#[key(lookup_by(str))] struct Code(String);"), "Code str ::std::string::String");
    let text = "Code str ::std::string::String";
    assert_eq!(forms("#[key(lookup_by(String))] struct Code(String);"), text);
    assert_eq!(forms("#[key(lookup_by(str, str, std::string::String))] struct Code(String);"), text);
    assert_eq!(forms("#[key(lookup_by(other::Code))] struct Code(String);"), format!("{text} other::Code"));
    assert_eq!(
        forms("#[key(lookup_by(String, sync::Arc<str>))] struct Code(Arc<str>);"),
        format!("{text} Arc<str>")
    );
    assert_eq!(
        forms("#[key(lookup_by(Vec<u8>, [u8], [u8; 4]))] struct Code(Vec<u8>);"),
        "Code [u8] Vec<u8> [u8;__SIZE]"
    );
    assert_eq!(forms("#[key(lookup_by([u8; 4], [u8; 8]))] struct Code(Hash);"), "Code Hash [u8;4] [u8;8]");
    assert_eq!(forms("#[key(lookup_by(str, str, String))] enum Code { A }"), "Code str String");
    assert_eq!(forms("#[key(lookup_by((String, u8)))] struct Code(String, u8);"), "Code (__Form0,__Form1,)");
    assert_eq!(forms("#[key(try_from)] struct Code(String);"), "Code");
    assert_eq!(forms("#[key(try_from, lookup_by(str))] struct Code(String);"), "Code str");
    assert_eq!(forms("struct Code(Arc<str>);"), "Code str ::std::string::String Arc<str>");
    assert_eq!(forms("struct Code(std::vec::Vec<u8>);"), "Code [u8] std::vec::Vec<u8> [u8;__SIZE]");
    assert_eq!(forms("struct Code(Vec<Part>);"), "Code Vec<Part>");
    // A bare type parameter cannot be a form, because it may be any type.
    assert_eq!(forms("struct Code<A: Key>(A);"), "Code<A>");
    assert_eq!(forms("struct Code;"), "Code");
    assert_eq!(forms("enum Code { A }"), "Code");
    assert_eq!(forms("#[key(lookup_by(str))] enum Code { A }"), "Code str");
    assert_eq!(forms("struct Code((u8, Part));"), "Code (__Form0,__Form1,)");
    assert_eq!(forms("struct Code { a: u8, b: Part }"), "Code (__Form0,__Form1,)");
}

#[test]
fn a_type_in_a_group_or_in_parentheses_is_known_too() {
    let expanded = |item: TokenStream| {
        let tokens = expand(&syn::parse2(item).unwrap()).unwrap();
        tokens.to_string().replace([' ', '(', ')'], "")
    };
    for found in ["String", "Arc<str>", "Vec<u8>", "(u8, Part)", "Part"] {
        let (plain, group) = (found.parse::<TokenStream>().unwrap(), fragment(found));
        let expected = expanded(quote!(struct Code(#plain);));
        assert_eq!(expanded(quote!(struct Code(#group);)), expected, "{found}");
        assert_eq!(expanded(quote!(struct Code((#plain));)), expected, "{found}");
    }
    let text = fragment("str");
    assert_eq!(
        expanded(quote!(struct Code(Box<#text>);)),
        expanded(quote!(
            struct Code(Box<str>);
        ))
    );
    assert_eq!(
        expanded(quote!(
            #[key(lookup_by(#text))]
            struct Code(Part);
        )),
        expanded(quote!(
            #[key(lookup_by(str))]
            struct Code(Part);
        ))
    );
    let reference = fragment("&str");
    let item = syn::parse2(quote!(
        #[key(lookup_by(#reference))]
        struct Code(Part);
    ))
    .unwrap();
    assert!(expand(&item).unwrap_err().to_string().contains("without `&`"));
}

#[test]
fn the_path_of_larder_may_be_another() {
    let tokens = derived("#[key(crate = crate::cache)] struct Code(String, u8);");
    assert!(tokens.contains("crate::cache::KeyPattern<Code>") && !tokens.contains("::larder"), "{tokens}");
}
