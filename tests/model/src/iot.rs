//! What AWS IoT does with a certificate.

use crate::world::Cert;
use crate::world::Part;
use crate::world::World;

/// Deletes it. Nobody cares any more what it was, so that worlds that differ by that alone are one.
pub(crate) fn gone(cert: &mut Cert) {
    *cert = Cert {
        destroyed: cert.destroyed,
        ..Cert::default()
    };
}

/// One part of destroying a certificate and its bundle; the next part, or `None` after the last.
/// Deleting is refused while it is ACTIVE or anything is attached.
pub(crate) fn destroy(world: &mut World, cert: u8, bundle: u8, part: Part) -> Option<Part> {
    let known = world.cert(cert);
    match part {
        Part::Delete if known.active || known.attached() => Some(Part::Deactivate),
        Part::Delete => {
            gone(known);
            Some(Part::Shred)
        }
        Part::Deactivate => {
            known.active = false;
            Some(Part::Detach)
        }
        Part::Detach => {
            (known.policy, known.thing) = (false, false);
            Some(Part::Delete)
        }
        Part::Shred => {
            world.bundles[usize::from(bundle)] = 0;
            None
        }
    }
}
