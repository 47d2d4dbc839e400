//! Where keys are required there must be one, or nobody could come in.

use std::time::Duration;

use anyhow::Context as _;
use records::{Class, Records};

use super::{Role, now};
use crate::config::{Access, Config};

const ASK_WITHIN: Duration = Duration::from_secs(2);

/// Who cannot be asked may know some.
pub(super) async fn require_one(role: Role, config: &Config, records: &Records) -> anyhow::Result<()> {
    if config.door.access != Access::WhoHasAKey || role == Role::Worker {
        return Ok(());
    }
    let now = now();
    let asked = records.within(Class::Keys, ASK_WITHIN, move |unit| unit.has_usable_key(now));
    let is_there = match asked.await {
        Err(error) if error.is_passing() => {
            tracing::warn!(%error, "keys.not_counted");
            true
        }
        asked => asked.context("the keys cannot be read")?,
    };
    anyhow::ensure!(
        is_there,
        "clients need an API key here, and there is none that opens anything, so nobody could come in.\nMake one with \
         `event-horizon keys create --kind admin`, or, if you trust everybody who can reach {}, go without: \
         EH_API_KEYS_REQUIRED=false or --insecure-no-auth",
        config.door.bind
    );
    Ok(())
}
