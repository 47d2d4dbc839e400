//! Receivers that behave, and receivers that do not.

use std::sync::{Arc, Mutex};

use domain::ids::{EventId, NotificationId};
use domain::notification::NotificationState;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

use super::*;
use crate::Destination;

/// For those who never answer.
const SHORT: Duration = Duration::from_millis(100);

/// For those who do.
const LONG: Duration = Duration::from_secs(60);

const TAKEN: Receives = Receives::Answers("202 Accepted", "content-length: 2\r\n", "{}");

/// What a receiver does with everybody who connects.
#[derive(Clone, Copy)]
enum Receives {
    Answers(&'static str, &'static str, &'static str),
    Hangs,
    /// The head of an answer, byte by byte, and never the end of it.
    Drips,
    /// A status, and then a body without an end.
    Floods(&'static str),
    HangsUp,
}

struct Receiver {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
    flooded_bytes: Arc<Mutex<usize>>,
}

impl Receiver {
    async fn that(receives: Receives) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            port: listener.local_addr().unwrap().port(),
            requests: Arc::default(),
            flooded_bytes: Arc::default(),
        };
        let (requests, flooded_bytes) = (Arc::clone(&receiver.requests), Arc::clone(&receiver.flooded_bytes));
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                let request = request_of(&mut connection).await;
                requests.lock().unwrap().push(request);
                let flooded = receives.with(connection).await;
                *flooded_bytes.lock().unwrap() += flooded;
            }
        });
        receiver
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    async fn gets(&self, limit: Duration) -> Result<(), Undelivered> {
        sender(&self.url(), limit).send(&notification(), at(100)).await
    }
}

impl Receives {
    /// How much of a flood went out until it was stopped.
    async fn with(self, mut connection: TcpStream) -> usize {
        match self {
            Self::Answers(status, headers, body) => {
                let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\n{headers}\r\n{body}");
                let _ = connection.write_all(answer.as_bytes()).await;
            }
            Self::Hangs => drop(connection.read_to_end(&mut Vec::new()).await),
            Self::Drips => {
                let head = "HTTP/1.1 202 Accepted\r\nx-slow: ".bytes();
                for byte in head.chain(std::iter::repeat(b'x')) {
                    if connection.write_all(&[byte]).await.is_err() {
                        break;
                    }
                    tokio::time::sleep(SHORT / 50).await;
                }
            }
            Self::Floods(status) => {
                let mut flooded = 0;
                let head = format!("HTTP/1.1 {status}\r\n\r\n");
                let _ = connection.write_all(head.as_bytes()).await;
                while connection.write_all(&[b'x'; 1024]).await.is_ok() {
                    flooded += 1024;
                }
                return flooded;
            }
            Self::HangsUp => {}
        }
        0
    }
}

async fn request_of(connection: &mut TcpStream) -> String {
    let mut received = Vec::new();
    while connection.read_buf(&mut received).await.unwrap() > 0 {
        let text = String::from_utf8_lossy(&received);
        if text.split_once("\r\n\r\n").is_some_and(|(_, body)| body.ends_with('}')) {
            return text.into_owned();
        }
    }
    panic!("half a request");
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn sender_with(url: &str, notify: &Notify, limit: Duration) -> Sender {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Sender::new(url, notify, limit).unwrap()
}

fn sender(url: &str, limit: Duration) -> Sender {
    sender_with(url, &Notify::default(), limit)
}

fn notification() -> Notification {
    let (rule, user_id) = ("training-completed", "foo1".parse().unwrap());
    let cause = EventId::new(Uuid::from_u128(7));
    Notification {
        id: NotificationId::of(rule, &user_id, cause),
        rule: rule.to_owned(),
        user_id,
        cause,
        cause_at: at(60),
        state: NotificationState::Pending,
        suppression: None,
        message: "36 minutes!".to_owned(),
        data: serde_json::from_str(r#"{"minutes":36}"#).unwrap(),
        created_at: at(61),
        send_at: at(66),
        attempts: 1,
        next_try_at: Some(at(100)),
        delivered_at: None,
        last_error: None,
    }
}

#[tokio::test]
async fn a_message_arrives_as_it_is_documented() {
    let receiver = Receiver::that(TAKEN).await;
    assert_eq!(receiver.gets(LONG).await, Ok(()));
    let requests = receiver.requests();
    assert_eq!(requests.len(), 1);
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    let id = notification().id.to_string();
    assert!(head.starts_with("POST /hook HTTP/1.1\r\n"), "{head}");
    for header in [
        "content-type: application/json".to_owned(),
        format!("idempotency-key: {id}"),
        format!("webhook-id: {id}"),
        format!("user-agent: event-horizon/{}", env!("CARGO_PKG_VERSION")),
    ] {
        assert!(head.to_lowercase().contains(&header), "{header} in {head}");
    }
    assert!(!head.contains("webhook-signature"), "nothing to sign with");
    assert_eq!(
        body,
        format!(
            r#"{{"notification_id":"{id}","rule":"training-completed","user_id":"foo1","message":"36 minutes!","data":{{"minutes":36}},"cause_event_id":"00000000-0000-0000-0000-000000000007","created_at":"1970-01-01T00:01:01.000000Z"}}"#
        )
    );
}

#[tokio::test]
async fn a_message_is_signed_where_there_is_a_secret() {
    let receiver = Receiver::that(TAKEN).await;
    let notify = Notify {
        secret: Some("a secret".to_owned()),
        ..Notify::default()
    };
    let sender = sender_with(&receiver.url(), &notify, LONG);
    assert_eq!(sender.send(&notification(), at(100)).await, Ok(()));
    let requests = receiver.requests();
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    let expected = Secret::parse("a secret")
        .unwrap()
        .sign(&notification().id.to_string(), at(100), body.as_bytes());
    assert!(head.contains("webhook-timestamp: 100"), "{head}");
    assert!(
        head.contains(&format!("webhook-signature: {}", expected.signature)),
        "{head}"
    );
    assert!(!format!("{sender:?}").contains("a secret"));
}

#[tokio::test]
async fn a_name_is_looked_up_and_its_address_is_checked() {
    let receiver = Receiver::that(TAKEN).await;
    let url = format!("http://localhost:{}/hook", receiver.port);
    assert_eq!(sender(&url, LONG).send(&notification(), at(100)).await, Ok(()));
    let nothing_allowed = Notify {
        allow: Vec::new(),
        ..Notify::default()
    };
    let refused = sender_with(&url, &nothing_allowed, LONG)
        .send(&notification(), at(100))
        .await;
    assert!(
        matches!(refused, Err(Undelivered::NotAllowed(address)) if address.is_loopback()),
        "{refused:?}"
    );
    assert_eq!(receiver.requests().len(), 1);
}

#[tokio::test]
async fn an_address_that_is_not_allowed_is_never_called() {
    let receiver = Receiver::that(TAKEN).await;
    let notify = Notify {
        to: Destination::Receiver,
        allow: vec!["127.0.0.2".to_owned()],
        ..Notify::default()
    };
    for host in ["127.0.0.1", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "0x7f.1"] {
        let url = format!("http://{host}:{}/hook", receiver.port);
        let refused = sender_with(&url, &notify, LONG).send(&notification(), at(100)).await;
        assert!(
            matches!(refused, Err(Undelivered::NotAllowed(_))),
            "{host}: {refused:?}"
        );
    }
    assert_eq!(receiver.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_redirect_is_a_failed_try_and_is_not_followed() {
    let other = Receiver::that(TAKEN).await;
    let to_other = format!("location: {}\r\ncontent-length: 0\r\n", other.url());
    let locations = [
        "location: http://127.0.0.2/\r\ncontent-length: 0\r\n",
        "location: http://169.254.169.254/latest/meta-data/\r\ncontent-length: 0\r\n",
        to_other.leak(),
    ];
    for location in locations {
        for status in ["302 Found", "307 Temporary Redirect"] {
            let receiver = Receiver::that(Receives::Answers(status, location, "")).await;
            let refused = receiver.gets(LONG).await;
            assert!(
                matches!(refused, Err(Undelivered::Refused { status, .. }) if status.is_redirection()),
                "{refused:?}"
            );
        }
    }
    assert_eq!(other.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_receiver_may_say_when_to_come_again() {
    let date = "retry-after: Thu, 01 Jan 1970 00:05:00 GMT\r\ncontent-length: 0\r\n";
    let past = "retry-after: Thu, 01 Jan 1970 00:00:05 GMT\r\ncontent-length: 0\r\n";
    let cases = [
        (
            "429 Too Many Requests",
            "retry-after: 120\r\ncontent-length: 0\r\n",
            Some(120),
        ),
        ("503 Service Unavailable", date, Some(200)),
        ("503 Service Unavailable", past, Some(0)),
        (
            "429 Too Many Requests",
            "retry-after: soon\r\ncontent-length: 0\r\n",
            None,
        ),
        ("429 Too Many Requests", "content-length: 0\r\n", None),
        (
            "500 Internal Server Error",
            "retry-after: 120\r\ncontent-length: 0\r\n",
            None,
        ),
        ("404 Not Found", "content-length: 0\r\n", None),
    ];
    for (status, headers, seconds) in cases {
        let receiver = Receiver::that(Receives::Answers(status, headers, "")).await;
        let refused = receiver.gets(LONG).await.unwrap_err();
        let code = StatusCode::from_bytes(&status.as_bytes()[..3]).unwrap();
        let expected = Undelivered::Refused {
            status: code,
            retry_after: seconds.map(Duration::from_secs),
        };
        assert_eq!(refused, expected, "{status} {headers}");
        assert!(refused.to_string().contains(status), "{refused}");
    }
}

#[tokio::test]
async fn who_does_not_answer_in_time_is_given_up() {
    for receives in [Receives::Hangs, Receives::Drips] {
        let receiver = Receiver::that(receives).await;
        assert_eq!(receiver.gets(SHORT).await, Err(Undelivered::Late(SHORT)));
    }
}

#[tokio::test]
async fn of_an_answer_without_an_end_little_is_read_and_its_status_counts() {
    /// What lies in the buffers of both sides, beside what is read.
    const BUFFERS_BYTES_MAX: usize = 16 * 1024 * 1024;
    for status in ["200 OK", "500 Internal Server Error"] {
        let receiver = Receiver::that(Receives::Floods(status)).await;
        let outcome = receiver.gets(LONG).await;
        assert_eq!(outcome.is_ok(), status == "200 OK", "{outcome:?}");
        while *receiver.flooded_bytes.lock().unwrap() == 0 {
            tokio::task::yield_now().await;
        }
        assert!(*receiver.flooded_bytes.lock().unwrap() < ANSWER_BYTES_MAX + BUFFERS_BYTES_MAX);
    }
}

#[tokio::test]
async fn what_is_said_of_a_failure_names_no_secret() {
    let receiver = Receiver::that(Receives::HangsUp).await;
    let url = format!("http://user:hidden@127.0.0.1:{}/hidden?key=hidden", receiver.port);
    let failed = sender(&url, LONG).send(&notification(), at(100)).await.unwrap_err();
    assert!(matches!(failed, Undelivered::Unreachable(_)), "{failed:?}");
    assert!(!failed.to_string().contains("hidden"), "{failed}");

    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = format!("http://{closed}/hidden");
    let failed = sender(&url, LONG).send(&notification(), at(100)).await.unwrap_err();
    assert!(matches!(failed, Undelivered::Unreachable(_)), "{failed:?}");
    assert!(!failed.to_string().contains("hidden"), "{failed}");

    let unknown = sender("http://no-such-host.invalid/hidden", LONG);
    let failed = unknown.send(&notification(), at(100)).await.unwrap_err();
    assert!(!failed.to_string().contains("hidden"), "{failed}");
}

#[test]
fn what_cannot_be_sent_to_is_refused_at_once() {
    let notify = Notify {
        allow: vec!["everything".to_owned()],
        ..Notify::default()
    };
    let refused = Sender::new("http://127.0.0.1/", &notify, LONG);
    assert!(matches!(refused, Err(NoSender::Block(_))), "{refused:?}");
    let notify = Notify {
        secret: Some("whsec_no Base64".to_owned()),
        ..Notify::default()
    };
    let refused = Sender::new("http://127.0.0.1/", &notify, LONG);
    assert!(matches!(refused, Err(NoSender::Secret(_))), "{refused:?}");
    let refused = Sender::new("nowhere", &Notify::default(), LONG);
    assert!(matches!(refused, Err(NoSender::Address(_))), "{refused:?}");
}
