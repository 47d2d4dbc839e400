//! What a broker does to its clients: it loses queues, falls silent, breaks connections and is full.

mod proxy;

use lapin::options::{QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties};

use self::proxy::Proxy;
use super::*;
use crate::test_bed::{Adapter, Bed, bodies, frame, frame_of, run};
use crate::{Topic, open as open_queue};

const SOON: Duration = Duration::from_secs(15);
const NEVER: Duration = Duration::MAX;
const SHORT: Duration = Duration::from_millis(300);

macro_rules! cases {
    ($($case:ident)*) => {
        mod cases {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                super::run(super::Adapter::RabbitMq, super::$case).await;
            })*
        }
    };
}

cases! {
    a_missing_queue_confirms_nothing_and_is_made_again
    a_connection_frozen_in_the_middle_refuses_in_time_and_thaws
    what_is_unconfirmed_is_bounded
    a_broken_connection_is_replaced_and_late_settles_are_lost
    a_broker_that_says_nothing_is_waited_for_in_the_background
    a_queue_of_other_making_is_used_and_its_limit_is_full
}

async fn open_through(bed: &Bed, proxy: &Proxy) -> Opened {
    let mut settings = bed.settings.clone();
    settings.url = proxy.url();
    open_queue(&settings).await.unwrap()
}

async fn raw_channel(bed: &Bed) -> (Connection, Channel) {
    let connection = Connection::connect(&bed.settings.url, ConnectionProperties::default())
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

async fn publish(opened: &Opened, body: &str, deadline: Duration) -> Result<(), Refused> {
    let answer = opened.queue.publish(Lane::Events, frame(body, 1), deadline);
    timeout(deadline + SOON, answer)
        .await
        .expect("a publish outlives its deadline")
}

/// Until the connection is replaced every publish is refused at once, so this asks again and again.
async fn publish_until_confirmed(opened: &Opened, body: &str) {
    let trying = async {
        while publish(opened, body, Duration::from_secs(2)).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, trying).await.expect("the queue does not recover");
}

async fn a_missing_queue_confirms_nothing_and_is_made_again(bed: Bed) {
    let opened = bed.open().await;
    publish(&opened, "before", SOON).await.unwrap();
    let (_connection, channel) = raw_channel(&bed).await;
    let queue = format!("{}.events", bed.settings.prefix);
    channel
        .queue_delete(queue.as_str().into(), QueueDeleteOptions::default())
        .await
        .unwrap();

    let refused = publish(&opened, "into the void", SOON).await;
    assert!(
        matches!(&refused, Err(Refused::Unreachable(why)) if why.contains("missing")),
        "{refused:?}"
    );
    publish_until_confirmed(&opened, "after").await;
    let mut intake = opened.queue.intake(Lane::Events, 10).await.unwrap();
    assert_eq!(bodies(&intake.batch(1, NEVER).await.unwrap()), ["after"]);
}

async fn a_connection_frozen_in_the_middle_refuses_in_time_and_thaws(bed: Bed) {
    let proxy = Proxy::start(&bed.settings.url).await;
    let opened = open_through(&bed, &proxy).await;
    publish(&opened, "before", SOON).await.unwrap();
    proxy.freeze();
    assert_eq!(publish(&opened, "during", SHORT).await, Err(Refused::Unconfirmed));
    assert!(opened.queue.intake(Lane::Events, 1).await.is_err());
    assert!(opened.queue.backlog(Lane::Events).await.is_err());
    proxy.thaw();
    publish_until_confirmed(&opened, "after").await;

    let mut intake = opened.queue.intake(Lane::Events, 10).await.unwrap();
    // Refused does not mean that it was not stored.
    assert_eq!(
        bodies(&intake.batch(3, NEVER).await.unwrap()),
        ["before", "during", "after"]
    );
}

async fn what_is_unconfirmed_is_bounded(mut bed: Bed) {
    let proxy = Proxy::start(&bed.settings.url).await;
    bed.settings.limits.unconfirmed_bytes_max = 4096;
    let opened = open_through(&bed, &proxy).await;
    proxy.freeze();
    let sent = opened
        .queue
        .publish(Lane::Events, frame_of(vec![1; 4096], 1), SHORT)
        .await;
    assert_eq!(sent, Err(Refused::Unconfirmed));
    let unsent = publish(&opened, "more", SHORT).await;
    assert!(
        matches!(&unsent, Err(Refused::Unreachable(why)) if why.contains("unconfirmed")),
        "{unsent:?}"
    );
    proxy.thaw();
    publish_until_confirmed(&opened, "after").await;
    // The whole room is free again, not only what the last one needed.
    opened
        .queue
        .publish(Lane::Events, frame_of(vec![1; 4096], 1), SOON)
        .await
        .unwrap();
}

async fn a_broken_connection_is_replaced_and_late_settles_are_lost(bed: Bed) {
    let proxy = Proxy::start(&bed.settings.url).await;
    let opened = open_through(&bed, &proxy).await;
    let mut listener = opened.live.listen();
    publish(&opened, "a", SOON).await.unwrap();
    publish(&opened, "b", SOON).await.unwrap();
    let mut first = opened.queue.intake(Lane::Events, 10).await.unwrap();
    let early = first.batch(2, NEVER).await.unwrap();
    proxy.cut();
    assert!(matches!(
        timeout(SOON, first.batch(1, NEVER)).await.unwrap(),
        Err(Lost(_))
    ));
    assert!(matches!(first.settle(early[1].tag).await, Err(Lost(_))));

    publish_until_confirmed(&opened, "c").await;
    let mut second = timeout(SOON, intake_when_there_is_one(&opened)).await.unwrap();
    assert!(matches!(second.settle(early[1].tag).await, Err(Lost(_))));
    let batch = timeout(SOON, second.batch(3, NEVER)).await.unwrap().unwrap();
    let mut found = bodies(&batch);
    found.sort();
    assert_eq!(found, ["a", "b", "c"]);
    assert!(batch.iter().filter(|delivery| delivery.redelivered).count() >= 2);
    second.settle(batch[2].tag).await.unwrap();

    opened.live.announce(Topic("job".into()), "note".into());
    assert_eq!(timeout(SOON, listener.recv()).await.unwrap().unwrap().1, "note");
}

async fn intake_when_there_is_one(opened: &Opened) -> Box<dyn Intake> {
    loop {
        match opened.queue.intake(Lane::Events, 10).await {
            Ok(intake) => return intake,
            Err(Lost(_)) => tokio::task::yield_now().await,
        }
    }
}

async fn a_broker_that_says_nothing_is_waited_for_in_the_background(bed: Bed) {
    let proxy = Proxy::start(&bed.settings.url).await;
    proxy.freeze();
    let opened = timeout(SOON, open_through(&bed, &proxy))
        .await
        .expect("opening waits for ever");
    assert!(matches!(
        publish(&opened, "too early", SHORT).await,
        Err(Refused::Unreachable(_))
    ));
    assert!(opened.queue.check().await.is_err());
    assert!(opened.queue.intake(Lane::Events, 1).await.is_err());
    opened.live.announce(Topic("job".into()), "dropped".into());
    proxy.thaw();
    publish_until_confirmed(&opened, "after").await;
    opened.queue.check().await.unwrap();
}

async fn a_queue_of_other_making_is_used_and_its_limit_is_full(bed: Bed) {
    let (_connection, channel) = raw_channel(&bed).await;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(2));
    arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let queue = format!("{}.events", bed.settings.prefix);
    channel
        .queue_declare(queue.as_str().into(), durable, arguments)
        .await
        .unwrap();

    let opened = bed.open().await;
    let refused = async {
        loop {
            if let Err(refused) = publish(&opened, "one more", SOON).await {
                break refused;
            }
        }
    };
    assert_eq!(timeout(SOON, refused).await.expect("it never gets full"), Refused::Full);
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_and_prefixes_are_checked_before_anything_else() {
    let mut settings = Settings::new("amqp://me:secret@host:port", "");
    let error = open_queue(&settings).await.unwrap_err();
    assert!(
        matches!(&error, OpenError::Address { .. }) && !error.to_string().contains("secret"),
        "{error}"
    );
    settings.prefix = "no spaces".into();
    assert!(matches!(open_queue(&settings).await, Err(OpenError::Prefix(_))));
}
