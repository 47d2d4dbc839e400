//! HTTP as bytes on a socket: what is sent is exactly what the test wrote, at the pace it chose.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::harness::PATIENCE;
use crate::stack::Stack;

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// Status and code.
    #[track_caller]
    pub(crate) fn problem(&self) -> (u16, String) {
        assert!(self.head.contains("application/problem+json"), "{self:?}");
        (self.status, self.json()["code"].as_str().unwrap().to_owned())
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Wire {
    socket: TcpStream,
    read: Vec<u8>,
}

impl Wire {
    pub(crate) async fn open(stack: &Stack) -> Self {
        let url = stack.at("");
        let socket = TcpStream::connect(url.trim_start_matches("http://")).await.unwrap();
        Self {
            socket,
            read: Vec::new(),
        }
    }

    pub(crate) async fn send(mut self, bytes: &[u8]) -> Answer {
        self.try_send(bytes).await.expect("an answer")
    }

    /// Sends and waits for the answer; `None` if the server closes instead. It may answer early and stop reading.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> Option<Answer> {
        let (mut reader, mut writer) = self.socket.split();
        let sending = async {
            let _ = writer.write_all(bytes).await;
            std::future::pending::<()>().await;
        };
        let answer = timeout(PATIENCE, next_answer(&mut reader, &mut self.read));
        tokio::select! {
            answer = answer => answer.expect("an end in time"),
            () = sending => None,
        }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).await.unwrap();
    }

    /// The next answer; `None` if the server closes instead.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        let answer = next_answer(&mut self.socket, &mut self.read);
        timeout(PATIENCE, answer).await.expect("an answer in time")
    }

    /// Says that nothing more will come.
    pub(crate) async fn end(&mut self) {
        self.socket.shutdown().await.unwrap();
    }
}

async fn next_answer(socket: &mut (impl AsyncReadExt + Unpin), read: &mut Vec<u8>) -> Option<Answer> {
    let head_ends = loop {
        if let Some(at) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break at + 4;
        }
        read_more(socket, read).await?;
    };
    let head = String::from_utf8(read.drain(..head_ends).collect()).unwrap();
    let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
    let declared = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().unwrap())
    });
    let length = declared.unwrap_or_default();
    while read.len() < length {
        read_more(socket, read).await?;
    }
    let body = read.drain(..length).collect();
    Some(Answer { status, head, body })
}

async fn read_more(socket: &mut (impl AsyncReadExt + Unpin), read: &mut Vec<u8>) -> Option<()> {
    let count = socket.read_buf(read).await.ok()?;
    (count > 0).then_some(())
}

/// A form with one part, ready to be spoilt.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    pub(crate) boundary: String,
    pub(crate) body: Vec<u8>,
}

pub(crate) const FILE_HEAD: &str = "Content-Disposition: form-data; name=\"file\"; filename=\"a.jsonl\"";

impl Form {
    pub(crate) fn of(head: &str, content: &str) -> Self {
        Self::bounded_by("XX", head, content)
    }

    pub(crate) fn bounded_by(boundary: &str, head: &str, content: &str) -> Self {
        Self {
            boundary: boundary.to_owned(),
            body: format!("--{boundary}\r\n{head}\r\n\r\n{content}\r\n--{boundary}--\r\n").into_bytes(),
        }
    }

    pub(crate) fn file(content: &str) -> Self {
        Self::of(FILE_HEAD, content)
    }

    pub(crate) fn request(&self) -> Vec<u8> {
        let length = format!("Content-Length: {}", self.body.len());
        [self.head(&length).as_bytes(), &self.body].concat()
    }

    /// The head of the request, with more headers.
    pub(crate) fn head(&self, headers: &str) -> String {
        format!(
            "POST /api/v1/files/upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=\"{}\"\r\n{headers}\r\n\r\n",
            self.boundary
        )
    }
}

pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}
