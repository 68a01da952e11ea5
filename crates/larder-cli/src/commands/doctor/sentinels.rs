//! The check of the Sentinels that a URL names: whether they answer, and whether they agree on the master.

use std::collections::BTreeSet;

use larder::inspect::escape_control;
use larder_redis::inspect::SentinelAnswer;

use super::report::CheckResult;

/// Minimum number of Sentinels. With fewer, no majority is left after one has failed.
const MIN_SENTINELS: usize = 3;

/// Returns the number of Sentinels that name this master. Two addresses with the same id are one Sentinel.
fn votes_for(answers: &[SentinelAnswer], master: &str) -> usize {
    let votes = answers.iter().filter(|answer| answer.master.as_deref() == Ok(master));
    votes.map(|answer| &answer.id).collect::<BTreeSet<_>>().len()
}

/// Checks the answers of all Sentinels. `majority` is the number of Sentinels that must name the master.
pub(super) fn check(majority: usize, answers: &[SentinelAnswer]) -> CheckResult {
    let check = "sentinels";
    let masters: BTreeSet<_> = answers.iter().filter_map(|answer| answer.master.as_deref().ok()).collect();
    let elected = masters.into_iter().max_by_key(|master| votes_for(answers, master)).unwrap_or("no master");
    let (votes, listed) = (votes_for(answers, elected), answers.len());
    let found = format!(
        "{votes} of {listed} name {}, and a majority is {majority}{}",
        escape_control(elected),
        others(answers, elected)
    );
    let line = if votes < majority {
        let remedy = "start the Sentinels, and name all of them in LARDER_URL: caches use no server without a \
                      majority";
        CheckResult::fail(check, found, remedy)
    } else {
        CheckResult::warn_if(check, found, remedy(answers, elected))
    };
    line.with("votes", votes as u64).with("majority", majority as u64)
}

/// Returns a text with the answers of the Sentinels that do not name the elected master.
fn others(answers: &[SentinelAnswer], elected: &str) -> String {
    let others = answers.iter().filter_map(|answer| {
        let says = match &answer.master {
            Ok(master) if master == elected => return None,
            Ok(master) => format!("names {master}"),
            Err(why) => format!("does not answer: {why}"),
        };
        Some(format!("; {} {}", answer.name, escape_control(&says)))
    });
    others.collect()
}

/// Returns the remedy for a fault that exists although a majority names the master. Returns `None` if there
/// is no such fault.
fn remedy(answers: &[SentinelAnswer], elected: &str) -> Option<String> {
    let listed = answers.len();
    let known = answers.iter().map(|answer| answer.known).max().unwrap_or_default();
    let answered: Vec<_> = answers.iter().filter(|answer| answer.master.is_ok()).collect();
    let ids: BTreeSet<_> = answered.iter().map(|answer| &answer.id).collect();
    if answered.len() < listed {
        return Some("start the one that does not answer, or take it out of LARDER_URL".to_owned());
    }
    if answers.iter().any(|answer| answer.master.as_deref() != Ok(elected)) {
        let text = "after a failover, they agree within seconds: ask again; if one still differs, compare its \
                    `sentinel monitor` line";
        return Some(text.to_owned());
    }
    if ids.len() < answered.len() {
        return Some("two addresses in LARDER_URL are one Sentinel: name each once".to_owned());
    }
    if known > listed {
        return Some(format!("they know of {known} Sentinels: name all of them in LARDER_URL"));
    }
    (listed < MIN_SENTINELS).then(|| format!("run at least {MIN_SENTINELS}, so that one of them may fail"))
}

#[cfg(test)]
mod tests {
    use super::super::report::Verdict;
    use super::*;

    fn answer(id: u8, master: &str, known: usize) -> SentinelAnswer {
        let mut answer = SentinelAnswer::default();
        answer.name = format!("sentinel-{id}");
        answer.master = Ok(master.to_owned());
        (answer.id, answer.known) = (vec![id], known);
        answer
    }

    #[test]
    fn a_majority_must_name_the_master_and_each_sentinel_should() {
        use Verdict::{Fail, Pass, Warn};
        let mut silent = answer(3, "", 0);
        silent.master = Err("no\u{1B}[2J connection".to_owned());
        let (one, two, three) = (answer(1, "a:1", 3), answer(2, "a:1", 3), answer(3, "a:1", 3));
        for (answers, expected, text) in [
            (vec![one.clone(), two.clone(), three.clone()], Pass, "3 of 3 name a:1"),
            (vec![one.clone(), two.clone(), silent.clone()], Warn, "does not answer: no\\u{1B}[2J"),
            (vec![one.clone(), silent.clone(), silent.clone()], Fail, "1 of 3 name a:1, and a majority is 2"),
            (vec![one.clone(), two.clone(), answer(3, "b:2", 3)], Warn, "sentinel-3 names b:2"),
            (vec![one.clone(), one.clone(), silent], Fail, "1 of 3 name a:1"),
            (vec![one.clone(), two.clone(), two.clone()], Warn, "2 of 3 name a:1"),
            (vec![one.clone(), two.clone()], Warn, "2 of 2 name a:1"),
            (vec![answer(1, "a:1", usize::MAX), two, three], Warn, "3 of 3 name a:1"),
            (vec![], Fail, "0 of 0 name no master"),
        ] {
            let line = check(2, &answers);
            assert_eq!(line.verdict, expected, "{line:?}");
            assert!(line.found.contains(text), "{text}: {line:?}");
        }
    }
}
