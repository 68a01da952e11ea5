//! Makes types and values from a seed, and changes a type as a release might. Also decides whether a value
//! keeps its meaning after such a change.

use crate::dynamic::{Body, Kind, NAMES, Shape, Tree};
use crate::random::Random;

const KINDS: [Kind; 10] = [
    Kind::Bool,
    Kind::U8,
    Kind::U32,
    Kind::U64,
    Kind::I32,
    Kind::F64,
    Kind::Char,
    Kind::Text,
    Kind::Bytes,
    Kind::Unit,
];

type Fields = Vec<(&'static str, Shape)>;

pub(crate) fn shape(random: &mut Random, levels: usize) -> Shape {
    // Prefers two kinds, so that different parts often have the same kind.
    let leaf = |random: &mut Random| {
        let kind = if random.one_in(3) { random.pick(&KINDS) } else { random.pick(&[Kind::U8, Kind::U32]) };
        Shape::Leaf(kind)
    };
    if levels == 0 || random.one_in(4) {
        return leaf(random);
    }
    let inner = |random: &mut Random| Box::new(shape(random, levels - 1));
    match random.below(9) {
        0 => Shape::Option(inner(random)),
        1 => Shape::Seq(inner(random)),
        2 => Shape::Map(inner(random)),
        3 => Shape::Newtype(inner(random)),
        4 => Shape::Tuple(parts(random, levels).into_iter().map(|(_, shape)| shape).collect()),
        5 | 6 => Shape::Struct(parts(random, levels)),
        _ => Shape::Enum(
            (0..=random.below(4))
                .map(|at| (NAMES[(at * 5 + random.below(2)) % NAMES.len()], body(random, levels)))
                .collect(),
        ),
    }
}

fn parts(random: &mut Random, levels: usize) -> Fields {
    let start = random.below(NAMES.len());
    let number = random.below(4);
    (0..number).map(|at| (NAMES[(start + at) % NAMES.len()], shape(random, levels - 1))).collect()
}

fn body(random: &mut Random, levels: usize) -> Body {
    match random.below(4) {
        0 => Body::Unit,
        1 => Body::Newtype(shape(random, levels - 1)),
        2 => Body::Tuple(parts(random, levels).into_iter().map(|(_, shape)| shape).collect()),
        _ => Body::Struct(parts(random, levels)),
    }
}

pub(crate) fn value(shape: &Shape, random: &mut Random) -> Tree {
    let fields = |all: &Fields, random: &mut Random| {
        Tree::Struct(all.iter().map(|(name, shape)| (*name, value(shape, random))).collect())
    };
    match shape {
        Shape::Leaf(kind @ (Kind::Text | Kind::Bytes)) => {
            Tree::Text(*kind, ["", "a", "ab"][random.below(3)].to_owned())
        }
        Shape::Leaf(Kind::Unit) => Tree::Number(Kind::Unit, 0),
        // Small numbers, because another type often reads them as a length or an index.
        Shape::Leaf(Kind::Bool) => Tree::Number(Kind::Bool, random.next() & 1),
        Shape::Leaf(kind) => Tree::Number(*kind, random.next() & 3),
        Shape::Option(_) if random.one_in(3) => Tree::None,
        Shape::Option(held) => Tree::Some(Box::new(value(held, random))),
        Shape::Seq(held) => Tree::Seq((0..random.below(4)).map(|_| value(held, random)).collect()),
        Shape::Map(held) => Tree::Map(
            NAMES[..random.below(3)].iter().map(|key| ((*key).to_owned(), value(held, random))).collect(),
        ),
        Shape::Newtype(held) => Tree::Newtype(Box::new(value(held, random))),
        Shape::Tuple(all) => Tree::Tuple(all.iter().map(|shape| value(shape, random)).collect()),
        Shape::Struct(all) => fields(all, random),
        Shape::Enum(variants) => {
            let at = random.below(variants.len());
            let held = match &variants[at].1 {
                Body::Unit => Tree::Number(Kind::Unit, 0),
                Body::Newtype(shape) => Tree::Newtype(Box::new(value(shape, random))),
                Body::Tuple(all) => Tree::Tuple(all.iter().map(|shape| value(shape, random)).collect()),
                Body::Struct(all) => fields(all, random),
            };
            Tree::Variant(u32::try_from(at).unwrap(), variants[at].0, Box::new(held))
        }
    }
}

/// Returns the type after one random change, which may have no effect.
pub(crate) fn changed(before: &Shape, random: &mut Random) -> Shape {
    // With a probability of two thirds, changes a nested part, if there is one.
    if !random.one_in(3) {
        match before {
            Shape::Option(held) => return Shape::Option(Box::new(changed(held, random))),
            Shape::Seq(held) => return Shape::Seq(Box::new(changed(held, random))),
            Shape::Map(held) => return Shape::Map(Box::new(changed(held, random))),
            Shape::Newtype(held) => return Shape::Newtype(Box::new(changed(held, random))),
            Shape::Tuple(all) if !all.is_empty() => {
                let (mut all, at) = (all.clone(), random.below(all.len()));
                all[at] = changed(&all[at], random);
                return Shape::Tuple(all);
            }
            Shape::Struct(all) if !all.is_empty() => {
                let (mut all, at) = (all.clone(), random.below(all.len()));
                all[at].1 = changed(&all[at].1, random);
                return Shape::Struct(all);
            }
            Shape::Enum(all) => {
                let (mut all, at) = (all.clone(), random.below(all.len()));
                all[at].1 = changed_body(&all[at].1, random);
                return Shape::Enum(all);
            }
            _ => {}
        }
    }
    let held = Box::new(before.clone());
    match (random.below(6), before) {
        (0, _) => Shape::Newtype(held),
        (1, _) => Shape::Option(held),
        (2, _) => Shape::Seq(held),
        (3, Shape::Option(held) | Shape::Seq(held) | Shape::Newtype(held)) => (**held).clone(),
        (3, Shape::Map(held)) => {
            Shape::Seq(Box::new(Shape::Tuple(vec![Shape::Leaf(Kind::Text), (**held).clone()])))
        }
        (4 | 5, Shape::Option(held)) => Shape::Seq(held.clone()),
        (_, Shape::Tuple(all)) => {
            let named = all.iter().enumerate().map(|(at, shape)| (NAMES[at], shape.clone())).collect();
            if random.one_in(2) {
                Shape::Struct(named)
            } else {
                Shape::Tuple(changed_fields(&named, random).into_iter().map(|(_, shape)| shape).collect())
            }
        }
        (4, Shape::Struct(all)) => Shape::Tuple(all.iter().map(|(_, shape)| shape.clone()).collect()),
        (_, Shape::Struct(all)) => Shape::Struct(changed_fields(all, random)),
        (_, Shape::Enum(all)) => Shape::Enum(changed_variants(all, random)),
        _ => Shape::Leaf(random.pick(&KINDS)),
    }
}

fn changed_body(before: &Body, random: &mut Random) -> Body {
    match before {
        Body::Unit => Body::Newtype(Shape::Leaf(random.pick(&[Kind::Unit, Kind::U8]))),
        Body::Newtype(_) if random.one_in(6) => Body::Unit,
        Body::Newtype(shape) if random.one_in(6) => Body::Tuple(vec![shape.clone()]),
        Body::Newtype(shape) => Body::Newtype(changed(shape, random)),
        Body::Tuple(all) => match changed(&Shape::Tuple(all.clone()), random) {
            Shape::Tuple(all) => Body::Tuple(all),
            Shape::Struct(all) => Body::Struct(all),
            other => Body::Newtype(other),
        },
        Body::Struct(all) => match changed(&Shape::Struct(all.clone()), random) {
            Shape::Tuple(all) => Body::Tuple(all),
            Shape::Struct(all) => Body::Struct(all),
            other => Body::Newtype(other),
        },
    }
}

/// Returns the fields after a change: a field is added, removed or renamed, or two fields or their names are
/// swapped.
fn changed_fields(before: &Fields, random: &mut Random) -> Fields {
    let mut after = before.clone();
    let (at, to) = (random.below(after.len()), random.below(after.len()));
    match random.below(5) {
        0 if after.len() < NAMES.len() => after.insert(at, (random.pick(&NAMES), shape(random, 1))),
        1 if !after.is_empty() => drop(after.remove(at)),
        2 if !after.is_empty() => after.swap(at, to),
        3 if !after.is_empty() => {
            let (one, other) = (after[at].0, after[to].0);
            (after[at].0, after[to].0) = (other, one);
        }
        _ if !after.is_empty() => after[at].0 = random.pick(&NAMES),
        _ => {}
    }
    after
}

fn changed_variants(before: &[(&'static str, Body)], random: &mut Random) -> Vec<(&'static str, Body)> {
    let mut after = before.to_vec();
    let (at, to) = (random.below(after.len()), random.below(after.len()));
    match random.below(5) {
        0 if after.len() < NAMES.len() => after.insert(at, (random.pick(&NAMES), body(random, 1))),
        1 if after.len() > 1 => drop(after.remove(at)),
        2 => after.swap(at, to),
        3 => {
            let (one, other) = (after[at].0, after[to].0);
            (after[at].0, after[to].0) = (other, one);
        }
        _ => after[at].0 = random.pick(&NAMES),
    }
    after
}

/// Returns whether two values have the same meaning: leaves of the same kind and content, under the same
/// names. Ignores newtypes. Also ignores names if only one of the values has names.
pub(crate) fn means(written: &Tree, read: &Tree) -> bool {
    let all = |one: &[Tree], other: &[Tree]| {
        one.len() == other.len() && one.iter().zip(other).all(|(one, other)| means(one, other))
    };
    let unnamed = |fields: &[(&'static str, Tree)]| -> Vec<Tree> {
        fields.iter().map(|(_, part)| part.clone()).collect()
    };
    match (written, read) {
        (Tree::Newtype(held), other) => means(held, other),
        (one, Tree::Newtype(held)) => means(one, held),
        (Tree::Number(kind, bits), Tree::Number(other, others)) => kind == other && bits == others,
        (Tree::Text(kind, text), Tree::Text(other, others)) => kind == other && text == others,
        (Tree::None, Tree::None) => true,
        (Tree::Some(one), Tree::Some(other)) => means(one, other),
        (Tree::Seq(one), Tree::Seq(other)) | (Tree::Tuple(one), Tree::Tuple(other)) => all(one, other),
        (Tree::Map(one), Tree::Map(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| one.0 == other.0 && means(&one.1, &other.1))
        }
        (Tree::Struct(one), Tree::Struct(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| one.0 == other.0 && means(&one.1, &other.1))
        }
        (Tree::Struct(fields), Tree::Tuple(parts)) => all(&unnamed(fields), parts),
        (Tree::Tuple(parts), Tree::Struct(fields)) => all(parts, &unnamed(fields)),
        (Tree::Variant(_, one, held), Tree::Variant(_, other, others)) => one == other && means(held, others),
        _ => false,
    }
}
