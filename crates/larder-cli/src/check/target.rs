//! What a check is given: a URL; or a path, of which it makes one.

use std::path::Path;

use larder::control::Client;
use larder::inspect::escape_control;

use crate::exit::{Exit, Failure};
use crate::live::is_socket;
use crate::located::is_url;

/// The URL of what was given.
pub(super) fn url_of(given: &str) -> Result<String, Failure> {
    let path = Path::new(given);
    if is_url(given.as_ref()) || has_scheme(given) {
        return Ok(given.to_owned());
    }
    if is_socket(path) {
        return Err(Failure::new(Exit::Usage, of_socket(path)));
    }
    if !path.exists() {
        // Options of a URL may stand behind it.
        return Ok(format!("file:{given}"));
    }
    Ok(file_url(given))
}

/// The URL of a path, whatever is in its name.
fn file_url(path: &str) -> String {
    format!("file:{}", path.replace('%', "%25").replace('?', "%3F").replace('#', "%23"))
}

/// Whether a text begins as a URL does, known or not: its error must not be that of a path, which is printed.
fn has_scheme(text: &str) -> bool {
    let (scheme, _) = text.split_once(':').unwrap_or_default();
    !scheme.is_empty()
        && scheme.chars().all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter))
}

fn of_socket(path: &Path) -> String {
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
