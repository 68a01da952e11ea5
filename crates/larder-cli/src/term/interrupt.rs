//! Handlers for signals.
//!
//! Ctrl-C and SIGTERM set a flag, which a command checks where it can stop. SIGXFSZ, which the system sends
//! at the file size limit, must not end a command in the middle of a file.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;

use crate::term::exit::{Exit, Failure};

/// A flag that is set when the process is asked to end.
#[derive(Debug)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Installs handlers for SIGINT and SIGTERM. The first signal sets the flag, and the second ends the
    /// process.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let requested = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // The order matters. At the first signal, the shutdown handler runs first and finds the flag
            // unset. Then the other handler sets the flag.
            flag::register_conditional_shutdown(signal, Exit::Interrupted as i32, requested.clone())
                .and_then(|_| flag::register(signal, requested.clone()))
                .map_err(|error| Failure::new(Exit::System, format!("cannot listen for Ctrl-C: {error}")))?;
        }
        Ok(Self(requested))
    }

    pub(crate) fn is_requested(&self) -> bool {
        // `Relaxed` is sufficient, because the flag guards no other memory.
        self.0.load(Ordering::Relaxed)
    }

    /// Fails if the process was asked to end. `how_far` says in the failure how much was done.
    pub(crate) fn check(&self, how_far: &str) -> Result<(), Failure> {
        if self.is_requested() {
            Err(Failure::new(Exit::Interrupted, format!("interrupted; {how_far}")))
        } else {
            Ok(())
        }
    }
}

/// Makes a write beyond the file size limit (`ulimit -f`) fail instead of ending the process.
///
/// So the command can report what it could not write, and remove the unfinished file.
pub(crate) fn survive_file_size_limit() {
    // If the registration fails, the signal ends the command, as it does by default.
    drop(flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false))));
}
