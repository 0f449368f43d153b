//! Which call a request is. Paths are compared as sent: no decoding, no trailing slash, exact case.

use ::http::Method;
use cvm_shared::api::CERTIFICATES_PATH;
use cvm_shared::api::NONCE_PATH;
use cvm_shared::api::TRUST_BUNDLE_PATH;
use cvm_shared::ports::Clock;
use cvm_shared::ports::Depth;
use cvm_shared::ports::Guard;
use cvm_shared::ports::Queue;
use cvm_shared::ports::Random;
use cvm_shared::ports::Registry;
use cvm_shared::ports::Vault;

use crate::door::Door;
use crate::http::Answer;
use crate::http::Asked;
use crate::legacy::Call;
use crate::problem::Refused;
use crate::roots::trust_bundle;
use crate::tally;

/// A call of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Route<'a> {
    Submit,
    Show(&'a str),
    Confirm(&'a str),
    Nonce,
    TrustBundle,
}

fn route<'a>(method: &Method, path: &'a str) -> Result<Route<'a>, Refused> {
    if path == CERTIFICATES_PATH {
        return only(method, &Method::POST, "POST", Route::Submit);
    }
    if path == TRUST_BUNDLE_PATH {
        return only(method, &Method::GET, "GET", Route::TrustBundle);
    }
    if path == NONCE_PATH {
        return only(method, &Method::GET, "GET", Route::Nonce);
    }
    let below = path
        .strip_prefix(CERTIFICATES_PATH)
        .and_then(|rest| rest.strip_prefix('/'));
    let mut parts = below.ok_or(Refused::NotFound)?.split('/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(id), None, None) if !id.is_empty() => {
            only(method, &Method::GET, "GET", Route::Show(id))
        }
        (Some(id), Some("confirm"), None) if !id.is_empty() => {
            only(method, &Method::POST, "POST", Route::Confirm(id))
        }
        _ => Err(Refused::NotFound),
    }
}

fn only<'a>(
    method: &Method,
    allowed: &Method,
    name: &'static str,
    route: Route<'a>,
) -> Result<Route<'a>, Refused> {
    if method == allowed {
        Ok(route)
    } else {
        Err(Refused::MethodNotAllowed(name))
    }
}

impl<R, Q, V, G, C, N> Door<R, Q, V, G, C, N>
where
    R: Registry,
    Q: Queue + Depth,
    V: Vault,
    G: Guard,
    C: Clock,
    N: Random,
{
    /// Answers a request; every path ends in an answer.
    pub async fn answer(&self, asked: Result<Asked, Refused>) -> Answer {
        let answered = match asked {
            // Boxed: the futures below are deep, and most of them wait most of the time.
            Ok(asked) => Box::pin(self.dispatch(&asked)).await,
            Err(refused) => Err(refused),
        };
        let answer = answered.unwrap_or_else(|refused| refused.tell());
        tally::answered(answer.status);
        self.with_nonce(answer).await
    }

    async fn dispatch(&self, asked: &Asked) -> Result<Answer, Refused> {
        if let Some(call) = Call::of(asked, self.terms.legacy)? {
            return Ok(self.legacy(asked, call).await);
        }
        match route(&asked.method, &asked.path)? {
            Route::Submit => self.submit(asked).await,
            Route::Show(id) => self.show(asked, id).await,
            Route::Confirm(id) => self.confirm(asked, id).await,
            Route::Nonce => self.nonce().await,
            Route::TrustBundle => trust_bundle(&self.trust, asked),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_has_one_path_and_one_method() {
        assert_eq!(route(&Method::POST, "/v1/certificates"), Ok(Route::Submit));
        assert_eq!(
            route(&Method::GET, "/v1/certificates/x"),
            Ok(Route::Show("x"))
        );
        assert_eq!(
            route(&Method::POST, "/v1/certificates/x/confirm"),
            Ok(Route::Confirm("x"))
        );
        assert_eq!(route(&Method::GET, "/v1/nonce"), Ok(Route::Nonce));
        assert_eq!(
            route(&Method::GET, "/v1/trust-bundle"),
            Ok(Route::TrustBundle)
        );
    }

    #[test]
    fn aliases_of_paths_are_nothing() {
        for path in [
            "/",
            "/v1//certificates",
            "/v1/certificates/",
            "/V1/certificates",
            "/v1/certificates;a=b",
            "/v1/%63ertificates",
            "/v1/certificates/x/",
            "/v1/certificates//confirm",
            "/v1/certificates/x/confirm/",
            "/v1/certificates/x/y",
            "/v1/trust-bundle/",
            "/v1/nonce/",
            "",
        ] {
            for method in [Method::GET, Method::POST] {
                assert_eq!(route(&method, path), Err(Refused::NotFound), "{path}");
            }
        }
    }

    #[test]
    fn other_methods_are_told_which_one_there_is() {
        for method in [
            Method::PUT,
            Method::DELETE,
            Method::HEAD,
            Method::OPTIONS,
            Method::GET,
        ] {
            let refused = route(&method, "/v1/certificates");
            assert_eq!(refused, Err(Refused::MethodNotAllowed("POST")));
        }
    }
}
