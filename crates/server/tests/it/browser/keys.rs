//! Pages of a server that asks for keys: signing in and out, tickets for sockets, and a key in an address.

use serde_json::{Value, json};

use super::chromium::{Chromium, Page};
use super::{BROKEN_LINES, CONNECTION, stored_types_with};
use crate::harness::{Place, Server, http_showing};

const REQUIRED: (&str, &str) = ("EH_API_KEYS_REQUIRED", "true");
const NARROW: u32 = 360;
/// Longer than any part of the page waits before it asks again.
const QUIET_MS: u32 = 6000;
/// How Chromium tells of them: of calls, and of sockets.
const REFUSALS: [&str; 2] = ["status of 401", "HTTP Authentication failed"];

struct Guarded {
    place: Place,
    server: Server,
    _chromium: Chromium,
    page: Page,
    admin: String,
}

/// A server that asks for keys, and a page of it; nothing where there is no browser.
async fn guarded(at: &str) -> Option<Guarded> {
    let chromium = Chromium::start()?;
    let place = Place::new();
    let admin = key(&place, "admin");
    let mut command = place.command(&["serve", "--bind", "127.0.0.1:0"]);
    let server = Server::start(command.env(REQUIRED.0, REQUIRED.1));
    let mut page = chromium.page().await;
    page.goto(&server.at(at)).await;
    Some(Guarded {
        place,
        server,
        _chromium: chromium,
        page,
        admin,
    })
}

fn key(place: &Place, kind: &str) -> String {
    let made = place.run(&["keys", "create", "--kind", kind]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    made.stdout.trim_end().to_owned()
}

fn id_of(key: &str) -> &str {
    key.split('_').nth(2).unwrap()
}

fn secret_of(key: &str) -> &str {
    key.split('_').nth(3).unwrap()
}

impl Guarded {
    /// As by hand: into the field that has the focus, and Enter.
    async fn sign_in(&mut self, key: &str) {
        self.page
            .until("document.querySelector('dialog').open && document.activeElement.id === 'api-key'")
            .await;
        self.page.value("document.activeElement.select()").await;
        self.page.call("Input.insertText", json!({"text": key})).await;
        self.page
            .until(&format!("document.activeElement.value === {key:?}"))
            .await;
        self.page.press("Enter", 13, Some("\r")).await;
    }

    /// The first may be kept from closing the dialog; the second closes it, and it opens again when it hears of that.
    async fn press_escape_twice(&mut self) {
        let listen = "document.querySelector('dialog').addEventListener('close', () => { window.wasClosed = true; })";
        self.page.value(listen).await;
        self.page.press("Escape", 27, None).await;
        self.page.press("Escape", 27, None).await;
        self.page.until("window.wasClosed").await;
    }

    async fn is_refused(&mut self, key: &str, why: &str) {
        self.sign_in(key).await;
        self.page.until_reads("#api-key-wrong", why).await;
        assert_eq!(self.page.value("document.querySelector('dialog').open").await, true);
    }

    async fn is_in(&mut self) {
        self.page.until("!document.querySelector('dialog')").await;
        self.page.until_reads(CONNECTION, "Connected").await;
    }

    async fn drop_file(&mut self, name: &str) {
        let drop = format!(
            "(() => {{
                const dataTransfer = new DataTransfer();
                dataTransfer.items.add(new File([{}], {name:?}));
                for (const kind of ['dragenter', 'drop']) dispatchEvent(new DragEvent(kind, {{ dataTransfer, cancelable: true }}));
            }})()",
            json!(BROKEN_LINES)
        );
        self.page.value(&drop).await;
    }

    async fn post_view(&self, url: &str) {
        let event = json!({"user_id": "ada", "event_type": "view", "payload": {"url": url}});
        let request = http_showing(Some(&self.admin)).post(self.server.at("/v1/events"));
        assert_eq!(request.json(&event).send().await.unwrap().status(), 202);
    }

    fn revoke(&self, key: &str) {
        let revoked = self.place.run(&["keys", "revoke", id_of(key)]);
        assert_eq!(revoked.code, 0, "{}", revoked.stderr);
    }

    /// The browser itself tells of each 401; nothing else may go wrong, and no secret leaves by an address.
    fn assert_only_refused(&self, keys: &[&str]) {
        let page = &self.page;
        let is_refusal = |text: &&String| REFUSALS.iter().any(|refusal| text.contains(refusal));
        let others = page.complaints.iter().filter(|text| !is_refusal(text));
        assert_eq!(others.collect::<Vec<_>>(), Vec::<&String>::new());
        for key in keys {
            let mut asked = page.requests.iter().chain(&page.sockets);
            assert!(
                asked.all(|url| !url.contains(secret_of(key))),
                "a key stands in an address"
            );
        }
    }
}

#[tokio::test]
async fn whoever_signs_in_sees_and_a_wrong_key_is_told_what_is_wrong() {
    let Some(mut guarded) = guarded("/#/live").await else {
        return;
    };
    let [read, write] = ["read", "write"].map(|kind| key(&guarded.place, kind));
    let wrong = format!("{}{}", &read[..read.len() - 4], "0000");
    guarded.page.until_reads("dialog", "event-horizon keys create").await;
    guarded.is_refused("secret", "That is no key").await;
    guarded.is_refused(&write, "A key of the kind write sees nothing").await;
    guarded
        .is_refused(&wrong, &format!("The key {} opens nothing", id_of(&read)))
        .await;
    guarded.press_escape_twice().await;
    guarded.sign_in(&read).await;
    guarded.is_in().await;
    guarded.post_view("/seen").await;
    guarded.page.until_reads(".tail", "/seen").await;
    let page = &mut guarded.page;
    page.until_reads(".who", "read").await;
    let text = page.value("document.documentElement.outerHTML").await;
    assert!(
        !text.as_str().unwrap().contains(secret_of(&read)),
        "the page shows the secret"
    );
    let kept = page
        .value("[sessionStorage.getItem('eh-api-key'), localStorage.length]")
        .await;
    assert_eq!(kept, json!([read, 0]));
    let tickets = page.sockets.iter().filter(|url| url.contains("/ws/live?ticket="));
    assert_eq!(tickets.count(), 1, "{:?}", page.sockets);
    guarded.assert_only_refused(&[&read, &write]);
}

#[tokio::test]
async fn whoever_signs_out_leaves_nothing_behind() {
    let Some(mut guarded) = guarded("/#/live").await else {
        return;
    };
    guarded.post_view("/private").await;
    let admin = guarded.admin.clone();
    guarded.sign_in(&admin).await;
    guarded.page.until_reads(".tail", "/private").await;
    guarded.page.click_on("Sign out").await;
    guarded.page.until("document.querySelector('dialog').open").await;
    let page = &mut guarded.page;
    let left = page
        .value("[document.body.innerText.includes('/private'), sessionStorage.length, document.querySelector('.who')]")
        .await;
    assert_eq!(left, json!([false, 0, null]));
    guarded.assert_only_refused(&[&admin]);
}

#[tokio::test]
async fn a_key_that_is_revoked_while_the_page_is_open_leads_back_to_the_door() {
    let Some(mut guarded) = guarded("/#/system").await else {
        return;
    };
    let read = key(&guarded.place, "read");
    guarded.sign_in(&read).await;
    guarded.is_in().await;
    guarded.revoke(&read);
    let why = format!("The key {} does not open anything any more", id_of(&read));
    guarded.page.until_reads("#api-key-wrong", &why).await;
    guarded.page.until_reads(CONNECTION, "Signed out").await;
    let quiet = format!("new Promise((done) => setTimeout(done, {QUIET_MS}))");
    let before = (guarded.page.requests.len(), guarded.page.sockets.len());
    guarded.page.value(&quiet).await;
    let after = (guarded.page.requests.len(), guarded.page.sockets.len());
    assert_eq!(before, after, "{:?}", &guarded.page.requests[before.0..]);
    assert_eq!(guarded.page.value("sessionStorage.length").await, 0);
    let admin = guarded.admin.clone();
    guarded.sign_in(&admin).await;
    guarded.is_in().await;
    guarded.page.until_reads(".who", "admin").await;
    guarded.page.value("location.hash = '#/live'").await;
    guarded.post_view("/after").await;
    guarded.page.until_reads(".tail", "/after").await;
    guarded.assert_only_refused(&[&read, &admin]);
}

#[tokio::test]
async fn a_file_goes_up_by_the_key_and_its_rejects_come_down_by_it() {
    let Some(mut guarded) = guarded("/#/jobs").await else {
        return;
    };
    let admin = guarded.admin.clone();
    guarded.sign_in(&admin).await;
    guarded.is_in().await;
    guarded.drop_file("dropped.jsonl").await;
    guarded.page.until_reads(".job", "completed").await;
    guarded.page.value("document.querySelector('.job a').click()").await;
    let page = &mut guarded.page;
    page.until("document.querySelectorAll('.raw').length === 2").await;
    page.value("window.got = null; URL.createObjectURL = (blob) => { blob.text().then((text) => { window.got = text; }); return 'data:,'; }")
        .await;
    page.click_on("Download all as .jsonl").await;
    page.until("window.got !== null").await;
    let got = page
        .value("window.got.trim().split('\\n').map((line) => JSON.parse(line).raw)")
        .await;
    let lines: Vec<_> = BROKEN_LINES.lines().collect();
    assert_eq!(got, json!([lines[1], lines[3]]));
    let curl = page
        .value("[...document.querySelectorAll('button')].find((one) => one.innerText === 'Copy as curl').title")
        .await;
    let curl = curl.as_str().unwrap();
    assert!(
        curl.contains("-H \"authorization: Bearer $EH_API_KEY\"") && !curl.contains(secret_of(&admin)),
        "{curl}"
    );
    guarded.assert_only_refused(&[&admin]);
}

#[tokio::test]
async fn a_key_that_only_sees_is_told_what_it_takes_to_act() {
    let Some(mut guarded) = guarded("/#/jobs").await else {
        return;
    };
    let read = key(&guarded.place, "read");
    guarded.sign_in(&read).await;
    guarded.is_in().await;
    guarded.drop_file("dropped.jsonl").await;
    guarded.page.until_reads(".job", "`upload` or `admin`").await;
    assert_eq!(
        guarded.page.value("document.querySelector('dialog')").await,
        Value::Null
    );
}

#[tokio::test]
async fn the_page_for_queries_signs_in_by_the_same_door() {
    let Some(mut guarded) = guarded("/graphql").await else {
        return;
    };
    guarded.page.until_reads("#schema", "type Query").await;
    guarded.page.click_on("Run").await;
    let read = key(&guarded.place, "read");
    guarded.sign_in(&read).await;
    guarded.page.until_reads("#answer", "totalEvents").await;
    guarded.page.until_reads(".who", "read").await;
    // The same tab is in everywhere.
    let console = guarded.server.at("/");
    guarded.page.goto(&console).await;
    guarded.is_in().await;
    guarded.assert_only_refused(&[&read]);
}

#[tokio::test]
async fn the_api_description_shows_the_key_that_was_entered() {
    let Some(mut guarded) = guarded("/docs/").await else {
        return;
    };
    let read = key(&guarded.place, "read");
    let page = &mut guarded.page;
    page.until("document.querySelector('.btn.authorize')").await;
    page.value("document.querySelector('.btn.authorize').click()").await;
    page.until("document.querySelector('.modal-ux input')").await;
    page.value("document.querySelector('.modal-ux input').focus()").await;
    page.call("Input.insertText", json!({"text": read})).await;
    page.press("Enter", 13, Some("\r")).await;
    page.value("document.querySelector('.close-modal').click()").await;
    page.value("document.querySelector('#operations-analytics-countEvents button').click()")
        .await;
    page.until("document.querySelector('.execute')").await;
    page.value("document.querySelector('.execute').click()").await;
    page.until_reads(".live-responses-table .response .response-col_status", "200")
        .await;
}

#[tokio::test]
async fn the_door_fits_a_small_telephone() {
    let Some(mut guarded) = guarded("/").await else {
        return;
    };
    guarded.page.look_like(NARROW, "dark").await;
    guarded.page.until("document.querySelector('dialog').open").await;
    let widths = "(({ scrollWidth, clientWidth }) => [scrollWidth, clientWidth])(document.querySelector('dialog'))";
    let dialog = guarded.page.value(widths).await;
    assert_eq!(dialog[0], dialog[1]);
    let bar = "document.querySelector('.bar-top').getBoundingClientRect().width";
    assert_eq!(guarded.page.value(bar).await, NARROW);
    let admin = guarded.admin.clone();
    guarded.sign_in(&admin).await;
    guarded.is_in().await;
    assert_eq!(guarded.page.value(bar).await, NARROW);
}

#[tokio::test]
async fn the_demo_takes_a_key_from_behind_its_address() {
    let Some(mut guarded) = guarded("/demo/").await else {
        return;
    };
    let write = key(&guarded.place, "write");
    guarded.page.until_reads("#key-wanted", "The address holds none").await;
    let read = key(&guarded.place, "read");
    guarded.page.value(&format!("location.hash = 'key={read}'")).await;
    guarded.page.value("document.getElementById('click-me').click()").await;
    guarded
        .page
        .until_reads("#key-wanted", "no key of the kind write")
        .await;
    guarded.page.value(&format!("location.hash = 'key={write}'")).await;
    guarded.page.value("document.getElementById('click-me').click()").await;
    guarded
        .page
        .until("document.querySelector('#sent li').dataset.state === 'accepted'")
        .await;
    let page = &mut guarded.page;
    assert_eq!(page.value("document.getElementById('key-wanted').hidden").await, true);
    page.call("Page.reload", json!({})).await;
    page.until("document.querySelectorAll('#sent [data-state=accepted]').length === 1")
        .await;
    page.until_reads("#sent small", "by the service worker").await;
    let stored = stored_types_with(&guarded.server, Some(&guarded.admin)).await;
    assert_eq!(stored, ["click", "view"]);
    let log = json!(guarded.server.log()).to_string();
    assert!(
        !log.contains(secret_of(&write)),
        "the key of the address reached the log"
    );
    let kept = http_showing(Some(&guarded.admin)).get(guarded.server.at("/v1/events"));
    let kept = kept.send().await.unwrap().text().await.unwrap();
    assert!(
        !kept.contains(secret_of(&write)),
        "the key was told as a part of what happened"
    );
}
