//! The calls of two published vending machines, for firmware that cannot be changed. Off by default.
//!
//! `GET` and `POST /getcert` are those of awslabs' machine, `POST /` is that of its ancestor ([`machine`]
//! has their words). Both want the certificate in the answer, with a key that AWS IoT made. Here that is
//! a request in keys mode like any other, on the same login, row and queue, that the door waits for
//! ([`wait`]) and opens ([`hand_over`]) in its device's place. It never confirms: whether the device has
//! it, the door cannot know. `ingest/LEGACY.md` tells operators what that means.

mod hand_over;
mod machine;
mod parameters;
mod wait;

use std::time::Duration;

use ::http::Method;
use cvm_shared::ids::Malformed;
use cvm_shared::ports::Clock;
use cvm_shared::ports::Depth;
use cvm_shared::ports::Guard;
use cvm_shared::ports::Queue;
use cvm_shared::ports::Random;
use cvm_shared::ports::Registry;
use cvm_shared::ports::Vault;
use cvm_shared::request::KeySource;

use crate::door::Door;
use crate::http::Answer;
use crate::http::Asked;
use crate::legacy::hand_over::Identity;
use crate::legacy::machine::Machine;
use crate::login::Effect;
use crate::problem::Refused;
use crate::submit::Opened;
use crate::submit::barred;

/// The one path that takes a query.
pub(crate) const GETCERT_PATH: &str = "/getcert";
const ROOT_PATH: &str = "/";

/// A call of a published machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    machine: Machine,
    /// How long the door may wait for the certificate.
    patience: Duration,
}

impl Call {
    /// Which call it is, if it is one and they are switched on. Whatever else came with a query is
    /// refused for it.
    pub(crate) fn of(asked: &Asked, patience: Option<Duration>) -> Result<Option<Self>, Refused> {
        let machine = match (patience, asked.path.as_str()) {
            (Some(_), GETCERT_PATH) => Some(Machine::GetCert),
            _ if !asked.query.is_empty() => {
                return Err(Malformed::new("query", "must be empty").into());
            }
            (Some(_), ROOT_PATH) => Some(Machine::ConCheck),
            _ => None,
        };
        let (Some(patience), Some(machine)) = (patience, machine) else {
            return Ok(None);
        };
        let allowed = match machine {
            Machine::GetCert => matches!(asked.method, Method::GET | Method::POST),
            Machine::ConCheck => asked.method == Method::POST,
        };
        if !allowed {
            return Err(Refused::MethodNotAllowed(machine.methods()));
        }
        Ok(Some(Self { machine, patience }))
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
    /// Answers a call in its machine's words.
    pub(crate) async fn legacy(&self, asked: &Asked, call: Call) -> Answer {
        match self.vend_now(asked, call).await {
            Ok(identity) => call.machine.answer(&identity, &self.trust),
            Err(refused) => call.machine.refusal(refused.tell(), &self.trust),
        }
    }

    /// Logs the device in, opens its request or finds it open, and waits until it is served.
    async fn vend_now(&self, asked: &Asked, call: Call) -> Result<Identity, Refused> {
        let until = self.clock.now().plus(call.patience);
        let who = parameters::read(asked, call.machine.names())?;
        let admitted = self.login(&who, asked, Effect::Changes).await?;
        let row = match self.open(*admitted.row, KeySource::Service).await? {
            Opened::Stands(row) => row,
            Opened::Refused(row, refusal) => match barred(&refusal, self.clock.now()) {
                None => row,
                Some(refused) => return Err(refused),
            },
        };
        let served = self.served(row, until).await?;
        self.hand_over(&served).await
    }
}

#[cfg(test)]
mod tests {
    use ::http::HeaderMap;

    use super::*;
    use crate::http::Query;

    const ON: Option<Duration> = Some(Duration::from_secs(20));

    fn call(
        method: Method,
        path: &str,
        query: &str,
        on: Option<Duration>,
    ) -> Result<Option<Machine>, Refused> {
        let asked = Asked {
            method,
            audience: String::new(),
            source: String::new(),
            path: path.to_owned(),
            query: Query::new(query.to_owned()),
            headers: HeaderMap::new(),
            body: Vec::new().into(),
        };
        Call::of(&asked, on).map(|call| call.map(|call| call.machine))
    }

    #[test]
    fn switched_off_there_are_no_such_calls_and_no_queries() {
        for path in [GETCERT_PATH, ROOT_PATH] {
            assert_eq!(call(Method::POST, path, "", None), Ok(None));
        }
        assert!(matches!(
            call(Method::GET, GETCERT_PATH, "a=b", None),
            Err(Refused::BadRequest(_))
        ));
    }

    #[test]
    fn switched_on_each_machine_has_its_methods_and_one_of_them_a_query() {
        let getcert = Ok(Some(Machine::GetCert));
        assert_eq!(call(Method::GET, GETCERT_PATH, "a=b", ON), getcert);
        assert_eq!(call(Method::POST, GETCERT_PATH, "", ON), getcert);
        assert_eq!(
            call(Method::POST, ROOT_PATH, "", ON),
            Ok(Some(Machine::ConCheck))
        );
        for path in [ROOT_PATH, "/v1/certificates", "/getcert/"] {
            let refused = call(Method::POST, path, "a=b", ON);
            assert!(matches!(refused, Err(Refused::BadRequest(_))), "{path}");
        }
        assert_eq!(call(Method::POST, "/getcert/", "", ON), Ok(None));
        assert_eq!(
            call(Method::HEAD, GETCERT_PATH, "", ON),
            Err(Refused::MethodNotAllowed("GET, POST"))
        );
        assert_eq!(
            call(Method::GET, ROOT_PATH, "", ON),
            Err(Refused::MethodNotAllowed("POST"))
        );
    }
}
