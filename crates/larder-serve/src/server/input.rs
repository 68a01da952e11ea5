//! The bytes of requests that a connection has received, but not yet executed.
//!
//! A connection without such bytes has no buffer. For each read, it takes a buffer from its thread. So ten
//! thousand idle connections need little memory.

use std::cell::RefCell;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// Initial length of a buffer in bytes. The buffer grows while a longer request arrives.
const BUFFER_LEN: usize = 16 << 10;

/// Maximum number of unused buffers that a thread keeps.
const MAX_SPARE: usize = 64;

thread_local! {
    static SPARE: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

#[derive(Debug, Default)]
pub(super) struct Input {
    /// Empty while there are no received bytes.
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Input {
    /// Returns the memory of the buffer, in bytes.
    pub(super) fn len(&self) -> usize {
        self.buffer.len()
    }

    pub(super) fn unread(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    pub(super) fn consume(&mut self, len: usize) {
        self.start = (self.start + len).min(self.end);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            give_back(mem::take(&mut self.buffer));
        }
    }

    /// Receives bytes. The request at the start of the input has at least `needed` bytes. Returns whether the
    /// peer has sent its last byte.
    pub(super) fn poll_receive(
        &mut self,
        stream: Pin<&mut impl AsyncRead>,
        needed: usize,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<bool>> {
        self.make_room(needed);
        let mut into = ReadBuf::new(self.buffer.get_mut(self.end..).unwrap_or_default());
        let polled = stream.poll_read(context, &mut into);
        let received = into.filled().len();
        self.end += received;
        if self.end == 0 {
            give_back(mem::take(&mut self.buffer));
        }
        ready!(polled)?;
        Poll::Ready(Ok(received == 0))
    }

    /// Makes room for at least one more byte. The buffer at most doubles, so a peer that announces a long
    /// request but sends only a small part of it takes little memory.
    fn make_room(&mut self, needed: usize) {
        if self.buffer.is_empty() {
            self.buffer = SPARE.with_borrow_mut(Vec::pop).unwrap_or_else(|| vec![0; BUFFER_LEN].into());
        }
        if self.end < self.buffer.len() {
            return;
        }
        let len = self.end - self.start;
        if self.start > 0 && (len < self.buffer.len() / 2 || needed <= self.buffer.len()) {
            self.buffer.copy_within(self.start..self.end, 0);
        } else {
            let longer = needed.max(len + 1).min(self.buffer.len() * 2).max(BUFFER_LEN);
            let mut buffer: Box<[u8]> = vec![0; longer.max(len + 1)].into();
            if let (Some(to), from) = (buffer.get_mut(..len), self.unread()) {
                to.copy_from_slice(from);
            }
            self.buffer = buffer;
        }
        (self.start, self.end) = (0, len);
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        give_back(mem::take(&mut self.buffer));
    }
}

fn give_back(buffer: Box<[u8]>) {
    if buffer.len() == BUFFER_LEN {
        // While a thread ends, its thread-local value may already be destroyed.
        let _ = SPARE.try_with(|spare| {
            if let Ok(mut spare) = spare.try_borrow_mut()
                && spare.len() < MAX_SPARE
            {
                spare.push(buffer);
            }
        });
    }
}
