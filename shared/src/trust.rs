//! The trust bundle: the roots that a device needs to trust AWS IoT, compiled in, never fetched.

use x509_parser::pem::Pem;

use crate::bundle::digest;
use crate::ids::Malformed;

/// Amazon Root CA 1 to 4: AWS IoT's data endpoints, S3 and API Gateway chain to them (AWS IoT
/// developer guide, "Server authentication"). The VeriSign G5 root of older guides is retired.
const AMAZON_ROOTS: &str = include_str!("../roots/amazon.pem");

/// What the regions of the partition aws-cn have besides: `DigiCert` Global Root CA and G2, which certificates
/// of `amazonaws.com.cn` (S3, API Gateway) have chained to.
const CHINA_ROOTS: &str = include_str!("../roots/china.pem");

/// A set of roots with its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustBundle {
    pem: String,
    etag: String,
}

impl TrustBundle {
    /// The Amazon roots, and after them the operator's own, if any.
    pub fn with_extra(extra_pem: &str) -> Result<Self, Malformed> {
        Self::of_partition("aws", extra_pem)
    }

    /// The same for a partition of AWS (`aws`, `aws-cn`, `aws-us-gov`), with what it has besides.
    pub fn of_partition(partition: &str, extra_pem: &str) -> Result<Self, Malformed> {
        let mut pem = AMAZON_ROOTS.to_owned();
        if partition == "aws-cn" {
            pem.push_str(CHINA_ROOTS);
        }
        for block in Pem::iter_from_buffer(extra_pem.as_bytes()) {
            check_root(block.ok())?;
        }
        if !extra_pem.trim().is_empty() {
            if !extra_pem.contains("-----BEGIN") {
                return Err(refuse("holds no PEM block"));
            }
            pem.push_str(extra_pem.trim());
            pem.push('\n');
        }
        let etag = format!("\"{}\"", &digest(pem.as_bytes())[..32]);
        Ok(Self { pem, etag })
    }

    /// The roots in PEM form, one after another.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A strong entity tag (RFC 9110, section 8.8.3): changes when the roots do.
    pub fn etag(&self) -> &str {
        &self.etag
    }
}

fn check_root(block: Option<Pem>) -> Result<(), Malformed> {
    let block = block.ok_or_else(|| refuse("holds a broken PEM block"))?;
    let certificate = block
        .parse_x509()
        .map_err(|_| refuse("holds what is no certificate"))?;
    if !certificate.is_ca() {
        return Err(refuse("holds a certificate that is no CA"));
    }
    Ok(())
}

fn refuse(rule: &str) -> Malformed {
    Malformed::new("trust anchors", rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ca(is_ca: bool) -> String {
        let mut params = rcgen::CertificateParams::new(vec!["x".to_owned()]).unwrap();
        if is_ca {
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        }
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().pem()
    }

    #[test]
    fn the_amazon_roots_are_four_and_are_the_published_ones() {
        let digests: Vec<String> = Pem::iter_from_buffer(AMAZON_ROOTS.as_bytes())
            .map(|block| digest(&block.unwrap().contents))
            .collect();
        // Fingerprints as published by Amazon Trust Services.
        let published = [
            "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
            "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
            "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
            "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
        ];
        assert_eq!(digests, published);
    }

    #[test]
    fn the_china_regions_have_two_more() {
        let digests: Vec<String> = Pem::iter_from_buffer(CHINA_ROOTS.as_bytes())
            .map(|block| digest(&block.unwrap().contents))
            .collect();
        // Fingerprints as published by `DigiCert`.
        let published = [
            "4348a0e9444c78cb265e058d5e8944b4d84f9662bd26db257f8934a443c70161",
            "cb3ccbb76031e5e0138f8dd39a23f9de47ffc35e43c1144cea27d46a5ab1cb5f",
        ];
        assert_eq!(digests, published);
        let roots = |partition| TrustBundle::of_partition(partition, "").unwrap();
        let china = roots("aws-cn");
        assert_eq!(china.pem().matches("BEGIN CERTIFICATE").count(), 6);
        assert_eq!(roots("aws-us-gov"), roots("aws"));
        assert_ne!(china.etag(), roots("aws").etag());
    }

    #[test]
    fn an_extra_root_is_added_and_changes_the_tag() {
        let plain = TrustBundle::with_extra("").unwrap();
        let extra = TrustBundle::with_extra(&ca(true)).unwrap();
        assert!(extra.pem().starts_with(plain.pem()));
        assert_ne!(extra.etag(), plain.etag());
    }

    #[test]
    fn what_is_no_root_is_refused() {
        assert!(TrustBundle::with_extra("rubbish").is_err());
        assert!(TrustBundle::with_extra(&ca(false)).is_err());
    }
}
