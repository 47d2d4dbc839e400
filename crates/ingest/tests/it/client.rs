//! HTTP as bytes on a socket: what is sent is exactly what the test wrote.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The answer is a problem in the one shape; its code.
    #[track_caller]
    pub(crate) fn problem(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{problem}");
        assert_eq!(problem["request_id"].as_str(), self.header("x-request-id"), "{problem}");
        assert_eq!(
            self.header("retry-after").is_some(),
            matches!(self.status, 429 | 503 | 507),
            "{self:?}"
        );
        for member in ["type", "title", "detail", "code"] {
            assert!(
                problem[member].as_str().is_some_and(|text| !text.is_empty()),
                "{member} in {problem}"
            );
        }
        assert!(problem["errors"].is_array(), "{problem}");
        problem["code"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(
            self.status,
            status,
            "{:?}\n{}",
            self.headers,
            String::from_utf8_lossy(&self.body)
        );
        assert!(self.header("x-request-id").is_some(), "{self:?}");
        self
    }
}

pub(crate) fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("{method} {target} HTTP/1.1\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        text += "host: localhost\r\n";
    }
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() || method == "POST" {
        text += &format!("content-length: {}\r\n", body.len());
    }
    let mut bytes = (text + "connection: close\r\n\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Reads one answer; `head` says that it answers HEAD and so has no body.
pub(crate) async fn read_answer(stream: &mut TcpStream, head: bool) -> Answer {
    read_answer_after(Vec::new(), stream, head).await
}

async fn read_answer_after(mut received: Vec<u8>, stream: &mut TcpStream, head: bool) -> Answer {
    let head_end = loop {
        if let Some(at) = received.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        assert!(
            read_more(stream, &mut received).await,
            "closed in the head: {:?}",
            String::from_utf8_lossy(&received)
        );
    };
    let mut answer = parse_head(std::str::from_utf8(&received[..head_end]).unwrap());
    let mut rest = received.split_off(head_end + 4);
    if answer.status == 100 {
        return Box::pin(read_answer_after(rest, stream, head)).await;
    }
    let chunked = answer.header("transfer-encoding") == Some("chunked");
    let length: Option<usize> = answer.header("content-length").map(|length| length.parse().unwrap());
    if !head && answer.status != 204 {
        while length.is_none_or(|length| rest.len() < length) && !(chunked && rest.ends_with(b"0\r\n\r\n")) {
            if !read_more(stream, &mut rest).await {
                assert!(length.is_none(), "closed in the body: {answer:?}");
                break;
            }
        }
    }
    answer.body = if chunked { unchunk(&rest) } else { rest };
    answer
}

async fn read_more(stream: &mut TcpStream, received: &mut Vec<u8>) -> bool {
    stream.read_buf(received).await.is_ok_and(|count| count > 0)
}

fn parse_head(text: &str) -> Answer {
    let mut lines = text.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let header = |line: &str| {
        let (name, value) = line.split_once(':').unwrap();
        (name.to_ascii_lowercase(), value.trim().to_owned())
    };
    Answer {
        status,
        headers: lines.map(header).collect(),
        body: Vec::new(),
    }
}

fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let line_end = rest
            .windows(2)
            .position(|two| two == b"\r\n")
            .expect("a whole chunked body");
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line_end]).unwrap(), 16).unwrap();
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&rest[line_end + 2..line_end + 2 + size]);
        rest = &rest[line_end + 2 + size + 2..];
    }
}

/// One part of a form.
pub(crate) struct Part<'p> {
    pub(crate) head: String,
    pub(crate) body: &'p [u8],
}

pub(crate) fn file<'p>(name: &str, body: &'p [u8]) -> Part<'p> {
    Part {
        head: format!("Content-Disposition: form-data; name=\"file\"; filename=\"{name}\""),
        body,
    }
}

pub(crate) fn field<'p>(name: &str, text: &'p str) -> Part<'p> {
    Part {
        head: format!("Content-Disposition: form-data; name=\"{name}\""),
        body: text.as_bytes(),
    }
}

pub(crate) const FORM: (&str, &str) = ("content-type", "multipart/form-data; boundary=XX");

pub(crate) fn form(parts: &[Part<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for part in parts {
        body.extend_from_slice(format!("--XX\r\n{}\r\n\r\n", part.head).as_bytes());
        body.extend_from_slice(part.body);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--XX--\r\n");
    body
}

pub(crate) async fn send(address: std::net::SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may answer, and stop reading, before all of it is sent.
    let _ = stream.write_all(bytes).await;
    read_answer(&mut stream, bytes.starts_with(b"HEAD ")).await
}
