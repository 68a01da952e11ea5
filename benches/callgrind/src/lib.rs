//! Counts the instructions of a function with valgrind's callgrind. Other work on the machine does not change
//! the count.
//!
//! This package is separate from the benches, so that the gate can check larder's count without building the
//! peers.

#![forbid(unsafe_code)]

use std::path::Path;
use std::process::Command;

/// Checks that valgrind can run.
///
/// # Errors
/// Returns the reason if valgrind can't run.
pub fn valgrind() -> Result<(), String> {
    let found =
        Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success());
    if found { Ok(()) } else { Err("valgrind is not installed".to_owned()) }
}

/// Returns the number of instructions that a program executes in functions whose name matches `counted`,
/// including everything that these functions call.
///
/// # Errors
/// Returns the reason if no instructions were counted.
pub fn instructions(program: &Path, arguments: &[&str], counted: &str) -> Result<u64, String> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(format!("--toggle-collect={counted}"))
        .arg(program)
        .args(arguments)
        .output()
        .map_err(|error| format!("valgrind: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    // valgrind prints a line such as `==4711== Collected : 123456`.
    let collected =
        said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse::<u64>().ok());
    match collected.filter(|_| output.status.success()) {
        None => Err(format!("valgrind: {said}")),
        Some(0) => Err(format!("nothing was counted: no function of the program is named {counted}")),
        Some(count) => Ok(count),
    }
}
