//! Which server is the master, by the votes of the Sentinels.
//!
//! A master that is cut off from its Sentinels goes on answering its clients as a master, while another
//! server has taken its place. So the [validity](super::validity) of a connection that Sentinels have named
//! also needs their votes. `S` is the [`staleness`](crate::settings::Timing) in the settings. These are the
//! steps, whose numbers are in the code:
//!
//! 1. A thread for each Sentinel reads the clock, *then* asks the Sentinel for the address of the master, for
//!    its own id, and for the number of Sentinels. It asks again after `S / 4`, after a longer wait if the
//!    Sentinel has failed, and at once when the driver looks for the master.
//! 2. The last answer of a Sentinel is its *vote*: an address, and the time at which it was asked. Two
//!    addresses with the same id are one Sentinel.
//! 3. A majority is more than half of `N`. `N` is the number of Sentinels that the URL names, or the largest
//!    number that a Sentinel knows of, if that is larger.
//! 4. The Sentinels *vouch* for an address if a majority of the votes is for it. Of the latest votes that
//!    make up a majority, the earliest was asked for at the time `V`. The Sentinels vouch for this time.
//! 5. A connection is made only to an address that the Sentinels vouch for, with `now < V + S`. The server
//!    must say that it is a master in its reply to `HELLO` and in its reply to each heartbeat.
//! 6. The deadline of the values in memory counts from `V` if `V` is before the time that the heartbeat
//!    vouches for.
//! 7. The driver handles what has arrived from the server only while `now < V + S`, where `now` is read after
//!    the arrival. Otherwise the driver waits for votes, at most for the time limit of a request. After that,
//!    the connection is lost.
//! 8. A majority for another address ends the connection at once.
//!
//! **The bound.** Two majorities have a Sentinel in common. After a Sentinel has voted for a new master, it
//! votes for the old master again only after another failover. So if one client of larder had a majority for
//! the new master at the time `T`, then `V` of each client of the old one is before `T`. So once the new
//! master has acknowledged a change to a client of larder, memory (6) and the old master (7) return older
//! values for at most `S`, whatever the clocks say. The URLs of all clients must name Sentinels of the same
//! group, but need not name all of them.
//!
//! A program that believes *one* Sentinel may use the new master before a majority knows it. For its changes,
//! the bound is longer by the time until a majority knows: the Sentinels tell each other at once, or, if the
//! message is lost, within two seconds.
//!
//! **What may be lost.** A failover loses the changes that only the old master has. The new master has
//! another replication id, so that all of its records are a miss (`tier::session`), and a lost removal brings
//! back none of them. In the format `raw`, a lost removal brings the values back. One case remains: the old
//! master acknowledges a removal while another client already uses the new master. By (7), the removal is
//! acknowledged before `T + S`. Before that, a client may have stored the old value on the new master. Two
//! settings prevent it:
//!
//! - `replicas=n` in the URL, where `n` is the number of all replicas. A removal then fails if a replica has
//!   not received it, so every acknowledged removal is on the replica that becomes the new master.
//! - `min-replicas-to-write 1` and `min-replicas-max-lag L` at the server. A master that is cut off from its
//!   replicas refuses changes after `L + 1` seconds. If `down-after-milliseconds` is longer than that, such
//!   an old master acknowledges no change while there is a new master. Lookups on the old master still end by
//!   (7).
//!
//! The command `ROLE` is not used: the reply to `HELLO` also names the role, and `ROLE` needs a further
//! permission. A subscription to `+switch-master` would report a new master at most `S / 4` earlier.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::time::Duration;

use crate::error::Error;

pub(super) type Address = (String, u16);

/// An answer of a Sentinel (step 2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Vote {
    pub(super) id: Vec<u8>,
    pub(super) master: Address,
    /// The number of Sentinels that this Sentinel knows of, including itself.
    pub(super) known: usize,
    pub(super) asked: Duration,
}

/// The state of one Sentinel that the URL names.
#[derive(Debug, Default)]
struct Voter {
    vote: Option<Vote>,
    /// The error of the last questions. `None` if the Sentinel has answered them.
    failure: Option<Error>,
    /// The last round of questions that has ended.
    round: u64,
}

/// The votes of all Sentinels that the URL names.
#[derive(Debug)]
pub(super) struct Votes(Vec<Voter>);

impl Votes {
    pub(super) fn new(count: usize) -> Self {
        Self(std::iter::repeat_with(Voter::default).take(count).collect())
    }

    /// Records the vote of a Sentinel, or the error of the questions. After an error, the previous vote
    /// stays.
    pub(super) fn record(&mut self, at: usize, round: u64, answer: Result<Vote, Error>) {
        let Some(voter) = self.0.get_mut(at) else { return };
        voter.round = round;
        match answer {
            Ok(vote) => (voter.vote, voter.failure) = (Some(vote), None),
            Err(why) => voter.failure = Some(why),
        }
    }

    /// Returns the number of votes that are a majority (step 3).
    pub(super) fn majority(&self) -> usize {
        let known = self.votes().map(|vote| vote.known).max().unwrap_or_default();
        known.max(self.0.len()) / 2 + 1
    }

    fn votes(&self) -> impl Iterator<Item = &Vote> {
        self.0.iter().filter_map(|voter| voter.vote.as_ref())
    }

    /// Returns `V` of an address (step 4), or `None` if the Sentinels do not vouch for the address.
    pub(super) fn vouched(&self, master: &Address) -> Option<Duration> {
        let mut votes: Vec<_> = self.votes().filter(|vote| vote.master == *master).collect();
        votes.sort_by_key(|vote| Reverse(vote.asked));
        let mut ids = HashSet::new();
        votes.retain(|vote| ids.insert(&vote.id));
        votes.get(self.majority() - 1).map(|vote| vote.asked)
    }

    /// Returns the address that the Sentinels vouch for, and its `V`.
    pub(super) fn elected(&self) -> Option<(&Address, Duration)> {
        self.votes().find_map(|vote| Some((&vote.master, self.vouched(&vote.master)?)))
    }

    /// Returns whether every Sentinel has answered or failed in this round of questions or in a later one.
    pub(super) fn has_ended(&self, round: u64) -> bool {
        self.0.iter().all(|voter| voter.round >= round)
    }

    /// Returns, for each Sentinel, its vote in this round of questions or in a later one, or the reason why
    /// there is none.
    pub(super) fn answers(&self, round: u64) -> impl Iterator<Item = Result<&Vote, String>> {
        self.0.iter().map(move |voter| match (&voter.failure, &voter.vote) {
            (None, Some(vote)) if voter.round >= round => Ok(vote),
            (Some(why), _) => Err(why.to_string()),
            _ => Err("it has not answered within the time".to_owned()),
        })
    }

    /// Returns the text of an error: why the Sentinels vouch for no address.
    pub(super) fn why_none(&self) -> String {
        let (needed, listed) = (self.majority(), self.0.len());
        if needed > listed {
            return format!(
                "the URL names {listed} of the Sentinels, and a majority is {needed}; name all of them"
            );
        }
        let words = self.0.iter().map(|voter| match (&voter.failure, &voter.vote) {
            (Some(why), _) => why.to_string(),
            (None, Some(vote)) => format!("one names {}:{}", vote.master.0, vote.master.1),
            (None, None) => "one has not answered yet".to_owned(),
        });
        let words = words.collect::<Vec<_>>().join("; ");
        format!("no master is named by a majority of the Sentinels within the time: {words}")
    }

    /// Returns an error that no repetition would fix, if more than half of the named Sentinels have such an
    /// error. A single Sentinel may have one because it was set up a moment ago.
    pub(super) fn lasting_error(&self) -> Option<&Error> {
        let is_lasting = |why: &&Error| matches!(why, Error::Refused { .. } | Error::Unsupported { .. });
        let errors = self.0.iter().filter_map(|voter| voter.failure.as_ref()).filter(is_lasting);
        errors.skip(self.0.len() / 2).last()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn address(port: u16) -> Address {
        ("10.0.0.1".to_owned(), port)
    }

    fn votes_of(votes: &mut Votes, of: &[(usize, &str, u16, u64)]) {
        for (at, id, port, asked) in of {
            let (id, master, asked) = (id.as_bytes().to_vec(), address(*port), ms(*asked));
            votes.record(*at, 1, Ok(Vote { id, master, known: 3, asked }));
        }
    }

    #[test]
    fn a_master_is_vouched_for_from_the_time_at_which_the_majority_was_asked() {
        let mut votes = Votes::new(3);
        votes_of(&mut votes, &[(0, "a", 1, 100)]);
        assert_eq!((votes.elected(), votes.has_ended(1)), (None, false));
        votes_of(&mut votes, &[(1, "b", 1, 250)]);
        assert_eq!(votes.elected(), Some((&address(1), ms(100))));
        votes_of(&mut votes, &[(2, "c", 1, 300)]);
        assert_eq!(votes.elected(), Some((&address(1), ms(250))), "the two latest are a majority");
        votes_of(&mut votes, &[(2, "c", 2, 350)]);
        assert_eq!(votes.vouched(&address(1)), Some(ms(100)), "it has changed its mind");
        votes_of(&mut votes, &[(0, "a", 2, 400)]);
        assert_eq!((votes.vouched(&address(1)), votes.elected()), (None, Some((&address(2), ms(350)))));
    }

    #[test]
    fn a_sentinel_that_does_not_answer_vouches_for_no_later_time() {
        let mut votes = Votes::new(3);
        votes_of(&mut votes, &[(0, "a", 1, 100), (1, "b", 1, 200)]);
        votes.record(1, 2, Err(Error::Closed));
        votes_of(&mut votes, &[(0, "a", 1, 900)]);
        assert_eq!(votes.vouched(&address(1)), Some(ms(200)));
    }

    #[test]
    fn an_error_is_lasting_if_most_sentinels_give_it() {
        let mut votes = Votes::new(3);
        let (server, why) = ("a".to_owned(), "it knows no master".to_owned());
        let lasting = Error::Unsupported { server, why, remedy: "write its name" };
        votes.record(0, 1, Err(lasting.clone()));
        votes.record(1, 1, Err(Error::Closed));
        assert_eq!(votes.lasting_error(), None);
        votes.record(2, 1, Err(lasting.clone()));
        assert_eq!(votes.lasting_error(), Some(&lasting));
    }

    #[test]
    fn a_majority_is_one_of_all_sentinels_and_none_is_counted_twice() {
        let mut one = Votes::new(1);
        votes_of(&mut one, &[(0, "a", 1, 100)]);
        assert_eq!((one.majority(), one.elected()), (2, None), "it knows of three");
        assert!(one.why_none().contains("names 1 of the Sentinels"), "{}", one.why_none());
        let mut two = Votes::new(2);
        votes_of(&mut two, &[(0, "a", 1, 100), (1, "a", 1, 100)]);
        assert_eq!(two.elected(), None, "two addresses of one Sentinel");
        votes_of(&mut two, &[(1, "b", 1, 100)]);
        assert!(two.elected().is_some());
    }
}
