//! The content of the lock file `<path>.lock`. A file with other content is not a larder lock file.
//!
//! ```text
//! 4711
//! format=2
//! started=1767225600000
//! file=0123456789abcdef0123456789abcdef
//! place=66:7004282:1767225600000000000
//! pid_namespace=4026531836
//! socket=/run/shop/larder.sock
//! ```
//!
//! The first line is the process id. Lines `name=value` in printable ASCII follow. A reader ignores unknown
//! names. The first version of larder wrote only the process id. When no process holds the lock, the first
//! line is empty, unless the owner ended without closing the cache. The lines `file` and `place` describe
//! the file that was accepted last ([`super::evidence`]). These two lines stay when the owner closes the
//! cache.
//!
//! The line `pid_namespace` names the namespace (Linux) to which the process id in the first line belongs. A
//! container has its own namespace. Outside the container, the same number may belong to another process or
//! to none.
//!
//! The line `socket` is the absolute path of the owner's control socket. Each byte that is not printable
//! ASCII, and each `%`, is written as `%XX`. The line is written when the lock is taken, before the socket
//! listens, and removed when the owner closes the cache. So a reader may find no socket at this path yet or,
//! after a crash, the socket of another process. A reader must therefore ask which process answers, as
//! `control::Client::connect_to_owner` does.
//!
//! A file of any other form is not ours, for example a `Cargo.lock` beside a cache called `Cargo`. A crash
//! may leave a lock file of ours that ends in the middle of a line or in zeros. The remainder still has the
//! form of a lock file.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::evidence::{Accepted, FilePlace};
use crate::disk::store::identity::FileIdentity;
use crate::units::Timestamp;

const FILE: &str = "file";
const PLACE: &str = "place";
const PID_NAMESPACE: &str = "pid_namespace";
const SOCKET: &str = "socket";

/// Maximum length of a lock file in bytes.
pub(super) const MAX_LEN: usize = 4096;
/// Maximum number of lines after the process id.
const MAX_LINES: usize = 16;
/// Maximum number of digits of a process id.
const MAX_PID_LEN: usize = 20;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct OwnerInfo {
    /// The owner's process id, or `None` if the lock file names no process.
    pub(crate) pid: Option<u32>,
    lines: Vec<(String, String)>,
}

impl OwnerInfo {
    /// Returns the lines that this process writes as the owner.
    pub(super) fn of_this_process(format: u32, started: Timestamp) -> Self {
        let mut info = Self { pid: Some(std::process::id()), lines: Vec::new() };
        info.set("format", &format.to_string());
        info.set("started", &started.as_millis().to_string());
        info
    }

    /// Adds a line, unless a lock file cannot contain it.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        if is_name(name) && is_printable(value) && self.lines.len() < MAX_LINES {
            self.lines.push((name.to_owned(), value.to_owned()));
        }
    }

    /// Returns the file that was accepted last, or `None` if the lock file names none.
    pub(super) fn accepted(&self) -> Option<Accepted> {
        let digits = self.get(FILE).filter(|digits| digits.len() == 2 * FileIdentity::LEN)?;
        let identity = FileIdentity::from_bytes(u128::from_str_radix(digits, 16).ok()?.to_be_bytes());
        Some(Accepted { identity, place: self.get(PLACE).and_then(FilePlace::read) })
    }

    pub(super) fn set_accepted(&mut self, accepted: &Accepted) {
        self.lines.retain(|(name, _)| name != FILE && name != PLACE);
        self.set(FILE, &accepted.identity.to_string());
        if let Some(place) = accepted.place {
            self.set(PLACE, &place.to_string());
        }
    }

    pub(super) fn set_namespace(&mut self, namespace: Option<&str>) {
        if let Some(namespace) = namespace {
            self.set(PID_NAMESPACE, namespace);
        }
    }

    /// Returns whether the process id belongs to a namespace other than `own`. Returns false if either is
    /// unknown. A lock file of an earlier version does not name a namespace.
    pub(crate) fn is_elsewhere(&self, own: Option<&str>) -> bool {
        self.get(PID_NAMESPACE).zip(own).is_some_and(|(named, own)| named != own)
    }

    /// Sets the control socket of this owner, an absolute path.
    pub(super) fn set_socket(&mut self, path: &Path) {
        self.lines.retain(|(name, _)| name != SOCKET);
        self.set(SOCKET, &escaped(path));
    }

    pub(crate) fn socket(&self) -> Option<PathBuf> {
        let path = unescaped(self.get(SOCKET)?)?;
        path.is_absolute().then_some(path)
    }

    /// Returns the content that stays when the owner closes the cache.
    pub(super) fn without_owner(&self) -> Self {
        let mut remaining = Self::default();
        if let Some(accepted) = self.accepted() {
            remaining.set_accepted(&accepted);
        }
        remaining
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.lines.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut text = match self.pid {
            None if self.lines.is_empty() => String::new(),
            None => "\n".to_owned(),
            Some(pid) => format!("{pid}\n"),
        };
        for (name, value) in &self.lines {
            let line = format!("{name}={value}\n");
            if text.len() + line.len() <= MAX_LEN {
                text.push_str(&line);
            }
        }
        text.into_bytes()
    }

    /// Parses a lock file. Returns `None` if the file is not larder's. `bytes` is the whole file, or its
    /// first [`MAX_LEN`] + 1 bytes.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let text = std::str::from_utf8(bytes.get(..end)?).ok().filter(|_| bytes.len() <= MAX_LEN)?;
        let mut lines = text.split_inclusive('\n');
        let first = lines.next().unwrap_or_default().trim_end();
        if first.len() > MAX_PID_LEN || !first.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let mut info = Self { pid: first.parse().ok(), lines: Vec::new() };
        for line in lines {
            let Some(whole) = line.strip_suffix('\n') else {
                // The line is truncated, so it is ignored.
                return is_printable(line).then_some(info);
            };
            let (name, value) = whole.split_once('=')?;
            if !is_name(name) || !is_printable(value) || info.lines.len() == MAX_LINES {
                return None;
            }
            info.lines.push((name.to_owned(), value.to_owned()));
        }
        Some(info)
    }
}

/// Returns a path in printable ASCII.
fn escaped(path: &Path) -> String {
    let mut text = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        if matches!(byte, b' '..=b'~') && *byte != b'%' {
            text.push(char::from(*byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// Returns the path that [`escaped`] has converted to this text, or `None` if the text has an invalid
/// escape.
fn unescaped(text: &str) -> Option<PathBuf> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
        bytes.push(u8::from_str_radix(digits, 16).ok().filter(|byte| *byte != 0)?);
        rest = after;
    }
    path_of(bytes)
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "as elsewhere, where a path is UTF-8")]
fn path_of(bytes: Vec<u8>) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    Some(std::ffi::OsString::from_vec(bytes).into())
}

#[cfg(not(unix))]
fn path_of(bytes: Vec<u8>) -> Option<PathBuf> {
    String::from_utf8(bytes).ok().map(PathBuf::from)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

fn is_printable(value: &str) -> bool {
    value.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pid(bytes: &[u8]) -> Option<u32> {
        OwnerInfo::read(bytes).unwrap().pid
    }

    #[test]
    fn the_bytes_are_pinned() {
        let info = OwnerInfo::of_this_process(2, Timestamp::from_millis(1_767_225_600_000));
        let pid = std::process::id();
        let text = format!("{pid}\nformat=2\nstarted=1767225600000\n");
        assert_eq!(String::from_utf8(info.to_bytes()).unwrap(), text);
        assert_eq!(OwnerInfo::read(text.as_bytes()), Some(info));
    }

    #[test]
    fn what_is_left_names_the_file_and_no_owner() {
        let mut info = OwnerInfo::of_this_process(2, Timestamp::from_millis(1));
        assert_eq!((info.accepted(), info.without_owner().to_bytes()), (None, vec![]));
        let text = "\nfile=000102030405060708090a0b0c0d0e0f\nplace=66:7:8\n";
        let identity = FileIdentity::from_bytes(std::array::from_fn(|at| u8::try_from(at).unwrap()));
        let accepted = Accepted { identity, place: FilePlace::read("66:7:8") };
        info.set_accepted(&accepted);
        info.set_accepted(&accepted);
        assert_eq!(String::from_utf8(info.without_owner().to_bytes()).unwrap(), text);
        let read = OwnerInfo::read(text.as_bytes()).unwrap();
        assert_eq!((read.pid, read.accepted()), (None, Some(accepted)));
        for len in 0..text.len() {
            let cut = OwnerInfo::read(&text.as_bytes()[..len]).unwrap();
            assert!(cut.accepted().is_none_or(|cut| cut.identity == identity), "cut to {len}");
        }
        let harmed = OwnerInfo::read(b"\nfile=0g\nplace=1\n").unwrap();
        assert_eq!(harmed.accepted(), None);
    }

    #[test]
    fn a_socket_is_named_in_printable_ascii_and_goes_with_its_owner() {
        use std::os::unix::ffi::OsStrExt;
        let mut info = OwnerInfo::of_this_process(2, Timestamp::from_millis(1));
        assert_eq!(info.socket(), None);
        for (path, line) in [
            (&b"/run/shop/larder.sock"[..], "/run/shop/larder.sock"),
            (b"/run/two words/100%.sock", "/run/two words/100%25.sock"),
            (b"/run/\xC3\xBC\n\xFF=.sock", "/run/%C3%BC%0A%FF=.sock"),
        ] {
            let path = Path::new(std::ffi::OsStr::from_bytes(path));
            info.set_socket(path);
            assert_eq!(info.get(SOCKET), Some(line));
            let read = OwnerInfo::read(&info.to_bytes()).unwrap();
            assert_eq!(read.socket().as_deref(), Some(path));
        }
        assert_eq!(info.without_owner().socket(), None);
        for planted in ["", "a.sock", "/a%", "/a%4", "/a%zz", "/a%+1", "/a%00", "/a%\u{e4}"] {
            let info = OwnerInfo { pid: Some(1), lines: vec![(SOCKET.to_owned(), planted.to_owned())] };
            assert_eq!(info.socket(), None, "{planted:?}");
        }
    }

    #[test]
    fn an_owner_of_another_namespace_is_known_as_one() {
        let mut info = OwnerInfo::of_this_process(2, Timestamp::from_millis(1));
        assert!(!info.is_elsewhere(Some("1")), "an earlier version says nothing");
        info.set_namespace(None);
        assert!(!info.is_elsewhere(Some("1")));
        info.set_namespace(Some("4026531836"));
        let read = OwnerInfo::read(&info.to_bytes()).unwrap();
        assert!(!read.is_elsewhere(Some("4026531836")) && read.is_elsewhere(Some("4026532200")));
        assert!(!read.is_elsewhere(None), "this process does not know its own");
    }

    #[test]
    fn locks_of_the_first_version_and_later_ones_are_read() {
        assert_eq!(pid(b"4711\n"), Some(4711));
        assert_eq!(pid(b"4711"), Some(4711));
        assert_eq!(pid(b""), None);
        let later = OwnerInfo::read(b"4711\nformat=9\nsocket=/run/shop=1.sock\nnew_line=\n").unwrap();
        assert_eq!(later.get("socket"), Some("/run/shop=1.sock"));
        assert_eq!(
            (later.get("format"), later.get("new_line"), later.get("none")),
            (Some("9"), Some(""), None)
        );
    }

    #[test]
    fn what_a_crash_leaves_of_a_lock_is_ours() {
        let whole = OwnerInfo::of_this_process(2, Timestamp::from_millis(1)).to_bytes();
        for len in 0..=whole.len() {
            assert!(OwnerInfo::read(&whole[..len]).is_some(), "cut to {len} bytes");
            let zeros = [&whole[..len], &vec![0; whole.len() - len]].concat();
            assert!(OwnerInfo::read(&zeros).is_some(), "zeros from byte {len}");
        }
    }

    #[test]
    fn any_other_file_is_not_ours() {
        let others: [&[u8]; 11] = [
            b"# This file is automatically @generated by Cargo.\nversion = 4\n",
            b"not a lock",
            b"4711 4712\n",
            b"\n\n",
            b"4711\nno value\n",
            b"4711\n=2\n",
            b"4711\nFormat=2\n",
            b"4711\nformat=\x7F\n",
            "4711\nformat=ü\n".as_bytes(),
            b"4711\n\0\nformat=2\n",
            b"123456789012345678901\n",
        ];
        for other in others {
            assert_eq!(OwnerInfo::read(other), None, "{}", String::from_utf8_lossy(other));
        }
        let many = |count: usize| [&b"1\n"[..], &b"a=b\n".repeat(count)].concat();
        assert!(
            OwnerInfo::read(&many(MAX_LINES)).is_some() && OwnerInfo::read(&many(MAX_LINES + 1)).is_none()
        );
        let long = |len: usize| [&b"1\na="[..], &vec![b'x'; len - 4]].concat();
        assert!(OwnerInfo::read(&long(MAX_LEN)).is_some() && OwnerInfo::read(&long(MAX_LEN + 1)).is_none());
    }

    proptest! {
        #[test]
        fn what_is_set_is_read(lines in proptest::collection::vec(("[a-z_A]{0,9}", "[ -~ü\n]{0,600}"), 0..20)) {
            let mut info = OwnerInfo { pid: Some(7), lines: vec![] };
            for (name, value) in &lines {
                info.set(name, value);
            }
            let bytes = info.to_bytes();
            prop_assert!(bytes.len() <= MAX_LEN);
            let read = OwnerInfo::read(&bytes).unwrap();
            prop_assert!(read.lines.iter().all(|line| info.lines.contains(line)) && read.pid == Some(7));
        }
    }
}
