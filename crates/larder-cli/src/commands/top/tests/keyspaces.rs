//! Tests of the layout, order and scrolling of the keyspaces, and of the pause.

use super::*;
use crate::commands::top::columns::Column;

fn named(names: &[String], second: u64) -> Stats {
    let mut stats = at(second);
    let of = stats.keyspaces[1].clone();
    let mut names = names.to_vec();
    names.sort();
    stats.keyspaces = names
        .into_iter()
        .map(|name| {
            let mut of = of.clone();
            of.name = name;
            of
        })
        .collect();
    stats
}

#[test]
fn names_of_any_kind_stay_in_their_column() {
    let names = [
        "商品カタログ",
        "\u{1b}[2Jevil\u{7}",
        "product_recommendations_of_merchants_by_region_and_day",
        "plain",
    ];
    let names = names.map(str::to_owned);
    let mut seat = TestScreen::new();
    for second in 0..3 {
        seat.add(second, Ok(live(1, 1, named(&names, second))));
    }
    for (width, height) in [(40, 24), (80, 24), (200, 60)] {
        let drawn = seat.drawn(width, height);
        let lines: Vec<&str> = drawn.lines().collect();
        let head =
            lines.iter().position(|line| line.starts_with("keyspace ") && line.contains("look/s")).unwrap();
        // `100 %` is in the same screen column in each row.
        let numbers: Vec<usize> = lines[head + 1..head + 5]
            .iter()
            .map(|line| crate::commands::top::text::width(&line[..line.find("100 %").unwrap()]))
            .collect();
        assert!(numbers.windows(2).all(|pair| pair[0] == pair[1]), "{numbers:?}\n{drawn}");
        assert!(!drawn.contains(['\u{1b}', '\u{7}']) && drawn.contains("商品"), "{drawn}");
        assert_eq!(drawn.contains(&names[2]), width == 200, "{drawn}");
        assert!(drawn.contains("produ") && drawn.contains('…') == (width < 200), "{drawn}");
    }
}

#[test]
fn keyspaces_are_sorted_by_the_chosen_column_and_scrolled() {
    let mut seat = TestScreen::of_shop();
    let order = |seat: &mut TestScreen| {
        let drawn = seat.drawn(120, 24);
        let first = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
        let head =
            drawn.lines().position(|line| line.starts_with("keyspace") && line.contains("look/s")).unwrap();
        let rows: Vec<String> = drawn.lines().skip(head + 1).take(3).map(first).collect();
        (drawn, rows)
    };
    assert_eq!(order(&mut seat).1, ["product", "data_package", "session"]);
    for (key, head, first) in [
        ('m', "miss/s▼", "data_package"),
        ('t', "hits/s▼", "product"),
        ('b', "memory▼", "product"),
        ('d', "disk▼", "data_package"),
        ('e', "evict/s▼", "data_package"),
        ('x', "expir/s▼", "data_package"),
        ('o', "load/s▼", "data_package"),
        ('n', "keyspace▼", "data_package"),
    ] {
        seat.press(KeyCode::Char(key));
        let (drawn, rows) = order(&mut seat);
        assert!(drawn.contains(head) && rows[0] == first, "{key}: {drawn}");
    }
    seat.press(KeyCode::Char('r'));
    let (drawn, rows) = order(&mut seat);
    assert!(drawn.contains("keyspace▲") && rows == ["session", "product", "data_package"], "{drawn}");
    let names: Vec<String> = (0..30).map(|number| format!("k{number:02}")).collect();
    let mut seat = TestScreen::new();
    (0..3).for_each(|second| seat.add(second, Ok(live(1, 1, named(&names, second)))));
    let first = seat.drawn(80, 24);
    assert!(first.contains("keyspaces 1–") && first.contains(" of 30 ") && first.contains("k00"), "{first}");
    seat.press(KeyCode::End);
    let last = seat.drawn(80, 24);
    assert!(last.contains("–30 of 30") && last.contains("k29") && !last.contains("k00"), "{last}");
    seat.press(KeyCode::Home);
    seat.press(KeyCode::Down);
    assert!(seat.drawn(80, 24).contains("keyspaces 2–"));
    // A larger screen shows all rows, even if the user had scrolled on the smaller screen.
    assert!(seat.drawn(80, 60).contains("k00"));
}

#[test]
fn a_pause_freezes_the_frame_and_makes_no_jump_in_the_rates() {
    let mut seat = TestScreen::of_shop();
    let before = seat.drawn(80, 24);
    seat.press(KeyCode::Char('p'));
    for second in 60..90 {
        seat.add(second, Ok(live(4711, 1, at(second))));
    }
    let paused = seat.drawn(80, 24);
    assert!(paused.contains("PAUSED"), "{paused}");
    let without_head = |drawn: &str| drawn.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(without_head(&paused), without_head(&before));
    seat.press(KeyCode::Char('p'));
    assert!(seat.drawn(80, 24).contains("lookups 8280/s"), "{}", seat.drawn(80, 24));
}

#[test]
fn the_sorting_column_is_always_visible() {
    let mut seat = TestScreen::of_shop();
    for key in "nltmoexbd".chars() {
        seat.press(KeyCode::Char(key));
        seat.drawn(40, 12);
        assert!(seat.app.controls.last_frame.columns.contains(&seat.app.controls.sort), "{key}");
    }
    assert_eq!(seat.app.controls.sort, Column::DiskBytes);
}
