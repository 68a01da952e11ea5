//! Draws the few shapes that the charts use.
//!
//! A chart has its own light background, so it is readable on a page of any colour.

use std::fmt::Write;

/// The colour of larder's bars and lines. The peers have another colour.
pub(super) const OURS: &str = "#b5471b";
pub(super) const PEERS: &str = "#8aa0b4";
pub(super) const INK: &str = "#24292f";
pub(super) const FAINT: &str = "#57606a";
/// The colours of the lines in a chart.
pub(super) const LINES: [&str; 8] =
    [OURS, "#0b62a8", "#2f7d32", "#7a3e9d", "#946200", "#00798c", "#a02c5a", "#5c5c5c"];

const FONT: &str = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif";

/// Which point of a text is at the given position.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A drawing to which shapes are added.
pub(super) struct Svg {
    body: String,
    width: f64,
    title: String,
}

impl Svg {
    pub(super) fn new(width: f64, title: &str) -> Self {
        let mut svg = Self { body: String::new(), width, title: title.to_owned() };
        svg.text((16.0, 26.0), 15.0, INK, Anchor::Start, title);
        svg
    }

    /// Draws a text whose baseline is at this position.
    pub(super) fn text(&mut self, (x, y): (f64, f64), size: f64, colour: &str, anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escape(text);
        self.push(&format!(
            r#"<text x="{x:.1}" y="{y:.1}" font-size="{size}" fill="{colour}" text-anchor="{anchor}">{text}</text>"#
        ));
    }

    pub(super) fn bar(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), colour: &str) {
        self.push(&format!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" rx="1.5" fill="{colour}"/>"#
        ));
    }

    pub(super) fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), width: f64, colour: &str) {
        self.push(&format!(
            r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" stroke="{colour}" stroke-width="{width}"/>"#
        ));
    }

    pub(super) fn dot(&mut self, (x, y): (f64, f64), colour: &str) {
        self.push(&format!(r#"<circle cx="{x:.1}" cy="{y:.1}" r="3" fill="{colour}"/>"#));
    }

    fn push(&mut self, shape: &str) {
        self.body.push_str("  ");
        self.body.push_str(shape);
        self.body.push('\n');
    }

    /// Returns the complete drawing with the given height.
    pub(super) fn finish(self, height: f64) -> String {
        let Self { body, width, title } = self;
        let mut out = String::new();
        let written = write!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
             height=\"{height:.0}\" role=\"img\" font-family=\"{FONT}\">\n  <title>{}</title>\n  \
             <rect x=\"0.5\" y=\"0.5\" width=\"{:.0}\" height=\"{:.0}\" rx=\"6\" fill=\"#ffffff\" stroke=\"#d0d7de\"/>\n{body}</svg>\n",
            escape(&title),
            width - 1.0,
            height - 1.0,
        );
        written.expect("a string takes what is written to it");
        out
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Converts figures to positions. The scale is linear from zero, or logarithmic if the figures differ too
/// much.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    pub(super) is_logarithmic: bool,
    least: f64,
    most: f64,
    length: f64,
}

/// Minimum ratio of the largest to the smallest figure for a logarithmic scale.
const FAR_APART: f64 = 40.0;

impl Scale {
    pub(super) fn of(figures: &[f64], length: f64) -> Self {
        let most = figures.iter().copied().fold(0.0, f64::max);
        let least = figures.iter().copied().fold(f64::INFINITY, f64::min);
        let is_logarithmic = least > 0.0 && most / least > FAR_APART;
        Self::new(is_logarithmic, least, most, length)
    }

    pub(super) fn new(is_logarithmic: bool, least: f64, most: f64, length: f64) -> Self {
        // A logarithmic scale begins below the smallest figure, by a tenth of its range. Otherwise the bar of
        // the smallest figure would have no length.
        let least = if is_logarithmic { least / (most / least).powf(0.1) } else { 0.0 };
        Self { is_logarithmic, least, most, length }
    }

    pub(super) fn place(self, figure: f64) -> f64 {
        let part = if self.is_logarithmic {
            (figure.max(self.least) / self.least).ln() / (self.most / self.least).ln()
        } else {
            figure / self.most
        };
        if part.is_finite() { part.clamp(0.0, 1.0) * self.length } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_is_straight_from_nought_unless_figures_lie_far_apart() {
        let straight = Scale::of(&[10.0, 100.0], 200.0);
        assert!((straight.place(50.0) - 100.0).abs() < 1e-9 && !straight.is_logarithmic);
        let logarithmic = Scale::of(&[1.0, 1_000.0], 200.0);
        assert!(logarithmic.is_logarithmic && logarithmic.place(1.0) > 10.0);
        assert!((logarithmic.place(1_000.0) - 200.0).abs() < 1e-9);
        assert!(Scale::of(&[0.0, 0.0], 200.0).place(0.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_drawn_is_well_formed_whatever_the_text() {
        let mut svg = Svg::new(100.0, "a < b & \"c\"");
        svg.text((1.0, 2.0), 10.0, INK, Anchor::End, "<x>");
        let out = svg.finish(50.0);
        assert!(out.contains("a &lt; b &amp; &quot;c&quot;") && out.contains("&lt;x&gt;"), "{out}");
        assert_eq!(out.matches("<text").count(), out.matches("</text>").count());
    }
}
