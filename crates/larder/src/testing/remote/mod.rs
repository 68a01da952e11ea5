//! A remote tier in memory: a server, and the connections of the caches that share it.
//!
//! A test decides when a request arrives at the server, and when what the server sends arrives at a cache:
//! [`RemoteNode::hold_requests`] and [`RemoteNode::hold_stream`]. By itself, both arrive at once. Answers and
//! pushes of a node arrive in the order in which the server sent them. The server sends its answer before the
//! push of the same change, as a server does that queues pushes until the end of its event loop's turn.

mod node;
mod requests;
mod server;

pub use node::RemoteNode;
pub use server::RemoteServer;

#[cfg(test)]
mod tests;
