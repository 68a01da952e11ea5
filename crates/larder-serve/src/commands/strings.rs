//! Commands on values.

use larder::{Durability, InsertOptions, Ttl};

use super::errors;
use super::family::family;
use crate::protocol::arguments::Arguments;
use crate::session::databases::WriteMode;
use crate::session::flags::{DENYOOM, FAST, READONLY, WRITE};
use crate::session::output::Output;
use crate::session::{Command, Session};

pub(super) static COMMANDS: &[Command] = family! { "string";
    "get" 2 (READONLY | FAST) FIRST get, "Returns the string value of a key.";
    "set" -3 (WRITE | DENYOOM) FIRST set, "Sets the string value of a key.";
};

/// `GET key`. A value in memory is answered without a wait.
pub(super) async fn get(session: &mut Session, args: Arguments<'_>, out: &mut Output) {
    match session.database().keyspace.get_async(args.get(1)).await {
        Some(value) => out.reply().bulk(&value),
        None => out.reply().null(),
    }
}

/// `SET key value`
pub(super) async fn set(session: &mut Session, args: Arguments<'_>, out: &mut Output) {
    if args.len() > 3 {
        return out.reply().error(errors::SYNTAX);
    }
    let database = session.database();
    let durability = match database.writes {
        WriteMode::Buffered => Durability::Buffered,
        WriteMode::Durable => Durability::Immediate,
    };
    let options = InsertOptions::new().ttl(Ttl::Never).durability(durability);
    let value: Box<[u8]> = args.get(2).into();
    match database.keyspace.insert_with_async(args.get(1), value, options).await {
        Ok(()) => out.reply().ok(),
        Err(error) => out.reply().error(&errors::of(&error)),
    }
}
