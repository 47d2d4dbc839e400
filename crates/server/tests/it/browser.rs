//! The console and the demo page in a real browser, against the real binary in an empty folder.

mod chromium;
mod keys;
mod views;

use serde_json::{Value, json};

use self::chromium::{Chromium, Page};
use crate::harness::{Place, Server, http, http_showing};

/// What the page says of its connection.
const CONNECTION: &str = ".connection";
const VIEWS: [&str; 6] = ["", "jobs", "live", "watch", "notifications", "system"];
const BROKEN_LINES: &str = "{\"message\":\"one\"}\nnot json <b>&amp;\u{fc}\n{\"message\":\"two\"}\n[1, 2]\n";

/// A server in its folder, a browser and a page of it; nothing where there is no browser.
async fn console(at: &str) -> Option<(Place, Server, Chromium, Page)> {
    let chromium = Chromium::start()?;
    let place = Place::new();
    let server = place.serve();
    let mut page = chromium.page().await;
    page.goto(&server.at(at)).await;
    Some((place, server, chromium, page))
}

fn assert_quiet_and_at_home(page: &Page, server: &Server) {
    assert!(page.complaints.is_empty(), "{:#?}", page.complaints);
    let abroad = page.requests.iter().filter(|url| {
        !url.starts_with(server.url())
            && !url.starts_with("data:")
            && !url.starts_with("blob:")
            && !url.starts_with("about:")
    });
    assert_eq!(abroad.collect::<Vec<_>>(), Vec::<&String>::new());
}

async fn post_view(server: &Server, url: &str) {
    let event = json!({"user_id": "ada", "event_type": "view", "payload": {"url": url}});
    let answer = http().post(server.at("/v1/events")).json(&event).send().await.unwrap();
    assert_eq!(answer.status(), 202);
}

#[tokio::test]
async fn a_newcomer_sees_the_first_steps_and_then_her_events() {
    let Some((_place, server, _chromium, mut page)) = console("/").await else {
        return;
    };
    page.until_reads("h1", "Welcome").await;
    page.until("document.querySelectorAll('.steps .command').length === 3")
        .await;
    page.until_reads(CONNECTION, "Connected").await;
    post_view(&server, "/first").await;
    page.until_reads("h1", "Overview").await;
    page.until_reads(".types", "view").await;
    page.until("document.querySelector('.chart canvas')").await;
    assert_quiet_and_at_home(&page, &server);
}

#[tokio::test]
async fn a_dropped_file_is_followed_to_its_end_and_its_rejects_are_exact() {
    let Some((_place, server, _chromium, mut page)) = console("/#/live").await else {
        return;
    };
    page.until_reads(CONNECTION, "Connected").await;
    let drop = format!(
        "(() => {{
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([{}], 'dropped.jsonl'));
            for (const kind of ['dragenter', 'drop']) dispatchEvent(new DragEvent(kind, {{ dataTransfer, cancelable: true }}));
        }})()",
        json!(BROKEN_LINES)
    );
    page.value(&drop).await;
    page.until_reads(".job", "dropped.jsonl").await;
    page.until_reads(".job", "completed").await;
    page.until("document.querySelector('.job progress').value === 100")
        .await;
    page.until_reads(".job", "2 rejected").await;
    page.value("document.querySelector('.job a').click()").await;
    page.until("document.querySelectorAll('.raw').length === 2").await;
    let raw = page
        .value("[...document.querySelectorAll('.raw')].map((cell) => cell.textContent)")
        .await;
    let lines: Vec<_> = BROKEN_LINES.lines().collect();
    assert_eq!(raw, json!([lines[1], lines[3]]));
    page.until_reads(".stages", "started processing").await;
    assert_quiet_and_at_home(&page, &server);
}

#[tokio::test]
async fn a_file_can_be_uploaded_without_a_mouse() {
    let Some((_place, server, _chromium, mut page)) = console("/#/jobs").await else {
        return;
    };
    page.until("document.querySelector('.button.primary')").await;
    page.call("Page.setInterceptFileChooserDialog", json!({"enabled": true}))
        .await;
    // From the top of the page with nothing but the tabulator.
    for _ in 0..40 {
        page.press("Tab", 9, None).await;
        if page.value("document.activeElement.matches('.button.primary')").await == true {
            break;
        }
    }
    assert_eq!(page.value("document.activeElement.innerText").await, "Upload files");
    page.press("Enter", 13, Some("\r")).await;
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("chosen.jsonl");
    std::fs::write(&file, "{\"message\":\"one\"}\n").unwrap();
    let input = page
        .call(
            "Runtime.evaluate",
            json!({"expression": "document.querySelector('input[type=file]')"}),
        )
        .await;
    let chosen = json!({"files": [file], "objectId": input["result"]["objectId"]});
    page.call("DOM.setFileInputFiles", chosen).await;
    page.until_reads(".job", "chosen.jsonl").await;
    page.until_reads(".job", "completed").await;
    page.until("document.querySelector('[role=status]').innerText.includes('chosen.jsonl')")
        .await;
    assert_quiet_and_at_home(&page, &server);
}

#[tokio::test]
async fn a_job_is_cancelled_and_retried_from_its_page() {
    const SLOW_LINES: usize = 60;
    let Some((_place, server, _chromium, mut page)) = console("/").await else {
        return;
    };
    let upload = format!(
        "(async () => {{
            const form = new FormData();
            form.append('file', new File(['{{}}\\n'.repeat({SLOW_LINES})], 'slow.jsonl'));
            const answer = await fetch('/api/v1/files/upload?line_delay_ms_max=1000', {{ method: 'POST', body: form }});
            location.hash = '#/jobs/' + (await answer.json()).job_id;
        }})()"
    );
    page.value(&upload).await;
    page.until_reads("h1", "slow.jsonl").await;
    page.until_reads(".job-head", "processing").await;
    page.click_on("Cancel").await;
    page.until_reads(".job-head", "cancelled").await;
    page.click_on("Retry").await;
    page.until_reads(".job-head", "processing").await;
    page.click_on("Cancel").await;
    page.until_reads(".job-head", "cancelled").await;
    assert_quiet_and_at_home(&page, &server);
}

/// Lets the page's sockets be cut, and come up again only when they may.
const CUTTABLE_SOCKETS: &str = "
    window.sockets = [];
    window.WebSocket = class extends WebSocket {
        constructor(url) {
            super(window.isCut ? url.replace('/ws/live', '/ws/cut') : url);
            window.sockets.push(this);
        }
    };
";

#[tokio::test]
async fn a_page_whose_socket_is_cut_polls_and_comes_back() {
    let Some((_place, server, _chromium, mut page)) = console("/livez").await else {
        return;
    };
    page.call(
        "Page.addScriptToEvaluateOnNewDocument",
        json!({"source": CUTTABLE_SOCKETS}),
    )
    .await;
    page.goto(&server.at("/#/live")).await;
    page.until_reads(CONNECTION, "Connected").await;
    post_view(&server, "/by-socket").await;
    page.until_reads(".tail", "/by-socket").await;
    page.value("window.isCut = true; window.sockets.at(-1).close()").await;
    page.until_reads(CONNECTION, "Polling").await;
    post_view(&server, "/by-polling").await;
    page.until_reads(".tail", "/by-polling").await;
    page.value("window.isCut = false").await;
    page.until_reads(CONNECTION, "Connected").await;
    post_view(&server, "/by-socket-again").await;
    page.until_reads(".tail", "/by-socket-again").await;
    let shows_no_ticket = page
        .sockets
        .iter()
        .all(|url| url.ends_with("/ws/live") || url.ends_with("/ws/cut"));
    assert!(shows_no_ticket, "{:?}", page.sockets);
    let shown = page
        .value("[...document.querySelectorAll('.tail .gist')].map((gist) => gist.textContent)")
        .await;
    assert_eq!(shown, json!(["/by-socket-again", "/by-polling", "/by-socket"]));
}

#[tokio::test]
async fn two_tabs_see_the_same() {
    let Some((_place, server, chromium, mut first)) = console("/#/live").await else {
        return;
    };
    let mut second = chromium.page().await;
    second.goto(&server.at("/#/live")).await;
    for page in [&mut first, &mut second] {
        page.until_reads(CONNECTION, "Connected").await;
    }
    post_view(&server, "/for-both").await;
    for page in [&mut first, &mut second] {
        page.until_reads(".tail", "/for-both").await;
    }
}

#[tokio::test]
async fn no_view_is_wider_than_a_small_telephone_and_none_complains() {
    let Some((_place, server, _chromium, mut page)) = console("/").await else {
        return;
    };
    post_view(
        &server,
        "/a-rather-long-address-that-has-no-place-to-break-anywhere-in-it-at-all",
    )
    .await;
    for colours in ["dark", "light"] {
        page.look_like(360, colours).await;
        for view in VIEWS {
            page.goto(&server.at(&format!("/#/{view}"))).await;
            page.until("document.querySelector('main h1') && !document.querySelector('main .loading')")
                .await;
            let room = page
                .value("(({ scrollWidth, clientWidth }) => [scrollWidth, clientWidth])(document.querySelector('main'))")
                .await;
            assert_eq!(room[0], room[1], "{view} in {colours}");
            let ground = page
                .value("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0] < 128")
                .await;
            assert_eq!(ground, colours == "dark", "{view}");
        }
    }
    assert_quiet_and_at_home(&page, &server);
}

async fn stored_types(server: &Server) -> Vec<String> {
    stored_types_with(server, None).await
}

async fn stored_types_with(server: &Server, key: Option<&str>) -> Vec<String> {
    let events: Value = http_showing(key)
        .get(server.at("/v1/events"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let items = events["items"].as_array().unwrap();
    let mut types: Vec<_> = items
        .iter()
        .map(|event| event["event_type"].as_str().unwrap().to_owned())
        .collect();
    types.sort();
    types
}

#[tokio::test]
async fn the_demo_sends_a_view_a_click_and_a_location_through_its_worker() {
    let Some((_place, server, _chromium, mut page)) = console("/livez").await else {
        return;
    };
    let origin = server.url();
    page.call(
        "Browser.grantPermissions",
        json!({"permissions": ["geolocation"], "origin": origin}),
    )
    .await;
    let place = json!({"latitude": 51.5, "longitude": -0.1, "accuracy": 12});
    page.call("Emulation.setGeolocationOverride", place).await;
    page.goto(&server.at("/demo/")).await;
    page.until("document.querySelectorAll('#sent [data-state=accepted]').length === 1")
        .await;
    page.value("document.getElementById('click-me').click()").await;
    page.until("document.querySelectorAll('#sent [data-state=accepted]').length === 2")
        .await;
    page.value("document.getElementById('get-location').click()").await;
    page.until("document.querySelectorAll('#sent [data-state=accepted]').length === 3")
        .await;
    let by = page
        .value("[...document.querySelectorAll('#sent small')].every((row) => row.innerText.includes('service worker'))")
        .await;
    assert_eq!(by, true);
    assert_eq!(page.value("caches.keys()").await, json!([]));
    assert_eq!(stored_types(&server).await, ["click", "location", "view"]);
    assert_quiet_and_at_home(&page, &server);
}

#[tokio::test]
async fn the_demo_works_as_a_file_too() {
    let Some((_place, server, _chromium, mut page)) = console("/livez").await else {
        return;
    };
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../ingest/src/console/demo/index.html");
    page.goto(&format!("file://{file}?server={}", server.url())).await;
    page.until("document.querySelectorAll('#sent [data-state=accepted]').length === 1")
        .await;
    page.until_reads("#way", "by itself").await;
    assert_eq!(stored_types(&server).await, ["view"]);
}

#[tokio::test]
async fn the_demo_makes_no_link_of_what_is_no_web_address() {
    let Some((_place, _server, _chromium, mut page)) = console("/livez").await else {
        return;
    };
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../ingest/src/console/demo/index.html");
    page.goto(&format!("file://{file}?server=javascript:alert(1)//")).await;
    page.until("document.getElementById('to-live').href === 'http://localhost:8000/#/live'")
        .await;
}
