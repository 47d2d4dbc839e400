//! Which rules are in force, and where their messages go.

use std::path::PathBuf;
use std::time::Duration;

use super::gather::Values;
use super::refusal::Refusals;

pub(crate) struct Rules {
    /// Read by who serves, and by nobody else: a file that was spoilt meanwhile is no reason to call a server unhealthy.
    pub(crate) file: Option<PathBuf>,
    pub(crate) grace: Duration,
    /// `None`: the built-in receiver.
    pub(crate) notify_url: Option<String>,
    pub(crate) notify_secret: Option<String>,
    pub(crate) notify_allow: Vec<String>,
}

impl Rules {
    pub(super) fn from_values(values: &Values) -> Result<Self, Refusals> {
        Ok(Self {
            file: values.text_if_set("EH_RULES_FILE")?.map(PathBuf::from),
            grace: Duration::from_secs(values.whole("EH_RULES_GRACE_SECONDS")?),
            notify_url: values.text_if_set("EH_NOTIFY_URL")?,
            notify_secret: values.text_if_set("EH_NOTIFY_SECRET")?,
            notify_allow: values.list("EH_NOTIFY_ALLOW")?,
        })
    }
}
