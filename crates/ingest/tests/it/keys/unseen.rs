//! The table of keys cannot be asked.

use super::*;

/// Where the table is gone, and comes back.
struct Table(rusqlite::Connection);

impl Table {
    fn of(server: &TestServer) -> Self {
        let connection = rusqlite::Connection::open(server.folder.path().join("records.db")).unwrap();
        connection.busy_timeout(Duration::from_secs(5)).unwrap();
        Self(connection)
    }

    fn hide(&self) {
        self.0.execute("ALTER TABLE api_keys RENAME TO hidden", []).unwrap();
    }

    fn show(&self) {
        self.0.execute("ALTER TABLE hidden RENAME TO api_keys", []).unwrap();
    }
}

#[tokio::test]
async fn who_is_known_goes_on_and_who_is_not_is_asked_to_wait() {
    let server = TestServer::with(required).await;
    let known = key(&server.records, KeyKind::Read);
    get_with(&server, "/v1/users", &known).await.expect(200);
    let late = key(&server.records, KeyKind::Read);
    let table = Table::of(&server);
    table.hide();
    let refused = get_with(&server, "/v1/users", &late).await.expect(503);
    assert_eq!(refused.problem(), "database_unavailable");
    // Long enough that it has been looked for in vain.
    tokio::time::sleep(2 * TRUSTED).await;
    for _ in 0..3 {
        get_with(&server, "/v1/users", &known).await.expect(200);
        tokio::time::sleep(TRUSTED).await;
    }
    table.show();
    get_with(&server, "/v1/users", &late).await.expect(200);
}

#[tokio::test]
async fn garbage_is_refused_without_a_look() {
    let server = TestServer::with(required).await;
    let table = Table::of(&server);
    table.hide();
    for garbage in [
        "",
        "secret",
        "eh_read_0123456789abcdef",
        "eh_read_0123456789abcdef_0",
        &"x".repeat(4_000),
    ] {
        let refused = get_with(&server, "/v1/users", garbage).await.expect(401);
        assert_eq!(refused.problem(), "invalid_key", "{garbage}");
    }
}

#[tokio::test]
async fn a_stranger_is_remembered() {
    let server = TestServer::with(|settings| {
        required(settings);
        settings.key_trusted = Duration::from_secs(3_600);
    })
    .await;
    let stranger = format!("eh_read_{}_{}", "0".repeat(16), "0".repeat(64));
    get_with(&server, "/v1/users", &stranger).await.expect(401);
    Table::of(&server).hide();
    get_with(&server, "/v1/users", &stranger).await.expect(401);
}
