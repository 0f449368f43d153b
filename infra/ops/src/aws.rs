//! The parts that are on AWS: by name, from the stack's outputs or from the environment, and clients for them.

use std::collections::BTreeMap;
use std::error::Error;

use aws_config::SdkConfig;
use aws_sdk_cloudformation::types::Stack;
use aws_sdk_dynamodb::config::ProvideCredentials as _;
use cvm_aws::clients::CallLimits;
use cvm_aws::clients::sdk_config;
use cvm_shared::trail::OperatorName;
use tokio::sync::OnceCell;

use crate::trouble::Trouble;

/// A part of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The device table.
    Table,
    /// The table of the trails.
    AuditTable,
    /// The work queue.
    Queue,
    /// The dead letters.
    DeadLetters,
    /// The bucket of bundles.
    Bucket,
    /// The function that cleans up.
    Janitor,
    /// The table of what may happen only once.
    Guard,
}

impl Part {
    /// All but the device table, which has an option of its own.
    pub(crate) const NAMED: [Self; 6] = [
        Self::AuditTable,
        Self::Queue,
        Self::DeadLetters,
        Self::Bucket,
        Self::Janitor,
        Self::Guard,
    ];

    /// The variable that names it.
    pub fn variable(self) -> &'static str {
        match self {
            Self::Table => "CVM_TABLE",
            Self::AuditTable => "CVM_AUDIT_TABLE",
            Self::Queue => "CVM_QUEUE_URL",
            Self::DeadLetters => "CVM_DEAD_LETTER_QUEUE_URL",
            Self::Bucket => "CVM_BUCKET",
            Self::Janitor => "CVM_JANITOR_FUNCTION",
            Self::Guard => "CVM_GUARD_TABLE",
        }
    }

    /// The stack's output that names it.
    fn output(self) -> &'static str {
        match self {
            Self::Table => "TableName",
            Self::AuditTable => "AuditTableName",
            Self::Queue => "QueueUrl",
            Self::DeadLetters => "DeadLetterQueueUrl",
            Self::Bucket => "BucketName",
            Self::Janitor => "JanitorFunction",
            Self::Guard => "GuardTableName",
        }
    }
}

/// What is on AWS.
#[derive(Debug)]
pub struct Aws {
    stack: Option<String>,
    named: BTreeMap<Part, String>,
    config: SdkConfig,
    outputs: OnceCell<BTreeMap<String, String>>,
}

impl Aws {
    /// These parts by their names, and the others by the stack's outputs. Asks first for region and credentials, whose
    /// lack a service call would blame on the network.
    pub(crate) async fn open(
        stack: Option<String>,
        named: BTreeMap<Part, String>,
    ) -> Result<Self, Trouble> {
        Ok(Self {
            stack,
            named,
            config: config().await?,
            outputs: OnceCell::new(),
        })
    }

    /// What a part is called by.
    pub async fn name(&self, part: Part) -> Result<String, Trouble> {
        if let Some(name) = self.named.get(&part) {
            return Ok(name.clone());
        }
        let Some(stack) = &self.stack else {
            let variable = part.variable();
            let hint = if part == Part::Table {
                " or --table"
            } else {
                ""
            };
            let message = format!("no --stack{hint}, and {variable} is not set");
            return Err(Trouble::usage(message));
        };
        let outputs = self
            .outputs
            .get_or_try_init(|| self.describe(stack))
            .await?;
        let output = part.output();
        let found = outputs.get(output).cloned();
        found.ok_or_else(|| Trouble::refused(format!("stack {stack} has no output {output}")))
    }

    /// Whether a part was named by itself.
    pub(crate) fn has(&self, part: Part) -> bool {
        self.named.contains_key(&part)
    }

    /// The stack's parameters; none without a stack.
    pub async fn parameters(&self) -> Result<BTreeMap<String, String>, Trouble> {
        let Some(stack) = &self.stack else {
            return Ok(BTreeMap::new());
        };
        let stacks = self.stacks(stack).await?;
        let parameters = stacks.iter().flat_map(Stack::parameters);
        let pair = |parameter: &aws_sdk_cloudformation::types::Parameter| {
            let key = parameter.parameter_key()?.to_owned();
            Some((key, parameter.parameter_value()?.to_owned()))
        };
        Ok(parameters.filter_map(pair).collect())
    }

    async fn stacks(&self, stack: &str) -> Result<Vec<Stack>, Trouble> {
        let client = aws_sdk_cloudformation::Client::new(&self.config);
        let answer = client.describe_stacks().stack_name(stack).send().await;
        let answer =
            answer.map_err(|error| Trouble::aws(format!("stack {stack}: {}", root(&error))))?;
        Ok(answer.stacks.unwrap_or_default())
    }

    async fn describe(&self, stack: &str) -> Result<BTreeMap<String, String>, Trouble> {
        let stacks = self.stacks(stack).await?;
        let outputs = stacks.iter().flat_map(Stack::outputs);
        let pair = |output: &aws_sdk_cloudformation::types::Output| {
            Some((
                output.output_key()?.to_owned(),
                output.output_value()?.to_owned(),
            ))
        };
        Ok(outputs.filter_map(pair).collect())
    }

    /// The stack, if one was named.
    pub fn stack(&self) -> Option<&str> {
        self.stack.as_deref()
    }

    /// The configuration that clients are made of.
    pub fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// A client for DynamoDB.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.config)
    }

    /// A client for SQS.
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.config)
    }

    /// A client for S3.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        aws_sdk_s3::Client::new(&self.config)
    }

    /// Who we are: the ARN that these credentials answer to.
    pub(crate) async fn identify(&self) -> Result<OperatorName, Trouble> {
        let client = aws_sdk_sts::Client::new(&self.config);
        let answer = client.get_caller_identity().send().await;
        let answer = answer.map_err(|error| {
            Trouble::aws(format!(
                "who you are: {}; check your credentials",
                root(&error)
            ))
        })?;
        let name = OperatorName::parse(answer.arn().unwrap_or_default());
        name.map_err(|error| Trouble::aws(format!("who you are: {error}")))
    }
}

async fn config() -> Result<SdkConfig, Trouble> {
    let config = sdk_config(CallLimits::OPERATOR).await;
    if config.region().is_none() {
        return Err(Trouble::usage("no AWS region: set AWS_REGION or a profile"));
    }
    if let Some(credentials) = config.credentials_provider() {
        let found = credentials.provide_credentials().await;
        found.map_err(|error| Trouble::aws(format!("no AWS credentials: {}", root(&error))))?;
    }
    Ok(config)
}

/// The innermost reason: the outer ones say no more than "an error occurred".
pub fn root(error: &dyn Error) -> String {
    match error.source() {
        Some(inner) => root(inner),
        None => error.to_string(),
    }
}
