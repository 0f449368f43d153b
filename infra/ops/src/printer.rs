//! Rows on their way to a person, a program or a spreadsheet, page by page, so that none has to wait for the last.

use comfy_table::Cell;
use comfy_table::CellAlignment;
use comfy_table::Color;
use comfy_table::ContentArrangement;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde_json::Value;

use crate::cli::Output;
use crate::terminal::say;

/// Prints rows. Each has one value for each column; null where there is none.
#[derive(Debug)]
pub struct Printer {
    columns: &'static [&'static str],
    output: Output,
    styled: bool,
    has_begun: bool,
}

impl Printer {
    /// A printer of these columns.
    pub fn new(columns: &'static [&'static str], output: Output, styled: bool) -> Self {
        Self {
            columns,
            output,
            styled,
            has_begun: false,
        }
    }

    /// Prints a page.
    pub fn page(&mut self, rows: &[Vec<Value>]) {
        let text = self.rendered(rows);
        if !text.is_empty() {
            say(text.trim_end_matches('\n'));
        }
    }

    /// A page as text.
    pub fn rendered(&mut self, rows: &[Vec<Value>]) -> String {
        let begins = !std::mem::replace(&mut self.has_begun, true);
        match self.output {
            Output::Json => rows.iter().map(|row| self.object(row) + "\n").collect(),
            Output::Csv => self.csv(rows, begins),
            Output::Table if rows.is_empty() => String::new(),
            Output::Table => self.table(rows, begins),
        }
    }

    fn object(&self, row: &[Value]) -> String {
        let names = self.columns.iter().map(|name| (*name).to_owned());
        let object: serde_json::Map<String, Value> = names.zip(row.iter().cloned()).collect();
        Value::Object(object).to_string()
    }

    fn csv(&self, rows: &[Vec<Value>], begins: bool) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        // Writing into memory does not fail.
        if begins {
            let _ = writer.write_record(self.columns);
        }
        for row in rows {
            let _ = writer.write_record(row.iter().map(plain));
        }
        let bytes = writer.into_inner().unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn table(&self, rows: &[Vec<Value>], begins: bool) -> String {
        let mut table = sheet(self.styled);
        if begins {
            let heads = self
                .columns
                .iter()
                .map(|name| Cell::new(name).fg(Color::DarkGrey));
            table.set_header(heads);
        }
        for row in rows {
            table.add_row(row.iter().map(cell));
        }
        table.trim_fmt()
    }
}

fn cell(value: &Value) -> Cell {
    let text = shown(&plain(value));
    let cell = Cell::new(&text);
    let cell = match value {
        Value::Number(_) => cell.set_alignment(CellAlignment::Right),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            cell
        }
    };
    match colour(&text) {
        Some(colour) => cell.fg(colour),
        None => cell,
    }
}

/// The colour of a word that says how something stands.
fn colour(word: &str) -> Option<Color> {
    match word {
        "Vended" => Some(Color::Green),
        "Failed" => Some(Color::Red),
        "Requested" | "Issuing" => Some(Color::Yellow),
        "Disabled" => Some(Color::DarkGrey),
        _ => None,
    }
}

/// A text that a terminal takes for text and nothing else: what came from a queue or a file may hold control characters.
pub fn shown(text: &str) -> String {
    let safe = |character: char| {
        if character.is_control() {
            character.escape_unicode().to_string()
        } else {
            character.to_string()
        }
    };
    text.chars().map(safe).collect()
}

/// A value as one text.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(";"),
        Value::Object(map) => {
            let pairs = map
                .iter()
                .map(|(name, value)| format!("{name}={}", plain(value)));
            pairs.collect::<Vec<_>>().join(";")
        }
    }
}

/// A table without lines. Long values are never cut: they are there to be copied.
pub fn sheet(styled: bool) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    if styled {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const COLUMNS: &[&str] = &["productid", "count"];

    fn page(output: Output) -> String {
        let mut printer = Printer::new(COLUMNS, output, false);
        let first = printer.rendered(&[vec![json!("SN-1"), json!(3)]]);
        first + &printer.rendered(&[vec![json!("a,\"b"), Value::Null]])
    }

    #[test]
    fn the_heads_stand_once_above_all_pages() {
        assert_eq!(page(Output::Csv), "productid,count\nSN-1,3\n\"a,\"\"b\",\n");
        assert_eq!(
            page(Output::Json),
            "{\"count\":3,\"productid\":\"SN-1\"}\n{\"count\":null,\"productid\":\"a,\\\"b\"}\n"
        );
        let table = page(Output::Table);
        assert!(
            table.contains("productid") && table.contains("SN-1"),
            "{table}"
        );
        assert_eq!(table.matches("productid").count(), 1);
    }

    #[test]
    fn an_empty_csv_still_has_its_heads() {
        let mut printer = Printer::new(COLUMNS, Output::Csv, false);
        assert_eq!(printer.rendered(&[]), "productid,count\n");
    }

    #[test]
    fn no_text_moves_the_cursor() {
        assert_eq!(shown("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\u{a}");
    }
}
