//! The real function binaries in the emulator, under the template's roles, from submission to MQTT.
//!
//! One emulator serves all trials but those that kill workers, sweep, work all dead letters off, sign or end the stack, which have their own. It is started
//! before the first and stopped after the last; nothing stays running.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod batch;
mod calls;
mod contracts;
mod cvmctl;
mod dlq;
mod door;
mod kill;
mod lab;
mod letters;
mod life;
mod messages;
mod readme;
mod record;
mod rights;
mod runbooks;
mod signed;
mod sweep;
mod teardown;
mod trail;
mod versions;

use std::future::Future;
use std::sync::Arc;

use lab::Lab;
use libtest_mimic::Arguments;
use libtest_mimic::Trial;
use tokio::runtime::Runtime;

fn main() {
    let arguments = Arguments::from_args();
    let runtime = Arc::new(Runtime::new().unwrap());
    if arguments.list {
        libtest_mimic::run(&arguments, trials(&runtime, &Arc::default())).exit();
    }
    let lab = Arc::new(std::sync::OnceLock::new());
    let conclusion = libtest_mimic::run(&arguments, trials(&runtime, &lab));
    if let Some(lab) = Arc::into_inner(lab).and_then(std::sync::OnceLock::into_inner) {
        runtime.block_on(Lab::stop(lab));
    }
    let news = runtime.block_on(record::news());
    for new in &news {
        eprintln!("{new}");
    }
    conclusion.exit_if_failed();
    assert!(
        news.is_empty(),
        "calls that no policy was judged by; see CONTRIBUTING.md"
    );
}

/// The lab is started by the first trial that needs it, so that a filter that needs none is quick.
type Shared = Arc<std::sync::OnceLock<Arc<Lab>>>;

fn trials(runtime: &Arc<Runtime>, lab: &Shared) -> Vec<Trial> {
    let mut trials = in_one_lab(runtime, lab);
    trials.push(of_the_readme(runtime, lab));
    trials.extend(in_labs_of_their_own(runtime));
    trials
}

fn in_one_lab(runtime: &Arc<Runtime>, lab: &Shared) -> Vec<Trial> {
    macro_rules! trial {
        ($($name:path),* $(,)?) => {
            vec![$(in_lab(runtime, lab, stringify!($name), |lab| $name(lab))),*]
        };
    }
    trial![
        contracts::the_table_in_dynamodb,
        contracts::the_guard_in_dynamodb,
        contracts::the_vault_in_s3,
        contracts::the_issuer_in_aws_iot,
        trail::every_change_of_a_row_is_in_its_trail,
        life::from_submission_to_mqtt_in_csr_mode,
        life::from_submission_to_mqtt_in_keys_mode,
        life::a_thing_is_made_with_type_group_and_attributes,
        life::a_missing_thing_group_fails_visibly,
        life::a_device_that_is_reset_has_another_certificate_and_no_longer_the_first,
        life::a_device_that_is_cut_off_comes_to_the_same_end,
        door::fifty_submissions_at_once_end_with_one_active_certificate,
        door::every_refused_login_is_the_same,
        door::the_deployment_keeps_its_contract,
        door::bad_requests_are_refused_with_their_code,
        messages::a_message_delivered_twice_changes_nothing,
        messages::poison_is_parked_with_its_reason,
        messages::a_dead_letter_is_replayed_once_its_cause_is_mended,
        versions::what_a_later_version_adds_outlives_our_writes,
        calls::calls_for_one_certificate,
        calls::the_bill_is_made_out_for_the_stack_s_parameters,
        calls::a_message_that_waits_for_long_is_sent_anew,
        rights::a_role_is_refused_what_is_not_its_own,
        batch::a_factory_s_batch_that_is_interrupted_loses_nothing,
        batch::a_batch_that_is_taken_back_leaves_what_is_done,
    ]
}

fn in_labs_of_their_own(runtime: &Arc<Runtime>) -> Vec<Trial> {
    macro_rules! alone {
        ($($name:path),* $(,)?) => {
            vec![$(alone(runtime, stringify!($name), $name)),*]
        };
    }
    alone![
        kill::a_worker_killed_in_the_middle_loses_nothing,
        sweep::the_janitor_mends_what_it_should_and_leaves_the_rest,
        signed::an_api_that_wants_signatures_serves_who_signs,
        teardown::the_end_of_the_stack_loses_no_device,
        runbooks::every_command_of_the_runbooks_runs,
        dlq::an_operator_works_dead_letters_off,
    ]
}

/// Reported as ignored where the tools that the page calls are missing.
fn of_the_readme(runtime: &Arc<Runtime>, lab: &Shared) -> Trial {
    let trial = in_lab(
        runtime,
        lab,
        "readme::the_calls_by_hand_lead_to_a_certificate",
        readme::the_calls_by_hand_lead_to_a_certificate,
    );
    trial.with_ignored_flag(!readme::has_tools())
}

/// A trial with a lab of its own: what it does or looks at is the whole account.
fn alone<F, T>(runtime: &Arc<Runtime>, name: &str, test: T) -> Trial
where
    F: Future<Output = ()>,
    T: FnOnce() -> F + Send + 'static,
{
    let runtime = runtime.clone();
    Trial::test(name, move || {
        runtime.block_on(test());
        Ok(())
    })
}

fn in_lab<F, T>(runtime: &Arc<Runtime>, lab: &Shared, name: &str, test: T) -> Trial
where
    F: Future<Output = ()>,
    T: FnOnce(Arc<Lab>) -> F + Send + 'static,
{
    let (runtime, lab) = (runtime.clone(), lab.clone());
    Trial::test(name, move || {
        let lab = lab.get_or_init(|| Arc::new(runtime.block_on(Lab::start())));
        runtime.block_on(test(lab.clone()));
        Ok(())
    })
}
