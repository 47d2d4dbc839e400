//! What an operator can say about the door, and the limits it keeps.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use domain::rules::Rules;
use domain::stream_limit::LIMIT_DEFAULT;
use domain::watch_time::PositionUnit;

/// What a file may hold once it is unpacked.
pub const UPLOAD_BYTES_MAX: u64 = 4 << 30;
/// The size of the pieces in which workers share a file.
pub const CHUNK_BYTES: u64 = 4 << 20;
/// How long a client may be silent in the middle of an upload.
pub const UPLOAD_SILENCE_MAX: Duration = Duration::from_secs(30);
/// Uploads that are received at once; each holds some memory and a file.
pub const UPLOADS_AT_ONCE_MAX: usize = 64;
/// How long a key is trusted without a look at the table.
pub(crate) const KEY_TRUSTED: Duration = Duration::from_secs(10);
/// So many confirms of the queue are out before single events share a message.
pub(crate) const CONFIRMS_UNSHARED_MAX: usize = 4;

#[derive(Clone, Debug)]
pub struct Settings {
    /// Of the product, for people and for the API document.
    pub version: String,
    /// What the backends are, in words: "SQLite, local disk, embedded queue".
    pub mode: String,
    /// Where this computer keeps what is kept on it, for whoever asks how much room is left.
    pub data_dir: Option<PathBuf>,
    pub upload_bytes_max: u64,
    pub chunk_bytes: u64,
    pub upload_silence_max: Duration,
    pub uploads_at_once_max: usize,
    /// The simulated delay of each line of every job that names none itself.
    pub line_delay_ms_max: u32,
    /// In what heartbeats count positions.
    pub position_unit: PositionUnit,
    pub stream_lease: Duration,
    /// How many streams a user may run at once who has no limit of her own.
    pub stream_limit: usize,
    pub rules: Arc<Rules>,
    /// While fewer confirms than these are out, a single event leaves at once; beyond, it joins what waits.
    pub confirms_unshared_max: usize,
    /// Names under which this server may be called beside its own. While bound to loopback the loopback names are
    /// always allowed; elsewhere an empty list allows every name.
    pub allowed_hosts: Vec<String>,
    /// Origins whose pages may call; `*` is any. While bound to loopback every loopback origin and `null` may too.
    pub cors_origins: Vec<String>,
    /// Whether calls need a key.
    pub keys_required: bool,
    /// How long a key that was looked up is taken for what it was; so long one that is revoked still opens.
    pub key_trusted: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            mode: String::new(),
            data_dir: None,
            upload_bytes_max: UPLOAD_BYTES_MAX,
            chunk_bytes: CHUNK_BYTES,
            upload_silence_max: UPLOAD_SILENCE_MAX,
            uploads_at_once_max: UPLOADS_AT_ONCE_MAX,
            line_delay_ms_max: 0,
            position_unit: PositionUnit::Seconds,
            stream_lease: Duration::from_secs(60),
            stream_limit: LIMIT_DEFAULT,
            rules: Arc::default(),
            confirms_unshared_max: CONFIRMS_UNSHARED_MAX,
            allowed_hosts: Vec::new(),
            cors_origins: Vec::new(),
            keys_required: false,
            key_trusted: KEY_TRUSTED,
        }
    }
}
