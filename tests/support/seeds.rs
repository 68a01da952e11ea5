//! The seeds of the randomised harnesses, and the command that repeats a run. The harnesses of several
//! packages include this file, so it uses only the standard library.

/// The environment variable for the first seed. If it is not set, the seed is random.
const SEED: &str = "LARDER_SEED";

/// Returns the number in an environment variable.
///
/// # Panics
/// Panics if the variable is set, but not to a number.
pub(crate) fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}; it must be a number")))
}

/// Returns the seed from the environment, or a random seed.
pub(crate) fn first_seed() -> u64 {
    number(SEED).unwrap_or_else(fresh_seed)
}

/// Returns a seed that differs from run to run. The seed comes from the standard library's random hasher
/// keys.
fn fresh_seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish() >> 16
}

/// Returns the command that runs a test again, with a seed and the length of the run. `command` runs the
/// tests of the package.
pub(crate) fn replay(seed: u64, (variable, length): (&str, u64), command: &str, test: &str) -> String {
    format!("replay it: {SEED}={seed} {variable}={length} {command} {test} -- --nocapture")
}
