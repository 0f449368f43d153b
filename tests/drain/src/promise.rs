//! What a drain must keep to.

use crate::figures::Figures;
use crate::figures::Limit;
use crate::figures::Method;
use crate::plan::Plan;

/// The part of the scarcest quota that is used while there is a backlog, at least.
pub const SHARE_LEAST: f64 = 0.97;
/// The part of the calls that is throttled, at most.
pub const THROTTLED_MOST: f64 = 0.01;
/// Workers that could do this much more than the quota allows are not what binds.
const ROOM: f64 = 1.25;

/// A promise and whether it was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    /// What was promised, and what came.
    pub text: String,
    /// Whether it was kept.
    pub is_kept: bool,
}

/// All promises that this plan makes. What is only reckoned keeps to quota and pace by itself, and proves nothing of them.
pub fn promises(plan: &Plan, figures: &Figures) -> Vec<Promise> {
    let is_shown = figures.method == Method::Simulated;
    let all = [
        Some(everybody(figures)),
        share(figures).filter(|_| is_shown),
        (is_shown && plan.throttle <= 0.0).then(|| throttles(figures)),
    ];
    all.into_iter().flatten().collect()
}

fn everybody(figures: &Figures) -> Promise {
    let Figures {
        devices,
        vended,
        lost,
        ..
    } = figures;
    Promise {
        text: format!("all have their certificate: {vended} of {devices}, {lost} lost"),
        is_kept: vended == devices && *lost == 0,
    }
}

/// Made where the quota is what binds, and there is a backlog for some time.
fn share(figures: &Figures) -> Option<Promise> {
    let is_due = match figures.limit {
        Limit::Quota(_) | Limit::Patience => {
            figures.workers_per_second >= figures.quota_per_second * ROOM
        }
        Limit::Workers => false,
    };
    let share = figures.share().filter(|_| is_due)?;
    Some(Promise {
        text: format!(
            "the scarcest quota is used to {:.0} % while there is a backlog: {:.1} %",
            SHARE_LEAST * 100.0,
            share * 100.0
        ),
        is_kept: share >= SHARE_LEAST,
    })
}

fn throttles(figures: &Figures) -> Promise {
    let part = figures.throttled_part();
    Promise {
        text: format!(
            "fewer than {:.0} % of the calls are throttled: {:.3} %",
            THROTTLED_MOST * 100.0,
            part * 100.0
        ),
        is_kept: part < THROTTLED_MOST,
    }
}
