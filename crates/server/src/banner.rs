//! What a person at a terminal sees when the server has started.

use std::io::IsTerminal;
use std::net::SocketAddr;

use crate::commands::{reachable, say};
use crate::config::{Access, Backends, masked};

/// What there is to tell.
pub(crate) struct Banner<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) access: Access,
    pub(crate) backends: &'a Backends,
    /// Jobs that an earlier process left unfinished.
    pub(crate) jobs_resumed: u64,
    /// Whether sample data are being loaded.
    pub(crate) demo: bool,
}

impl Banner<'_> {
    /// For people only. False: nobody is there to read it.
    pub(crate) fn show(&self) -> bool {
        let somebody_reads = std::io::stdout().is_terminal();
        if somebody_reads {
            say(&self.text());
        }
        somebody_reads
    }

    fn text(&self) -> String {
        let url = format!("http://{}", reachable(self.address));
        let resumed = self
            .resumed()
            .map(|line| format!("  Resumed    {line}\n"))
            .unwrap_or_default();
        let demo = if self.demo {
            "  Demo       sample data of 30 days, in a moment\n"
        } else {
            ""
        };
        format!(
            "\n  Event Horizon {version}   {mode}\n\n  \
               Console    {url}/\n  \
               API        {url}/docs\n  \
               Data       {data}\n  \
               Access     {access}\n\
             {resumed}{demo}\n  \
               Next       event-horizon upload app.jsonl --follow{server}\n             \
               event-horizon generate --events 5000{server}\n  \
               Stop       Ctrl+C\n",
            version = env!("CARGO_PKG_VERSION"),
            mode = self.backends.in_words(),
            data = self.data(),
            access = self.access(),
            server = self.server_flag(&url),
        )
    }

    fn data(&self) -> String {
        let backends = self.backends;
        if backends.database_is_embedded() {
            format!("{:<26}delete this folder to start over", backends.data_dir_shown)
        } else {
            masked(&backends.database_url)
        }
    }

    fn access(&self) -> &'static str {
        match self.access {
            Access::ThisComputer => "this computer only, no key needed",
            Access::AnyoneWhoReachesUs => "anyone who can reach this address, no key needed",
            Access::WhoHasAKey => "with a key; event-horizon keys create makes one",
        }
    }

    fn resumed(&self) -> Option<String> {
        match self.jobs_resumed {
            0 => None,
            1 => Some("1 unfinished job goes on".to_owned()),
            jobs => Some(format!("{jobs} unfinished jobs go on")),
        }
    }

    /// What the example must say so that it finds this server.
    fn server_flag(&self, url: &str) -> String {
        const DEFAULT_PORT: u16 = 8000;
        if self.address.port() == DEFAULT_PORT {
            String::new()
        } else {
            format!(" --url {url}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Sources};

    #[test]
    fn a_newcomer_is_told_what_there_is() {
        let config = Config::load(&Sources::default()).unwrap();
        let address = "127.0.0.1:8000".parse().unwrap();
        let banner = Banner {
            address,
            access: config.door.access,
            backends: &config.backends,
            jobs_resumed: 2,
            demo: true,
        };
        assert_eq!(
            banner.text().replace(env!("CARGO_PKG_VERSION"), "<version>"),
            "
  Event Horizon <version>   SQLite, local files, in-process queue

  Console    http://127.0.0.1:8000/
  API        http://127.0.0.1:8000/docs
  Data       ./data                    delete this folder to start over
  Access     this computer only, no key needed
  Resumed    2 unfinished jobs go on
  Demo       sample data of 30 days, in a moment

  Next       event-horizon upload app.jsonl --follow
             event-horizon generate --events 5000
  Stop       Ctrl+C
"
        );
    }
}
