//! Tests of key types with `#[derive(Key)]`: their encodings, their shapes, and the forms in which a lookup
//! can name them.

use std::borrow::Cow;
use std::sync::Arc;

use larder::inspect::KeyShape;
use larder::testing::bytes::{decode_key, encode_key, encode_prefix};
use larder::{Any, Cache, EncodeKey, Key, KeyspaceDefinition};
use uuid::Uuid;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, larder::Key)]
struct ProductCode(String);

#[derive(Debug, Clone, PartialEq, Key)]
struct Shared {
    text: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Key)]
struct Borrowed(Cow<'static, str>);

#[derive(Debug, Clone, PartialEq, Key)]
struct Digest<const N: usize>([u8; N]);

#[derive(Debug, Clone, PartialEq, Key)]
struct Blob(Vec<u8>);

#[derive(Debug, Clone, Copy, PartialEq, Key)]
struct UserId(u64);

#[derive(Debug, Clone, PartialEq, Key)]
struct Session(Uuid);

/// A newtype of a newtype. The attribute names another type with which the key can be looked up.
#[derive(Debug, Clone, PartialEq, Key)]
#[key(lookup_by(str))]
struct Featured(ProductCode);

#[derive(Debug, Clone, PartialEq, Key)]
struct Route((String, u32));

#[derive(Debug, Clone, PartialEq, Key)]
struct Package {
    product: ProductCode,
    size: u32,
}

#[derive(Debug, Clone, PartialEq, Key)]
struct Visit(Option<String>, Channel, Package);

#[derive(Debug, Clone, PartialEq, Key)]
struct Pair<A: Key, B>(A, B)
where
    B: larder::Key;

#[derive(Debug, Clone, PartialEq, Key)]
struct Wrapper<K: Key>(K);

#[derive(Debug, Clone, PartialEq, Key)]
struct Only;

#[derive(Debug, Clone, Copy, PartialEq, Key)]
enum Channel {
    Web,
    #[key(rename = "ussd *123#")]
    Ussd,
    r#Api,
}

/// A key type that accepts only some texts.
#[derive(Debug, Clone, PartialEq, Key)]
#[key(try_from = String)]
struct Upper(Box<str>);

impl TryFrom<String> for Upper {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        if text.chars().any(char::is_lowercase) { Err("a lower case letter") } else { Ok(Self(text.into())) }
    }
}

/// Defines newtypes whose field types are macro fragments.
macro_rules! newtypes {
    ($($name:ident $field:ty;)+) => {
        $(
            #[derive(Debug, Clone, PartialEq, Key)]
            struct $name($field);
        )+
    };
}

newtypes! {
    Sku String;
    Label Arc<str>;
    Hash Vec<u8>;
    Track (String, u32);
}

/// Defines newtypes whose `lookup_by` type is a macro fragment.
macro_rules! with_form {
    ($($name:ident $field:ty, $form:ty;)+) => {
        $(
            #[derive(Debug, Clone, PartialEq, Key)]
            #[key(lookup_by($form))]
            struct $name($field);
        )+
    };
}

with_form! {
    Chosen ProductCode, str;
    Repeated String, String;
}

#[expect(unused_parens, reason = "the parentheses are what the test is about")]
#[derive(Debug, Clone, PartialEq, Key)]
struct Parted((String));

/// Checks that a derived key has the encoding and the shape of a plain key, and that the shape can print and
/// parse the key.
fn alike<A: Key + Clone + PartialEq + std::fmt::Debug, B: Key>(derived: &A, plain: &B, text: &str) {
    let bytes = encode_key::<A>(derived);
    assert_eq!(bytes, encode_key::<B>(plain), "{derived:?}");
    assert_eq!(A::shape(), B::shape(), "{derived:?}");
    assert_eq!(decode_key::<A>(&bytes).as_ref(), Ok(derived));
    let shape: KeyShape = A::shape().parse().unwrap();
    assert_eq!(shape.spell_key(&bytes), text);
    assert_eq!(shape.parse_key(text).unwrap(), bytes);
}

#[test]
fn a_derived_key_has_the_bytes_and_the_shape_of_what_it_is_made_of() {
    let text = "MTNVTU".to_owned();
    let code = ProductCode(text.clone());
    let package = Package { product: code.clone(), size: 7 };
    alike(&code, &text, "MTNVTU");
    alike(&Shared { text: "MTNVTU".into() }, &text, "MTNVTU");
    alike(&Borrowed("MTNVTU".into()), &text, "MTNVTU");
    alike(&Upper("MTNVTU".into()), &text, "MTNVTU");
    alike(&Featured(code), &text, "MTNVTU");
    alike(&Digest([1, 2, 0xFF]), &[1_u8, 2, 0xFF], r#"b"\x01\x02\xFF""#);
    alike(&Blob(vec![0, b'a']), &vec![0_u8, b'a'], r#"b"\x00a""#);
    alike(&UserId(123), &123_u64, "123");
    let id = Uuid::from_u128(0x67e5_5044_10b1_426f_9247_bb68_0e5f_e0c8);
    alike(&Session(id), &id, "67e55044-10b1-426f-9247-bb680e5fe0c8");
    alike(&Route(("a".to_owned(), 7)), &("a".to_owned(), 7_u32), r#"("a", 7)"#);
    alike(&package, &(text.clone(), 7_u32), r#"("MTNVTU", 7)"#);
    alike(&Pair(true, 'a'), &(true, 'a'), "(true, 'a')");
    alike(&Wrapper(-1_i16), &-1_i16, "-1");
    alike(&Only, &(), "()");
    let visit = Visit(None, Channel::Ussd, package);
    let plain = (None::<String>, "ussd *123#".to_owned(), (text, 7_u32));
    alike(&visit, &plain, r#"(None, "ussd *123#", ("MTNVTU", 7))"#);
}

#[test]
fn an_enum_is_the_name_of_its_variant() {
    alike(&Channel::Web, &"Web".to_owned(), "Web");
    alike(&Channel::Ussd, &"ussd *123#".to_owned(), "\"ussd *123#\"");
    alike(&Channel::Api, &"Api".to_owned(), "Api");
    let error = decode_key::<Channel>(&encode_key::<String>("Email")).unwrap_err();
    assert_eq!(error.to_string(), "\"Email\" is no variant of Channel");
}

#[test]
fn a_key_with_a_rule_is_checked_when_it_is_read() {
    let error = decode_key::<Upper>(&encode_key::<String>("mtn")).unwrap_err();
    assert_eq!(error.to_string(), "a lower case letter");
}

/// Checks that this form is encoded like the key.
fn looks_up<K: Key>(form: impl EncodeKey<K>, key: &K) {
    assert_eq!(encode_key::<K>(&form), encode_key::<K>(key));
}

#[test]
fn a_derived_key_is_looked_up_by_what_looks_up_its_parts() {
    let text = "MTNVTU".to_owned();
    let code = ProductCode(text.clone());
    looks_up(&code, &code);
    looks_up("MTNVTU", &code);
    looks_up(&text, &code);
    looks_up(text.clone(), &code);
    looks_up("MTNVTU", &Shared { text: text.as_str().into() });
    looks_up(Arc::<str>::from("MTNVTU"), &Shared { text: text.as_str().into() });
    looks_up("MTNVTU", &Borrowed(text.clone().into()));
    looks_up("MTNVTU", &Featured(code.clone()));
    looks_up(&code, &Featured(code.clone()));
    looks_up(b"ab", &Blob(b"ab".to_vec()));
    looks_up(&b"ab"[..], &Blob(b"ab".to_vec()));
    looks_up(b"ab", &Digest(*b"ab"));
    looks_up(7, &UserId(7));
    looks_up(Uuid::nil(), &Session(Uuid::nil()));
    looks_up(("a", 7), &Route(("a".to_owned(), 7)));
    let package = Package { product: code.clone(), size: 7 };
    looks_up(("MTNVTU", 7), &package);
    looks_up(&(&text, &7), &package);
    looks_up((&code, 7), &package);
    looks_up((Some("a"), Channel::Web, ("MTNVTU", 7)), &Visit(Some("a".to_owned()), Channel::Web, package));
    looks_up(("a", 7), &Pair("a".to_owned(), UserId(7)));
}

#[test]
fn a_type_that_comes_through_a_macro_is_known_by_its_name_too() {
    let text = "MTNVTU".to_owned();
    looks_up("MTNVTU", &Sku(text.clone()));
    looks_up(&text, &Sku(text.clone()));
    looks_up("MTNVTU", &Label("MTNVTU".into()));
    looks_up(b"ab", &Hash(b"ab".to_vec()));
    looks_up(("a", 7), &Track(("a".to_owned(), 7)));
    looks_up("MTNVTU", &Chosen(ProductCode(text.clone())));
    looks_up("MTNVTU", &Repeated(text.clone()));
    looks_up("MTNVTU", &Parted(text));
    assert_eq!(encode_prefix::<Sku>(&"MTN"), b"MTN");
}

#[test]
fn the_first_fields_begin_keys_and_patterns_have_a_part_for_each_field() {
    let code = || ProductCode("MTNVTU".to_owned());
    assert_eq!(encode_prefix::<ProductCode>(&"MTN"), b"MTN");
    assert_eq!(encode_prefix::<Blob>(&b"MTN"), b"MTN");
    assert_eq!(encode_prefix::<Route>(&("a",)), b"a\0\0");
    assert_eq!(encode_prefix::<Package>(&("MTNVTU",)), encode_prefix::<(String, u32)>(&("MTNVTU",)));
    assert_eq!(encode_prefix::<Package>(&(code(),)), encode_prefix::<(String, u32)>(&("MTNVTU",)));
    assert_eq!(encode_prefix::<Visit>(&(None::<&str>, Channel::Web)), b"\0Web\0\0");
    assert_eq!(encode_prefix::<(Channel, u8)>(&(Channel::Web,)), b"Web\0\0");

    let cache = Cache::builder().open().unwrap();
    let visits = cache.keyspace(KeyspaceDefinition::<Visit, u64>::new("visit")).unwrap();
    let fill = || {
        for (name, channel, size) in
            [(None, Channel::Web, 1), (Some("a"), Channel::Ussd, 1), (Some("a"), Channel::Api, 2)]
        {
            visits.insert((name, channel, ("MTNVTU", size)), 7).unwrap();
        }
    };
    for (removed, number) in [
        (&(|| visits.remove_matching((Any, Any, ("MTNVTU", 1)))) as &dyn Fn() -> _, 2),
        (&|| visits.remove_matching((Any, Channel::Api, Any)), 1),
        (&|| visits.remove_matching((Some("a"), Any, Any)), 2),
        (&|| visits.remove_matching(&(Any, &Channel::Web, Package { product: code(), size: 1 })), 1),
        (&|| visits.remove_prefix((Some("a"),)), 2),
        (&|| visits.remove_prefix(&(None::<String>, Channel::Ussd)), 0),
    ] {
        fill();
        assert_eq!(removed().unwrap(), number);
    }
}

#[test]
fn entries_of_a_derived_key_are_those_of_the_tuple_that_it_is_encoded_as() {
    const PLAIN: KeyspaceDefinition<(String, u32), u64> = KeyspaceDefinition::new("package");
    const TYPED: KeyspaceDefinition<Package, u64> = KeyspaceDefinition::new("package");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.larder");
    let cache = Cache::builder().path(&path).open().unwrap();
    cache.keyspace(PLAIN).unwrap().insert(("MTNDATA", 7), 300).unwrap();
    cache.close().unwrap();
    let cache = Cache::builder().path(&path).open().unwrap();
    let packages = cache.keyspace(TYPED).unwrap();
    assert_eq!(packages.get(("MTNDATA", 7)).as_deref(), Some(&300));
    let keys: Vec<Package> = packages.keys().collect();
    assert_eq!(keys, [Package { product: ProductCode("MTNDATA".to_owned()), size: 7 }]);
    assert!(packages.remove(&keys[0]).unwrap());
    cache.close().unwrap();
}
