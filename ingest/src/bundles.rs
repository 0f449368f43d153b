//! Staged bundles that the door hands over itself: fetched, checked against their row, opened if need be.

use cvm_shared::api::INLINE_MAX;
use cvm_shared::bundle::digest;
use cvm_shared::ids::Malformed;
use cvm_shared::ids::RequestId;
use cvm_shared::ports::Vault;
use cvm_shared::record::Issued;
use cvm_shared::record::Record;
use cvm_shared::seal::SealedFor;
use cvm_shared::seal::is_sealed;
use cvm_shared::seal::open;
use zeroize::Zeroizing;

use crate::door::Door;
use crate::problem::Refused;

impl<R, Q, V, G, C, N> Door<R, Q, V, G, C, N>
where
    V: Vault,
{
    /// The bundle's bytes as they lie in the vault, if they are those that the row names.
    pub(crate) async fn fetched(
        &self,
        row: &Record,
        issued: &Issued,
    ) -> Result<Zeroizing<Vec<u8>>, Refused> {
        let staged = self.vault.fetch(&issued.bundle.key, INLINE_MAX).await?;
        let staged = staged.ok_or(Refused::Expired)?;
        if digest(&staged) == issued.bundle.sha256 {
            return Ok(staged);
        }
        let refuse = Malformed::new("bundle", "is not the one that the row names");
        Err(unfit(row, &refuse))
    }
}

/// The bundle in clear, for a device that cannot open it.
pub(crate) fn unsealed(
    row: &Record,
    request: &RequestId,
    issued: &Issued,
    staged: Zeroizing<Vec<u8>>,
) -> Result<Zeroizing<Vec<u8>>, Refused> {
    if !is_sealed(&staged) {
        return Ok(staged);
    }
    let names = SealedFor {
        serial: &row.serial,
        request,
        certificate: &issued.certificate_id,
    };
    let opened = open(row.verifier.server_key(), &names, &staged);
    opened.map_err(|malformed| unfit(row, &malformed))
}

/// The refusal of a bundle that nobody should install, told to the operator.
pub(crate) fn unfit(row: &Record, malformed: &Malformed) -> Refused {
    tracing::error!(serial = %row.serial, rule = malformed.rule, "a bundle cannot be handed over");
    Refused::Unavailable { retry_after: 60 }
}
