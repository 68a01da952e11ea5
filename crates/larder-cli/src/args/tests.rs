mod documented;

use clap::CommandFactory;

use super::*;

#[test]
fn the_command_line_is_well_formed() {
    Arguments::command().debug_assert();
}

#[test]
fn the_words_of_other_tools_are_understood_and_not_shown() {
    for (words, command) in
        [(&["scan", "F"][..], "Keys"), (&["del", "F", "K"], "Remove"), (&["health", "F"], "Doctor")]
    {
        let read = Arguments::read([&["larder"], words].concat()).unwrap();
        assert!(format!("{:?}", read.command).starts_with(command), "{read:?}");
    }
    let help = Arguments::command().render_long_help().to_string();
    assert!(!["  scan", "  del", "  health"].iter().any(|word| help.contains(word)), "{help}");
}
