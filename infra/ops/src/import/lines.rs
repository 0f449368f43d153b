//! A file on its way into the CSV reader: its lines are counted, and no row may take it all.
//!
//! The CSV reader's own count is off by one after a CRLF and wherever lines are blank, and a message
//! with a wrong line sends the operator to the wrong device.

use std::collections::VecDeque;
use std::io;
use std::io::Read;

/// The longest row, in bytes: beyond it a quote was left open, and the rest of the file would be
/// read into memory as one field.
const ROW_MAX: u64 = 1 << 20;

/// The file. Both bounds are only as exact as the CSV reader's buffer is long, which is enough.
pub(crate) struct Lines<R> {
    file: R,
    /// How many bytes the row in hand may still take.
    left: u64,
    offset: u64,
    line: u64,
    before: u8,
    /// Where the lines that are not blank begin, as far as they have not been asked for.
    starts: VecDeque<Start>,
}

struct Start {
    offset: u64,
    line: u64,
}

impl<R> Lines<R> {
    pub(crate) fn new(file: R) -> Self {
        Self {
            file,
            left: ROW_MAX,
            offset: 0,
            line: 1,
            before: b'\n',
            starts: VecDeque::new(),
        }
    }

    /// Allows for one more row.
    pub(crate) fn start_row(&mut self) {
        self.left = ROW_MAX;
    }

    /// The line of the first row at or after this byte. The bytes asked for only grow.
    pub(crate) fn line_from(&mut self, offset: u64) -> u64 {
        while self.starts.front().is_some_and(|s| s.offset < offset) {
            self.starts.pop_front();
        }
        self.starts.front().map_or(self.line, |start| start.line)
    }

    fn pass(&mut self, byte: u8) {
        match (self.before, byte) {
            (b'\r', b'\n') => {}
            (_, b'\r' | b'\n') => self.line += 1,
            (b'\r' | b'\n', _) => self.starts.push_back(Start {
                offset: self.offset,
                line: self.line,
            }),
            _ => {}
        }
        self.offset += 1;
        self.before = byte;
    }
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::other("a row is too long; is a quote left open?"));
        }
        let count = self.file.read(buffer)?;
        self.left = self.left.saturating_sub(count as u64);
        for byte in buffer.iter().take(count) {
            self.pass(*byte);
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_whatever_ends_them() {
        let text = "a\nb\r\nc\rd\n\n\r\ne";
        let mut lines = Lines::new(text.as_bytes());
        io::copy(&mut lines, &mut io::sink()).unwrap();
        for (offset, line) in [
            (0, 1),
            (1, 2),
            (2, 2),
            (3, 3),
            (4, 3),
            (6, 4),
            (8, 7),
            (12, 7),
        ] {
            assert_eq!(lines.line_from(offset), line, "{offset}");
        }
    }
}
