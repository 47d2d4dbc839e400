//! What an operator can say about the blob store, and the limits it keeps.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Where files are kept. `Debug` masks the credentials.
#[derive(Clone)]
pub struct Settings {
    /// `file:<path>` or `s3://bucket[/prefix]`; empty means the folder `blobs` of the data folder.
    pub url: String,
    pub data_dir: PathBuf,
    /// For servers that are not AWS.
    pub s3_endpoint: Option<String>,
    /// `us-east-1` if absent.
    pub s3_region: Option<String>,
    pub access_key_id: Option<String>,
    pub secret_access_key: Option<String>,
    pub limits: Limits,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let masked = |secret: &Option<String>| secret.as_ref().map(|_| "***");
        f.debug_struct("Settings")
            .field("url", &mask_user(&self.url))
            .field("data_dir", &self.data_dir)
            .field("s3_endpoint", &self.s3_endpoint.as_deref().map(mask_user))
            .field("s3_region", &self.s3_region)
            .field("access_key_id", &masked(&self.access_key_id))
            .field("secret_access_key", &masked(&self.secret_access_key))
            .field("limits", &self.limits)
            .finish()
    }
}

/// Hides what some people write in front of the `@` of a URL.
pub(crate) fn mask_user(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://***@{host}"),
        _ => url.to_owned(),
    }
}

/// Every buffer and every wait has an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// What is collected before the disk is touched, in each direction.
    pub disk_buffer_bytes: usize,
    /// S3 takes no part below 5 MiB except the last, and no more than 10,000 of them: 48 GiB.
    pub part_bytes: usize,
    /// An upload holds this many parts and the one that fills: 15 MiB.
    pub parts_in_flight_max: usize,
    pub connect_timeout: Duration,
    pub attempt_timeout: Duration,
    /// All attempts of one call together.
    pub operation_timeout: Duration,
    pub attempts_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            disk_buffer_bytes: 256 * 1024,
            part_bytes: 5 * 1024 * 1024,
            parts_in_flight_max: 2,
            connect_timeout: Duration::from_secs(3),
            attempt_timeout: Duration::from_secs(30),
            operation_timeout: Duration::from_secs(75),
            attempts_max: 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let settings = Settings {
            url: "s3://alice:sesame@bucket".to_owned(),
            data_dir: PathBuf::from("data"),
            s3_endpoint: Some("http://bob:sesame@localhost:9000".to_owned()),
            s3_region: None,
            access_key_id: Some("open-sesame".to_owned()),
            secret_access_key: Some("sesame".to_owned()),
            limits: Limits::default(),
        };
        let shown = format!("{settings:?}");
        assert!(!shown.contains("sesame"), "{shown}");
        assert!(shown.contains("localhost:9000"), "{shown}");
    }
}
