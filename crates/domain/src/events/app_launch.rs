//! `app_launch`: the app was opened. The envelope says it all.

use super::FieldError;
use crate::json::Object;

pub fn check(_payload: &Object<'_>) -> Result<(), Vec<FieldError>> {
    Ok(())
}
