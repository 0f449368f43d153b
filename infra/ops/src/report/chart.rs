//! Charts as SVG inside the page: bars that scale with the window and take their colours from the page's style.

use maud::Markup;
use maud::html;

use crate::report::facts::Bar;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 220.0;
/// Room for the numbers on the left and the words below.
const LEFT: f64 = 56.0;
const BELOW: f64 = 34.0;
const ABOVE: f64 = 14.0;

/// A line across a chart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) value: u64,
    pub(super) name: &'static str,
}

/// How far above the highest bar a line may be. Beyond it, nothing could be seen of the bars.
const ABOVE_MOST: u64 = 4;

/// Upright bars; `line` is drawn across them, if there is one and it is not far above them.
pub(super) fn upright(name: &str, bars: &[Bar], line: Option<Line>) -> Markup {
    let highest = most(bars);
    let line = line.filter(|line| line.value <= highest.saturating_mul(ABOVE_MOST));
    let most = line.map_or(highest, |line| line.value.max(highest));
    let height = |count: u64| (HEIGHT - ABOVE - BELOW) * ratio(count, most);
    let width = (WIDTH - LEFT) / ratio_of(bars.len().max(1));
    let floor = HEIGHT - BELOW;
    html! {
        div.chart { svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(name) {
            @for part in parts(most) {
                @let y = floor - height(part);
                line.grid x1=(LEFT) x2=(WIDTH) y1=(px(y)) y2=(px(y)) {}
                text.number x=(LEFT - 6.0) y=(px(y + 4.0)) { (part) }
            }
            @for (place, (label, count)) in bars.iter().enumerate() {
                rect.bar x=(px(LEFT + width * ratio_of(place) + width * 0.1)) width=(px(width * 0.8))
                    y=(px(floor - height(*count))) height=(px(height(*count))) data-count=(count) {
                    title { (label) ": " (count) }
                }
            }
            @for (place, (label, _)) in bars.iter().enumerate() {
                @if has_word(place, bars.len()) {
                    text.word x=(px(LEFT + width * (ratio_of(place) + 0.5))) y=(px(floor + 18.0)) { (label) }
                }
            }
            @if let Some(line) = line {
                @let y = floor - height(line.value);
                line.quota x1=(LEFT) x2=(WIDTH) y1=(px(y)) y2=(px(y)) {}
                text.quota x=(WIDTH) y=(px(y - 4.0)) { (line.name) }
            }
        } }
    }
}

/// Bars one under another, with their words before them.
pub(super) fn lying(name: &str, bars: &[Bar]) -> Markup {
    let most = most(bars);
    html! {
        div.lying role="img" aria-label=(name) {
            @for (label, count) in bars {
                span { (label) }
                span.track {
                    span.bar style=(format!("width:{}%", px(100.0 * ratio(*count, most)))) data-count=(count) {}
                }
                span.number { (count) }
            }
        }
    }
}

/// The highest count; one, where all are none.
fn most(bars: &[Bar]) -> u64 {
    let counts = bars.iter().map(|(_, count)| *count);
    counts.max().unwrap_or(0).max(1)
}

/// Where lines are drawn: at the bottom, half-way if there is a whole number, at the top.
fn parts(most: u64) -> impl Iterator<Item = u64> {
    let half = (most > 1).then_some(most / 2);
    [0].into_iter().chain(half).chain([most])
}

/// Words stand below about eight of the bars, so that they do not run into each other.
fn has_word(place: usize, bars: usize) -> bool {
    let every = bars.div_ceil(8).max(1);
    bars <= 12 || place.is_multiple_of(every)
}

#[expect(clippy::cast_precision_loss, reason = "pixels")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

#[expect(clippy::cast_precision_loss, reason = "pixels")]
fn ratio_of(count: usize) -> f64 {
    count as f64
}

/// A tenth of a pixel is enough.
fn px(length: f64) -> f64 {
    (length * 10.0).round() / 10.0
}
