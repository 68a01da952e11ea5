//! Tables and lines, for a terminal with a given width or for a pipe.
//!
//! A table that is too wide is folded: its columns continue below, and each part repeats the names. Only
//! names are ever shortened. They are cut in the middle, because the names of one program often begin or end
//! with the same letters.

use std::fmt;
use std::fmt::Write;

const GAP: usize = 2;
const MIN_NAME: usize = 8;

/// The output of a `Display` implementation, with the requested width.
pub(super) struct LineWriter<'a, 'b> {
    f: &'a mut fmt::Formatter<'b>,
    width: Option<usize>,
}

impl<'a, 'b> LineWriter<'a, 'b> {
    pub(super) fn new(f: &'a mut fmt::Formatter<'b>, width: Option<usize>) -> Self {
        Self { f, width }
    }

    /// Prints a text, wrapped between words. A word that is too long for a line is not split.
    pub(super) fn line(&mut self, text: &str) -> fmt::Result {
        let Some(most) = self.width else { return writeln!(self.f, "{text}") };
        let mut used = 0;
        for word in text.split(' ') {
            let len = width(word);
            if used > 0 && used + 1 + len > most {
                // The next line is indented, so that it does not look like a separate text.
                self.f.write_str("\n  ")?;
                used = 2;
            } else if used > 0 {
                self.f.write_char(' ')?;
                used += 1;
            }
            self.f.write_str(word)?;
            used += len;
        }
        writeln!(self.f)
    }

    /// Prints rows of cells under their heads. The first column contains the names, and is left-aligned.
    pub(super) fn table(&mut self, heads: &[&str], rows: &[Vec<String>]) -> fmt::Result {
        let widest = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| width(cell)).chain(heads.get(column).map(|head| width(head))).max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = (0..heads.len()).map(widest).collect();
        let parts = parts(&mut widths, self.width);
        for (number, part) in parts.iter().enumerate() {
            if number > 0 {
                writeln!(self.f)?;
            }
            let heads = heads.iter().copied();
            self.row(heads, &widths, part)?;
            for row in rows {
                self.row(row.iter().map(String::as_str), &widths, part)?;
            }
        }
        Ok(())
    }

    fn row<'c>(
        &mut self,
        cells: impl Iterator<Item = &'c str>,
        widths: &[usize],
        part: &[usize],
    ) -> fmt::Result {
        for (column, (cell, &room)) in cells.zip(widths).enumerate() {
            if column == 0 {
                let name = shortened(cell, room);
                write!(self.f, "{name}{:1$}", "", room.saturating_sub(width(&name)))?;
            } else if part.contains(&column) {
                write!(self.f, "{:1$}{cell}", "", GAP + room.saturating_sub(width(cell)))?;
            }
        }
        writeln!(self.f)
    }
}

/// Returns the columns of each part of a folded table. Narrows the names if not all columns fit.
fn parts(widths: &mut [usize], most: Option<usize>) -> Vec<Vec<usize>> {
    let Some((name, others)) = widths.split_first_mut() else { return Vec::new() };
    let all: usize = others.iter().map(|width| GAP + width).sum();
    let most = most.unwrap_or(usize::MAX);
    if all.saturating_add(*name) <= most {
        return vec![(1..=others.len()).collect()];
    }
    *name = (*name).min((most / 3).max(MIN_NAME));
    let mut parts = vec![Vec::new()];
    let mut used = *name;
    for (column, width) in others.iter().enumerate() {
        let is_full = parts.last().is_some_and(|part: &Vec<usize>| !part.is_empty());
        if used + GAP + width > most && is_full {
            parts.push(Vec::new());
            used = *name;
        }
        used += GAP + width;
        parts.last_mut().into_iter().for_each(|part| part.push(column + 1));
    }
    parts
}

/// Shortens a name to `most` terminal columns, replacing its middle with `…`.
fn shortened(name: &str, most: usize) -> String {
    if width(name) <= most {
        return name.to_owned();
    }
    let room = most.saturating_sub(1);
    let fit = |letters: &mut dyn Iterator<Item = char>, room: usize| {
        let mut used = 0;
        let fits = |letter: &char| {
            used += columns(*letter);
            used <= room
        };
        letters.take_while(fits).collect::<Vec<_>>()
    };
    let head = fit(&mut name.chars(), room.div_ceil(2));
    let tail = fit(&mut name.chars().rev(), room / 2);
    head.into_iter().chain(['…']).chain(tail.into_iter().rev()).collect()
}

fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// Returns how many terminal columns a character takes: two for East Asian scripts and pictographs, and zero
/// for a combining mark.
fn columns(letter: char) -> usize {
    match letter {
        '\u{300}'..='\u{36F}' | '\u{20D0}'..='\u{20FF}' | '\u{FE00}'..='\u{FE0F}' => 0,
        '\u{1100}'..='\u{115F}'
        | '\u{2E80}'..='\u{303E}'
        | '\u{3041}'..='\u{A4CF}'
        | '\u{AC00}'..='\u{D7A3}'
        | '\u{F900}'..='\u{FAFF}'
        | '\u{FE30}'..='\u{FE6F}'
        | '\u{FF00}'..='\u{FF60}'
        | '\u{FFE0}'..='\u{FFE6}'
        | '\u{1F300}'..='\u{1F64F}'
        | '\u{1F900}'..='\u{1F9FF}'
        | '\u{20000}'..='\u{3FFFD}' => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shortened_in_their_middle_to_the_column() {
        assert_eq!(shortened("product", 7), "product");
        assert_eq!(shortened("product_lists", 8), "prod…sts");
        assert_eq!(shortened("商品カタログ", 8), "商品…グ");
        assert_eq!(shortened("product", 0), "…");
        assert_eq!(width("商品é e\u{301}"), 7);
    }
}
