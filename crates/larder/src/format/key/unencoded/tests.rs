use std::borrow::Cow;
use std::cell::Cell;
use std::fmt::Debug;
use std::num::{NonZeroI16, NonZeroU64};
use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::format::key::buffer::KeyBuffer;
use crate::format::key::error::KeyError;
use crate::format::key::hash::HashSeed;
use crate::format::key::{Key, KeyReader};
use crate::format::keyspace_id::KeyspaceId;
use crate::sys::sync::Arc;

const ID: KeyspaceId = KeyspaceId::on_disk(7);

fn seed() -> &'static KeyspaceSeed {
    static SEED: LazyLock<KeyspaceSeed> = LazyLock::new(|| HashSeed::new([1, 2, 3]).of(ID));
    &SEED
}

fn encoded<K>(form: &(impl EncodeKey<K> + ?Sized)) -> Vec<u8> {
    let mut buffer = KeyBuffer::starting_with(&ID.to_bytes());
    form.encode(&mut buffer.writer());
    buffer.as_slice().to_vec()
}

fn matches(form: impl UnencodedKey, stored: &[u8]) -> bool {
    form.is(&StoredKey::from(stored))
}

/// Returns `key` and keys that differ slightly from it: with one byte changed, inserted or left out, cut
/// short, or extended.
fn neighbours(key: &[u8]) -> Vec<Vec<u8>> {
    let mut all = vec![key.to_vec()];
    for at in 0..key.len() {
        for byte in [0, 1, 0xFF, key[at] ^ 0x80, key[at].wrapping_add(1)] {
            let mut changed = key.to_vec();
            changed[at] = byte;
            all.push(changed);
            let mut longer = key.to_vec();
            longer.insert(at, byte);
            all.push(longer);
        }
        all.push([&key[..at], &key[at + 1..]].concat());
        all.push(key[..at].to_vec());
    }
    all.extend([&[0][..], &[0, 0], &[0xFF, 0, 0], b"x"].map(|more| [key, more].concat()));
    all
}

/// Checks that a form of a key has the hash of its encoding, and matches only its encoding. If `is_plain` is
/// false, a text or byte part has a zero byte. Then the form must match nothing, and its hash is not checked.
fn check<K: Key, Q: EncodeKey<K> + ?Sized + Debug>(form: &Q, others: &[&K], is_plain: bool) {
    let key = encoded::<K>(form);
    let unencoded = KeyForm::<K, Q>::new(seed(), form);
    if is_plain {
        assert_eq!(unencoded.hash(), seed().hash(&key[KeyspaceId::LEN..]), "{form:?}");
    }
    let others = others.iter().map(|other| encoded::<K>(*other));
    for stored in neighbours(&key).into_iter().chain(others) {
        let is_same = stored == key;
        let expected = is_same && is_plain;
        assert_eq!(matches(unencoded, &stored), expected, "{form:?} and {}", stored.escape_ascii());
    }
    let of_another_keyspace = [&KeyspaceId::on_disk(8).to_bytes(), &key[KeyspaceId::LEN..]].concat();
    assert!(!matches(unencoded, &of_another_keyspace));
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]{0,3}", "[\u{1}a\u{7f}\u{80}é商🛒]{0,20}", "[a-z]{7,9}", "[a-z]{15,18}", "[a-z]{30,70}"]
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(prop_oneof![Just(1_u8), Just(0xFF), 1..=255_u8], 0..40)
}

type Triple = (String, i32, String);
type Mixed = (Option<String>, Vec<u8>, (u8, char), [u8; 5]);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_form_of_a_text_has_the_hash_and_the_bytes_of_its_encoding(a in text(), b in text()) {
        let shared: Arc<str> = Arc::from(a.as_str());
        check::<String, str>(&a, &[&b], true);
        check::<String, String>(&a, &[&b], true);
        check::<String, &String>(&&a, &[&b], true);
        check::<String, &&str>(&&&*a, &[&b], true);
        check::<String, Cow<'_, str>>(&Cow::Borrowed(&a), &[&b], true);
        check::<String, Box<str>>(&a.clone().into_boxed_str(), &[&b], true);
        check::<String, Arc<str>>(&shared, &[&b], true);
        check::<Arc<str>, str>(&a, &[&shared], true);
    }

    #[test]
    fn bytes_have_the_hash_and_the_bytes_of_their_encoding(a in bytes(), b in bytes()) {
        check::<Vec<u8>, Vec<u8>>(&a, &[&b], true);
        check::<Vec<u8>, [u8]>(&a, &[&b], true);
    }

    #[test]
    fn keys_of_one_width_have_the_hash_and_the_bytes_of_their_encoding(
        (a, b, c, d) in any::<(u8, u16, u32, u64)>(), (e, f, g) in any::<(u128, i8, i16)>(),
        (h, i, j) in any::<(i32, i64, i128)>(), (k, l, m) in any::<(bool, char, [u8; 13])>(),
        (n, o) in any::<(NonZeroU64, NonZeroI16)>(),
    ) {
        check::<u8, u8>(&a, &[&0], true);
        check::<u16, u16>(&b, &[&0], true);
        check::<u32, u32>(&c, &[&0], true);
        check::<u64, u64>(&d, &[&0, &(d << 16)], true);
        check::<u64, u64>(&(d << 16), &[&d], true);
        check::<u128, u128>(&e, &[&0], true);
        check::<i8, i8>(&f, &[&0], true);
        check::<i16, i16>(&g, &[&0], true);
        check::<i32, i32>(&h, &[&0], true);
        check::<i64, i64>(&i, &[&0], true);
        check::<i128, i128>(&j, &[&0], true);
        check::<bool, bool>(&k, &[&!k], true);
        check::<char, char>(&l, &[&'a'], true);
        check::<[u8; 13], [u8; 13]>(&m, &[&[0; 13]], true);
        check::<NonZeroU64, NonZeroU64>(&n, &[&NonZeroU64::MAX], true);
        check::<NonZeroI16, NonZeroI16>(&o, &[&NonZeroI16::MAX], true);
        check::<(), ()>(&(), &[], true);
    }

    #[test]
    fn tuples_and_options_have_the_hash_and_the_bytes_of_their_encoding(
        (a, b, number) in (text(), text(), any::<i32>()), some in proptest::option::of(text()),
        (c, d) in (bytes(), any::<(u8, char)>()), digest: [u8; 5],
    ) {
        let key = (a.clone(), number, b.clone());
        check::<Triple, Triple>(&key, &[&(b.clone(), number, a.clone())], true);
        check::<Triple, (&str, i32, &str)>(&(&a, number, &b), &[&key], true);
        check::<(u64, String), (u64, &str)>(&(u64::from(d.0), &a), &[&(0, b.clone())], true);
        check::<Option<String>, Option<&str>>(&some.as_deref(), &[&None], true);
        check::<Option<Option<u8>>, Option<Option<u8>>>(&Some(None), &[&None, &Some(Some(0))], true);
        check::<Mixed, Mixed>(&(some, c.clone(), d, digest), &[&(None, c, (0, 'a'), [0; 5])], true);
    }

    #[test]
    fn a_part_with_a_zero_byte_is_never_certain(start in text(), end in text(), number: i32, raw in bytes()) {
        let text = format!("{start}\0{end}");
        check::<String, str>(&text, &[&start, &end], false);
        let raw = [&raw[..], &[0], end.as_bytes()].concat();
        check::<Vec<u8>, [u8]>(&raw, &[&raw], false);
        check::<Triple, Triple>(&(text.clone(), number, end.clone()), &[], false);
        check::<Triple, Triple>(&(start, number, text), &[], false);
    }
}

#[cfg(feature = "uuid")]
#[test]
fn a_uuid_has_the_hash_and_the_bytes_of_its_encoding() {
    check::<uuid::Uuid, uuid::Uuid>(&uuid::Uuid::from_bytes([7; 16]), &[&uuid::Uuid::nil()], true);
}

#[test]
fn bytes_as_they_stand_are_not_taken_for_another_keys_encoding() {
    let stored = encoded::<Vec<u8>>(&[0][..]);
    assert!(!matches(KeyForm::<Vec<u8>, [u8]>::new(seed(), &[0, 0xFF]), &stored));
    // Without the check for zero bytes, the parts of the second key would match the bytes of the first key.
    let stored = encoded::<Triple>(&("a", i32::from_be_bytes([0x80, 1, 2, 3]), "xt"));
    let form = ("a\0", i32::from_be_bytes([1 ^ 0x80, 2, 3, b'x']), "t");
    assert!(!matches(KeyForm::<Triple, _>::new(seed(), &form), &stored));
    let stored = [&ID.to_bytes()[..], b"a\0\0\x00\x01\x02\x03xt\0\0"].concat();
    assert!(!matches(KeyForm::<Triple, _>::new(seed(), &form), &stored));
    let form = ("a\0", i32::from_be_bytes([1 ^ 0x80, 2, 3, b'x']), "t");
    let as_it_stands = [&ID.to_bytes()[..], b"a\0\0\0\x01\x02\x03xt\0\0"].concat();
    assert!(!matches(KeyForm::<Triple, _>::new(seed(), &form), &as_it_stands));
}

/// A form that alternately writes two keys.
#[derive(Debug)]
struct Changing(Cell<usize>, [&'static str; 2]);

impl Changing {
    fn next(&self) -> &'static str {
        let at = self.0.get();
        self.0.set(at + 1);
        self.1[at % 2]
    }
}

impl EncodeKey<String> for Changing {
    fn encode(&self, out: &mut KeyWriter) {
        out.text(self.next());
    }
}

/// A form that writes the bytes of a text as an array part, without escapes.
#[derive(Debug)]
struct WithoutEscape(&'static [u8; 4]);

impl EncodeKey<String> for WithoutEscape {
    fn encode(&self, out: &mut KeyWriter) {
        out.array(self.0);
    }
}

#[test]
fn a_wrong_form_finds_only_the_bytes_that_it_writes() {
    let changing = Changing(Cell::new(0), ["a", "b"]);
    let unencoded = KeyForm::<String, _>::new(seed(), &changing);
    assert_eq!(unencoded.hash(), seed().hash(b"a\0\0"));
    assert!(!matches(unencoded, &encoded::<String>("a")), "it now writes the other key");
    assert!(matches(unencoded, &encoded::<String>("a")));
    let unescaped = KeyForm::<String, _>::new(seed(), &WithoutEscape(b"a\0b\0"));
    assert!(!matches(unescaped, &encoded::<String>("a\0b")));
    assert!(matches(unescaped, &[&ID.to_bytes()[..], b"a\0b\0"].concat()));
}

/// A key type that has a text or an array at the same place. The array may have the unescaped bytes of a
/// text with a zero byte.
struct TextOrArray;

impl Key for TextOrArray {
    fn shape() -> String {
        "text or array".to_owned()
    }

    fn decode(_reader: &mut KeyReader<'_>) -> Result<Self, KeyError> {
        Err(KeyError::new("no key is read in this test"))
    }
}

impl EncodeKey<Self> for TextOrArray {
    fn encode(&self, _out: &mut KeyWriter) {}
}

impl EncodeKey<TextOrArray> for str {
    fn encode(&self, out: &mut KeyWriter) {
        out.text(self);
    }
}

impl EncodeKey<TextOrArray> for [u8; 5] {
    fn encode(&self, out: &mut KeyWriter) {
        out.array(self);
    }
}

#[test]
fn a_text_is_not_taken_for_an_array_of_its_bytes() {
    let stored = encoded::<TextOrArray>(b"a\0b\0\0");
    assert!(!matches(KeyForm::<TextOrArray, str>::new(seed(), "a\0b"), &stored));
    assert!(matches(KeyForm::<TextOrArray, [u8; 5]>::new(seed(), b"a\0b\0\0"), &stored));
}
