//! A simulated remote tier: a server in memory, and the connections of the caches that share it.
//!
//! By default, requests, answers and pushes arrive immediately. A test can hold them back with
//! [`RemoteNode::hold_requests`] and [`RemoteNode::hold_stream`]. Answers and pushes arrive at a node in the
//! order in which the server sent them. The server sends the answer to a change before the push of that
//! change. A server that queues pushes until the end of an event loop iteration does the same.

mod commits;
mod node;
mod range_changes;
mod ranges;
mod requests;
mod server;
mod stored;

pub use node::RemoteNode;
pub use server::RemoteServer;

#[cfg(test)]
pub(crate) mod tests;
