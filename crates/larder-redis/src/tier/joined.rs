//! Joins the answers of several parts of a request.

use std::sync::Arc;

use larder::remote::RemoteReply as Sender;
use parking_lot::Mutex;

use super::answers::remote_error;
use crate::error::Error;

/// The answers to the parts of a request. They are joined to one answer.
pub(super) struct Joined<P, T>(Mutex<JoinState<P, T>>);

/// The function that joins the parts to one answer.
type Join<P, T> = Box<dyn FnOnce(Vec<P>) -> T + Send>;

struct JoinState<P, T> {
    left: usize,
    parts: Vec<Option<P>>,
    end: Option<(Sender<T>, Join<P, T>)>,
}

impl<P: Send + 'static, T: Send + 'static> Joined<P, T> {
    /// Awaits a number of parts. Without parts, the answer is sent immediately.
    pub(super) fn new(
        parts: usize,
        sender: Sender<T>,
        join: impl FnOnce(Vec<P>) -> T + Send + 'static,
    ) -> Arc<Self> {
        let slots = std::iter::repeat_with(|| None).take(parts).collect();
        let mut state = JoinState { left: parts, parts: slots, end: None };
        if parts == 0 {
            sender.send(Ok(join(Vec::new())));
        } else {
            state.end = Some((sender, Box::new(join)));
        }
        Arc::new(Self(Mutex::new(state)))
    }

    /// Records the answer to a part. The first error is the answer to the whole request.
    pub(super) fn complete(&self, part: usize, answer: Result<P, Error>) {
        let mut state = self.0.lock();
        match answer {
            Err(error) => {
                let end = state.end.take();
                drop(state);
                if let Some((sender, _)) = end {
                    sender.send(Err(remote_error(&error)));
                }
            }
            Ok(answer) => {
                if let Some(slot) = state.parts.get_mut(part) {
                    *slot = Some(answer);
                }
                state.left = state.left.saturating_sub(1);
                if state.left > 0 {
                    return;
                }
                let (parts, end) = (std::mem::take(&mut state.parts), state.end.take());
                drop(state);
                if let Some((sender, join)) = end {
                    sender.send(Ok(join(parts.into_iter().flatten().collect())));
                }
            }
        }
    }
}
