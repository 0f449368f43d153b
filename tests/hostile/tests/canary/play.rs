//! The functions at the highest log level, on wires that keep all they say, and what became of them.

use std::time::Duration;

use aws_sdk_sqs::types::Message;
use cvm_hostile::event::Request;
use cvm_hostile::evidence::Kind;
use cvm_hostile::evidence::Place;
use cvm_hostile::stage::Stage;
use cvm_hostile::wiretap::Wiretap;
use cvm_lambda::function::Function;
use serde_json::Value;
use serde_json::json;

/// Everything that was seen.
#[derive(Debug)]
pub(crate) struct Play {
    pub(crate) stage: Stage,
    wires: [Wiretap; 3],
    pub(crate) door: Function,
    /// A door that lets weak secrets in.
    pub(crate) lenient: Function,
    /// A door that answers the old calls.
    pub(crate) legacy: Function,
    pub(crate) worker: Function,
    janitor: Function,
    /// What functions were invoked with, what the door answered, what the queue held.
    pub(crate) places: Vec<Place>,
    /// Private keys that AWS made, in PEM form.
    pub(crate) keys: Vec<String>,
    /// Proofs, and signatures of links.
    pub(crate) proofs: Vec<String>,
    pub(crate) signatures: Vec<String>,
}

impl Play {
    pub(crate) async fn start() -> Self {
        let stage = Box::pin(Stage::start()).await;
        let endpoint = stage.backend.endpoint().to_owned();
        let wires = [
            Wiretap::start(&endpoint).await,
            Wiretap::start(&endpoint).await,
            Wiretap::start(&endpoint).await,
        ];
        let [at_door, at_worker, at_janitor] = wires.each_ref().map(Wiretap::url);
        let loud = |url| {
            [
                ("AWS_ENDPOINT_URL", url),
                ("AWS_LAMBDA_LOG_LEVEL", "TRACE"),
                ("RUST_BACKTRACE", "full"),
                ("RUST_LOG", "trace"),
            ]
        };
        let lenient = [&loud(at_door)[..], &[("CVM_WEAK_SECRETS", "stretch")]].concat();
        let legacy = [&loud(at_door)[..], &[("CVM_LEGACY_API", "on")]].concat();
        Self {
            door: stage.ingest("ingest", &loud(at_door), 1),
            lenient: stage.ingest("ingest-lenient", &lenient, 1),
            legacy: stage.ingest("ingest-legacy", &legacy, 1),
            worker: stage.worker("worker", &loud(at_worker)),
            janitor: stage.janitor("janitor", &loud(at_janitor)),
            stage,
            wires,
            places: Vec::new(),
            keys: Vec::new(),
            proofs: Vec::new(),
            signatures: Vec::new(),
        }
    }

    pub(crate) fn note(&mut self, kind: Kind, name: &str, content: impl AsRef<[u8]>) {
        self.places.push(Place {
            kind,
            name: name.to_owned(),
            content: content.as_ref().to_vec(),
        });
    }

    /// Invokes a function; an error is an answer, too.
    pub(crate) async fn invoke(&mut self, function: &Function, event: &Value) -> Value {
        let name = function.spec().name.clone();
        self.note(Kind::Event, &name, event.to_string());
        match function.invoke(event).await {
            Ok(answer) => answer,
            Err(lost) => json!({ "lost": format!("{lost} {lost:?}") }),
        }
    }

    /// A request to a door. The answer is noted by whoever knows what it is.
    pub(crate) async fn ask(&mut self, door: &Function, request: &Request) -> Value {
        self.invoke(door, &request.event()).await
    }

    /// A request whose answer must hold nothing.
    pub(crate) async fn ask_noted(&mut self, door: &Function, request: &Request) -> Value {
        let answer = self.ask(door, request).await;
        self.note(Kind::Answer, &request.path, answer.to_string());
        answer
    }

    /// One batch of what the queue has. It stays in the queue, hidden for the rest of the test.
    pub(crate) async fn work(&mut self, hidden_seconds: i32) -> Vec<Message> {
        let messages = self.stage.receive(hidden_seconds).await;
        for message in &messages {
            let text = message.body().unwrap_or_default().to_owned();
            self.note(Kind::Message, "work queue", text);
        }
        if !messages.is_empty() {
            let worker = self.worker.clone();
            let answer = self.invoke(&worker, &Stage::batch(&messages)).await;
            self.note(Kind::Answer, "worker", answer.to_string());
        }
        messages
    }

    /// The janitor goes round, in a calm and with its own trouble.
    pub(crate) async fn sweep(&mut self) {
        self.stage
            .account()
            .backdate_certificates(Duration::from_hours(48));
        let janitor = self.janitor.clone();
        for event in [
            json!({ "hush-janitor": "hush-mark-janitor-event" }),
            json!({}),
        ] {
            let answer = self.invoke(&janitor, &event).await;
            assert!(
                answer["lost"].is_null(),
                "{answer} {}",
                janitor.last_words()
            );
            self.note(Kind::Answer, "janitor", answer.to_string());
        }
    }

    /// All places there are.
    pub(crate) fn places(&self) -> Vec<Place> {
        let mut places = self.places.clone();
        let mut add = |kind, name: &str, content: Vec<u8>| {
            places.push(Place {
                kind,
                name: name.to_owned(),
                content,
            });
        };
        for name in self.stage.logs() {
            add(Kind::Log, &name, self.stage.log(&name));
        }
        let account = self.stage.account();
        for item in account.items() {
            add(Kind::Row, "table", item.to_string().into_bytes());
        }
        for item in account.guarded() {
            add(Kind::Guard, "guard", item.to_string().into_bytes());
        }
        for letter in account.dead_letters() {
            add(
                Kind::DeadLetter,
                "dead letter",
                format!("{} {:?}", letter.body, letter.attributes).into_bytes(),
            );
        }
        for wire in &self.wires {
            let (sent, received) = wire.heard();
            for page in sent {
                add(Kind::Sent, wire.url(), page);
            }
            for page in received {
                add(Kind::Received, wire.url(), page);
            }
        }
        places
    }

    /// The logs are there, were loud, and hold no private key of anybody, known here or not.
    pub(crate) fn check_logs(&self) {
        for name in [
            "ingest",
            "ingest-lenient",
            "ingest-legacy",
            "worker",
            "janitor",
        ] {
            let log = String::from_utf8_lossy(&self.stage.log(name)).into_owned();
            assert!(
                log.contains("\"level\":\"INFO\""),
                "{name} said nothing: {log:.300}"
            );
            for word in ["PRIVATE KEY", "X-Amz-Signature", "-----BEGIN"] {
                assert!(!log.contains(word), "{name} printed {word}");
            }
        }
    }
}
