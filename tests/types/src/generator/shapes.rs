//! Rows about structs and enums, and about attributes of types and variants.

use super::kinds::{ordered, simple};
use super::plan::{CASES, Planner, field, variant};
use super::random::Random;
use super::render::{Body, Type, Variant};

/// A row: its name, its number of types, and a function that makes a type from its index.
pub(crate) type Row = (&'static str, usize, fn(&mut Planner, &'static str, usize) -> Type);

pub(crate) const ROWS: [Row; 18] = [
    ("struct with named fields", 12, |plan, row, _| {
        let body = Body::Named(plan.fields(1, 6));
        let made = plan.structure(row, body);
        plan.kept(made)
    }),
    ("tuple struct", 8, |plan, row, _| {
        let body = Body::Tuple(plan.fields(2, 5));
        let made = plan.structure(row, body);
        plan.kept(made)
    }),
    ("newtype struct, `transparent`", 12, |plan, row, at| {
        let body = if at % 3 == 2 { Body::Named(plan.fields(1, 1)) } else { Body::Tuple(plan.fields(1, 1)) };
        let made = plan.structure(row, body);
        let made = if at % 3 > 0 { made.with("transparent") } else { made };
        plan.kept(made)
    }),
    ("unit struct, struct without fields", 3, |plan, row, at| {
        let body = [Body::Unit, Body::Named(vec![]), Body::Tuple(vec![])][at].clone();
        plan.structure(row, body)
    }),
    ("recursive type", 6, recursive),
    ("generic type, `bound`", 4, |plan, row, _| {
        let types = ["Holder<S>", "Vec<Holder<S>>", "Holder<Holder<S>>", "Option<Holder<u8>>"];
        let names = plan.names(3);
        let fields = names.iter().map(|name| {
            let ty = super::kinds::standard(&mut plan.random, &types);
            field(name, &ty)
        });
        let body = Body::Named(fields.collect());
        plan.structure(row, body)
    }),
    ("`remote`, `getter`", 3, |plan, row, _| {
        let fields =
            [vec![field("foreign", "Foreign").with("with = \"ForeignDef\"")], plan.fields(1, 3)].concat();
        let body = if plan.random.one_in(2) { Body::Named(fields) } else { Body::Tuple(fields) };
        plan.structure(row, body)
    }),
    ("enum", 14, |plan, row, at| {
        let variants = plan.variants(1 + at % 7, Planner::body);
        let made = plan.enumeration(row, variants);
        plan.kept(made)
    }),
    ("`tag` (internally tagged)", 10, |plan, row, _| {
        let variants = plan.variants(3, without_tuples);
        plan.enumeration(row, variants).with("tag = \"kind\"")
    }),
    ("`tag` on a struct", 3, |plan, row, _| {
        let body = Body::Named(plan.fields(1, 3));
        plan.structure(row, body).with("tag = \"kind\"")
    }),
    ("`tag` and `content` (adjacently tagged)", 10, |plan, row, _| {
        let variants = plan.variants(4, Planner::body);
        plan.enumeration(row, variants).with("tag = \"kind\"").with("content = \"of\"")
    }),
    ("`untagged`, each variant of another kind", 8, |plan, row, _| {
        let number = plan.random.pick(&["u8", "i64", "f64"]);
        let list = simple(&mut plan.random, 0);
        let mut variants = vec![
            variant("Number", Body::Tuple(vec![field("", number)])),
            variant("Text", Body::Tuple(vec![field("", "String")])),
            variant("List", Body::Tuple(vec![field("", &format!("Vec<{list}>"))])),
            variant("Nothing", Body::Unit),
        ];
        variants.truncate(2 + plan.random.below(3));
        variants.push(variant("Fields", Body::Named(plan.fields(1, 3))));
        plan.enumeration(row, variants).with("untagged")
    }),
    ("`untagged`, variants of the same kind", 8, |plan, row, at| {
        let pairs =
            [("u8", "u16"), ("i64", "f64"), ("char", "String"), ("u32", "i32"), ("Vec<u8>", "(u8, u8)")];
        let (one, other) = pairs[at % pairs.len()];
        let mut variants = vec![
            variant("One", Body::Tuple(vec![field("", one)])),
            variant("Other", Body::Tuple(vec![field("", other)])),
            variant("Fields", Body::Named(vec![field("a", "u8")])),
            variant("More", Body::Named(vec![field("a", "u8"), field("b", "Option<u8>")])),
        ];
        variants.truncate(2 + at % 3);
        plan.enumeration(row, variants).with("untagged")
    }),
    ("`untagged` on a variant", 5, |plan, row, _| {
        let mut variants = plan.variants(3, Planner::body);
        variants.push(variant("Else", Body::Tuple(vec![field("", "i64")])).with("untagged"));
        plan.enumeration(row, variants)
    }),
    ("`other`", 4, |plan, row, at| {
        let tagged = at.is_multiple_of(2);
        let variants = plan.variants(2, if tagged { without_tuples } else { |_| Body::Unit });
        let last = variant("Unknown", Body::Unit).with("other");
        let made = plan.enumeration(row, [variants, vec![last]].concat());
        if tagged { made.with("tag = \"kind\"") } else { made }
    }),
    ("`skip`, `skip_deserializing` on a variant", 6, |plan, row, at| {
        let mut variants = plan.variants(4, Planner::body);
        let skip = ["skip", "skip_serializing", "skip_deserializing"][at % 3];
        variants[at / 2 % 4] = variants[at / 2 % 4].clone().with(skip);
        for field in variants[at / 2 % 4].body.fields_mut() {
            "u8".clone_into(&mut field.ty);
        }
        plan.enumeration(row, variants)
    }),
    ("`rename`, `rename_all`, `rename_all_fields`", 16, renamed),
    ("sets and maps of newtypes and enums", 4, |plan, row, _| {
        let (key, value) = (ordered(&mut plan.random, 1), simple(&mut plan.random, 1));
        let types = ["BTreeMap<Key, O>", "BTreeSet<Key>", "HashMap<Key, Vec<Key>>", "BTreeMap<Color, Key>"];
        let names = plan.names(2);
        let mut fields: Vec<_> =
            names.iter().map(|name| field(name, &super::kinds::standard(&mut plan.random, &types))).collect();
        fields.push(field("map", &format!("BTreeMap<{key}, {value}>")));
        plan.structure(row, Body::Named(fields))
    }),
];

fn recursive(plan: &mut Planner, row: &'static str, at: usize) -> Type {
    let name = format!("T{:03}", plan.upcoming());
    if at.is_multiple_of(2) {
        let mut fields = plan.fields(1, 2);
        fields.push(field("next", &format!("Option<Box<{name}>>")));
        if at > 2 {
            fields.push(field("below", &format!("Vec<{name}>")));
        }
        plan.structure(row, Body::Named(fields))
    } else {
        let leaf = simple(&mut plan.random, 1);
        let variants = vec![
            variant("Leaf", Body::Tuple(vec![field("", &leaf)])),
            variant("Many", Body::Tuple(vec![field("", &format!("Vec<{name}>"))])),
            variant("Map", Body::Named(vec![field("map", &format!("BTreeMap<String, {name}>"))])),
            variant("Maybe", Body::Tuple(vec![field("", &format!("Option<Box<{name}>>"))])),
        ];
        plan.enumeration(row, variants)
    }
}

/// Returns the body of a variant that can be internally tagged.
fn without_tuples(plan: &mut Planner) -> Body {
    match plan.random.below(4) {
        0 => Body::Unit,
        1 => Body::Tuple(vec![field("", "BTreeMap<String, u32>")]),
        _ => Body::Named(plan.fields(1, 3)),
    }
}

fn renamed(plan: &mut Planner, row: &'static str, at: usize) -> Type {
    let case = CASES[at % CASES.len()];
    if at.is_multiple_of(2) {
        let mut fields = plan.fields(2, 4);
        fields.push(field("of_two_words", "u16"));
        fields[0] = fields[0].clone().with(match at % 3 {
            0 => "rename = \"another\"".to_owned(),
            1 => "rename(serialize = \"another\", deserialize = \"another\")".to_owned(),
            _ => format!("rename = \"{}\"", fields[0].name.to_uppercase()),
        });
        let made = plan.structure(row, Body::Named(fields)).with(format!("rename_all = \"{case}\""));
        return plan.kept(made);
    }
    let mut variants = plan.variants(3, Planner::body);
    let words = Body::Named(vec![field("of_two_words", "u16"), field("last", "bool")]);
    variants.push(variant("OfTwoWords", words));
    rename_first(&mut plan.random, &mut variants);
    let made = plan
        .enumeration(row, variants)
        .with(format!("rename_all = \"{case}\""))
        .with(format!("rename_all_fields = \"{}\"", CASES[(at + 3) % CASES.len()]));
    plan.kept(made)
}

fn rename_first(random: &mut Random, variants: &mut [Variant]) {
    if random.one_in(2)
        && let Some(first) = variants.first_mut()
    {
        *first = first.clone().with("rename = \"the first\"");
    }
}
