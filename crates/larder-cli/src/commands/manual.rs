//! `larder completions` and `larder man`: print texts that clap generates from the command line definition.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::args::{Arguments, EXAMPLES, EXIT_CODES};
use crate::term::exit::{Exit, Failure};

pub(crate) fn completions(shell: Shell) -> Result<Exit, Failure> {
    // Generated into memory first, because the generator panics if a write fails.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "larder", &mut script);
    print(&script)
}

/// Prints the manual page of the command, with a section for each subcommand.
pub(crate) fn page() -> Result<Exit, Failure> {
    let mut command = Arguments::command();
    command.build();
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    for subcommand in command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()) {
        let name = subcommand.get_name();
        if name != "help" {
            writeln!(page, ".SH \"LARDER {}\"", name.to_uppercase())?;
            page.extend(section(subcommand.clone().bin_name(format!("larder {name}")))?.bytes());
        }
    }
    // `.nf` makes `man` print the lines unchanged.
    for (title, lines) in [("EXAMPLES", EXAMPLES), ("EXIT STATUS", EXIT_CODES)] {
        writeln!(page, ".SH \"{title}\"\n.nf\n{lines}\n.fi")?;
    }
    print(&page)
}

/// Renders the section of a subcommand, with its headings one level lower.
fn section(subcommand: clap::Command) -> Result<String, Failure> {
    let man = Man::new(subcommand);
    let mut page = Vec::new();
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    Ok(String::from_utf8_lossy(&page).replace("\n.SH ", "\n.SS ").replacen(".SH ", ".SS ", 1))
}

fn print(text: &[u8]) -> Result<Exit, Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text)?;
    out.flush()?;
    Ok(Exit::Ok)
}
