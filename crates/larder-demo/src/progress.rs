//! Progress bars for the long steps. They are drawn on standard error, if that is a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// Returns a progress bar of `steps` steps, with `label` in front of it.
pub(crate) fn bar(label: &'static str, steps: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:28} {bar:40} {human_pos}/{human_len} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(steps).with_style(style).with_message(label)
}
