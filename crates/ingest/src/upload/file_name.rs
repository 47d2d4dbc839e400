//! What a client calls its file: shown to people, never used as a path.

use actix_web::http::header::ContentDisposition;

const NAME_CHARS_MAX: usize = 255;
const EXTENSIONS: [&str; 4] = [".jsonl", ".ndjson", ".json", ".log"];

/// How the bytes of a file are packed, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

impl Packing {
    /// None: the name is not one of a type that is understood.
    pub(crate) fn of(file_name: &str) -> Option<Self> {
        let name = file_name.to_lowercase();
        let (plain, packing) = match name.rsplit_once('.') {
            Some((plain, "gz")) => (plain, Self::Gzip),
            Some((plain, "zst")) => (plain, Self::Zstd),
            _ => (name.as_str(), Self::Plain),
        };
        let known = EXTENSIONS
            .iter()
            .any(|extension| plain.strip_suffix(extension).is_some_and(|stem| !stem.is_empty()));
        known.then_some(packing)
    }
}

/// The name in the header of a part; none if there is none, or nothing is left of it.
pub(crate) fn of_part(header: &ContentDisposition) -> Option<String> {
    let extended = header
        .get_filename_ext()
        .and_then(|name| String::from_utf8(name.value.clone()).ok());
    let given = extended.or_else(|| header.get_filename().map(unescape))?;
    let base = given.rsplit(['/', '\\']).next().unwrap_or_default().trim();
    let shown: String = base
        .chars()
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect();
    (!matches!(shown.as_str(), "" | "." | "..")).then(|| shorten(shown))
}

/// Browsers escape exactly these three, and leave the percent sign itself alone.
fn unescape(name: &str) -> String {
    name.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n")
}

/// Cuts the stem, so that the type can still be seen.
fn shorten(name: String) -> String {
    const SUFFIX_CHARS_MAX: usize = 16;
    let chars: Vec<char> = name.chars().collect();
    let Some(excess) = chars.len().checked_sub(NAME_CHARS_MAX).filter(|excess| *excess > 0) else {
        return name;
    };
    let suffix_from = chars.len() - SUFFIX_CHARS_MAX;
    chars[..suffix_from - excess]
        .iter()
        .chain(&chars[suffix_from..])
        .collect()
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn name_in(header: &str) -> Option<String> {
        let header = HeaderValue::from_bytes(header.as_bytes()).unwrap();
        of_part(&ContentDisposition::from_raw(&header).unwrap())
    }

    #[test]
    fn names_are_read_as_clients_write_them() {
        let read = |header| name_in(header).unwrap_or_default();
        assert_eq!(read(r#"form-data; name="file"; filename="logs.jsonl""#), "logs.jsonl");
        assert_eq!(read("form-data; name=file; filename=logs.jsonl"), "logs.jsonl");
        assert_eq!(
            read(r#"form-data; name="file"; filename="日本語 %22x%22.jsonl""#),
            "日本語 \"x\".jsonl"
        );
        assert_eq!(
            read(r#"form-data; name="file"; filename="a \"b\".jsonl""#),
            "a \"b\".jsonl"
        );
        assert_eq!(
            read(r#"form-data; name="file"; filename="100%25.jsonl""#),
            "100%25.jsonl"
        );
        assert_eq!(
            read(r#"form-data; name="file"; filename="x"; filename*=UTF-8''%e6%97%a5.jsonl"#),
            "日.jsonl"
        );
    }

    #[test]
    fn a_name_is_no_path() {
        assert_eq!(
            name_in(r#"form-data; filename="x/../../y.jsonl""#).as_deref(),
            Some("y.jsonl")
        );
        assert_eq!(
            name_in(r#"form-data; filename="C:\\logs\\y.jsonl""#).as_deref(),
            Some("y.jsonl")
        );
        assert_eq!(
            name_in("form-data; filename*=UTF-8''a%00%0ab.log").as_deref(),
            Some("a\u{FFFD}\u{FFFD}b.log")
        );
        for nothing in [
            r#"form-data; filename="""#,
            r#"form-data; filename="a/..""#,
            r#"form-data; filename="a/""#,
            "form-data; name=x",
        ] {
            assert_eq!(name_in(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn the_type_is_in_the_name() {
        for name in ["a.jsonl", "A.JSONL", "a.ndjson", "a.json", "a.log", "a.b.log", "日.log"] {
            assert_eq!(Packing::of(name), Some(Packing::Plain), "{name}");
        }
        assert_eq!(Packing::of("a.jsonl.gz"), Some(Packing::Gzip));
        assert_eq!(Packing::of("a.LOG.ZST"), Some(Packing::Zstd));
        for name in [
            "a",
            "a.txt",
            "a.gz",
            "a.txt.gz",
            "jsonl",
            ".jsonl",
            ".jsonl.gz",
            "a.jsonl.bz2",
            "a.jsonl.gz.gz",
            "a.jsonl ",
        ] {
            assert_eq!(Packing::of(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_long_name_keeps_its_type(stem in "[a-z日]{1,600}") {
            let name = shorten(format!("{stem}.jsonl.gz"));
            prop_assert!(name.chars().count() <= NAME_CHARS_MAX);
            prop_assert_eq!(Packing::of(&name), Some(Packing::Gzip));
        }
    }
}
