//! The commands that look into a file, as a person runs them: the built command, on files in every state, and beside a process that is
//! at work on one.

mod bad_files;
mod child;
mod export;
mod live;
mod operations;
mod output;
mod support;
