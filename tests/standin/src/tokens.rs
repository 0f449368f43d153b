//! DynamoDB's expressions cut into words and signs.

use crate::wire::Refusal;

/// A piece of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A plain name or a keyword, as spelt.
    Word(String),
    /// `#name`.
    Alias(String),
    /// `:value`.
    Placeholder(String),
    /// One of `= <> < <= > >= ( ) , + -`.
    Sign(&'static str),
}

/// Longest first, so that `<=` is not read as `<`.
const SIGNS: [&str; 11] = ["<>", "<=", ">=", "=", "<", ">", "(", ")", ",", "+", "-"];

/// Cuts an expression.
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, Refusal> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            Some(sign) => (Token::Sign(sign), &rest[sign.len()..]),
            None => word(first, rest)?,
        };
        found.push(token);
        rest = after.trim_start();
    }
    Ok(found)
}

fn word(first: char, rest: &str) -> Result<(Token, &str), Refusal> {
    let begin = usize::from(first == '#' || first == ':');
    let of_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let length = rest[begin..].find(|c| !of_word(c));
    let end = length.map_or(rest.len(), |length| begin + length);
    if end == begin {
        return Err(invalid(&format!("unexpected \"{first}\"")));
    }
    let (text, after) = rest.split_at(end);
    let token = match first {
        '#' => Token::Alias(text.to_owned()),
        ':' => Token::Placeholder(text.to_owned()),
        _ => Token::Word(text.to_owned()),
    };
    Ok((token, after))
}

/// An expression that DynamoDB refuses, or that the stand-in does not know.
pub(crate) fn invalid(detail: &str) -> Refusal {
    let message = format!("Invalid expression: {detail}");
    Refusal::new(400, "ValidationException", message)
}
