//! What one version writes, on file.

use std::path::PathBuf;

use cvm_aws::columns::Item;
use cvm_shared::entry::Entry;
use cvm_shared::ids::TrailHead;
use cvm_shared::message::Order;
use serde_json::Value;
use serde_json::json;

use crate::lives::Lives;
use crate::words::Words;

/// What one version writes.
#[derive(Debug, PartialEq)]
pub(crate) struct File {
    /// Major and minor number.
    pub(crate) version: String,
    /// All words and names in it.
    pub(crate) words: Words,
    /// Order messages.
    pub(crate) messages: Vec<String>,
    rows: Vec<Value>,
    trail: Vec<Value>,
}

impl File {
    /// What this version writes, made anew.
    pub(crate) fn written() -> Self {
        let lives = Lives::lived();
        Self {
            version: this_version(),
            words: Words::of(&lives),
            messages: lives.orders.iter().map(Order::encode).collect(),
            rows: lives.items().into_iter().map(told).collect(),
            trail: lives.entries.iter().map(entry_told).collect(),
        }
    }

    /// What this version's file says.
    pub(crate) fn of_this_version() -> Self {
        let this = this_version();
        let mut all = Self::all().into_iter();
        all.find(|file| file.version == this).unwrap()
    }

    /// The newest file of an earlier version; the first version is its own.
    pub(crate) fn before_this_version() -> Self {
        let this = this_version();
        let all = Self::all();
        let earlier = all.iter().rposition(|file| file.version != this);
        all.into_iter().nth(earlier.unwrap_or(0)).unwrap()
    }

    /// All files, oldest first.
    pub(crate) fn all() -> Vec<Self> {
        let entries = std::fs::read_dir(folder()).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let jsons = paths.filter(|path| path.extension().is_some_and(|end| end == "json"));
        let mut files: Vec<Self> = jsons.map(|path| Self::load(&path)).collect();
        files.sort_by_key(|file| numbers(&file.version));
        files
    }

    fn load(path: &std::path::Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        let list = |name: &str| value[name].as_array().unwrap().clone();
        let messages = list("messages").into_iter();
        Self {
            version: value["version"].as_str().unwrap().to_owned(),
            words: serde_json::from_value(value["words"].clone()).unwrap(),
            messages: messages.map(|it| it.as_str().unwrap().to_owned()).collect(),
            rows: list("rows"),
            trail: list("trail"),
        }
    }

    /// Writes it to its place, a line for each row.
    pub(crate) fn save(&self) {
        let words = serde_json::to_string_pretty(&self.words).unwrap();
        let text = format!(
            "{{\n\"version\": {},\n\"words\": {words},\n\"messages\": {},\n\"trail\": {},\n\"rows\": {}\n}}\n",
            json!(self.version),
            lines(&self.messages),
            lines(&self.trail),
            lines(&self.rows),
        );
        std::fs::write(folder().join(format!("{}.json", self.version)), text).unwrap();
    }

    /// Its rows.
    pub(crate) fn rows(&self) -> Vec<Item> {
        let rows = self.rows.iter().cloned();
        rows.map(|row| {
            serde_json::from_value::<serde_dynamo::Item>(row)
                .unwrap()
                .into()
        })
        .collect()
    }

    /// Whether the file holds this row's trail.
    pub(crate) fn is_traced(&self, row: &Item) -> bool {
        let serial = row["productid"].as_s().unwrap().as_str();
        self.trail[0]["facts"]["productid"] == serial
    }

    /// Its trail.
    pub(crate) fn trail(&self) -> Vec<Entry> {
        let entry = |told: &Value| Entry {
            facts: serde_json::from_value(told["facts"].clone()).unwrap(),
            head: TrailHead::parse(told["head"].as_str().unwrap()).unwrap(),
        };
        self.trail.iter().map(entry).collect()
    }
}

/// A JSON list with a line for each element.
fn lines<T: serde::Serialize>(elements: &[T]) -> String {
    let elements = elements.iter();
    let texts: Vec<String> = elements
        .map(|element| serde_json::to_string(element).unwrap())
        .collect();
    format!("[\n{}\n]", texts.join(",\n"))
}

fn told(item: Item) -> Value {
    serde_json::to_value(serde_dynamo::Item::from(item)).unwrap()
}

fn entry_told(entry: &Entry) -> Value {
    json!({ "facts": entry.facts, "head": entry.head.as_str() })
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("versions")
}

fn this_version() -> String {
    let (major, minor) = (
        env!("CARGO_PKG_VERSION_MAJOR"),
        env!("CARGO_PKG_VERSION_MINOR"),
    );
    format!("{major}.{minor}")
}

fn numbers(version: &str) -> Vec<u32> {
    let parts = version.split('.');
    parts.map(|part| part.parse().unwrap()).collect()
}
