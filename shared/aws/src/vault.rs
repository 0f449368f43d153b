//! Staged bundles on S3, encrypted with the stack's KMS key.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ServerSideEncryption;
use bytes::Bytes;
use cvm_shared::failure::Failure;
use cvm_shared::ids::BundleKey;
use cvm_shared::ports::Vault;
use zeroize::Zeroizing;

use crate::classify::failure;

const SERVICE: &str = "s3";

/// The bucket of staged bundles.
#[derive(Clone, Debug)]
pub struct S3Vault {
    client: Client,
    bucket: String,
    kms_key: Option<String>,
}

impl S3Vault {
    /// The vault in this bucket. Whoever stages names the KMS key; a reader needs none.
    pub fn new(client: Client, bucket: String, kms_key: Option<String>) -> Self {
        Self {
            client,
            bucket,
            kms_key,
        }
    }
}

impl Vault for S3Vault {
    async fn stage(&self, key: &BundleKey, bytes: &Zeroizing<Vec<u8>>) -> Result<(), Failure> {
        let sent = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key.as_str())
            .if_none_match("*")
            .content_type("application/json")
            .cache_control("no-store")
            .server_side_encryption(ServerSideEncryption::AwsKms)
            .set_ssekms_key_id(self.kms_key.clone())
            // The body owns its copy and wipes it: it may hold a private key.
            .body(ByteStream::from(Bytes::from_owner(bytes.clone())))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            // The key holds this attempt's 128 random bits: only our own lost answer can be there.
            Err(error) if status(&error) == Some(412) => Ok(()),
            Err(error) => Err(failure(SERVICE, &error)),
        }
    }

    /// By listing, which needs no right to read: the worker may not open bundles.
    async fn holds(&self, key: &BundleKey) -> Result<bool, Failure> {
        let call = self.client.list_objects_v2().bucket(&self.bucket);
        let listed = call.prefix(key.as_str()).max_keys(1).send().await;
        let listed = listed.map_err(|error| failure(SERVICE, &error))?;
        Ok(listed
            .contents()
            .iter()
            .any(|object| object.key() == Some(key.as_str())))
    }

    async fn fetch(
        &self,
        key: &BundleKey,
        most: usize,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
        let call = self.client.get_object().bucket(&self.bucket);
        let found = match call.key(key.as_str()).send().await {
            Ok(found) => found,
            Err(error) if status(&error) == Some(404) => return Ok(None),
            Err(error) => return Err(failure(SERVICE, &error)),
        };
        let length = found.content_length().and_then(|n| usize::try_from(n).ok());
        if length.is_none_or(|length| length > most) {
            return Err(Failure::Rejected {
                service: SERVICE,
                detail: "a bundle that is too large to be shown".to_owned(),
            });
        }
        read(found.body).await.map(Some)
    }

    async fn presign(&self, key: &BundleKey, valid: Duration) -> Result<String, Failure> {
        let refuse = |detail: &str| Failure::Rejected {
            service: SERVICE,
            detail: detail.to_owned(),
        };
        let config = PresigningConfig::expires_in(valid).map_err(|_| refuse("bad expiry"))?;
        let call = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key.as_str());
        let signed = call.presigned(config).await;
        let signed = signed.map_err(|error| failure(SERVICE, &error))?;
        Ok(signed.uri().to_owned())
    }

    async fn shred(&self, key: &BundleKey) -> Result<(), Failure> {
        let call = self
            .client
            .delete_object()
            .bucket(&self.bucket)
            .key(key.as_str());
        call.send()
            .await
            .map(|_| ())
            .map_err(|error| failure(SERVICE, &error))
    }
}

/// The whole body, in memory that is wiped.
async fn read(body: ByteStream) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let read = body.collect().await;
    let read = read.map_err(|error| Failure::Unavailable {
        service: SERVICE,
        detail: error.to_string(),
    })?;
    Ok(Zeroizing::new(read.to_vec()))
}

pub(crate) fn status<E>(
    error: &aws_sdk_s3::error::SdkError<
        E,
        aws_smithy_runtime_api::client::orchestrator::HttpResponse,
    >,
) -> Option<u16> {
    error.raw_response().map(|raw| raw.status().as_u16())
}
