//! Sends the replies of several connections in a burst, like Redis.
//!
//! A thread first executes the requests that have arrived on all of its connections, and then sends their
//! replies. So a client with many connections finds many replies when it runs. If each reply were sent at
//! once, such a client would be woken for a few replies at a time, and would itself send a few requests at a
//! time. Then the client and the server would spend more of their time in the event loops of the system.
//!
//! A connection that is alone sends its replies at once. It is alone if no other connection of its thread has
//! executed a request since its own last one.

use std::cell::Cell;

use tokio::task::yield_now;

thread_local! {
    /// The id of the connection that has last executed requests on this thread.
    static LAST: Cell<u64> = const { Cell::new(0) };
}

/// Must be called when a connection has executed requests, and before it sends the replies. Lets the other
/// connections execute their requests first, unless the connection is alone. Returns whether others ran.
pub(super) async fn let_others_execute(connection: u64) -> bool {
    let is_shared = LAST.replace(connection) != connection;
    if is_shared {
        yield_now().await;
    }
    is_shared
}
