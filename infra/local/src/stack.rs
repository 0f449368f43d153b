//! The production template, deployed to the emulator through CloudFormation.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use aws_sdk_cloudformation::Client as CloudFormation;
use aws_sdk_cloudformation::types::Capability;
use aws_sdk_cloudformation::types::Parameter;
use aws_sdk_cloudformation::types::StackEvent;
use aws_sdk_s3::Client as S3;
use aws_sdk_s3::presigning::PresigningConfig;

use crate::child;
use crate::emulator::Emulator;
use crate::error::Error;
use crate::error::last_line;
use crate::functions::Functions;
use crate::functions::packed;
use crate::outputs::StackOutputs;
use crate::sdk;
use crate::venv::Venv;

/// Where the functions' code is uploaded to.
const CODE_BUCKET: &str = "cvm-code";
/// How long the creation or deletion may take; it takes half a second.
const SETTLED_WITHIN: Duration = Duration::from_mins(1);

/// The template's parameters, by name.
pub type Parameters = BTreeMap<String, String>;

/// Uploads the functions and creates the stack `name`; parameters that are not given have the
/// template's defaults, but for the machine's architecture and the emulator's CA.
pub async fn deploy(
    venv: &Venv,
    emulator: &Emulator,
    functions: &Functions,
    name: &str,
    parameters: &Parameters,
) -> Result<StackOutputs, Error> {
    let s3 = S3::new(&emulator.sdk());
    let bucket = s3.create_bucket().bucket(CODE_BUCKET).send().await;
    bucket.map_err(|error| Error::aws("CreateBucket", &error))?;
    let key = |function: &str| format!("{name}/{function}.zip");
    let (ingest, worker) = (key("ingest"), key("worker"));
    let (janitor, ledger) = (key("janitor"), key("ledger"));
    let code = [
        ("Ingest", &*ingest),
        ("Worker", &*worker),
        ("Janitor", &*janitor),
        ("Ledger", &*ledger),
    ];
    // Boxed: together they are too large for a stack that others share.
    let (template, (), (), (), ()) = tokio::try_join!(
        Box::pin(prepare(venv, emulator.endpoint(), &code, parameters)),
        Box::pin(upload(&s3, &ingest, &functions.ingest)),
        Box::pin(upload(&s3, &worker, &functions.worker)),
        Box::pin(upload(&s3, &janitor, &functions.janitor)),
        Box::pin(upload(&s3, &ledger, &functions.ledger)),
    )?;
    put_template(emulator, name, template).await?;
    create(emulator, name, parameters).await
}

/// Creates the stack `name` from the template of that name's [`deploy`], which stays when the stack goes.
pub async fn create(
    emulator: &Emulator,
    name: &str,
    parameters: &Parameters,
) -> Result<StackOutputs, Error> {
    let client = CloudFormation::new(&emulator.sdk());
    let asked = client
        .create_stack()
        .stack_name(name)
        .template_url(template_url(emulator, name))
        .capabilities(Capability::CapabilityIam)
        .set_parameters(Some(as_parameters(emulator, parameters)))
        .send()
        .await;
    asked.map_err(|error| Error::aws("CreateStack", &error))?;
    finished(emulator, name).await
}

/// Waits until the stack is there, and says what it is called by.
pub(crate) async fn finished(emulator: &Emulator, name: &str) -> Result<StackOutputs, Error> {
    let client = CloudFormation::new(&emulator.sdk());
    settled(&client, name, "CREATE_COMPLETE").await?;
    let outputs = describe(&client, name).await?;
    StackOutputs::parse(emulator.endpoint(), outputs.outputs)
}

/// Deletes the stack; what its template keeps is left.
pub async fn delete(emulator: &Emulator, name: &str) -> Result<(), Error> {
    let client = CloudFormation::new(&emulator.sdk());
    // By its id: a stack that is gone has no name any more.
    let id = describe(&client, name).await?.id;
    let asked = client.delete_stack().stack_name(&id).send().await;
    asked.map_err(|error| Error::aws("DeleteStack", &error))?;
    settled(&client, &id, "DELETE_COMPLETE").await
}

/// A template may be larger than what a call takes, so it goes by way of the bucket.
pub(crate) async fn put_template(
    emulator: &Emulator,
    name: &str,
    template: String,
) -> Result<String, Error> {
    let s3 = S3::new(&emulator.sdk());
    put(&s3, &template_key(name), template.into_bytes()).await?;
    Ok(template_url(emulator, name))
}

/// The template that the stack of this name was deployed with.
pub(crate) async fn template(s3: &S3, name: &str) -> Result<Vec<u8>, Error> {
    const CALL: &str = "GetObject";
    let got = s3.get_object().bucket(CODE_BUCKET).key(template_key(name));
    let got = got.send().await.map_err(|error| Error::aws(CALL, &error))?;
    let content = got.body.collect().await;
    let content = content.map_err(|error| Error::aws(CALL, &error))?;
    Ok(content.to_vec())
}

fn template_key(name: &str) -> String {
    format!("{name}/template.json")
}

fn template_url(emulator: &Emulator, name: &str) -> String {
    let key = template_key(name);
    format!("{}/{CODE_BUCKET}/{key}", emulator.endpoint())
}

/// These parameters and the local run's own.
pub(crate) fn as_parameters(emulator: &Emulator, parameters: &Parameters) -> Vec<Parameter> {
    let mut all = defaults(emulator);
    all.extend(parameters.clone());
    let parameter = |(key, value)| {
        let parameter = Parameter::builder().parameter_key(key);
        parameter.parameter_value(value).build()
    };
    all.into_iter().map(parameter).collect()
}

fn defaults(emulator: &Emulator) -> Parameters {
    let architecture = match std::env::consts::ARCH {
        "aarch64" => "arm64",
        other => other,
    };
    // Devices learn from the trust bundle which broker to believe.
    let anchors = emulator.ca_pem().to_owned();
    Parameters::from([
        ("Architecture".to_owned(), architecture.to_owned()),
        ("ExtraTrustAnchorsPem".to_owned(), anchors),
    ])
}

async fn upload(s3: &S3, key: &str, binary: &Path) -> Result<(), Error> {
    put(s3, key, packed(binary).await?).await
}

/// Through a presigned URL, whose signature leaves the content out: an unoptimised build would take
/// seconds for the digest.
async fn put(s3: &S3, key: &str, content: Vec<u8>) -> Result<(), Error> {
    const CALL: &str = "PutObject";
    let terms = PresigningConfig::expires_in(SETTLED_WITHIN);
    let terms = terms.map_err(|error| Error::aws(CALL, &error))?;
    let put = s3.put_object().bucket(CODE_BUCKET).key(key);
    let url = put.presigned(terms).await;
    let url = url.map_err(|error| Error::aws(CALL, &error))?;
    let failed = |error: reqwest::Error| Error::aws(CALL, &error);
    let put = reqwest::Client::new().put(url.uri()).body(content);
    let answer = put.send().await.map_err(failed)?;
    answer.error_for_status().map(drop).map_err(failed)
}

/// The template as plain CloudFormation.
async fn prepare(
    venv: &Venv,
    endpoint: &str,
    code: &[(&str, &str)],
    parameters: &Parameters,
) -> Result<String, Error> {
    let mut script = venv.script("prepare.py");
    script.args(["--endpoint", endpoint, "--region", sdk::REGION]);
    if let Some(workers) = parameters.get("Workers") {
        script.args(["--workers", workers]);
    }
    for (function, key) in code {
        script.args(["--code", &format!("{function}={CODE_BUCKET}/{key}")]);
    }
    let prepared = child::output(&mut script).await?;
    if !prepared.status.success() {
        return Err(Error::Template(last_line(&prepared.stderr)));
    }
    String::from_utf8(prepared.stdout).map_err(|error| Error::Template(error.to_string()))
}

async fn settled(client: &CloudFormation, name: &str, end: &str) -> Result<(), Error> {
    let settled = tokio::time::timeout(SETTLED_WITHIN, reach(client, name, end)).await;
    settled.unwrap_or_else(|_| Err(Error::Deploy(format!("no {end} in time"))))
}

async fn reach(client: &CloudFormation, name: &str, end: &str) -> Result<(), Error> {
    loop {
        let described = describe(client, name).await?;
        if described.status == end {
            return Ok(());
        }
        if !described.status.ends_with("_IN_PROGRESS") || described.status.contains("ROLLBACK") {
            return Err(Error::Deploy(reasons(client, name).await?));
        }
        sdk::pause(Duration::from_millis(100)).await;
    }
}

/// The names in the template and the physical ids of a stack's resources.
pub async fn resources(emulator: &Emulator, name: &str) -> Result<Vec<(String, String)>, Error> {
    let client = CloudFormation::new(&emulator.sdk());
    let told = client.describe_stack_resources().stack_name(name).send();
    let told = told.await;
    let told = told.map_err(|error| Error::aws("DescribeStackResources", &error))?;
    let pair = |resource: &aws_sdk_cloudformation::types::StackResource| {
        Some((
            resource.logical_resource_id()?.to_owned(),
            resource.physical_resource_id()?.to_owned(),
        ))
    };
    Ok(told.stack_resources().iter().filter_map(pair).collect())
}

struct Described {
    id: String,
    status: String,
    outputs: BTreeMap<String, String>,
}

async fn describe(client: &CloudFormation, name: &str) -> Result<Described, Error> {
    let told = client.describe_stacks().stack_name(name).send().await;
    let told = told.map_err(|error| Error::aws("DescribeStacks", &error))?;
    let gone = || Error::Deploy(format!("there is no stack {name}"));
    let stack = told.stacks().first().ok_or_else(gone)?;
    let outputs = stack.outputs().iter();
    let output = |output: &aws_sdk_cloudformation::types::Output| {
        Some((
            output.output_key()?.to_owned(),
            output.output_value()?.to_owned(),
        ))
    };
    Ok(Described {
        id: stack.stack_id().unwrap_or(name).to_owned(),
        status: stack
            .stack_status()
            .map_or("", |status| status.as_str())
            .to_owned(),
        outputs: outputs.filter_map(output).collect(),
    })
}

/// Why resources failed, in one line.
async fn reasons(client: &CloudFormation, name: &str) -> Result<String, Error> {
    let told = client.describe_stack_events().stack_name(name).send().await;
    let told = told.map_err(|error| Error::aws("DescribeStackEvents", &error))?;
    let failed: Vec<String> = told.stack_events().iter().filter_map(reason).collect();
    if failed.is_empty() {
        return Ok("CloudFormation gives no reason".to_owned());
    }
    Ok(failed.join("; "))
}

fn reason(event: &StackEvent) -> Option<String> {
    let status = event.resource_status()?.as_str();
    let (resource, why) = (
        event.logical_resource_id()?,
        event.resource_status_reason()?,
    );
    status
        .ends_with("_FAILED")
        .then(|| format!("{resource}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_failures_are_reasons() {
        let event = |status: &str| {
            StackEvent::builder()
                .resource_status(status.into())
                .logical_resource_id("Worker")
                .resource_status_reason("no such role")
                .event_id("e")
                .stack_id("s")
                .stack_name("n")
                .timestamp(aws_sdk_cloudformation::primitives::DateTime::from_secs(0))
                .build()
        };
        assert_eq!(
            reason(&event("CREATE_FAILED")).unwrap(),
            "Worker: no such role"
        );
        assert_eq!(reason(&event("CREATE_COMPLETE")), None);
    }
}
