//! How messages leave: once for every receiver that takes them, again for those that do not, and in nobody's way.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use domain::ids::{EventId, NotificationId};
use domain::notification::{Notification, NotificationState};
use domain::time::Timestamp;
use records::Class;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use uuid::Uuid;
use worker::{Destination, Notify, Settings};

use crate::bed::{Bed, Working, chrono_now, eventually};
use crate::events::{events, in_both_modes};

in_both_modes!(
    many_messages_arrive_once_each_from_two_workers,
    what_is_refused_is_tried_again_as_it_was,
    a_receiver_that_hangs_delays_no_event,
    the_built_in_receiver_gets_every_message_once,
    a_message_that_is_sent_again_arrives_again,
    a_message_is_never_sent_where_it_must_not_go,
);

const ACCEPTED: &str = "202 Accepted";

/// Keeps what it gets, and answers as it is told: the n-th request with the n-th status, the last one for ever.
struct Receiver {
    url: String,
    /// Bodies by key, in the order in which they came.
    got: Arc<Mutex<BTreeMap<String, Vec<String>>>>,
    /// Nobody is answered without a permit.
    may_answer: Arc<Semaphore>,
}

impl Receiver {
    async fn answering(statuses: &'static [&'static str]) -> Self {
        let receiver = Self::silent(statuses).await;
        receiver.answer();
        receiver
    }

    async fn silent(statuses: &'static [&'static str]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            url: format!("http://{}/", listener.local_addr().unwrap()),
            got: Arc::default(),
            may_answer: Arc::new(Semaphore::new(0)),
        };
        let (got, may_answer) = (Arc::clone(&receiver.got), Arc::clone(&receiver.may_answer));
        tokio::spawn(async move {
            for turn in 0.. {
                let Ok((connection, _)) = listener.accept().await else {
                    return;
                };
                let status = statuses[turn.min(statuses.len() - 1)];
                tokio::spawn(serve(connection, status, Arc::clone(&got), Arc::clone(&may_answer)));
            }
        });
        receiver
    }

    fn answer(&self) {
        self.may_answer.add_permits(1_000);
    }

    fn got(&self) -> BTreeMap<String, Vec<String>> {
        self.got.lock().unwrap().clone()
    }

    fn notify(&self) -> Notify {
        Notify {
            to: Destination::Url(self.url.clone()),
            ..Notify::default()
        }
    }
}

async fn serve(
    mut connection: TcpStream,
    status: &str,
    got: Arc<Mutex<BTreeMap<String, Vec<String>>>>,
    may_answer: Arc<Semaphore>,
) {
    let mut request = Vec::new();
    let (key, body) = loop {
        if connection.read_buf(&mut request).await.unwrap() == 0 {
            return;
        }
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        let length: usize = header("content-length: ").unwrap().parse().unwrap();
        if body.len() == length {
            break (header("idempotency-key: ").unwrap(), body.to_owned());
        }
    };
    got.lock().unwrap().entry(key).or_default().push(body);
    may_answer.acquire().await.unwrap().forget();
    let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    let _ = connection.write_all(answer.as_bytes()).await;
}

fn work(bed: &Bed, notify: Notify) -> Working {
    bed.work_with(Settings {
        notify,
        ..bed.settings()
    })
}

/// A message that is final and wants to leave.
fn put(bed: &Bed, number: u128) -> NotificationId {
    let (rule, user_id) = ("training-completed", "ada".parse().unwrap());
    let (cause, now) = (
        EventId::new(Uuid::from_u128(number)),
        Timestamp::from_micros(chrono_now()),
    );
    let notification = Notification {
        id: NotificationId::of(rule, &user_id, cause),
        rule: rule.to_owned(),
        user_id,
        cause,
        cause_at: now,
        state: NotificationState::Pending,
        suppression: None,
        message: format!("message {number}"),
        data: serde_json::from_str("{}").unwrap(),
        created_at: now,
        send_at: now,
        attempts: 0,
        next_try_at: Some(now),
        delivered_at: None,
        last_error: None,
    };
    bed.records
        .run(Class::Background, |unit| unit.put_notification(&notification))
        .unwrap();
    notification.id
}

fn stored(bed: &Bed, id: NotificationId) -> Notification {
    bed.records
        .run(Class::Reads, |unit| unit.notification(id))
        .unwrap()
        .unwrap()
}

async fn until(bed: &Bed, id: NotificationId, state: NotificationState) -> Notification {
    eventually(state.as_str(), async || stored(bed, id).state == state).await;
    stored(bed, id)
}

async fn many_messages_arrive_once_each_from_two_workers(bed: Bed) {
    let receiver = Receiver::answering(&[ACCEPTED]).await;
    let ids: Vec<NotificationId> = (0..60).map(|number| put(&bed, number)).collect();
    let working = [work(&bed, receiver.notify()), work(&bed, receiver.notify())];
    for id in &ids {
        let delivered = until(&bed, *id, NotificationState::Delivered).await;
        assert_eq!((delivered.attempts, delivered.last_error), (1, None));
        assert!(delivered.delivered_at.is_some());
    }
    for working in working {
        working.stop().await;
    }
    let got = receiver.got();
    let mut keys: Vec<String> = ids.iter().map(ToString::to_string).collect();
    keys.sort_unstable();
    assert_eq!(got.keys().cloned().collect::<Vec<_>>(), keys);
    assert!(got.values().all(|bodies| bodies.len() == 1));
}

async fn what_is_refused_is_tried_again_as_it_was(bed: Bed) {
    let receiver = Receiver::answering(&["500 Internal Server Error", ACCEPTED]).await;
    let id = put(&bed, 1);
    let working = work(&bed, receiver.notify());
    eventually("a first try", async || stored(&bed, id).last_error.is_some()).await;
    let refused = stored(&bed, id);
    assert_eq!((refused.state, refused.attempts), (NotificationState::Pending, 1));
    assert_eq!(
        refused.last_error.as_deref(),
        Some("the receiver answered 500 Internal Server Error")
    );
    assert!(refused.next_try_at.unwrap() > refused.created_at.plus_micros(4_000_000));
    let delivered = until(&bed, id, NotificationState::Delivered).await;
    working.stop().await;
    assert_eq!(delivered.attempts, 2);
    let got = receiver.got();
    let bodies = &got[&id.to_string()];
    assert_eq!((bodies.len(), &bodies[0]), (2, &bodies[1]));
}

async fn a_receiver_that_hangs_delays_no_event(bed: Bed) {
    let receiver = Receiver::silent(&[ACCEPTED]).await;
    let ids: Vec<NotificationId> = (0..20).map(|number| put(&bed, number)).collect();
    let working = work(&bed, receiver.notify());
    eventually("every place is taken", async || receiver.got().len() == 16).await;
    bed.publish(&events(300)).await;
    bed.until_stored(300).await;
    assert_eq!(receiver.got().len(), 16, "and no more than these");
    receiver.answer();
    for id in ids {
        until(&bed, id, NotificationState::Delivered).await;
    }
    working.stop().await;
}

async fn the_built_in_receiver_gets_every_message_once(bed: Bed) {
    let ids: Vec<NotificationId> = (0..30).map(|number| put(&bed, number)).collect();
    let working = [work(&bed, Notify::default()), work(&bed, Notify::default())];
    for id in &ids {
        until(&bed, *id, NotificationState::Delivered).await;
    }
    for working in working {
        working.stop().await;
    }
    let notices = bed.records.run(Class::Reads, |unit| unit.received(None, 100)).unwrap();
    let mut keys: Vec<_> = notices
        .iter()
        .map(|(_, notice)| notice.idempotency_key.clone())
        .collect();
    keys.sort_unstable();
    let mut expected: Vec<_> = ids.iter().map(|id| Some(id.to_string())).collect();
    expected.sort_unstable();
    assert_eq!(keys, expected);
    assert!(notices[0].1.body.contains(r#""message":"message "#));
}

async fn a_message_that_is_sent_again_arrives_again(bed: Bed) {
    let receiver = Receiver::answering(&[ACCEPTED]).await;
    let id = put(&bed, 1);
    let working = work(&bed, receiver.notify());
    until(&bed, id, NotificationState::Delivered).await;
    let now = Timestamp::from_micros(chrono_now());
    let resent = bed.records.run(Class::Background, |unit| unit.resend(id, now)).unwrap();
    assert_eq!(resent, Some(true));
    eventually("it comes again", async || {
        receiver.got()[&id.to_string()].len() == 2 && stored(&bed, id).state == NotificationState::Delivered
    })
    .await;
    working.stop().await;
}

async fn a_message_is_never_sent_where_it_must_not_go(bed: Bed) {
    let receiver = Receiver::answering(&[ACCEPTED]).await;
    let id = put(&bed, 1);
    let working = work(
        &bed,
        Notify {
            allow: Vec::new(),
            ..receiver.notify()
        },
    );
    eventually("a first try", async || stored(&bed, id).last_error.is_some()).await;
    working.stop().await;
    assert_eq!(
        stored(&bed, id).last_error.as_deref(),
        Some("127.0.0.1 is not a public address, nor one that is allowed")
    );
    assert!(receiver.got().is_empty());
}
