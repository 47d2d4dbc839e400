//! The whole product from outside, in both modes: one process on the embedded backends, or an ingest and several workers on
//! PostgreSQL, RabbitMQ and an S3 server.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use reqwest::multipart::{Form, Part};
use reqwest::{Client, StatusCode};
use serde_json::Value;

use crate::harness::{PATIENCE, Place, Ran, Server, http_showing, ran};

/// Names a test once and runs it in both modes.
macro_rules! in_both_modes {
    ($($test:ident),+ $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $test() {
                super::$test(crate::stack::Stack::embedded()).await;
            })+
        }
        #[cfg(feature = "services")]
        mod services {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $test() {
                if let Some(stack) = crate::stack::Stack::services().await { super::$test(stack).await; }
            })+
        }
    };
}
pub(crate) use in_both_modes;

/// The same for tests that start the product themselves, with settings of their own.
macro_rules! in_each_mode {
    ($($test:ident),+ $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $test() {
                super::$test(crate::stack::Mode::Embedded).await;
            })+
        }
        #[cfg(feature = "services")]
        mod services {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $test() {
                super::$test(crate::stack::Mode::Services).await;
            })+
        }
    };
}
pub(crate) use in_each_mode;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Mode {
    Embedded,
    #[cfg(feature = "services")]
    Services,
}

impl Mode {
    /// `None`, and a loud line, only where the caller of the tests allows a server to be missing.
    #[cfg_attr(
        not(feature = "services"),
        expect(clippy::unused_async, reason = "only servers are waited for")
    )]
    pub(crate) async fn start(self, settings: &[(&str, &str)]) -> Option<Stack> {
        match self {
            Self::Embedded => Some(Stack::embedded_with(settings)),
            #[cfg(feature = "services")]
            Self::Services => Stack::services_with(settings).await,
        }
    }
}

/// How many workers share the work where they are processes of their own.
#[cfg(feature = "services")]
const WORKERS: usize = 3;

/// Small chunks, so that small files are shared too.
const CHUNK_BYTES: &str = "4KiB";

pub(crate) struct Stack {
    pub(crate) client: Client,
    place: Place,
    environment: Vec<(String, String)>,
    door: Server,
    workers: Vec<Server>,
    #[cfg(feature = "services")]
    _backends: Option<backends::Backends>,
}

impl Stack {
    pub(crate) fn embedded() -> Self {
        Self::embedded_with(&[])
    }

    fn embedded_with(settings: &[(&str, &str)]) -> Self {
        let place = Place::new();
        let environment = with_small_chunks(settings);
        let client = client_of(&place, &environment);
        let door = start(&place, "serve", &environment);
        Self {
            client,
            place,
            environment,
            door,
            workers: Vec::new(),
            #[cfg(feature = "services")]
            _backends: None,
        }
    }

    /// `None`, and a loud line, only where the caller of the tests allows a server to be missing.
    #[cfg(feature = "services")]
    pub(crate) async fn services() -> Option<Self> {
        Self::services_with(&[]).await
    }

    #[cfg(feature = "services")]
    async fn services_with(settings: &[(&str, &str)]) -> Option<Self> {
        let backends = backends::Backends::start().await?;
        let place = Place::new();
        let mut environment = backends.environment();
        environment.extend(with_small_chunks(settings));
        let mut migrate = command(&place, &["migrate"], &environment);
        assert!(
            tokio::task::spawn_blocking(move || migrate.status())
                .await
                .unwrap()
                .unwrap()
                .success()
        );
        let client = client_of(&place, &environment);
        let door = start(&place, "ingest", &environment);
        let workers = (0..WORKERS).map(|_| start(&place, "worker", &environment)).collect();
        Some(Self {
            client,
            place,
            environment,
            door,
            workers,
            _backends: Some(backends),
        })
    }

    pub(crate) fn at(&self, path: &str) -> String {
        self.door.at(path)
    }

    pub(crate) fn door(&self) -> &Server {
        &self.door
    }

    /// The door and the workers.
    pub(crate) fn processes(&self) -> impl Iterator<Item = &Server> {
        std::iter::once(&self.door).chain(&self.workers)
    }

    /// Where the processes were started, and keep what they keep on disk.
    pub(crate) fn folder(&self) -> &Path {
        self.place.path()
    }

    /// Ends the process that works, in good order, and starts another one.
    pub(crate) fn replace_a_worker(&mut self) {
        if self.workers.is_empty() {
            let next = |stack: &Self| start(&stack.place, "serve", &stack.environment);
            self.door.signal("TERM");
            assert!(self.door.wait_for_end().success());
            self.door = next(self);
        } else {
            assert!(self.workers.remove(0).terminate().success());
            self.workers.push(start(&self.place, "worker", &self.environment));
        }
    }

    /// Every process that works, one after the other.
    pub(crate) fn replace_all_workers(&mut self) {
        for _ in 0..self.workers.len().max(1) {
            self.replace_a_worker();
        }
    }

    /// One more process at the door.
    #[cfg(feature = "services")]
    pub(crate) fn another_door(&self) -> Server {
        start(&self.place, "ingest", &self.environment)
    }

    /// Runs a command where the processes run, with their settings.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let environment = self.environment.iter().map(|(name, value)| (name, value));
        ran(self.place.command(arguments).envs(environment))
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.client.get(self.at(path)).send().await.unwrap();
        assert_eq!(
            answer.status(),
            StatusCode::OK,
            "{path}: {}",
            answer.text().await.unwrap()
        );
        answer.json().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str) -> (StatusCode, Value) {
        let answer = self.client.post(self.at(path)).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    /// Uploads a file; the id of its job.
    pub(crate) async fn upload(&self, content: impl Into<Vec<u8>>, query: &str) -> String {
        let part = Part::bytes(content.into()).file_name("app.jsonl");
        let url = self.at(&format!("/api/v1/files/upload{query}"));
        let answer = self
            .client
            .post(url)
            .multipart(Form::new().part("file", part))
            .send()
            .await
            .unwrap();
        assert_eq!(
            answer.status(),
            StatusCode::ACCEPTED,
            "{}",
            answer.text().await.unwrap()
        );
        let accepted: Value = answer.json().await.unwrap();
        assert_eq!(accepted["status"], "queued");
        accepted["job_id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn job(&self, id: &str) -> Value {
        self.get(&format!("/api/v1/jobs/{id}")).await
    }

    /// Asks for the job until it is as expected.
    pub(crate) async fn until(&self, id: &str, expected: impl Fn(&Value) -> bool) -> Value {
        let asking = async {
            loop {
                let job = self.job(id).await;
                if expected(&job) {
                    return job;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, asking)
            .await
            .expect("the job did not come as far as expected")
    }

    pub(crate) async fn until_ended(&self, id: &str) -> Value {
        self.until(id, |job| {
            ["completed", "failed", "cancelled"].contains(&job["status"].as_str().unwrap())
        })
        .await
    }

    /// Everything a paged path has, page by page.
    pub(crate) async fn all(&self, path: &str) -> Vec<Value> {
        self.all_by(700, path).await
    }

    /// The same, so many items a page.
    pub(crate) async fn all_by(&self, limit: usize, path: &str) -> Vec<Value> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let separator = if path.contains('?') { '&' } else { '?' };
            let page = self.get(&format!("{path}{separator}limit={limit}{cursor}")).await;
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }
}

pub(crate) fn lines(count: usize) -> String {
    (1..=count)
        .map(|n| format!("{{\"level\":\"info\",\"msg\":\"line {n}\"}}\n"))
        .collect()
}

fn with_small_chunks(settings: &[(&str, &str)]) -> Vec<(String, String)> {
    let settings = [("EH_CHUNK_BYTES", CHUNK_BYTES)]
        .into_iter()
        .chain(settings.iter().copied());
    settings
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Where keys are required it comes in with one that may do everything.
fn client_of(place: &Place, environment: &[(String, String)]) -> Client {
    let required = |(name, value): &(String, String)| name == "EH_API_KEYS_REQUIRED" && value == "true";
    if !environment.iter().any(required) {
        return http_showing(None);
    }
    let made = ran(&mut command(place, &["keys", "create", "--kind", "admin"], environment));
    assert_eq!(made.code, 0, "{}", made.stderr);
    http_showing(Some(made.stdout.trim_end()))
}

fn command(place: &Place, arguments: &[&str], environment: &[(String, String)]) -> Command {
    let mut command = place.command(arguments);
    command
        .env("EH_BIND", "127.0.0.1:0")
        .envs(environment.iter().map(|(name, value)| (name, value)));
    command
}

fn start(place: &Place, role: &str, environment: &[(String, String)]) -> Server {
    Server::start(&mut command(place, &[role], environment))
}

#[cfg(feature = "services")]
pub(crate) mod backends {
    use std::net::SocketAddr;

    use diesel::{Connection, PgConnection, RunQueryDsl, sql_query};
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use hyper_util::server::conn::auto::Builder;
    use s3s::auth::SimpleAuth;
    use s3s::service::S3ServiceBuilder;
    use tempfile::TempDir;

    /// The servers of a team, with a schema, a prefix and a bucket of this test's own.
    pub(crate) struct Backends {
        database: String,
        pub(crate) queue: String,
        pub(crate) name: String,
        s3: SocketAddr,
        _bucket: TempDir,
    }

    impl Backends {
        pub(crate) async fn start() -> Option<Self> {
            let database = url_of("EH_TEST_DATABASE_URL", "postgres")?;
            let queue = url_of("EH_TEST_QUEUE_URL", "rabbitmq")?;
            let name = format!("it_{}", uuid::Uuid::new_v4().simple());
            execute(&database, &format!("CREATE SCHEMA {name}"));
            let bucket = TempDir::new().unwrap();
            let s3 = serve_s3(&bucket).await;
            Some(Self {
                database,
                queue,
                name,
                s3,
                _bucket: bucket,
            })
        }

        pub(crate) fn environment(&self) -> Vec<(String, String)> {
            let separator = if self.database.contains('?') { '&' } else { '?' };
            [
                (
                    "EH_DATABASE_URL",
                    format!("{}{separator}options=-csearch_path%3D{}", self.database, self.name),
                ),
                ("EH_QUEUE_URL", self.queue.clone()),
                ("EH_QUEUE_PREFIX", self.name.clone()),
                ("EH_BLOB_URL", "s3://event-horizon/files".to_owned()),
                ("EH_S3_ENDPOINT", format!("http://{}", self.s3)),
                ("AWS_ACCESS_KEY_ID", "test-key".to_owned()),
                ("AWS_SECRET_ACCESS_KEY", "test-secret".to_owned()),
            ]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
        }
    }

    impl Drop for Backends {
        fn drop(&mut self) {
            execute(&self.database, &format!("DROP SCHEMA {} CASCADE", self.name));
        }
    }

    pub(crate) fn url_of(variable: &str, server: &str) -> Option<String> {
        let url = std::env::var(variable).ok();
        if url.is_none() {
            let allowed = std::env::var("EH_TEST_ALLOW_MISSING").unwrap_or_default();
            assert!(
                allowed.contains(server),
                "{variable} is not set; `scripts/test` starts what it names"
            );
            eprintln!("SKIPPED: no {server} ({variable} is not set)");
        }
        url
    }

    pub(crate) fn execute(database: &str, statement: &str) {
        let mut connection = PgConnection::establish(database).unwrap();
        sql_query(statement).execute(&mut connection).unwrap();
    }

    pub(crate) async fn serve_s3(folder: &TempDir) -> SocketAddr {
        let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).unwrap());
        service.set_auth(SimpleAuth::from_single("test-key", "test-secret"));
        let service = service.build();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    // A client that goes away is no concern of the server.
                    let _ = Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(socket), service)
                        .await;
                });
            }
        });
        address
    }
}
