//! `larder completions` and `larder man`: made of the command line's own description.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Arguments;
use crate::exit::{Exit, Failure};

/// Prints a shell's completions.
pub(crate) fn completions(shell: Shell) -> Result<Exit, Failure> {
    // Into memory first: the generator panics when it can't write.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "larder", &mut script);
    print(&script)
}

/// Prints the manual page: the command's, and that of each subcommand.
pub(crate) fn page() -> Result<Exit, Failure> {
    let mut command = Arguments::command();
    command.build();
    let mut pages = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut pages)?;
    for subcommand in command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()) {
        let name = format!("larder {}", subcommand.get_name());
        let man = clap_mangen::Man::new(subcommand.clone().display_name(name));
        pages.extend(b".SH COMMAND\n");
        man.render_name_section(&mut pages)?;
        man.render_synopsis_section(&mut pages)?;
        man.render_description_section(&mut pages)?;
        man.render_options_section(&mut pages)?;
    }
    print(&pages)
}

fn print(text: &[u8]) -> Result<Exit, Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text)?;
    out.flush()?;
    Ok(Exit::Ok)
}
