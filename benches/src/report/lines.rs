//! Line charts. Each contestant has a line that shows how a measure grows with the number of entries.

use super::svg::{Anchor, FAINT, INK, LINES, Scale, Svg};
use crate::outcome::Outcome;
use crate::summary::Summary;
use crate::unit::Unit;

const WIDTH: f64 = 760.0;
const LEFT: f64 = 80.0;
const TOP: f64 = 52.0;
const PLOT: (f64, f64) = (460.0, 240.0);
const BOTTOM: f64 = 44.0;
/// Minimum distance between two names at the ends of lines.
const NAME_PITCH: f64 = 15.0;
/// Number of intervals between grid lines.
const GRID: u32 = 4;

struct Line<'a> {
    name: &'a str,
    points: Vec<(f64, Summary)>,
}

/// Returns the chart for the outcomes of one row. Each outcome must have a position.
#[must_use]
pub fn chart(title: &str, outcomes: &[&Outcome]) -> String {
    let unit = outcomes.first().map_or(Unit::Count, |outcome| outcome.unit);
    let lines = lines(outcomes);
    let points = || lines.iter().flat_map(|line| line.points.iter());
    let places: Vec<f64> = outcomes.iter().filter_map(|outcome| outcome.at).collect();
    let least = places.iter().copied().fold(f64::INFINITY, f64::min);
    let most = places.iter().copied().fold(0.0, f64::max);
    let across = Scale::new(most > least && least > 0.0, least, most, PLOT.0);
    let reach: Vec<f64> = points().flat_map(|(_, summary)| [summary.median, summary.upper]).collect();
    let up = Scale::of(&reach, PLOT.1);
    let kind = if up.is_logarithmic { ", logarithmic scale" } else { "" };
    let mut svg = Svg::new(WIDTH, &format!("{title}: median of the rounds, and their quartiles{kind}"));
    let at = |place: f64, figure: f64| (LEFT + across.place(place), TOP + PLOT.1 - up.place(figure));
    grid(&mut svg, up, points().map(|(_, summary)| summary.upper).fold(0.0, f64::max), unit);
    for place in places {
        let (x, _) = at(place, 0.0);
        svg.text((x, TOP + PLOT.1 + 18.0), 11.0, FAINT, Anchor::Middle, &round_number(place));
    }
    let mut names: Vec<(f64, &str, &str)> = Vec::new();
    for (line, colour) in lines.iter().zip(LINES.iter().cycle()) {
        for pair in line.points.windows(2) {
            if let [(from, before), (to, after)] = pair {
                svg.line(at(*from, before.median), at(*to, after.median), 1.8, colour);
            }
        }
        for (place, summary) in &line.points {
            svg.line(at(*place, summary.lower), at(*place, summary.upper), 1.0, colour);
            svg.dot(at(*place, summary.median), colour);
        }
        if let Some((place, summary)) = line.points.last() {
            names.push((at(*place, summary.median).1, line.name, colour));
        }
    }
    names.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut free = f64::MIN;
    for (y, name, colour) in names {
        let y = y.max(free);
        free = y + NAME_PITCH;
        svg.text((LEFT + PLOT.0 + 12.0, y + 4.0), 11.0, colour, Anchor::Start, name);
    }
    svg.finish(TOP + PLOT.1 + BOTTOM)
}

fn lines<'a>(outcomes: &[&'a Outcome]) -> Vec<Line<'a>> {
    let mut lines: Vec<Line<'a>> = Vec::new();
    for outcome in outcomes {
        for contestant in &outcome.contestants {
            let Some(point) = outcome.at.zip(Summary::of(&contestant.samples)) else { continue };
            match lines.iter_mut().find(|line| line.name == contestant.name) {
                Some(line) => line.points.push(point),
                None => lines.push(Line { name: &contestant.name, points: vec![point] }),
            }
        }
    }
    for line in &mut lines {
        line.points.sort_by(|one, other| one.0.total_cmp(&other.0));
    }
    lines
}

fn grid(svg: &mut Svg, up: Scale, most: f64, unit: Unit) {
    for step in 0..=GRID {
        let figure = if up.is_logarithmic {
            most / 10_f64.powi(i32::try_from(GRID - step).unwrap_or(0))
        } else {
            most * f64::from(step) / f64::from(GRID)
        };
        let place = up.place(figure);
        if step > 0 && place <= 0.0 {
            continue;
        }
        let y = TOP + PLOT.1 - place;
        svg.line((LEFT, y), (LEFT + PLOT.0, y), 0.5, FAINT);
        if place > 0.0 || !up.is_logarithmic {
            svg.text((LEFT - 6.0, y + 4.0), 11.0, INK, Anchor::End, &unit.show(figure));
        }
    }
}

/// Returns a number in short form, such as 100k for 100,000.
fn round_number(number: f64) -> String {
    match number {
        1e6.. => format!("{}M", number / 1e6),
        1e3.. => format!("{}k", number / 1e3),
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::tests::sample;

    #[test]
    fn every_contestant_has_a_point_for_every_place_and_one_name() {
        let outcomes: Vec<Outcome> =
            [1e5, 1e4, 1e6].into_iter().map(|at| Outcome { at: Some(at), ..sample() }).collect();
        let outcomes: Vec<&Outcome> = outcomes.iter().collect();
        let chart = chart("Growth", &outcomes);
        assert_eq!(chart.matches("<circle").count(), 6);
        assert_eq!(chart.matches(">moka<").count(), 1);
        for place in [">10k<", ">100k<", ">1M<"] {
            assert_eq!(chart.matches(place).count(), 1, "{place}");
        }
    }
}
