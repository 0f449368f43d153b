//! Bills as rows of a table, with their totals.

use rust_decimal::Decimal;
use serde_json::Value;

use super::bill::Bill;
use super::bill::Line;
use super::measures::Login;
use super::measures::Measure;
use super::measures::Mode;
use super::money::dollars;
use super::money::quantity;
use super::price::Price;
use super::price::Prices;
use crate::cli::Output;

/// The columns of a bill.
pub const BILL: &[&str] = &["bill", "part", "what", "quantity", "usd"];
/// The columns of what a certificate needs.
pub const NEEDS: &[&str] = &["phase", "meter", "amount", "source"];
/// The columns of a price list.
pub const PRICES: &[&str] = &["name", "usd for one"];

/// All lines, each bill with its total.
pub fn bill(lines: &[Line], output: Output) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for bill in Bill::ALL {
        let of_bill: Vec<&Line> = lines.iter().filter(|line| line.bill == bill).collect();
        for line in &of_bill {
            let amounts = [quantity(line.quantity), dollars(line.dollars)];
            rows.push((bill, line.part.name(), line.what, amounts));
        }
        let total: Decimal = of_bill.iter().map(|line| line.dollars).sum();
        rows.push((bill, "total", "", [String::new(), dollars(total)]));
    }
    let widths = [0, 1].map(|column| widest(rows.iter().map(|(.., amounts)| &amounts[column])));
    let row = |(bill, part, what, [quantity, usd]): (Bill, &str, &str, [String; 2])| {
        let [quantity, usd] = match output {
            Output::Table => [
                format!("{quantity:>0$}", widths[0]),
                format!("{usd:>0$}", widths[1]),
            ],
            Output::Json | Output::Csv => [quantity, usd],
        };
        vec![
            bill.name().into(),
            part.into(),
            what.into(),
            quantity.into(),
            usd.into(),
        ]
    };
    rows.into_iter().map(row).collect()
}

fn widest<'a>(texts: impl Iterator<Item = &'a String>) -> usize {
    texts.map(String::len).max().unwrap_or_default()
}

/// What a certificate needs.
pub fn needs(measures: &[Measure], mode: Mode, login: Login) -> Vec<Vec<Value>> {
    let needed = measures
        .iter()
        .map(|measure| (measure, measure.amount(mode, login)));
    let needed = needed.filter(|(_, amount)| !amount.is_zero());
    let row = |(measure, amount): (&Measure, Decimal)| {
        vec![
            measure.phase.name().into(),
            measure.meter.name.into(),
            quantity(amount).into(),
            measure.source.clone().into(),
        ]
    };
    needed.map(row).collect()
}

/// A price list.
pub fn prices(prices: &Prices) -> Vec<Vec<Value>> {
    let row = |(price, name): (Price, &str)| {
        vec![name.into(), prices.of(price).normalize().to_string().into()]
    };
    Price::ALL.map(row).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::meter::Part;

    #[test]
    fn each_bill_ends_with_its_total_and_cents_are_added_before_they_are_rounded() {
        let line = |bill, mills| Line {
            bill,
            part: Part::Queue,
            what: "sends",
            quantity: Decimal::from(1_000_000),
            dollars: Decimal::new(mills, 3),
        };
        let lines = [
            line(Bill::Once, 1004),
            line(Bill::Once, 1004),
            line(Bill::Idle, 12_000),
        ];
        let rows = bill(&lines, Output::Json);
        let last: Vec<&str> = rows.iter().map(|row| row[4].as_str().unwrap()).collect();
        assert_eq!(last, ["1.00", "1.00", "2.01", "0.00", "12.00", "12.00"]);
        let shown = bill(&lines, Output::Table);
        assert_eq!(shown[0][4], " 1.00");
        assert_eq!(shown[2][3], "       ");
    }
}
