//! Bar charts. Each setting has a panel. In this panel, each contestant has a bar for its median and a line
//! for its quartiles.

use super::svg::{Anchor, FAINT, INK, OURS, PEERS, Scale, Svg};
use crate::outcome::{self, Outcome};
use crate::summary::Summary;

const WIDTH: f64 = 960.0;
const MARGIN: f64 = 16.0;
const HEADING: f64 = 44.0;
/// Distance between two columns of panels.
const GAP: f64 = 24.0;
const PANEL_TITLE: f64 = 24.0;
const BAR: f64 = 14.0;
const PITCH: f64 = 20.0;
/// Widths of the names to the left of the bars, and of the figures to their right.
const NAMES: f64 = 150.0;
const FIGURES: f64 = 80.0;

/// Returns the chart for the outcomes of one row.
#[must_use]
pub fn chart(title: &str, outcomes: &[&Outcome]) -> String {
    let mut svg = Svg::new(WIDTH, &format!("{title}: median of the rounds, and their quartiles"));
    let columns = if outcomes.len() > 1 { 2.0 } else { 1.0 };
    let width = (WIDTH - 2.0 * MARGIN - GAP * (columns - 1.0)) / columns;
    let mut tops = [HEADING, HEADING];
    for (number, outcome) in outcomes.iter().enumerate() {
        let (column, left) =
            if columns > 1.0 && number % 2 == 1 { (1, MARGIN + width + GAP) } else { (0, MARGIN) };
        if let Some(top) = tops.get_mut(column) {
            *top = panel(&mut svg, outcome, (left, *top), width);
        }
    }
    svg.finish(tops.into_iter().fold(0.0, f64::max))
}

/// Draws the panel of one setting. Returns the position of its lower edge.
fn panel(svg: &mut Svg, outcome: &Outcome, (left, top): (f64, f64), width: f64) -> f64 {
    let summaries: Vec<(&str, Summary)> = outcome
        .contestants
        .iter()
        .filter_map(|contestant| Some((contestant.name.as_str(), Summary::of(&contestant.samples)?)))
        .collect();
    let reach: Vec<f64> = summaries.iter().flat_map(|(_, summary)| [summary.median, summary.upper]).collect();
    let scale = Scale::of(&reach, width - NAMES - FIGURES);
    let better = if outcome.unit.less_is_better() { "less is better" } else { "more is better" };
    let kind = if scale.is_logarithmic { ", logarithmic scale" } else { "" };
    svg.text((left, top + 12.0), 12.0, INK, Anchor::Start, &outcome.setting);
    svg.text((left + width, top + 12.0), 10.0, FAINT, Anchor::End, &format!("{better}{kind}"));
    let mut y = top + PANEL_TITLE;
    let zero = left + NAMES;
    for (name, summary) in summaries {
        let is_ours = name.starts_with(outcome::OURS);
        let (colour, ink) = if is_ours { (OURS, OURS) } else { (PEERS, INK) };
        let baseline = y + BAR - 3.0;
        svg.text((zero - 6.0, baseline), 11.0, ink, Anchor::End, name);
        svg.bar((zero, y), (scale.place(summary.median).max(1.0), BAR), colour);
        let (from, to) = (zero + scale.place(summary.lower), zero + scale.place(summary.upper));
        let middle = y + BAR / 2.0;
        svg.line((from, middle), (to, middle), 1.0, INK);
        for end in [from, to] {
            svg.line((end, middle - 3.0), (end, middle + 3.0), 1.0, INK);
        }
        let right = zero + scale.place(summary.median.max(summary.upper)) + 6.0;
        svg.text((right, baseline), 11.0, ink, Anchor::Start, &outcome.unit.show(summary.median));
        y += PITCH;
    }
    y + GAP / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::tests::sample;

    #[test]
    fn every_contestant_of_every_setting_has_a_bar_with_its_figure() {
        let sample = sample();
        let chart = chart("Memory hit", &[&sample, &sample, &sample]);
        assert_eq!(chart.matches("rx=\"1.5\"").count(), 6);
        assert_eq!(chart.matches(">100.0 ns<").count(), 3);
        assert_eq!(chart.matches(">200.0 ns<").count(), 3);
    }
}
