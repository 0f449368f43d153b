//! What can happen to a call.

use crate::calls::Call;

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// A fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Fault { $($(#[$doc])* $name,)* }

        impl Fault {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

faults! {
    /// It fails and has no effect.
    Before = "error before";
    /// It has its effect, and its answer is lost.
    After = "answer lost";
    /// It fails, and has its effect some time afterwards.
    Late = "effect after the error";
    /// It happens twice, with a pause between.
    Twice = "twice";
    /// The service throttles it.
    Throttle = "throttled";
    /// The process dies before it.
    KillBefore = "killed before";
    /// The process dies after its effect.
    KillAfter = "killed after";
    /// It takes its effect only after seconds or minutes.
    SlowCall = "slow call";
    /// It is answered only after seconds or minutes.
    SlowAnswer = "slow answer";
    /// It does only a part of what it should and fails.
    Half = "half done";
    /// It is refused for lack of rights.
    Denied = "denied";
}

impl Fault {
    /// How many kinds there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Whether it can strike this call. Creates are never repeated by the SDK; a denied table
    /// or queue is an outage, which [`Fault::Before`] is already.
    pub fn strikes(self, call: Call) -> bool {
        match self {
            Self::Twice => !call.creates(),
            // Only `retire` has parts, and it sees to them itself (`ports`).
            Self::Half => false,
            Self::Denied => matches!(
                call,
                Call::CreateFromCsr | Call::CreateWithKeys | Call::Attach | Call::Activate
            ),
            Self::Before
            | Self::After
            | Self::Late
            | Self::Throttle
            | Self::KillBefore
            | Self::KillAfter
            | Self::SlowCall
            | Self::SlowAnswer => true,
        }
    }
}
