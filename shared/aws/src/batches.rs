//! What is kept of a factory's batches, beside the bundles: a file of rows and a page about it, under `batches/{id}/`.
//!
//! Neither holds a secret: serial numbers, public signing requests, and who submitted them. The page is written last,
//! so a batch without one was never begun.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::Config;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use cvm_shared::failure::Failure;
use cvm_shared::operate::work::Batches;

use crate::classify::failure;
use crate::vault::status;

const SERVICE: &str = "s3";
const ROOT: &str = "batches/";

/// How long the rows of a batch may take on their way up: a hundred thousand signing requests are 80 MB.
const UPLOAD: Duration = Duration::from_mins(15);

/// The batches in the bucket of bundles. Ids are the caller's to check: they become part of a key.
#[derive(Clone, Debug)]
pub struct S3Batches {
    client: Client,
    bucket: String,
}

impl S3Batches {
    /// The batches in this bucket.
    pub fn new(client: Client, bucket: String) -> Self {
        Self { client, bucket }
    }

    async fn is_begun(&self, id: &str) -> Result<bool, Failure> {
        let key = about_key(id);
        let call = self.client.list_objects_v2().bucket(&self.bucket);
        let listed = call.prefix(&key).max_keys(1).send().await;
        let listed = listed.map_err(|error| failure(SERVICE, &error))?;
        Ok(listed
            .contents()
            .iter()
            .any(|object| object.key() == Some(&*key)))
    }

    async fn get(&self, key: String) -> Result<GetObjectOutput, Failure> {
        let call = self.client.get_object().bucket(&self.bucket).key(key);
        let found = call.send().await;
        found.map_err(|error| failure(SERVICE, &error))
    }
}

impl Batches for S3Batches {
    async fn put_rows(&self, id: &str, file: &Path) -> Result<(), Failure> {
        let body = ByteStream::from_path(file).await;
        let body = body.map_err(|error| unavailable(&error))?;
        let call = self.client.put_object().bucket(&self.bucket).body(body);
        let call = call.key(rows_key(id)).content_type("application/x-ndjson");
        let patient = TimeoutConfig::builder()
            .operation_attempt_timeout(UPLOAD)
            .operation_timeout(UPLOAD);
        let patient = Config::builder().timeout_config(patient.build());
        let sent = call.customize().config_override(patient).send().await;
        sent.map(|_| ()).map_err(|error| failure(SERVICE, &error))
    }

    async fn begin(&self, id: &str, about: Vec<u8>) -> Result<bool, Failure> {
        let call = self.client.put_object().bucket(&self.bucket);
        let call = call.key(about_key(id)).content_type("application/json");
        match call.if_none_match("*").body(about.into()).send().await {
            Ok(_) => Ok(true),
            Err(error) if status(&error) == Some(412) => Ok(false),
            Err(error) => Err(failure(SERVICE, &error)),
        }
    }

    async fn about(&self, id: &str) -> Result<Option<Vec<u8>>, Failure> {
        // To whoever may list only a part of the bucket, S3 answers "forbidden" for an object that is not there.
        if !self.is_begun(id).await? {
            return Ok(None);
        }
        let body = self.get(about_key(id)).await?.body.collect().await;
        let body = body.map_err(|error| unavailable(&error))?;
        Ok(Some(body.to_vec()))
    }

    async fn rows(&self, id: &str, sink: &mut (impl Write + Send)) -> Result<(), Failure> {
        let mut body = self.get(rows_key(id)).await?.body;
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(|error| unavailable(&error))?;
            sink.write_all(&piece)
                .map_err(|error| unavailable(&error))?;
        }
        Ok(())
    }

    async fn ids(&self) -> Result<Vec<String>, Failure> {
        let call = self.client.list_objects_v2().bucket(&self.bucket);
        let mut pages = call.prefix(ROOT).delimiter("/").into_paginator().send();
        let mut ids = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failure(SERVICE, &error))?;
            let folders = page.common_prefixes().iter();
            let named = folders.filter_map(|folder| id_in(folder.prefix()?));
            ids.extend(named.map(str::to_owned));
        }
        Ok(ids)
    }
}

fn rows_key(id: &str) -> String {
    format!("{ROOT}{id}/manifest.ndjson")
}

fn about_key(id: &str) -> String {
    format!("{ROOT}{id}/about.json")
}

fn id_in(folder: &str) -> Option<&str> {
    folder.strip_prefix(ROOT)?.strip_suffix('/')
}

fn unavailable(error: &impl std::error::Error) -> Failure {
    Failure::Unavailable {
        service: SERVICE,
        detail: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_a_folder() {
        assert_eq!(rows_key("x"), "batches/x/manifest.ndjson");
        assert_eq!(about_key("x"), "batches/x/about.json");
        assert_eq!(id_in("batches/x/"), Some("x"));
        assert_eq!(id_in("b/x/"), None);
    }
}
