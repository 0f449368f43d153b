//! A stack whose predecessor's tables are taken over, as infra/DEPLOY.md has it: through a change set that imports what is
//! there already.

use std::time::Duration;

use aws_sdk_cloudformation::Client as CloudFormation;
use aws_sdk_cloudformation::types::Capability;
use aws_sdk_cloudformation::types::ChangeSetStatus;
use aws_sdk_cloudformation::types::ChangeSetType;
use aws_sdk_s3::Client as S3;
use serde_json::Value;

use crate::emulator::Emulator;
use crate::error::Error;
use crate::outputs::StackOutputs;
use crate::sdk;
use crate::stack;
use crate::stack::Parameters;

const CHANGE_SET: &str = "takeover";
/// Looks at the change set before it is given up, a tenth of a second apart.
const LOOKS: usize = 300;

/// Creates the stack `name` from the template of that name's deployment, with the tables that are called `table`.
pub async fn take_over(
    emulator: &Emulator,
    name: &str,
    table: &str,
    parameters: &Parameters,
) -> Result<StackOutputs, Error> {
    let template = named(emulator, name, table).await?;
    let client = CloudFormation::new(&emulator.sdk());
    let asked = client
        .create_change_set()
        .stack_name(name)
        .change_set_name(CHANGE_SET)
        .change_set_type(ChangeSetType::Create)
        .import_existing_resources(true)
        .template_url(template)
        .capabilities(Capability::CapabilityIam)
        .set_parameters(Some(stack::as_parameters(emulator, parameters)));
    let asked = asked.send().await;
    asked.map_err(|error| Error::aws("CreateChangeSet", &error))?;
    computed(&client, name).await?;
    let executed = client.execute_change_set().stack_name(name);
    let executed = executed.change_set_name(CHANGE_SET).send().await;
    executed.map_err(|error| Error::aws("ExecuteChangeSet", &error))?;
    stack::finished(emulator, name).await
}

/// The template with the tables' names in it: CloudFormation imports only what has a literal name.
async fn named(emulator: &Emulator, name: &str, table: &str) -> Result<String, Error> {
    let s3 = S3::new(&emulator.sdk());
    let broken = |error: &dyn std::error::Error| Error::Template(error.to_string());
    let text = stack::template(&s3, name).await?;
    let mut template: Value = serde_json::from_slice(&text).map_err(|error| broken(&error))?;
    for (resource, suffix) in [("Devices", ""), ("Guard", "-guard"), ("Audit", "-audit")] {
        template["Resources"][resource]["Properties"]["TableName"] =
            format!("{table}{suffix}").into();
    }
    stack::put_template(emulator, &format!("{name}-takeover"), template.to_string()).await
}

/// Waits until the change set can be executed.
async fn computed(client: &CloudFormation, name: &str) -> Result<(), Error> {
    for _ in 0..LOOKS {
        let looked = client.describe_change_set().stack_name(name);
        let looked = looked.change_set_name(CHANGE_SET).send().await;
        let looked = looked.map_err(|error| Error::aws("DescribeChangeSet", &error))?;
        match looked.status() {
            Some(ChangeSetStatus::CreateComplete) => return Ok(()),
            Some(ChangeSetStatus::Failed) => {
                let reason = looked.status_reason().unwrap_or("no reason is given");
                return Err(Error::Deploy(reason.to_owned()));
            }
            _ => sdk::pause(Duration::from_millis(100)).await,
        }
    }
    Err(Error::Deploy(
        "the change set was not ready in time".to_owned(),
    ))
}
