//! Tests of groups at a server: which values are sent together, and which are stored after an error.

use std::cell::Cell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};

use super::*;
use crate::api::keyspace::definition::KeyspaceDefinition;
use crate::api::keyspace::insert_options::InsertOptions;
use crate::error::remote_error::RemoteErrorKind;
use crate::sys::at_once::suspending;
use crate::testing::remote::tests::{TwoNodes, two_nodes, until};

const NUMBERS: KeyspaceDefinition<u64, FussyNumber> = KeyspaceDefinition::new("number");
const PAGES: KeyspaceDefinition<u64, String> = KeyspaceDefinition::new("page");
const REFUSED: u64 = 1_000;
const PANICS: u64 = 2_000;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(transparent)]
struct FussyNumber(u64);

impl Serialize for FussyNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 >= PANICS {
            std::panic::resume_unwind(Box::new("planted"));
        }
        if self.0 >= REFUSED {
            return Err(serde::ser::Error::custom(format!("{} is refused", self.0)));
        }
        serializer.serialize_u64(self.0)
    }
}

impl TwoNodes {
    fn numbers(&self) -> [Keyspace<u64, FussyNumber>; 2] {
        [0, 1].map(|at| self.caches[at].keyspace(NUMBERS).unwrap())
    }

    /// Runs a call to its end, as a task whose answers are held back. Returns its result, and how many values
    /// it has sent in each round trip.
    fn run<T>(&self, mut call: Pin<&mut impl Future<Output = T>>) -> (T, Vec<u64>) {
        let (mut sent, mut asked) = (Vec::new(), self.server.requests());
        loop {
            self.nodes[0].hold_stream(true);
            let polled = suspending(|| call.as_mut().poll(&mut Context::from_waker(Waker::noop())));
            let requests = self.server.requests();
            if requests > asked {
                sent.push(requests - asked);
            }
            asked = requests;
            self.nodes[0].hold_stream(false);
            if let Poll::Ready(result) = polled {
                return (result, sent);
            }
        }
    }
}

fn entries<V>(keyspace: &Keyspace<u64, V>, values: impl IntoIterator<Item = (u64, V)>) -> Vec<GroupEntry<V>>
where
    V: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    keyspace.group_entries(values, InsertOptions::new()).unwrap()
}

#[test]
fn the_values_of_a_part_take_one_round_trip() {
    let two = two_nodes();
    let [one, other] = two.numbers();
    let entries = entries(&one, (0..150).map(|number| (number, FussyNumber(number))));
    let (result, sent) = two.run(pin!(one.insert_all_at_server(&entries, Ttl::Default)));
    result.unwrap();
    assert_eq!(sent, [128, 22]);
    assert!((0..150).all(|number| other.get(&number).as_deref() == Some(&FussyNumber(number))));
    assert_eq!(one.stats().inserts, 150);
}

#[test]
fn a_thread_sends_the_values_before_it_waits() {
    let two = two_nodes();
    let [one, _] = two.numbers();
    two.nodes[0].hold_stream(true);
    let values = (0..40).map(|number| (number, FussyNumber(number)));
    let inserting = std::thread::spawn(move || one.insert_many(values));
    until(|| two.server.records() == 40);
    assert!(!inserting.is_finished(), "the server has not answered");
    two.nodes[0].hold_stream(false);
    inserting.join().unwrap().unwrap();
}

#[test]
fn values_of_one_key_are_sent_one_after_another() {
    let two = two_nodes();
    let [one, other] = two.numbers();
    let entries =
        entries(&one, [(1, 10), (2, 20), (1, 11), (3, 30), (1, 12)].map(|(k, v)| (k, FussyNumber(v))));
    let (result, sent) = two.run(pin!(one.insert_all_at_server(&entries, Ttl::Default)));
    result.unwrap();
    assert_eq!(sent, [2, 2, 1]);
    assert_eq!([1, 2, 3].map(|key| other.get(&key).unwrap().0), [12, 20, 30]);
}

#[test]
fn a_value_that_waits_for_room_is_sent_after_the_answer_and_lives_from_then() {
    let two = two_nodes();
    let [pages, other] = [0, 1].map(|at| two.caches[at].keyspace(PAGES).unwrap());
    let page = || "x".repeat(600 << 10);
    let entries = entries(&pages, (0..3).map(|number| (number, page())));
    let ttl = Ttl::from(Duration::from_secs(10));
    let mut insert = pin!(pages.insert_all_at_server(&entries, ttl));
    two.nodes[0].hold_stream(true);
    assert!(suspending(|| insert.as_mut().poll(&mut Context::from_waker(Waker::noop()))).is_pending());
    assert_eq!(two.server.records(), 1);
    two.clock.advance(Duration::from_secs(9));
    two.nodes[0].hold_stream(false);
    let (result, sent) = two.run(insert);
    result.unwrap();
    assert_eq!(sent, [1, 1]);
    two.clock.advance(Duration::from_secs(5));
    assert_eq!([0, 1, 2].map(|key| other.get(&key).is_some()), [false, true, true]);
}

#[test]
fn an_error_of_a_value_does_not_lose_the_others() {
    let two = two_nodes();
    let [one, other] = two.numbers();
    let refused = |number: u64| number == 5 || number == 140;
    let value = |number| FussyNumber(if refused(number) { REFUSED + number } else { number });
    let error = one.insert_many((0..150).map(|number| (number, value(number)))).unwrap_err();
    assert!(
        matches!(&error, Error::Encode { .. }) && error.to_string().contains("1005 is refused"),
        "{error}"
    );
    assert!((0..150).all(|number| other.get(&number).is_some() != refused(number)));
    assert_eq!(one.stats().inserts, 148);
}

#[test]
fn a_panic_of_a_serialize_reaches_no_other_value_of_its_part() {
    let two = two_nodes();
    let [one, other] = two.numbers();
    let values = [(1, 10), (2, PANICS), (3, 30)].map(|(key, number)| (key, FussyNumber(number)));
    let call = std::panic::AssertUnwindSafe(|| one.insert_many(values));
    let panic = std::panic::catch_unwind(call).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"planted"));
    assert_eq!([1, 2, 3].map(|key| other.get(&key).is_some()), [true, false, true]);
}

#[test]
fn after_an_error_of_the_server_no_further_part_is_sent() {
    let two = two_nodes();
    let [one, other] = two.numbers();
    let entries = entries(&one, (0..300).map(|number| (number, FussyNumber(number))));
    let mut insert = pin!(one.insert_all_at_server(&entries, Ttl::Default));
    two.nodes[0].hold_stream(true);
    assert!(suspending(|| insert.as_mut().poll(&mut Context::from_waker(Waker::noop()))).is_pending());
    two.nodes[0].lose();
    two.nodes[0].connect();
    let (result, sent) = two.run(insert);
    assert!(matches!(result, Err(Error::Remote { cause, .. }) if cause.may_be_applied()));
    assert_eq!((sent.len(), two.server.records(), one.stats().inserts), (0, 128, 0));
    assert!(other.get(&127).is_some() && other.get(&128).is_none());
}

impl TwoNodes {
    /// Begins to insert three values, whose first answer is held back, and runs `fail`. Returns the error of
    /// the call, and how many requests it has sent after `fail`.
    fn fail_first_of_three(&self, fail: impl FnOnce()) -> (Error, u64) {
        let pages = self.caches[0].keyspace(PAGES).unwrap();
        let entries = entries(&pages, (0..3).map(|number| (number, "x".repeat(600 << 10))));
        let mut insert = pin!(pages.insert_all_at_server(&entries, Ttl::Default));
        self.nodes[0].hold_stream(true);
        assert!(suspending(|| insert.as_mut().poll(&mut Context::from_waker(Waker::noop()))).is_pending());
        assert_eq!(self.server.requests(), 1, "the others wait for room");
        fail();
        let (result, sent) = self.run(insert);
        assert_eq!(pages.stats().inserts, 0);
        (result.unwrap_err(), sent.iter().sum())
    }
}

#[test]
fn after_a_lost_connection_no_value_that_waited_for_room_is_sent() {
    let two = two_nodes();
    let (error, sent) = two.fail_first_of_three(|| {
        two.nodes[0].lose();
        two.nodes[0].connect();
    });
    assert!(matches!(error, Error::Remote { cause, .. } if cause.may_be_applied()));
    assert_eq!((sent, two.server.records()), (0, 1));
}

#[test]
fn after_a_refusal_no_value_that_waited_for_room_is_sent() {
    let two = two_nodes();
    two.nodes[0].fill_server(true);
    let (error, sent) = two.fail_first_of_three(|| two.nodes[0].fill_server(false));
    assert!(matches!(error, Error::Remote { cause, .. } if cause.kind() == RemoteErrorKind::Refused));
    assert_eq!((sent, two.server.records()), (0, 0));
}

#[test]
fn a_thread_sends_no_value_that_waited_for_room_after_a_refusal() {
    let two = two_nodes();
    let pages = two.caches[0].keyspace(PAGES).unwrap();
    two.nodes[0].fill_server(true);
    two.nodes[0].hold_stream(true);
    let values = (0..3).map(|number| (number, "x".repeat(600 << 10)));
    let inserting = std::thread::spawn(move || pages.insert_many(values));
    until(|| two.server.requests() == 1);
    two.nodes[0].fill_server(false);
    two.nodes[0].hold_stream(false);
    assert!(matches!(inserting.join().unwrap(), Err(Error::Remote { .. })));
    assert_eq!((two.server.requests(), two.server.records()), (1, 0));
}

thread_local! {
    /// How often this thread has serialized a [`CountedPage`].
    static ENCODINGS: Cell<u32> = const { Cell::new(0) };
}

#[derive(Deserialize)]
#[serde(transparent)]
struct CountedPage(String);

impl Serialize for CountedPage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ENCODINGS.set(ENCODINGS.get() + 1);
        serializer.serialize_str(&self.0)
    }
}

/// If all values of a part were encoded before the first answer, a part of large values would keep its caller
/// busy for long.
#[test]
fn each_value_is_encoded_once_and_only_one_waits_for_room_with_its_encoding() {
    const COUNTED: KeyspaceDefinition<u64, CountedPage> = KeyspaceDefinition::new("counted");
    for (len, before_answer) in [(600 << 10, 2), (2 << 20, 1)] {
        let two = two_nodes();
        let pages = two.caches[0].keyspace(COUNTED).unwrap();
        let page = || CountedPage("x".repeat(len));
        ENCODINGS.set(0);
        pages.insert(&9, page()).unwrap();
        let of_one = ENCODINGS.replace(0);
        let entries = entries(&pages, (0..4).map(|number| (number, page())));
        let mut insert = pin!(pages.insert_all_at_server(&entries, Ttl::Default));
        two.nodes[0].hold_stream(true);
        assert!(suspending(|| insert.as_mut().poll(&mut Context::from_waker(Waker::noop()))).is_pending());
        assert_eq!((two.server.records(), ENCODINGS.get()), (2, before_answer * of_one), "{len}");
        two.run(insert).0.unwrap();
        assert_eq!((two.server.records(), ENCODINGS.get()), (5, 4 * of_one), "{len}");
    }
}

/// A lookup in the meantime fills memory with a value that the server had before the change.
#[test]
fn the_near_copies_of_all_values_are_dropped_after_their_answers() {
    let two = two_nodes();
    let [one, _] = two.numbers();
    two.server.hold_pushes(true);
    one.insert_many([(1, FussyNumber(10)), (2, FussyNumber(20))]).unwrap();
    let reading = one.clone();
    // The call has dropped the near copy of key 1.
    two.nodes[0].before_set(move || assert_eq!(reading.get(&1).as_deref(), Some(&FussyNumber(10))));
    one.insert_many([(1, FussyNumber(11)), (2, FussyNumber(21))]).unwrap();
    assert_eq!([1, 2].map(|key| one.get(&key).unwrap().0), [11, 21]);
}
