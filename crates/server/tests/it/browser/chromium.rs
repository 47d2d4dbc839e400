//! A Chromium without a window, and pages in it, driven over its own protocol.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::harness::PATIENCE;

/// Names one that is not on the path.
const OWN_BROWSER: &str = "EH_TEST_BROWSER";
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const ADDRESS_LINE: &str = "DevTools listening on ";
/// An answer may wait for something as long as anybody here does, and then say what there is instead.
const ANSWER_MAX: Duration = Duration::from_secs(2 * PATIENCE.as_secs());
const ARGUMENTS: [&str; 8] = [
    "--headless=new",
    // Containers run tests as root, and their shared memory is small; all pages are our own.
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--remote-debugging-port=0",
    "about:blank",
];

pub(crate) struct Chromium {
    process: Child,
    address: String,
    _profile: TempDir,
}

impl Chromium {
    /// `None`, said aloud, where there is no browser.
    pub(crate) fn start() -> Option<Self> {
        let Some(program) = program() else {
            eprintln!("SKIPPED: no Chromium on the path and no {OWN_BROWSER}; on Debian: apt-get install chromium");
            return None;
        };
        let profile = TempDir::new().unwrap();
        let mut process = Command::new(program)
            .args(ARGUMENTS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap())
            .lines()
            .map_while(Result::ok);
        let address = lines
            .find_map(|line| line.strip_prefix(ADDRESS_LINE).map(str::to_owned))
            .expect("the browser names its address");
        // It goes on talking: whoever stops listening would stop it.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self {
            process,
            address,
            _profile: profile,
        })
    }

    pub(crate) async fn page(&self) -> Page {
        let mut browser = Page::connect(&self.address).await;
        let made = browser.call("Target.createTarget", json!({"url": "about:blank"})).await;
        let (base, _) = self.address.split_once("/devtools/").unwrap();
        let mut page = Page::connect(&format!("{base}/devtools/page/{}", made["targetId"].as_str().unwrap())).await;
        for domain in ["Page", "Runtime", "Log", "Network", "DOM"] {
            page.call(&format!("{domain}.enable"), json!({})).await;
        }
        page
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn program() -> Option<PathBuf> {
    let own = std::env::var_os(OWN_BROWSER).map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = || {
        std::env::split_paths(&path)
            .flat_map(|folder| NAMES.map(|name| folder.join(name)))
            .find(|file| file.is_file())
    };
    own.or_else(found)
}

/// One page, and what it complained of and asked for.
pub(crate) struct Page {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    calls: u64,
    pub(crate) complaints: Vec<String>,
    pub(crate) requests: Vec<String>,
    /// The addresses of its sockets.
    pub(crate) sockets: Vec<String>,
}

impl Page {
    async fn connect(address: &str) -> Self {
        let (socket, _) = tokio_tungstenite::connect_async(address).await.unwrap();
        Self {
            socket,
            calls: 0,
            complaints: Vec::new(),
            requests: Vec::new(),
            sockets: Vec::new(),
        }
    }

    pub(crate) async fn call(&mut self, method: &str, parameters: Value) -> Value {
        let answered = self.try_call(method, parameters).await;
        answered.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    async fn try_call(&mut self, method: &str, parameters: Value) -> Result<Value, Value> {
        self.calls += 1;
        let call = json!({"id": self.calls, "method": method, "params": parameters});
        self.socket.send(Message::text(call.to_string())).await.unwrap();
        loop {
            let message = tokio::time::timeout(ANSWER_MAX, self.socket.next())
                .await
                .expect("the browser answers");
            let Message::Text(text) = message.unwrap().unwrap() else {
                continue;
            };
            let mut said: Value = serde_json::from_str(&text).unwrap();
            if said["id"] == self.calls {
                return match said["error"].take() {
                    Value::Null => Ok(said["result"].take()),
                    error => Err(error),
                };
            }
            self.note(&said);
        }
    }

    fn note(&mut self, said: &Value) {
        let about = &said["params"];
        match said["method"].as_str() {
            Some("Runtime.exceptionThrown") => self.complaints.push(about["exceptionDetails"].to_string()),
            Some("Runtime.consoleAPICalled") if about["type"] == "error" => {
                self.complaints.push(about["args"].to_string());
            }
            Some("Log.entryAdded") if about["entry"]["level"] == "error" => {
                self.complaints.push(about["entry"].to_string());
            }
            Some("Network.requestWillBeSent") => {
                self.requests.push(about["request"]["url"].as_str().unwrap().to_owned());
            }
            Some("Network.webSocketCreated") => self.sockets.push(about["url"].as_str().unwrap().to_owned()),
            _ => {}
        }
    }

    pub(crate) async fn goto(&mut self, url: &str) {
        let gone = self.call("Page.navigate", json!({"url": url})).await;
        assert!(gone["errorText"].is_null(), "{url}: {gone}");
    }

    /// The value of an expression, also of one that takes its time.
    pub(crate) async fn value(&mut self, expression: &str) -> Value {
        let value = self.try_value(expression).await;
        value.unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    async fn try_value(&mut self, expression: &str) -> Result<Value, Value> {
        let parameters =
            json!({"expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true});
        let mut answer = self.try_call("Runtime.evaluate", parameters).await?;
        match answer["exceptionDetails"].take() {
            Value::Null => Ok(answer["result"]["value"].take()),
            exception => Err(exception),
        }
    }

    /// Waits until it is true.
    pub(crate) async fn until(&mut self, condition: &str) {
        let patience = PATIENCE.as_millis();
        let expression = format!(
            "new Promise((done) => {{
                const end = Date.now() + {patience};
                const look = () => {{
                    let held = false;
                    try {{ held = Boolean({condition}); }} catch {{}}
                    if (held || Date.now() > end) done(held ? null : document.body.innerText);
                    else setTimeout(look, 25);
                }};
                look();
            }})"
        );
        let instead = loop {
            match self.try_value(&expression).await {
                Ok(instead) => break instead,
                // Another page came while this one was looked at.
                Err(error)
                    if error["message"]
                        .as_str()
                        .is_some_and(|words| words.contains("navigated")) => {}
                Err(error) => panic!("{condition}: {error}"),
            }
        };
        assert!(
            instead.is_null(),
            "never became true: {condition}\non the page: {instead}\ncomplaints: {:?}",
            self.complaints
        );
    }

    /// Waits until this is to be read in the first element that the selector finds.
    pub(crate) async fn until_reads(&mut self, selector: &str, words: &str) {
        let condition = format!("document.querySelector({selector:?}).innerText.includes({words:?})");
        self.until(&condition).await;
    }

    pub(crate) async fn click_on(&mut self, label: &str) {
        let button = format!("[...document.querySelectorAll('button')].find((one) => one.innerText === {label:?})");
        self.until(&button).await;
        self.value(&format!("{button}.click()")).await;
    }

    pub(crate) async fn press(&mut self, key: &str, code: u32, text: Option<&str>) {
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code});
            if let (Some(text), "keyDown") = (text, kind) {
                event["text"] = json!(text);
            }
            self.call("Input.dispatchKeyEvent", event).await;
        }
    }

    /// How wide the window is, and whether it is dark.
    pub(crate) async fn look_like(&mut self, width: u32, colours: &str) {
        let metrics = json!({"width": width, "height": 740, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", metrics).await;
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": colours}]});
        self.call("Emulation.setEmulatedMedia", features).await;
    }
}
