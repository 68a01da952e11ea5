//! `COMMAND`: reports the command table.

use super::errors;
use super::family::family;
use crate::protocol::arguments::Arguments;
use crate::protocol::number::integer;
use crate::protocol::reply::ReplyBuffer;
use crate::session::flags::{self, CONTAINER, LOADING, STALE};
use crate::session::output::Output;
use crate::session::{Command, KeyPositions, Session};

pub(super) static COMMANDS: &[Command] = family! { "server";
    "command" -1 (CONTAINER | LOADING | STALE) NONE command, "Returns detailed information about all commands.";
};

const FLAGS: [(u16, &str); 9] = [
    (flags::WRITE, "write"),
    (flags::READONLY, "readonly"),
    (flags::DENYOOM, "denyoom"),
    (flags::ADMIN, "admin"),
    (flags::FAST, "fast"),
    (flags::NO_AUTH, "no_auth"),
    (flags::NO_MULTI, "no_multi"),
    (flags::LOADING, "loading"),
    (flags::STALE, "stale"),
];

const HELP: [&str; 15] = [
    "COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "(no subcommand)",
    "    Return details about all commands.",
    "COUNT",
    "    Return the number of commands.",
    "DOCS [<command-name> ...]",
    "    Return a sentence about each of the commands, or of all commands.",
    "GETKEYS <full-command>",
    "    Return the keys of a command.",
    "INFO [<command-name> ...]",
    "    Return details about the commands, or about all commands.",
    "LIST",
    "    Return the names of all commands.",
    "HELP",
    "    Print this help.",
];

/// Maximum number of names in a `COMMAND INFO` or `COMMAND DOCS`. Other connections of the thread wait while
/// the commands are described. There are fewer commands.
const MAX_NAMES: usize = 1024;

/// Runs `COMMAND`, or its subcommands `COUNT`, `DOCS [name ...]`, `INFO [name ...]`, `LIST`, `HELP` and
/// `GETKEYS command [argument ...]`.
async fn command(session: &mut Session, args: Arguments<'_>, out: &mut Output) {
    let table = session.commands;
    let reply = out.reply();
    if args.len() == 1 || (args.is(1, "info") && args.len() == 2) {
        reply.array(table.all().count());
        table.all().for_each(|command| describe(command, reply));
    } else if args.is(1, "help") {
        reply.lines(&HELP);
    } else if args.is(1, "count") {
        reply.count(table.all().count() as u64);
    } else if (args.is(1, "info") || args.is(1, "docs")) && args.len() - 2 > MAX_NAMES {
        reply.error(&format!("ERR COMMAND takes up to {MAX_NAMES} names"));
    } else if args.is(1, "info") {
        let names = args.from(2);
        reply.array(names.len());
        for name in names {
            match table.find(name) {
                Some(command) => describe(command, reply),
                None => reply.null_array(),
            }
        }
    } else if args.is(1, "docs") {
        let commands: Vec<_> = match args.len() {
            2 => table.all().collect(),
            _ => args.from(2).filter_map(|name| table.find(name)).collect(),
        };
        reply.map(commands.len());
        for command in commands {
            document(command, reply);
        }
    } else if args.is(1, "list") && args.len() == 2 {
        reply.array(table.all().count());
        table.all().for_each(|command| reply.bulk(command.name.as_bytes()));
    } else if args.is(1, "list") {
        reply.error(errors::SYNTAX);
    } else {
        keys_of(session, args, out);
    }
}

/// Replies with the ten parts that Redis 7 reports about a command. The last four are empty here.
fn describe(command: &Command, reply: &mut ReplyBuffer) {
    reply.array(10);
    reply.bulk(command.name.as_bytes());
    reply.integer(i64::from(command.arity));
    let has = |flag: u16| command.flags & flag != 0;
    reply.set(FLAGS.iter().filter(|(flag, _)| has(*flag)).count());
    FLAGS.iter().filter(|(flag, _)| has(*flag)).for_each(|(_, name)| reply.simple(name));
    let KeyPositions(first, last, step) = command.keys;
    for number in [first, last, step] {
        reply.integer(i64::from(number));
    }
    // The ACL categories, the hints, the key specifications and the subcommands.
    reply.set(0);
    reply.set(0);
    reply.set(0);
    reply.set(0);
}

fn document(command: &Command, reply: &mut ReplyBuffer) {
    reply.bulk(command.name.as_bytes());
    reply.map(2);
    for (field, value) in [("summary", command.summary), ("group", command.group)] {
        reply.bulk(field.as_bytes());
        reply.bulk(value.as_bytes());
    }
}

fn keys_of(session: &Session, args: Arguments<'_>, out: &mut Output) {
    let reply = out.reply();
    let Some(command) = session.commands.find(args.get(2)) else {
        return reply.error("ERR Invalid command specified");
    };
    let is_script = matches!(command.name, "eval" | "evalsha");
    let KeyPositions(first, last, step) = command.keys;
    if first == 0 && !is_script {
        return reply.error("ERR The command has no key arguments");
    }
    let words = args.len() - 2;
    let needed = usize::try_from(command.arity.unsigned_abs()).unwrap_or(usize::MAX);
    if (command.arity >= 0 && words != needed) || words < needed {
        return reply.error("ERR Invalid number of arguments specified for command");
    }
    if is_script {
        // The number of keys is the second argument. A wrong number means none, as in Redis.
        let count = integer(args.get(4)).and_then(|count| usize::try_from(count).ok());
        let count = count.filter(|count| *count <= words - 3).unwrap_or(0);
        reply.array(count);
        return args.from(5).take(count).for_each(|key| reply.bulk(key));
    }
    let (Ok(first), Ok(step)) = (usize::try_from(first), usize::try_from(step)) else {
        return reply.array(0);
    };
    let last = usize::try_from(last).unwrap_or(words - 1);
    let keys: Vec<_> = (first..=last).step_by(step.max(1)).filter_map(|at| args.find(at + 2)).collect();
    reply.array(keys.len());
    for key in keys {
        reply.bulk(key);
    }
}
