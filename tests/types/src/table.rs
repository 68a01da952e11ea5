//! Makes the table *serde feature × format* of `docs/guide.md` from the outcomes.

use std::fmt::Write;

use crate::judge::{Counts, Judge};

/// Rows whose types lose something by themselves. `docs/contract.md` lists them.
pub(crate) const OWN_LOSSES: [&str; 4] =
    ["`skip`", "`skip_serializing`", "`flatten` of an `Option`", "`with` that loses"];

/// Pairs of a row and a format in which different values can look alike. Only the checks find such values.
pub(crate) const LOOK_ALIKES: [(&str, &str); 6] = [
    ("`untagged`, variants of the same kind", "MessagePack"),
    ("`untagged`, variants of the same kind", "raw"),
    ("`untagged`, each variant of another kind", "raw"),
    ("`flatten` of two maps", "MessagePack"),
    ("`skip_serializing_if` without the right default", "MessagePack"),
    ("`skip_deserializing`", "MessagePack"),
];

fn cell(counts: Counts) -> &'static str {
    match counts {
        Counts { lost: 1.., .. } => "loses",
        Counts { refused: 0, .. } => "yes",
        Counts { equal: 0, .. } => "–",
        _ => "some",
    }
}

/// Returns the table as Markdown.
pub(crate) fn of(judge: &Judge) -> String {
    let mut out = String::from("| what the type has | bincode | MessagePack | raw |\n|---|---|---|---|\n");
    for (row, formats) in &judge.rows {
        let [bincode, message_pack, raw] = formats.map(cell);
        writeln!(out, "| {row} | {bincode} | {message_pack} | {raw} |").unwrap();
    }
    out
}
