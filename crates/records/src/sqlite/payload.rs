//! What the database asks about payloads. Its own JSON functions would rewrite numbers.

use diesel::SqliteConnection;
use domain::json::{self, Object};

#[diesel::declare_sql_function]
extern "SQL" {
    /// A member of an event's payload: a string as it is, a number or a truth value as it was written, null for all else.
    fn payload_text(
        body: diesel::sql_types::Text,
        member: diesel::sql_types::Text,
    ) -> diesel::sql_types::Nullable<diesel::sql_types::Text>;
}

/// Teaches a connection the functions.
pub(super) fn teach(connection: &mut SqliteConnection) -> diesel::QueryResult<()> {
    payload_text_utils::register_impl(connection, |body: String, member: String| text(&body, &member))
}

fn text(body: &str, member: &str) -> Option<String> {
    let event = Object::parse(body).ok()?;
    let payload = json::object(event.get("payload")?)?;
    let value = payload.get(member)?;
    match value.get().as_bytes().first()? {
        b'"' => json::text(value).map(std::borrow::Cow::into_owned),
        b'{' | b'[' | b'n' => None,
        _ => Some(value.get().to_owned()),
    }
}
