//! Wrong settings end a process with exit code 64, before it binds a port.

use std::net::TcpListener;
use std::process::Command;

use crate::support::world::built;

#[test]
fn wrong_settings_are_refused_before_a_port_is_bound() {
    // Taken: a process that bound it first would fail with another exit code.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let check = |program: &str, wrong: &[&str]| {
        let output = Command::new(built(program))
            .args(wrong)
            .args(["--admin-listen", &taken])
            .env_remove("AUTH")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(64),
            "{program} {wrong:?}: {said}"
        );
        assert!(!said.trim().is_empty(), "{program} {wrong:?} says why");
    };
    check("gateway", &[]);
    check("gateway", &["--auth", "maybe"]);
    check("gateway", &["--auth", "open", "--listen", "here"]);
    check("gateway", &["--auth", "open", "--log", "=,="]);
    check("persister", &["run", "--partitions", "0"]);
    check("persister", &["run", "--database-url", "mysql://nowhere"]);
    check("persister", &["run", "--nats-url", "not a url"]);
}
