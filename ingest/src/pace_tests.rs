use std::pin::pin;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Waker;

use super::*;

const TERMS: PollTerms = PollTerms {
    least_seconds: 2,
    polls_per_second: 500,
    issues_per_second: 10,
};
const LOWEST: [u8; 16] = [0; 16];
const HIGHEST: [u8; 16] = [0xff; 16];

fn at(seconds: u64) -> UnixMillis {
    UnixMillis(1_700_000_000_000 + seconds * 1000)
}

/// A queue that fails, hangs or tells its depth, and how often it was asked.
struct Queue {
    depth: Option<Result<u64, Failure>>,
    asked: AtomicU64,
}

fn queue(depth: u64) -> Queue {
    Queue {
        depth: Some(Ok(depth)),
        asked: AtomicU64::new(0),
    }
}

impl Depth for Queue {
    async fn depth(&self) -> Result<u64, Failure> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match &self.depth {
            Some(answer) => answer.clone(),
            None => std::future::pending().await,
        }
    }
}

/// A clock whose sleeps are over at once.
struct Hand(UnixMillis);

impl Clock for Hand {
    fn now(&self) -> UnixMillis {
        self.0
    }
    async fn sleep(&self, _: Duration) {}
}

async fn told(gauge: &Gauge, queue: &Queue, seconds: u64) -> u64 {
    gauge.wait(queue, &TERMS, &Hand(at(seconds)), LOWEST).await
}

/// The least and the most that one of so many waiting devices is told.
fn range(waiting: u64) -> (u64, u64) {
    let rate = TERMS.issued_millis();
    let wait = |random| TERMS.wait(waiting, rate, random);
    (wait(LOWEST), wait(HIGHEST))
}

#[test]
fn who_waits_alone_is_told_the_least_and_half_as_much_again() {
    assert_eq!(range(0), (2, 3));
    assert_eq!(range(100), (2, 3));
    assert_eq!((TERMS.soon(LOWEST), TERMS.soon(HIGHEST)), (2, 3));
}

#[test]
fn a_short_queue_is_asked_about_as_often_as_its_length_is_worth() {
    // 2,000 take 200 s: a twentieth of that. 10,000 take 1,000 s: a twentieth.
    assert_eq!(range(2_000), (10, 15));
    assert_eq!(range(10_000), (50, 75));
    // From there on it is a minute, until the allowance asks for more.
    assert_eq!(range(26_000), (60, 120));
}

#[test]
fn a_long_queue_shares_the_allowance() {
    assert_eq!(range(100_000), (230, 460));
    assert_eq!(range(1_000_000), (2_296, 4_592));
}

#[test]
fn one_poll_for_each_certificate_is_left_out_of_the_allowance() {
    let tight = |polls_per_second| PollTerms {
        polls_per_second,
        ..TERMS
    };
    let least = |terms: PollTerms| terms.wait(8_000, terms.issued_millis(), LOWEST);
    assert_eq!(least(tight(40)), 300, "30 are left");
    assert_eq!(least(tight(8)), 3_600, "some are left in any case");
}

#[test]
fn nobody_is_sent_to_sleep_for_longer_than_two_hours() {
    for waiting in [1_600_000, u64::MAX / 1_000_000, u64::MAX] {
        assert_eq!(range(waiting), (3_600, 7_200));
    }
    let nothing = PollTerms {
        least_seconds: 0,
        polls_per_second: 0,
        issues_per_second: 0,
    };
    assert_eq!(nothing.wait(u64::MAX, 0, HIGHEST), 7_200);
    assert_eq!(nothing.wait(0, 0, HIGHEST), 0);
}

/// The polls in each second of devices that are all told at second 0, and again at each poll.
fn polls_per_second(devices: u64, seconds: usize) -> Vec<u32> {
    let mut polls = vec![0; seconds];
    let mut state: u128 = 1;
    for _ in 0..devices {
        let mut second = 0;
        loop {
            state = state.wrapping_mul(0xda94_2042_e4dd_58b5).wrapping_add(1);
            let random = (state ^ (state >> 64)).to_le_bytes();
            second += TERMS.wait(devices, TERMS.issued_millis(), random);
            match polls.get_mut(usize::try_from(second).unwrap()) {
                Some(count) => *count += 1,
                None => break,
            }
        }
    }
    polls
}

#[test]
fn even_told_all_at_once_they_never_poll_more_than_the_allowance() {
    let polls = polls_per_second(50_000, 2_000);
    let minutes = polls.windows(60).map(|minute| minute.iter().sum::<u32>());
    let busiest = minutes.max().unwrap();
    assert!(busiest <= 60 * 450, "{busiest}");
    // And they use three fifths of it in the long run.
    let late: u32 = polls[1_000..].iter().sum();
    assert!((285_000..305_000).contains(&late), "{late}");
}

#[tokio::test]
async fn the_depth_is_read_every_five_seconds_only() {
    let (gauge, queue) = (Gauge::default(), queue(100_000));
    for second in [0, 1, 4, 5, 9, 10] {
        assert_eq!(told(&gauge, &queue, second).await, 230, "{second}");
    }
    assert_eq!(queue.asked.load(Ordering::SeqCst), 3);
    // A clock that was set back does not keep it from reading.
    told(&gauge, &queue, 3).await;
    assert_eq!(queue.asked.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_reading_that_fails_or_hangs_changes_nothing() {
    let failure = Failure::Throttled { service: "sqs" };
    for depth in [Some(Err(failure)), None] {
        let broken = Queue {
            depth,
            asked: AtomicU64::new(0),
        };
        let gauge = Gauge::default();
        assert_eq!(told(&gauge, &broken, 0).await, 2, "nothing is known yet");
        assert_eq!(told(&gauge, &queue(100_000), 5).await, 230);
        assert_eq!(told(&gauge, &broken, 10).await, 230);
        told(&gauge, &broken, 14).await;
        assert_eq!(broken.asked.load(Ordering::SeqCst), 2);
    }
}

#[test]
fn one_answer_at_a_time_reads_and_one_that_is_dropped_leaves_no_lock() {
    struct Patient;
    impl Clock for Patient {
        fn now(&self) -> UnixMillis {
            at(0)
        }
        async fn sleep(&self, _: Duration) {
            std::future::pending::<()>().await;
        }
    }
    let hanging = Queue {
        depth: None,
        asked: AtomicU64::new(0),
    };
    let gauge = Gauge::default();
    let mut context = Context::from_waker(Waker::noop());
    {
        let first = pin!(gauge.wait(&hanging, &TERMS, &Patient, LOWEST));
        assert!(first.poll(&mut context).is_pending());
        let second = pin!(gauge.wait(&hanging, &TERMS, &Patient, LOWEST));
        assert!(second.poll(&mut context).is_ready(), "it does not wait");
    }
    assert_eq!(hanging.asked.load(Ordering::SeqCst), 1);
    let later = Hand(at(5));
    let third = pin!(gauge.wait(&hanging, &TERMS, &later, LOWEST));
    assert!(third.poll(&mut context).is_ready());
    assert_eq!(hanging.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn what_the_process_itself_accepted_counts_before_the_queue_tells() {
    let (gauge, empty) = (Gauge::default(), queue(0));
    told(&gauge, &empty, 0).await;
    for _ in 0..100_000 {
        gauge.accepted(&TERMS, at(1));
    }
    assert_eq!(told(&gauge, &empty, 1).await, 230);
    // Ten a second may have been issued meanwhile.
    assert_eq!(told(&gauge, &empty, 51).await, 229);
    // After a minute without another one, the queue has counted them all.
    assert_eq!(told(&gauge, &empty, 62).await, 2);
}

#[tokio::test]
async fn the_rate_is_learnt_between_an_eighth_and_all_of_what_may_be_issued() {
    let gauge = Gauge::default();
    let rate = || gauge.known().rate(&TERMS);
    told(&gauge, &queue(2_000), 0).await;
    assert_eq!(rate(), 10_000, "nothing is learnt from one reading");
    // 5 a second went, then 5 more came in: half of the full rate either way.
    let mut depth = 2_000;
    for minute in 1..=20 {
        for _ in 0..300 * (minute / 10) {
            gauge.accepted(&TERMS, at(60 * minute - 1));
        }
        depth = depth + 300 * (minute / 10) - 300.min(depth);
        told(&gauge, &queue(depth), 60 * minute).await;
    }
    assert!((4_900..5_100).contains(&rate()), "{}", rate());
    for minute in 21..60 {
        told(&gauge, &queue(depth), 60 * minute).await;
    }
    assert!((1_250..1_300).contains(&rate()), "it stands still");
    told(&gauge, &queue(0), 3_601).await;
    told(&gauge, &queue(1_000_000), 3_700).await;
    told(&gauge, &queue(0), 99_999).await;
    assert!((9_900..=10_000).contains(&rate()), "{}", rate());
}

#[tokio::test]
async fn where_issuing_stands_still_a_short_queue_is_asked_less() {
    let (gauge, stuck) = (Gauge::default(), queue(1_000));
    assert_eq!(told(&gauge, &stuck, 0).await, 5);
    for second in 1..600 {
        told(&gauge, &stuck, second).await;
    }
    assert_eq!(told(&gauge, &stuck, 600).await, 40, "a twentieth of 800 s");
}

fn admission() -> Admission {
    let device = Rate {
        per_second: 1,
        burst: 10,
    };
    let process = Rate {
        per_second: 1_000,
        burst: 20,
    };
    Admission::new(device, process, [7; 16])
}

fn serial(number: u64) -> SerialNumber {
    SerialNumber::parse(format!("SN-{number}")).unwrap()
}

/// How many of so many requests of one device in one moment are admitted.
fn admitted(admission: &Admission, device: u64, requests: u32, now: UnixMillis) -> u32 {
    (0..requests)
        .map(|_| u32::from(admission.admit(&serial(device), now).is_ok()))
        .sum()
}

#[test]
fn a_device_has_its_burst_and_then_one_a_second() {
    let admission = admission();
    assert_eq!(admitted(&admission, 1, 100, at(0)), 10);
    let refused = admission.admit(&serial(1), at(0));
    assert_eq!(refused, Err(TooFast::Device(10)));
    assert_eq!(admitted(&admission, 1, 100, at(3)), 3);
    assert_eq!(
        admission.admit(&serial(1), at(3).plus(Duration::from_millis(1))),
        Err(TooFast::Device(10))
    );
    assert_eq!(admitted(&admission, 1, 100, at(3_600)), 10);
}

#[test]
fn one_that_polls_as_it_is_told_is_never_refused() {
    let admission = admission();
    for second in (0..10_000).step_by(2) {
        assert_eq!(admission.admit(&serial(1), at(second)), Ok(()));
    }
}

#[test]
fn what_is_refused_costs_neither_the_others_nor_the_device() {
    let admission = admission();
    admitted(&admission, 1, 1_000, at(0));
    assert_eq!(admitted(&admission, 2, 10, at(0)), 10, "the others' share");
    let refused = admission.admit(&serial(3), at(0));
    assert_eq!(refused, Err(TooFast::Process(1)));
    // The refusal of the whole process took none of its ten.
    assert_eq!(admitted(&admission, 3, 20, at(1)), 10);
}

#[test]
fn memory_is_bounded_and_a_displaced_device_starts_afresh() {
    let wide = Rate {
        per_second: 1_000_000,
        burst: 1_000_000,
    };
    let admission = Admission::new(admission().device, wide, [7; 16]);
    admitted(&admission, 0, 100, at(0));
    for device in 1..100_000 {
        assert_eq!(admission.admit(&serial(device), at(0)), Ok(()));
    }
    assert_eq!(admission.room.lock().unwrap().seats.len(), SEATS);
    assert_eq!(admitted(&admission, 0, 100, at(0)), 10);
}

#[test]
fn nobody_is_locked_out_by_a_clock_that_was_set_back() {
    let admission = admission();
    admitted(&admission, 1, 10, at(86_400));
    assert_eq!(admitted(&admission, 1, 100, at(0)), 10);
}

#[test]
fn neighbours_are_decided_by_the_key_and_it_is_not_printed() {
    let (one, other) = (
        admission(),
        Admission::new(admission().device, admission().process, [8; 16]),
    );
    assert_ne!(one.seat_of(&serial(1)), other.seat_of(&serial(1)));
    assert_eq!(format!("{one:?}"), "Admission");
}
