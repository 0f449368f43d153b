//! What is read of a legacy call's parameters, from where, and what is said of those that are not.

use ::http::HeaderMap;
use ::http::HeaderValue;
use ::http::Method;

use super::*;
use crate::http::Query;

const NAMES: Names = ["serialNumber", "deviceToken"];
const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

fn asked(query: &str, media_type: &'static str, body: &str) -> Asked {
    let mut headers = HeaderMap::new();
    if !media_type.is_empty() {
        headers.insert("content-type", HeaderValue::from_static(media_type));
    }
    Asked {
        method: Method::POST,
        audience: String::new(),
        source: String::new(),
        path: "/getcert".to_owned(),
        query: Query::new(query.to_owned()),
        headers,
        body: body.as_bytes().to_vec().into(),
    }
}

/// Serial number and token, or the complaint.
fn told(query: &str, media_type: &'static str, body: &str) -> Result<(String, String), String> {
    match read(&asked(query, media_type, body), NAMES) {
        Ok(who) => {
            let Shown::Token(token) = who.shown else {
                panic!("not a token")
            };
            Ok((who.serial.to_string(), token.expose().to_owned()))
        }
        Err(Refused::BadRequest(malformed)) => Err(malformed.to_string()),
        Err(refused) => Err(refused.code().to_owned()),
    }
}

#[test]
fn each_place_and_encoding_is_read() {
    let good = Ok(("a:1".to_owned(), "t+1".to_owned()));
    for (query, media_type, body) in [
        ("serialNumber=a:1&deviceToken=t%2B1", "", ""),
        ("x=1&serialNumber=a%3a1&deviceToken=t%2b1&&y", JSON, ""),
        ("", FORM, "deviceToken=t%2B1&serialNumber=a%3A1"),
        (
            "",
            "Application/X-WWW-Form-Urlencoded; charset=UTF-8",
            "deviceToken=t%2B1&serialNumber=a:1",
        ),
        ("", "", "deviceToken=t%2B1&serialNumber=a:1"),
        ("", JSON, r#"{"serialNumber":"a:1","deviceToken":"t+1"}"#),
        (
            "",
            FORM,
            " {\"x\":[{}],\"serialNumber\":\"a\\u003a1\",\"deviceToken\":\"t+1\"}\n",
        ),
    ] {
        assert_eq!(told(query, media_type, body), good, "{query}{body}");
    }
    let numbers = told("", JSON, r#"{"serialNumber":12345,"deviceToken":67}"#);
    assert_eq!(numbers, Ok(("12345".to_owned(), "67".to_owned())));
}

/// Whether the complaint begins so and repeats nothing of what was sent.
fn complains(query: &str, media_type: &'static str, body: &str, expected: &str) {
    let complaint = told(query, media_type, body).unwrap_err();
    assert!(
        complaint.starts_with(expected),
        "{complaint} for {query}{body}"
    );
    assert!(!complaint.contains("hunter2"), "{complaint}");
}

#[test]
fn what_is_wrong_in_a_query_is_named_and_never_repeated() {
    for (query, expected) in [
        ("", "serialNumber: is missing"),
        ("serialNumber=a", "deviceToken: is missing"),
        (
            "serialnumber=a&deviceToken=hunter2",
            "serialNumber: is missing",
        ),
        (
            "serialNumber=a&serialNumber=a",
            "serialNumber: appears twice",
        ),
        (
            "serialNumber=a&deviceToken=b&device%54oken=hunter2",
            "deviceToken: appears twice",
        ),
        (
            "serialNumber=&deviceToken=hunter2",
            "serialNumber: must have 1 to 128",
        ),
        (
            "serialNumber=a&deviceToken=hunter2+",
            "deviceToken: may only hold",
        ),
        (
            "serialNumber=a&deviceToken=hunter2%00",
            "deviceToken: may only hold",
        ),
        (
            "serialNumber=a&deviceToken=%FFhunter2",
            "deviceToken: may only hold",
        ),
        (
            "serialNumber=a%2&deviceToken=hunter2",
            "query: has a broken percent",
        ),
        (
            "serialNumber=a&deviceToken=hunter2%",
            "query: has a broken percent",
        ),
        (
            "x=%zz&serialNumber=a&deviceToken=hunter2",
            "query: has a broken percent",
        ),
    ] {
        complains(query, "", "", expected);
    }
}

#[test]
fn what_is_wrong_in_an_object_is_named_and_never_repeated() {
    for (body, expected) in [
        ("serialNumber=a&deviceToken=hunter2", "body: is not JSON"),
        (r#""hunter2""#, "body: must be one JSON object"),
        (r#"["a","hunter2"]"#, "body: must be one JSON object"),
        (
            r#"{"serialNumber":"a","deviceToken":"hunter2"}{}"#,
            "body: is not JSON",
        ),
        (
            r#"{"serialNumber":"a","deviceToken":["hunter2"]}"#,
            "deviceToken: must be a",
        ),
        (
            r#"{"serialNumber":{"x":1},"deviceToken":"hunter2"}"#,
            "serialNumber: must be a",
        ),
        (
            r#"{"serialNumber":null,"deviceToken":"hunter2"}"#,
            "serialNumber: must be a",
        ),
        (
            r#"{"serialNumber":-1,"deviceToken":"hunter2"}"#,
            "serialNumber: must be a",
        ),
        (
            r#"{"serialNumber":1.5,"deviceToken":"hunter2"}"#,
            "serialNumber: must be a",
        ),
        (
            r#"{"serialNumber":"a","serial\u004eumber":"a"}"#,
            "serialNumber: appears twice",
        ),
    ] {
        complains("", JSON, body, expected);
    }
}

#[test]
fn there_is_one_place_and_a_known_type() {
    let good = "serialNumber=a&deviceToken=hunter2";
    complains(good, FORM, good, "query: must not be sent beside a body");
    complains("x", JSON, "{}", "query: must not be sent beside a body");
    complains(
        "",
        FORM,
        &format!("{good}%zz"),
        "body: has a broken percent",
    );
    complains(
        "",
        "multipart/form-data; boundary=x",
        good,
        "unsupported_media_type",
    );
    complains("", "text/html", good, "unsupported_media_type");
}

#[test]
fn a_packed_body_is_not_unpacked() {
    let mut asked = asked("", FORM, "serialNumber=a&deviceToken=b");
    let gzip = HeaderValue::from_static("gzip");
    asked.headers.insert("content-encoding", gzip);
    assert_eq!(
        read(&asked, NAMES).err(),
        Some(Refused::UnsupportedMediaType)
    );
}

#[test]
fn a_machine_speaks_of_its_own_names() {
    let asked = asked("", FORM, "seriaNum=SN-1&accessToken=a,b");
    let refused = read(&asked, ["seriaNum", "accessToken"]).err();
    assert!(matches!(refused, Some(Refused::BadRequest(bad)) if bad.field == "accessToken"));
}
