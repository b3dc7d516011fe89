//! A server process that ends with its owner, even if the owner is killed.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Ends the server when standard input does, which is when the test process is gone or drops its end, with the
/// signal that it named on a line, if it did; then removes what the first argument names, if anything. Lets go of the log, so that it ends with the server.
const SCRIPT: &str = r#"
garbage=$1; shift
"$@" <&- & server=$!
exec 2>&-
read signal
kill -${signal:-INT} $server; wait $server
[ -z "$garbage" ] || rm -rf "$garbage"
"#;

/// A running server.
pub(crate) struct Tether {
    shell: Child,
}

impl Tether {
    /// Starts a server, as another user if asked, and waits for a line of its log that satisfies `ready`.
    pub(crate) fn start<T>(
        server: &[&str],
        garbage: Option<&Path>,
        user: Option<(u32, u32)>,
        ready: impl Fn(&str) -> Option<T>,
    ) -> (Self, T) {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", SCRIPT, "sh"])
            .arg(garbage.unwrap_or(Path::new("")))
            .args(server)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        if let Some((uid, gid)) = user {
            shell.uid(uid).gid(gid);
        }
        let mut shell = shell.spawn().expect("there is a shell");
        let mut log = BufReader::new(shell.stderr.take().unwrap()).lines();
        let mut said = String::new();
        let found = loop {
            let line = log
                .next()
                .unwrap_or_else(|| panic!("{} did not start:\n{said}", server[0]))
                .unwrap();
            if let Some(found) = ready(&line) {
                break found;
            }
            said.push_str(&line);
            said.push('\n');
        };
        // A full pipe would stop the server.
        std::thread::spawn(move || log.for_each(drop));
        (Self { shell }, found)
    }
}

impl Tether {
    /// Ends it with this signal.
    pub(crate) fn kill(mut self, signal: &str) {
        let stdin = self.shell.stdin.as_mut().unwrap();
        writeln!(stdin, "{signal}").unwrap();
    }
}

impl Drop for Tether {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}
