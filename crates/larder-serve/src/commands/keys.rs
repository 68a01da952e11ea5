//! Commands on keys, whatever their values are.

use larder::Error;

use super::errors;
use super::family::family;
use crate::protocol::arguments::Arguments;
use crate::session::flags::{FAST, WRITE};
use crate::session::output::{LateReply, Output};
use crate::session::{Command, Session};

pub(super) static COMMANDS: &[Command] = family! { "generic";
    "del" -2 (WRITE) ALL del, "Deletes one or more keys.";
    "unlink" -2 (WRITE | FAST) ALL del, "Asynchronously deletes one or more keys.";
};

/// `DEL key [key ...]` and `UNLINK`. Later requests of the connection do not find the keys. The reply is sent
/// when the removal is durable.
async fn del(session: &mut Session, args: Arguments<'_>, out: &mut Output) {
    let keyspace = &session.database().keyspace;
    let mut removal = session.served.cache.invalidation();
    for key in args.from(1) {
        match removal.remove(keyspace, key) {
            // There is no entry with such a key.
            Ok(_) | Err(Error::KeyTooLarge { .. }) => {}
            Err(error) => return out.reply().error(&errors::of(&error)),
        }
    }
    match removal.begin_async().await {
        Ok(commit) => out.reply_later(async move {
            match commit.wait().await {
                Ok(removed) => LateReply::Count(removed),
                Err(error) => LateReply::Error(errors::of(&error)),
            }
        }),
        Err(error) => out.reply().error(&errors::of(&error)),
    }
}
