//! Joins the replies to several parts of a request.

use std::sync::Arc;

use larder::remote::RemoteResult;
use parking_lot::Mutex;

use super::answers::remote_error;
use crate::error::Error;

/// Collects the results of the parts of a request, and joins them to one result.
pub(super) struct Joined<P, T>(Mutex<JoinState<P, T>>);

pub(super) type End<T> = Box<dyn FnOnce(RemoteResult<T>) + Send>;

type Join<P, T> = Box<dyn FnOnce(Vec<P>) -> T + Send>;

struct JoinState<P, T> {
    left: usize,
    parts: Vec<Option<P>>,
    end: Option<(End<T>, Join<P, T>)>,
}

impl<P: Send + 'static, T: Send + 'static> Joined<P, T> {
    /// `parts` is the number of results to wait for. If it is zero, calls `end` immediately.
    pub(super) fn new(
        parts: usize,
        end: End<T>,
        join: impl FnOnce(Vec<P>) -> T + Send + 'static,
    ) -> Arc<Self> {
        let slots = std::iter::repeat_with(|| None).take(parts).collect();
        let mut state = JoinState { left: parts, parts: slots, end: None };
        if parts == 0 {
            end(Ok(join(Vec::new())));
        } else {
            state.end = Some((end, Box::new(join)));
        }
        Arc::new(Self(Mutex::new(state)))
    }

    /// Records the result of a part. The first error ends the whole request, although other parts may have
    /// been applied.
    pub(super) fn complete(&self, part: usize, answer: Result<P, Error>) {
        let mut state = self.0.lock();
        match answer {
            Err(error) => {
                let (end, is_one_of_several) = (state.end.take(), state.parts.len() > 1);
                drop(state);
                let error = remote_error(&error);
                let error = if is_one_of_several { error.maybe_applied() } else { error };
                if let Some((end, _)) = end {
                    end(Err(error));
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
                if let Some((end, join)) = end {
                    end(Ok(join(parts.into_iter().flatten().collect())));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use larder::remote::reply;

    use super::*;

    #[test]
    fn an_error_of_one_part_says_that_others_may_be_applied() {
        for parts in [1, 2] {
            let (sender, answer) = reply::<u64>();
            let end = Box::new(move |result| sender.send(result));
            let joined = Joined::new(parts, end, |counts: Vec<u64>| counts.into_iter().sum());
            joined.complete(0, Err(Error::Server("OOM".to_owned())));
            for part in 1..parts {
                joined.complete(part, Ok(1));
            }
            let error = answer.wait().expect_err("a part has failed");
            assert_eq!(error.may_be_applied(), parts > 1);
        }
    }
}
