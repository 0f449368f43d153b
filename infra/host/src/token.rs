//! A password of AWS's for a database on RDS: a signed request that nobody sends, good for a quarter of an hour.
//!
//! Form and life of a token: RDS user guide, "IAM database authentication",
//! <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html>.

use std::time::Duration;
use std::time::SystemTime;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sigv4::http_request::SignableBody;
use aws_sigv4::http_request::SignableRequest;
use aws_sigv4::http_request::SignatureLocation;
use aws_sigv4::http_request::SigningSettings;
use aws_sigv4::http_request::sign;
use aws_sigv4::sign::v4::SigningParams;
use cvm_aws::system::SystemClock;
use cvm_mysql::database::Account;
use cvm_mysql::database::Database;
use cvm_shared::ports::Clock as _;
use secrecy::SecretString;

use crate::stop::Stop;

/// How long a token is good for a connection to be opened.
const LIFE: Duration = Duration::from_mins(15);
/// How often a fresh one is made.
const EVERY: Duration = Duration::from_mins(10);
/// How soon it is tried again, if none can be made.
const AGAIN: Duration = Duration::from_secs(20);

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
#[error("no token for the database: {0}")]
pub struct TokenError(&'static str);

/// A token for this account of the database.
pub async fn token(sdk: &SdkConfig, account: &Account) -> Result<SecretString, TokenError> {
    let provider = sdk
        .credentials_provider()
        .ok_or(TokenError("no AWS credentials"))?;
    let credentials = provider.provide_credentials().await;
    let credentials = credentials.map_err(|_| TokenError("no AWS credentials"))?;
    let region = sdk.region().ok_or(TokenError("no AWS region"))?;
    let now = Duration::from_millis(SystemClock.now().0);
    signed(
        credentials,
        region.as_ref(),
        account,
        SystemTime::UNIX_EPOCH + now,
    )
}

fn signed(
    credentials: Credentials,
    region: &str,
    account: &Account,
    at: SystemTime,
) -> Result<SecretString, TokenError> {
    let mut settings = SigningSettings::default();
    settings.expires_in = Some(LIFE);
    settings.signature_location = SignatureLocation::QueryParams;
    let identity = credentials.into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("rds-db")
        .time(at)
        .settings(settings)
        .build()
        .map_err(|_| TokenError("it cannot be signed"))?;
    let Account { host, port, user } = account;
    let url = format!("https://{host}:{port}/?Action=connect&DBUser={user}");
    let request = SignableRequest::new("GET", &url, std::iter::empty(), SignableBody::Bytes(&[]));
    let request = request.map_err(|_| TokenError("the account cannot be part of a URL"))?;
    let made = sign(request, &params.into()).map_err(|_| TokenError("it cannot be signed"))?;
    let (instructions, _) = made.into_parts();
    let request = http::Request::builder().uri(url).body(());
    let mut request = request.map_err(|_| TokenError("the account cannot be part of a URL"))?;
    instructions.apply_to_request_http1x(&mut request);
    let text = request.uri().to_string();
    let token = text.strip_prefix("https://").unwrap_or(&text);
    Ok(SecretString::from(token))
}

/// Keeps the database's password fresh until the sign to stop.
pub async fn keep_fresh(sdk: SdkConfig, account: Account, database: Database, mut stop: Stop) {
    let mut pause = EVERY;
    loop {
        tokio::select! {
            () = SystemClock.sleep(pause) => {}
            () = stop.given() => return,
        }
        pause = match token(&sdk, &account).await {
            Ok(token) => {
                database.renew_password(&token);
                EVERY
            }
            Err(error) => {
                tracing::error!(%error, "the old one goes on while it lives");
                AGAIN
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_token_has_the_form_that_rds_takes() {
        let account = Account {
            host: "db.example.eu-west-1.rds.amazonaws.com".to_owned(),
            port: 3306,
            user: "cvm".to_owned(),
        };
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let key = Credentials::new("AKID", "secret", Some("a/b+c=".to_owned()), None, "test");
        let token = signed(key, "eu-west-1", &account, at).unwrap();
        let text = token.expose_secret();
        let start = "db.example.eu-west-1.rds.amazonaws.com:3306/?Action=connect&DBUser=cvm&";
        assert!(text.starts_with(start), "{text}");
        for part in [
            "X-Amz-Algorithm=AWS4-HMAC-SHA256",
            "X-Amz-Credential=AKID%2F20231114%2Feu-west-1%2Frds-db%2Faws4_request",
            "X-Amz-Date=20231114T221320Z",
            "X-Amz-Expires=900",
            "X-Amz-SignedHeaders=host",
            "X-Amz-Security-Token=a%2Fb%2Bc%3D",
            "X-Amz-Signature=",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
