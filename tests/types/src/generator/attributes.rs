//! Most of these rows are about attributes of fields. A field with an attribute is always among fields
//! without attributes.

use super::kinds::{any, simple, standard};
use super::plan::{Planner, field, variant};
use super::render::{Body, Field, Type};
use super::shapes::Row;

pub(crate) const ROWS: [Row; 21] = [
    ("`alias`", 6, |plan, row, at| {
        let mut fields = plan.fields(2, 4);
        fields[0] = fields[0].clone().with("alias = \"old\"").with("alias = \"older\"");
        if at.is_multiple_of(2) {
            return plan.structure(row, Body::Named(fields));
        }
        let mut variants = plan.variants(2, Planner::body);
        variants.push(variant("Fields", Body::Named(fields)).with("alias = \"Old\""));
        plan.enumeration(row, variants)
    }),
    ("`default`, `default = \"…\"`", 8, |plan, row, at| {
        let mut fields = plan.fields(2, 4);
        fields.push(match at % 3 {
            0 => field("given", "u32").with("default = \"five\""),
            1 => field("given", "Vec<u8>").with("default"),
            _ => field("given", "Option<u8>"),
        });
        let made = plan.structure(row, Body::Named(fields));
        if at % 3 == 2 { made.deriving("Default").with("default") } else { made }
    }),
    ("`skip`", 8, |plan, row, at| {
        let ty = simple(&mut plan.random, 1);
        let default = ["skip", "skip, default = \"five\""];
        let lost = if at.is_multiple_of(2) {
            field("lost", &ty).with(default[0]).losing("to_default")
        } else {
            field("lost", "u32").with(default[1]).losing("to_five")
        };
        among(plan, row, at, lost)
    }),
    ("`skip_serializing`", 6, |plan, row, at| {
        let lost = field("lost", "u32").with("skip_serializing").losing("to_default");
        let lost = if at % 3 == 2 { lost } else { lost.with("default") };
        among(plan, row, at, lost)
    }),
    ("`skip_deserializing`", 6, |plan, row, at| {
        let ty = simple(&mut plan.random, 1);
        let lost = field("lost", &ty).with("skip_deserializing").losing("to_default");
        among(plan, row, at, lost)
    }),
    ("`skip_serializing_if` with a default", 10, |plan, row, at| {
        let skipped = match at % 4 {
            0 => field("coupon", "Option<u32>").with("skip_serializing_if = \"Option::is_none\", default"),
            1 => field("coupon", "Vec<u8>").with("skip_serializing_if = \"Vec::is_empty\", default"),
            2 => field("coupon", "u32").with("skip_serializing_if = \"is_five\", default = \"five\""),
            _ => field("coupon", "BTreeMap<String, u8>")
                .with("skip_serializing_if = \"BTreeMap::is_empty\", default"),
        };
        among(plan, row, at, skipped)
    }),
    ("`skip_serializing_if` without the right default", 6, |plan, row, at| {
        let skipped = match at % 3 {
            0 => field("coupon", "u32").with("skip_serializing_if = \"is_five\""),
            1 => field("coupon", "u32").with("skip_serializing_if = \"is_five\", default"),
            _ => field("coupon", "String").with("skip_serializing_if = \"String::is_empty\""),
        };
        among(plan, row, at, skipped)
    }),
    ("`flatten` of a struct", 8, |plan, row, at| {
        let of = if at.is_multiple_of(3) { "Box<Inner>" } else { "Inner" };
        let mut flat = vec![field("inner", of).with("flatten")];
        if at.is_multiple_of(2) {
            flat.push(field("more", "Nested").with("flatten"));
        }
        flattened(plan, row, at, flat)
    }),
    ("`flatten` of a map", 8, |plan, row, at| {
        let ty = simple(&mut plan.random, 1);
        let map = if at.is_multiple_of(2) { "HashMap" } else { "BTreeMap" };
        flattened(plan, row, at, vec![field("rest", &format!("{map}<String, {ty}>")).with("flatten")])
    }),
    ("`flatten` of two maps", 2, |plan, row, at| {
        let flat = |name| field(name, "BTreeMap<String, u8>").with("flatten");
        flattened(plan, row, at, vec![flat("some"), flat("rest")])
    }),
    ("`flatten` of an `Option`", 4, |plan, row, at| {
        let flat = if at.is_multiple_of(2) {
            field("inner", "Option<Inner>").with("flatten")
        } else {
            field("inner", "Option<Sparse>").with("flatten").losing("none_to_empty")
        };
        flattened(plan, row, at, vec![flat])
    }),
    ("`flatten` of an enum", 6, |plan, row, at| {
        let of = ["Tagged", "Choice", "Tagged"][at % 3];
        flattened(plan, row, at, vec![field("inner", of).with("flatten")])
    }),
    ("`with`, `serialize_with`, `deserialize_with`", 8, |plan, row, at| {
        let changed = match at % 4 {
            0 => field("changed", "u32").with("with = \"as_text\""),
            1 => field("changed", "u32")
                .with("serialize_with = \"as_text::serialize\", deserialize_with = \"as_text::deserialize\""),
            2 => field("changed", "Vec<u8>").with("with = \"as_bytes\""),
            _ => field("changed", "Option<u32>").with("with = \"as_either\""),
        };
        among(plan, row, at, changed)
    }),
    ("`with` that loses", 6, |plan, row, at| {
        let lossy = match at % 3 {
            0 => field("lossy", "Duration").with("with = \"whole_seconds\"").losing("to_seconds"),
            1 => field("lossy", "String").with("with = \"lowercase\"").losing("to_lowercase"),
            _ => field("lossy", "f64").with("with = \"single\"").losing("to_single"),
        };
        among(plan, row, at, lossy)
    }),
    ("`serialize_with` alone", 3, |plan, row, at| {
        among(plan, row, at, field("changed", "u32").with("serialize_with = \"as_text::serialize\""))
    }),
    ("`from`, `try_from`, `into`", 8, converted),
    ("`deny_unknown_fields`, `expecting`", 4, |plan, row, at| {
        let body = Body::Named(plan.fields(2, 4));
        let made = plan.structure(row, body);
        made.with(["deny_unknown_fields", "expecting = \"what is sold\""][at % 2])
    }),
    ("128 bits, or `Option<Option<_>>`, in what serde buffers", 4, |plan, row, at| {
        let wide = ["u128", "i128", "Option<Option<u8>>", "u128"][at % 4];
        buffered(plan, row, at, field("wide", wide))
    }),
    ("addresses in what serde buffers", 4, |plan, row, at| {
        let address = ["IpAddr", "SocketAddr", "Ipv6Addr", "Vec<IpAddr>"][at % 4];
        buffered(plan, row, at, field("address", address))
    }),
    ("bytes, maps with other keys than text, floats in what serde buffers", 8, |plan, row, at| {
        let ty = [
            "f32",
            "f64",
            "BTreeMap<u32, u8>",
            "BTreeMap<i8, String>",
            "BTreeMap<(u8, u8), u8>",
            "CString",
            "()",
            "Duration",
        ];
        buffered(plan, row, at, field("held", ty[at % 8]))
    }),
    ("all of these inside one another", 36, nested),
];

/// Returns a struct or an enum that has this field among others.
fn among(plan: &mut Planner, row: &'static str, at: usize, one: Field) -> Type {
    let mut fields = plan.fields(1, 3);
    let place = plan.random.below(fields.len() + 1);
    fields.insert(place, one);
    if at % 5 == 4 {
        let mut variants = plan.variants(2, Planner::body);
        variants.push(variant("Fields", Body::Named(fields)));
        return plan.enumeration(row, variants);
    }
    plan.structure(row, Body::Named(fields))
}

fn flattened(plan: &mut Planner, row: &'static str, at: usize, flat: Vec<Field>) -> Type {
    let mut fields = plan.fields(1, 3);
    for one in flat {
        fields.push(one);
    }
    if at % 4 == 3 {
        let mut variants = plan.variants(2, Planner::body);
        variants.push(variant("Fields", Body::Named(fields)));
        return plan.enumeration(row, variants);
    }
    plan.structure(row, Body::Named(fields))
}

/// Returns a type whose content serde buffers before reading it.
fn buffered(plan: &mut Planner, row: &'static str, at: usize, held: Field) -> Type {
    let fields = [vec![held], plan.fields(1, 2)].concat();
    let variants = vec![variant("Only", Body::Named(fields.clone())), variant("Unit", Body::Unit)];
    match at / 2 % 2 + at % 2 {
        0 => plan.enumeration(row, variants).with("untagged"),
        1 => plan.enumeration(row, variants).with("tag = \"kind\""),
        _ => {
            let rest = field("rest", "BTreeMap<String, bool>").with("flatten");
            plan.structure(row, Body::Named([fields, vec![rest]].concat()))
        }
    }
}

fn converted(plan: &mut Planner, row: &'static str, at: usize) -> Type {
    let fields = vec![field("number", "u32"), field("text", "String")];
    let made = plan.structure(row, Body::Named(fields)).deriving("Clone").with("into = \"Wire\"");
    let name = made.name.clone();
    let made =
        if at.is_multiple_of(2) { made.with("from = \"Wire\"") } else { made.with("try_from = \"Wire\"") };
    let how = if at.is_multiple_of(2) { "surely" } else { "perhaps" };
    Type { beside: format!("wire!({how} {name});\n"), ..made }
}

/// Returns a type that contains earlier types and types of the standard library.
fn nested(plan: &mut Planner, row: &'static str, at: usize) -> Type {
    let mut fields = plan.fields(1, 2);
    for name in ["first", "second", "third"].into_iter().take(1 + at % 3) {
        let chosen = plan.random.below(plan.reusable.len());
        let one = plan.reusable[chosen].clone();
        let around =
            ["X", "Vec<X>", "Option<X>", "BTreeMap<String, X>", "(X, u8)", "Box<X>", "HashMap<u8, X>"];
        fields.push(field(name, &plan.random.pick(&around).replace('X', &one)));
    }
    fields.push(field("other", &any(&mut plan.random)));
    let points =
        standard(&mut plan.random, &["Point", "Vec<Point>", "BTreeMap<Color, Point>", "Option<Color>"]);
    fields.push(field("points", &points));
    let made = if at % 3 == 1 {
        let mut variants = plan.variants(2, Planner::body);
        variants.push(variant("Nested", Body::Named(fields)));
        plan.enumeration(row, variants)
    } else {
        plan.structure(row, Body::Named(fields))
    };
    plan.kept(made)
}
