//! Handles the start of a connection, changes of keys at the server, and the loss of the connection.
//!
//! **Which data this is.** A server that was restarted may have the data of an earlier time, and so may a
//! replica that was made the master. In both cases, the run id or the replication id of the server differs
//! from the marker in the data. Then the data gets a new random name, the *world*, which is a part of the
//! keys of all generations. So every earlier record is a miss. The marker is compared:
//!
//! 1. at the beginning of each connection, before the first request;
//! 2. when the server says that all keys may have changed. It also says so when it is filled from another
//!    server. No request is sent before the answer has arrived;
//! 3. when the marker has changed or was evicted.

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

/// The names of keyspaces and of the data.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) names: Names,
    /// The name of the data. `None` while it is not known.
    pub(super) world: Option<Arc<str>>,
    /// The last name that was known, and the ids of the server that it belongs to.
    last: Option<(Identity, Arc<str>)>,
}

/// The run id and the replication id of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Identity {
    run: String,
    replication: String,
}

/// The state of the tier, except its connection.
#[derive(Debug)]
pub(super) struct TierState {
    pub(super) directory: RwLock<Directory>,
    pub(super) near: OnceLock<Weak<dyn NearTier>>,
    is_durable: bool,
}

impl TierState {
    pub(super) fn new(prefix: &str, is_durable: bool) -> Self {
        let directory = Directory { names: Names::new(prefix), world: None, last: None };
        Self { directory: RwLock::new(directory), near: OnceLock::new(), is_durable }
    }

    fn near(&self) -> Option<Arc<dyn NearTier>> {
        self.near.get().and_then(Weak::upgrade)
    }

    fn void_all(&self) {
        if let Some(near) = self.near() {
            near.invalidate_all();
        }
    }

    /// Returns the request that identifies the data.
    fn identify(&self, identity: &Identity) -> Command {
        let directory = self.directory.read();
        let known = directory.last.as_ref().filter(|(of, _)| of == identity);
        Command::tail()
            .arg("1")
            .arg(directory.names.world())
            .arg(&identity.run)
            .arg(&identity.replication)
            .arg(if self.is_durable { "1" } else { "0" })
            .arg(format!("{:016x}", random::number()))
            .arg(known.map_or("", |(_, world)| world))
    }

    /// Stores the name of the data. Returns whether the name has changed.
    fn is_world(&self, identity: Identity, reply: &Reply) -> Result<bool, Error> {
        let world = reply.as_bytes().and_then(|bytes| std::str::from_utf8(bytes).ok());
        let world: Arc<str> = world.ok_or(Error::Garbled("the name of the data"))?.into();
        let mut directory = self.directory.write();
        let is_other = directory.last.as_ref().is_none_or(|(_, last)| *last != world);
        directory.world = Some(world.clone());
        directory.last = Some((identity, world));
        Ok(is_other)
    }

    /// Identifies the data again, over a connection that is in use.
    fn identify_again(self: &Arc<Self>, connection: &Arc<Connection>) {
        let (state, again) = (self.clone(), connection.clone());
        connection.submit(Request::new(Command::new("INFO"), move |answer| {
            let identity = answer.and_then(|answered| identity_of(&answered.reply));
            let Ok(identity) = identity else {
                return again.fail("the server does not say which data it has");
            };
            let (command, of_answer) = (state.identify(&identity), again.clone());
            again.submit(Request::script(&scripts::IDENTIFY, command, move |answer| {
                let is_other = answer.and_then(|answered| state.is_world(identity, &answered.reply));
                match is_other {
                    Ok(true) => state.void_all(),
                    Ok(false) => {}
                    Err(_) => of_answer.fail("the server does not say which data it has"),
                }
            }));
        }));
    }
}

/// Reads the ids of a server from the answer to `INFO`. Fails for a replica, because the client does not use
/// replicas.
fn identity_of(reply: &Reply) -> Result<Identity, Error> {
    let text = reply.as_bytes().map(String::from_utf8_lossy).unwrap_or_default();
    let field = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    };
    match (field("run_id"), field("master_replid"), field("role").as_deref()) {
        (Some(run), Some(replication), Some("master")) => Ok(Identity { run, replication }),
        _ => Err(Error::Garbled("INFO")),
    }
}

/// The session of a tier. It holds the state, which the connection's callbacks share.
#[derive(Debug)]
pub(super) struct TierSession(pub(super) Arc<TierState>);

impl Session for TierSession {
    fn greet(&self, greeting: &mut Greeting<'_>) -> Result<(), Error> {
        let info = greeting.require(&Command::new("INFO"))?;
        let identity = identity_of(&info).map_err(|_| {
            greeting.unsupported("its INFO has no ids of a master", "use Redis 6.2 or later, or Valkey")
        })?;
        let command = self.0.identify(&identity);
        let mut script = Command::new("EVAL").arg(scripts::IDENTIFY.text);
        script.append(&command);
        let world = greeting.require(&script)?;
        self.0.is_world(identity, &world)?;
        for script in scripts::ALL {
            load(greeting, script)?;
        }
        Ok(())
    }

    fn keys_changed(&self, keys: &[Reply], connection: &Arc<Connection>) {
        let Some(near) = self.0.near() else { return };
        let directory = self.0.directory.read();
        let world = directory.world.clone().unwrap_or_default();
        let mut changed = Vec::with_capacity(keys.len());
        let (mut keyspaces, mut is_other_world) = (Vec::new(), false);
        for key in keys.iter().filter_map(Reply::as_bytes) {
            match directory.names.changed(key, &world) {
                Changed::Key(key) => changed.push(key),
                Changed::Keyspace(number) => keyspaces.push(number),
                Changed::World => is_other_world = true,
                Changed::Nothing => {}
            }
        }
        drop(directory);
        if !changed.is_empty() {
            near.invalidate(&changed.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }
        for number in keyspaces {
            near.invalidate_range(&number);
        }
        if is_other_world {
            self.0.identify_again(connection);
        }
    }

    fn all_changed(&self, connection: &Arc<Connection>) {
        self.0.directory.write().world = None;
        self.0.void_all();
        self.0.identify_again(connection);
    }

    fn is_lost(&self) {
        self.0.directory.write().world = None;
        self.0.void_all();
    }
}

/// Loads a script, and stores its digest. If the user may not load scripts, the client sends the script's
/// text each time.
fn load(greeting: &mut Greeting<'_>, script: &Script) -> Result<(), Error> {
    match greeting.ask(&Command::new("SCRIPT").arg("LOAD").arg(script.text))? {
        Reply::Error(text) if text.starts_with(b"NOPERM") => Ok(()),
        Reply::Error(text) => Err(greeting.refusal(&text)),
        digest => {
            script.is_loaded_as(digest.into_bytes().ok_or(Error::Garbled("SCRIPT LOAD"))?);
            Ok(())
        }
    }
}
