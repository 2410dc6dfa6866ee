//! Conditions on the result of a measurement, in as much of the language of `expr-lang/expr` as analyses use:
//! `result[0] < 0.01 && len(result) > 0`.

use super::tokens::{Reader, Token};

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Number(f64),
    Truth(bool),
    List(Vec<f64>),
    /// What could not be told, and why: it counts only where it decides.
    Broken(String),
}

/// The value, or why there is none.
fn settled(value: Result<Value, String>) -> Value {
    value.unwrap_or_else(Value::Broken)
}

/// What a condition is about: one number, or several.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::simulator) enum Subject {
    One(f64),
    Many(Vec<f64>),
}

/// Whether a condition holds; Err says why that cannot be told.
pub(in crate::simulator) fn holds(condition: &str, subject: &Subject) -> Result<bool, String> {
    let result = match subject {
        Subject::One(number) => Value::Number(*number),
        Subject::Many(numbers) => Value::List(numbers.clone()),
    };
    let mut judge = Judge {
        tokens: Reader::new(condition)?,
        result,
        item: None,
    };
    let value = judge.either()?;
    judge.tokens.ended()?;
    truth(&value)
}

struct Judge {
    tokens: Reader,
    result: Value,
    /// What `#` stands for within `all` and `any`.
    item: Option<f64>,
}

fn truth(value: &Value) -> Result<bool, String> {
    match value {
        Value::Truth(truth) => Ok(*truth),
        Value::Broken(why) => Err(why.clone()),
        other => Err(format!("expected bool, but got {}", described(other))),
    }
}

fn number(value: &Value) -> Result<f64, String> {
    match value {
        Value::Number(number) => Ok(*number),
        Value::Broken(why) => Err(why.clone()),
        other => Err(format!("expected a number, but got {}", described(other))),
    }
}

fn described(value: &Value) -> &'static str {
    match value {
        Value::Number(_) => "float64",
        Value::Truth(_) => "bool",
        Value::List(_) => "[]float64",
        Value::Broken(_) => "nothing",
    }
}

impl Judge {
    fn either(&mut self) -> Result<Value, String> {
        let mut left = self.both()?;
        while self.tokens.take("||") || self.tokens.take_word("or") {
            let right = self.both()?;
            left = settled(truth(&left).and_then(|left| Ok(Value::Truth(left || truth(&right)?))));
        }
        Ok(left)
    }

    fn both(&mut self) -> Result<Value, String> {
        let mut left = self.negation()?;
        while self.tokens.take("&&") || self.tokens.take_word("and") {
            let right = self.negation()?;
            left = settled(truth(&left).and_then(|left| Ok(Value::Truth(left && truth(&right)?))));
        }
        Ok(left)
    }

    fn negation(&mut self) -> Result<Value, String> {
        if self.tokens.take("!") || self.tokens.take_word("not") {
            self.tokens.deeper()?;
            let value = self.negation()?;
            return Ok(settled(truth(&value).map(|truth| Value::Truth(!truth))));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Value, String> {
        let left = self.sum()?;
        for sign in ["==", "!=", "<=", ">=", "<", ">"] {
            if self.tokens.take(sign) {
                let right = self.sum()?;
                return Ok(settled(compare(&left, sign, &right).map(Value::Truth)));
            }
        }
        Ok(left)
    }

    fn sum(&mut self) -> Result<Value, String> {
        let mut left = self.product()?;
        loop {
            let plus = self.tokens.take("+");
            if !plus && !self.tokens.take("-") {
                return Ok(left);
            }
            let right = self.product()?;
            left = calculate(&left, &right, |a, b| if plus { a + b } else { a - b });
        }
    }

    fn product(&mut self) -> Result<Value, String> {
        let mut left = self.indexed()?;
        loop {
            let times = self.tokens.take("*");
            if !times && !self.tokens.take("/") {
                return Ok(left);
            }
            let right = self.indexed()?;
            left = calculate(&left, &right, |a, b| if times { a * b } else { a / b });
        }
    }

    /// `result[0]`.
    fn indexed(&mut self) -> Result<Value, String> {
        let mut value = self.term()?;
        while self.tokens.take("[") {
            let at = self.sum()?;
            self.tokens.expect("]")?;
            value = settled(item(&value, &at));
        }
        Ok(value)
    }

    fn term(&mut self) -> Result<Value, String> {
        match self.tokens.next() {
            Some(Token::Number(number)) => Ok(Value::Number(number)),
            Some(Token::Sign("-")) => {
                self.tokens.deeper()?;
                let value = self.indexed()?;
                Ok(settled(number(&value).map(|number| Value::Number(-number))))
            }
            Some(Token::Sign("#")) => self
                .item
                .map(Value::Number)
                .ok_or_else(|| "# stands only within all() and any()".to_owned()),
            Some(Token::Sign("(")) => {
                self.tokens.deeper()?;
                let value = self.either()?;
                self.tokens.expect(")")?;
                Ok(value)
            }
            Some(Token::Name(name)) => match name.as_str() {
                "true" => Ok(Value::Truth(true)),
                "false" => Ok(Value::Truth(false)),
                "result" => Ok(self.result.clone()),
                name => {
                    if self.tokens.take("(") {
                        self.call(name)
                    } else {
                        Err(format!("unknown name {name}"))
                    }
                }
            },
            _ => Err("a value expected".to_owned()),
        }
    }

    fn call(&mut self, name: &str) -> Result<Value, String> {
        let first = self.either()?;
        let of_number = |how: fn(f64) -> Value| settled(number(&first).map(how));
        let value = match name {
            "len" => match &first {
                Value::List(items) => Value::Number(items.len() as f64),
                other => Value::Broken(format!(
                    "invalid argument for len (type {})",
                    described(other)
                )),
            },
            "isNaN" => of_number(|number| Value::Truth(number.is_nan())),
            "isInf" => of_number(|number| Value::Truth(number.is_infinite())),
            "asFloat" | "float" => of_number(Value::Number),
            "asInt" | "int" => of_number(|number| Value::Number(number.trunc())),
            "all" | "any" => {
                let Value::List(items) = first else {
                    return Err(format!("{name}() wants a list"));
                };
                self.tokens.expect(",")?;
                let braces = self.tokens.take("{");
                let start = self.tokens.place();
                let mut verdicts = Vec::new();
                // Read once even for no item, so that the rest of the condition is found.
                for item in items.iter().copied().map(Some).chain([None]) {
                    self.tokens.go(start);
                    let before = self.item.replace(item.unwrap_or(0.0));
                    let verdict = self.either();
                    self.item = before;
                    if item.is_some() {
                        verdicts.push(truth(&verdict?)?);
                    }
                }
                if braces {
                    self.tokens.expect("}")?;
                }
                Value::Truth(if name == "all" {
                    verdicts.iter().all(|verdict| *verdict)
                } else {
                    verdicts.contains(&true)
                })
            }
            other => return Err(format!("unknown function {other}")),
        };
        self.tokens.expect(")")?;
        Ok(value)
    }
}

fn compare(left: &Value, sign: &str, right: &Value) -> Result<bool, String> {
    for side in [left, right] {
        if let Value::Broken(why) = side {
            return Err(why.clone());
        }
    }
    Ok(match sign {
        "==" => left == right,
        "!=" => left != right,
        "<=" => number(left)? <= number(right)?,
        ">=" => number(left)? >= number(right)?,
        "<" => number(left)? < number(right)?,
        _ => number(left)? > number(right)?,
    })
}

fn calculate(left: &Value, right: &Value, how: impl Fn(f64, f64) -> f64) -> Value {
    settled(number(left).and_then(|left| Ok(Value::Number(how(left, number(right)?)))))
}

/// `list[at]`.
fn item(list: &Value, at: &Value) -> Result<Value, String> {
    let at = number(at)?;
    let Value::List(items) = list else {
        return Err(format!("{} cannot be indexed", described(list)));
    };
    let found = items
        .iter()
        .enumerate()
        .find(|(nth, _)| (*nth as f64 - at).abs() < 0.5);
    found
        .map(|(_, found)| Value::Number(*found))
        .ok_or_else(|| format!("index out of range: {at} (array length is {})", items.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions() {
        let many = Subject::Many(vec![0.97, 0.95]);
        for (condition, expect) in [
            ("result[0] >= 0.95", Ok(true)),
            ("result[1] > 0.96 || result[0] > 0.96", Ok(true)),
            ("len(result) == 2 && !(result[0] < 0.5)", Ok(true)),
            (
                "all(result, {# > 0.9}) and not any(result, # > 1)",
                Ok(true),
            ),
            ("isNaN(result[0])", Ok(false)),
            ("result[0] * 100 - 90 < 5", Ok(false)),
            (
                "result[2] > 0",
                Err("index out of range: 2 (array length is 2)"),
            ),
            ("len(result) > 2 && result[2] > 0", Ok(false)),
            ("len(result) == 2 || result[2] > 0", Ok(true)),
            ("result > 1", Err("expected a number, but got []float64")),
            ("result[0]", Err("expected bool, but got float64")),
            ("nothing", Err("unknown name nothing")),
        ] {
            assert_eq!(
                holds(condition, &many),
                expect.map_err(str::to_owned),
                "{condition}"
            );
        }
        assert_eq!(holds("result < 1", &Subject::One(0.5)), Ok(true));
        assert_eq!(holds("isNaN(result)", &Subject::One(f64::NAN)), Ok(true));
        let deep = format!("{}true", "!".repeat(10_000));
        assert!(holds(&deep, &many).is_err());
    }
}
