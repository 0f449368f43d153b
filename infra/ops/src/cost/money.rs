//! Amounts of money and of things, as decimals: nothing is rounded before it is shown.

use rust_decimal::Decimal;
use rust_decimal::RoundingStrategy;

/// The largest number that is taken from outside. Products of three of them stay exact enough to be shown.
const MOST: i64 = 1_000_000_000;

/// A number from a file or the command line: not negative, not too large to be multiplied.
pub fn number(text: &str) -> Option<Decimal> {
    let number = Decimal::from_str_exact(text.trim()).ok()?;
    let range = Decimal::ZERO..=Decimal::from(MOST);
    range.contains(&number).then_some(number)
}

/// US dollars as they are shown: cents, rounded half up.
pub fn dollars(amount: Decimal) -> String {
    let rounded = amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
    format!("{rounded:.2}")
}

/// A quantity as it is shown: whole from ten on, below with as many digits as tell something.
pub fn quantity(amount: Decimal) -> String {
    let digits = match amount {
        large if large >= Decimal::TEN => 0,
        middle if middle >= Decimal::ONE => 2,
        _ => 4,
    };
    let rounded = amount.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero);
    rounded.normalize().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_neither_negative_nor_too_large_nor_anything_else() {
        assert_eq!(number(" 0.0000133334 "), Some(Decimal::new(133_334, 10)));
        assert_eq!(number("1000000000"), Some(Decimal::from(MOST)));
        for bad in ["-1", "1000000001", "1e3", "", "NaN", "0x1", "1,5"] {
            assert_eq!(number(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_shown_is_rounded_half_up() {
        for (amount, shown) in [
            (Decimal::new(125, 3), "0.13"),
            (Decimal::new(1249, 4), "0.12"),
            (Decimal::from(3), "3.00"),
        ] {
            assert_eq!(dollars(amount), shown);
        }
        for (amount, shown) in [
            (Decimal::new(6_570_004, 1), "657000"),
            (Decimal::new(105, 1), "11"),
            (Decimal::new(25, 2), "0.25"),
            (Decimal::new(37_666, 7), "0.0038"),
            (Decimal::new(63_162, 4), "6.32"),
            (Decimal::new(30, 1), "3"),
        ] {
            assert_eq!(quantity(amount), shown);
        }
    }
}
