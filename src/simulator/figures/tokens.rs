//! The words of a query or of a condition.

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Number(f64),
    /// A duration, in seconds: `5m`.
    Duration(f64),
    Name(String),
    Text(String),
    Sign(&'static str),
}

const SIGNS: [&str; 28] = [
    "==", "!=", "<=", ">=", "=~", "!~", "&&", "||", "<", ">", "=", "!", "+", "-", "*", "/", "%",
    "(", ")", "[", "]", "{", "}", ",", "#", "?", ":", ".",
];

/// Splits a text, or says what it stumbled over.
pub(super) fn split(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let end_of =
            |belongs: fn(char) -> bool| rest.find(|letter| !belongs(letter)).unwrap_or(rest.len());
        let taken = if first.is_ascii_digit() {
            let end = end_of(|letter| letter.is_ascii_digit() || letter == '.');
            let number: f64 = rest[..end]
                .parse()
                .map_err(|_| format!("\"{}\" is no number", &rest[..end]))?;
            let unit = rest[end..].chars().next().filter(char::is_ascii_alphabetic);
            let factor = match unit {
                Some('s') => Some(1.0),
                Some('m') if rest[end..].starts_with("ms") => Some(0.001),
                Some('m') => Some(60.0),
                Some('h') => Some(3600.0),
                Some('d') => Some(86_400.0),
                _ => None,
            };
            if let Some(factor) = factor {
                tokens.push(Token::Duration(number * factor));
                end + if rest[end..].starts_with("ms") { 2 } else { 1 }
            } else {
                tokens.push(Token::Number(number));
                end
            }
        } else if first.is_alphabetic() || first == '_' {
            let end = end_of(|letter| letter.is_alphanumeric() || letter == '_');
            tokens.push(Token::Name(rest[..end].to_owned()));
            end
        } else if first == '"' || first == '\'' {
            let end = rest[1..]
                .find(first)
                .ok_or_else(|| format!("a text is not closed: {rest}"))?;
            tokens.push(Token::Text(rest[1..=end].to_owned()));
            end + 2
        } else {
            let sign = SIGNS
                .into_iter()
                .find(|sign| rest.starts_with(sign))
                .ok_or_else(|| format!("unexpected \"{first}\""))?;
            tokens.push(Token::Sign(sign));
            sign.len()
        };
        rest = rest[taken..].trim_start();
    }
    Ok(tokens)
}

/// A place in a list of tokens.
pub(super) struct Reader {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

/// How many brackets and signs before values an expression may have.
const DEEPEST: usize = 64;

impl Reader {
    pub fn new(text: &str) -> Result<Self, String> {
        Ok(Self {
            tokens: split(text)?,
            at: 0,
            depth: 0,
        })
    }

    pub fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    pub fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    /// Takes a sign, if it comes next.
    pub fn take(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Sign(next)) if *next == sign);
        self.at += usize::from(found);
        found
    }

    /// Takes a word, if it comes next.
    pub fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Name(next)) if next == word);
        self.at += usize::from(found);
        found
    }

    pub fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.take(sign) {
            Ok(())
        } else {
            Err(format!("\"{sign}\" expected, found {}", self.described()))
        }
    }

    pub fn described(&self) -> String {
        match self.peek() {
            None => "the end".to_owned(),
            Some(Token::Number(number) | Token::Duration(number)) => number.to_string(),
            Some(Token::Name(name) | Token::Text(name)) => format!("\"{name}\""),
            Some(Token::Sign(sign)) => format!("\"{sign}\""),
        }
    }

    pub fn ended(&self) -> Result<(), String> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(format!("unexpected {}", self.described())),
        }
    }

    pub fn place(&self) -> usize {
        self.at
    }

    pub fn go(&mut self, place: usize) {
        self.at = place;
    }

    /// Counts a bracket or a sign before a value: a text with too many of them is refused, not recursed into.
    pub fn deeper(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("nested too deeply".to_owned());
        }
        Ok(())
    }
}
