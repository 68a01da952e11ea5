//! Resolves the names of hosts. The system resolves them without a time limit, so a separate thread does it.
//!
//! An attempt to connect that can't wait any longer leaves its resolution to a later attempt. Otherwise a
//! name that takes longer than an attempt would never be resolved.
//!
//! 1. An attempt uses only a resolution of its own host. With Sentinels, the attempts are for different
//!    hosts, and the addresses of another host are those of a server that the Sentinels do not vouch for.
//! 2. A resolution yields the addresses of a host without a port, so each attempt uses its own port.
//! 3. A resolution that has ended is used only within [`MAX_AGE`] after its start. The host may have another
//!    address later.
//! 4. The threads are bounded by [`MAX_RESOLUTIONS`].

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Duration;

/// Maximum number of resolutions that earlier attempts have left.
const MAX_RESOLUTIONS: usize = 4;

/// How long after its start a resolution that has ended may be used.
const MAX_AGE: Duration = Duration::from_mins(1);

type Addresses = io::Result<Vec<SocketAddr>>;

/// Returns the addresses of a host, with any port. May take any amount of time.
type Lookup = dyn Fn(&str) -> Addresses + Send + Sync;

/// A resolution for which an attempt could not wait any longer.
#[derive(Debug)]
struct Resolution {
    host: String,
    began: Duration,
    receiver: Receiver<Addresses>,
    /// The addresses, once they have been received.
    result: Option<Addresses>,
}

pub(super) struct Resolver {
    left: Vec<Resolution>,
    lookup: Arc<Lookup>,
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").field("left", &self.left).finish_non_exhaustive()
    }
}

impl Default for Resolver {
    fn default() -> Self {
        Self::new(|host| (host, 0).to_socket_addrs().map(Iterator::collect))
    }
}

impl Resolver {
    pub(super) fn new(lookup: impl Fn(&str) -> Addresses + Send + Sync + 'static) -> Self {
        Self { left: Vec::new(), lookup: Arc::new(lookup) }
    }

    /// Returns the addresses of a host. `wait` waits for a short time. If it returns an error, the attempt is
    /// over.
    pub(super) fn resolve(
        &mut self,
        host: &str,
        port: u16,
        now: Duration,
        mut wait: impl FnMut() -> io::Result<()>,
    ) -> io::Result<Vec<SocketAddr>> {
        let mut resolution = self.take(host, now)?;
        loop {
            resolution.receive();
            if let Some(addresses) = resolution.result.take() {
                let mut addresses = addresses?;
                // Step 2.
                for address in &mut addresses {
                    address.set_port(port);
                }
                return Ok(addresses);
            }
            if let Err(error) = wait() {
                self.left.push(resolution);
                return Err(error);
            }
        }
    }

    /// Returns the resolution of this host that an earlier attempt has left, or begins one.
    fn take(&mut self, host: &str, now: Duration) -> io::Result<Resolution> {
        self.left.iter_mut().for_each(Resolution::receive);
        // Step 3. A resolution that has not ended yet stays, because its result will be new.
        let is_usable = |left: &Resolution| left.result.is_none() || now < left.began + MAX_AGE;
        self.left.retain(is_usable);
        // Step 1.
        if let Some(at) = self.left.iter().position(|left| left.host == host) {
            return Ok(self.left.swap_remove(at));
        }
        // Step 4. Those that have ended have no thread any more.
        if self.left.len() >= MAX_RESOLUTIONS {
            self.left.retain(|left| left.result.is_none());
        }
        if self.left.len() >= MAX_RESOLUTIONS {
            let hosts = self.left.iter().map(|left| left.host.as_str()).collect::<Vec<_>>().join(", ");
            return Err(io::Error::other(format!("the system has not resolved {hosts} yet")));
        }
        Resolution::begin(host, now, self.lookup.clone())
    }
}

impl Resolution {
    fn begin(host: &str, began: Duration, lookup: Arc<Lookup>) -> io::Result<Self> {
        let (sender, receiver) = channel();
        let name = host.to_owned();
        std::thread::Builder::new().name("larder-resolve".to_owned()).spawn(move || {
            // The client may have been closed meanwhile, so an error is ignored.
            drop(sender.send(lookup(&name)));
        })?;
        Ok(Self { host: host.to_owned(), began, receiver, result: None })
    }

    /// Receives the addresses, if the thread has sent them.
    fn receive(&mut self) {
        if self.result.is_none() {
            self.result = match self.receiver.try_recv() {
                Ok(addresses) => Some(addresses),
                Err(TryRecvError::Disconnected) => Some(Err(io::Error::other("the resolver has panicked"))),
                Err(TryRecvError::Empty) => None,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Condvar, Mutex};

    use super::*;

    /// Number of milliseconds that a test waits for a thread before it fails.
    const MAX_WAITS: usize = 20_000;

    /// Hosts that the system resolves when the test allows it.
    #[derive(Debug, Default)]
    struct Names {
        allowed: Mutex<Vec<(String, SocketAddr)>>,
        changed: Condvar,
        begun: AtomicUsize,
    }

    impl Names {
        fn allow(&self, host: &str, last: u8) {
            self.allowed.lock().unwrap().push((host.to_owned(), address(last, 0)));
            self.changed.notify_all();
        }
    }

    struct Test {
        names: Arc<Names>,
        resolver: Resolver,
        now: Duration,
    }

    impl Test {
        fn new() -> Self {
            let names = Arc::new(Names::default());
            let of_lookup = names.clone();
            let resolver = Resolver::new(move |host| {
                of_lookup.begun.fetch_add(1, Ordering::Relaxed);
                let mut allowed = of_lookup.allowed.lock().unwrap();
                loop {
                    if let Some(at) = allowed.iter().position(|(name, _)| name == host) {
                        return Ok(vec![allowed.swap_remove(at).1]);
                    }
                    allowed = of_lookup.changed.wait(allowed).unwrap();
                }
            });
            Self { names, resolver, now: Duration::ZERO }
        }

        /// Ends one resolution of a host.
        fn allow(&self, host: &str, last: u8) {
            self.names.allow(host, last);
        }

        /// Makes an attempt, which waits for its addresses only with `waits`.
        fn resolve(&mut self, host: &str, port: u16, waits: bool) -> Result<Vec<SocketAddr>, String> {
            let mut waits_left = if waits { MAX_WAITS } else { 0 };
            let wait = || {
                waits_left = match waits_left {
                    0 => return Err(io::ErrorKind::TimedOut.into()),
                    left => left - 1,
                };
                std::thread::park_timeout(Duration::from_millis(1));
                Ok(())
            };
            self.resolver.resolve(host, port, self.now, wait).map_err(|error| error.to_string())
        }

        /// Waits for the end of the resolution that an earlier attempt for this host has left behind.
        fn wait_for(&mut self, host: &str) {
            for _ in 0..MAX_WAITS {
                let left = self.resolver.left.iter_mut().find(|left| left.host == host).unwrap();
                left.receive();
                if left.result.is_some() {
                    return;
                }
                std::thread::park_timeout(Duration::from_millis(1));
            }
            panic!("{host} is not resolved");
        }
    }

    fn address(last: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, last], port))
    }

    #[test]
    fn an_attempt_uses_no_resolution_of_another_host_or_port() {
        let mut test = Test::new();
        assert!(test.resolve("a", 1, false).is_err());
        test.allow("a", 1);
        test.wait_for("a");
        test.allow("b", 2);
        assert_eq!(test.resolve("b", 2, true), Ok(vec![address(2, 2)]));
        assert_eq!(
            test.resolve("a", 3, true),
            Ok(vec![address(1, 3)]),
            "the resolution was left for its host"
        );
        assert_eq!(test.names.begun.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_name_that_takes_longer_than_an_attempt_is_resolved_by_one_thread() {
        let mut test = Test::new();
        for _ in 0..10 {
            assert!(test.resolve("slow", 1, false).is_err());
            test.now += MAX_AGE;
        }
        // The resolution ends while the last attempt waits. A result from before it would be too old.
        let (names, mut waits) = (test.names.clone(), 0);
        let wait = || {
            if waits == 0 {
                names.allow("slow", 1);
            }
            waits += 1;
            assert!(waits < MAX_WAITS, "it is not resolved");
            std::thread::park_timeout(Duration::from_millis(1));
            Ok(())
        };
        assert_eq!(test.resolver.resolve("slow", 1, test.now, wait).unwrap(), [address(1, 1)]);
        assert_eq!(test.names.begun.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn an_old_resolution_is_not_used() {
        let mut test = Test::new();
        for (age, last) in [(Duration::from_secs(59), 1), (MAX_AGE, 2)] {
            assert!(test.resolve("a", 1, false).is_err());
            test.allow("a", 1);
            test.wait_for("a");
            test.now += age;
            if last == 2 {
                test.allow("a", last);
            }
            assert_eq!(test.resolve("a", 1, true), Ok(vec![address(last, 1)]));
        }
    }

    #[test]
    fn the_threads_are_bounded_and_an_ended_one_makes_room() {
        let mut test = Test::new();
        for host in ["a", "b", "c", "d"] {
            assert!(test.resolve(host, 1, false).is_err());
        }
        let refused = test.resolve("e", 1, true).unwrap_err();
        assert_eq!(refused, "the system has not resolved a, b, c, d yet");
        test.allow("b", 2);
        test.wait_for("b");
        test.allow("e", 5);
        assert_eq!(test.resolve("e", 1, true), Ok(vec![address(5, 1)]));
        let left: Vec<_> = test.resolver.left.iter().map(|left| left.host.as_str()).collect();
        assert_eq!(left, ["a", "c", "d"]);
        for host in ["a", "c", "d"] {
            test.allow(host, 1);
        }
    }
}
