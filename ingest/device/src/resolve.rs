//! Names under `localhost` are this machine (RFC 6761, section 6.3), whatever a name server says.
//!
//! Plain HTTP is allowed to this machine only, so no name server may have a say in which that is.

use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;

use reqwest::dns::Addrs;
use reqwest::dns::Name;
use reqwest::dns::Resolve;
use reqwest::dns::Resolving;

/// The operating system's resolver, except for names under `localhost`.
pub(crate) struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let addresses: Vec<SocketAddr> = if is_localhost(name.as_str()) {
                let four = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
                vec![four, SocketAddr::from((Ipv6Addr::LOCALHOST, 0))]
            } else {
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect()
            };
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}

/// Whether the name is `localhost` or under it.
pub(crate) fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_localhost_and_what_is_under_it() {
        for good in ["localhost", "LOCALHOST", "api.localhost", "localhost."] {
            assert!(is_localhost(good), "{good}");
        }
        for bad in [
            "localhost.example",
            "notlocalhost",
            "",
            "localhost.localdomain",
        ] {
            assert!(!is_localhost(bad), "{bad}");
        }
    }

    #[tokio::test]
    async fn they_resolve_to_this_machine() {
        let name = "id.execute-api.localhost".parse().unwrap();
        let addresses = Resolver.resolve(name).await.unwrap();
        assert!(addresses.into_iter().all(|a| a.ip().is_loopback()));
    }
}
