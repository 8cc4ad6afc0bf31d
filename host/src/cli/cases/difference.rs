//! Expected and actual, side by side.

use serde_json::Value;

/// A place in an answer that is not as expected.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Such as `refuse.status`.
    pub(crate) place: String,
    pub(crate) expected: String,
    pub(crate) actual: String,
}

/// What of `actual` is not as `expected` says. Fields that it does not mention may be anything; lists are whole.
pub(super) fn compare(expected: &Value, actual: &Value) -> Vec<Difference> {
    let mut differences = Vec::new();
    walk("expect", expected, actual, &mut differences);
    differences
}

fn walk(place: &str, expected: &Value, actual: &Value, differences: &mut Vec<Difference>) {
    match (expected, actual) {
        (Value::Object(fields), Value::Object(found))
            if fields.keys().all(|name| found.contains_key(name)) =>
        {
            for (name, field) in fields.iter().filter(|(_, field)| !field.is_null()) {
                walk(&format!("{place}.{name}"), field, &found[name], differences);
            }
        }
        (Value::Array(items), Value::Array(found)) if items.len() == found.len() => {
            for (index, (item, found)) in items.iter().zip(found).enumerate() {
                walk(&format!("{place}[{index}]"), item, found, differences);
            }
        }
        _ if expected == actual => {}
        _ => differences.push(Difference {
            place: place.to_owned(),
            expected: shown(expected),
            actual: shown(actual),
        }),
    }
}

/// A text as it is, everything else as JSON without what is left open.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => said(other).to_string(),
    }
}

fn said(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let said_fields = fields.iter().filter(|(_, field)| !field.is_null());
            Value::Object(said_fields.map(|(name, field)| (name.clone(), said(field))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(said).collect()),
        other => other.clone(),
    }
}

impl Difference {
    /// Lines to print: what was expected behind `-`, what came behind `+`, and what both begin and end with between.
    pub(crate) fn lines(&self) -> Vec<String> {
        let (expected, actual): (Vec<_>, Vec<_>) =
            (self.expected.lines().collect(), self.actual.lines().collect());
        let pairs = || expected.iter().zip(&actual);
        let head = pairs().take_while(|(left, right)| left == right).count();
        let shorter = expected.len().min(actual.len());
        let tail = expected.iter().rev().zip(actual.iter().rev()).take_while(|(left, right)| left == right);
        let tail = tail.count().min(shorter - head);
        let part = |sign: char, lines: &[&str]| -> Vec<String> {
            lines.iter().map(|line| format!("{sign} {line}")).collect()
        };
        let mut lines = vec![self.place.clone()];
        lines.extend(part(' ', &expected[..head]));
        lines.extend(part('-', &expected[head..expected.len() - tail]));
        lines.extend(part('+', &actual[head..actual.len() - tail]));
        lines.extend(part(' ', &expected[expected.len() - tail..]));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn difference(place: &str, expected: &str, actual: &str) -> Difference {
        Difference { place: place.into(), expected: expected.into(), actual: actual.into() }
    }

    #[test]
    fn fields_that_are_not_mentioned_may_be_anything() {
        let actual = json!({"refuse": {"status": 403, "reason": "Forbidden"}});
        assert_eq!(compare(&json!({"refuse": {"status": 403, "reason": null}}), &actual), []);
        assert_eq!(
            compare(&json!({"refuse": {"status": 404, "reason": null}}), &actual),
            [difference("expect.refuse.status", "404", "403")]
        );
    }

    #[test]
    fn another_kind_of_answer_is_shown_whole() {
        let actual = json!({"refuse": {"status": 403, "reason": null}});
        assert_eq!(
            compare(&json!("admit"), &actual),
            [difference("expect", "admit", r#"{"refuse":{"status":403}}"#)]
        );
        let challenge = json!({"challenge": [{"realm": null}]});
        let expected = difference("expect", r#"{"challenge":[{}]}"#, r#"{"refuse":{"status":403}}"#);
        assert_eq!(compare(&challenge, &actual), [expected]);
    }

    #[test]
    fn lists_are_whole() {
        assert_eq!(compare(&json!([1, 2]), &json!([1])), [difference("expect", "[1,2]", "[1]")]);
        assert_eq!(compare(&json!([1, 2]), &json!([1, 3])), [difference("expect[1]", "2", "3")]);
    }

    #[test]
    fn long_texts_show_what_both_have_once() {
        let lines = difference("p", "v=0\na\nb\nc", "v=0\nx\nc").lines();
        assert_eq!(lines, ["p", "  v=0", "- a", "- b", "+ x", "  c"]);
        assert_eq!(difference("p", "a\na", "a").lines(), ["p", "  a", "- a"]);
    }
}
