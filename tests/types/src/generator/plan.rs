//! Makes the parts of generated types: fields, structs and enums. Each type has a different name.

use super::kinds::simple;
use super::random::Random;
use super::render::{Body, Field, Shape, Type, Variant};

const FIELDS: [&str; 16] = [
    "code", "price", "name", "level", "weight", "tags", "stock", "state", "notes", "origin", "bundle",
    "rate", "limit", "owner", "expires", "parts",
];
const VARIANTS: [&str; 10] =
    ["Airtime", "Data", "Power", "Cable", "Betting", "Exam", "Refund", "Gift", "Toll", "Rent"];

/// The possible values of `rename_all`.
pub(crate) const CASES: [&str; 8] = [
    "lowercase",
    "UPPERCASE",
    "PascalCase",
    "camelCase",
    "snake_case",
    "SCREAMING_SNAKE_CASE",
    "kebab-case",
    "SCREAMING-KEBAB-CASE",
];

/// Makes types one after another.
#[derive(Debug)]
pub(crate) struct Planner {
    pub(crate) random: Random,
    made: usize,
    /// Names of the types that later types may contain.
    pub(crate) reusable: Vec<String>,
}

impl Planner {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), made: 0, reusable: Vec::new() }
    }

    pub(crate) fn name(&mut self) -> String {
        self.made += 1;
        format!("T{:03}", self.made - 1)
    }

    /// Returns the number of the next type.
    pub(crate) fn upcoming(&self) -> usize {
        self.made
    }

    /// Returns `number` different field names.
    pub(crate) fn names(&mut self, number: usize) -> Vec<String> {
        let start = self.random.below(FIELDS.len());
        (0..number).map(|at| FIELDS[(start + at * 5) % FIELDS.len()].to_owned()).collect()
    }

    /// Returns between `least` and `most` named fields of simple types.
    pub(crate) fn fields(&mut self, least: usize, most: usize) -> Vec<Field> {
        let number = least + self.random.below(most - least + 1);
        let names = self.names(number);
        names.into_iter().map(|name| field(&name, &simple(&mut self.random, 2))).collect()
    }

    /// Returns the body of a variant.
    pub(crate) fn body(&mut self) -> Body {
        match self.random.below(8) {
            0 => Body::Unit,
            1..=3 => Body::Tuple(self.fields(1, 3)),
            _ => Body::Named(self.fields(1, 4)),
        }
    }

    pub(crate) fn variants(&mut self, number: usize, body: fn(&mut Self) -> Body) -> Vec<Variant> {
        let start = self.random.below(VARIANTS.len());
        (0..number).map(|at| variant(VARIANTS[(start + at * 3) % VARIANTS.len()], body(self))).collect()
    }

    pub(crate) fn structure(&mut self, row: &'static str, body: Body) -> Type {
        self.finished(row, Shape::Struct(body))
    }

    pub(crate) fn enumeration(&mut self, row: &'static str, variants: Vec<Variant>) -> Type {
        self.finished(row, Shape::Enum(variants))
    }

    fn finished(&mut self, row: &'static str, shape: Shape) -> Type {
        Type {
            name: self.name(),
            row,
            derives: Vec::new(),
            attributes: Vec::new(),
            shape,
            beside: String::new(),
            is_shared: true,
        }
    }

    /// Allows later types to contain this type.
    pub(crate) fn kept(&mut self, made: Type) -> Type {
        self.reusable.push(made.name.clone());
        made
    }
}

pub(crate) fn field(name: &str, ty: &str) -> Field {
    Field { name: name.to_owned(), ty: ty.to_owned(), attributes: Vec::new(), loss: None }
}

pub(crate) fn variant(name: &str, body: Body) -> Variant {
    Variant { name: name.to_owned(), attributes: Vec::new(), body }
}

impl Field {
    pub(crate) fn with(mut self, attribute: impl Into<String>) -> Self {
        self.attributes.push(attribute.into());
        self
    }

    pub(crate) fn losing(mut self, loss: &'static str) -> Self {
        self.loss = Some(loss);
        self
    }
}

impl Variant {
    pub(crate) fn with(mut self, attribute: impl Into<String>) -> Self {
        self.attributes.push(attribute.into());
        self
    }
}

impl Type {
    pub(crate) fn with(mut self, attribute: impl Into<String>) -> Self {
        self.attributes.push(attribute.into());
        self
    }

    pub(crate) fn deriving(mut self, derive: &'static str) -> Self {
        self.derives.push(derive);
        self
    }
}
