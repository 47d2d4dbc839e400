//! The rules of the workspace that privacy cannot keep: who may depend on whom, what a crate may be called, and that both
//! databases have the same migrations.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use toml::Table;

/// Who may know whom among ourselves.
const ARROWS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("records", &["domain"]),
    ("queue", &["domain"]),
    ("blobs", &["domain"]),
    ("ingest", &["records", "queue", "blobs", "domain"]),
    ("worker", &["records", "queue", "blobs", "domain"]),
    ("server", &["ingest", "worker", "records", "queue", "blobs", "domain"]),
];
/// Whoever decides must not do.
const NOT_IN_DOMAIN: &[&str] = &["tokio", "actix", "diesel", "lapin", "aws", "reqwest", "rand", "hyper"];
/// Whoever asks a port must not reach around it.
const NOT_BESIDE_A_PORT: &[&str] = &["diesel", "lapin", "aws", "libsqlite3", "pq-sys"];
const NAMES_THAT_SAY_NOTHING: &[&str] = &["common", "core", "utils", "platform"];
const PORTS: &[(&str, &[&str])] = &[
    ("records", &["postgres", "sqlite"]),
    ("queue", &["rabbitmq", "embedded"]),
    ("blobs", &["s3", "disk"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn names_in(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn manifests() -> BTreeMap<String, Table> {
    let read = |name: String| {
        let manifest = std::fs::read_to_string(root().join("crates").join(&name).join("Cargo.toml")).unwrap();
        (name, manifest.parse().unwrap())
    };
    names_in(&root().join("crates")).into_iter().map(read).collect()
}

/// What a crate is built of; tests may use what they like.
fn dependencies(manifest: &Table) -> BTreeSet<String> {
    let of = |table: &Table| {
        let kinds = ["dependencies", "build-dependencies"]
            .into_iter()
            .filter_map(|kind| table.get(kind)?.as_table());
        kinds.flat_map(|table| table.keys().cloned()).collect::<Vec<_>>()
    };
    let targets = manifest.get("target").and_then(|targets| targets.as_table());
    let of_targets = targets
        .into_iter()
        .flat_map(Table::values)
        .filter_map(|target| target.as_table())
        .flat_map(of);
    of(manifest).into_iter().chain(of_targets).collect()
}

fn assert_none_of(manifests: &BTreeMap<String, Table>, name: &str, forbidden: &[&str]) {
    let known = dependencies(&manifests[name]);
    let reached = known
        .iter()
        .find(|known| forbidden.iter().any(|prefix| known.starts_with(prefix)));
    assert_eq!(reached, None, "{name} must not know it");
}

#[test]
fn crates_know_each_other_along_the_arrows_only() {
    let manifests = manifests();
    let names: BTreeSet<_> = manifests.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ARROWS.iter().map(|(name, _)| *name).collect(),
        "a crate without arrows, or arrows without a crate"
    );
    for (name, allowed) in ARROWS {
        for known in dependencies(&manifests[*name]) {
            assert!(
                !names.contains(known.as_str()) || allowed.contains(&known.as_str()),
                "{name} must not know {known}"
            );
        }
    }
}

#[test]
fn the_domain_does_nothing_and_nobody_reaches_around_a_port() {
    let manifests = manifests();
    assert_none_of(&manifests, "domain", NOT_IN_DOMAIN);
    for name in ["ingest", "worker", "server"] {
        assert_none_of(&manifests, name, NOT_BESIDE_A_PORT);
    }
    assert_none_of(&manifests, "worker", &["actix"]);
}

#[test]
fn names_say_what_a_crate_is() {
    for (folder, manifest) in manifests() {
        assert_eq!(manifest["package"]["name"].as_str(), Some(folder.as_str()));
        assert!(!NAMES_THAT_SAY_NOTHING.contains(&folder.as_str()), "{folder}");
    }
}

#[test]
fn adapters_are_private() {
    for (port, adapters) in PORTS {
        let source = std::fs::read_to_string(root().join("crates").join(port).join("src/lib.rs")).unwrap();
        for adapter in *adapters {
            let declared = source
                .lines()
                .find(|line| line.trim_end().ends_with(&format!("mod {adapter};")));
            assert_eq!(
                declared.map(str::trim),
                Some(format!("mod {adapter};").as_str()),
                "in {port}"
            );
        }
    }
}

#[test]
fn both_databases_have_the_same_migrations() {
    let of = |database: &str| names_in(&root().join("migrations").join(database));
    let migrations = of("postgres");
    assert_eq!(migrations, of("sqlite"));
    for migration in &migrations {
        for database in ["postgres", "sqlite"] {
            let files = names_in(&root().join("migrations").join(database).join(migration));
            let expected = ["down.sql", "up.sql"].map(str::to_owned).into();
            assert!(files.is_superset(&expected), "{database}/{migration} has {files:?}");
        }
    }
}
