//! Figures in a table, for people and for programs.

use std::fmt;

use comfy_table::CellAlignment;
use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

/// What stands in a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Words.
    Text(String),
    /// A whole number.
    Count(u64),
    /// A number with so many decimals.
    Number(f64, usize),
    /// Nothing to tell.
    None,
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Cell {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Count(count) => write!(f, "{count}"),
            Self::Number(number, decimals) => write!(f, "{number:.decimals$}"),
            Self::None => f.write_str("-"),
        }
    }
}

impl Cell {
    fn json(&self) -> Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Count(count) => json!(count),
            Self::Number(number, _) => json!(number),
            Self::None => Value::Null,
        }
    }
}

/// A table with a title and, below it, what must be known to read it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sheet {
    title: &'static str,
    head: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
    notes: Vec<String>,
}

impl Sheet {
    /// An empty table with these columns; the first one names the rows.
    pub fn new(title: &'static str, head: &[&'static str]) -> Self {
        Self {
            title,
            head: head.to_vec(),
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// One row more.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// One line more below it.
    pub fn note(&mut self, line: impl Into<String>) {
        self.notes.push(line.into());
    }

    /// Its name among others.
    pub fn title(&self) -> &'static str {
        self.title
    }

    /// The rows as objects.
    pub fn json(&self) -> Value {
        let object = |row: &Vec<Cell>| -> Map<String, Value> {
            let cells = self.head.iter().zip(row);
            cells
                .map(|(name, cell)| ((*name).to_owned(), cell.json()))
                .collect()
        };
        self.rows.iter().map(object).collect()
    }
}

impl fmt::Display for Sheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_header(self.head.iter());
        for row in &self.rows {
            table.add_row(row.iter().map(ToString::to_string));
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        writeln!(f, "{}\n{table}", self.title)?;
        for line in &self.notes {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_see_rounded_numbers_and_programs_whole_ones() {
        let mut sheet = Sheet::new("what it takes", &["who", "ms", "calls"]);
        sheet.row(["door".into(), Cell::Number(1.25, 1), 3.into()]);
        sheet.row(["worker".into(), Cell::None, 10.into()]);
        let told = sheet.to_string();
        assert!(told.contains("1.2") && !told.contains("1.25"), "{told}");
        let expected = json!([
            { "who": "door", "ms": 1.25, "calls": 3 },
            { "who": "worker", "ms": null, "calls": 10 },
        ]);
        assert_eq!(sheet.json(), expected);
    }
}
