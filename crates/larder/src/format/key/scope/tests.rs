use proptest::prelude::*;

use super::*;

fn scope<K, P: KeyPattern<K>>(pattern: &P) -> Scope {
    let mut out = PatternWriter::default();
    pattern.write_pattern(&mut out);
    out.into_scope(&[0, 0, 0, 7]).unwrap()
}

fn whole<K: Key>(key: &K) -> Vec<u8> {
    let mut out = KeyBuffer::starting_with(&[0, 0, 0, 7]);
    key.encode(&mut out.writer());
    out.as_slice().to_vec()
}

type Parts = (String, u32, Vec<u8>);

fn parts() -> impl Strategy<Value = Parts> {
    let text = prop_oneof![Just(String::new()), Just("a".into()), Just("a\0".into()), Just("ab".into())];
    let bytes = prop_oneof![Just(vec![]), Just(vec![0]), Just(vec![0, 0]), Just(vec![0xFF, 0])];
    (text, 0_u32..3, bytes)
}

proptest! {
    #[test]
    fn a_pattern_covers_exactly_the_keys_that_have_its_parts(key in parts(), wanted in parts()) {
        let (text, number, bytes) = &wanted;
        let encoded = whole(&key);
        let same = (key.0 == wanted.0, key.1 == wanted.1, key.2 == wanted.2);
        prop_assert_eq!(scope::<Parts, _>(&(Any, Any, bytes)).covers(&encoded), same.2);
        prop_assert_eq!(scope::<Parts, _>(&(Any, number, Any)).covers(&encoded), same.1);
        prop_assert_eq!(scope::<Parts, _>(&(text, Any, bytes)).covers(&encoded), same.0 && same.2);
        prop_assert_eq!(scope::<Parts, _>(&(text, number, bytes)).covers(&encoded), key == wanted);
        prop_assert!(scope::<Parts, _>(&(Any, Any, Any)).covers(&encoded));
        for scope in [scope::<Parts, _>(&(Any, Any, bytes)), scope::<Parts, _>(&(text, Any, bytes))] {
            prop_assert_eq!(Scope::read(&scope.to_bytes()), Some(scope));
        }
    }

    #[test]
    fn an_open_option_is_skipped_whole(key: (bool, Option<(String, u16)>, u8), last: u8) {
        type Optional = (bool, Option<(String, u16)>, u8);
        let (encoded, open) = (whole(&key), scope::<Optional, _>(&(Any, Any, last)));
        prop_assert_eq!(open.covers(&encoded), key.2 == last);
        let (first, part, _) = &key;
        prop_assert!(scope::<Optional, _>(&(Any, part, Any)).covers(&encoded));
        prop_assert_eq!(scope::<Optional, _>(&(Any, None::<(&str, u16)>, Any)).covers(&encoded), part.is_none());
        prop_assert!(scope::<Optional, _>(&(*first, Any, Any)).covers(&encoded));
        prop_assert_eq!(Scope::read(&open.to_bytes()), Some(open));
    }

    #[test]
    fn any_bytes_are_a_scope_or_none(bytes in proptest::collection::vec(0_u8..5, 0..30)) {
        if let Some(scope) = Scope::read(&bytes) {
            prop_assert_eq!(scope.to_bytes(), bytes);
        }
    }
}

#[test]
fn the_bytes_of_a_scope_are_pinned() {
    let bytes = [&[0, 0, 0, 5, 0, 0, 0, 7, 3][..], &[1, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 9]].concat();
    let read = Scope::read(&bytes).unwrap();
    assert_eq!(read, scope::<(u8, u16, String, u8), _>(&(&3_u8, Any, Any, &9_u8)));
    assert_eq!(read.to_bytes(), bytes);
    let option = [0, 0, 0, 4, 0, 0, 0, 7, 3, 0, 0, 0, 2, 2, 1, 0, 0, 0, 4, 0, 0, 0, 0, 1, 9];
    let read_option = Scope::read(&option).unwrap();
    assert_eq!(read_option, scope::<(Option<(String, char)>, u8), _>(&(Any, 9)));
    assert_eq!(read_option.to_bytes(), option);
    for ill_formed in [
        &[][..],
        &[0, 0, 0, 1],
        &[0, 0, 0, 0, 3],
        &[0, 0, 0, 0, 1, 0, 0, 0],
        &[0, 0, 0, 0, 4],
        &[0, 0, 0, 0, 3, 0xFF, 0xFF, 0xFF, 0xFF, 2],
        &[0, 0, 0, 0, 3, 0, 0, 0, 1, 0],
    ] {
        assert_eq!(Scope::read(ill_formed), None, "{ill_formed:?}");
    }
    assert!((1..bytes.len() - 1).all(|len| Scope::read(&bytes[..len]).is_none_or(|cut| cut != read)));
}

#[test]
fn another_keyspace_is_not_covered_and_what_is_exact_at_the_start_is_a_prefix() {
    let narrow = scope::<(u8, u16), _>(&(&3_u8, Any));
    assert_eq!(&**narrow.start(), [0, 0, 0, 7, 3]);
    assert!(!narrow.covers(&[0, 0, 0, 8, 3, 0, 0]) && narrow.covers(&[0, 0, 0, 7, 3, 0, 0]));
    assert!(!narrow.covers(&[0, 0, 0, 7, 3, 0]), "cut short");
}

#[test]
fn a_part_of_unknown_width_cannot_be_left_open() {
    let widths = |shape: &str| widths(shape.to_owned());
    assert_eq!(
        widths("(string, (u8, i128))"),
        Ok(vec![Width::Terminated, Width::Fixed(1), Width::Fixed(16)])
    );
    let option = Width::Optional(Box::new([Width::Terminated, Width::Fixed(4)]));
    assert_eq!(
        widths("(uuid, bool, [u8; 20], option<(bytes, char)>)"),
        Ok(vec![Width::Fixed(16), Width::Fixed(1), Width::Fixed(20), option])
    );
    assert_eq!(widths("(string, ulid)"), Err("(string, ulid)".to_owned()));
    assert_eq!(widths("()"), Ok(vec![]));
}
