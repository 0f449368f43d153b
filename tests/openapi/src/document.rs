//! The description, read once: its calls, their answers and examples, with references followed.

use http::Method;
use serde_json::Map;
use serde_json::Value;

/// The description that ships.
pub const TEXT: &str = include_str!("../../../ingest/openapi.yaml");

/// A description.
#[derive(Clone, Debug)]
pub struct Document {
    /// All of it, as JSON.
    pub root: Value,
}

/// A call that it describes.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// The path, with names in braces where something is to be filled in.
    pub path: &'a str,
    /// The method.
    pub method: Method,
    /// Its `operationId`.
    pub id: &'a str,
    /// What is said of it.
    pub said: &'a Value,
    /// Its parameters, those of its path too.
    pub parameters: Vec<&'a Value>,
}

/// An example of an answer.
#[derive(Clone, Debug)]
pub struct Example<'a> {
    /// The status that it is given for.
    pub status: u16,
    /// Its media type.
    pub media_type: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The body.
    pub value: &'a Value,
}

impl Document {
    /// The description that ships.
    pub fn shipped() -> Self {
        Self::parse(TEXT)
    }

    /// Reads one.
    pub fn parse(text: &str) -> Self {
        let root = yaml_serde::from_str(text).unwrap();
        Self { root }
    }

    /// What a reference stands for, or the value itself.
    pub fn follow<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value.get("$ref").and_then(Value::as_str) {
            Some(reference) => self.follow(self.target(reference)),
            None => value,
        }
    }

    /// What stands at a reference of this document.
    #[expect(clippy::panic, reason = "a test may panic")]
    pub fn target(&self, reference: &str) -> &Value {
        let pointer = reference.strip_prefix('#');
        let target = pointer.and_then(|pointer| self.root.pointer(pointer));
        target.unwrap_or_else(|| panic!("{reference} leads nowhere"))
    }

    /// All calls.
    pub fn calls(&self) -> Vec<Call<'_>> {
        let paths = entries(&self.root["paths"]);
        paths
            .flat_map(|(path, item)| self.calls_of(path, item))
            .collect()
    }

    /// The call of this id.
    #[expect(clippy::panic, reason = "a test may panic")]
    pub fn call(&self, id: &str) -> Call<'_> {
        let found = self.calls().into_iter().find(|call| call.id == id);
        found.unwrap_or_else(|| panic!("there is no call {id}"))
    }

    fn calls_of<'a>(&'a self, path: &'a str, item: &'a Value) -> impl Iterator<Item = Call<'a>> {
        let calls = entries(item).filter(|(key, _)| *key != "parameters");
        calls.map(move |(key, said)| Call {
            path,
            method: key.to_ascii_uppercase().parse().unwrap(),
            id: said["operationId"].as_str().unwrap_or_default(),
            said,
            parameters: [item, said]
                .into_iter()
                .flat_map(|side| self.parameters(side))
                .collect(),
        })
    }

    fn parameters<'a>(&'a self, side: &'a Value) -> impl Iterator<Item = &'a Value> {
        let all = side["parameters"].as_array().into_iter().flatten();
        all.map(|one| self.follow(one))
    }

    /// The answer that a call is said to give with this status.
    pub fn answer<'a>(&'a self, call: &Call<'a>, status: u16) -> Option<&'a Value> {
        let said = call.said["responses"].get(status.to_string())?;
        Some(self.follow(said))
    }

    /// The statuses that a call is said to answer with.
    pub fn statuses(&self, call: &Call<'_>) -> Vec<u16> {
        let all = entries(&call.said["responses"]);
        all.map(|(status, _)| status.parse().unwrap()).collect()
    }

    /// All examples of a call's answers.
    pub fn examples<'a>(&'a self, call: &Call<'a>) -> Vec<Example<'a>> {
        let of = |status| (status, self.answer(call, status).unwrap());
        let answers = self.statuses(call).into_iter().map(of);
        answers
            .flat_map(|(status, answer)| self.examples_of(status, answer))
            .collect()
    }

    fn examples_of<'a>(&'a self, status: u16, answer: &'a Value) -> Vec<Example<'a>> {
        let mut all = Vec::new();
        for (media_type, content) in entries(&answer["content"]) {
            all.extend(
                entries(&content["examples"]).map(|(name, example)| Example {
                    status,
                    media_type,
                    name,
                    value: &self.follow(example)["value"],
                }),
            );
        }
        all
    }

    /// The body of a call's example of this name, if it has one.
    pub fn body<'a>(&self, call: &Call<'a>, name: &str) -> Option<&'a Value> {
        let content = &call.said["requestBody"]["content"]["application/json"];
        content["examples"].get(name)?.get("value")
    }

    /// The names of a call's examples of requests.
    pub fn asked<'a>(&self, call: &Call<'a>) -> Vec<&'a str> {
        let body = &call.said["requestBody"]["content"]["application/json"]["examples"];
        let mut names: Vec<&str> = entries(body).map(|(name, _)| name).collect();
        for parameter in &call.parameters {
            names.extend(entries(&parameter["examples"]).map(|(name, _)| name));
        }
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// The members of an object; none of anything else.
pub fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let members = value.as_object().into_iter().flat_map(Map::iter);
    members.map(|(key, value)| (key.as_str(), value))
}
