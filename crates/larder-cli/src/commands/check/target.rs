//! Turns the argument of `larder check` into a URL. The argument may be a path.

use std::path::Path;

use larder::control::Client;
use larder::inspect::escape_control;

use crate::cache::located::is_url;
use crate::cache::path::is_socket;
use crate::cache::url::{file_url, has_scheme};
use crate::term::exit::{Exit, Failure};

/// Returns the URL of the given cache. Refuses a socket.
pub(super) fn url_of(given: &str) -> Result<String, Failure> {
    let path = Path::new(given);
    if is_url(given.as_ref()) || has_scheme(given) {
        return Ok(given.to_owned());
    }
    if is_socket(path) {
        return Err(Failure::new(Exit::Usage, not_a_socket(path)));
    }
    if !path.exists() {
        // Not escaped, because the text may have URL options after the path.
        return Ok(format!("file:{given}"));
    }
    Ok(file_url(given))
}

/// Returns an error text that says what to give instead of a socket.
fn not_a_socket(path: &Path) -> String {
    let shown = path.display();
    let client = Client::connect(path).ok();
    let Some((pid, file)) =
        client.and_then(|client| Some((client.server().pid, client.server().file.clone()?)))
    else {
        return format!(
            "{shown} is a control socket, and a check opens a cache of its own: give the URL that the service is \
             started with (its LARDER_URL)"
        );
    };
    let file = file_url(&file);
    let file = escape_control(&file);
    format!(
        "{shown} is the control socket of process {pid}, and a check opens a cache of its own: give the URL that \
         this process is started with (its LARDER_URL), once it is stopped, or its file alone: larder check \
         '{file}'; `larder doctor {shown}` looks at it while it runs"
    )
}
