//! Log entries on their way to a table: their texts stand one behind the other in one buffer, so that thousands of them are
//! a handful of allocations, and can be handed from thread to thread.

use std::ops::Range;

use domain::log_entry::{Attributes, Level, LogEntry};
use domain::time::Timestamp;

/// Log entries in the order of their lines.
#[derive(Debug, Default)]
pub struct Entries {
    texts: String,
    places: Vec<Place>,
}

/// A log entry at its line.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    pub line_no: u64,
    pub timestamp: Option<Timestamp>,
    pub level: Option<Level>,
    pub level_original: Option<&'a str>,
    pub message: Option<&'a str>,
    pub service: Option<&'a str>,
    pub attributes: &'a str,
}

/// An entry whose texts are places in the buffer.
#[derive(Debug)]
struct Place {
    line_no: u64,
    timestamp: Option<Timestamp>,
    level: Option<Level>,
    level_original: Option<Range<usize>>,
    message: Option<Range<usize>>,
    service: Option<Range<usize>>,
    attributes: Range<usize>,
}

impl Entries {
    /// Makes room for so many more bytes of text.
    pub fn reserve(&mut self, text_bytes: usize) {
        self.texts.reserve(text_bytes);
    }

    /// Forgets the entries, and keeps their memory for others.
    pub fn clear(&mut self) {
        self.texts.clear();
        self.places.clear();
    }

    pub fn push(&mut self, line_no: u64, entry: &LogEntry<'_>) {
        let place = Place {
            line_no,
            timestamp: entry.timestamp,
            level: entry.level,
            level_original: entry.level_original.as_deref().map(|text| self.keep(text)),
            message: entry.message.as_deref().map(|text| self.keep(text)),
            service: entry.service.as_deref().map(|text| self.keep(text)),
            attributes: self.keep_attributes(&entry.attributes),
        };
        self.places.push(place);
    }

    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Of all texts, as they are kept.
    pub fn text_bytes(&self) -> usize {
        self.texts.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        self.places.iter().map(|place| Entry {
            line_no: place.line_no,
            timestamp: place.timestamp,
            level: place.level,
            level_original: place.level_original.clone().map(|at| &self.texts[at]),
            message: place.message.clone().map(|at| &self.texts[at]),
            service: place.service.clone().map(|at| &self.texts[at]),
            attributes: &self.texts[place.attributes.clone()],
        })
    }

    fn keep_attributes(&mut self, attributes: &Attributes<'_>) -> Range<usize> {
        let from = self.texts.len();
        attributes.write_to(&mut self.texts);
        from..self.texts.len()
    }

    fn keep(&mut self, text: &str) -> Range<usize> {
        let from = self.texts.len();
        self.texts.push_str(text);
        from..self.texts.len()
    }
}
