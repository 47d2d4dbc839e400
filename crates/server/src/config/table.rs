//! Every setting there is, one row each: parsing, `config show`, the flags, the check for unknown names and the documentation all read this table.

use super::kind::Kind;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;
const DAY_SECONDS: u64 = 24 * 60 * 60;

/// What begins every environment variable of ours; the rest, in lower case, is the key in the file.
pub(crate) const PREFIX: &str = "EH_";
/// Variables that tests read; never a setting.
pub(crate) const TEST_PREFIX: &str = "EH_TEST_";
/// Stands for the data folder inside another setting.
pub(crate) const DATA_FOLDER: &str = "<data>";

#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) env: &'static str,
    pub(crate) group: Group,
    pub(crate) default: Default,
    pub(crate) kind: Kind,
    pub(crate) shown: Shown,
    pub(crate) meaning: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Door,
    Backends,
    Files,
    Playback,
    Rules,
    Worker,
    Process,
    Commands,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Default {
    Value(&'static str),
    /// Not one value: what holds instead while nothing is set.
    Rule(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    Whole,
    /// A URL: all of it but the password.
    WithoutPassword,
    /// A URL of which every part may be a secret but its scheme and host.
    HostOnly,
    Never,
}

impl Setting {
    /// The name in the file.
    pub(crate) fn key(&self) -> String {
        self.env.strip_prefix(PREFIX).unwrap_or(self.env).to_ascii_lowercase()
    }

    /// The name on the command line. A secret has none: command lines are seen by every user of a machine.
    pub(crate) fn flag(&self) -> Option<String> {
        (self.shown != Shown::Never).then(|| self.key().replace('_', "-"))
    }
}

impl Group {
    pub(crate) const ALL: [Self; 8] = [
        Self::Door,
        Self::Backends,
        Self::Files,
        Self::Playback,
        Self::Rules,
        Self::Worker,
        Self::Process,
        Self::Commands,
    ];

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Door => "The door: where it listens and whom it answers",
            Self::Backends => "Where things are kept",
            Self::Files => "Uploaded files",
            Self::Playback => "Watch time and streams",
            Self::Rules => "Rules and their messages",
            Self::Worker => "The worker",
            Self::Process => "The process",
            Self::Commands => "Commands that ask a server",
        }
    }
}

pub(crate) const SETTINGS: &[Setting] = &[
    Setting {
        env: "EH_BIND",
        group: Group::Door,
        default: Default::Value("127.0.0.1:8000"),
        kind: Kind::Address,
        shown: Shown::Whole,
        meaning: "Address and port to listen on. Port 0 takes a free one, which is printed and logged. Beyond loopback keys are required, unless EH_API_KEYS_REQUIRED says otherwise.",
    },
    Setting {
        env: "EH_API_KEYS_REQUIRED",
        group: Group::Door,
        default: Default::Rule("false on loopback, true on any other address"),
        kind: Kind::Switch,
        shown: Shown::Whole,
        meaning: "Whether clients need an API key; `event-horizon keys create` makes one. `--insecure-no-auth` says `false`.",
    },
    Setting {
        env: "EH_CORS_ORIGINS",
        group: Group::Door,
        default: Default::Value("none"),
        kind: Kind::Origins,
        shown: Shown::Whole,
        meaning: "Web origins whose pages may call beside our own; `*` is any. While bound to loopback every loopback origin may too, and a page without one may post events.",
    },
    Setting {
        env: "EH_ALLOWED_HOSTS",
        group: Group::Door,
        default: Default::Value("none"),
        kind: Kind::Hosts,
        shown: Shown::Whole,
        meaning: "Names under which this server may be called, beside the loopback ones and `host.docker.internal`. Bound elsewhere than to loopback it may be called by any address too.",
    },
    Setting {
        env: "EH_DATA_DIR",
        group: Group::Backends,
        default: Default::Value("./data"),
        kind: Kind::Text("a folder"),
        shown: Shown::Whole,
        meaning: "Folder of the embedded backends; made if it is missing. `<data>` stands for it in the next settings.",
    },
    Setting {
        env: "EH_DATABASE_URL",
        group: Group::Backends,
        default: Default::Value("sqlite:<data>/event-horizon.db"),
        kind: Kind::Url(&["sqlite:", "postgres://", "postgresql://"]),
        shown: Shown::WithoutPassword,
        meaning: "The database: `sqlite:<file>` (in the data folder, unless it begins with `/`) or `postgres://user:password@host/name`.",
    },
    Setting {
        env: "EH_QUEUE_URL",
        group: Group::Backends,
        default: Default::Value("embedded:"),
        kind: Kind::Url(&["embedded:", "amqp://", "amqps://"]),
        shown: Shown::WithoutPassword,
        meaning: "The queue: `embedded:` (in the data folder, for one process) or `amqp://user:password@host:5672/vhost`.",
    },
    Setting {
        env: "EH_QUEUE_PREFIX",
        group: Group::Backends,
        default: Default::Value("eh"),
        kind: Kind::Text("1 to 100 of a-z, A-Z, 0-9, `-`, `_` and `.`"),
        shown: Shown::Whole,
        meaning: "What the names of all objects in a shared broker begin with.",
    },
    Setting {
        env: "EH_BLOB_URL",
        group: Group::Backends,
        default: Default::Value("file:<data>/blobs"),
        kind: Kind::Url(&["file:", "s3://"]),
        shown: Shown::WithoutPassword,
        meaning: "Where uploaded files are kept: `file:<folder>` or `s3://bucket[/prefix]`; a missing folder or bucket is made.",
    },
    Setting {
        env: "EH_S3_ENDPOINT",
        group: Group::Backends,
        default: Default::Rule("the endpoint of AWS"),
        kind: Kind::Url(&["http://", "https://"]),
        shown: Shown::WithoutPassword,
        meaning: "Address of an S3 server that is not AWS, such as `http://localhost:9000`.",
    },
    Setting {
        env: "EH_S3_REGION",
        group: Group::Backends,
        default: Default::Value("us-east-1"),
        kind: Kind::Text("the name of a region"),
        shown: Shown::Whole,
        meaning: "Region of the bucket.",
    },
    Setting {
        env: "AWS_ACCESS_KEY_ID",
        group: Group::Backends,
        default: Default::Rule("none"),
        kind: Kind::Text("an access key id"),
        shown: Shown::Never,
        meaning: "Who we are to the S3 server.",
    },
    Setting {
        env: "AWS_SECRET_ACCESS_KEY",
        group: Group::Backends,
        default: Default::Rule("none"),
        kind: Kind::Text("a secret access key"),
        shown: Shown::Never,
        meaning: "The secret that belongs to AWS_ACCESS_KEY_ID.",
    },
    Setting {
        env: "EH_UPLOAD_BYTES_MAX",
        group: Group::Files,
        default: Default::Value("4 GiB"),
        kind: Kind::Bytes { min: KIB, max: TIB },
        shown: Shown::Whole,
        meaning: "The largest file that is taken, counted after decompression.",
    },
    Setting {
        env: "EH_LINE_BYTES_MAX",
        group: Group::Files,
        default: Default::Value("1 MiB"),
        kind: Kind::Bytes {
            min: KIB,
            max: 64 * MIB,
        },
        shown: Shown::Whole,
        meaning: "The longest line of a file; a longer one is rejected, its neighbours are not.",
    },
    Setting {
        env: "EH_CHUNK_BYTES",
        group: Group::Files,
        default: Default::Value("4 MiB"),
        kind: Kind::Bytes { min: KIB, max: GIB },
        shown: Shown::Whole,
        meaning: "About how much of a file is one piece of work; several workers share a file by these pieces.",
    },
    Setting {
        env: "EH_LINE_DELAY_MAX_MS",
        group: Group::Files,
        default: Default::Value("0"),
        kind: Kind::Whole {
            min: 0,
            max: domain::job::LINE_DELAY_MS_MAX as u64,
        },
        shown: Shown::Whole,
        meaning: "Simulated work: each line of every file waits a random time up to this many milliseconds. 1000 is 0 to 1 s per line.",
    },
    Setting {
        env: "EH_REJECTS_KEPT_MAX",
        group: Group::Files,
        default: Default::Value("10000"),
        kind: Kind::Whole {
            min: 0,
            max: 10_000_000,
        },
        shown: Shown::Whole,
        meaning: "How many rejected lines of a job are kept whole; their count is always exact.",
    },
    Setting {
        env: "EH_LOG_RETENTION_DAYS",
        group: Group::Files,
        default: Default::Value("0"),
        kind: Kind::Whole { min: 0, max: 36_500 },
        shown: Shown::Whole,
        meaning: "How many days log entries are kept, by whole months: a month goes when all of it is older. 0 keeps them for ever.",
    },
    Setting {
        env: "EH_WATCH_UNIT",
        group: Group::Playback,
        default: Default::Value("seconds"),
        kind: Kind::Word(&["seconds", "milliseconds"]),
        shown: Shown::Whole,
        meaning: "In what the `at` of a heartbeat is counted. Answers are always in seconds.",
    },
    Setting {
        env: "EH_WATCH_MAX_STEP_SECONDS",
        group: Group::Playback,
        default: Default::Value("120"),
        kind: Kind::Whole {
            min: 1,
            max: DAY_SECONDS,
        },
        shown: Shown::Whole,
        meaning: "How far a heartbeat may lie ahead of the one before it to count as watched; beyond that it is a jump.",
    },
    Setting {
        env: "EH_STREAM_LIMIT",
        group: Group::Playback,
        default: Default::Value("3"),
        kind: Kind::Whole { min: 0, max: 1_000 },
        shown: Shown::Whole,
        meaning: "How many streams a user may run at once who has no limit of her own.",
    },
    Setting {
        env: "EH_STREAM_LEASE_SECONDS",
        group: Group::Playback,
        default: Default::Value("60"),
        kind: Kind::Whole {
            min: 1,
            max: DAY_SECONDS,
        },
        shown: Shown::Whole,
        meaning: "How long a stream keeps its slot without being renewed. Players are told to renew every third of it.",
    },
    Setting {
        env: "EH_RULES_FILE",
        group: Group::Rules,
        default: Default::Rule("the rules that are compiled in"),
        kind: Kind::Text("a file"),
        shown: Shown::Whole,
        meaning: "The rules in force (TOML); `event-horizon rules default` prints a file to begin from, and `event-horizon rules check` checks one. Every process that serves reads it at its start; all of one installation must have the same.",
    },
    Setting {
        env: "EH_RULES_GRACE_SECONDS",
        group: Group::Rules,
        default: Default::Value("5"),
        kind: Kind::Whole { min: 0, max: 3_600 },
        shown: Shown::Whole,
        meaning: "How long a message is held back for late events that speak against it.",
    },
    Setting {
        env: "EH_NOTIFY_URL",
        group: Group::Rules,
        default: Default::Rule("the built-in receiver, whose messages `GET /v1/notify` shows"),
        kind: Kind::WebAddress,
        shown: Shown::HostOnly,
        meaning: "Where messages are posted to.",
    },
    Setting {
        env: "EH_NOTIFY_SECRET",
        group: Group::Rules,
        default: Default::Rule("none: messages are not signed"),
        kind: Kind::Secret,
        shown: Shown::Never,
        meaning: "Signs every message (Standard Webhooks), so that the receiver can tell it from a forged one.",
    },
    Setting {
        env: "EH_NOTIFY_ALLOW",
        group: Group::Rules,
        default: Default::Value("127.0.0.0/8,::1/128"),
        kind: Kind::Blocks,
        shown: Shown::Whole,
        meaning: "Private addresses to which messages may be posted. Public ones always may; whatever else a name leads to is refused at every attempt.",
    },
    Setting {
        env: "EH_WORKER_SLOTS",
        group: Group::Worker,
        default: Default::Value("8"),
        kind: Kind::Whole { min: 1, max: 256 },
        shown: Shown::Whole,
        meaning: "How many pieces of files one process works on at once.",
    },
    Setting {
        env: "EH_WORKER_WRITES",
        group: Group::Worker,
        default: Default::Rule("half the cores, 1 or 2"),
        kind: Kind::Whole { min: 1, max: 4 },
        shown: Shown::Whole,
        meaning: "How many batches of events one process writes to PostgreSQL at once. Each keeps about one core busy; more of them are faster where the database has a machine of its own.",
    },
    Setting {
        env: "EH_WORKER_LEASE_SECONDS",
        group: Group::Worker,
        default: Default::Value("20"),
        kind: Kind::Whole { min: 1, max: 3_600 },
        shown: Shown::Whole,
        meaning: "How long a piece of work stays with a worker that gives no sign of life; then another one takes it over.",
    },
    Setting {
        env: "EH_EVENT_RETENTION_DAYS",
        group: Group::Worker,
        default: Default::Value("0"),
        kind: Kind::Whole { min: 0, max: 36_500 },
        shown: Shown::Whole,
        meaning: "How many days events are kept, by whole months of the time they happened: a month goes, with its counts, when all of it is older. 0 keeps them for ever.",
    },
    Setting {
        env: "EH_SHUTDOWN_SECONDS",
        group: Group::Process,
        default: Default::Value("25"),
        kind: Kind::Whole { min: 1, max: 3_600 },
        shown: Shown::Whole,
        meaning: "How long a clean end may take after SIGTERM or Ctrl+C; a second signal ends it at once.",
    },
    Setting {
        env: "EH_LOG",
        group: Group::Process,
        default: Default::Value("info"),
        kind: Kind::LogFilter,
        shown: Shown::Whole,
        meaning: "What is logged: a level, or levels by part.",
    },
    Setting {
        env: "EH_LOG_FORMAT",
        group: Group::Process,
        default: Default::Rule("pretty on a terminal, else json"),
        kind: Kind::Word(&["pretty", "json"]),
        shown: Shown::Whole,
        meaning: "How log lines look. They go to standard error.",
    },
    Setting {
        env: "EH_API_KEY",
        group: Group::Commands,
        default: Default::Rule("none"),
        kind: Kind::ApiKey,
        shown: Shown::Never,
        meaning: "The key that commands such as `upload` and `jobs` show to the server; `--key` says it too. From a file it goes only to the server that the settings describe, not to one of `--url`.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_defaults_are_allowed() {
        for (at, setting) in SETTINGS.iter().enumerate() {
            assert!(
                SETTINGS[..at].iter().all(|earlier| earlier.key() != setting.key()),
                "{}",
                setting.env
            );
            if let Default::Value(text) = setting.default {
                assert!(setting.kind.parse(text).is_some(), "{}", setting.env);
            }
        }
    }
}
