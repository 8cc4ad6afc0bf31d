//! A policy from its configuration.

use crate::Policy;

/// The policy that a configuration makes: `[plugins.config.<name>]` as a JSON object.
///
/// Errors: a text for the operator that names the field.
pub fn configured<P: Policy>(json: &str) -> Result<P, String> {
    let mut policy: P =
        serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(json)).map_err(told)?;
    policy.prepare()?;
    Ok(policy)
}

/// Lines and columns would be those of a JSON text that no operator has seen.
fn told(error: serde_path_to_error::Error<serde_json::Error>) -> String {
    let (path, text) = (error.path().to_string(), error.inner().to_string());
    let text = text.rsplit_once(" at line ").map_or(&*text, |(text, _)| text);
    if path == "." || text.contains(&format!("`{path}`")) { text.into() } else { format!("{path}: {text}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Limits {
        network: Vec<Network>,
    }

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Network {
        bits: u8,
    }

    impl Policy for Limits {
        fn prepare(&mut self) -> Result<(), String> {
            self.network.sort_by_key(|network| network.bits);
            if self.network.is_empty() { Err("`network` names none".into()) } else { Ok(()) }
        }
    }

    #[test]
    fn a_policy_is_its_configuration_prepared() {
        let limits = configured(r#"{"network":[{"bits":9},{"bits":8}]}"#);
        assert_eq!(limits, Ok(Limits { network: vec![Network { bits: 8 }, Network { bits: 9 }] }));
    }

    #[test]
    fn an_error_names_the_field() {
        for (json, error) in [
            ("{}", "missing field `network`"),
            (r#"{"networks":1}"#, "unknown field `networks`, expected `network`"),
            (
                r#"{"network":[{"bits":8},{"bits":256}]}"#,
                "network[1].bits: invalid value: integer `256`, expected u8",
            ),
            (
                r#"{"network":[{"bits":8,"name":1}]}"#,
                "network[0].name: unknown field `name`, expected `bits`",
            ),
            (r#"{"network":[]}"#, "`network` names none"),
        ] {
            assert_eq!(configured::<Limits>(json), Err(error.into()));
        }
    }
}
