//! The console and the demo page: plain files, part of the binary, served as they are written.

use std::borrow::Cow;
use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// Where a page names its other files. They live under a path that changes with any of them, so that a browser may keep
/// them for ever and the modules find each other by relative paths.
const ASSETS_PLACE: &str = "{assets}";
const BUILD_BYTES: usize = 6;

/// A file of a page.
#[derive(Debug)]
pub(crate) struct File {
    path: &'static str,
    embedded: &'static [u8],
}

macro_rules! files {
    ($($path:literal),+ $(,)?) => {
        &[$(File { path: $path, embedded: include_bytes!(concat!("console/", $path)) }),+]
    };
}

static INDEX: File = File {
    path: "index.html",
    embedded: include_bytes!("console/index.html"),
};

static GRAPHQL: File = File {
    path: "graphql.html",
    embedded: include_bytes!("console/graphql.html"),
};

static ASSETS: &[File] = files![
    "api.js",
    "app.js",
    "chart.js",
    "door.js",
    "format.js",
    "graphql.css",
    "graphql.js",
    "icon.svg",
    "icons.js",
    "live.js",
    "parts.js",
    "router.js",
    "sign-in.js",
    "store.js",
    "style.css",
    "theme.js",
    "uploads.js",
    "vendor/LICENSE-htm.txt",
    "vendor/LICENSE-preact.txt",
    "vendor/LICENSE-uplot.txt",
    "vendor/hooks.js",
    "vendor/htm.js",
    "vendor/preact-htm.js",
    "vendor/preact.js",
    "vendor/uplot.css",
    "vendor/uplot.js",
    "views/job.js",
    "views/jobs.js",
    "views/live.js",
    "views/notifications.js",
    "views/overview.js",
    "views/system.js",
    "views/watch.js",
];

static DEMO: &[File] = files![
    "demo/index.html",
    "demo/page.js",
    "demo/service-worker.js",
    "demo/style.css",
];

/// Changes whenever a file of the console does.
fn build() -> Cow<'static, str> {
    static BUILD: LazyLock<String> = LazyLock::new(hash_of_all);
    if cfg!(debug_assertions) {
        // They may have been written anew since.
        return Cow::Owned(hash_of_all());
    }
    Cow::Borrowed(BUILD.as_str())
}

fn hash_of_all() -> String {
    let mut hash = Sha256::new();
    for file in ASSETS {
        hash.update(file.path);
        hash.update(file.bytes());
    }
    let hash = hash.finalize();
    hash.iter()
        .take(BUILD_BYTES)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The console's page.
pub(crate) fn index() -> String {
    with_assets(&INDEX)
}

/// The page to try GraphQL queries on.
pub(crate) fn graphql_page() -> String {
    with_assets(&GRAPHQL)
}

fn with_assets(page: &File) -> String {
    let page = String::from_utf8_lossy(&page.bytes()).into_owned();
    page.replace(ASSETS_PLACE, &format!("/console/{}", build()))
}

/// A file of this build of the console.
pub(crate) fn asset(of_build: &str, path: &str) -> Option<&'static File> {
    let found = ASSETS.iter().find(|file| file.path == path);
    found.filter(|_| of_build == build())
}

/// A file of the demo page; without a name, the page itself.
pub(crate) fn demo(path: &str) -> Option<&'static File> {
    let path = if path.is_empty() { "index.html" } else { path };
    DEMO.iter().find(|file| file.path.strip_prefix("demo/") == Some(path))
}

impl File {
    /// A debug build reads it where it is written, so that a change is seen without a build.
    pub(crate) fn bytes(&self) -> Cow<'static, [u8]> {
        if cfg!(debug_assertions) {
            let written = concat!(env!("CARGO_MANIFEST_DIR"), "/src/console/");
            if let Ok(bytes) = std::fs::read(format!("{written}{}", self.path)) {
                return Cow::Owned(bytes);
            }
        }
        Cow::Borrowed(self.embedded)
    }

    pub(crate) fn media_type(&self) -> &'static str {
        match self.path.rsplit_once('.').map(|(_, ending)| ending) {
            Some("html") => "text/html; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => "text/plain; charset=utf-8",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn written(folder: &Path, prefix: &str, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                written(&entry.path(), &format!("{name}/"), found);
            } else if !name.ends_with(".md") {
                found.insert(name);
            }
        }
    }

    #[test]
    fn every_file_that_was_written_is_served() {
        let mut found = BTreeSet::new();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/console");
        written(&folder, "", &mut found);
        let all = ASSETS.iter().chain(DEMO).chain([&INDEX, &GRAPHQL]);
        assert_eq!(all.map(|file| file.path.to_owned()).collect::<BTreeSet<_>>(), found);
    }

    #[test]
    fn the_page_names_files_of_this_build() {
        for page in [index(), graphql_page()] {
            names_files_of_this_build(&page);
        }
    }

    fn names_files_of_this_build(page: &str) {
        let named = page.split('"').filter_map(|text| text.strip_prefix("/console/"));
        let named: Vec<_> = named.map(|path| path.split_once('/').unwrap()).collect();
        assert!(named.len() > 3, "{page}");
        for (build, path) in named {
            assert!(asset(build, path).is_some(), "{path}");
            assert!(asset("000000000000", path).is_none(), "{path}");
        }
    }

    /// The policy of the pages forbids it, and a browser would say so to nobody but its console.
    #[test]
    fn no_page_holds_scripts_or_styles_or_names_another_host() {
        for file in ASSETS.iter().chain(DEMO).chain([&INDEX, &GRAPHQL]) {
            let text = String::from_utf8_lossy(file.embedded);
            if file.path.ends_with(".html") {
                let closed = text.matches("<script").count();
                assert_eq!(
                    text.matches("<script src=").count() + text.matches("<script type=\"module\" src=").count(),
                    closed,
                    "{}",
                    file.path
                );
                assert!(
                    !text.contains("<style") && !text.contains(" style=") && !text.contains(" onclick="),
                    "{}",
                    file.path
                );
            }
            if !file.path.starts_with("vendor/") {
                let hosts = text
                    .split("://")
                    .skip(1)
                    .map(|rest| rest.split(['/', '\'', '"', '`', '<', ' ']).next().unwrap_or_default());
                for host in hosts {
                    let is_ours = host.starts_with("localhost") || host.starts_with("${") || host == "www.w3.org";
                    assert!(is_ours, "{} names {host}", file.path);
                }
            }
        }
    }
}
