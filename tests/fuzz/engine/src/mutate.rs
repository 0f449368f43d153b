//! New inputs made of known ones: bytes, lines, numbers and words are changed, repeated and left out.

use crate::dice::Dice;

/// What mutations take from outside the input at hand.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// Another input.
    pub other: &'a [u8],
    /// Words that mean something to the target.
    pub words: &'a [&'a str],
    /// The longest input.
    pub longest: usize,
}

type Mutation = fn(&mut Vec<u8>, &mut Dice, Sources<'_>);

/// The kinds of change; what helps most stands there more than once.
const MUTATIONS: [Mutation; 18] = [
    |input, dice, _| flip_bit(input, dice),
    |input, dice, _| set_byte(input, dice),
    |input, dice, _| odd_byte(input, dice),
    |input, dice, _| add_to_byte(input, dice),
    cut,
    cut,
    repeat,
    move_stretch,
    insert_bytes,
    insert_word,
    insert_word,
    insert_word,
    overwrite_word,
    change_number,
    cut_line,
    repeat_line,
    take_lines,
    take_stretch,
];

/// Changes the input in a few ways at once.
pub fn mutate(input: &mut Vec<u8>, dice: &mut Dice, sources: Sources<'_>) {
    // One change mostly: what is strict refuses an input that is broken in several places for one of them.
    let rounds = [1, 1, 1, 1, 2, 2, 4, 8][dice.below(8)];
    for _ in 0..rounds {
        if let Some(change) = dice.pick(&MUTATIONS) {
            change(input, dice, sources);
        }
        input.truncate(sources.longest);
    }
}

fn place(input: &[u8], dice: &mut Dice) -> usize {
    dice.below(input.len() + 1)
}

fn byte_of<'a>(input: &'a mut [u8], dice: &mut Dice) -> Option<&'a mut u8> {
    let place = dice.below(input.len());
    input.get_mut(place)
}

fn flip_bit(input: &mut [u8], dice: &mut Dice) {
    if let Some(byte) = byte_of(input, dice) {
        *byte ^= 1 << dice.below(8);
    }
}

fn set_byte(input: &mut [u8], dice: &mut Dice) {
    if let Some(byte) = byte_of(input, dice) {
        *byte = dice.byte();
    }
}

/// Bytes that mean something in DER, in base64, in texts or at a bound.
fn odd_byte(input: &mut [u8], dice: &mut Dice) {
    const ODD: &[u8] = b"\x00\x01\x02\x03\x04\x05\x06\x0c\x13\x30\x31\x7f\x80\x81\x82\x84\xa0\xfe\xff\r\n\t \"',:;=-{}[]";
    if let Some(byte) = byte_of(input, dice) {
        *byte = dice.pick(ODD).copied().unwrap_or_default();
    }
}

fn add_to_byte(input: &mut [u8], dice: &mut Dice) {
    if let Some(byte) = byte_of(input, dice) {
        let step = u8::try_from(1 + dice.below(16)).unwrap_or(1);
        *byte = if dice.one_in(2) {
            byte.wrapping_add(step)
        } else {
            byte.wrapping_sub(step)
        };
    }
}

fn cut(input: &mut Vec<u8>, dice: &mut Dice, _: Sources<'_>) {
    let stretch = dice.stretch(input.len());
    input.drain(stretch);
}

fn repeat(input: &mut Vec<u8>, dice: &mut Dice, sources: Sources<'_>) {
    let copy = input[dice.stretch(input.len())].to_vec();
    let most = sources.longest.saturating_sub(input.len()) / copy.len().max(1);
    let times = if dice.one_in(8) {
        dice.below(most + 1)
    } else {
        1
    };
    insert(input, dice, &copy.repeat(times));
}

fn move_stretch(input: &mut Vec<u8>, dice: &mut Dice, _: Sources<'_>) {
    let moved: Vec<u8> = input.drain(dice.stretch(input.len())).collect();
    insert(input, dice, &moved);
}

fn insert_bytes(input: &mut Vec<u8>, dice: &mut Dice, _: Sources<'_>) {
    let bytes: Vec<u8> = (0..=dice.below(8)).map(|_| dice.byte()).collect();
    insert(input, dice, &bytes);
}

fn insert_word(input: &mut Vec<u8>, dice: &mut Dice, sources: Sources<'_>) {
    let word = dice.pick(sources.words).copied().unwrap_or_default();
    insert(input, dice, word.as_bytes());
}

fn overwrite_word(input: &mut Vec<u8>, dice: &mut Dice, sources: Sources<'_>) {
    let word = dice.pick(sources.words).copied().unwrap_or_default();
    let stretch = dice.stretch(input.len());
    input.splice(stretch, word.bytes());
}

/// Another number in place of one that is written in digits.
fn change_number(input: &mut Vec<u8>, dice: &mut Dice, _: Sources<'_>) {
    let from = place(input, dice);
    let Some(start) = (from..input.len()).find(|at| input[*at].is_ascii_digit()) else {
        return;
    };
    let digits = input[start..].iter().take_while(|b| b.is_ascii_digit());
    let end = start + digits.count();
    let number = match dice.below(6) {
        0 => 0,
        1 => u64::from(u32::MAX),
        2 => u64::MAX,
        3 => 1 << dice.below(64),
        _ => dice.number() >> dice.below(64),
    };
    input.splice(start..end, number.to_string().bytes());
}

fn cut_line(input: &mut Vec<u8>, dice: &mut Dice, _: Sources<'_>) {
    let line = line(input, dice);
    input.drain(line);
}

fn repeat_line(input: &mut Vec<u8>, dice: &mut Dice, _: Sources<'_>) {
    let copy = input[line(input, dice)].to_vec();
    let to = line(input, dice).start;
    input.splice(to..to, copy);
}

/// Some lines of another input, between two lines.
fn take_lines(input: &mut Vec<u8>, dice: &mut Dice, sources: Sources<'_>) {
    let first = line(sources.other, dice).start;
    let lines = sources.other[first..].split_inclusive(|byte| *byte == b'\n');
    let most = dice.below(8) + 1;
    let taken: Vec<u8> = lines.take(most).flatten().copied().collect();
    let to = line(input, dice).start;
    input.splice(to..to, taken);
}

fn take_stretch(input: &mut Vec<u8>, dice: &mut Dice, sources: Sources<'_>) {
    let taken = sources.other[dice.stretch(sources.other.len())].to_vec();
    let stretch = dice.stretch(input.len());
    input.splice(stretch, taken);
}

fn insert(input: &mut Vec<u8>, dice: &mut Dice, bytes: &[u8]) {
    let at = place(input, dice);
    input.splice(at..at, bytes.iter().copied());
}

/// A whole line, with what ends it.
fn line(input: &[u8], dice: &mut Dice) -> std::ops::Range<usize> {
    let at = place(input, dice);
    let before = input[..at].iter().rposition(|byte| *byte == b'\n');
    let after = input[at..].iter().position(|byte| *byte == b'\n');
    before.map_or(0, |end| end + 1)..after.map_or(input.len(), |end| at + end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_input_breaks_a_mutation_and_none_grows_too_long() {
        let mut dice = Dice::new(7);
        for text in ["", "x", "\n", "a\nb 12\n\nc", &"long 1\n".repeat(50)] {
            for _ in 0..2000 {
                let mut input = text.as_bytes().to_vec();
                let sources = Sources {
                    other: b"first\nsecond\n",
                    words: &["word"],
                    longest: 400,
                };
                mutate(&mut input, &mut dice, sources);
                assert!(input.len() <= 400);
            }
        }
    }
}
