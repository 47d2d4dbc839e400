//! One process of all roles, or an ingest and its workers, each of which can be killed, frozen and started again.

use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::{Connection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query, sql_types};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;

use super::content::Content;
#[cfg(feature = "services")]
use super::ground::Ground;
use super::watch::{Address, Watch};
use crate::harness::{Place, Server, http, until};

pub(super) struct Rig {
    client: Client,
    address: Address,
    pub(super) door: Server,
    /// None where the door works too.
    pub(super) workers: Vec<Server>,
    environment: Vec<(String, String)>,
    place: Place,
    #[cfg(feature = "services")]
    ground: Option<Ground>,
}

/// Names a test once and runs it in both modes, each rig with these settings, and with so many workers where they are
/// processes of their own.
macro_rules! in_both_modes {
    ($settings:expr, workers: $workers:expr, $($test:ident),+ $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $test() {
                super::$test(crate::faults::rig::Rig::embedded(&$settings)).await;
            })+
        }
        #[cfg(feature = "services")]
        mod services {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $test() {
                let Some(ground) = crate::faults::ground::Ground::with_own(&[]).await else { return };
                super::$test(crate::faults::rig::Rig::services(ground, $workers, &$settings)).await;
            })+
        }
    };
    ($settings:expr, $($test:ident),+ $(,)?) => {
        crate::faults::rig::in_both_modes!($settings, workers: 3, $($test),+);
    };
}
pub(super) use in_both_modes;

impl Rig {
    pub(super) fn embedded(settings: &[(&str, &str)]) -> Self {
        let place = Place::new();
        let environment = owned(settings);
        let door = start(&place, "serve", &environment);
        Self {
            client: http(),
            address: Address::new(door.url().to_owned().into()),
            door,
            workers: Vec::new(),
            environment,
            place,
            #[cfg(feature = "services")]
            ground: None,
        }
    }

    #[cfg(feature = "services")]
    pub(super) fn services(ground: Ground, workers: usize, settings: &[(&str, &str)]) -> Self {
        let place = Place::new();
        let mut environment = ground.environment();
        environment.extend(owned(settings));
        let migrated = place.command(&["migrate"]).envs(environment.clone()).output().unwrap();
        assert!(migrated.status.success(), "{migrated:?}");
        let door = start(&place, "ingest", &environment);
        let workers = (0..workers).map(|_| start(&place, "worker", &environment)).collect();
        Self {
            client: http(),
            address: Address::new(door.url().to_owned().into()),
            door,
            workers,
            environment,
            place,
            ground: Some(ground),
        }
    }

    #[cfg(feature = "services")]
    pub(super) fn ground(&self) -> &Ground {
        self.ground.as_ref().unwrap()
    }

    fn data_dir(&self) -> PathBuf {
        let set = self.environment.iter().find(|(name, _)| name == "EH_DATA_DIR");
        set.map_or_else(|| self.place.path().join("data"), |(_, folder)| PathBuf::from(folder))
    }

    /// The rows of the events that came with a file, by the time that each has from its line.
    fn events_of(&self, id: &str) -> i64 {
        let digits = id.replace('-', "");
        #[cfg(feature = "services")]
        let id = if self.ground.is_some() {
            format!("'{digits}'")
        } else {
            format!("x'{digits}'")
        };
        #[cfg(not(feature = "services"))]
        let id = format!("x'{digits}'");
        self.count_rows(&format!(
            "SELECT count(DISTINCT occurred_at) AS n FROM events WHERE job_id = {id}"
        ))
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Where the door is, also after it was started again.
    pub(super) fn address(&self) -> Address {
        Address::clone(&self.address)
    }

    /// Events of this user are too much for the table from now on.
    pub(super) fn refuse_events_of(&self, user: &str) {
        #[cfg(feature = "services")]
        if let Some(ground) = &self.ground {
            ground.execute(&format!(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$;
                 CREATE TRIGGER refuse BEFORE INSERT ON events FOR EACH ROW WHEN (NEW.user_id = '{user}') EXECUTE FUNCTION refuse()"
            ));
            return;
        }
        self.execute_embedded(&format!(
            "CREATE TRIGGER refuse BEFORE INSERT ON events WHEN NEW.user_id = '{user}' BEGIN SELECT RAISE(ABORT, 'refused'); END"
        ));
    }

    /// The opposite.
    pub(super) fn take_all_events_again(&self) {
        let of_table = if self.is_on_services() { " ON events" } else { "" };
        self.execute(&format!("DROP TRIGGER refuse{of_table}"));
    }

    pub(super) fn is_on_services(&self) -> bool {
        !self.workers.is_empty()
    }

    /// Beside the processes, which learn nothing of it.
    pub(super) fn execute(&self, statement: &str) {
        #[cfg(feature = "services")]
        if let Some(ground) = &self.ground {
            return ground.execute(statement);
        }
        self.execute_embedded(statement);
    }

    fn execute_embedded(&self, statement: &str) {
        let mut connection = self.embedded_tables();
        connection.batch_execute("PRAGMA busy_timeout = 10000").unwrap();
        connection.batch_execute(statement).unwrap();
    }

    fn embedded_tables(&self) -> SqliteConnection {
        let file = self.data_dir().join("event-horizon.db");
        SqliteConnection::establish(file.to_str().unwrap()).unwrap()
    }

    /// The answer of a query whose only column is a number called `n`.
    pub(super) fn count_rows(&self, query: &str) -> i64 {
        #[cfg(feature = "services")]
        if let Some(ground) = &self.ground {
            return ground.count(query);
        }
        sql_query(query)
            .get_result::<Count>(&mut self.embedded_tables())
            .unwrap()
            .n
    }

    /// Every file of the store, whole or not; what the object store writes down beside them is no file.
    pub(super) fn stored_files(&self) -> Vec<PathBuf> {
        #[cfg(feature = "services")]
        if let Some(ground) = &self.ground {
            let mut files = files_below(ground.bucket());
            files.retain(|file| file.extension().is_none_or(|extension| extension != "json"));
            return files;
        }
        files_below(&self.data_dir().join("blobs"))
    }

    /// `kill -9`, and a new process in its place; of the workers, the next one in turn.
    pub(super) fn kill_a_worker(&mut self) {
        if self.workers.is_empty() {
            kill(&mut self.door);
            self.door = start(&self.place, "serve", &self.environment);
            *self.address.lock().unwrap() = self.door.url().to_owned();
        } else {
            kill(&mut self.workers.remove(0));
            self.add_worker();
        }
    }

    /// Where one process is all roles, it is that one.
    pub(super) async fn kill_whoever_logs(&mut self, message: &str) {
        let logs = |server: &Server| server.log().iter().any(|line| line["message"] == message);
        let at = until(async || {
            let at = if self.workers.is_empty() {
                logs(&self.door).then_some(0)
            } else {
                self.workers.iter().position(logs)
            };
            at.ok_or_else(|| format!("nobody logs `{message}`"))
        });
        let at = at.await;
        if at > 0 {
            self.workers.swap(0, at);
        }
        self.kill_a_worker();
    }

    /// Another process at the door.
    #[cfg(feature = "services")]
    pub(super) fn replace_the_door(&mut self) {
        kill(&mut self.door);
        self.door = start(&self.place, "ingest", &self.environment);
        self.address.lock().unwrap().clone_from(&self.door.url().to_owned());
    }

    pub(super) fn add_worker(&mut self) {
        self.workers.push(start(&self.place, "worker", &self.environment));
    }

    /// The process that works, or the one of the workers that has been there longest.
    pub(super) fn worker(&self) -> &Server {
        self.workers.first().unwrap_or(&self.door)
    }

    pub(super) fn watch(&self, id: &str) -> Watch {
        Watch::begin(Address::clone(&self.address), id)
    }

    pub(super) async fn ask(&self, path: &str) -> Response {
        self.client.get(self.door.at(path)).send().await.unwrap()
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        let answer = self.ask(path).await;
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    pub(super) async fn job(&self, id: &str) -> Value {
        self.get(&format!("/api/v1/jobs/{id}")).await
    }

    pub(super) async fn try_upload(&self, content: impl Into<Vec<u8>>, delay_ms_max: u32) -> Response {
        let part = Part::bytes(content.into()).file_name("app.jsonl");
        self.client
            .post(
                self.door
                    .at(&format!("/api/v1/files/upload?line_delay_ms_max={delay_ms_max}")),
            )
            .multipart(Form::new().part("file", part))
            .send()
            .await
            .unwrap()
    }

    pub(super) async fn upload(&self, content: Content, delay_ms_max: u32) -> String {
        let answer = self.try_upload(content.text(), delay_ms_max).await;
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert_eq!(status, StatusCode::ACCEPTED, "{text}");
        let accepted: Value = serde_json::from_str(&text).unwrap();
        accepted["job_id"].as_str().unwrap().to_owned()
    }

    /// Asks for the job until it is as expected.
    pub(super) async fn until(&self, id: &str, expected: impl Fn(&Value) -> bool) -> Value {
        until(async || {
            let answer = self.ask(&format!("/api/v1/jobs/{id}")).await;
            // While the database is away there is nothing to be seen.
            if answer.status() == StatusCode::SERVICE_UNAVAILABLE {
                return Err("the database is away".to_owned());
            }
            let job: Value = answer.json().await.unwrap();
            if expected(&job) { Ok(job) } else { Err(job.to_string()) }
        })
        .await
    }

    /// Waits for more lines than these; how many there are.
    pub(super) async fn until_beyond(&self, id: &str, lines: u64) -> u64 {
        let job = self
            .until(id, |job| job["lines_done"].as_u64().unwrap() > lines || has_ended(job))
            .await;
        assert_eq!(job["status"], "processing", "still in the middle: {job}");
        job["lines_done"].as_u64().unwrap()
    }

    pub(super) async fn until_ended(&self, id: &str) -> Value {
        self.until(id, has_ended).await
    }

    /// Waits for the end, then compares everything that is stored with what must be.
    pub(super) async fn assert_done(&self, id: &str, content: Content) -> Value {
        let job = self.until_ended(id).await;
        let expected = [
            ("lines_total", content.lines),
            ("lines_done", content.lines),
            ("lines_rejected", content.rejected().len() as u64),
            ("lines_duplicate", 0),
            ("events_applied", content.events()),
            ("lines_ingested", content.entries().len() as u64 + content.events()),
        ];
        assert_eq!(job["status"], "completed", "{job:#}");
        for (field, count) in expected {
            assert_eq!(job[field], count, "{field}: {job:#}");
        }
        assert_eq!(self.lines_of(id, "entries").await, content.entries());
        assert_eq!(self.lines_of(id, "rejects").await, content.rejected());
        assert_eq!(self.events_of(id), content.events().cast_signed());
        job
    }

    /// The line numbers of everything that a paged path has, as they come.
    async fn lines_of(&self, id: &str, what: &str) -> Vec<u64> {
        let (mut lines, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("/api/v1/jobs/{id}/{what}?limit=1000{cursor}")).await;
            let items = page["items"].as_array().unwrap();
            lines.extend(items.iter().map(|item| item["line"].as_u64().unwrap()));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return lines,
            }
        }
    }
}

#[derive(QueryableByName)]
pub(super) struct Count {
    #[diesel(sql_type = sql_types::BigInt)]
    pub(super) n: i64,
}

pub(super) fn has_ended(job: &Value) -> bool {
    ["completed", "failed", "cancelled"].contains(&job["status"].as_str().unwrap())
}

pub(super) fn kill(server: &mut Server) {
    server.signal("KILL");
    server.wait_for_end();
}

fn start(place: &Place, role: &str, environment: &[(String, String)]) -> Server {
    let mut command = place.command(&[role]);
    Server::start(command.env("EH_BIND", "127.0.0.1:0").envs(environment.iter().cloned()))
}

fn owned(settings: &[(&str, &str)]) -> Vec<(String, String)> {
    settings
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    // What is removed while it is looked at is not there.
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}
