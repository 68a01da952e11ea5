use std::pin::pin;
use std::task::{Context, Waker};

use larder::Cache;
use tokio::time::Instant;

use super::*;
use crate::commands::table::COMMANDS;
use crate::protocol::arguments::Span;
use crate::protocol::limits::RequestLimits;
use crate::session::buffers::{BufferMemory, DEFAULT_BUFFER_MEMORY};
use crate::session::client::{Client, Peer};
use crate::session::cursors::Cursors;
use crate::session::databases::{DatabaseModes, Databases};
use crate::session::latency::Latencies;
use crate::session::served::{Baseline, Served, ServerCounters};
use crate::session::slow_log::SlowLog;
use crate::session::{Hot, KeyPositions};

/// Returns the session of a connection over a cache in memory.
fn session() -> Session {
    let cache = Cache::builder().open().unwrap();
    let served = Served {
        databases: Databases::open(&cache, &[DatabaseModes::default()], Vec::new()).unwrap(),
        has_file: false,
        cache,
        password: None,
        is_read_only: false,
        limits: RequestLimits::default(),
        output_limits: OutputLimits::default(),
        buffers: BufferMemory::new(DEFAULT_BUFFER_MEMORY),
        max_connections: 1,
        clients: Arc::default(),
        counters: ServerCounters::default(),
        cursors: Cursors::default(),
        slow_log: SlowLog::default(),
        latencies: Latencies::default(),
        monitors: Arc::default(),
        baseline: Baseline::default(),
        since: Instant::now(),
        is_cut_off: Arc::default(),
    };
    let peer = Peer { remote: String::new(), local: String::new(), is_unix: true };
    Session::new(Arc::new(served), Arc::default(), &COMMANDS, Arc::new(Client::new(1, peer)))
}

fn owned(words: &[&str]) -> OwnedArguments {
    let mut end = 0;
    let spans: Vec<Span> = words
        .iter()
        .map(|word| {
            end += word.len();
            Span { start: end - word.len(), end }
        })
        .collect();
    Arguments::new(words.concat().as_bytes(), &spans).to_owned()
}

/// Runs step 3 of an `EXEC`. Returns the replies, and how often other connections could go on.
fn replies_to(others: Vec<Other>, replies: Vec<Vec<u8>>, max: usize) -> (String, usize) {
    let mut session = session();
    let limits = OutputLimits { max, ..OutputLimits::default() };
    let (mut own, mut out) = (Output::new(&limits), Output::new(&limits));
    let mut turns = 0;
    {
        let mut written = pin!(write_replies(&mut session, others, replies, &mut own, &mut out, max));
        while written.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            turns += 1;
        }
    }
    (String::from_utf8(own.reply().bytes.clone()).unwrap(), turns)
}

#[test]
fn others_go_on_after_each_command_of_many_words_or_of_a_long_reply() {
    const MAX: usize = 256 << 20;
    let turns = |words: &[&str], count: usize| {
        let command = COMMANDS.find(words[0].as_bytes()).unwrap();
        let others = (0..count).map(|_| Some((command, owned(words)))).collect();
        let (replies, turns) = replies_to(others, Vec::new(), MAX);
        assert!(!replies.contains("-ERR"), "{replies}");
        turns
    };
    assert_eq!(turns(&["ping"], 160), 10);
    let many = [&["client", "list", "id"][..], &["99"; 16 * WORDS_PER_OTHER]].concat();
    assert_eq!(turns(&many, 5), 5);
    let long = "x".repeat(8 * BYTES_PER_OTHER);
    // Both the request and its reply are long.
    assert_eq!(turns(&["echo", &long], 5), 5);
}

/// A command whose reply is the room that it finds.
static ROOM: Command = Command {
    name: "room",
    arity: 1,
    flags: 0,
    keys: KeyPositions::NONE,
    group: "",
    summary: "",
    run: |_, _, out| {
        let room = out.reply().room();
        out.reply().simple(&room.to_string());
        Box::pin(async {})
    },
    data: None,
    hot: Hot::No,
};

#[test]
fn a_command_knows_the_room_that_the_later_replies_leave() {
    let room = || Some((&ROOM, owned(&["room"])));
    let data = "+data\r\n".to_owned();
    let max = 1000;
    let (replies, _) = replies_to(vec![room(), None, room()], vec![data.clone().into_bytes()], max);
    let first = format!("+{}\r\n", max - data.len() - NO_ROOM_LEN);
    let last = format!("+{}\r\n", max - first.len() - data.len());
    assert_eq!(replies, [first, data, last].concat());
}

#[test]
fn a_reply_that_finds_no_room_leaves_the_room_of_the_later_ones() {
    let echo = COMMANDS.find(b"echo").unwrap();
    let others = ["a".repeat(1000), "b".repeat(20)].map(|word| Some((echo, owned(&["echo", &word]))));
    let (replies, _) = replies_to(others.into(), Vec::new(), 2 * NO_ROOM_LEN);
    assert_eq!(replies, format!("-{NO_ROOM}\r\n$20\r\n{}\r\n", "b".repeat(20)));
}

#[test]
fn the_lists_of_requests_and_replies_count_while_others_go_on() {
    let mut session = session();
    let (mut own, mut out) = (Output::new(&OutputLimits::default()), Output::new(&OutputLimits::default()));
    let others: Vec<Other> = (0..1_000).map(|_| None).chain([Some((&ROOM, owned(&["room"])))]).collect();
    let replies = vec![b"_\r\n".to_vec(); 1_000];
    let lists = others.len() * size_of::<Other>() + replies.len() * size_of::<Vec<u8>>();
    {
        let mut written = pin!(write_replies(&mut session, others, replies, &mut own, &mut out, 1 << 20));
        assert!(written.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    }
    assert!(out.executing > lists, "{} of {lists}", out.executing);
}
