//! AWS IoT's calls: the REST paths, the quotas before them and the registry behind them.

use cvm_shared::bundle::digest;
use serde_json::Value;
use serde_json::json;

use crate::account::Account;
use crate::account::Inside;
use crate::authority;
use crate::certificates::ARN;
use crate::certificates::Certificate;
use crate::certificates::Registry;
use crate::certificates::Thing;
use crate::certificates::id_of;
use crate::certificates::not_found;
use crate::lock;
use crate::quota::Api;
use crate::wire::Incoming;
use crate::wire::Refusal;
use crate::wire::decode;

/// A call with the name in its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) api: Api,
    name: String,
}

impl Call {
    /// The call that a request makes.
    pub(crate) fn of(request: &Incoming) -> Option<Self> {
        let path = request.path.trim_start_matches('/');
        let parts: Vec<_> = path.split('/').map(decode).collect();
        let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
        let (api, name) = route(request.method.as_str(), &parts)?;
        let name = name.to_owned();
        Some(Self { api, name })
    }
}

fn route<'a>(method: &str, parts: &[&'a str]) -> Option<(Api, &'a str)> {
    Some(match (method, parts) {
        ("POST", ["certificates"]) => (Api::CreateCertificateFromCsr, ""),
        ("POST", ["keys-and-certificate"]) => (Api::CreateKeysAndCertificate, ""),
        ("GET", ["certificates"]) => (Api::ListCertificates, ""),
        ("PUT", ["certificates", id]) => (Api::UpdateCertificate, id),
        ("GET", ["certificates", id]) => (Api::DescribeCertificate, id),
        ("DELETE", ["certificates", id]) => (Api::DeleteCertificate, id),
        ("PUT", ["target-policies", policy]) => (Api::AttachPolicy, policy),
        ("POST", ["target-policies", policy]) => (Api::DetachPolicy, policy),
        ("POST", ["attached-policies", target]) => (Api::ListAttachedPolicies, target),
        ("PUT", ["things", thing, "principals"]) => (Api::AttachThingPrincipal, thing),
        ("DELETE", ["things", thing, "principals"]) => (Api::DetachThingPrincipal, thing),
        ("GET", ["principals", "things"]) => (Api::ListPrincipalThings, ""),
        ("POST", ["things", thing]) => (Api::CreateThing, thing),
        ("GET", ["things", thing]) => (Api::DescribeThing, thing),
        ("PUT", ["thing-groups", "addThingToThingGroup"]) => (Api::AddThingToThingGroup, ""),
        ("GET", ["endpoint"]) => (Api::DescribeEndpoint, ""),
        _ => return None,
    })
}

/// Answers a call, if the quota allows it.
pub(crate) async fn answer(
    account: &Inside,
    call: &Call,
    request: &Incoming,
) -> Result<Value, Refusal> {
    if !account.meters.admit(call.api, account.dice.throttles()) {
        return Err(Refusal::new(400, "ThrottlingException", "Rate exceeded"));
    }
    match call.api {
        Api::CreateCertificateFromCsr => create_from_csr(account, request),
        Api::CreateKeysAndCertificate => create_with_keys(account, request).await,
        Api::DescribeEndpoint => describe_endpoint(request),
        Api::ListCertificates => list_certificates(&lock(&account.registry), request),
        Api::UpdateCertificate
        | Api::DescribeCertificate
        | Api::DeleteCertificate
        | Api::AttachPolicy
        | Api::DetachPolicy
        | Api::ListAttachedPolicies
        | Api::AttachThingPrincipal
        | Api::DetachThingPrincipal
        | Api::ListPrincipalThings
        | Api::CreateThing
        | Api::DescribeThing
        | Api::AddThingToThingGroup => in_registry(&mut lock(&account.registry), call, request),
    }
}

/// The calls on one thing, policy or certificate.
fn in_registry(registry: &mut Registry, call: &Call, request: &Incoming) -> Result<Value, Refusal> {
    let name = call.name.as_str();
    let target = || text(&request.json()?, "target");
    let principal = || principal(request);
    let done = |()| json!({});
    match call.api {
        Api::UpdateCertificate => {
            let status = request.parameter("newStatus").unwrap_or_default();
            registry.set_status(name, &status).map(done)
        }
        Api::DescribeCertificate => registry
            .certificate(name)
            .map(|known| description(name, known)),
        Api::DeleteCertificate => {
            let force = request.parameter("forceDelete").as_deref() == Some("true");
            registry.delete(name, force).map(done)
        }
        Api::AttachPolicy => registry.attach_policy(name, id_of(&target()?)?).map(done),
        Api::DetachPolicy => registry.detach_policy(name, id_of(&target()?)?).map(done),
        Api::ListAttachedPolicies => Ok(list_policies(registry.certificate(id_of(name)?)?)),
        Api::AttachThingPrincipal => registry.attach_thing(name, id_of(principal()?)?).map(done),
        Api::DetachThingPrincipal => registry.detach_thing(name, id_of(principal()?)?).map(done),
        Api::ListPrincipalThings => {
            let known = registry.certificate(id_of(principal()?)?)?;
            Ok(json!({ "things": known.things }))
        }
        Api::CreateThing => create_thing(registry, name, &request.json()?),
        Api::DescribeThing => describe_thing(registry, name),
        Api::AddThingToThingGroup => add_to_group(registry, &request.json()?),
        Api::CreateCertificateFromCsr
        | Api::CreateKeysAndCertificate
        | Api::ListCertificates
        | Api::DescribeEndpoint => Err(Refusal::new(500, "InternalFailureException", "misrouted")),
    }
}

fn invalid(message: &str) -> Refusal {
    Refusal::new(400, "InvalidRequestException", message)
}

fn text(body: &Value, name: &str) -> Result<String, Refusal> {
    let found = body[name].as_str().map(ToOwned::to_owned);
    found.ok_or_else(|| invalid(&format!("{name} is missing")))
}

fn principal(request: &Incoming) -> Result<&str, Refusal> {
    let found = request.header("x-amzn-principal");
    found.ok_or_else(|| invalid("principal is missing"))
}

fn set_as_active(request: &Incoming) -> bool {
    request.parameter("setAsActive").as_deref() == Some("true")
}

/// Signed outside the registry's lock: signing is what takes time here.
fn create_from_csr(account: &Inside, request: &Incoming) -> Result<Value, Refusal> {
    let csr = text(&request.json()?, "certificateSigningRequest")?;
    let signed = account.authority.sign(&csr);
    let signed = signed.map_err(|_| invalid("the signing request is not one"))?;
    Ok(register(account, &signed, set_as_active(request)))
}

async fn create_with_keys(account: &Inside, request: &Incoming) -> Result<Value, Refusal> {
    let trouble = || Refusal::new(500, "InternalFailureException", "no key");
    let key = authority::rsa_key().await.ok_or_else(trouble)?;
    let signed = account.authority.sign_for(key).map_err(|_| trouble())?;
    let mut answer = register(account, &signed, set_as_active(request));
    answer["keyPair"] = json!({
        "PublicKey": key.public_key_pem(),
        "PrivateKey": key.serialize_pem(),
    });
    Ok(answer)
}

fn register(account: &Inside, signed: &rcgen::Certificate, active: bool) -> Value {
    let (id, pem) = (digest(signed.der()), signed.pem());
    lock(&account.registry).register(&id, pem.clone(), active);
    json!({ "certificateId": id, "certificateArn": format!("{ARN}{id}"), "certificatePem": pem })
}

fn describe_endpoint(request: &Incoming) -> Result<Value, Refusal> {
    match request.parameter("endpointType").as_deref() {
        Some("iot:Data-ATS") => Ok(json!({ "endpointAddress": Account::IOT_ENDPOINT })),
        Some(_) | None => Err(invalid("only iot:Data-ATS is known here")),
    }
}

/// Seconds since 1970, with a fraction, as the REST protocol writes times.
#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds are far below 2^52"
)]
fn timestamp(millis: u64) -> f64 {
    millis as f64 / 1000.0
}

fn description(id: &str, known: &Certificate) -> Value {
    json!({ "certificateDescription": {
        "certificateArn": format!("{ARN}{id}"),
        "certificateId": id,
        "status": known.status,
        "certificatePem": known.pem,
        "creationDate": timestamp(known.created_at),
        "lastModifiedDate": timestamp(known.created_at),
        "certificateMode": "DEFAULT",
        "ownedBy": Account::NUMBER,
    } })
}

/// A page, newest first unless asked otherwise; the marker is the number of its last certificate.
fn list_certificates(registry: &Registry, request: &Incoming) -> Result<Value, Refusal> {
    let size = request
        .parameter("pageSize")
        .map_or(Ok(25), |size| size.parse::<usize>());
    let size = size.ok().filter(|size| (1..=250).contains(size));
    let size = size.ok_or_else(|| invalid("pageSize must be from 1 to 250"))?;
    let marker = request
        .parameter("marker")
        .map(|marker| marker.parse::<u64>());
    let marker = marker.transpose().map_err(|_| invalid("marker"))?;
    let oldest_first = request.parameter("isAscendingOrder").as_deref() == Some("true");
    let mut ids = registry.by_age(oldest_first, marker, size + 1);
    let more = ids.len() > size;
    ids.truncate(size);
    let known = ids
        .iter()
        .filter_map(|id| Some((*id, registry.certificate(id).ok()?)));
    let known: Vec<_> = known.collect();
    let entries = known.iter().map(|(id, known)| {
        json!({
            "certificateArn": format!("{ARN}{id}"),
            "certificateId": id,
            "status": known.status,
            "certificateMode": "DEFAULT",
            "creationDate": timestamp(known.created_at),
        })
    });
    let mut answer = json!({ "certificates": entries.collect::<Vec<_>>() });
    if let Some((_, last)) = known.last().filter(|_| more) {
        answer["nextMarker"] = last.number.to_string().into();
    }
    Ok(answer)
}

fn list_policies(known: &Certificate) -> Value {
    let policy = |name: &String| {
        let arn = format!("arn:aws:iot:us-east-1:{}:policy/{name}", Account::NUMBER);
        json!({ "policyName": name, "policyArn": arn })
    };
    let policies: Vec<Value> = known.policies.iter().map(policy).collect();
    json!({ "policies": policies })
}

fn thing_arn(name: &str) -> String {
    format!("arn:aws:iot:us-east-1:{}:thing/{name}", Account::NUMBER)
}

/// Repeatable with the same configuration, refused with another.
fn create_thing(registry: &mut Registry, name: &str, body: &Value) -> Result<Value, Refusal> {
    let kind = body["thingTypeName"].as_str().map(ToOwned::to_owned);
    if kind
        .as_ref()
        .is_some_and(|kind| !registry.kinds.contains(kind))
    {
        return Err(not_found("thing type"));
    }
    let attributes = body["attributePayload"]["attributes"].as_object();
    let wanted = Thing::new(kind, attributes.cloned().unwrap_or_default());
    let known = registry.things.entry(name.to_owned());
    let known = known.or_insert_with(|| wanted.clone());
    if known.kind != wanted.kind || known.attributes != wanted.attributes {
        let message = "Thing already exists in account with different attributes";
        let refusal = Refusal::new(409, "ResourceAlreadyExistsException", message);
        return Err(refusal.with("resourceArn", thing_arn(name).into()));
    }
    Ok(json!({ "thingName": name, "thingArn": thing_arn(name), "thingId": name }))
}

fn describe_thing(registry: &Registry, name: &str) -> Result<Value, Refusal> {
    let known = registry
        .things
        .get(name)
        .ok_or_else(|| not_found("thing"))?;
    Ok(json!({
        "thingName": name,
        "thingArn": thing_arn(name),
        "thingId": name,
        "defaultClientId": name,
        "thingTypeName": known.kind,
        "attributes": known.attributes,
        "version": 1,
    }))
}

fn add_to_group(registry: &mut Registry, body: &Value) -> Result<Value, Refusal> {
    let (group, thing) = (text(body, "thingGroupName")?, text(body, "thingName")?);
    registry
        .groups
        .get(&group)
        .ok_or_else(|| not_found("thing group"))?;
    let known = registry
        .things
        .get_mut(&thing)
        .ok_or_else(|| not_found("thing"))?;
    known.groups.insert(group);
    Ok(json!({}))
}
