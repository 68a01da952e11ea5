//! Tests of access to the server: the password, read-only mode, the mode of the socket, and other machines.

use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};

use larder::Cache;
use larder_serve::{Error, Server};

use crate::support::Served;

const NO_AUTH: &str = "-NOAUTH Authentication required.\r\n";
const WRONG: &str = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";

#[test]
fn a_guest_may_do_nothing_before_it_has_given_the_password() {
    let served = Served::with(|builder| builder.password("open sesame"));
    let mut client = served.connect();
    for refused in [&["PING"][..], &["GET", "a"], &["SET", "a", "1"], &["CLIENT", "LIST"], &["SELECT", "1"]] {
        client.expect(refused, NO_AUTH);
    }
    client.expect(&["NOPE"], "-ERR unknown command 'NOPE', with args beginning with: \r\n");
    for wrong in ["", "open", "open sesame ", "Open sesame", "open sesameopen sesame"] {
        client.expect(&["AUTH", wrong], WRONG);
        client.expect(&["AUTH", "default", wrong], WRONG);
        client.expect(&["HELLO", "3", "AUTH", "default", wrong], WRONG);
    }
    client.expect(&["AUTH", "root", "open sesame"], WRONG);
    client.expect(&["GET", "a"], NO_AUTH);
    client.expect(&["AUTH", "open sesame"], "+OK\r\n");
    client.expect(&["GET", "a"], "$-1\r\n");
    client.expect(&["RESET"], "+RESET\r\n");
    client.expect(&["GET", "a"], NO_AUTH);
    client.expect(&["AUTH", "default", "open sesame"], "+OK\r\n");
    client.expect(&["PING"], "+PONG\r\n");
}

#[test]
fn a_guest_can_make_the_server_hold_little() {
    let served = Served::with(|builder| builder.password("open sesame"));
    let mut client = served.connect();
    client.send("*1000\r\n");
    client.receive("-ERR Protocol error: unauthenticated multibulk length\r\n");
    client.expect_end();
    let mut client = served.connect();
    client.send("*2\r\n$4\r\nAUTH\r\n$1000000\r\n");
    client.receive("-ERR Protocol error: unauthenticated bulk length\r\n");
    client.expect_end();
}

#[test]
fn without_a_password_auth_says_so() {
    let served = Served::new();
    let mut client = served.connect();
    client.expect(
        &["AUTH", "x"],
        "-ERR AUTH <password> called without any password configured for the default user. Are you sure your \
         configuration is correct?\r\n",
    );
    client.expect(&["AUTH", "default", "x"], "+OK\r\n");
    client.expect(&["AUTH", "other", "x"], WRONG);
}

#[test]
fn a_read_only_server_answers_and_changes_nothing() {
    let served = Served::with(|builder| builder.read_only(true));
    let mut client = served.connect();
    let refused = "-READONLY You can't write against a read only replica.\r\n";
    client.expect(&["SET", "a", "1"], refused);
    client.expect(&["DEL", "a"], refused);
    client.expect(&["GET", "a"], "$-1\r\n");
}

#[test]
fn a_socket_is_the_users_alone_unless_a_setting_says_more() {
    let served = Served::new();
    let mode = |served: &Served| std::fs::metadata(&served.socket).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&served), 0o600);
    let group = std::fs::metadata(served.dir.path()).unwrap().gid();
    let shared = Served::with(|builder| builder.socket_mode(0o660).socket_group(group));
    assert_eq!(mode(&shared), 0o660);
    assert_eq!(std::fs::metadata(&shared.socket).unwrap().gid(), group);
    shared.connect().expect(&["PING"], "+PONG\r\n");
}

#[test]
fn a_socket_that_a_crash_left_is_replaced_and_anything_else_is_not() {
    let mut served = Served::new();
    drop(served.server.take());
    assert!(!served.socket.exists(), "its server has removed it");
    let left = std::os::unix::net::UnixListener::bind(&served.socket).unwrap();
    let start = || Server::builder(&served.cache).listen(format!("unix:{}", served.socket.display())).start();
    assert!(matches!(start(), Err(Error::Listen { .. })), "a process answers there");
    drop(left);
    drop(start().unwrap());
    std::fs::write(&served.socket, "precious").unwrap();
    assert!(matches!(start(), Err(Error::Listen { .. })));
    assert!(!std::fs::metadata(&served.socket).unwrap().file_type().is_socket());
    assert_eq!(std::fs::read(&served.socket).unwrap(), b"precious");
}

#[test]
fn other_machines_need_the_setting_and_a_password() {
    let cache = Cache::builder().open().unwrap();
    let anywhere = || Server::builder(&cache).listen("0.0.0.0:0");
    for refused in [anywhere(), anywhere().allow_remote(true), anywhere().password("x")] {
        let error = refused.start().unwrap_err();
        assert!(matches!(error, Error::InvalidSetting { setting: "listen", .. }));
        assert!(error.to_string().contains("not encrypted"), "{error}");
    }
    drop(anywhere().allow_remote(true).password("x").start().unwrap());
}

#[test]
fn settings_out_of_range_are_refused_by_name_and_no_text_has_the_password() {
    let cache = Cache::builder().open().unwrap();
    let builder = || Server::builder(&cache).listen("127.0.0.1:0").password("open sesame");
    assert!(!format!("{:?}", builder()).contains("sesame"));
    let refused = [
        ("databases", builder().databases(0)),
        ("databases", builder().databases(257)),
        ("max_connections", builder().max_connections(0)),
        ("threads", builder().threads(0)),
        ("password", builder().password("")),
        ("database", builder().removals_of(16, larder_serve::RemovalMode::Buffered)),
        ("listen", builder().listen("6379")),
        ("listen", Server::builder(&cache)),
    ];
    for (name, builder) in refused {
        let error = builder.start().unwrap_err();
        assert!(matches!(error, Error::InvalidSetting { setting, .. } if setting == name), "{error}");
        assert!(!format!("{error:?}").contains("sesame"));
    }
}
