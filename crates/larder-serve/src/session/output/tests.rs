use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use super::{LateReply, MAX_KEPT, Output};

impl Output {
    /// Returns the memory that the connection keeps for its replies, in bytes.
    fn kept(&self) -> usize {
        let waiting = self.waiting.capacity() * size_of::<super::WaitingReply>();
        self.sendable.capacity() + self.replies.bytes.capacity() + waiting
    }

    fn send_all(&mut self) -> usize {
        let _ = self.poll_pending(&mut Context::from_waker(Waker::noop()));
        let len = self.sendable().len();
        self.advance(len);
        len
    }
}

#[test]
fn replies_before_a_waiting_reply_are_sent_and_the_ones_after_it_are_not() {
    let mut context = Context::from_waker(Waker::noop());
    let mut output = Output::new(&super::OutputLimits::default());
    let (first, second) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let ready =
        |flag: &Arc<AtomicBool>| {
            let flag = flag.clone();
            poll_fn(move |_| {
                if flag.load(Ordering::Relaxed) { Poll::Ready(LateReply::Count(7)) } else { Poll::Pending }
            })
        };
    output.reply().integer(1);
    output.reply_later(ready(&first));
    output.reply().integer(2);
    output.reply_later(ready(&second));
    output.reply().integer(3);
    assert_eq!((output.len(), output.sendable()), (12, &b":1\r\n"[..]));
    output.advance(2);
    assert!(output.poll_pending(&mut context).is_pending());
    assert_eq!((output.len(), output.sendable()), (10, &b"\r\n"[..]));
    first.store(true, Ordering::Relaxed);
    assert!(output.poll_pending(&mut context).is_ready());
    assert_eq!((output.len(), output.sendable()), (14, &b"\r\n:7\r\n:2\r\n"[..]));
    second.store(true, Ordering::Relaxed);
    assert!(output.poll_pending(&mut context).is_ready());
    assert_eq!((output.len(), output.sendable()), (18, &b"\r\n:7\r\n:2\r\n:7\r\n:3\r\n"[..]));
}

#[test]
fn a_command_that_waits_lends_the_replies_before_it_and_gets_them_back() {
    let mut context = Context::from_waker(Waker::noop());
    let loan = super::OutputLoan::default();
    let mut output = Output::new(&super::OutputLimits::default());
    output.lend_to(&loan);
    output.reply().integer(1);
    for round in [1, 2] {
        let mut polls = 0;
        let awaited = std::pin::pin!(poll_fn(|_| {
            polls += 1;
            if polls > 2 { Poll::Ready(7) } else { Poll::Pending }
        }));
        let mut waiting = std::pin::pin!(output.wait(awaited));
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        assert_eq!(loan.lock().as_mut().unwrap().sendable(), b":1\r\n");
        if round == 2 {
            loan.lock().as_mut().unwrap().advance(4);
        }
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        assert_eq!(waiting.as_mut().poll(&mut context), Poll::Ready(7));
        assert!(loan.lock().is_none());
    }
    assert_eq!(std::pin::pin!(output.wait(std::pin::pin!(async {}))).poll(&mut context), Poll::Ready(()));
    output.reply().integer(2);
    assert_eq!(output.sendable(), b":2\r\n");
}

#[test]
fn bytes_that_were_sent_are_freed_while_others_wait() {
    let value = vec![b'x'; 64 << 10];
    let mut output = Output::new(&super::OutputLimits::default());
    for _ in 0..1000 {
        output.reply().bulk(&value);
        // The peer reads all but the last ten bytes.
        let len = output.sendable().len();
        output.advance(len - 10);
        assert!(output.len() < 100);
    }
    assert!(output.kept() < 1 << 20, "unsent {}, kept {}", output.len(), output.kept());
}

#[test]
fn bytes_that_were_sent_are_held_until_they_are_freed() {
    let mut output = Output::new(&super::OutputLimits::default());
    output.reply().append(vec![b'x'; 100]);
    assert_eq!(output.sendable().len(), 100);
    output.advance(40);
    assert_eq!((output.len(), output.held_len()), (60, 100));
    output.advance(60);
    assert_eq!((output.len(), output.held_len()), (0, 0));
}

#[test]
fn a_connection_whose_replies_are_sent_holds_little() {
    let large = vec![b'x'; 1 << 20];
    let mut output = Output::new(&super::OutputLimits::default());
    output.reply().bulk(&large);
    assert!(output.sendable().len() > large.len());
    output.advance(1000);
    output.reply().bulk(&large);
    assert!(output.send_all() > 2 * large.len() - 1000);
    for _ in 0..1024 {
        output.reply_later(async { LateReply::Ok });
    }
    output.reply().bulk(&large);
    assert!(output.send_all() > 5 * 1024 + large.len());
    assert_eq!((output.len(), output.sendable().len()), (0, 0));
    assert!(output.kept() <= 3 * MAX_KEPT, "{}", output.kept());
}
