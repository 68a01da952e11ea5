//! Renders generated types as Rust code.

use std::fmt::Write;

#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) ty: String,
    pub(crate) attributes: Vec<String>,
    /// Name of the function in `content::losses` that checks the value of this field after it was written
    /// and read back. `None` if the field is read back unchanged.
    pub(crate) loss: Option<&'static str>,
}

#[derive(Debug, Clone)]
pub(crate) enum Body {
    Named(Vec<Field>),
    Tuple(Vec<Field>),
    Unit,
}

#[derive(Debug, Clone)]
pub(crate) struct Variant {
    pub(crate) name: String,
    pub(crate) attributes: Vec<String>,
    pub(crate) body: Body,
}

#[derive(Debug, Clone)]
pub(crate) enum Shape {
    Struct(Body),
    Enum(Vec<Variant>),
}

#[derive(Debug, Clone)]
pub(crate) struct Type {
    pub(crate) name: String,
    /// The row of this type in the table in `docs/guide.md`.
    pub(crate) row: &'static str,
    pub(crate) derives: Vec<&'static str>,
    pub(crate) attributes: Vec<String>,
    pub(crate) shape: Shape,
    /// Other items that the type needs.
    pub(crate) beside: String,
    /// Whether threads can share values of this type, as a cache requires.
    pub(crate) is_shared: bool,
}

impl Body {
    pub(crate) fn fields_mut(&mut self) -> &mut [Field] {
        match self {
            Self::Named(fields) | Self::Tuple(fields) => fields,
            Self::Unit => &mut [],
        }
    }

    fn fields(&self) -> &[Field] {
        match self {
            Self::Named(fields) | Self::Tuple(fields) => fields,
            Self::Unit => &[],
        }
    }

    fn render(&self, visibility: &str, indent: &str) -> String {
        let mut out = String::new();
        match self {
            Self::Unit => {}
            Self::Named(fields) => {
                out += " {\n";
                for Field { name, ty, attributes, .. } in fields {
                    for attribute in attributes {
                        writeln!(out, "{indent}    #[serde({attribute})]").ok();
                    }
                    writeln!(out, "{indent}    {visibility}{name}: {ty},").ok();
                }
                write!(out, "{indent}}}").ok();
            }
            Self::Tuple(fields) => {
                let each = fields.iter().map(|Field { ty, attributes, .. }| {
                    let mut part = String::new();
                    for attribute in attributes {
                        write!(part, "#[serde({attribute})] ").ok();
                    }
                    part + visibility + ty
                });
                write!(out, "({})", each.collect::<Vec<_>>().join(", ")).ok();
            }
        }
        out
    }

    /// Returns the fields as arguments of `content!`. With `with_names`, each field gets two more names,
    /// which the match on an enum needs.
    fn content(&self, with_names: bool) -> String {
        let each = self.fields().iter().enumerate().map(|(at, field)| {
            let name = if matches!(self, Self::Tuple(_)) { at.to_string() } else { field.name.clone() };
            let names = if with_names { format!(": a{at} b{at}") } else { String::new() };
            let loss = field.loss.map(|loss| format!(" [{loss}]")).unwrap_or_default();
            format!("{name}{names}{loss}")
        });
        each.collect::<Vec<_>>().join(", ")
    }
}

impl Type {
    /// Returns the code of the type, with its implementation of `Content`.
    pub(crate) fn render(&self) -> String {
        let Self { name, derives, attributes, shape, beside, .. } = self;
        let mut out = String::new();
        let derives = [&["Serialize", "Deserialize"], derives.as_slice()].concat().join(", ");
        writeln!(out, "#[derive(Debug, {derives})]").ok();
        for attribute in attributes {
            writeln!(out, "#[serde({attribute})]").ok();
        }
        match shape {
            Shape::Struct(body) => {
                let end = if matches!(body, Body::Named(_)) { "" } else { ";" };
                writeln!(out, "pub(crate) struct {name}{}{end}", body.render("pub(crate) ", "")).ok();
                writeln!(out, "content!(struct {name} {{ {} }});", body.content(false)).ok();
            }
            Shape::Enum(variants) => {
                writeln!(out, "pub(crate) enum {name} {{").ok();
                for Variant { name, attributes, body } in variants {
                    for attribute in attributes {
                        writeln!(out, "    #[serde({attribute})]").ok();
                    }
                    writeln!(out, "    {name}{},", body.render("", "    ")).ok();
                }
                writeln!(out, "}}\ncontent!(enum {name} {} {{", variants.len()).ok();
                for (at, Variant { name, body, .. }) in variants.iter().enumerate() {
                    writeln!(out, "    {at} {name} {{ {} }}", body.content(true)).ok();
                }
                writeln!(out, "}});").ok();
            }
        }
        out += beside;
        out.replace("{  }", "{}")
    }
}
