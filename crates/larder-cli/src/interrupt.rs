//! Signals: Ctrl-C, heard where the work can be given up; and the limit on the length of files, which must
//! not end the command in the middle of a file.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;

use crate::exit::{Exit, Failure};

/// Whether the process was asked to end.
#[derive(Debug)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on a request to end is heard here; the second one ends the process.
    pub(crate) fn heard() -> Result<Self, Failure> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first request finds the flag down, and raises it.
            flag::register_conditional_shutdown(signal, Exit::Interrupted as i32, asked.clone())
                .and_then(|_| flag::register(signal, asked.clone()))
                .map_err(|error| Failure::new(Exit::System, format!("cannot listen for Ctrl-C: {error}")))?;
        }
        Ok(Self(asked))
    }

    /// Whether somebody asked.
    pub(crate) fn is_asked(&self) -> bool {
        // Relaxed: the flag guards no other memory.
        self.0.load(Ordering::Relaxed)
    }

    /// The same as a failure, which says how far the work has come.
    pub(crate) fn check(&self, how_far: &str) -> Result<(), Failure> {
        if self.is_asked() {
            Err(Failure::new(Exit::Interrupted, format!("interrupted; {how_far}")))
        } else {
            Ok(())
        }
    }
}

/// From now on a write beyond the limit on the length of files (`ulimit -f`) fails, and does not end the
/// process: it says what it could not write, and removes what is unfinished.
pub(crate) fn survive_file_size_limit() {
    // Without the handler the command ends as the system has it.
    drop(flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false))));
}
