//! What an adapter of AWS IoT must do. The fake and the real one face the same functions.

use cvm_shared::failure::Failure;
use cvm_shared::ports::CertificateRef;
use cvm_shared::ports::Issuer;
use cvm_shared::record::Binding;
use cvm_shared::record::Issued;
use cvm_shared::record::PolicyFrom;

use crate::contract::issued;
use crate::sample;

/// An issuer of an account that has the policy of `binding`, and none with another name.
pub async fn issuer<I: Issuer>(issuer: &I, binding: &Binding) {
    each_call_makes_another_certificate(issuer, binding).await;
    a_certificate_lives_and_dies(issuer, binding).await;
    a_missing_policy_is_told_from_a_missing_certificate(issuer, binding).await;
    a_missing_thing_is_told_from_a_missing_certificate(issuer, binding).await;
    without_a_policy_of_its_own_a_certificate_lives_and_dies(issuer, binding).await;
}

async fn each_call_makes_another_certificate<I: Issuer>(issuer: &I, binding: &Binding) {
    let csr = sample::csr();
    let one = issuer.create_from_csr(&csr).await.unwrap();
    let two = issuer.create_from_csr(&csr).await.unwrap();
    assert_ne!(one.names.id, two.names.id);
    let (three, key) = issuer.create_with_keys().await.unwrap();
    assert!(key.expose().contains("PRIVATE KEY"));
    for made in [one, two, three] {
        issuer.retire(&made.names, binding).await.unwrap();
    }
}

pub(crate) fn issued_as(names: &CertificateRef) -> Issued {
    Issued {
        certificate_id: names.id.clone(),
        certificate_arn: names.arn.clone(),
        ..issued("a")
    }
}

/// Every step twice: each must be repeatable. What was retired can never be activated again.
async fn a_certificate_lives_and_dies<I: Issuer>(issuer: &I, binding: &Binding) {
    let made = issuer.create_from_csr(&sample::csr()).await.unwrap();
    let issued = issued_as(&made.names);
    for _ in 0..2 {
        issuer.ensure_thing(binding).await.unwrap();
    }
    for _ in 0..2 {
        issuer.attach(&issued, binding).await.unwrap();
    }
    for _ in 0..2 {
        issuer.activate(&made.names.id).await.unwrap();
    }
    for _ in 0..2 {
        issuer.retire(&made.names, binding).await.unwrap();
    }
    assert_eq!(
        issuer.activate(&made.names.id).await,
        Err(Failure::CertificateGone)
    );
    assert!(!issuer.endpoint().await.unwrap().is_empty());
}

async fn a_missing_policy_is_told_from_a_missing_certificate<I: Issuer>(
    issuer: &I,
    binding: &Binding,
) {
    let made = issuer.create_from_csr(&sample::csr()).await.unwrap();
    let issued = issued_as(&made.names);
    let mut other = binding.clone();
    other.policy = sample::policy("no-such-policy");
    assert_eq!(
        issuer.attach(&issued, &other).await,
        Err(Failure::PolicyMissing)
    );
    issuer.retire(&made.names, binding).await.unwrap();
    assert_eq!(
        issuer.attach(&issued, binding).await,
        Err(Failure::CertificateGone)
    );
}

/// A Thing that the worker may make can be there the next time; any other the operator has to make.
async fn a_missing_thing_is_told_from_a_missing_certificate<I: Issuer>(
    issuer: &I,
    binding: &Binding,
) {
    let made = issuer.create_from_csr(&sample::csr()).await.unwrap();
    let issued = issued_as(&made.names);
    let mut other = Binding {
        thing: "contract-no-such-thing".to_owned().try_into().unwrap(),
        thing_made: true,
        ..binding.clone()
    };
    let missing = issuer.attach(&issued, &other).await;
    assert!(
        matches!(missing, Err(Failure::Unavailable { .. })),
        "{missing:?}"
    );
    issuer.retire(&made.names, &other).await.unwrap();
    for policy in [binding.policy.clone(), PolicyFrom::Group] {
        other.policy = policy;
        let gone = issuer.attach(&issued, &other).await;
        assert_eq!(gone, Err(Failure::CertificateGone));
    }
    let made = issuer.create_from_csr(&sample::csr()).await.unwrap();
    other.thing_group = None;
    let missing = issuer.attach(&issued_as(&made.names), &other).await;
    assert_eq!(missing, Err(Failure::ThingConfigMissing));
    issuer.retire(&made.names, &other).await.unwrap();
}

/// Its Thing is there and its group, if any, the operator's: the policy of `binding` is never asked for.
async fn without_a_policy_of_its_own_a_certificate_lives_and_dies<I: Issuer>(
    issuer: &I,
    binding: &Binding,
) {
    issuer.ensure_thing(binding).await.unwrap();
    let lean = Binding {
        thing_made: true,
        policy: PolicyFrom::Group,
        ..binding.clone()
    };
    let made = issuer.create_from_csr(&sample::csr()).await.unwrap();
    let issued = issued_as(&made.names);
    for _ in 0..2 {
        issuer.attach(&issued, &lean).await.unwrap();
    }
    issuer.activate(&made.names.id).await.unwrap();
    for _ in 0..2 {
        issuer.retire(&made.names, &lean).await.unwrap();
    }
}
