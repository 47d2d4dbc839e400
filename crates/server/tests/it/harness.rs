//! Runs the real binary in an empty folder: to its end, or as a server on a free port.

use std::ffi::OsStr;
use std::fmt::Display;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use reqwest::header::HeaderName;
use serde_json::Value;
use tempfile::TempDir;

/// For whatever must happen: generous, because nothing waits so long unless it never happens.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

const ASK_AGAIN_AFTER: Duration = Duration::from_millis(20);

/// An empty folder, where the binary is started and keeps its data.
#[derive(Debug)]
pub(crate) struct Place {
    folder: TempDir,
}

/// What a program that has ended said.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Nothing of the surrounding environment reaches the program.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_event-horizon"));
        command
            .args(arguments)
            .env_clear()
            .current_dir(self.path())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, &[])
    }

    pub(crate) fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
        ran(self.command(arguments).envs(environment.iter().copied()))
    }

    /// A server with all roles on the embedded backends.
    pub(crate) fn serve(&self) -> Server {
        Server::start(&mut self.command(&["serve", "--bind", "127.0.0.1:0"]))
    }
}

pub(crate) fn ran(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran {
        code: output.status.code().unwrap(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// Runs a program that reads this on its standard input.
pub(crate) fn ran_with_input(command: &mut Command, input: &[u8]) -> Ran {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // A program that ends early does not read it all.
    let writing = thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran {
        code: output.status.code().unwrap(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// A process that serves, with its log. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    url: String,
    log: Arc<Mutex<Vec<Value>>>,
    lines: Receiver<Value>,
}

impl Server {
    /// Returns when the server says that it has started.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut server = Self::spawn(command);
        server.await_start();
        server
    }

    /// For a process that does not start at once; it has no address yet.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = follow_log(child.stderr.take().unwrap(), Arc::clone(&log));
        Self {
            child,
            url: String::new(),
            log,
            lines,
        }
    }

    pub(crate) fn await_start(&mut self) {
        let started = self.await_log("server.started");
        self.url = format!("http://{}", started["address"].as_str().unwrap());
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Waits for the next log line with this message.
    pub(crate) fn await_log(&self, message: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self
                .lines
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(line) if line["message"] == message => return line,
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => panic!("no `{message}` in {PATIENCE:?}: {:#?}", self.log()),
                Err(RecvTimeoutError::Disconnected) => panic!("ended without `{message}`: {:#?}", self.log()),
            }
        }
    }

    /// All lines so far; a line that is no JSON is a string.
    pub(crate) fn log(&self) -> Vec<Value> {
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        self.signal("TERM");
        self.child.wait().unwrap()
    }

    pub(crate) fn wait_for_end(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn follow_log(stderr: impl Read + Send + 'static, log: Arc<Mutex<Vec<Value>>>) -> Receiver<Value> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines() {
            let Ok(line) = line else { break };
            let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
            log.lock().unwrap().push(line.clone());
            // Nobody may be waiting for lines any more; the log is kept all the same.
            let _ = sender.send(line);
        }
    });
    lines
}

/// Asks until the answer is there; what it was instead is said when patience ends.
pub(crate) async fn until<T, E: Display>(mut ask: impl AsyncFnMut() -> Result<T, E>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(instead) => assert!(Instant::now() < deadline, "{instead}"),
        }
        tokio::time::sleep(ASK_AGAIN_AFTER).await;
    }
}

/// A client that speaks to this computer only.
pub(crate) fn http() -> reqwest::Client {
    http_showing(None)
}

/// The same, with an API key.
pub(crate) fn http_showing(key: Option<&str>) -> reqwest::Client {
    // A second test of the same process finds it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let shown = key.map(|key| (HeaderName::from_static("x-api-key"), key.parse().unwrap()));
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE);
    client.default_headers(shown.into_iter().collect()).build().unwrap()
}

/// The arguments of a command line, for those that hold paths.
pub(crate) fn text(path: &(impl AsRef<OsStr> + ?Sized)) -> &str {
    path.as_ref().to_str().unwrap()
}

/// How much a test does: what is usual, or more for whoever wants to see more.
pub(crate) fn usual_or(variable: &str, usual: usize) -> usize {
    std::env::var(variable).map_or(usual, |text| text.parse().unwrap())
}
