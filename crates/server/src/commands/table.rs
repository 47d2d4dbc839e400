//! Rows for people: columns as wide as they must be, and nothing in them that a terminal would obey.

use std::fmt::{self, Display, Formatter};

const GAP: &str = "  ";

/// One of the columns of a table.
#[derive(Clone, Copy)]
pub(super) enum Column {
    Text(&'static str),
    /// Stands at the right edge.
    Number(&'static str),
}

pub(super) struct Table<'c> {
    columns: &'c [Column],
    rows: Vec<Vec<String>>,
}

impl Column {
    const fn heading(self) -> &'static str {
        match self {
            Self::Text(heading) | Self::Number(heading) => heading,
        }
    }

    fn padded(self, text: &str, width: usize) -> String {
        match self {
            Self::Text(_) => format!("{text:<width$}"),
            Self::Number(_) => format!("{text:>width$}"),
        }
    }
}

impl<'c> Table<'c> {
    pub(super) const fn new(columns: &'c [Column]) -> Self {
        Self {
            columns,
            rows: Vec::new(),
        }
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| harmless(&cell)).collect());
    }

    fn width(&self, at: usize, column: Column) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(at)).map(String::as_str);
        let widths = cells.chain([column.heading()]).map(|cell| cell.chars().count());
        widths.max().unwrap_or_default()
    }

    fn line(&self, cells: &[String]) -> String {
        let cells = self.columns.iter().zip(cells).enumerate();
        let padded = cells.map(|(at, (column, cell))| column.padded(cell, self.width(at, *column)));
        padded.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
    }
}

impl Display for Table<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let headings: Vec<_> = self.columns.iter().map(|column| column.heading().to_owned()).collect();
        formatter.write_str(&self.line(&headings))?;
        for row in &self.rows {
            write!(formatter, "\n{}", self.line(row))?;
        }
        Ok(())
    }
}

/// What others wrote could hold the commands of a terminal.
pub(super) fn harmless(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

/// Seconds as a player shows them.
pub(super) fn clock(seconds: f64) -> String {
    // What is beyond, no movie is; a clock that stands still there says enough.
    let seconds = std::time::Duration::try_from_secs_f64(seconds)
        .unwrap_or_default()
        .as_secs();
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{hours}:{minutes:02}:{seconds:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_must_be() {
        let mut table = Table::new(&[Column::Text("movie"), Column::Number("viewers"), Column::Text("seen")]);
        table.row(["big-buck-bunny", "1", "now"].map(str::to_owned));
        table.row(["dune", "1234567890", ""].map(str::to_owned));
        insta::assert_snapshot!(table, @r"
        movie              viewers  seen
        big-buck-bunny           1  now
        dune            1234567890
        ");
    }

    #[test]
    fn a_terminal_is_told_nothing() {
        let mut table = Table::new(&[Column::Text("message")]);
        table.row(["\u{1b}[2Jgone\nnext".to_owned()]);
        assert_eq!(table.to_string(), "message\n\u{fffd}[2Jgone\u{fffd}next");
    }

    #[test]
    fn a_clock_counts_hours() {
        for (seconds, expected) in [
            (0.0, "0:00:00"),
            (59.9, "0:00:59"),
            (4_500.25, "1:15:00"),
            (360_000.0, "100:00:00"),
        ] {
            assert_eq!(clock(seconds), expected);
        }
    }
}
