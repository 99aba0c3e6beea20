//! What a line's key is: `word:N`, `field:a.b` or `regex:RE`.

use regex_lite::Regex;
use serde_json::Value;

/// A way to a line's key.
pub(crate) enum KeyOf {
    /// The word at this place, from 1; words are apart by spaces and tabs.
    Word(usize),
    /// A field of a JSON object, by the names on the way to it. A text, number or truth value is a key.
    Field(Vec<String>),
    /// The first group of the first match, or the whole match if there is no group. Classes (`\w`) are ASCII.
    Regex(Regex),
}

impl KeyOf {
    /// # Errors
    /// Says what is allowed.
    pub(crate) fn parse(spec: &str) -> Result<Self, String> {
        let want = || format!("KEY={spec}: want word:N (from 1), field:a.b or regex:RE");
        let (kind, argument) =
            spec.split_once(':').filter(|(_, argument)| !argument.is_empty()).ok_or_else(want)?;
        match kind {
            "word" => {
                let number = argument.parse().ok().filter(|number| (1..1_000_000).contains(number));
                number
                    .filter(|_| argument.starts_with(|c: char| ('1'..='9').contains(&c)))
                    .map(Self::Word)
                    .ok_or_else(want)
            }
            "field" => Ok(Self::Field(argument.split('.').map(String::from).collect())),
            "regex" => Regex::new(argument)
                .map(Self::Regex)
                .map_err(|error| format!("KEY={spec}: {error}")),
            _ => Err(want()),
        }
    }

    /// The line's key, or `None` if it has none.
    pub(crate) fn key(&self, line: &str) -> Option<String> {
        match self {
            Self::Word(number) => {
                let words = line.split([' ', '\t']).filter(|word| !word.is_empty());
                words.skip(number - 1).map(String::from).next()
            }
            Self::Field(path) => field(line, path),
            Self::Regex(regex) => {
                let found = regex.captures(line)?;
                found.get(1.min(found.len() - 1)).map(|key| key.as_str().to_owned())
            }
        }
    }
}

fn field(line: &str, path: &[String]) -> Option<String> {
    let object: Value = serde_json::from_str(line).ok()?;
    let value = path.iter().try_fold(&object, |value, name| value.as_object()?.get(name))?;
    match value {
        Value::Bool(truth) => Some(format!("boolean:{truth}")),
        // 1 and 1.0 are one number, 0 and -0 too; "1" and 1 are two values.
        Value::Number(number) => number.as_f64().map(|number| format!("number:{}", number + 0.0)),
        Value::String(text) => Some(format!("string:{text}")),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
