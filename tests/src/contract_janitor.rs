//! What the ports of the janitor must do. Fakes and real adapters face the same functions.

use std::time::Duration;

use cvm_shared::care::Group;
use cvm_shared::ids::CertificateId;
use cvm_shared::ids::SerialNumber;
use cvm_shared::ports::Backlog;
use cvm_shared::ports::Inventory;
use cvm_shared::ports::Issuer;
use cvm_shared::ports::Removal;
use cvm_shared::record::Binding;
use cvm_shared::record::Record;
use cvm_shared::reprovision::Disuse;
use cvm_shared::request::KeySource;
use cvm_shared::request::Request;
use cvm_shared::state::Delivery;
use cvm_shared::state::State;
use cvm_shared::time::UnixMillis;

use crate::contract::issued;
use crate::contract_issuer::issued_as;
use crate::sample;

/// A moment that no other suite uses, so that a shared table does no harm.
const EARLY: UnixMillis = UnixMillis(1_000_000);

/// A table, into which `seed` puts rows, tells which of them wait, and for whom.
pub async fn backlog<B: Backlog>(backlog: &B, seed: impl AsyncFn(&Record)) {
    only_rows_that_wait_are_found(backlog, &seed).await;
    a_certificate_is_found_by_its_id(backlog, &seed).await;
    assert_eq!(backlog.mark().await, Ok(None));
    for mark in [EARLY, EARLY.plus(Duration::from_secs(1))] {
        backlog.set_mark(mark).await.unwrap();
        assert_eq!(backlog.mark().await, Ok(Some(mark)));
    }
}

async fn only_rows_that_wait_are_found<B: Backlog>(backlog: &B, seed: impl AsyncFn(&Record)) {
    let row = |name: &str, at: u64, state: State| {
        let mut row = sample::device(name);
        row.requested_at = Some(UnixMillis(at));
        row.state = state;
        row
    };
    let requested = |name: &str| State::Requested {
        request: Request::new(
            &sample::serial(name),
            sample::device(name).generation,
            KeySource::Service,
        ),
        issued: None,
    };
    let waiting = |until| State::Vended {
        request: Request::new(
            &sample::serial("x"),
            sample::device("x").generation,
            KeySource::Service,
        )
        .id,
        issued: issued("c"),
        delivery: Delivery::Waiting { until },
    };
    for row in [
        row("waits-1", 1_000, requested("waits-1")),
        row("waits-2", 2_000, requested("waits-2")),
        row("waits-3", 3_000, requested("waits-3")),
        row("waits-not", 1_000, State::Registered),
        row("waits-care", 1_000, waiting(UnixMillis(2_500))),
    ] {
        seed(&row).await;
    }
    let found = async |group, before, most| {
        let mut found = backlog.waiting(group, before, most).await.unwrap();
        found.sort();
        found
            .iter()
            .map(SerialNumber::to_string)
            .collect::<Vec<_>>()
    };
    let (work, care) = (Group::Work, Group::Care);
    assert_eq!(
        found(work, UnixMillis(3_000), 100).await,
        ["waits-1", "waits-2"]
    );
    assert_eq!(found(work, UnixMillis(1_000), 100).await, [""; 0]);
    assert_eq!(found(care, UnixMillis(2_501), 100).await, ["waits-care"]);
    assert_eq!(found(care, UnixMillis(2_500), 100).await, [""; 0]);
}

async fn a_certificate_is_found_by_its_id<B: Backlog>(backlog: &B, seed: impl AsyncFn(&Record)) {
    let mut row = sample::device("waits-named");
    row.state = State::Vended {
        request: Request::new(&row.serial, row.generation, KeySource::Service).id,
        issued: issued("d"),
        delivery: Delivery::Confirmed { at: EARLY },
    };
    seed(&row).await;
    let id = |tag: &str| CertificateId::parse(tag.repeat(64)).unwrap();
    assert_eq!(backlog.names(&id("d")).await, Ok(true));
    assert_eq!(backlog.names(&id("e")).await, Ok(false));
}

/// An account lists its certificates from the newest to the oldest. (The emulator has no order.)
pub async fn inventory_in_order<I: Issuer + Inventory>(issuer: &I, binding: &Binding) {
    let mut made = Vec::new();
    for _ in 0..30 {
        made.push(issuer.create_from_csr(&sample::csr()).await.unwrap());
    }
    let listed = all(issuer).await;
    assert!(listed.len() >= made.len());
    assert!(listed.is_sorted_by(|newer, older| newer.1 >= older.1));
    for made in made {
        issuer.retire(&made.names, binding).await.unwrap();
    }
}

/// An account lists all of its certificates, and removes only those that nobody uses.
pub async fn inventory<I: Issuer + Inventory>(issuer: &I, binding: &Binding) {
    let unused = issuer.create_from_csr(&sample::csr()).await.unwrap();
    let used = issuer.create_from_csr(&sample::csr()).await.unwrap();
    issuer.ensure_thing(binding).await.unwrap();
    issuer
        .attach(&issued_as(&used.names), binding)
        .await
        .unwrap();
    issuer.activate(&used.names.id).await.unwrap();
    let listed = all(issuer).await;
    let state = |id: &CertificateId| listed.iter().find(|(known, _, _)| known == id);
    assert!(state(&unused.names.id).unwrap().2, "INACTIVE");
    assert!(!state(&used.names.id).unwrap().2, "ACTIVE");
    let pem = issuer.pem(&unused.names.id).await.unwrap().unwrap();
    assert_eq!(pem.trim(), unused.pem.trim());

    assert_eq!(
        issuer.remove_unused(&used.names.id).await,
        Ok(Removal::InUse)
    );
    for disuse in Disuse::ALL {
        issuer.put_out_of_use(&used.names.id, disuse).await.unwrap();
        let listed = all(issuer).await;
        let (_, _, inactive) = listed
            .iter()
            .find(|(id, _, _)| *id == used.names.id)
            .unwrap();
        assert_eq!(*inactive, disuse == Disuse::Inactive, "{disuse:?}");
        // But attached: still somebody's.
        assert_eq!(
            issuer.remove_unused(&used.names.id).await,
            Ok(Removal::InUse)
        );
    }
    for _ in 0..2 {
        assert_eq!(
            issuer.remove_unused(&unused.names.id).await,
            Ok(Removal::Gone)
        );
    }
    assert_eq!(issuer.pem(&unused.names.id).await, Ok(None));
    let gone = issuer.put_out_of_use(&unused.names.id, Disuse::Revoked);
    gone.await.unwrap();
    issuer.retire(&used.names, binding).await.unwrap();
}

/// All certificates: id, time of creation, whether INACTIVE.
async fn all<I: Inventory>(issuer: &I) -> Vec<(CertificateId, UnixMillis, bool)> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = issuer.page(after).await.unwrap();
        let told = page.certificates.into_iter();
        all.extend(told.map(|listed| (listed.id, listed.created_at, listed.inactive)));
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}
