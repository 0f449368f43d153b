//! Where a device may send its secret: anywhere over https, over plain http to this machine only.

use std::net::IpAddr;

use reqwest::Url;

use crate::error::Error;
use crate::resolve::is_localhost;

/// The server's address: https, or plain http to this machine only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(Url);

impl Endpoint {
    /// Accepts `https://host[:port][/base]`, and `http://` to a loopback host.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let refuse = |rule: &str| Err(Error::Config(format!("the endpoint {rule}")));
        let Ok(url) = Url::parse(text.trim_end_matches('/')) else {
            return refuse("is no URL: expected https://host");
        };
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("must not hold a user name or password");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return refuse("must not hold a query or a fragment");
        }
        if !is_safe(&url) {
            return refuse(
                "must be https; plain http goes to this machine only (127.0.0.1, ::1, localhost)",
            );
        }
        Ok(Self(url))
    }

    /// The host that proofs are made out to: in lower case, with its port unless the scheme implies it,
    /// as the `Host` header has it.
    pub(crate) fn audience(&self) -> String {
        // The parser has put the host into lower case already.
        let host = self.0.host_str().unwrap_or_default();
        match self.0.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// The address of `path` there.
    pub(crate) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0.as_str().trim_end_matches('/'))
    }
}

/// Whether what is sent there stays secret on the way.
pub(crate) fn is_safe(url: &Url) -> bool {
    let Some(host) = url.host_str() else {
        return false;
    };
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let here = is_localhost(host) || address.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    url.scheme() == "https" || (url.scheme() == "http" && here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_goes_to_this_machine_only() {
        for good in [
            "https://cvm.example",
            "https://cvm.example:8443/prod/",
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
            "http://localhost:8080",
            "http://id.execute-api.localhost:4566",
        ] {
            assert!(Endpoint::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://cvm.example",
            "http://127.0.0.1.example",
            "http://localhost.example",
            "http://10.0.0.1",
            "http://0.0.0.0",
            "ftp://localhost",
        ] {
            let error = Endpoint::parse(bad).unwrap_err().to_string();
            assert!(error.contains("must be https"), "{bad}: {error}");
        }
    }

    #[test]
    fn an_endpoint_holds_no_more_than_an_address() {
        for bad in [
            "cvm.example",
            "https://u:p@h",
            "https://h/?q",
            "https://h/#f",
            "",
        ] {
            assert_eq!(Endpoint::parse(bad).unwrap_err().exit_code(), 2, "{bad}");
        }
        let endpoint = Endpoint::parse("https://h/prod/").unwrap();
        assert_eq!(endpoint.join("/v1/x"), "https://h/prod/v1/x");
    }

    #[test]
    fn proofs_are_made_out_to_the_host_as_its_header_has_it() {
        for (url, audience) in [
            ("https://CVM.example", "cvm.example"),
            ("https://cvm.example:443/prod", "cvm.example"),
            ("https://cvm.example:8443", "cvm.example:8443"),
            ("http://127.0.0.1:8080", "127.0.0.1:8080"),
            ("http://[::1]:8080", "[::1]:8080"),
        ] {
            let endpoint = Endpoint::parse(url).unwrap();
            assert_eq!(endpoint.audience(), audience, "{url}");
        }
    }
}
