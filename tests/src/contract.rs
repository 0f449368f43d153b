//! What every adapter of a port must do. Fakes and real adapters face the same functions.

use std::time::Duration;

use cvm_shared::event::Event;
use cvm_shared::failure::Failure;
use cvm_shared::ids::BundleKey;
use cvm_shared::ids::Owner;
use cvm_shared::lease::Lease;
use cvm_shared::ports::Guard;
use cvm_shared::ports::Registry;
use cvm_shared::ports::Swap;
use cvm_shared::ports::Vault;
use cvm_shared::record::BundleRef;
use cvm_shared::record::Issued;
use cvm_shared::record::Record;
use cvm_shared::reprovision::Disuse;
use cvm_shared::reprovision::Reprovision;
use cvm_shared::reprovision::ReprovisionTerms;
use cvm_shared::request::KeySource;
use cvm_shared::request::Request;
use cvm_shared::time::UnixMillis;
use cvm_shared::transition::next;
use futures_util::future::join_all;
use zeroize::Zeroizing;

use crate::sample;

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

const TERMS: ReprovisionTerms = ReprovisionTerms {
    default: Reprovision::Redeliver,
    grace: Duration::from_hours(1),
};

/// A registry, into which `seed` puts rows, reads and writes as [`Registry`] promises.
pub async fn registry<R: Registry>(registry: &R, seed: impl AsyncFn(&Record)) {
    unknown_devices_have_no_row(registry).await;
    a_life_is_written_and_read_back(registry, &seed).await;
    a_repeated_write_is_its_own(registry, &seed).await;
    a_stale_write_changes_nothing(registry, &seed).await;
    a_stale_write_within_a_state_changes_nothing(registry, &seed).await;
    of_many_rivals_one_wins(registry, &seed).await;
    lean_rows_read_back_through_a_life(registry, &seed).await;
}

async fn unknown_devices_have_no_row<R: Registry>(registry: &R) {
    assert_eq!(
        registry.load(&sample::serial("contract-nobody")).await,
        Ok(None)
    );
}

/// From Registered to confirmed in every kind of write, each read back as it was written.
async fn a_life_is_written_and_read_back<R: Registry>(registry: &R, seed: impl AsyncFn(&Record)) {
    for (name, key) in [
        ("contract:life-csr", KeySource::Device(sample::csr())),
        ("contract:life-keys", KeySource::Service),
    ] {
        let mut row = sample::device(name);
        seed(&row).await;
        for event in life(&row, &key) {
            let after = next(&row, &event).unwrap();
            assert_eq!(
                registry.swap(&row, &after).await,
                Ok(Swap::Done),
                "{event:?}"
            );
            assert_eq!(
                registry.load(&row.serial).await,
                Ok(Some(after.clone())),
                "{event:?}"
            );
            row = after;
        }
    }
}

/// What a row leaves to the operator stays in it, whatever else is written.
async fn lean_rows_read_back_through_a_life<R: Registry>(
    registry: &R,
    seed: impl AsyncFn(&Record),
) {
    for (number, lean) in sample::Lean::ALL.into_iter().enumerate() {
        let mut row = sample::device(&format!("contract-lean-{number}"));
        lean.bind(&mut row);
        seed(&row).await;
        for event in life(&row, &KeySource::Service) {
            let after = next(&row, &event).unwrap();
            let swapped = registry.swap(&row, &after).await;
            assert_eq!(swapped, Ok(Swap::Done), "{lean:?}, {event:?}");
            let read = registry.load(&row.serial).await;
            assert_eq!(read, Ok(Some(after.clone())), "{lean:?}, {event:?}");
            row = after;
        }
    }
}

/// The events of a life in which every kind of write occurs: with a certificate that is lost, another that is revoked
/// and kept, and a reset.
pub fn life(row: &Record, key: &KeySource) -> Vec<Event> {
    let request = Request::new(&row.serial, row.generation, key.clone());
    let (first, second) = (lease(row, 1, 1), lease(row, 2, 2));
    let claim = |lease: &Lease| Event::Claim {
        request: request.clone(),
        generation: row.generation,
        lease: lease.clone(),
        now: NOW,
        budget: 12,
    };
    vec![
        Event::Apply {
            key: key.clone(),
            generation: row.generation,
            now: NOW,
            terms: TERMS,
        },
        claim(&first),
        Event::Commit {
            fence: first.fence(),
            issued: issued("a"),
        },
        Event::Retire {
            fence: first.fence(),
            now: NOW,
            budget: 12,
        },
        Event::Commit {
            fence: first.fence(),
            issued: issued("b"),
        },
        Event::Release {
            fence: first.fence(),
            unused: true,
        },
        claim(&second),
        Event::Finish {
            fence: second.fence(),
            bundle_until: NOW,
        },
        Event::Expire { now: NOW },
        Event::Confirm {
            request: request.id.clone(),
            now: NOW,
        },
        Event::Revoke {
            keep: Some(Disuse::Revoked),
        },
        Event::Deactivate {
            certificate: issued("b").certificate_id,
            now: NOW,
        },
        Event::Settle {
            certificate: issued("b").certificate_id,
        },
        Event::Revoke { keep: None },
        Event::Forget {
            certificate: issued("b").certificate_id,
        },
        Event::Reset,
    ]
}

fn lease(row: &Record, claims: u64, owner: u8) -> Lease {
    let mut epoch = row.epoch;
    epoch.0 += claims;
    Lease {
        epoch,
        owner: Owner::from_random([owner; 16]),
        until: UnixMillis(NOW.0 + 60_000),
    }
}

/// What a row says of a certificate with this tag.
pub fn issued(tag: &str) -> Issued {
    Issued {
        certificate_id: tag.repeat(64).try_into().unwrap(),
        certificate_arn: format!("arn:aws:iot:eu-west-1:1:cert/{tag}"),
        endpoint: "x-ats.iot.test".to_owned(),
        bundle: BundleRef {
            key: BundleKey::parse(format!("b/{tag}")).unwrap(),
            sha256: tag.repeat(64),
        },
    }
}

fn claimed(row: &Record, owner: u8) -> Record {
    let event = Event::Claim {
        request: Request::new(&row.serial, row.generation, KeySource::Service),
        generation: row.generation,
        lease: lease(row, 1, owner),
        now: NOW,
        budget: 12,
    };
    next(row, &event).unwrap()
}

/// The answer of a write was lost, and the same write comes again.
async fn a_repeated_write_is_its_own<R: Registry>(registry: &R, seed: impl AsyncFn(&Record)) {
    let row = sample::device("contract-repeated");
    seed(&row).await;
    let after = claimed(&row, 1);
    for _ in 0..3 {
        assert_eq!(registry.swap(&row, &after).await, Ok(Swap::Done));
    }
}

async fn a_stale_write_changes_nothing<R: Registry>(registry: &R, seed: impl AsyncFn(&Record)) {
    let row = sample::device("contract-stale");
    seed(&row).await;
    let (first, late) = (claimed(&row, 1), claimed(&row, 2));
    assert_eq!(registry.swap(&row, &first).await, Ok(Swap::Done));
    let refused = registry.swap(&row, &late).await;
    assert_eq!(refused, Ok(Swap::Changed(Box::new(first.clone()))));
    assert_eq!(registry.load(&row.serial).await, Ok(Some(first)));
}

/// State, generation and epoch are still those that it was computed from; only the revision tells.
async fn a_stale_write_within_a_state_changes_nothing<R: Registry>(
    registry: &R,
    seed: impl AsyncFn(&Record),
) {
    let row = claimed(&sample::device("contract-stale-commit"), 1);
    seed(&row).await;
    let fence = lease(&sample::device("contract-stale-commit"), 1, 1).fence();
    let commit = |tag: &str| {
        let (fence, issued) = (fence.clone(), issued(tag));
        next(&row, &Event::Commit { fence, issued }).unwrap()
    };
    let (first, late) = (commit("a"), commit("b"));
    assert_eq!(registry.swap(&row, &first).await, Ok(Swap::Done));
    let refused = registry.swap(&row, &late).await;
    assert_eq!(refused, Ok(Swap::Changed(Box::new(first.clone()))));
    assert_eq!(registry.load(&row.serial).await, Ok(Some(first)));
}

async fn of_many_rivals_one_wins<R: Registry>(registry: &R, seed: impl AsyncFn(&Record)) {
    let row = sample::device("contract-rivals");
    seed(&row).await;
    let claims: Vec<Record> = (1..=20).map(|owner| claimed(&row, owner)).collect();
    let swaps = join_all(claims.iter().map(|after| registry.swap(&row, after))).await;
    let won: Vec<&Record> = claims
        .iter()
        .zip(&swaps)
        .filter_map(|(after, swap)| (*swap == Ok(Swap::Done)).then_some(after))
        .collect();
    assert_eq!(won.len(), 1);
    let held = registry.load(&row.serial).await.unwrap().unwrap();
    assert_eq!(held, *won[0]);
    for swap in swaps.into_iter().filter(|swap| *swap != Ok(Swap::Done)) {
        assert_eq!(swap, Ok(Swap::Changed(Box::new(held.clone()))));
    }
}

/// A guard lets everything happen once: of many rivals for a nonce one has it, a key stays with its
/// device, and all processes have the same key for nonces. `again` opens the same guard anew.
pub async fn guard<G: Guard>(again: impl Fn() -> G) {
    let guard = again();
    let (one, other) = (guard.nonce_key().await, again().nonce_key().await);
    assert!(one.is_ok() && one == other);
    let rivals = (0..8).map(|_| guard.consume("contract-nonce", NOW));
    let first = join_all(rivals).await.into_iter();
    assert_eq!(first.filter(|won| *won == Ok(true)).count(), 1);
    assert_eq!(again().consume("contract-nonce", NOW).await, Ok(false));
    assert_eq!(guard.consume("contract-other", NOW).await, Ok(true));
    let (key, [mine, theirs]) = (
        sample::csr().public_key(),
        ["contract-a", "contract-b"].map(sample::serial),
    );
    for _ in 0..2 {
        assert_eq!(guard.bind_key(key, &mine).await, Ok(true));
        assert_eq!(again().bind_key(key, &theirs).await, Ok(false));
    }
    let second = sample::csr().public_key();
    assert_eq!(
        guard.bind_key(second, &mine).await,
        Ok(true),
        "a second key"
    );
}

/// A vault keeps the first content of a key, tells by name alone, and forgets for good. `read` reads
/// what is staged, by whatever way a device would.
pub async fn vault<V: Vault>(vault: &V, read: impl AsyncFn(&BundleKey) -> Vec<u8>) {
    let key = BundleKey::parse("b/contract/vault").unwrap();
    let beside = BundleKey::parse("b/contract/vault-2").unwrap();
    assert_eq!(vault.holds(&key).await, Ok(false));
    for content in ["first", "second"] {
        vault
            .stage(&key, &Zeroizing::new(content.as_bytes().to_vec()))
            .await
            .unwrap();
    }
    assert_eq!(vault.holds(&key).await, Ok(true));
    assert_eq!(read(&key).await, b"first");
    let fetched = async |most| vault.fetch(&key, most).await;
    assert_eq!(fetched(5).await, Ok(Some(b"first".to_vec().into())));
    assert!(matches!(fetched(4).await, Err(Failure::Rejected { .. })));
    vault
        .stage(&beside, &Zeroizing::new(vec![1]))
        .await
        .unwrap();
    for _ in 0..2 {
        vault.shred(&key).await.unwrap();
        assert_eq!(vault.holds(&key).await, Ok(false));
    }
    assert_eq!(vault.fetch(&key, 5).await, Ok(None));
    assert_eq!(vault.holds(&beside).await, Ok(true));
    vault.shred(&beside).await.unwrap();
}
