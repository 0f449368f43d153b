//! The AWS IoT APIs and how often an account may call each.

use std::collections::BTreeMap;

/// An AWS IoT API that the stand-in answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "they are the names of AWS IoT's operations")]
pub enum Api {
    CreateKeysAndCertificate,
    CreateCertificateFromCsr,
    UpdateCertificate,
    DescribeCertificate,
    DeleteCertificate,
    ListCertificates,
    AttachPolicy,
    DetachPolicy,
    ListAttachedPolicies,
    AttachThingPrincipal,
    DetachThingPrincipal,
    ListPrincipalThings,
    CreateThing,
    DescribeThing,
    AddThingToThingGroup,
    DescribeEndpoint,
}

impl Api {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 16] = [
        Self::CreateKeysAndCertificate,
        Self::CreateCertificateFromCsr,
        Self::UpdateCertificate,
        Self::DescribeCertificate,
        Self::DeleteCertificate,
        Self::ListCertificates,
        Self::AttachPolicy,
        Self::DetachPolicy,
        Self::ListAttachedPolicies,
        Self::AttachThingPrincipal,
        Self::DetachThingPrincipal,
        Self::ListPrincipalThings,
        Self::CreateThing,
        Self::DescribeThing,
        Self::AddThingToThingGroup,
        Self::DescribeEndpoint,
    ];

    /// The operation's name.
    pub const fn name(self) -> &'static str {
        self.facts().0
    }

    /// The default quota in calls per second, and its code at Service Quotas. `DescribeEndpoint`
    /// has no published one.
    pub const fn default_quota(self) -> Option<(f64, &'static str)> {
        self.facts().1
    }

    /// Defaults of us-east-1 (AWS IoT Core endpoints and quotas).
    const fn facts(self) -> (&'static str, Option<(f64, &'static str)>) {
        match self {
            Self::CreateKeysAndCertificate => {
                ("CreateKeysAndCertificate", Some((10.0, "L-40B55430")))
            }
            Self::CreateCertificateFromCsr => {
                ("CreateCertificateFromCsr", Some((15.0, "L-01BCDDCA")))
            }
            Self::UpdateCertificate => ("UpdateCertificate", Some((10.0, "L-77B523DC"))),
            Self::DescribeCertificate => ("DescribeCertificate", Some((10.0, "L-FC864907"))),
            Self::DeleteCertificate => ("DeleteCertificate", Some((10.0, "L-EEB8F0B1"))),
            Self::ListCertificates => ("ListCertificates", Some((10.0, "L-97DA2C60"))),
            Self::AttachPolicy => ("AttachPolicy", Some((15.0, "L-CA7D4E3E"))),
            Self::DetachPolicy => ("DetachPolicy", Some((15.0, "L-EC88D510"))),
            Self::ListAttachedPolicies => ("ListAttachedPolicies", Some((15.0, "L-B2DA2A45"))),
            Self::AttachThingPrincipal => ("AttachThingPrincipal", Some((100.0, "L-F64D1AA6"))),
            Self::DetachThingPrincipal => ("DetachThingPrincipal", Some((100.0, "L-B5EE4A16"))),
            Self::ListPrincipalThings => ("ListPrincipalThings", Some((10.0, "L-C481616A"))),
            Self::CreateThing => ("CreateThing", Some((100.0, "L-64CBACAC"))),
            Self::DescribeThing => ("DescribeThing", Some((350.0, "L-0EF0F5EE"))),
            Self::AddThingToThingGroup => ("AddThingToThingGroup", Some((100.0, "L-2904683A"))),
            Self::DescribeEndpoint => ("DescribeEndpoint", None),
        }
    }
}

/// A token bucket's size and speed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// Tokens that flow in per second.
    pub per_second: f64,
    /// Tokens that it holds at most, and at the start.
    pub burst: f64,
}

impl Limit {
    /// So many calls per second, with a burst of one second's worth (at least one call). How large
    /// a burst AWS allows is not published.
    pub fn per_second(rate: f64) -> Self {
        Self {
            per_second: rate,
            burst: rate.max(1.0),
        }
    }
}

/// How often each AWS IoT API may be called.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Quotas(BTreeMap<Api, Limit>);

impl Quotas {
    /// What AWS grants a new account.
    pub fn aws_defaults() -> Self {
        let granted = |api: Api| Some((api, Limit::per_second(api.default_quota()?.0)));
        Self(Api::ALL.into_iter().filter_map(granted).collect())
    }

    /// No limits.
    pub fn unlimited() -> Self {
        Self::default()
    }

    /// Every rate and burst times `factor`; a burst never falls below one call.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        let scale = |limit: Limit| Limit {
            per_second: limit.per_second * factor,
            burst: (limit.burst * factor).max(1.0),
        };
        Self(self.0.into_iter().map(|(api, l)| (api, scale(l))).collect())
    }

    /// The same but for this API; `None` takes its limit away.
    #[must_use]
    pub fn with(mut self, api: Api, limit: Option<Limit>) -> Self {
        match limit {
            Some(limit) => self.0.insert(api, limit),
            None => self.0.remove(&api),
        };
        self
    }

    /// This API's limit.
    pub fn limit(&self, api: Api) -> Option<Limit> {
        self.0.get(&api).copied()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_api_has_a_name_and_a_code_of_its_own() {
        let names: BTreeSet<_> = Api::ALL.iter().map(|api| api.name()).collect();
        assert_eq!(names.len(), Api::ALL.len());
        let codes = Api::ALL.iter().filter_map(|api| api.default_quota());
        let codes: BTreeSet<_> = codes.map(|(_, code)| code).collect();
        assert_eq!(codes.len(), Api::ALL.len() - 1);
    }

    #[test]
    fn scaling_keeps_room_for_one_call() {
        let scaled = Quotas::aws_defaults().scaled(0.01);
        let limit = scaled.limit(Api::UpdateCertificate).unwrap();
        assert!((limit.per_second - 0.1).abs() < 1e-9);
        assert!((limit.burst - 1.0).abs() < 1e-9);
        assert_eq!(scaled.limit(Api::DescribeEndpoint), None);
        assert_eq!(Quotas::unlimited().scaled(9.0), Quotas::unlimited());
    }
}
