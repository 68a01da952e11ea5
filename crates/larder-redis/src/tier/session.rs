//! Handles the start of a connection, changes of keys on the server, and the loss of the connection.
//!
//! **Identifying the data.** A server that was restarted may have older data, and so may a replica that
//! became the master. In both cases, the run id or the replication id of the server differs from the marker
//! in the data. The data then gets a new random name, the *world*, which is part of the key of each
//! keyspace's generation. The generations of ranges depend on that generation. So every earlier record with a
//! generation is a miss. With `fsync=always`, the data keeps its name. The ids are compared with the marker:
//!
//! 1. at the start of each connection, before the first request;
//! 2. when the server pushes that all keys may have changed. It also pushes this after it has copied the
//!    data of another server. Until the reply has arrived, only removals and fences are sent. A reply to an
//!    identification that began before this push does not count;
//! 3. when the marker has changed or was evicted.
//!
//! A former master that becomes the master again without copying the other master's data has a marker with
//! its own ids. But it has entries that were removed on the other master meanwhile. A client that has used
//! other data since gives this data a new name. A client that has not used other data can't detect this.

use std::sync::{Arc, OnceLock, Weak};

use larder::remote::NearTier;
use parking_lot::RwLock;

use super::names::{Changed, Names};
use super::scripts;
use crate::connection::greeting::Greeting;
use crate::connection::link::{Connection, Session};
use crate::connection::request::{Request, Script};
use crate::error::Error;
use crate::protocol::command::Command;
use crate::protocol::reply::Reply;
use crate::random;

/// Identifies the data. Key: the marker. Arguments:
///
/// 1. The run id of the server.
/// 2. The replication id of the server.
/// 3. `1` if the server never loses an acknowledged change.
/// 4. A random name.
/// 5. The name that this client knows from an earlier connection to the same server, or nothing.
/// 6. The names of data that this client has used and left, one per argument.
///
/// The marker contains the ids of the server that wrote the data. If the ids differ, the data may be older.
/// Unless argument 3 is `1`, the data then gets a new name, so that all earlier records are misses. The
/// script reads the marker again after writing it. Otherwise the push for the write would end the tracking of
/// the marker for this client.
///
/// A name that this client has left belongs to a former master, which still has entries that were removed on
/// another master meanwhile. So this data also gets a new name.
///
/// The marker is removed before it is set, so that the script also works when the server's memory is full.
static IDENTIFY: Script = Script::new(
    "local m = redis.pcall('GET', KEYS[1])
local run, repl, name
if type(m) == 'string' then run, repl, name = m:match('^(%w+) (%w+) (%w+)$') end
local left = false
for i = 6, #ARGV do left = left or name == ARGV[i] end
if name and not left and run == ARGV[1] and repl == ARGV[2] then return name end
if not name and ARGV[5] ~= '' then name = ARGV[5]
elseif not name or left or ARGV[3] ~= '1' then name = ARGV[4] end
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. name)
redis.call('GET', KEYS[1])
return name",
);

/// The names of the keyspaces, and the name of the data on the server.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) names: Names,
    /// Name of the data. `None` while it is unknown.
    pub(super) world: Option<Arc<str>>,
    /// Number of identifications that have begun.
    identifications: u64,
    /// The first identification whose reply counts. It began after the last push that all keys may have
    /// changed. An earlier reply may be from before the change.
    first_valid: u64,
    /// The last known name, and the ids of the server that it belongs to.
    last: Option<(Identity, Arc<str>)>,
    /// The names that were known before, oldest first.
    left: Vec<Arc<str>>,
}

/// Maximum number of former names that are remembered. Each change of the master or restart adds at most
/// one.
const MAX_LEFT: usize = 16;

impl Directory {
    pub(super) fn last_world(&self) -> Option<&str> {
        self.last.as_ref().map(|(_, world)| &**world)
    }
}

/// The run id and the replication id of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) run: String,
    replication: String,
}

/// The state of the tier without its connection.
#[derive(Debug)]
pub(super) struct TierState {
    pub(super) directory: RwLock<Directory>,
    pub(super) near: OnceLock<Weak<dyn NearTier>>,
    is_durable: bool,
}

impl TierState {
    pub(super) fn new(prefix: &str, is_durable: bool) -> Self {
        let directory = Directory {
            names: Names::new(prefix),
            world: None,
            identifications: 0,
            first_valid: 0,
            last: None,
            left: Vec::new(),
        };
        Self { directory: RwLock::new(directory), near: OnceLock::new(), is_durable }
    }

    /// Returns the run id of the server that was identified last.
    pub(super) fn run_id(&self) -> Option<String> {
        self.directory.read().last.as_ref().map(|(identity, _)| identity.run.clone())
    }

    fn near(&self) -> Option<Arc<dyn NearTier>> {
        self.near.get().and_then(Weak::upgrade)
    }

    fn void_all(&self) {
        if let Some(near) = self.near() {
            near.invalidate_all();
        }
    }

    fn identify(&self, identity: &Identity) -> Command {
        let directory = self.directory.read();
        let known = directory.last.as_ref().filter(|(of, _)| of == identity);
        let command = Command::tail()
            .arg("1")
            .arg(directory.names.world())
            .arg(&identity.run)
            .arg(&identity.replication)
            .arg(if self.is_durable { "1" } else { "0" })
            .arg(format!("{:016x}", random::number()))
            .arg(known.map_or("", |(_, world)| world));
        // A server that never loses an acknowledged change has no older data.
        let left = directory.left.iter().filter(|_| !self.is_durable);
        left.fold(command, |command, world| command.arg(world.as_bytes()))
    }

    /// Stores the name of the data, if the identification with this number counts. Returns whether the name
    /// differs from the previous one.
    fn is_world(&self, identity: Identity, number: u64, reply: &Reply) -> Result<bool, Error> {
        let world = reply.as_bytes().and_then(|bytes| std::str::from_utf8(bytes).ok());
        let world = world.filter(|world| is_readable(world));
        let world: Arc<str> = world.ok_or(Error::Garbled("the name of the data"))?.into();
        let mut directory = self.directory.write();
        if number < directory.first_valid {
            return Ok(false);
        }
        let before = directory.last.replace((identity, world.clone())).map(|(_, before)| before);
        let is_other = before.as_ref() != Some(&world);
        if let Some(before) = before.filter(|_| is_other) {
            let excess = (directory.left.len() + 1).saturating_sub(MAX_LEFT);
            directory.left.drain(..excess);
            directory.left.push(before);
        }
        directory.left.retain(|left| *left != world);
        directory.world = Some(world);
        Ok(is_other)
    }

    /// Begins an identification. Returns its number.
    fn begin_identification(&self) -> u64 {
        let mut directory = self.directory.write();
        directory.identifications += 1;
        directory.identifications
    }

    /// Identifies the data again on an open connection.
    fn identify_again(self: &Arc<Self>, connection: &Arc<Connection>) {
        let number = self.begin_identification();
        let (state, again) = (self.clone(), connection.clone());
        let info = Request::new(Command::new("INFO"), move |answer| {
            let identity = answer.and_then(|answered| identity_of(&answered.reply));
            let Ok(identity) = identity else {
                return again.fail("the server does not say which data it has");
            };
            let (command, of_answer) = (state.identify(&identity), again.clone());
            let request = Request::script(&IDENTIFY, command, move |answer| {
                let is_other = answer.and_then(|answered| state.is_world(identity, number, &answered.reply));
                match is_other {
                    Ok(true) => state.void_all(),
                    Ok(false) => {}
                    Err(_) => of_answer.fail("the server does not say which data it has"),
                }
            });
            again.submit(request.of_client());
        });
        connection.submit(info.of_client());
    }
}

/// Returns whether [`IDENTIFY`] can read this id or name in the marker. Otherwise each identification would
/// write the marker again, and the push for that write would cause the next identification.
fn is_readable(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Reads the ids of a server from its reply to `INFO`. Returns an error for a replica, because it can't be
/// used.
pub(super) fn identity_of(reply: &Reply) -> Result<Identity, Error> {
    let text = reply.as_bytes().map(String::from_utf8_lossy).unwrap_or_default();
    let field = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.map(|value| value.trim().to_owned()).filter(|value| is_readable(value))
    };
    match (field("run_id"), field("master_replid"), field("role").as_deref()) {
        (Some(run), Some(replication), Some("master")) => Ok(Identity { run, replication }),
        _ => Err(Error::Garbled("INFO")),
    }
}

/// The session of a tier. The callbacks of the connection share its state.
#[derive(Debug)]
pub(super) struct TierSession(pub(super) Arc<TierState>);

impl Session for TierSession {
    fn greet(&self, greeting: &mut Greeting<'_>) -> Result<(), Error> {
        let load = |script: &&Script| Command::new("SCRIPT").arg("LOAD").arg(script.text);
        let mut commands: Vec<_> = scripts::ALL.iter().map(load).collect();
        commands.push(Command::new("INFO"));
        let mut replies = greeting.ask_all(&commands)?;
        let info = replies.pop().ok_or(Error::Garbled("INFO"))?;
        if let Reply::Error(text) = &info {
            return Err(greeting.refusal(text));
        }
        for (script, reply) in scripts::ALL.into_iter().zip(replies) {
            is_loaded(greeting, script, reply)?;
        }
        let identity = identity_of(&info).map_err(|_| {
            let why = "its INFO has no ids of a master that consist of letters and digits";
            greeting.unsupported(why, "use Redis 6.2 or later, or Valkey")
        })?;
        let (number, command) = (self.0.begin_identification(), self.0.identify(&identity));
        let mut script = Command::new("EVAL").arg(IDENTIFY.text);
        script.append(&command);
        let world = greeting.require(&script)?;
        self.0.is_world(identity, number, &world)?;
        Ok(())
    }

    fn keys_changed(&self, keys: &[Reply], connection: &Arc<Connection>) {
        let near = self.0.near();
        let directory = self.0.directory.read();
        let world = directory.world.clone().unwrap_or_default();
        let mut changed = Vec::with_capacity(keys.len());
        let (mut ranges, mut is_other_world) = (Vec::new(), false);
        for key in keys.iter().filter_map(Reply::as_bytes) {
            match directory.names.changed(key, &world) {
                Changed::Key(key) => changed.push(key),
                Changed::Range(beginning) => ranges.push(beginning),
                Changed::World => is_other_world = true,
                Changed::Nothing => {}
            }
        }
        drop(directory);
        if let Some(near) = near {
            if !changed.is_empty() {
                near.invalidate(&changed.iter().map(Vec::as_slice).collect::<Vec<_>>());
            }
            for beginning in ranges {
                near.invalidate_range(&beginning);
            }
        }
        if is_other_world {
            self.0.identify_again(connection);
        }
    }

    fn all_changed(&self, connection: &Arc<Connection>) {
        let mut directory = self.0.directory.write();
        directory.world = None;
        directory.first_valid = directory.identifications + 1;
        drop(directory);
        self.0.void_all();
        self.0.identify_again(connection);
    }

    fn is_lost(&self) {
        self.0.directory.write().world = None;
        self.0.void_all();
    }
}

/// Stores the digest of a script. If the user is not allowed to load scripts, the client sends their text
/// each time.
///
/// All tiers of the process use the digest that the first server has returned. So a word that is no digest is
/// refused.
fn is_loaded(greeting: &Greeting<'_>, script: &Script, reply: Reply) -> Result<(), Error> {
    match reply {
        Reply::Error(text) if text.starts_with(b"NOPERM") => Ok(()),
        Reply::Error(text) => Err(greeting.refusal(&text)),
        digest => {
            let digest = digest.into_bytes().filter(|digest| is_sha1(digest)).ok_or_else(|| {
                let why = "its answer to SCRIPT LOAD is no SHA-1 digest";
                greeting.unsupported(why, "use Redis 6.2 or later, or Valkey")
            })?;
            script.is_loaded_as(digest);
            Ok(())
        }
    }
}

/// Returns whether a word is a digest as Redis and Valkey write it.
fn is_sha1(word: &[u8]) -> bool {
    word.len() == 40 && word.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
