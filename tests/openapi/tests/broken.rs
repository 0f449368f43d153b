//! The judges see a description that says something else than the door does.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use cvm_openapi::document::Document;
use cvm_openapi::document::TEXT;
use cvm_openapi::judge::flaws;
use cvm_openapi::scene::scene;

/// What is seen of a description that is wrong in this place.
async fn seen(from: &str, to: &str, id: &str, name: &str) -> Vec<String> {
    assert!(TEXT.contains(from), "{from}");
    let (good, bad) = (
        Document::shipped(),
        Document::parse(&TEXT.replace(from, to)),
    );
    let scene = scene(&good, &good.call(id), name).await.unwrap();
    let answer = scene.stage.ask(&scene.request).await;
    flaws(&bad, &bad.call(id), &answer)
}

#[tokio::test]
async fn a_wrong_description_is_seen() {
    for (from, to, id, name, flaw) in [
        (
            "pollAfterSeconds",
            "pollAfterSecond",
            "submit",
            "own-key",
            "pollAfterSecond",
        ),
        (
            "        expiresAt: {",
            "        expires: {",
            "show",
            "link",
            "is not valid under any",
        ),
        (
            "        \"410\": {",
            "        \"411\": {",
            "submit",
            "bundle-expired",
            "410 Gone is not described",
        ),
        (
            "        Location: {",
            "        Place: {",
            "submit",
            "own-key",
            "header location is not described",
        ),
        (
            "application/x-pem-file",
            "text/plain",
            "trustBundle",
            "roots",
            "application/x-pem-file is not",
        ),
        (
            "const: no-store",
            "const: no-cache",
            "nonce",
            "nonce",
            "no-cache",
        ),
        (
            "            - bad_csr\n",
            "",
            "submit",
            "bad-csr",
            "bad_csr",
        ),
    ] {
        let seen = seen(from, to, id, name).await;
        assert!(
            seen.iter().any(|one| one.contains(flaw)),
            "{from}: {seen:?}"
        );
    }
}

#[tokio::test]
async fn a_header_that_is_missing_is_seen() {
    let document = Document::shipped();
    let scene = scene(&document, &document.call("submit"), "own-key")
        .await
        .unwrap();
    let mut answer = scene.stage.ask(&scene.request).await;
    answer.headers_mut().remove("retry-after");
    let seen = flaws(&document, &document.call("submit"), &answer);
    assert_eq!(seen, ["header Retry-After is missing"]);
}
