//! Takes the time of several things, in an order drawn anew for each round.

use std::hint::black_box;
use std::time::Instant;

use rand::RngExt as _;
use rand::rngs::StdRng;

/// Samples of so many things by their number, in nanoseconds. `prepare` is not timed, and neither is what becomes
/// of a result; a tenth as many rounds before the first are not counted.
pub fn interleaved<P, T>(
    things: usize,
    rounds: usize,
    random: &mut StdRng,
    mut prepare: impl FnMut(usize, usize) -> P,
    mut run: impl FnMut(P) -> T,
) -> Vec<Vec<f64>> {
    let mut samples = vec![Vec::with_capacity(rounds); things];
    let mut order: Vec<usize> = (0..things).collect();
    let warm_up = rounds / 10;
    for round in 0..warm_up + rounds {
        shuffle(&mut order, random);
        for &thing in &order {
            let prepared = prepare(thing, round);
            let (took, result) = timed(|| run(prepared));
            drop(black_box(result));
            if round >= warm_up {
                samples[thing].push(took);
            }
        }
    }
    samples
}

fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    #[expect(clippy::disallowed_methods, reason = "a stopwatch")]
    let began = Instant::now();
    let result = black_box(work());
    let took = began.elapsed();
    (took.as_secs_f64() * 1e9, result)
}

/// Fisher and Yates.
pub fn shuffle<T>(order: &mut [T], random: &mut StdRng) {
    for last in (1..order.len()).rev() {
        order.swap(last, random.random_range(0..=last));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn every_thing_is_run_once_a_round_in_changing_order() {
        let ran = RefCell::new(Vec::new());
        let mut random = StdRng::seed_from_u64(1);
        let note = |thing| ran.borrow_mut().push(thing);
        let samples = interleaved(3, 100, &mut random, |thing, _| thing, note);
        assert!(samples.iter().all(|list| list.len() == 100));
        let ran = ran.into_inner();
        assert_eq!(ran.len(), 3 * 110);
        let mut orders: Vec<&[usize]> = ran.chunks(3).collect();
        assert!(orders.iter().all(|round| round.iter().sum::<usize>() == 3));
        orders.sort_unstable();
        orders.dedup();
        assert_eq!(orders.len(), 6);
    }
}
