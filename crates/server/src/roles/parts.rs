//! The parts of a process: made of what was opened, and told what the settings say.

use std::net::SocketAddr;
use std::sync::Arc;

use domain::rules::Rules;
use worker::Destination;

use super::backends::Opened;
use super::replica::Me;
use crate::commands::reachable;
use crate::config::{self, Access, Config};
use crate::telemetry::Metrics;

/// Where every door takes messages.
const RECEIVER: &str = "/v1/notify";

/// `own_door`: the one of the same process, where there is one.
pub(super) fn worker(config: &Config, opened: &Opened, me: &Me, own_door: Option<SocketAddr>) -> worker::Worker {
    let usual = worker::Settings::named(me.name.clone());
    // A door that asks for a key asks its own worker too; messages then go where the door looks for them.
    let own_door = own_door.filter(|_| config.door.access != Access::WhoHasAKey);
    worker::Worker {
        records: opened.records.clone(),
        queue: Arc::clone(&opened.queue),
        live: Arc::clone(&opened.live),
        blobs: Arc::clone(&opened.blobs),
        settings: worker::Settings {
            slots: config.worker.slots,
            writes: config.worker.writes.unwrap_or(usual.writes),
            lease: config.worker.lease,
            alone: config.backends.are_of_one_process(),
            line_bytes_max: config.files.line_bytes_max,
            rejects_kept_max: config.files.rejects_kept_max,
            log_retention: config.files.log_retention,
            event_retention: config.worker.event_retention,
            effects: effects(config, Arc::clone(&opened.rules)),
            streams: worker::Streams {
                lease: config.playback.stream_lease,
                limit: config.playback.stream_limit,
            },
            notify: notify(&config.rules, own_door),
            ..usual
        },
        load: me.load.clone(),
    }
}

pub(crate) fn effects(config: &Config, rules: Arc<Rules>) -> worker::Effects {
    worker::Effects {
        position_unit: config.playback.position_unit,
        step_max: config.playback.step_max,
        rules,
    }
}

fn notify(rules: &config::Rules, own_door: Option<SocketAddr>) -> worker::Notify {
    let mut allow = rules.notify_allow.clone();
    let to = match (&rules.notify_url, own_door.map(reachable)) {
        (Some(url), _) => Destination::Url(url.clone()),
        (None, Some(door)) => {
            // Whatever our own door is bound to may be called.
            allow.push(door.ip().to_string());
            Destination::Url(format!("http://{door}{RECEIVER}"))
        }
        (None, None) => Destination::Receiver,
    };
    worker::Notify {
        to,
        secret: rules.notify_secret.clone(),
        allow,
        grace: rules.grace,
        ..worker::Notify::default()
    }
}

pub(super) fn door(config: &Config, opened: &Opened, metrics: Metrics) -> ingest::Door {
    ingest::Door {
        records: opened.records.clone(),
        queue: Arc::clone(&opened.queue),
        live: Arc::clone(&opened.live),
        blobs: Arc::clone(&opened.blobs),
        metrics,
        settings: door_settings(config, opened),
    }
}

pub(super) fn probes(config: &Config, opened: &Opened, metrics: Metrics) -> ingest::Probes {
    ingest::Probes {
        records: opened.records.clone(),
        queue: Arc::clone(&opened.queue),
        blobs: Arc::clone(&opened.blobs),
        metrics,
        settings: door_settings(config, opened),
    }
}

fn door_settings(config: &Config, opened: &Opened) -> ingest::Settings {
    ingest::Settings {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        mode: config.backends.in_words(),
        data_dir: config
            .backends
            .is_any_embedded()
            .then(|| config.backends.data_dir.clone()),
        upload_bytes_max: config.files.upload_bytes_max,
        chunk_bytes: config.files.chunk_bytes,
        line_delay_ms_max: config.files.line_delay_max_ms,
        position_unit: config.playback.position_unit,
        stream_lease: config.playback.stream_lease,
        stream_limit: config.playback.stream_limit,
        rules: Arc::clone(&opened.rules),
        allowed_hosts: config.door.allowed_hosts.clone(),
        cors_origins: config.door.cors_origins.clone(),
        keys_required: config.door.access == Access::WhoHasAKey,
        ..ingest::Settings::default()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const HOOK: &str = "https://example.org/hook";

    fn told(url: Option<&str>, own_door: Option<&str>) -> (Destination, Vec<String>) {
        let rules = config::Rules {
            file: None,
            grace: Duration::ZERO,
            notify_url: url.map(str::to_owned),
            notify_secret: None,
            notify_allow: Vec::new(),
        };
        let told = notify(&rules, own_door.map(|door| door.parse().unwrap()));
        (told.to, told.allow)
    }

    #[test]
    fn messages_go_where_the_settings_say() {
        for own_door in [None, Some("127.0.0.1:8000")] {
            assert_eq!(told(Some(HOOK), own_door), (Destination::Url(HOOK.to_owned()), vec![]));
        }
    }

    #[test]
    fn else_they_go_to_our_own_door_which_may_be_called_wherever_it_is() {
        for (door, url, allowed) in [
            ("127.0.0.1:8000", "http://127.0.0.1:8000/v1/notify", "127.0.0.1"),
            ("0.0.0.0:41234", "http://127.0.0.1:41234/v1/notify", "127.0.0.1"),
            ("[::]:8000", "http://[::1]:8000/v1/notify", "::1"),
            ("192.168.7.5:80", "http://192.168.7.5:80/v1/notify", "192.168.7.5"),
        ] {
            let expected = (Destination::Url(url.to_owned()), vec![allowed.to_owned()]);
            assert_eq!(told(None, Some(door)), expected);
        }
    }

    #[test]
    fn a_worker_without_a_door_puts_them_where_doors_look() {
        assert_eq!(told(None, None), (Destination::Receiver, vec![]));
    }
}
