//! Comparison of JSON texts with values, exact as far as the text is.

use std::borrow::Cow;

use serde_json::{Value as Json, value::RawValue};

use crate::{decimal::Decimal, raw_object::RawObject};

/// Returns whether a JSON text equals a value. Numbers are equal if their values are, whatever their notation; objects if
/// they have the same keys with equal values. Of repeated keys, the last counts.
#[must_use]
pub fn is_equal(text: &str, value: &Json) -> bool {
    let text = text.trim_ascii();
    match value {
        Json::Null => text == "null",
        Json::Bool(value) => text == if *value { "true" } else { "false" },
        Json::Number(number) => {
            let stored = Decimal::parse(text).filter(|_| !text.starts_with('+'));
            stored.is_some() && stored == Decimal::parse(&number.to_string())
        }
        // A text with a lone surrogate equals none that a caller can give.
        Json::String(value) => {
            let stored = serde_json::from_str::<Cow<'_, str>>(text);
            stored.is_ok_and(|stored| stored == *value)
        }
        Json::Array(items) => {
            let stored = serde_json::from_str::<Vec<&RawValue>>(text);
            stored.is_ok_and(|stored| {
                let mut pairs = stored.iter().zip(items);
                stored.len() == items.len() && pairs.all(|(text, item)| is_equal(text.get(), item))
            })
        }
        Json::Object(fields) => RawObject::parse(text).is_some_and(|stored| {
            let mut fields = fields.iter();
            stored.has_only(|key| value.get(key).is_some())
                && fields
                    .all(|(key, value)| stored.get(key).is_some_and(|text| is_equal(text, value)))
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_compared_by_value() {
        for text in ["1", "1.0", "1e0", "10E-1", "0.1e+1", "1.000", "100e-2"] {
            assert!(is_equal(text, &json!(1)), "{text}");
            assert!(is_equal(text, &json!(1.0)), "{text}");
            assert!(!is_equal(text, &json!(-1)), "{text}");
            assert!(!is_equal(text, &json!(true)), "{text}");
            assert!(!is_equal(text, &json!("1")), "{text}");
        }
        assert!(is_equal("-0.0", &json!(0)));
        assert!(is_equal("0.1", &json!(0.1)));
        assert!(is_equal(
            "9007199254740993",
            &json!(9_007_199_254_740_993_i64)
        ));
        assert!(!is_equal(
            "9007199254740993",
            &json!(9_007_199_254_740_992_i64)
        ));
        assert!(!is_equal(
            "9007199254740993",
            &json!(9_007_199_254_740_992.0)
        ));
        assert!(is_equal("18446744073709551615", &json!(u64::MAX)));
        assert!(!is_equal(
            "12345678901234567890123",
            &json!(1.234_567_890_123_456_8e22)
        ));
        assert!(!is_equal("0.10000000000000000001", &json!(0.1)));
        for text in [
            "1e400",
            "1e99999999999999999999",
            "true",
            "NaN",
            "",
            "+1",
            "01e",
        ] {
            assert!(!is_equal(text, &json!(1)), "{text}");
        }
    }

    #[test]
    fn objects_and_arrays_are_compared_by_structure() {
        let value = json!({"a": [1, {"b": null}], "c": "\u{e4}\u{0}"});
        for (text, expected) in [
            (r#"{"a":[1,{"b":null}],"c":"ä\u0000"}"#, true),
            (
                r#" { "c" : "\u00e4\u0000" , "\u0061" : [ 1e0 , {"b":null} ] } "#,
                true,
            ),
            (r#"{"a":0,"a":[1,{"b":null}],"c":"ä\u0000"}"#, true),
            (r#"{"a":[1,{"b":null}],"a":0,"c":"ä\u0000"}"#, false),
            (r#"{"a":[1,{"b":null}],"c":"ä\u0000","d":null}"#, false),
            (r#"{"a":[1,{"b":null}]}"#, false),
            (r#"{"a":[{"b":null},1],"c":"ä\u0000"}"#, false),
            (r#"{"a":[1,{}],"c":"ä\u0000"}"#, false),
            (r#"{"a":[1,{"b":null}],"c":"ä\u0000","\ud800":1}"#, false),
            ("[]", false),
        ] {
            assert_eq!(is_equal(text, &value), expected, "{text}");
        }
        assert!(is_equal("[]", &json!([])));
        assert!(!is_equal("[null]", &json!([])));
        assert!(!is_equal("{}", &json!([])));
        assert!(is_equal("null", &Json::Null));
        assert!(!is_equal("false", &Json::Null));
        assert!(is_equal("\"\\ud83d\\ude00\"", &json!("😀")));
        assert!(!is_equal("\"\\ud83d\"", &json!("\u{fffd}")));
    }
}
