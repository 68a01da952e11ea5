//! `CLIENT`: lists connections, ends connections, and stores what a client says about itself.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::connection::{NAMES, label};
use super::errors;
use super::family::family;
use crate::protocol::arguments::Arguments;
use crate::protocol::number::integer;
use crate::session::client::Client;
use crate::session::flags::{CONTAINER, LOADING, NOSCRIPT, STALE};
use crate::session::output::Output;
use crate::session::{Command, Session};

pub(super) static COMMANDS: &[Command] = family! { "connection";
    "client" -2 (CONTAINER | NOSCRIPT | LOADING | STALE) NONE client, "A container for client connection commands.";
};

const HELP: [&str; 19] = [
    "CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "GETNAME",
    "    Return the name of the current connection.",
    "ID",
    "    Return the ID of the current connection.",
    "INFO",
    "    Return information about the current client connection.",
    "KILL <ip:port> | KILL [ID <id>] [ADDR <ip:port>] [LADDR <ip:port>] [SKIPME (YES|NO)]",
    "    Kill connections.",
    "LIST [ID <id> ...] [TYPE NORMAL]",
    "    Return information about client connections.",
    "NO-EVICT (ON|OFF)",
    "    Accepted without an effect: no connection is evicted.",
    "SETINFO (LIB-NAME|LIB-VER) <value>",
    "    Set what the client's library says about itself.",
    "SETNAME <name>",
    "    Assign the name <name> to the current connection.",
    "HELP",
    "    Print this help.",
];

/// Maximum number of IDs in a `CLIENT LIST`. Other connections of the thread wait while these IDs are parsed.
const MAX_IDS: usize = 65_536;

async fn client(session: &mut Session, args: Arguments<'_>, out: &mut Output) {
    let subcommand = args.get(1).to_ascii_lowercase();
    let words = args.len();
    let (is_arity, name) = match &subcommand[..] {
        b"id" => (words == 2, "id"),
        b"getname" => (words == 2, "getname"),
        b"info" => (words == 2, "info"),
        b"help" => (words == 2, "help"),
        b"setname" => (words == 3, "setname"),
        b"no-evict" => (words == 3, "no-evict"),
        b"setinfo" => (words == 4, "setinfo"),
        b"list" => (true, "list"),
        b"kill" => (words >= 3, "kill"),
        _ => return out.reply().error(&errors::unknown_subcommand("CLIENT", args.get(1))),
    };
    if !is_arity {
        return out.reply().error(&errors::wrong_arity(&format!("client|{name}")));
    }
    match name {
        "id" => out.reply().count(session.client.id),
        "getname" => get_name(session, out),
        "info" => {
            session.publish_counts();
            out.reply().verbatim(&line(&session.client));
        }
        "setname" => set_name(session, args, out),
        "no-evict" if args.is(2, "on") || args.is(2, "off") => out.reply().ok(),
        "no-evict" => out.reply().error(errors::SYNTAX),
        "setinfo" => set_info(session, args, out),
        "list" => list(session, args, out),
        "kill" => kill(session, args, out),
        _ => out.reply().lines(&HELP),
    }
}

fn get_name(session: &Session, out: &mut Output) {
    match session.client.labels().name.as_str() {
        "" => out.reply().null(),
        name => out.reply().bulk(name.as_bytes()),
    }
}

fn set_name(session: &Session, args: Arguments<'_>, out: &mut Output) {
    match label(args.get(2), NAMES) {
        Ok(name) => {
            session.client.labels().name = name;
            out.reply().ok();
        }
        Err(error) => out.reply().error(&error),
    }
}

fn set_info(session: &Session, args: Arguments<'_>, out: &mut Output) {
    let mut labels = session.client.labels();
    let (field, name) = if args.is(2, "lib-name") {
        (&mut labels.library, "lib-name")
    } else if args.is(2, "lib-ver") {
        (&mut labels.library_version, "lib-ver")
    } else {
        return out.reply().error(&errors::repeating("ERR Unrecognized option '", args.get(2), "'"));
    };
    match label(args.get(3), name) {
        Ok(value) => {
            *field = value;
            out.reply().ok();
        }
        Err(error) => out.reply().error(&error),
    }
}

/// Runs `CLIENT LIST [TYPE type | ID id ...]`.
fn list(session: &mut Session, args: Arguments<'_>, out: &mut Output) {
    session.publish_counts();
    let mut ids = None;
    if args.len() == 4 && args.is(2, "type") {
        match has_normal_type(args, 3) {
            // Every connection of this server has the type `normal`.
            Ok(is_normal) => ids = (!is_normal).then(Vec::new),
            Err(error) => return out.reply().error(&error),
        }
    } else if args.len() > 3 && args.is(2, "id") {
        if args.len() - 3 > MAX_IDS {
            return out.reply().error(&format!("ERR CLIENT LIST takes up to {MAX_IDS} IDs"));
        }
        let wanted: Option<Vec<i64>> = args.from(3).map(integer).collect();
        let Some(wanted) = wanted else { return out.reply().error("ERR Invalid client ID") };
        // No connection has a negative ID.
        ids = Some(wanted.into_iter().filter_map(|id| u64::try_from(id).ok()).collect());
    } else if args.len() != 2 {
        return out.reply().error(errors::SYNTAX);
    }
    let clients = session.served.clients.all();
    let ids = ids.unwrap_or_else(|| clients.iter().map(|client| client.id).collect());
    let text = lines(&clients, ids, out.reply().room());
    out.reply().verbatim(&text);
}

/// Returns the lines of the connections with these IDs, in this order. The IDs may repeat an ID. Ends after
/// the line that makes the text longer than `room`, because the reply is too large already.
fn lines(clients: &[Arc<Client>], ids: Vec<u64>, room: usize) -> String {
    // A line is written only once.
    let mut lines: BTreeMap<u64, String> = BTreeMap::new();
    let mut text = String::new();
    for id in ids {
        let at = clients.binary_search_by_key(&id, |client| client.id);
        let Some(client) = at.ok().and_then(|at| clients.get(at)) else { continue };
        text.push_str(lines.entry(id).or_insert_with(|| line(client)));
        if text.len() > room {
            break;
        }
    }
    text
}

/// Returns whether a word names the type of connections `normal`. Returns an error if it names no type.
fn has_normal_type(args: Arguments<'_>, at: usize) -> Result<bool, Vec<u8>> {
    match ["normal", "master", "replica", "slave", "pubsub"].iter().find(|kind| args.is(at, kind)) {
        Some(kind) => Ok(*kind == "normal"),
        None => Err(errors::repeating("ERR Unknown client type '", args.get(at), "'")),
    }
}

/// Returns the line of a connection, with the Redis fields that this server supports.
fn line(client: &Client) -> String {
    let mut text = String::new();
    let labels = client.labels();
    let _ = writeln!(
        text,
        "id={} addr={} laddr={} name={} age={} idle={} flags={} db={} sub=0 psub=0 ssub=0 cmd={} \
         user=default redir=-1 resp={} lib-name={} lib-ver={} tot-cmds={}",
        client.id,
        client.peer,
        client.local,
        labels.name,
        client.age().as_secs(),
        client.idle().as_secs(),
        if client.is_unix { "U" } else { "N" },
        client.db.load(Ordering::Relaxed),
        if labels.command.is_empty() { "NULL" } else { labels.command },
        client.version(),
        labels.library,
        labels.library_version,
        client.requests.load(Ordering::Relaxed),
    );
    text
}

/// Runs `CLIENT KILL address`, or `CLIENT KILL` with the filters `ID`, `ADDR`, `LADDR`, `TYPE`, `USER` and
/// `SKIPME`.
fn kill(session: &mut Session, args: Arguments<'_>, out: &mut Output) {
    let mut filter = KillFilter { skips_own: true, ..KillFilter::default() };
    let is_old_form = args.len() == 3;
    if is_old_form {
        filter = KillFilter { peer: Some(args.get(2)), ..KillFilter::default() };
    } else if let Err(error) = filter.read(args) {
        return out.reply().error(&error);
    }
    let mut killed = 0;
    let own = session.client.id;
    for client in session.served.clients.all() {
        if !filter.matches(&client) || (filter.skips_own && client.id == own) {
            continue;
        }
        killed += 1;
        // This connection ends only after its own reply is sent.
        if client.id == own { session.is_closing = true } else { client.kill() }
    }
    match (is_old_form, killed) {
        (true, 0) => out.reply().error("ERR No such client"),
        (true, _) => out.reply().ok(),
        (false, killed) => out.reply().count(killed),
    }
}

/// The filters of a `CLIENT KILL`. It ends the connections that match all of them.
#[derive(Debug, Default)]
struct KillFilter<'a> {
    id: Option<u64>,
    peer: Option<&'a [u8]>,
    local: Option<&'a [u8]>,
    /// Whether no connection can match, because `TYPE` names a type other than `normal`.
    is_none: bool,
    skips_own: bool,
}

impl<'a> KillFilter<'a> {
    fn read(&mut self, args: Arguments<'a>) -> Result<(), Vec<u8>> {
        let mut next = 2;
        while next < args.len() {
            let Some(value) = args.find(next + 1) else { return Err(errors::SYNTAX.into()) };
            if args.is(next, "id") {
                let id = integer(value).and_then(|id| u64::try_from(id).ok()).filter(|id| *id > 0);
                self.id = Some(id.ok_or("ERR client-id should be greater than 0")?);
            } else if args.is(next, "addr") {
                self.peer = Some(value);
            } else if args.is(next, "laddr") {
                self.local = Some(value);
            } else if args.is(next, "type") {
                self.is_none |= !has_normal_type(args, next + 1)?;
            } else if args.is(next, "user") {
                if value != b"default" {
                    return Err(errors::repeating("ERR No such user '", value, "'"));
                }
            } else if args.is(next, "skipme") && (args.is(next + 1, "yes") || args.is(next + 1, "no")) {
                self.skips_own = args.is(next + 1, "yes");
            } else {
                return Err(errors::SYNTAX.into());
            }
            next += 2;
        }
        Ok(())
    }

    fn matches(&self, client: &Client) -> bool {
        !self.is_none
            && self.id.is_none_or(|id| id == client.id)
            && self.peer.is_none_or(|peer| peer == client.peer.as_bytes())
            && self.local.is_none_or(|local| local == client.local.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{MAX_IDS, line, lines};
    use crate::session::client::{Client, Peer};

    #[test]
    fn the_lines_of_a_list_end_when_they_find_no_more_room() {
        let peer = Peer { remote: "a:1".to_owned(), local: String::new(), is_unix: false };
        let clients = [Arc::new(Client::new(1, peer))];
        let one = line(&clients[0]);
        assert_eq!(lines(&clients, vec![1, 2, 1], 1 << 20), one.repeat(2));
        assert_eq!(lines(&clients, vec![1; MAX_IDS], one.len() + 1), one.repeat(2));
        assert_eq!(lines(&clients, vec![1; MAX_IDS], 0), one);
    }
}
