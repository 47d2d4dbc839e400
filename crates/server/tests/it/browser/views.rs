//! What the views show: names as bad as clients can make them, processes, storage, and events out of files.

use serde_json::{Value, json};

use super::chromium::Page;
use super::{CONNECTION, VIEWS, assert_quiet_and_at_home, console};
use crate::harness::{Server, http};

/// As long as a name may be.
const NAME_CHARS: usize = 255;
const TYPES: usize = 20;
const NARROW: u32 = 360;
const WIDE: u32 = 1280;

async fn post(server: &Server, events: &[Value]) {
    let answer = http().post(server.at("/v1/events")).json(events).send().await.unwrap();
    assert_eq!(answer.status(), 202);
    assert_eq!(answer.json::<Value>().await.unwrap()["rejected"], 0);
}

/// Without a place to break, from right to left, of pictures, and what a page must never take for its own.
fn bad_names() -> Vec<String> {
    let long = |text: &str| text.chars().cycle().take(NAME_CHARS).collect::<String>();
    vec![
        long("w"),
        long("\u{5e9}\u{5dc}\u{5d5}\u{5dd}"),
        long("\u{1f980}\u{1f3fd}"),
        "<b class=\"taken\">bold</b><img src=x onerror=alert(1)>".to_owned(),
        "\u{202e}gnp.tac".to_owned(),
    ]
}

async fn post_bad_names(server: &Server) {
    let names = bad_names();
    let name = |n: usize| &names[n % names.len()];
    let typed = (0..TYPES).map(|n| {
        let event_type: String = format!("{n}{}", name(n)).chars().take(NAME_CHARS).collect();
        json!({"user_id": name(n), "event_type": event_type, "payload": {"text": name(n)}})
    });
    let watched = names
        .iter()
        .map(|name| json!({"event_type": "watch", "user_id": name, "payload": {"slug": name, "at": 1}}));
    post(server, &typed.chain(watched).collect::<Vec<_>>()).await;
}

/// Nothing stands out of what holds it, and nothing that was a name has become a part of the page.
async fn assert_in_bounds(page: &mut Page, view: &str, width: u32) {
    page.until("document.querySelector('main h1') && !document.querySelector('main .loading')")
        .await;
    let stands_out = page
        .value(
            "[...document.querySelectorAll('main, .types, .view-title, .card-head, .section-head, .job-name, .kept, .hint')]
                .filter((room) => room.scrollWidth > room.clientWidth + 1).map((room) => room.className || room.tagName)",
        )
        .await;
    assert_eq!(stands_out, json!([]), "{view} at {width}");
    assert_eq!(
        page.value("document.querySelectorAll('.taken, main img').length").await,
        0,
        "{view}"
    );
}

#[tokio::test]
async fn names_of_any_length_and_script_stay_in_their_place() {
    let Some((_place, server, _chromium, mut page)) = console("/livez").await else {
        return;
    };
    post_bad_names(&server).await;
    let user = bad_names().swap_remove(1);
    for width in [NARROW, WIDE] {
        page.look_like(width, "light").await;
        for view in VIEWS {
            page.goto(&server.at(&format!("/#/{view}"))).await;
            assert_in_bounds(&mut page, view, width).await;
        }
        page.goto(&server.at(&format!("/#/watch?user={user}&movie={user}")))
            .await;
        page.until("document.querySelector('.section-head .name')").await;
        assert_in_bounds(&mut page, "a user", width).await;
    }
    page.goto(&server.at("/#/")).await;
    page.until(&format!(
        "document.querySelectorAll('.types tbody tr').length === {}",
        TYPES + 1
    ))
    .await;
    assert_in_bounds(&mut page, "overview", WIDE).await;
    assert_quiet_and_at_home(&page, &server);
}

#[tokio::test]
async fn the_system_shows_its_processes_and_what_room_is_taken() {
    let Some((_place, server, _chromium, mut page)) = console("/#/system").await else {
        return;
    };
    page.until_reads("[aria-label='Processes that are alive']", "everything")
        .await;
    page.until_reads("[aria-label='Processes that are alive']", "0 of 8")
        .await;
    let kept = page
        .value("[...document.querySelectorAll('.kept dt')].map((name) => name.innerText)")
        .await;
    let expected = [
        "Events",
        "Log entries",
        "Other",
        "Uploaded files",
        "Queue",
        "Disk of the data",
    ];
    assert_eq!(kept, json!(expected));
    page.until("[...document.querySelectorAll('.kept dd')].every((size) => /^\\d/.test(size.innerText))")
        .await;
    assert_quiet_and_at_home(&page, &server);
}

#[tokio::test]
async fn events_out_of_a_file_show_which_file() {
    let Some((_place, server, _chromium, mut page)) = console("/#/live").await else {
        return;
    };
    page.until_reads(CONNECTION, "Connected").await;
    page.value(
        "(() => {
            const form = new FormData();
            form.append('file', new File(['{\"type\":\"view\",\"user_id\":\"ada\",\"payload\":{\"url\":\"/filed\"}}\\n'], 'filed.jsonl'));
            return fetch('/api/v1/files/upload', { method: 'POST', body: form }).then((answer) => answer.status);
        })()",
    )
    .await;
    page.until_reads(".tail", "/filed").await;
    page.value("document.querySelector('.tail summary').click()").await;
    page.until("document.querySelector('.from-file a')").await;
    page.value("document.querySelector('.from-file a').click()").await;
    page.until_reads("h1", "filed.jsonl").await;
    assert_quiet_and_at_home(&page, &server);
}
