//! AWS IoT and bucket as the product's ports, in front of the testkit's fakes; some rules can be broken here.

use std::time::Duration;

use cvm_shared::csr::Csr;
use cvm_shared::failure::Failure;
use cvm_shared::ids::BundleKey;
use cvm_shared::ids::CertificateId;
use cvm_shared::ports::CertificateRef;
use cvm_shared::ports::Inventory;
use cvm_shared::ports::Issuer;
use cvm_shared::ports::NewCertificate;
use cvm_shared::ports::Page;
use cvm_shared::ports::Removal;
use cvm_shared::ports::Vault;
use cvm_shared::record::Binding;
use cvm_shared::record::Issued;
use cvm_shared::reprovision::Disuse;
use cvm_shared::secret::PrivateKeyPem;
use cvm_shared::time::UnixMillis;
use cvm_testkit::issuer::MemoryIssuer;
use cvm_testkit::vault::TestVault;
use zeroize::Zeroizing;

use crate::calls::Call;
use crate::fault::Fault;
use crate::port::Port;
use crate::ports::at_once;
use crate::scenario::Flaw;
use crate::world::Site;

impl Issuer for Port<MemoryIssuer> {
    async fn create_from_csr(&self, csr: &Csr) -> Result<NewCertificate, Failure> {
        let (site, csr) = (self.site.clone(), csr.clone());
        self.call(Call::CreateFromCsr, String::new(), move || {
            let made = at_once(site.outside.issuer.create_from_csr(&csr))?;
            site.created(&made, Some(csr.public_key()));
            Ok(made)
        })
        .await
    }

    async fn create_with_keys(&self) -> Result<(NewCertificate, PrivateKeyPem), Failure> {
        let site = self.site.clone();
        self.call(Call::CreateWithKeys, String::new(), move || {
            let (made, key) = at_once(site.outside.issuer.create_with_keys())?;
            site.created(&made, None);
            Ok((made, key))
        })
        .await
    }

    async fn ensure_thing(&self, binding: &Binding) -> Result<(), Failure> {
        let (inner, binding) = (self.inner.clone(), binding.clone());
        let what = self.site.text(|| binding.thing.to_string());
        self.call(Call::EnsureThing, what, move || {
            at_once(inner.ensure_thing(&binding))
        })
        .await
    }

    async fn attach(&self, issued: &Issued, binding: &Binding) -> Result<(), Failure> {
        let (inner, issued, mut binding) = (self.inner.clone(), issued.clone(), binding.clone());
        let what = self.site.text(|| self.site.label(&issued.certificate_id));
        if self.site.scenario.flaw == Flaw::AttachesAstray {
            binding.thing = "elsewhere".to_owned().try_into().unwrap();
            self.inner.add_thing(binding.thing.as_str());
        }
        self.call(Call::Attach, what, move || {
            at_once(inner.attach(&issued, &binding))
        })
        .await
    }

    async fn activate(&self, certificate: &CertificateId) -> Result<(), Failure> {
        let (inner, certificate) = (self.inner.clone(), certificate.clone());
        let what = self.site.text(|| self.site.label(&certificate));
        self.call(Call::Activate, what, move || {
            at_once(inner.activate(&certificate))
        })
        .await
    }

    async fn put_out_of_use(
        &self,
        certificate: &CertificateId,
        disuse: Disuse,
    ) -> Result<(), Failure> {
        let (inner, certificate) = (self.inner.clone(), certificate.clone());
        let what = self.site.text(|| self.site.label(&certificate));
        self.call(Call::PutOutOfUse, what, move || {
            at_once(inner.put_out_of_use(&certificate, disuse))
        })
        .await
    }

    /// Half of it is to deactivate and not to delete.
    async fn retire(&self, certificate: &CertificateRef, binding: &Binding) -> Result<(), Failure> {
        let (inner, certificate) = (self.inner.clone(), certificate.clone());
        let (binding, what) = (
            binding.clone(),
            self.site.text(|| self.site.label(&certificate.id)),
        );
        let site = self.site.clone();
        let keeps = self.site.scenario.flaw == Flaw::RetiresNothing;
        // Only these calls can be half done, and there are few of them.
        let rate = self.site.scenario.weather.rates[Fault::Half as usize];
        let half = self.site.chance((rate * 5.0).min(0.5));
        self.call(Call::Retire, what, move || {
            if half {
                site.count("faults", Fault::Half.name());
                at_once(inner.put_out_of_use(&certificate.id, Disuse::Inactive))?;
                return Err(Failure::Unavailable {
                    service: "iot",
                    detail: "half done".to_owned(),
                });
            }
            if keeps {
                return Ok(());
            }
            at_once(inner.retire(&certificate, &binding))
        })
        .await
    }

    async fn endpoint(&self) -> Result<String, Failure> {
        let inner = self.inner.clone();
        self.call(Call::Endpoint, String::new(), move || {
            at_once(inner.endpoint())
        })
        .await
    }
}

impl Inventory for Port<MemoryIssuer> {
    async fn page(&self, after: Option<String>) -> Result<Page, Failure> {
        let site = self.site.clone();
        self.call(Call::Page, String::new(), move || site.list(after.as_ref()))
            .await
    }

    async fn pem(&self, certificate: &CertificateId) -> Result<Option<String>, Failure> {
        let (inner, certificate) = (self.inner.clone(), certificate.clone());
        let what = self.site.text(|| self.site.label(&certificate));
        self.call(Call::Pem, what, move || at_once(inner.pem(&certificate)))
            .await
    }

    async fn remove_unused(&self, certificate: &CertificateId) -> Result<Removal, Failure> {
        let (inner, certificate) = (self.inner.clone(), certificate.clone());
        let what = self.site.text(|| self.site.label(&certificate));
        self.call(Call::Remove, what, move || {
            at_once(inner.remove_unused(&certificate))
        })
        .await
    }
}

impl Site {
    /// Deletes the certificate whose bundle this is, whoever holds its row.
    fn delete_unfenced(&self, bundle: &BundleKey) {
        for row in self.outside.registry.rows() {
            let issued = row.state.issued();
            if let Some(issued) = issued.filter(|it| it.bundle.key == *bundle) {
                let names = CertificateRef::from(issued);
                let _ = at_once(self.outside.issuer.retire(&names, &row.binding));
                self.changed(Call::Retire);
            }
        }
    }

    fn list(&self, after: Option<&String>) -> Result<Page, Failure> {
        let mut listing = self.listing.lock().unwrap();
        let mut page = match (&*listing, after) {
            (Some(page), None) => page.clone(),
            (Some(_) | None, _) => at_once(self.outside.issuer.page(after.cloned()))?,
        };
        if after.is_none() && page.next.is_none() {
            *listing = Some(page.clone());
        }
        drop(listing);
        self.as_listed(&mut page);
        Ok(page)
    }

    /// Lists lag behind. Of one moment the older comes first: ids differ from run to run.
    fn as_listed(&self, page: &mut Page) {
        if !self.is_calm() {
            let seen = UnixMillis(self.time.now()).minus(self.scenario.weather.list_lag);
            page.certificates.retain(|listed| listed.created_at <= seen);
        }
        let ledger = self.ledger.lock().unwrap();
        let born = |id: &CertificateId| ledger.births.get(id).copied();
        page.certificates
            .sort_by_key(|listed| (std::cmp::Reverse(listed.created_at), born(&listed.id)));
    }
}

impl Vault for Port<TestVault> {
    async fn stage(&self, key: &BundleKey, bytes: &Zeroizing<Vec<u8>>) -> Result<(), Failure> {
        let (inner, key, bytes) = (self.inner.clone(), key.clone(), bytes.clone());
        self.call(Call::Stage, String::new(), move || {
            at_once(inner.stage(&key, &bytes))
        })
        .await
    }

    async fn holds(&self, key: &BundleKey) -> Result<bool, Failure> {
        let (site, key) = (self.site.clone(), key.clone());
        self.call(Call::Holds, String::new(), move || {
            let holds = at_once(site.outside.vault.holds(&key))?;
            if !holds && site.scenario.flaw == Flaw::DeletesUnfenced {
                site.delete_unfenced(&key);
            }
            Ok(holds)
        })
        .await
    }

    async fn fetch(
        &self,
        key: &BundleKey,
        most: usize,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
        let (inner, key) = (self.inner.clone(), key.clone());
        self.call(Call::Fetch, String::new(), move || {
            at_once(inner.fetch(&key, most))
        })
        .await
    }

    async fn presign(&self, key: &BundleKey, valid: Duration) -> Result<String, Failure> {
        let (inner, key) = (self.inner.clone(), key.clone());
        self.call(Call::Presign, String::new(), move || {
            at_once(inner.presign(&key, valid))
        })
        .await
    }

    async fn shred(&self, key: &BundleKey) -> Result<(), Failure> {
        let (inner, key) = (self.inner.clone(), key.clone());
        let keeps = self.site.scenario.flaw == Flaw::ShredsNothing;
        self.call(Call::Shred, String::new(), move || {
            if keeps {
                return Ok(());
            }
            at_once(inner.shred(&key))
        })
        .await
    }
}
