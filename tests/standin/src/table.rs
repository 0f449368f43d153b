//! The tables and their indexes, which follow every write at once.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ops::Bound;

use serde_json::Value;

use crate::evaluate::Item;
use crate::scalar::Scalar;
use crate::wire::Refusal;

/// The device table's partition key.
pub(crate) const KEY: &str = "productid";

/// Between the two parts of a key: before all that either may hold.
const BETWEEN: char = '\0';

/// A scan looks at so many items, as 1 MB of them would be at DynamoDB.
const SCAN_PAGE: usize = 500;

/// A place in an index: its range value, then the item's key.
pub(crate) type Place = (Option<Scalar>, String);

/// A sparse global secondary index that projects keys only.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) hash: String,
    pub(crate) range: Option<String>,
    entries: BTreeMap<Scalar, BTreeSet<Place>>,
}

impl Index {
    /// Where an item stands; `None` if it lacks an attribute of the index.
    fn place(&self, key: &str, item: &Item) -> Option<(Scalar, Place)> {
        let hash = Scalar::of(item.get(&self.hash)?)?;
        let range = match &self.range {
            Some(range) => Some(Scalar::of(item.get(range)?)?),
            None => None,
        };
        Some((hash, (range, key.to_owned())))
    }

    fn add(&mut self, key: &str, item: &Item) {
        if let Some((hash, place)) = self.place(key, item) {
            self.entries.entry(hash).or_default().insert(place);
        }
    }

    fn remove(&mut self, key: &str, item: &Item) {
        let Some((hash, place)) = self.place(key, item) else {
            return;
        };
        if let Some(places) = self.entries.get_mut(&hash) {
            places.remove(&place);
            if places.is_empty() {
                self.entries.remove(&hash);
            }
        }
    }

    /// The places of one hash value in their order, after `start`.
    pub(crate) fn places<'a>(
        &'a self,
        hash: &Scalar,
        start: Option<&Place>,
    ) -> impl DoubleEndedIterator<Item = &'a Place> + use<'a> {
        let from = start.map_or(Bound::Unbounded, |place| Bound::Excluded(place.clone()));
        let places = self.entries.get(hash).into_iter();
        places.flat_map(move |places| places.range((from.clone(), Bound::Unbounded)))
    }

    /// The keys that a query returns for a place.
    pub(crate) fn keys(&self, hash: &Scalar, (range, key): &Place) -> Item {
        let mut keys = Item::new();
        keys.insert(KEY.to_owned(), serde_json::json!({ "S": key }));
        keys.insert(self.hash.clone(), hash.to_json());
        if let (Some(name), Some(value)) = (&self.range, range) {
            keys.insert(name.clone(), value.to_json());
        }
        keys
    }

    /// The place that a query's start key names.
    pub(crate) fn place_of(&self, start: &Value) -> Option<Place> {
        let key = start.get(KEY)?.get("S")?.as_str()?.to_owned();
        let range = match &self.range {
            Some(range) => Some(Scalar::of(start.get(range)?)?),
            None => None,
        };
        Some((range, key))
    }
}

/// A table.
#[derive(Debug)]
pub(crate) struct Table {
    /// Its partition key.
    pub(crate) key: &'static str,
    /// Its sort key.
    pub(crate) sort: Option<&'static str>,
    /// How many items one scan looks at.
    pub(crate) scan_page: usize,
    items: BTreeMap<String, Item>,
    indexes: BTreeMap<String, Index>,
    /// All writes, if somebody wants to know.
    written: Option<Vec<Written>>,
}

/// A write: the whole item before and after it, as a table's stream has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The item that was there, in DynamoDB's JSON.
    pub before: Option<Value>,
    /// The item that is there now.
    pub after: Value,
}

impl Table {
    /// An empty table with this partition key.
    pub(crate) fn keyed(key: &'static str) -> Self {
        Self {
            key,
            sort: None,
            scan_page: SCAN_PAGE,
            items: BTreeMap::new(),
            indexes: BTreeMap::new(),
            written: None,
        }
    }

    /// The same with this sort key.
    pub(crate) fn sorted(self, sort: &'static str) -> Self {
        Self {
            sort: Some(sort),
            ..self
        }
    }

    /// Keeps all writes from now on; those that were kept before.
    pub(crate) fn keep_writes(&mut self) -> Vec<Written> {
        self.written.replace(Vec::new()).unwrap_or_default()
    }

    /// The key of an item, or of a call's `Key`: with a sort key, both in one, in the order of both.
    pub(crate) fn key_of(&self, item: &Value) -> Result<String, Refusal> {
        let part = |name: &str| {
            let key = item[name]["S"].as_str().filter(|key| !key.is_empty());
            let message = "One of the required keys was not given a value";
            key.ok_or_else(|| Refusal::new(400, "ValidationException", message))
        };
        let key = part(self.key)?;
        Ok(match self.sort {
            Some(sort) => format!("{key}{BETWEEN}{}", part(sort)?),
            None => key.to_owned(),
        })
    }

    /// The key attributes of an item.
    pub(crate) fn keys_in(&self, item: &Item) -> Item {
        let names = [Some(self.key), self.sort];
        let names = names.into_iter().flatten();
        let key = |name: &str| Some((name.to_owned(), item.get(name)?.clone()));
        names.filter_map(key).collect()
    }

    /// The items after this key, in the order of keys.
    pub(crate) fn after(&self, start: Option<String>) -> impl Iterator<Item = &Item> {
        let from = start.map_or(Bound::Unbounded, Bound::Excluded);
        let items = self.items.range((from, Bound::Unbounded));
        items.map(|(_, item)| item)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Item> {
        self.items.get(key)
    }

    pub(crate) fn put(&mut self, key: &str, item: Item) {
        for index in self.indexes.values_mut() {
            if let Some(before) = self.items.get(key) {
                index.remove(key, before);
            }
            index.add(key, &item);
        }
        if let Some(written) = &mut self.written {
            written.push(Written {
                before: self.items.get(key).cloned().map(Value::Object),
                after: Value::Object(item.clone()),
            });
        }
        self.items.insert(key.to_owned(), item);
    }

    pub(crate) fn items(&self) -> impl Iterator<Item = &Item> {
        self.items.values()
    }

    pub(crate) fn index(&self, name: &str) -> Option<&Index> {
        self.indexes.get(name)
    }

    /// Adds an index, with the items that are already there.
    pub(crate) fn add_index(&mut self, name: &str, hash: &str, range: Option<&str>) {
        let mut index = Index {
            hash: hash.to_owned(),
            range: range.map(ToOwned::to_owned),
            entries: BTreeMap::new(),
        };
        for (key, item) in &self.items {
            index.add(key, item);
        }
        self.indexes.insert(name.to_owned(), index);
    }
}
