use super::*;

/// Returns statistics with a long name, a name that would clear the screen, a wide name, and long counts.
fn stats() -> Stats {
    let keyspace = |name: &str, hits| KeyspaceStats {
        name: name.to_owned(),
        memory_hits: hits,
        misses: hits / 3,
        inserts: 12,
        invalidations: 3,
        ..KeyspaceStats::default()
    };
    let keyspaces = vec![
        keyspace("product_recommendations_of_merchants_by_region", 3),
        keyspace("\u{1b}[2Jsession", 0),
        keyspace("商品", u64::MAX / 2),
    ];
    let memory = MemoryStats { hits: 6, entries: u64::MAX, ..MemoryStats::default() };
    let disk = Some(DiskStats { hits: 3, capacity: ByteSize::gib(1), ..DiskStats::default() });
    Stats { memory, disk, misses: 1, keyspaces, ..Stats::default() }
}

#[test]
fn a_pipe_gets_a_line_for_each_row_with_whole_names() {
    let text = stats().to_string();
    let row = text.lines().find(|line| line.starts_with("product_recommendations_of_merchants_by_region "));
    let cells: Vec<&str> = row.unwrap().split_whitespace().skip(1).collect();
    assert_eq!(cells, ["3", "0", "1", "75.00", "%", "0", "0", "0", "12", "3"]);
    assert!(text.contains(&(u64::MAX / 2).to_string()), "{text}");
    assert!(!text.contains('\u{1b}') && text.contains("\\u{1B}[2Jsession"), "{text}");
}

#[test]
fn no_line_is_longer_than_the_terminal_and_the_columns_stand_below_their_heads() {
    for width in [40, 80, 200] {
        let text = format!("{:width$}", stats());
        for line in text.lines() {
            // The wide name has two letters that take two columns each.
            let wide = line.chars().filter(|letter| "商品".contains(*letter)).count();
            assert!(line.chars().count() + wide <= width, "{width}: {line:?} in\n{text}");
        }
        let lines: Vec<&str> = text.lines().collect();
        let ends = |line: &str| line.trim_end().chars().count();
        for (at, head) in lines.iter().enumerate().filter(|(_, line)| line.starts_with("keyspace ")) {
            assert_eq!(ends(head), ends(lines[at + 1]), "{width}:\n{text}");
        }
        let folded = lines.iter().filter(|line| line.starts_with("keyspace ")).count();
        assert_eq!(folded == 1, width == 200, "{width}:\n{text}");
    }
}

#[test]
fn shares_say_what_they_are_of_and_nothing_is_divided_by_no_lookups() {
    let text = stats().to_string();
    let expected = "lookups 10, hit rate 90.00 %: 60.00 % of all lookups were answered from memory and 30.00 % from disk; misses 1";
    assert!(text.contains(expected), "{text}");
    let text = Stats { keyspaces: vec![KeyspaceStats::default()], ..Stats::default() }.to_string();
    assert!(text.contains("no lookups yet") && !text.contains("0.00 %") && !text.contains("NaN"), "{text}");
    assert!(!text.contains("unsaved"), "a cache without a disk saves nothing:\n{text}");
}

#[test]
fn one_word_stands_for_invalidations_and_loads_are_not_inserts() {
    let text = stats().to_string();
    assert!(
        text.contains("invalidations") && !text.contains("removals") && !text.contains("changes"),
        "{text}"
    );
    assert!(text.contains("inserts 0 (values that loads stored are not among them)"), "{text}");
}

#[test]
fn counts_of_lookups_and_reads_are_not_shown_as_numbers_of_records() {
    let mut stats = stats();
    stats.disk.as_mut().unwrap().damaged_records = 2;
    stats.keyspaces[0].undecodable = 5;
    let text = stats.to_string();
    assert!(text.contains("2 reads found a damaged record, 0 reads failed"), "{text}");
    assert!(text.contains("5 lookups of product_recommendations"), "{text}");
}

#[test]
fn the_hits_of_a_server_stand_beside_those_of_memory() {
    let remote = RemoteStats { hits: 3, ..RemoteStats::default() };
    let text = Stats { disk: None, remote: Some(remote), ..stats() }.to_string();
    assert!(
        text.contains("60.00 % of all lookups were answered from memory and 30.00 % by the server"),
        "{text}"
    );
    let row = text.lines().find(|line| line.starts_with("remote ")).unwrap();
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["remote", "3", "-", "-", "-", "-", "-"]);
    assert!(text.contains("remote hits") && !text.contains("disk hits"), "{text}");
}

#[test]
fn paths_and_causes_reach_the_terminal_without_control_characters() {
    let mut stats = stats();
    if let Some(disk) = &mut stats.disk {
        disk.off = Some("\u{1b}]0;title\u{7}".to_owned());
        disk.quarantined = Some("/var/a\nb".into());
    }
    let text = stats.to_string();
    assert!(text.contains("moved to /var/a\\nb") && !text.contains('\u{7}'), "{text}");
}
