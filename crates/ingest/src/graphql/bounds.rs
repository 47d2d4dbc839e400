//! How large a query may be, found out before any of it runs: a few bytes can ask for very much, as fragments are
//! used again and again, and fields stand in fields.

use std::collections::HashMap;

use async_graphql::parser::parse_query;
use async_graphql::parser::types::{ExecutableDocument, FragmentDefinition, Selection, SelectionSet};
use async_graphql::{Name, Positioned, ServerError};

pub(crate) const QUERY_BYTES_MAX: usize = 16 << 10;
/// Brackets in brackets: what reads a query and walks through it does so on the stack.
const NESTING_MAX: usize = 40;
const DEPTH_MAX: usize = 10;
/// With fragments as often as they are used; the query that tools ask for the schema has about 200.
const FIELDS_MAX: usize = 300;
/// Lists of the schema in each other: the types, their fields, the arguments of these.
const SCHEMA_LISTS_MAX: usize = 3;
const SCHEMA_LISTS: [&str; 7] = [
    "types",
    "fields",
    "args",
    "inputFields",
    "interfaces",
    "possibleTypes",
    "enumValues",
];
/// What unwraps a type of the schema; such a chain is long and costs nothing.
const UNWRAPPING: &str = "ofType";

/// Why a query is not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the query is longer than {QUERY_BYTES_MAX} bytes")]
    TooLong,
    #[error("the query is nested too deep: up to {DEPTH_MAX} fields may stand in each other")]
    TooDeep,
    #[error("the query has too many fields: up to {FIELDS_MAX}, aliases and used fragments counted, are answered")]
    TooManyFields,
    #[error("the query asks for lists of the schema in lists of the schema: up to {SCHEMA_LISTS_MAX} may")]
    TooMuchSchema,
    #[error("the fragment `{0}` contains itself")]
    Cycle(Name),
    #[error("{0}")]
    Malformed(#[from] async_graphql::parser::Error),
}

impl Refusal {
    pub(crate) fn into_error(self) -> ServerError {
        match self {
            Self::Malformed(error) => error.into(),
            other => ServerError::new(other.to_string(), None),
        }
    }
}

/// Reads a query, if it is within all bounds.
pub(crate) fn admit(query: &str) -> Result<ExecutableDocument, Refusal> {
    if query.len() > QUERY_BYTES_MAX {
        return Err(Refusal::TooLong);
    }
    if nesting(query) > NESTING_MAX {
        return Err(Refusal::TooDeep);
    }
    let document = parse_query(query)?;
    let mut measure = Measure {
        fragments: &document.fragments,
        known: HashMap::new(),
    };
    let mut size = Size::default();
    for (_, operation) in document.operations.iter() {
        size = size.beside(measure.selected(&operation.node.selection_set.node, 0)?);
    }
    size.check()?;
    // Also those that nobody uses are looked at by whoever validates the query.
    for name in document.fragments.keys() {
        measure.fragment(name, 0)?.check()?;
    }
    Ok(document)
}

/// How deep brackets stand in each other, outside of texts and comments.
fn nesting(query: &str) -> usize {
    let (mut open, mut deepest) = (0_usize, 0);
    let mut rest = query.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        rest = match first {
            b'#' => after(others, b"\n"),
            b'"' if others.starts_with(b"\"\"") => after_text(&others[2..], b"\"\"\""),
            b'"' => after_text(others, b"\""),
            _ => others,
        };
        match first {
            b'{' | b'[' | b'(' => open += 1,
            b'}' | b']' | b')' => open = open.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(open);
    }
    deepest
}

fn after<'q>(rest: &'q [u8], end: &[u8]) -> &'q [u8] {
    let place = rest.windows(end.len()).position(|window| window == end);
    place.map_or(&[], |place| &rest[place + end.len()..])
}

/// Behind the quotes that end a text; those behind a backslash do not.
fn after_text<'q>(mut rest: &'q [u8], quotes: &[u8]) -> &'q [u8] {
    while let Some((first, others)) = rest.split_first() {
        if rest.starts_with(quotes) {
            return &rest[quotes.len()..];
        }
        rest = match first {
            b'\\' if quotes.len() == 1 || others.starts_with(quotes) => others.get(quotes.len()..).unwrap_or_default(),
            // Such a text ends with its line, closed or not.
            b'\n' if quotes.len() == 1 => return others,
            _ => others,
        };
    }
    rest
}

/// How much a part of a query asks for, its fragments filled in.
#[derive(Clone, Copy, Debug, Default)]
struct Size {
    fields: usize,
    depth: usize,
    schema_lists: usize,
    /// Selections in each other, fragments counted.
    levels: usize,
}

impl Size {
    fn beside(self, other: Self) -> Self {
        Self {
            fields: self.fields.saturating_add(other.fields),
            depth: self.depth.max(other.depth),
            schema_lists: self.schema_lists.max(other.schema_lists),
            levels: self.levels.max(other.levels),
        }
    }

    /// A field around this.
    fn in_field(self, name: &str) -> Self {
        Self {
            fields: self.fields.saturating_add(1),
            depth: self.depth + usize::from(name != UNWRAPPING),
            schema_lists: self.schema_lists + usize::from(SCHEMA_LISTS.contains(&name)),
            ..self
        }
    }

    fn check(self) -> Result<(), Refusal> {
        if self.depth > DEPTH_MAX || self.levels > NESTING_MAX {
            return Err(Refusal::TooDeep);
        }
        if self.fields > FIELDS_MAX {
            return Err(Refusal::TooManyFields);
        }
        if self.schema_lists > SCHEMA_LISTS_MAX {
            return Err(Refusal::TooMuchSchema);
        }
        Ok(())
    }
}

/// Each fragment is measured once, however often it is used.
struct Measure<'d> {
    fragments: &'d HashMap<Name, Positioned<FragmentDefinition>>,
    /// None while it is being measured.
    known: HashMap<&'d Name, Option<Size>>,
}

impl<'d> Measure<'d> {
    fn selected(&mut self, set: &'d SelectionSet, level: usize) -> Result<Size, Refusal> {
        if level > NESTING_MAX {
            return Err(Refusal::TooDeep);
        }
        let mut size = Size::default();
        for selection in &set.items {
            let inner = match &selection.node {
                Selection::Field(field) => {
                    let inner = self.selected(&field.node.selection_set.node, level + 1)?;
                    inner.in_field(&field.node.name.node)
                }
                Selection::InlineFragment(fragment) => self.selected(&fragment.node.selection_set.node, level + 1)?,
                Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node, level + 1)?,
            };
            size = size.beside(inner);
        }
        size.levels += 1;
        Ok(size)
    }

    fn fragment(&mut self, name: &Name, level: usize) -> Result<Size, Refusal> {
        // That one is missing is told by whoever validates the query.
        let Some((name, definition)) = self.fragments.get_key_value(name) else {
            return Ok(Size::default());
        };
        match self.known.get(name) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => return Err(Refusal::Cycle(name.clone())),
            None => self.known.insert(name, None),
        };
        let size = self.selected(&definition.node.selection_set.node, level)?;
        self.known.insert(name, Some(size));
        Ok(size)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    fn refusal(query: &str) -> String {
        admit(query).err().map_or_else(String::new, |refusal| {
            let words = format!("{refusal:?}");
            words.split('(').next().unwrap_or_default().to_owned()
        })
    }

    fn nested(depth: usize) -> String {
        "{a".repeat(depth) + &"}".repeat(depth)
    }

    #[test]
    fn what_stands_too_deep_is_refused() {
        for (depth, expected) in [(10, ""), (11, "TooDeep"), (50, "TooDeep"), (5_000, "TooDeep")] {
            assert_eq!(refusal(&nested(depth)), expected, "{depth}");
        }
        for brackets in ["[", "{a:", "("] {
            let query = format!("{{ a(b: {}", brackets.repeat(5_000));
            assert_eq!(refusal(&query), "TooDeep", "{brackets}");
        }
    }

    #[test]
    fn brackets_in_texts_and_comments_are_text() {
        let brackets = "[".repeat(100);
        for query in [
            format!("{{ a(b: \"{brackets}\") }}"),
            format!("{{ a(b: \"\\\"{brackets}\") }}"),
            format!("{{ a(b: \"\"\"\" {brackets}\n{brackets} \\\"\"\" {brackets}\"\"\") }}"),
            format!("{{ # \" {brackets}\n a }}"),
        ] {
            assert!(nesting(&query) <= 2, "{query}");
            assert_eq!(refusal(&query), "", "{query}");
        }
        assert_eq!(nesting(&format!("{{ a(b: \"\") {brackets}")), 101);
    }

    #[test]
    fn many_fields_are_refused_also_when_few_are_written() {
        let aliases = |count: usize| (0..count).fold("{".to_owned(), |query, no| query + &format!(" a{no}:b")) + "}";
        assert_eq!(refusal(&aliases(300)), "");
        assert_eq!(refusal(&aliases(301)), "TooManyFields");
        assert_eq!(refusal(&aliases(10_000)), "TooLong");
        // Each uses the next twice: 2^100 fields.
        let mut query = "{ ...f0 }".to_owned();
        for no in 0..30 {
            let _ = write!(query, " fragment f{no} on Query {{ ...f{} ...f{} }}", no + 1, no + 1);
        }
        query += " fragment f30 on Query { a }";
        assert_eq!(refusal(&query), "TooManyFields");
    }

    #[test]
    fn fragments_hide_no_depth_and_no_cycle() {
        let chain = |count: usize| {
            let mut query = "{ ...f0 }".to_owned();
            for no in 0..count {
                let _ = write!(query, " fragment f{no} on Query {{ a {{ ...f{} }} }}", no + 1);
            }
            query + &format!(" fragment f{count} on Query {{ a }}")
        };
        assert_eq!(refusal(&chain(9)), "");
        assert_eq!(refusal(&chain(10)), "TooDeep");
        assert_eq!(refusal(&chain(300)), "TooDeep");
        let cycle = "fragment f on Query { a { ...g } } fragment g on Query { ...f }";
        assert_eq!(refusal(&format!("{{ ...f }} {cycle}")), "Cycle");
        assert_eq!(refusal(&format!("{{ a }} {cycle}")), "Cycle", "also if nobody uses it");
    }

    #[test]
    fn the_schema_cannot_be_asked_for_over_and_over() {
        assert_eq!(refusal("{ __schema { types { fields { args { name } } } } }"), "");
        let deep = "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }";
        assert_eq!(refusal(deep), "TooMuchSchema");
    }
}
