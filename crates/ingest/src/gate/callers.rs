//! The host names we answer for, and the origins whose pages may call.

use std::net::{IpAddr, SocketAddr};

use crate::settings::Settings;

/// Containers on the same machine call their host by this name.
const CONTAINER_HOST: &str = "host.docker.internal";

#[derive(Debug)]
pub(super) struct Callers {
    pub(super) loopback: bool,
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl Callers {
    pub(super) fn new(settings: &Settings, bound: SocketAddr) -> Self {
        let loopback = bound.ip().is_loopback();
        let hosts = settings.allowed_hosts.iter().map(|host| host.to_ascii_lowercase());
        let origins = settings
            .cors_origins
            .iter()
            .map(|origin| origin.trim_end_matches('/').to_ascii_lowercase())
            .collect();
        Self {
            loopback,
            hosts: hosts.collect(),
            origins,
        }
    }

    /// A name that somebody else's name server made up for our address is not ours. An address is nobody's name, so
    /// where we are meant to be reached from elsewhere any address will do: health checks know us by no other.
    pub(super) fn admits_host(&self, host: &str) -> bool {
        let name = host_name(host);
        let by_address = !self.loopback && name.parse::<IpAddr>().is_ok();
        by_address || is_loopback_name(&name) || name == CONTAINER_HOST || self.hosts.contains(&name)
    }

    /// A page may call if it is ours, if it was allowed, or if all of this is on one machine.
    pub(super) fn admits_origin(&self, origin: &str, host: Option<&str>) -> bool {
        let origin = origin.to_ascii_lowercase();
        if self.origins.iter().any(|known| known == "*" || *known == origin) {
            return true;
        }
        let Some((_, origin_host)) = origin.split_once("://") else {
            return false;
        };
        let own = host.is_some_and(|host| host.eq_ignore_ascii_case(origin_host));
        own || (self.loopback && is_loopback_name(&host_name(origin_host)))
    }
}

/// Without port, brackets, trailing dot and capitals.
fn host_name(host: &str) -> String {
    let host = host.trim();
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn is_loopback_name(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn callers(bound: &str, hosts: &[&str], origins: &[&str]) -> Callers {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let settings = Settings {
            allowed_hosts: owned(hosts),
            cors_origins: owned(origins),
            ..Settings::default()
        };
        Callers::new(&settings, bound.parse().unwrap())
    }

    #[test]
    fn on_loopback_only_names_of_this_machine_are_answered() {
        let callers = callers("127.0.0.1:8000", &["Box.Example"], &[]);
        for host in [
            "localhost",
            "LOCALHOST:8000",
            "a.localhost",
            "127.0.0.1:1",
            "127.9.9.9",
            "[::1]:8000",
            "localhost.",
            "box.example:80",
        ] {
            assert!(callers.admits_host(host), "{host}");
        }
        assert!(callers.admits_host("host.docker.internal:8000"));
        for host in [
            "evil.example",
            "localhost.evil.example",
            "10.0.0.1:8000",
            "",
            "127.0.0.1.evil.example",
            "[::2]",
        ] {
            assert!(!callers.admits_host(host), "{host}");
        }
    }

    #[test]
    fn elsewhere_names_need_a_list_and_addresses_do_not() {
        let without_list = callers("0.0.0.0:8000", &[], &[]);
        for host in [
            "10.0.0.7:8000",
            "[2001:db8::7]:8000",
            "localhost:8000",
            "host.docker.internal",
        ] {
            assert!(without_list.admits_host(host), "{host}");
        }
        assert!(!without_list.admits_host("any.example"));
        assert!(callers("0.0.0.0:8000", &["one.example"], &[]).admits_host("10.0.0.7"));
        assert!(!callers("0.0.0.0:8000", &["one.example"], &[]).admits_host("any.example"));
        assert!(callers("0.0.0.0:8000", &["one.example"], &[]).admits_host("localhost"));
    }

    #[test]
    fn origins_are_ours_allowed_or_local() {
        let local = callers("127.0.0.1:8000", &[], &[]);
        for origin in ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:5173"] {
            assert!(local.admits_origin(origin, Some("localhost:8000")), "{origin}");
        }
        for origin in [
            "http://evil.example",
            "http://localhost.evil.example",
            "",
            "file",
            "null",
        ] {
            assert!(!local.admits_origin(origin, Some("localhost:8000")), "{origin}");
        }
        let public = callers("0.0.0.0:8000", &[], &["https://App.example/"]);
        assert!(public.admits_origin("https://app.example", None));
        assert!(public.admits_origin("https://self.example:8000", Some("self.example:8000")));
        for origin in ["http://localhost", "http://app.example"] {
            assert!(!public.admits_origin(origin, Some("self.example:8000")), "{origin}");
        }
    }
}
