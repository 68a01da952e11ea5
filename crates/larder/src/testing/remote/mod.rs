//! A remote tier in memory: a server, and the connections of the caches that share it.
//!
//! A test decides when a request arrives at the server, and when an answer or a push of the server arrives at
//! a cache: [`RemoteNode::hold_requests`] and [`RemoteNode::hold_stream`]. By default, all of them arrive
//! immediately. Answers and pushes of a node arrive in the order in which the server sent them. The server
//! sends its answer before the push of the same change, like a server that queues pushes until the end of a
//! turn of its event loop.

mod node;
mod requests;
mod server;

pub use node::RemoteNode;
pub use server::RemoteServer;

#[cfg(test)]
mod tests;
