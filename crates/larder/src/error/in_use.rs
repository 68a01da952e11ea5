//! The text of the error for a file that another cache has open.

use std::path::Path;

use crate::error::holder::Holder;
use crate::format::escape::escape_control;

pub(super) fn in_use(
    pid: Option<u32>,
    has_ended: bool,
    is_elsewhere: bool,
    socket: Option<&Path>,
    holders: &[Holder],
) -> String {
    let owner = owner(pid);
    if has_ended && !holders.is_empty() {
        let told: Vec<String> = holders.iter().map(Holder::to_string).collect();
        let pids: Vec<String> = holders.iter().map(|holder| holder.pid.to_string()).collect();
        let word = if holders.len() == 1 { "process" } else { "processes" };
        return format!(
            "{owner}, which has ended, was writing to it, and a process that it forked still holds the lock: {word} {}; end that (kill {}), or have it call abandon_in_child",
            told.join(", "),
            pids.join(" ")
        );
    }
    if has_ended {
        return format!(
            "{owner}, which has ended, was writing to it, and a process that it forked still holds the lock; end that one too, or let it call abandon_in_child (an owner of an earlier version in another container looks the same)"
        );
    }
    let place = if is_elsewhere { " of another container (PID namespace)" } else { "" };
    let ask = socket.map_or_else(String::new, |socket| {
        let socket = socket.to_string_lossy();
        format!("ask it through its control socket {}, ", escape_control(&socket))
    });
    format!(
        "{owner}{place} is writing to it; {ask}open it read-only, stop that process, or raise open_timeout to wait for it"
    )
}

fn owner(pid: Option<u32>) -> String {
    match pid {
        Some(pid) if pid == std::process::id() => format!("this process ({pid})"),
        Some(pid) => format!("process {pid}"),
        None => "another process".to_owned(),
    }
}
