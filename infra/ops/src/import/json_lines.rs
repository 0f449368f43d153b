//! A file of JSON objects, one a line: its lines are counted, and none may take it all.

use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read;

/// The longest line, in bytes: many times a row.
const LINE_MAX: u64 = 1 << 20;

/// The lines of a file that are not blank.
pub(crate) struct JsonLines<R> {
    file: BufReader<R>,
    line: u64,
    bytes: u64,
    is_over: bool,
}

impl<R: Read> JsonLines<R> {
    pub(crate) fn new(file: R) -> Self {
        Self {
            file: BufReader::new(file),
            line: 0,
            bytes: 0,
            is_over: false,
        }
    }

    /// How many bytes of the file are read.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next line with its number, blank or not; `None` at the end.
    fn read(&mut self) -> Result<Option<(u64, Vec<u8>)>, String> {
        let mut text = Vec::new();
        let read = (&mut self.file).take(LINE_MAX).read_until(b'\n', &mut text);
        self.line += 1;
        self.bytes += text.len() as u64;
        let refuse = |reason: &str| Err(format!("from line {} on: {reason}", self.line));
        match read {
            Ok(0) => Ok(None),
            Ok(_) if text.len() as u64 == LINE_MAX && !text.ends_with(b"\n") => {
                refuse("a line is too long")
            }
            Ok(_) => Ok(Some((self.line, unmarked(text, self.line)))),
            Err(error) => refuse(&error.to_string()),
        }
    }
}

/// Lines with their numbers; an error is the last and says why the rest of the file could not be read.
impl<R: Read> Iterator for JsonLines<R> {
    type Item = Result<(u64, Vec<u8>), String>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.is_over {
            match self.read() {
                Ok(Some((_, text))) if text.trim_ascii().is_empty() => {}
                Ok(Some(line)) => return Some(Ok(line)),
                Ok(None) => self.is_over = true,
                Err(broken) => {
                    self.is_over = true;
                    return Some(Err(broken));
                }
            }
        }
        None
    }
}

/// Some tools begin a file with a byte order mark.
fn unmarked(text: Vec<u8>, line: u64) -> Vec<u8> {
    match text.strip_prefix("\u{feff}".as_bytes()) {
        Some(rest) if line == 1 => rest.to_vec(),
        Some(_) | None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_blank_ones_too() {
        let text = "\u{feff}a\r\n\n  \nb";
        let mut lines = JsonLines::new(text.as_bytes());
        assert_eq!(lines.next(), Some(Ok((1, b"a\r\n".to_vec()))));
        assert_eq!(lines.next(), Some(Ok((4, b"b".to_vec()))));
        assert_eq!((lines.next(), lines.bytes()), (None, text.len() as u64));
    }

    #[test]
    fn a_line_without_end_is_not_read_into_memory() {
        let text = format!("a\n{}", "x".repeat(2 << 20));
        let lines: Vec<_> = JsonLines::new(text.as_bytes()).collect();
        let broken = "from line 2 on: a line is too long".to_owned();
        assert_eq!(lines, [Ok((1, b"a\n".to_vec())), Err(broken)]);
    }
}
