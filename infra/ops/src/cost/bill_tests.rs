//! Bills that were worked out by hand, on a machine that is small enough for that.

use super::*;
use crate::cost::measures::Login;
use crate::cost::measures::Mode;
use crate::cost::measures::read;
use crate::cost::price::BUILT_IN;

const HEAD: &str = "phase,meter,csr+proof,csr+token,keys+proof,keys+token,source\n";

fn shape() -> Shape {
    Shape {
        ingest_mb: 512,
        worker_mb: 512,
        janitor_mb: 256,
        ledger_mb: 256,
        batch: 10,
        workers: 4,
        trail_batch: 250,
        trail_window_seconds: 5,
        keys: 1,
        alarms: 5,
        composite_alarms: 0,
        dashboards: 1,
    }
}

fn settings() -> Settings {
    Settings {
        gb_second: Price::LambdaGbSecondArm64,
        is_logging: true,
        log_days: Decimal::from(30),
        rate: Decimal::TEN,
        polls: Decimal::from(3),
        sweep_minutes: Decimal::from(15),
    }
}

/// The bill of a million devices that need what these lines say; each amount of dollars by its place.
fn bill(measures: &[&str], settings: &Settings, shape: &Shape) -> BTreeMap<String, Decimal> {
    let line = |line: &&str| {
        let (name, amount) = line.rsplit_once(',').unwrap();
        format!(
            "{name},{amount},0,0,0,assumed
"
        )
    };
    let file: Vec<String> = measures.iter().map(line).collect();
    let measures = read(&format!("{HEAD}{}", file.concat())).unwrap();
    let plan = Plan {
        devices: Decimal::from(1_000_000),
        polls: settings.polls,
        needs: &Needs::of(&measures, Mode::Csr, Login::Proof),
        settings,
        shape,
        prices: &Prices::read(BUILT_IN).unwrap(),
    };
    let place = |line: &Line| format!("{} {} {}", line.bill.name(), line.part.name(), line.what);
    let lines = lines(&plan);
    lines
        .iter()
        .map(|line| (place(line), line.dollars.normalize()))
        .collect()
}

fn usd(text: &str) -> Decimal {
    text.parse().unwrap()
}

#[track_caller]
fn assert_dollars(bill: &BTreeMap<String, Decimal>, expected: &[(&str, &str)]) {
    for (place, dollars) in expected {
        assert_eq!(
            bill.get(*place),
            Some(&usd(dollars)),
            "{place} in {bill:#?}"
        );
    }
}

#[test]
fn what_comes_once_is_paid_once_and_a_poll_as_often_as_it_is_made() {
    let needs = [
        "submit,HTTP request,1",
        "submit,millisecond,10",
        "submit,write unit,3",
        "poll,HTTP request,1",
        "poll,millisecond,8",
        "work,CreateThing,1",
        "work,AttachThingPrincipal,1",
        "work,AttachPolicy,1",
        "work,PutObject,1",
    ];
    let bill = bill(&needs, &settings(), &shape());
    let expected = [
        // 1 + 3 million requests at $1.00.
        ("once API Gateway requests", "4"),
        ("once Lambda ingest invocations", "0.8"),
        // (10 + 3 * 8) ms of half a GB, a million times: 17,000 GB s at $0.0000133334.
        ("once Lambda ingest time, GB s", "0.2266678"),
        ("once DynamoDB writes", "1.875"),
        ("once S3 writes", "5"),
        // Two operations at $1.25 a million; the policy's is free.
        ("once AWS IoT registry operations", "2.5"),
        // Ten messages in a batch: 100,000 batches.
        ("once Lambda worker invocations", "0.02"),
        ("once SQS receives", "0.04"),
        ("once SQS deletes", "0.04"),
        // 100,000 s at ten a second, four workers of half a GB: 200,000 GB s.
        ("once Lambda worker time, GB s", "2.66668"),
    ];
    assert_dollars(&bill, &expected);
    assert_eq!(
        bill.keys()
            .filter(|place| place.starts_with("once"))
            .count(),
        expected.len()
    );
}

#[test]
fn the_ledger_s_batches_are_as_full_as_their_window_allows() {
    let needs = [
        "trail,entry,6",
        "trail,trail write unit,6",
        "batch,trail write unit,3",
        "batch,millisecond,200",
    ];
    // 10 a second, 6 entries each, 5 s: 300, and 250 are a batch. 6 million entries make 24,000 batches.
    let expected = [
        ("once Lambda ledger invocations", "0.0048"),
        // 24,000 times 0.2 s of a quarter GB: 1,200 GB s.
        ("once Lambda ledger time, GB s", "0.01600008"),
        // 6 million and 72,000 units at $0.625.
        ("once DynamoDB writes of trails", "3.795"),
    ];
    assert_dollars(&bill(&needs, &settings(), &shape()), &expected);
    let slow = Settings {
        rate: Decimal::ONE,
        ..settings()
    };
    // 1 a second: 30 in a batch, 200,000 batches.
    assert_dollars(
        &bill(&needs, &slow, &shape()),
        &[("once Lambda ledger invocations", "0.04")],
    );
}

#[test]
fn logs_are_paid_when_written_and_while_kept_and_may_be_left_out() {
    let needs = [
        "work,log byte,500",
        "work,metric byte,100",
        "work,custom metric,2",
        "submit,HTTP request,1",
        "request,log byte,300",
    ];
    let expected = [
        // 0.9 GB at $0.50, and kept for a month at $0.03.
        ("once CloudWatch log lines, GB", "0.45"),
        ("once CloudWatch log lines kept, GB months", "0.027"),
        ("once CloudWatch metrics of our own, for a month", "0.6"),
    ];
    assert_dollars(&bill(&needs, &settings(), &shape()), &expected);
    let quiet = Settings {
        is_logging: false,
        log_days: Decimal::ONE,
        ..settings()
    };
    let expected = [
        // What no level leaves out: 0.4 GB, kept for a day.
        ("once CloudWatch log lines, GB", "0.2"),
        ("once CloudWatch log lines kept, GB months", "0.0004"),
    ];
    assert_dollars(&bill(&needs, &quiet, &shape()), &expected);
}

#[test]
fn what_is_kept_is_paid_by_the_month() {
    let needs = [
        "kept,row byte,1000",
        "kept,index byte,200",
        "kept,guard byte,300",
        "kept,trail byte,2000",
    ];
    let expected = [
        // 3.5 GB at $0.25; an index is not backed up: 3.3 GB at $0.20.
        ("kept/month DynamoDB storage, GB", "0.875"),
        ("kept/month DynamoDB point-in-time recovery, GB", "0.66"),
    ];
    assert_dollars(&bill(&needs, &settings(), &shape()), &expected);
}

#[test]
fn an_idle_stack_is_polled_and_swept() {
    let needs = [
        "round,read unit,17",
        "round,GetQueueAttributes,1",
        "round,custom metric,7",
        "round,millisecond,2000",
        "idle,ReceiveMessage,0.25",
    ];
    let expected = [
        // A quarter of the 2,628,000 s of a month.
        ("idle/month SQS receives", "0.2628"),
        // 2,920 rounds.
        ("idle/month SQS looks at its depth", "0.001168"),
        ("idle/month DynamoDB reads", "0.006205"),
        ("idle/month Lambda janitor invocations", "0.000584"),
        // 2 s of a quarter GB: 1,460 GB s.
        ("idle/month Lambda janitor time, GB s", "0.019466764"),
        ("idle/month KMS keys", "1"),
        (
            "idle/month CloudWatch metrics of our own, for a month",
            "2.1",
        ),
        ("idle/month CloudWatch metrics of alarms", "0.5"),
        ("idle/month CloudWatch dashboards", "3"),
    ];
    let bill = bill(&needs, &settings(), &shape());
    assert_dollars(&bill, &expected);
    assert_eq!(
        bill.keys()
            .filter(|place| place.starts_with("idle"))
            .count(),
        expected.len()
    );
}
