//! The requests of the workers. They change and read the entries that [`super::judge`] checks.
//!
//! | what | where | how it is changed |
//! |---|---|---|
//! | values | database 0 and `DURABLE` | `SET`, and each command that removes; by one worker |
//! | groups of eight keys | the same | `MSET`, and `MULTI` with `SET`s or `DEL`s; by one worker |
//! | counters | the same | `INCR`; by all workers |
//! | rows | database 0 | loaded with `WATCH` and `MULTI`, removed by each command that removes; by all workers |
//! | walked keys | [`WALKED`] | 64 that stay, beside others that are added and removed |

use std::io;
use std::path::Path;

use super::judge::{Finding, History, Life, Promise};
use super::server::{WALKED, socket};
use super::shop::{Choices, DATABASES, Shop};
use crate::resp::{Reply, RespClient};

const GROUP: usize = 8;

/// Number of keys that stay in the walked database.
const WALKED_KEYS: usize = 64;

/// The reason why an action of a worker did not finish.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The connection has ended, because the server was killed.
    Killed,
    Found(Finding),
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        // A missing reply means that the server hangs, because a kill would end the connection.
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                Self::Found(Finding::new(Promise::Service, "a request was not answered"))
            }
            _ => Self::Killed,
        }
    }
}

impl From<Finding> for Stopped {
    fn from(finding: Finding) -> Self {
        Self::Found(finding)
    }
}

type Acted = Result<(), Stopped>;

/// A worker with a connection to one life of the server.
pub(super) struct Worker<'a> {
    shop: &'a Shop,
    number: usize,
    life: Life,
    client: RespClient,
    db: usize,
    choices: &'a mut Choices,
}

fn unexpected(what: &str, reply: &Reply) -> Stopped {
    Stopped::Found(Finding::new(Promise::Service, format!("{what} was answered {reply:?}")))
}

/// Returns the number that a reply contains, or `None` for a missing key.
fn number(what: &str, reply: &Reply) -> Result<Option<u64>, Stopped> {
    match reply {
        Reply::Bulk(_, None) => Ok(None),
        _ => reply.text().parse().map(Some).map_err(|_| unexpected(what, reply)),
    }
}

fn is_ok(what: &str, reply: &Reply) -> Acted {
    if *reply == Reply::Line("+OK".to_owned()) { Ok(()) } else { Err(unexpected(what, reply)) }
}

fn is_no_error(what: &str, reply: &Reply) -> Acted {
    if reply.error().is_none() { Ok(()) } else { Err(unexpected(what, reply)) }
}

impl<'a> Worker<'a> {
    pub(super) fn connect(
        shop: &'a Shop,
        number: usize,
        life: Life,
        dir: &Path,
        choices: &'a mut Choices,
    ) -> io::Result<Self> {
        let client = RespClient::connect(&socket(dir))?;
        Ok(Self { shop, number, life, client, db: 0, choices })
    }

    pub(super) fn act(&mut self) -> Acted {
        match self.choices.below(20) {
            0..=2 => self.change_value(),
            3..=4 => self.read_value(),
            5..=6 => self.change_group(),
            7..=9 => self.read_group(),
            10..=11 => self.count(),
            12 => self.read_count(),
            13..=15 => self.use_row(),
            16..=17 => self.remove_row(),
            18 => self.walk(),
            _ => self.wait(),
        }
    }

    fn ask(&mut self, words: &[&str]) -> Result<Reply, Stopped> {
        Ok(self.client.try_ask(words)?)
    }

    fn select(&mut self, db: usize) -> Acted {
        if self.db != db {
            is_ok("SELECT", &self.client.try_ask(&["SELECT", &db.to_string()])?)?;
            self.db = db;
        }
        Ok(())
    }

    /// Selects a random element of [`DATABASES`]. Returns its index.
    fn choose_database(&mut self) -> Result<usize, Stopped> {
        let at = usize::try_from(self.choices.below(2)).unwrap();
        self.select(DATABASES[at])?;
        Ok(at)
    }

    /// Returns a random command that removes the key. The server replies to each of them when the removal is
    /// durable.
    fn removal(&mut self, key: &str) -> Vec<String> {
        let words: &[&str] = match self.choices.below(6) {
            0..=1 => &["DEL", key],
            2 => &["UNLINK", key],
            3 => &["GETDEL", key],
            4 => &["PEXPIRE", key, "0"],
            _ => &["EXPIREAT", key, "1"],
        };
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn change_value(&mut self) -> Acted {
        let at = self.choose_database()?;
        let history = &self.shop.values[self.number][at];
        let stores = self.choices.below(3) > 0;
        let number = history.begin(stores);
        let reply = if stores {
            self.ask(&["SET", &history.name, &number.to_string()])?
        } else {
            let words = self.removal(&history.name);
            self.client.try_ask(&words)?
        };
        is_no_error("a change", &reply)?;
        history.answered(self.life, number, !stores || at == 1);
        Ok(())
    }

    fn read_value(&mut self) -> Acted {
        let at = self.choose_database()?;
        let history = &self.choices.pick(&self.shop.values)[at];
        let floor = history.floor(self.life);
        let shown = number("GET", &self.ask(&["GET", &history.name])?)?;
        Ok(history.judge(self.life, floor, shown)?)
    }

    fn change_group(&mut self) -> Acted {
        let at = self.choose_database()?;
        let history = &self.shop.groups[self.number][at];
        let keys = group_keys(history);
        let way = self.choices.below(3);
        let number = history.begin(way < 2);
        let value = number.to_string();
        if way == 0 {
            let words: Vec<&str> =
                ["MSET"].into_iter().chain(keys.iter().flat_map(|key| [key.as_str(), &value])).collect();
            is_ok("MSET", &self.ask(&words)?)?;
        } else {
            let changes: Vec<Vec<&str>> = keys
                .iter()
                .map(|key| if way == 1 { vec!["SET", key, &value] } else { vec!["DEL", key] })
                .collect();
            self.transact(&changes)?;
        }
        history.answered(self.life, number, way == 2 || at == 1);
        Ok(())
    }

    /// Sends changes between `MULTI` and `EXEC`. Returns whether they were made. They were not made if a
    /// watched key has changed.
    fn transact(&mut self, changes: &[Vec<&str>]) -> Result<bool, Stopped> {
        let mut requests: Vec<&[&str]> = vec![&["MULTI"]];
        requests.extend(changes.iter().map(Vec::as_slice));
        requests.push(&["EXEC"]);
        let replies = self.client.try_ask_all(&requests)?;
        match replies.last() {
            Some(Reply::Array(_, None)) => Ok(false),
            Some(Reply::Array(_, Some(items))) if items.iter().all(|item| item.error().is_none()) => Ok(true),
            _ => Err(unexpected("EXEC", &Reply::Array('*', Some(replies)))),
        }
    }

    fn read_group(&mut self) -> Acted {
        let at = self.choose_database()?;
        let history = &self.choices.pick(&self.shop.groups)[at];
        let floor = history.floor(self.life);
        let keys = group_keys(history);
        let words: Vec<&str> = ["MGET"].into_iter().chain(keys.iter().map(String::as_str)).collect();
        let reply = self.ask(&words)?;
        let shown: Vec<Option<u64>> =
            reply.items().iter().map(|item| number("MGET", item)).collect::<Result<_, _>>()?;
        let [first, rest @ ..] = &shown[..] else { return Err(unexpected("MGET", &reply)) };
        if rest.iter().any(|other| other != first) {
            let text = format!("{} shows the changes {shown:?} in life {}", history.name, self.life);
            return Err(Finding::new(Promise::WholeGroups, text).into());
        }
        Ok(history.judge(self.life, floor, *first)?)
    }

    fn count(&mut self) -> Acted {
        let at = self.choose_database()?;
        let count = self.choices.pick(&self.shop.counts[at]);
        let floor = count.begin(self.life);
        let reply = self.ask(&["INCR", &count.key])?;
        let shown = reply.integer().and_then(|sum| u64::try_from(sum).ok());
        let shown = shown.ok_or_else(|| unexpected("INCR", &reply))?;
        Ok(count.judge_increment(self.life, floor, shown, at == 1)?)
    }

    fn read_count(&mut self) -> Acted {
        let at = self.choose_database()?;
        let count = self.choices.pick(&self.shop.counts[at]);
        let floor = count.floor(self.life);
        let shown = number("GET", &self.ask(&["GET", &count.key])?)?;
        Ok(count.judge_read(self.life, floor, shown.unwrap_or(0))?)
    }

    /// Reads a row through the cache. After a miss, loads the row, and stores it unless the key was removed
    /// meanwhile.
    fn use_row(&mut self) -> Acted {
        self.select(0)?;
        let row = self.choices.pick(&self.shop.rows);
        let floor = row.floor();
        is_ok("WATCH", &self.ask(&["WATCH", &row.fence])?)?;
        let shown = number("GET", &self.ask(&["GET", &row.key])?)?;
        row.judge(self.life, floor, shown)?;
        if shown.is_some() {
            return is_ok("UNWATCH", &self.ask(&["UNWATCH"])?);
        }
        // The row is read after the watch of the fence begins. Otherwise the watch could miss a removal
        // between the read and the watch.
        let version = row.version().to_string();
        for _ in 0..self.choices.below(40) {
            // These requests make the load take longer, so that other workers remove the key meanwhile.
            is_no_error("PING", &self.ask(&["PING"])?)?;
        }
        self.transact(&[vec!["SET", &row.key, &version]])?;
        Ok(())
    }

    /// Changes a row, and removes its key. Also sets and deletes the fence, which voids the watches of the
    /// fence.
    fn remove_row(&mut self) -> Acted {
        self.select(0)?;
        let row = self.choices.pick(&self.shop.rows);
        let version = row.change();
        let removal = self.removal(&row.key);
        let removal: Vec<&str> = removal.iter().map(String::as_str).collect();
        let (set, delete) = (["SET", row.fence.as_str(), "1"], ["DEL", row.fence.as_str()]);
        if self.choices.below(3) == 0 {
            is_no_error("SET", &self.ask(&set)?)?;
            self.transact(&[removal, delete.to_vec()])?;
        } else {
            for reply in self.client.try_ask_all(&[&set, &removal, &delete])? {
                is_no_error("a removal", &reply)?;
            }
        }
        row.removed(version);
        Ok(())
    }

    fn walk(&mut self) -> Acted {
        self.select(WALKED)?;
        let visitor = format!("walked:{}:{}", self.choices.below(100), self.number);
        is_no_error("SET", &self.ask(&["SET", &visitor, "1"])?)?;
        let count = (1 + self.choices.below(20)).to_string();
        let mut found = Vec::new();
        let mut cursor = "0".to_owned();
        loop {
            let reply = self.ask(&["SCAN", &cursor, "COUNT", &count])?;
            let [next, keys] = reply.items() else { return Err(unexpected("SCAN", &reply)) };
            found.extend(keys.items().iter().map(Reply::text));
            cursor = next.text();
            if cursor == "0" {
                break;
            }
        }
        is_no_error("DEL", &self.ask(&["DEL", &visitor])?)?;
        for number in 0..WALKED_KEYS {
            let key = walked_key(number);
            if !found.contains(&key) {
                let text = format!("{key} is missing in a walk with COUNT {count} in life {}", self.life);
                return Err(Finding::new(Promise::CompleteWalks, text).into());
            }
        }
        Ok(())
    }

    /// Stores the keys that stay in the walked database. Returns when they are on disk.
    pub(super) fn store_walked_keys(&mut self) -> Acted {
        self.select(WALKED)?;
        for number in 0..WALKED_KEYS {
            is_ok("SET", &self.ask(&["SET", &walked_key(number), "1"])?)?;
        }
        self.wait()
    }

    /// Waits until all changes that were shown so far are on disk.
    fn wait(&mut self) -> Acted {
        let life = self.life;
        let histories: Vec<_> = self.shop.histories().map(|history| (history, history.floor(life))).collect();
        let counts: Vec<_> = self.shop.all_counts().map(|count| (count, count.floor(life))).collect();
        let reply = self.ask(&["WAIT", "1", "0"])?;
        if reply.integer() != Some(1) {
            return Err(unexpected("WAIT", &reply));
        }
        for (history, floor) in histories {
            history.kept(floor);
        }
        for (count, floor) in counts {
            count.kept(floor);
        }
        Ok(())
    }
}

fn group_keys(history: &History) -> Vec<String> {
    (0..GROUP).map(|number| format!("{}:{number}", history.name)).collect()
}

/// Returns a key that stays. In the key order, it is between keys that are added and removed.
fn walked_key(number: usize) -> String {
    format!("walked:{}:stays:{number}", number * 2)
}
