//! The configuration: read once at the start, typed, grouped by who needs it.
//!
//! A setting is one row in `config/table.rs` and one field here. `config.default.toml` is the manual, printed from the table.

mod flags;
mod gather;
mod kind;
mod mask;
mod playback;
mod refusal;
mod rules;
mod show;
mod table;

use std::net::SocketAddr;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

pub(crate) use self::flags::SettingFlags;
pub(crate) use self::gather::{Sources, Values, gather};
pub(crate) use self::mask::masked;
pub(crate) use self::playback::Playback;
use self::refusal::Refusals;
pub(crate) use self::rules::Rules;
pub(crate) use self::show::{defaults_file, for_people, for_programs, reference};
use self::table::DATA_FOLDER;

pub(crate) struct Config {
    pub(crate) door: Door,
    pub(crate) backends: Backends,
    pub(crate) files: Files,
    pub(crate) playback: Playback,
    pub(crate) rules: Rules,
    pub(crate) worker: Worker,
    pub(crate) process: Process,
    /// What commands show to a server.
    pub(crate) api_key: Option<String>,
}

/// Where the door is and who may come in.
pub(crate) struct Door {
    pub(crate) bind: SocketAddr,
    pub(crate) access: Access,
    pub(crate) cors_origins: Vec<String>,
    pub(crate) allowed_hosts: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    ThisComputer,
    /// Somebody decided so.
    AnyoneWhoReachesUs,
    WhoHasAKey,
}

pub(crate) struct Backends {
    /// As it was written, for people.
    pub(crate) data_dir_shown: String,
    pub(crate) data_dir: PathBuf,
    pub(crate) database_url: String,
    pub(crate) queue_url: String,
    pub(crate) queue_prefix: String,
    pub(crate) blob_url: String,
    pub(crate) s3: S3,
}

pub(crate) struct S3 {
    pub(crate) endpoint: Option<String>,
    pub(crate) region: String,
    pub(crate) access_key_id: Option<String>,
    pub(crate) secret_access_key: Option<String>,
}

pub(crate) struct Files {
    pub(crate) upload_bytes_max: u64,
    pub(crate) line_bytes_max: usize,
    pub(crate) chunk_bytes: u64,
    pub(crate) line_delay_max_ms: u32,
    pub(crate) rejects_kept_max: u64,
    pub(crate) log_retention: Option<Duration>,
}

pub(crate) struct Worker {
    pub(crate) slots: usize,
    /// `None`: by the cores.
    pub(crate) writes: Option<usize>,
    pub(crate) lease: Duration,
    pub(crate) event_retention: Option<Duration>,
}

pub(crate) struct Process {
    pub(crate) shutdown: Duration,
    pub(crate) log: String,
    /// `None`: by what standard error is.
    pub(crate) log_format: Option<LogFormat>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Pretty,
    Json,
}

impl Config {
    pub(crate) fn load(sources: &Sources) -> Result<Self, Refusals> {
        Self::from_values(&gather(sources)?)
    }

    fn from_values(values: &Values) -> Result<Self, Refusals> {
        Ok(Self {
            door: Door::from_values(values)?,
            backends: Backends::from_values(values)?,
            files: Files::from_values(values)?,
            playback: Playback::from_values(values)?,
            rules: Rules::from_values(values)?,
            worker: Worker::from_values(values)?,
            process: Process::from_values(values)?,
            api_key: values.text_if_set("EH_API_KEY")?,
        })
    }
}

impl Door {
    fn from_values(values: &Values) -> Result<Self, Refusals> {
        let bind = values.address("EH_BIND")?;
        Ok(Self {
            bind,
            access: Access::decide(bind, values.switch_if_set("EH_API_KEYS_REQUIRED")?),
            cors_origins: values.list("EH_CORS_ORIGINS")?,
            allowed_hosts: values.list("EH_ALLOWED_HOSTS")?,
        })
    }
}

impl Access {
    /// Whatever other computers can reach asks for a key, unless somebody says that it need not.
    fn decide(bind: SocketAddr, keys_required: Option<bool>) -> Self {
        let is_loopback = bind.ip().is_loopback();
        match keys_required.unwrap_or(!is_loopback) {
            true => Self::WhoHasAKey,
            false if is_loopback => Self::ThisComputer,
            false => Self::AnyoneWhoReachesUs,
        }
    }
}

impl Backends {
    fn from_values(values: &Values) -> Result<Self, Refusals> {
        let data_dir_shown = values.text("EH_DATA_DIR")?;
        let data_dir = std::path::absolute(&data_dir_shown).unwrap_or_else(|_| PathBuf::from(&data_dir_shown));
        let within_data = |text: String| text.replace(DATA_FOLDER, &data_dir.to_string_lossy());
        Ok(Self {
            database_url: in_folder(&data_dir, within_data(values.text("EH_DATABASE_URL")?)),
            queue_url: values.text("EH_QUEUE_URL")?,
            queue_prefix: values.text("EH_QUEUE_PREFIX")?,
            blob_url: within_data(values.text("EH_BLOB_URL")?),
            s3: S3::from_values(values)?,
            data_dir,
            data_dir_shown,
        })
    }

    pub(crate) fn database_is_embedded(&self) -> bool {
        self.database_url.starts_with(SQLITE)
    }

    pub(crate) fn queue_is_embedded(&self) -> bool {
        self.queue_url.starts_with("embedded:")
    }

    pub(crate) fn blobs_are_embedded(&self) -> bool {
        self.blob_url.starts_with("file:")
    }

    /// Whether anything is kept on this computer's disk.
    pub(crate) fn is_any_embedded(&self) -> bool {
        self.database_is_embedded() || self.queue_is_embedded() || self.blobs_are_embedded()
    }

    /// Whether no other process can work with what is kept: the queue locks the data folder, and nothing outside of it.
    pub(crate) fn are_of_one_process(&self) -> bool {
        let file = self.database_url.strip_prefix(SQLITE).map(Path::new);
        self.queue_is_embedded() && file.is_some_and(|file| lies_in(&self.data_dir, file))
    }

    /// What the backends are, in words.
    pub(crate) fn in_words(&self) -> String {
        let database = if self.database_is_embedded() {
            "SQLite"
        } else {
            "PostgreSQL"
        };
        let blobs = if self.blobs_are_embedded() { "local files" } else { "S3" };
        let queue = if self.queue_is_embedded() {
            "in-process queue"
        } else {
            "RabbitMQ"
        };
        format!("{database}, {blobs}, {queue}")
    }
}

impl S3 {
    fn from_values(values: &Values) -> Result<Self, Refusals> {
        Ok(Self {
            endpoint: values.text_if_set("EH_S3_ENDPOINT")?,
            region: values.text("EH_S3_REGION")?,
            access_key_id: values.text_if_set("AWS_ACCESS_KEY_ID")?,
            secret_access_key: values.text_if_set("AWS_SECRET_ACCESS_KEY")?,
        })
    }
}

/// 0 is for ever.
fn days(days: u64) -> Option<Duration> {
    const SECONDS: u64 = 24 * 60 * 60;
    (days > 0).then(|| Duration::from_secs(days * SECONDS))
}

impl Files {
    fn from_values(values: &Values) -> Result<Self, Refusals> {
        Ok(Self {
            upload_bytes_max: values.whole("EH_UPLOAD_BYTES_MAX")?,
            line_bytes_max: values.whole("EH_LINE_BYTES_MAX")?,
            chunk_bytes: values.whole("EH_CHUNK_BYTES")?,
            line_delay_max_ms: values.whole("EH_LINE_DELAY_MAX_MS")?,
            rejects_kept_max: values.whole("EH_REJECTS_KEPT_MAX")?,
            log_retention: days(values.whole("EH_LOG_RETENTION_DAYS")?),
        })
    }
}

impl Worker {
    fn from_values(values: &Values) -> Result<Self, Refusals> {
        Ok(Self {
            slots: values.whole("EH_WORKER_SLOTS")?,
            writes: values.whole_if_set("EH_WORKER_WRITES")?,
            lease: Duration::from_secs(values.whole("EH_WORKER_LEASE_SECONDS")?),
            event_retention: days(values.whole("EH_EVENT_RETENTION_DAYS")?),
        })
    }
}

impl Process {
    /// For a server that works for a command, whose own words are what counts; whoever asks for more than usual hears it.
    pub(crate) fn be_quiet(&mut self) {
        if self.log == "info" {
            "warn".clone_into(&mut self.log);
        }
    }

    fn from_values(values: &Values) -> Result<Self, Refusals> {
        let format = |text: String| {
            if text == "json" {
                LogFormat::Json
            } else {
                LogFormat::Pretty
            }
        };
        Ok(Self {
            shutdown: Duration::from_secs(values.whole("EH_SHUTDOWN_SECONDS")?),
            log: values.text("EH_LOG")?,
            log_format: values.text_if_set("EH_LOG_FORMAT")?.map(format),
        })
    }
}

const SQLITE: &str = "sqlite:";

/// The address with its file in the folder, unless it says where that is.
fn in_folder(folder: &Path, database_url: String) -> String {
    match database_url.strip_prefix(SQLITE) {
        Some(file) => format!("{SQLITE}{}", folder.join(file).display()),
        None => database_url,
    }
}

fn lies_in(folder: &Path, file: &Path) -> bool {
    file.strip_prefix(folder)
        .is_ok_and(|within| within.components().all(|component| component != Component::ParentDir))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For people who read the repository; the program prints the same.
    const DEFAULTS_FILE: &str = include_str!("config.default.toml");

    #[test]
    fn beyond_this_computer_a_key_is_needed_unless_somebody_says_otherwise() {
        let decided = |bind: &str, required| Access::decide(bind.parse().unwrap(), required);
        for (bind, unless_said) in [
            ("127.0.0.1:8000", Access::ThisComputer),
            ("[::1]:8000", Access::ThisComputer),
            ("0.0.0.0:8000", Access::WhoHasAKey),
            ("192.0.2.1:8000", Access::WhoHasAKey),
        ] {
            assert_eq!(decided(bind, None), unless_said, "{bind}");
            assert_eq!(decided(bind, Some(true)), Access::WhoHasAKey, "{bind}");
        }
        assert_eq!(decided("127.0.0.1:8000", Some(false)), Access::ThisComputer);
        assert_eq!(decided("0.0.0.0:8000", Some(false)), Access::AnyoneWhoReachesUs);
    }

    #[test]
    fn only_what_lies_in_the_data_folder_belongs_to_one_process() {
        let at = |url: &str| {
            let environment = [("EH_DATA_DIR", "/d"), ("EH_DATABASE_URL", url)];
            let sources = Sources {
                environment: environment.map(|(name, text)| (name.into(), text.into())).into(),
                ..Sources::default()
            };
            Backends::from_values(&gather(&sources).unwrap()).unwrap()
        };
        for (written, opened, is_ours) in [
            ("sqlite:<data>/event-horizon.db", "sqlite:/d/event-horizon.db", true),
            ("sqlite:x.db", "sqlite:/d/x.db", true),
            ("sqlite:/d/deep/x.db", "sqlite:/d/deep/x.db", true),
            ("sqlite:/x.db", "sqlite:/x.db", false),
            ("sqlite:/data/x.db", "sqlite:/data/x.db", false),
            ("sqlite:../x.db", "sqlite:/d/../x.db", false),
            ("postgres://localhost/x", "postgres://localhost/x", false),
        ] {
            let backends = at(written);
            assert_eq!(backends.database_url, opened);
            assert_eq!(backends.are_of_one_process(), is_ours, "{written}");
        }
    }

    #[test]
    fn the_manual_is_the_table() {
        assert!(
            DEFAULTS_FILE == defaults_file(),
            "src/config.default.toml is old: `event-horizon config default` prints the new one"
        );
    }

    #[test]
    fn the_manual_is_a_settings_file_that_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("settings.toml");
        std::fs::write(&file, DEFAULTS_FILE).unwrap();
        let values = gather(&Sources {
            file: Some(file),
            ..Sources::default()
        })
        .unwrap();
        let defaults = gather(&Sources::default()).unwrap();
        let texts = |values: &Values| values.all().map(|held| held.text.clone()).collect::<Vec<_>>();
        assert_eq!(texts(&values), texts(&defaults));
        assert!(Config::from_values(&values).is_ok());
    }
}
