//! What a call of AWS is called: its service and its operation.

use super::raw::Request;

/// A call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// The service, as it is signed for.
    pub service: String,
    /// The operation.
    pub operation: String,
}

/// REST calls: service, method, start of path and query, name; the first that fits.
const REST: [(&str, &str, &str, &str); 17] = [
    ("iot", "POST", "/certificates", "CreateCertificateFromCsr"),
    ("iot", "GET", "/certificates/", "DescribeCertificate"),
    ("iot", "GET", "/certificates", "ListCertificates"),
    ("iot", "PUT", "/certificates/", "UpdateCertificate"),
    ("iot", "DELETE", "/certificates/", "DeleteCertificate"),
    (
        "iot",
        "POST",
        "/keys-and-certificate",
        "CreateKeysAndCertificate",
    ),
    ("iot", "POST", "/things/", "CreateThing"),
    ("iot", "PUT", "/things/", "AttachThingPrincipal"),
    ("iot", "DELETE", "/things/", "DetachThingPrincipal"),
    ("iot", "GET", "/things/", "DescribeThing"),
    ("iot", "GET", "/principals/things", "ListPrincipalThings"),
    (
        "iot",
        "PUT",
        "/thing-groups/addThingToThingGroup",
        "AddThingToThingGroup",
    ),
    ("iot", "GET", "/endpoint", "DescribeEndpoint"),
    ("iot", "PUT", "/target-policies/", "AttachPolicy"),
    ("iot", "POST", "/target-policies/", "DetachPolicy"),
    ("iot", "POST", "/attached-policies/", "ListAttachedPolicies"),
    ("s3", "GET", "/?list-type", "ListObjectsV2"),
];

/// The call that this is; none for one that no function has signed itself, such as a device that
/// follows a presigned URL.
pub(crate) fn named(request: &Request) -> Option<Call> {
    let service = service(request.header("authorization")?)?;
    let operation = match request.header("x-amz-target") {
        Some(target) => target.rsplit('.').next().unwrap_or_default().to_owned(),
        None => by_path(service, &request.method, &request.target),
    };
    let service = service.to_owned();
    Some(Call { service, operation })
}

/// From the scope of the signature: `Credential=KEY/DATE/REGION/SERVICE/aws4_request`.
fn service(authorization: &str) -> Option<&str> {
    let (_, scope) = authorization.split_once("Credential=")?;
    scope.split('/').nth(3)
}

fn by_path(service: &str, method: &str, target: &str) -> String {
    let fits = |(known, verb, start, _): &&(&str, &str, &str, &str)| {
        *known == service && *verb == method && target.starts_with(start)
    };
    if let Some((.., name)) = REST.iter().find(fits) {
        return (*name).to_owned();
    }
    let object = |verb: &str| format!("{verb}Object");
    match (service, method) {
        ("s3", "PUT") => object("Put"),
        ("s3", "GET") if target.contains("list-type=2") => "ListObjectsV2".to_owned(),
        ("s3", "GET") => object("Get"),
        ("s3", "HEAD") => object("Head"),
        ("s3", "DELETE") => object("Delete"),
        _ => {
            let path = target.split('?').next().unwrap_or_default();
            format!("{method} {path}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::raw::tests::request;
    use super::*;

    async fn call(line: &str, service: &str, target: &str) -> Option<String> {
        let scope = format!(
            "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, Signature=0"
        );
        let text = format!("{line} HTTP/1.1\r\nauthorization: {scope}\r\n{target}\r\n\r\n");
        named(&request(&text).await).map(|call| format!("{} {}", call.service, call.operation))
    }

    #[tokio::test]
    async fn calls_are_named_by_target_or_path() {
        for (line, service, target, name) in [
            (
                "POST /",
                "dynamodb",
                "x-amz-target: DynamoDB_20120810.GetItem",
                "dynamodb GetItem",
            ),
            (
                "POST /",
                "sqs",
                "x-amz-target: AmazonSQS.SendMessage",
                "sqs SendMessage",
            ),
            (
                "POST /certificates?setAsActive=false",
                "iot",
                "a: b",
                "iot CreateCertificateFromCsr",
            ),
            (
                "PUT /certificates/1?newStatus=ACTIVE",
                "iot",
                "a: b",
                "iot UpdateCertificate",
            ),
            (
                "GET /certificates?pageSize=250",
                "iot",
                "a: b",
                "iot ListCertificates",
            ),
            (
                "PUT /things/t/principals",
                "iot",
                "a: b",
                "iot AttachThingPrincipal",
            ),
            (
                "PUT /bucket/b/key?x-id=PutObject",
                "s3",
                "a: b",
                "s3 PutObject",
            ),
            ("DELETE /bucket/b/key", "s3", "a: b", "s3 DeleteObject"),
            ("PATCH /odd?x", "iot", "a: b", "iot PATCH /odd"),
        ] {
            assert_eq!(call(line, service, target).await.unwrap(), name);
        }
    }

    #[tokio::test]
    async fn a_call_that_no_function_has_signed_has_no_name() {
        let text = "GET /bucket/b/key?X-Amz-Signature=0 HTTP/1.1\r\nhost: h\r\n\r\n";
        assert_eq!(named(&request(text).await), None);
    }
}
