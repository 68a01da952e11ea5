//! Scripts, without an interpreter. The server recognises scripts of popular libraries by their hash, and
//! implements each of them. Any other script is an error.
//!
//! | library | script | hash begins with |
//! |---|---|---|
//! | redis-py 5.2.1 | `Lock.release` | `c3f8721c` |
//! | redis-py 5.2.1 | `Lock.extend` | `a4e87838` |
//! | redis-py 5.2.1 | `Lock.reacquire` | `1cac5148` |
//! | django-redis 5.4.0 | `incr` | `f4a7da3e` |
//! | django-redis 5.4.0 | `incr` with `ignore_key_check` | `4d15273b` |
//! | limits 3.14.1 | fixed window | `628bd136` |
//!
//! The moving window of `limits` is not supported, because it needs a list.

use std::time::Duration;

use larder::{MAX_TTL, Remaining, Ttl};

use super::family::family;
use super::{errors, numbers};
use crate::protocol::arguments::Arguments;
use crate::protocol::number::integer;
use crate::protocol::reply::ReplyBuffer;
use crate::protocol::sha1::sha1_hex;
use crate::session::entries::{Done, Entries, Stop};
use crate::session::flags::{CONTAINER, NOSCRIPT, SKIP_MONITOR, STALE, WRITE};
use crate::session::output::Output;
use crate::session::{Command, Session};

pub(super) static COMMANDS: &[Command] = family! { "scripting";
    "eval" -3 (WRITE | NOSCRIPT | STALE | SKIP_MONITOR) NONE [group] eval, "Executes one of the known server-side scripts.";
    "evalsha" -3 (WRITE | NOSCRIPT | STALE | SKIP_MONITOR) NONE [group] eval, "Executes one of the known server-side scripts by SHA1 digest.";
    "script" -2 (CONTAINER | NOSCRIPT) NONE script, "A container for Lua scripts management commands.";
};

const HELP: [&str; 9] = [
    "SCRIPT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "EXISTS <sha1> [<sha1> ...]",
    "    Return which of the scripts larder knows.",
    "FLUSH [ASYNC|SYNC]",
    "    Accepted without an effect: the scripts are built in.",
    "LOAD <script>",
    "    Return the SHA1 of a script that larder knows.",
    "HELP",
    "    Print this help.",
];

const UNKNOWN: &str = "ERR larder has no Lua interpreter and does not know this script; it knows the scripts of \
                       redis-py's Lock, of django-redis' incr and of the fixed window of limits";
const NO_SCRIPT: &str = "NOSCRIPT No matching script. Please use EVAL.";

#[derive(Debug, Clone, Copy)]
struct Call<'a> {
    key: &'a [u8],
    args: Arguments<'a>,
    /// Index of the first argument that is not a key.
    first: usize,
}

impl<'a> Call<'a> {
    fn arg(&self, index: usize) -> &'a [u8] {
        self.args.get(self.first + index)
    }
}

/// Length of a hash in hexadecimal digits.
const SHA1_LEN: usize = 40;

struct Script {
    sha1: &'static str,
    args: usize,
    run: fn(&mut dyn Entries, Call<'_>, &mut ReplyBuffer) -> Done,
}

/// Maximum length of a script that is hashed. The longest known script has less than 1 KiB.
const MAX_SCRIPT: usize = 4 << 10;

/// The known scripts. Each of them takes one key.
const SCRIPTS: [Script; 6] = [
    Script { sha1: "c3f8721cbb97f72bc19e972846bd7aaf91901658", args: 1, run: release_lock },
    Script { sha1: "a4e8783852e6b949f9ef3a97212805108459a890", args: 3, run: extend_lock },
    Script { sha1: "1cac51482acf5858da00f6d685d68f886cd6b6b2", args: 2, run: reacquire_lock },
    Script { sha1: "f4a7da3e5d8ea3b46642af08427151cae0190400", args: 1, run: increment_present },
    Script { sha1: "4d15273b16b10c15e1d9202cbe93c959ab7d250b", args: 1, run: increment },
    Script { sha1: "628bd136a573a06b346879695681af12ccef300f", args: 2, run: increment_and_expire },
];

fn find(sha1: &str) -> Option<&'static Script> {
    SCRIPTS.iter().find(|script| script.sha1.eq_ignore_ascii_case(sha1))
}

fn known(text: &[u8]) -> Option<(String, &'static Script)> {
    // Other connections of the thread wait while the text is hashed.
    let sha1 = (text.len() <= MAX_SCRIPT).then(|| sha1_hex(text))?;
    find(&sha1).map(|script| (sha1, script))
}

/// Runs `EVAL script numkeys key [arg ...]` or `EVALSHA sha1 numkeys key [arg ...]`.
fn eval(entries: &mut dyn Entries, args: Arguments<'_>, reply: &mut ReplyBuffer) -> Done {
    let is_by_hash = args.is(0, "evalsha");
    let keys = match integer(args.get(2)) {
        // As in Redis, this is found first.
        _ if is_by_hash && args.get(1).len() != SHA1_LEN => Err(NO_SCRIPT),
        None => Err(errors::NOT_AN_INTEGER),
        Some(keys) if keys < 0 => Err("ERR Number of keys can't be negative"),
        Some(keys) => match usize::try_from(keys) {
            Ok(keys) if keys <= args.len() - 3 => Ok(keys),
            _ => Err("ERR Number of keys can't be greater than number of args"),
        },
    };
    let keys = match keys {
        Ok(keys) => keys,
        Err(error) => {
            reply.error(error);
            return Ok(());
        }
    };
    let script = if is_by_hash {
        std::str::from_utf8(args.get(1)).ok().and_then(find)
    } else {
        known(args.get(1)).map(|(_, script)| script)
    };
    match script {
        None => reply.error(if is_by_hash { NO_SCRIPT } else { UNKNOWN }),
        Some(script) if keys != 1 || args.len() - 4 < script.args => {
            let text = format!("ERR the script takes one key and {} arguments", script.args);
            reply.error(&text);
        }
        Some(script) => return (script.run)(entries, Call { key: args.get(3), args, first: 4 }, reply),
    }
    Ok(())
}

/// Returns whether the lock contains the caller's token.
fn has_token(entries: &mut dyn Entries, call: Call<'_>) -> Result<bool, Stop> {
    Ok(entries.get(call.key)? == Some(call.arg(0)))
}

fn release_lock(entries: &mut dyn Entries, call: Call<'_>, reply: &mut ReplyBuffer) -> Done {
    let is_held = has_token(entries, call)?;
    if is_held {
        entries.remove(call.key)?;
    }
    reply.integer(i64::from(is_held));
    Ok(())
}

/// Sets the TTL of a key in milliseconds. A TTL that is not positive removes the entry.
fn set_ttl(entries: &mut dyn Entries, key: &[u8], millis: i64) -> Done {
    match u64::try_from(millis) {
        Ok(millis) if millis > 0 => {
            entries.touch(key, Ttl::For(Duration::from_millis(millis).min(MAX_TTL)))?;
        }
        _ => {
            entries.remove(key)?;
        }
    }
    Ok(())
}

/// Extends a lock. If the last argument is `0`, the new time is added to the remaining time. Otherwise it
/// replaces the remaining time.
fn extend_lock(entries: &mut dyn Entries, call: Call<'_>, reply: &mut ReplyBuffer) -> Done {
    let left = match entries.remaining(call.key)? {
        Some(Remaining::For(left)) => i64::try_from(left.as_millis()).unwrap_or(i64::MAX),
        _ => -1,
    };
    if left < 0 || !has_token(entries, call)? {
        reply.integer(0);
        return Ok(());
    }
    let Some(more) = integer(call.arg(1)) else {
        reply.error(errors::NOT_AN_INTEGER);
        return Ok(());
    };
    let millis = if call.arg(2) == b"0" { more.saturating_add(left) } else { more };
    set_ttl(entries, call.key, millis)?;
    reply.integer(1);
    Ok(())
}

fn reacquire_lock(entries: &mut dyn Entries, call: Call<'_>, reply: &mut ReplyBuffer) -> Done {
    let is_held = has_token(entries, call)?;
    if is_held {
        let Some(millis) = integer(call.arg(1)) else {
            reply.error(errors::NOT_AN_INTEGER);
            return Ok(());
        };
        set_ttl(entries, call.key, millis)?;
    }
    reply.integer(i64::from(is_held));
    Ok(())
}

fn increment(entries: &mut dyn Entries, call: Call<'_>, reply: &mut ReplyBuffer) -> Done {
    let sum = match integer(call.arg(0)) {
        Some(by) => numbers::add(entries, call.key, by)?,
        None => Err(errors::NOT_AN_INTEGER),
    };
    match sum {
        Ok(sum) => reply.integer(sum),
        Err(error) => reply.error(error),
    }
    Ok(())
}

fn increment_present(entries: &mut dyn Entries, call: Call<'_>, reply: &mut ReplyBuffer) -> Done {
    if entries.remaining(call.key)?.is_none() {
        reply.null();
        return Ok(());
    }
    increment(entries, call, reply)
}

/// Increments the counter of a window. An increment from zero sets the expiry.
fn increment_and_expire(entries: &mut dyn Entries, call: Call<'_>, reply: &mut ReplyBuffer) -> Done {
    let Some(by) = integer(call.arg(1)) else {
        reply.error(errors::NOT_AN_INTEGER);
        return Ok(());
    };
    match (numbers::add(entries, call.key, by)?, integer(call.arg(0))) {
        // As in the script, the expiry is read only here, when the counter is already incremented.
        (Ok(sum), Some(seconds)) if sum == by => {
            set_ttl(entries, call.key, seconds.saturating_mul(1000))?;
            reply.integer(sum);
        }
        (Ok(sum), None) if sum == by => reply.error(errors::NOT_AN_INTEGER),
        (Ok(sum), _) => reply.integer(sum),
        (Err(error), _) => reply.error(error),
    }
    Ok(())
}

/// Runs `SCRIPT LOAD script`, `SCRIPT EXISTS sha1 ...`, `SCRIPT FLUSH [ASYNC | SYNC]` or `SCRIPT HELP`.
async fn script(_session: &mut Session, args: Arguments<'_>, out: &mut Output) {
    let reply = out.reply();
    if args.is(1, "help") {
        reply.lines(&HELP);
    } else if args.is(1, "load") {
        match known(args.get(2)) {
            Some((sha1, _)) => reply.bulk(sha1.as_bytes()),
            None => reply.error(UNKNOWN),
        }
    } else if args.is(1, "exists") {
        let hashes = args.from(2);
        reply.array(hashes.len());
        for sha1 in hashes {
            let is_known = std::str::from_utf8(sha1).ok().and_then(find).is_some();
            reply.integer(i64::from(is_known));
        }
    } else if args.len() == 2 || (args.len() == 3 && (args.is(2, "async") || args.is(2, "sync"))) {
        // The known scripts are built in, so there is nothing to flush.
        reply.ok();
    } else {
        reply.error("ERR SCRIPT FLUSH only support SYNC|ASYNC option");
    }
}
