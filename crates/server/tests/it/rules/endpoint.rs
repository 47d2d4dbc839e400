//! Somebody who wants to be told: an HTTP server that keeps what it gets.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

/// Serves for as long as the tests run.
#[derive(Debug)]
pub(super) struct Endpoint {
    url: String,
    notices: Arc<Mutex<Vec<Notice>>>,
}

/// A request as it came; the names of its headers in lower case.
#[derive(Clone, Debug)]
pub(super) struct Notice {
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Value,
}

impl Endpoint {
    pub(super) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let notices = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&notices);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let notice = taken(stream.unwrap());
                kept.lock().unwrap().extend(notice);
            }
        });
        Self { url, notices }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn notices(&self) -> Vec<Notice> {
        self.notices.lock().unwrap().clone()
    }
}

/// Answers one request and hangs up. `None`: the caller did so before.
fn taken(mut stream: TcpStream) -> Option<Notice> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    assert!(line.is_empty() || line.starts_with("POST /hook HTTP/1.1"), "{line}");
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers.get("content-length")?.parse().unwrap()];
    reader.read_exact(&mut body).ok()?;
    let answer = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
    stream.write_all(answer.as_bytes()).ok()?;
    let body = serde_json::from_slice(&body).unwrap();
    Some(Notice { headers, body })
}
