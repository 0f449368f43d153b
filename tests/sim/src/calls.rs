//! The calls that can meet a fault, and whose they are.

use cvm_worker::rates::Api;

/// A service behind the ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// `DynamoDB`.
    Table,
    /// SQS.
    Queue,
    /// AWS IoT.
    Iot,
    /// S3.
    Bucket,
}

impl Service {
    /// Its name in failures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Table => "dynamodb",
            Self::Queue => "sqs",
            Self::Iot => "iot",
            Self::Bucket => "s3",
        }
    }
}

macro_rules! calls {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $service:ident, $changes:literal;)*) => {
        /// A call of a port.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Call { $($(#[$doc])* $name,)* }

        impl Call {
            /// Its name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Whose it is.
            pub fn service(self) -> Service {
                match self { $(Self::$name => Service::$service,)* }
            }

            /// Whether it may change something that an invariant is about.
            pub fn changes(self) -> bool {
                match self { $(Self::$name => $changes,)* }
            }
        }
    };
}

calls! {
    /// `Registry::load`.
    Load = "registry.load", Table, false;
    /// `Registry::swap`.
    Swap = "registry.swap", Table, true;
    /// `Backlog::waiting`.
    Waiting = "backlog.waiting", Table, false;
    /// `Backlog::names`.
    Names = "backlog.names", Table, false;
    /// `Backlog::mark`.
    Mark = "backlog.mark", Table, false;
    /// `Backlog::set_mark`.
    SetMark = "backlog.set_mark", Table, false;
    /// `Guard::nonce_key`.
    NonceKey = "guard.nonce_key", Table, false;
    /// `Guard::consume`.
    Consume = "guard.consume", Table, false;
    /// `Guard::bind_key`.
    BindKey = "guard.bind_key", Table, false;
    /// `Queue::send`.
    Send = "queue.send", Queue, false;
    /// `Depth::depth`.
    Depth = "queue.depth", Queue, false;
    /// `Delivery::postpone`.
    Postpone = "queue.postpone", Queue, false;
    /// `Delivery::renew`.
    Renew = "queue.renew", Queue, false;
    /// `Delivery::park`.
    Park = "queue.park", Queue, false;
    /// `Issuer::create_from_csr`.
    CreateFromCsr = "issuer.create_from_csr", Iot, true;
    /// `Issuer::create_with_keys`.
    CreateWithKeys = "issuer.create_with_keys", Iot, true;
    /// `Issuer::ensure_thing`.
    EnsureThing = "issuer.ensure_thing", Iot, false;
    /// `Issuer::attach`.
    Attach = "issuer.attach", Iot, true;
    /// `Issuer::activate`.
    Activate = "issuer.activate", Iot, true;
    /// `Issuer::deactivate`.
    PutOutOfUse = "issuer.put_out_of_use", Iot, true;
    /// `Issuer::retire`.
    Retire = "issuer.retire", Iot, true;
    /// `Issuer::endpoint`.
    Endpoint = "issuer.endpoint", Iot, false;
    /// `Inventory::page`.
    Page = "inventory.page", Iot, false;
    /// `Inventory::pem`.
    Pem = "inventory.pem", Iot, false;
    /// `Inventory::remove_unused`.
    Remove = "inventory.remove_unused", Iot, true;
    /// `Vault::stage`.
    Stage = "vault.stage", Bucket, true;
    /// `Vault::holds`.
    Holds = "vault.holds", Bucket, false;
    /// `Vault::fetch`.
    Fetch = "vault.fetch", Bucket, false;
    /// `Vault::presign`.
    Presign = "vault.presign", Bucket, false;
    /// `Vault::shred`.
    Shred = "vault.shred", Bucket, true;
}

impl Call {
    /// Whether each success of it makes another certificate.
    pub fn creates(self) -> bool {
        matches!(self, Self::CreateFromCsr | Self::CreateWithKeys)
    }

    /// The quota that it is counted against.
    pub fn quota(self) -> Option<Api> {
        match self {
            Self::CreateFromCsr => Some(Api::CreateFromCsr),
            Self::CreateWithKeys => Some(Api::CreateWithKeys),
            Self::EnsureThing => Some(Api::Thing),
            Self::Attach => Some(Api::AttachPolicy),
            Self::Activate | Self::PutOutOfUse => Some(Api::UpdateCertificate),
            Self::Retire | Self::Page | Self::Pem | Self::Remove => Some(Api::Certificate),
            Self::Load
            | Self::Swap
            | Self::Waiting
            | Self::Names
            | Self::Mark
            | Self::SetMark
            | Self::NonceKey
            | Self::Consume
            | Self::BindKey
            | Self::Send
            | Self::Depth
            | Self::Postpone
            | Self::Renew
            | Self::Park
            | Self::Endpoint
            | Self::Stage
            | Self::Holds
            | Self::Fetch
            | Self::Presign
            | Self::Shred => None,
        }
    }
}
