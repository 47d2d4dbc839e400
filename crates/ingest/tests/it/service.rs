//! What holds for every resource: ids, errors, hosts, origins, methods; and the probes.

use std::net::TcpListener;
use std::sync::Arc;

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::client::{self, FORM, file, form, read_answer, request};
use crate::harness::{LINES, TestServer};

#[tokio::test]
async fn the_probes_tell_how_it_is() {
    let server = TestServer::start().await;
    assert_eq!(
        server.get("/livez").await.expect(200).json(),
        json!({"status": "alive"})
    );
    let ready = server.get("/readyz").await.expect(200).json();
    assert_eq!(ready["status"], "ready");
    for part in ["database", "queue", "store"] {
        assert_eq!(ready["parts"][part]["status"], "up", "{ready}");
    }
    let metrics = server.get("/metrics").await.expect(200);
    assert_eq!(metrics.text(), "eh_test 1\n");
    assert!(
        metrics
            .header("content-type")
            .unwrap()
            .starts_with("text/plain; version=0.0.4")
    );
}

#[tokio::test]
async fn a_part_that_is_down_degrades_and_the_queue_alone_decides() {
    let server = TestServer::start().await;
    std::fs::remove_dir_all(server.folder.path().join("blobs")).unwrap();
    let degraded = server.get("/readyz").await.expect(200).json();
    assert_eq!(
        (&degraded["status"], &degraded["parts"]["store"]["status"]),
        (&"degraded".into(), &"down".into())
    );
    let server = TestServer::start().await;
    server.queue.close().await;
    let down = server.get("/readyz").await.expect(503).json();
    assert_eq!(
        (&down["status"], &down["parts"]["queue"]["status"]),
        (&"degraded".into(), &"down".into())
    );
}

#[tokio::test]
async fn the_first_page_names_the_others() {
    let server = TestServer::start().await;
    let index = server.get("/").await.expect(200).json();
    assert_eq!(
        (&index["name"], &index["version"]),
        (&"Event Horizon".into(), &"0.0.0-test".into())
    );
    for link in index["links"].as_object().unwrap().values() {
        server.get(link.as_str().unwrap()).await.expect(200);
    }
    let page = server.get("/docs/").await.expect(200);
    assert!(page.text().contains("swagger"), "{}", page.text());
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'self';"), "{policy}");
    for asset in ["swagger-ui.css", "swagger-ui-bundle.js", "swagger-initializer.js"] {
        let asset = server.get(&format!("/docs/{asset}")).await.expect(200);
        assert!(!asset.body.is_empty());
    }
    assert_eq!(
        server.get("/docs/nothing.js").await.expect(404).problem(),
        "unknown_path"
    );
    assert_eq!(server.get("/docs").await.expect(308).header("location"), Some("/docs/"));
}

#[tokio::test]
async fn the_catalogue_explains_each_problem() {
    let server = TestServer::start().await;
    let all = server.get("/problems").await.expect(200).json();
    for about in all["items"].as_array().unwrap() {
        let one = server
            .get(&format!("/problems/{}", about["code"].as_str().unwrap()))
            .await
            .expect(200)
            .json();
        assert_eq!(&one, about);
    }
    assert_eq!(
        server.get("/problems/nothing").await.expect(404).problem(),
        "unknown_problem"
    );
}

#[tokio::test]
async fn what_is_not_there_and_what_cannot_be_done_differ() {
    let server = TestServer::start().await;
    for path in ["/nothing", "/api/v1/jobs/", "/api/v1", "//", "/%FF"] {
        assert_eq!(server.get(path).await.expect(404).problem(), "unknown_path", "{path}");
    }
    for (method, path, allow) in [
        ("GET", "/api/v1/files/upload", "POST"),
        ("DELETE", "/api/v1/jobs", "GET, HEAD"),
        ("POST", "/livez", "GET, HEAD"),
        ("PUT", "/api/v1/jobs/7/cancel", "POST"),
        ("BREW", "/", "GET, HEAD, POST"),
        ("GET", "/events", "POST"),
        ("PUT", "/v1/events", "GET, HEAD, POST"),
        ("POST", "/api/v1/dead-letters/7", "GET, HEAD, DELETE"),
        ("OPTIONS", "/api/v1/logs", "GET, HEAD"),
        ("DELETE", "/v1/movies", "GET, HEAD"),
        ("PUT", "/v1/users/u/streams", "GET, HEAD, POST"),
        ("GET", "/v1/users/u/streams/a%2Fb", "PUT, DELETE"),
        ("POST", "/v1/users/u/stream-limit", "PUT, DELETE"),
        ("DELETE", "/v1/notify", "GET, HEAD, POST"),
        ("GET", "/api/v1/rules/dry-run", "POST"),
        ("POST", "/docs/", "GET, HEAD"),
    ] {
        let answer = server.send(&request(method, path, &[], b"")).await.expect(405);
        assert_eq!(answer.problem(), "method_not_allowed");
        assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
    }
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let server = TestServer::start().await;
    let get = server.get("/api/v1/jobs").await.expect(200);
    let head = server
        .send(&request("HEAD", "/api/v1/jobs", &[], b""))
        .await
        .expect(200);
    assert_eq!(head.header("content-length"), Some(get.body.len().to_string().as_str()));
    assert!(head.body.is_empty());
    server.send(&request("HEAD", "/nothing", &[], b"")).await.expect(404);
}

#[tokio::test]
async fn foreign_hosts_and_origins_are_sent_away() {
    let server = TestServer::start().await;
    let get = async |headers: &[(&str, &str)]| server.send(&request("GET", "/livez", headers, b"")).await;
    for host in ["localhost:1", "127.0.0.1", "host.docker.internal:8000"] {
        get(&[("host", host)]).await.expect(200);
    }
    assert_eq!(
        get(&[("host", "evil.example")]).await.expect(403).problem(),
        "host_not_allowed"
    );
    // A page that only reads gets an answer that its browser will not show it.
    let read = get(&[("origin", "http://evil.example")]).await.expect(200);
    assert_eq!(read.header("access-control-allow-origin"), None);
    let post = async |origin: &str| {
        let headers = [FORM, ("origin", origin)];
        server
            .send(&request(
                "POST",
                "/api/v1/files/upload",
                &headers,
                &form(&[file("a.log", LINES)]),
            ))
            .await
    };
    assert_eq!(
        post("http://evil.example").await.expect(403).problem(),
        "origin_not_allowed"
    );
    let origin = "http://localhost:5173";
    let answer = post(origin).await.expect(202);
    assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
    assert_eq!(answer.header("vary"), Some("Origin"));
    // Errors can be read by the page too.
    let wrong = server
        .send(&request("GET", "/nothing", &[("origin", origin)], b""))
        .await
        .expect(404);
    assert_eq!(
        (wrong.problem().as_str(), wrong.header("access-control-allow-origin")),
        ("unknown_path", Some(origin))
    );
}

/// Any site can put one into a sandbox: it may hand in events, and neither read nor change anything.
#[tokio::test]
async fn a_page_without_an_origin_may_only_post_events() {
    let server = TestServer::start().await;
    let origin = ("origin", "null");
    let read = server
        .send(&request("GET", "/v1/events", &[origin], b""))
        .await
        .expect(200);
    assert_eq!(read.header("access-control-allow-origin"), None);
    for (method, path) in [
        ("POST", "/api/v1/jobs/01a1f8f8-733a-7226-93c4-73c6d51ffb22/cancel"),
        ("POST", "/api/v1/files/upload"),
        ("DELETE", "/api/v1/dead-letters/01a1f8f8-733a-7226-93c4-73c6d51ffb22"),
        ("DELETE", "/v1/events"),
    ] {
        let acted = server.send(&request(method, path, &[origin], b"")).await.expect(403);
        assert_eq!(acted.problem(), "origin_not_allowed", "{method} {path}");
        let asking = [origin, ("access-control-request-method", method)];
        server.send(&request("OPTIONS", path, &asking, b"")).await.expect(403);
    }
}

#[tokio::test]
async fn preflights_are_answered_for_whom_they_may() {
    let server = TestServer::start().await;
    let preflight = async |origin: &str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "content-type,x-y"),
        ];
        server
            .send(&request("OPTIONS", "/api/v1/files/upload", &headers, b""))
            .await
    };
    let allowed = preflight("http://localhost:3000").await.expect(204);
    assert_eq!(
        allowed.header("access-control-allow-origin"),
        Some("http://localhost:3000")
    );
    assert_eq!(allowed.header("access-control-allow-headers"), Some("content-type,x-y"));
    assert!(allowed.header("access-control-allow-methods").unwrap().contains("POST"));
    assert_eq!(
        preflight("http://evil.example").await.expect(403).problem(),
        "origin_not_allowed"
    );
}

#[tokio::test]
async fn pages_of_this_machine_may_post_events() {
    let server = TestServer::start().await;
    for origin in ["http://localhost:18090", "https://127.0.0.1", "null"] {
        for path in ["/", "/events", "/v1/event", "/v1/events"] {
            let headers = [
                ("origin", origin),
                ("access-control-request-method", "POST"),
                ("access-control-request-private-network", "true"),
            ];
            let allowed = server.send(&request("OPTIONS", path, &headers, b"")).await.expect(204);
            for (header, value) in [
                ("access-control-allow-origin", origin),
                ("access-control-allow-private-network", "true"),
                ("vary", "Origin"),
            ] {
                assert_eq!(allowed.header(header), Some(value), "{path} {header}");
            }
            let headers = allowed.header("access-control-allow-headers").unwrap();
            for header in [
                "content-type",
                "content-encoding",
                "authorization",
                "x-api-key",
                "idempotency-key",
                "ce-type",
            ] {
                assert!(headers.contains(header), "{header} in {headers}");
            }
        }
        for (body, status) in [(&br#"{"user":"u","type":"x"}"#[..], 202), (b"{", 400)] {
            let answer = server
                .send(&request("POST", "/", &[("origin", origin)], body))
                .await
                .expect(status);
            assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
            let exposed = answer.header("access-control-expose-headers").unwrap();
            assert_eq!(exposed, "x-request-id, location, retry-after");
        }
    }
    let foreign = [("origin", "http://evil.example")];
    let refused = server
        .send(&request("POST", "/events", &foreign, b"{}"))
        .await
        .expect(403);
    assert_eq!(
        (
            refused.problem().as_str(),
            refused.header("access-control-allow-origin")
        ),
        ("origin_not_allowed", None)
    );
}

#[tokio::test]
async fn a_page_asks_first_without_its_key_and_can_read_that_one_is_needed() {
    let server = TestServer::with(|settings| settings.keys_required = true).await;
    let asking = [("origin", "null"), ("access-control-request-method", "POST")];
    server
        .send(&request("OPTIONS", "/events", &asking, b""))
        .await
        .expect(204);
    let refused = server
        .send(&request("POST", "/events", &asking[..1], b"{}"))
        .await
        .expect(401);
    assert_eq!(
        (
            refused.problem().as_str(),
            refused.header("access-control-allow-origin")
        ),
        ("key_required", Some("null"))
    );
}

#[tokio::test]
async fn a_request_under_way_is_finished_when_the_server_ends() {
    let mut server = TestServer::start().await;
    let body = form(&[file("a.log", LINES)]);
    let whole = request("POST", "/api/v1/files/upload", &[FORM], &body);
    let whole = String::from_utf8(whole)
        .unwrap()
        .replace("connection: close\r\n", "")
        .into_bytes();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let (first, second) = whole.split_at(whole.len() - 10);
    stream.write_all(first).await.unwrap();
    server.until_receiving().await;
    server.stop.cancel();
    stream.write_all(second).await.unwrap();
    let answer = read_answer(&mut stream, false).await.expect(202);
    assert_eq!(answer.header("connection"), Some("close"));
    server.end().await;
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn a_process_without_a_door_serves_its_probes() {
    let server = TestServer::start().await;
    let probes = ingest::Probes {
        records: server.records.clone(),
        queue: Arc::clone(&server.queue),
        blobs: Arc::clone(&server.blobs),
        metrics: Arc::new(|| "eh_worker 1\n".to_owned()),
        settings: ingest::Settings::default(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let running = tokio::spawn(ingest::serve_probes(probes, listener, stop.clone()));
    for (path, status) in [
        ("/livez", 200),
        ("/readyz", 200),
        ("/metrics", 200),
        ("/api/v1/jobs", 404),
    ] {
        client::send(address, &request("GET", path, &[], b""))
            .await
            .expect(status);
    }
    client::send(address, &request("POST", "/readyz", &[], b""))
        .await
        .expect(405);
    stop.cancel();
    running.await.unwrap().unwrap();
}
