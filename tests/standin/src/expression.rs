//! DynamoDB's condition and update expressions: a recursive-descent parser for the part in use.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::Value;

use crate::tokens::Token;
use crate::tokens::invalid;
use crate::tokens::tokens;
use crate::wire::Refusal;

/// A name or a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    Column(String),
    Value(Value),
}

/// How two operands are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Compare(Operand, Relation, Operand),
    Exists(String),
    /// The column's text begins with this one.
    Begins(String, Value),
}

/// What a column is set to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Term {
    Plain(Operand),
    /// `if_not_exists(column, operand)`.
    Default(String, Operand),
    /// `a + b`, or `a - b` with -1.
    Sum(Operand, i8, Operand),
}

/// An update.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Update {
    pub(crate) set: Vec<(String, Term)>,
    pub(crate) remove: Vec<String>,
}

/// The names and values that a call's expressions refer to. Each must be used, as at DynamoDB.
#[derive(Debug)]
pub(crate) struct Bindings<'a> {
    names: &'a Value,
    values: &'a Value,
    used: RefCell<BTreeSet<String>>,
}

impl<'a> Bindings<'a> {
    /// Those of this call.
    pub(crate) fn of(call: &'a Value) -> Self {
        Self {
            names: &call["ExpressionAttributeNames"],
            values: &call["ExpressionAttributeValues"],
            used: RefCell::default(),
        }
    }

    fn look_up(&self, among: &'a Value, name: &str) -> Result<&'a Value, Refusal> {
        self.used.borrow_mut().insert(name.to_owned());
        let found = among.get(name);
        found.ok_or_else(|| invalid(&format!("{name} is not defined")))
    }

    fn column(&self, alias: &str) -> Result<String, Refusal> {
        let name = self.look_up(self.names, alias)?.as_str();
        let name = name.ok_or_else(|| invalid(&format!("{alias} is not a name")))?;
        Ok(name.to_owned())
    }

    /// Refuses names and values that no expression has used.
    pub(crate) fn finish(&self) -> Result<(), Refusal> {
        let given = [self.names, self.values].map(|given| given.as_object().into_iter().flatten());
        let used = self.used.borrow();
        let mut unused = given
            .into_iter()
            .flatten()
            .filter(|(name, _)| !used.contains(*name));
        match unused.next() {
            Some((name, _)) => Err(invalid(&format!("{name} is unused"))),
            None => Ok(()),
        }
    }
}

/// Reads a condition.
pub(crate) fn condition(text: &str, bindings: &Bindings<'_>) -> Result<Condition, Refusal> {
    let mut parser = Parser::new(text, bindings)?;
    let condition = parser.any()?;
    parser.end()?;
    Ok(condition)
}

/// Reads an update.
pub(crate) fn update(text: &str, bindings: &Bindings<'_>) -> Result<Update, Refusal> {
    let mut parser = Parser::new(text, bindings)?;
    let mut update = Update::default();
    while parser.peek().is_some() {
        if parser.keyword("SET") {
            update.set.extend(parser.list(Parser::assignment)?);
        } else if parser.keyword("REMOVE") {
            update.remove.extend(parser.list(Parser::column)?);
        } else {
            return Err(invalid("only SET and REMOVE are known here"));
        }
    }
    Ok(update)
}

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    bindings: &'a Bindings<'a>,
}

impl<'a> Parser<'a> {
    fn new(text: &str, bindings: &'a Bindings<'a>) -> Result<Self, Refusal> {
        Ok(Self {
            tokens: tokens(text)?,
            at: 0,
            bindings,
        })
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Result<Token, Refusal> {
        let token = self.peek().cloned();
        self.at += 1;
        token.ok_or_else(|| invalid("unexpected end"))
    }

    fn end(&self) -> Result<(), Refusal> {
        match self.peek() {
            Some(token) => Err(invalid(&format!("unexpected {token:?}"))),
            None => Ok(()),
        }
    }

    /// Takes a keyword or function name, in any case of letters.
    fn keyword(&mut self, word: &str) -> bool {
        let found =
            matches!(self.peek(), Some(Token::Word(found)) if found.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }

    fn sign(&mut self, sign: &'static str) -> bool {
        let found = self.peek() == Some(&Token::Sign(sign));
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &'static str) -> Result<(), Refusal> {
        if self.sign(sign) {
            Ok(())
        } else {
            Err(invalid(&format!("\"{sign}\" is missing")))
        }
    }

    fn list<T>(&mut self, item: fn(&mut Self) -> Result<T, Refusal>) -> Result<Vec<T>, Refusal> {
        let mut items = vec![item(self)?];
        while self.sign(",") {
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn any(&mut self) -> Result<Condition, Refusal> {
        let mut parts = vec![self.all()?];
        while self.keyword("OR") {
            parts.push(self.all()?);
        }
        Ok(sole(parts).unwrap_or_else(Condition::Any))
    }

    fn all(&mut self) -> Result<Condition, Refusal> {
        let mut parts = vec![self.simple()?];
        while self.keyword("AND") {
            parts.push(self.simple()?);
        }
        Ok(sole(parts).unwrap_or_else(Condition::All))
    }

    fn simple(&mut self) -> Result<Condition, Refusal> {
        if self.keyword("NOT") {
            return Ok(Condition::Not(Box::new(self.simple()?)));
        }
        if self.sign("(") {
            let inner = self.any()?;
            self.expect(")")?;
            return Ok(inner);
        }
        if self.keyword("attribute_exists") {
            return Ok(Condition::Exists(self.argument()?));
        }
        if self.keyword("attribute_not_exists") {
            let exists = Condition::Exists(self.argument()?);
            return Ok(Condition::Not(Box::new(exists)));
        }
        if self.keyword("begins_with") {
            return self.beginning();
        }
        let left = self.operand()?;
        if self.keyword("IN") {
            return self.one_of(&left);
        }
        let relation = self.relation()?;
        Ok(Condition::Compare(left, relation, self.operand()?))
    }

    fn beginning(&mut self) -> Result<Condition, Refusal> {
        self.expect("(")?;
        let column = self.column()?;
        self.expect(",")?;
        let Operand::Value(text) = self.operand()? else {
            return Err(invalid("begins_with a column is not known here"));
        };
        self.expect(")")?;
        Ok(Condition::Begins(column, text))
    }

    fn one_of(&mut self, left: &Operand) -> Result<Condition, Refusal> {
        self.expect("(")?;
        let values = self.list(Self::operand)?;
        self.expect(")")?;
        let same = |value| Condition::Compare(left.clone(), Relation::Equal, value);
        Ok(Condition::Any(values.into_iter().map(same).collect()))
    }

    fn argument(&mut self) -> Result<String, Refusal> {
        self.expect("(")?;
        let column = self.column()?;
        self.expect(")")?;
        Ok(column)
    }

    fn relation(&mut self) -> Result<Relation, Refusal> {
        let known = [
            ("=", Relation::Equal),
            ("<>", Relation::Unequal),
            ("<", Relation::Less),
            ("<=", Relation::LessOrEqual),
            (">", Relation::Greater),
            (">=", Relation::GreaterOrEqual),
        ];
        let found = known.into_iter().find(|(sign, _)| self.sign(sign));
        let (_, relation) = found.ok_or_else(|| invalid("a comparison is missing"))?;
        Ok(relation)
    }

    fn operand(&mut self) -> Result<Operand, Refusal> {
        if let Some(Token::Placeholder(name)) = self.peek().cloned() {
            self.at += 1;
            let value = self.bindings.look_up(self.bindings.values, &name)?;
            return Ok(Operand::Value(value.clone()));
        }
        self.column().map(Operand::Column)
    }

    fn column(&mut self) -> Result<String, Refusal> {
        match self.next()? {
            Token::Word(name) if is_reserved(&name) => {
                Err(invalid(&format!("{name} is a reserved word")))
            }
            Token::Word(name) => Ok(name),
            Token::Alias(alias) => self.bindings.column(&alias),
            token @ (Token::Placeholder(_) | Token::Sign(_)) => {
                Err(invalid(&format!("{token:?} is not a name")))
            }
        }
    }

    fn assignment(&mut self) -> Result<(String, Term), Refusal> {
        let column = self.column()?;
        self.expect("=")?;
        if self.keyword("if_not_exists") {
            self.expect("(")?;
            let beside = self.column()?;
            self.expect(",")?;
            let term = Term::Default(beside, self.operand()?);
            self.expect(")")?;
            return Ok((column, term));
        }
        let first = self.operand()?;
        let term = if self.sign("+") {
            Term::Sum(first, 1, self.operand()?)
        } else if self.sign("-") {
            Term::Sum(first, -1, self.operand()?)
        } else {
            Term::Plain(first)
        };
        Ok((column, term))
    }
}

/// The only one, or all of them back.
fn sole(mut parts: Vec<Condition>) -> Result<Condition, Vec<Condition>> {
    match parts.pop() {
        Some(part) if parts.is_empty() => Ok(part),
        Some(part) => {
            parts.push(part);
            Err(parts)
        }
        None => Err(parts),
    }
}

/// Some of DynamoDB's 573 reserved words: those that a column of ours might be called.
fn is_reserved(name: &str) -> bool {
    const WORDS: [&str; 12] = [
        "ATTRIBUTE",
        "ATTRIBUTES",
        "KEY",
        "NAME",
        "OWNER",
        "STATE",
        "STATUS",
        "TIME",
        "TIMESTAMP",
        "TTL",
        "VALUE",
        "VALUES",
    ];
    WORDS.iter().any(|word| word.eq_ignore_ascii_case(name))
}
