//! The queue: whatever is in it, the worker carries it out once or parks it with its reason.
//!
//! The first byte says how SN-1 stands, the rest is the message. After a capital letter it is the fields
//! of one in which a good message differs, a line each: the name, a blank, and JSON or else a text, or
//! nothing to leave it out. `@csr`, `@other` and `@foreign` stand for signing requests, and the request id
//! `@id` for the right one.

use cvm_shared::csr::Csr;
use cvm_shared::ids::SerialNumber;
use cvm_shared::message::Order;
use cvm_shared::request::Generation;
use cvm_shared::request::KeySource;
use cvm_shared::request::Request;
use cvm_shared::state::State;
use cvm_testkit::sample;
use cvm_testkit::site::Site;
use cvm_testkit::site::confirmation;
use cvm_testkit::site::submission;
use cvm_testkit::site::view;
use futures_executor::block_on;
use serde_json::Value;
use serde_json::json;

use crate::stage::CSRS;
use crate::stage::site;
use crate::texts::CANARY;
use crate::texts::filled;
use crate::texts::in_json;
use crate::told::Told;

/// How long the worker gets, in minutes: longer than any lease or pause on its way.
const MINUTES: u64 = 30;

/// Gives the worker one message.
pub fn run(input: &[u8], told: &mut Told) {
    let (how, text) = input.split_first().unwrap_or((&b'0', &[]));
    let text = String::from_utf8_lossy(text);
    let text = if how.is_ascii_uppercase() {
        composed(&text)
    } else {
        text.into_owned()
    };
    let body = with_id(&filled_in(&text));
    let site = standing(how % 8);
    let decoded = Order::decode(&body);
    match &decoded {
        Ok(order) => assert_eq!(&Order::decode(&order.encode()).unwrap(), order),
        Err(refusal) => assert!(!refusal.to_string().contains(CANARY), "a refusal repeats"),
    }
    let before = site.world.registry.rows();
    let created = site.world.issuer.created();
    site.world.queue.push(&body, std::time::Duration::ZERO);
    block_on(site.settle(MINUTES));
    assert!(site.world.queue.is_empty(), "the message does not end");
    assert!(site.world.issuer.created() <= created + 1);
    assert!(site.world.issuer.most_active_of_a_thing() <= 1);
    let parked = site.world.queue.dead_letters();
    assert!(parked.len() <= 1);
    assert!(
        parked
            .iter()
            .all(|letter| letter.body == body && letter.reason.is_some())
    );
    let reason = parked.first().and_then(|letter| letter.reason);
    assert_eq!(decoded.is_err(), reason == Some("unreadable"));
    if reason.is_some() && site.world.issuer.created() == created {
        assert_parked_alone(&before, &site);
    }
    told.end(reason.unwrap_or("done"));
}

/// A message that was parked before anything was made of it changes no row, or says in it why.
fn assert_parked_alone(before: &[cvm_shared::record::Record], site: &Site) {
    let rows = site.world.registry.rows();
    let changed = before.iter().zip(&rows).filter(|(old, new)| old != new);
    let says_why = |state: &State| matches!(state, State::Failed { .. });
    assert!(changed.into_iter().all(|(_, new)| says_why(&new.state)));
}

/// A site where SN-1 has come this far.
fn standing(how: u8) -> Site {
    let site = site();
    if matches!(how, 1..=4) {
        let csr = (how != 4).then_some(CSRS[0].as_str());
        let asked = submission("SN-1", sample::TOKEN, csr);
        let answer = block_on(site.ask(asked)).unwrap();
        if how >= 2 {
            block_on(site.settle(MINUTES));
        }
        if how == 3 {
            block_on(site.ask(confirmation(view(&answer).request_id.as_str())));
        }
        // A mark without its message: as if that was still on its way.
        for message in site.world.queue.receive(10) {
            site.world.queue.delete(&message.receipt);
        }
    }
    if how == 5 {
        let mut row = sample::device("SN-1");
        row.generation = Generation(2);
        site.world.registry.put(row);
    }
    site
}

/// A good message with these fields in place of its own.
fn composed(lines: &str) -> String {
    let mut message =
        json!({ "v": 1, "requestId": "@id", "serialNumber": "SN-1", "generation": 1 });
    for line in lines.lines() {
        let (name, value) = line.split_once(' ').unwrap_or((line, ""));
        message[name] = serde_json::from_str(value).unwrap_or_else(|_| value.into());
        if let (true, Some(fields)) = (value.is_empty(), message.as_object_mut()) {
            fields.remove(name);
        }
    }
    message.to_string()
}

fn filled_in(text: &str) -> String {
    let [csr, other, foreign] = CSRS.each_ref().map(|pem| in_json(pem));
    let names = [
        ("@csr", csr.as_str()),
        ("@other", &other),
        ("@foreign", &foreign),
    ];
    String::from_utf8(filled(text.as_bytes(), &names)).unwrap()
}

/// The message with the id that belongs to what it asks for, where it asks for anything.
fn with_id(text: &str) -> String {
    let parsed: Option<Value> = serde_json::from_str(text).ok();
    let id = parsed.as_ref().and_then(id_of);
    text.replace("@id", id.as_deref().unwrap_or("@id"))
}

fn id_of(message: &Value) -> Option<String> {
    let serial = SerialNumber::parse(message["serialNumber"].as_str()?).ok()?;
    let generation = Generation(u32::try_from(message["generation"].as_u64()?).ok()?);
    let key = match message["csr"].as_str() {
        Some(pem) => KeySource::Device(Csr::parse(pem).ok()?),
        None => KeySource::Service,
    };
    Some(Request::new(&serial, generation, key).id.to_string())
}
