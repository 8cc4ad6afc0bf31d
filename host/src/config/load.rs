//! From a file's text and the environment to [`Config`].

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Config;

/// Every variable of the environment that begins so is an override.
const PREFIX: &str = "SLUICE_";

/// A configuration, and the text it came from, so that problems can name a line.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub config: Config,
    pub text: String,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{variable} in the environment does not fit: {reason}")]
    Environment { variable: String, reason: String },
    #[error("{path}: {source}", path = path.display())]
    File { path: PathBuf, source: Box<toml::de::Error> },
    #[error("{path}: {source}", path = path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{0}")]
    Syntax(#[from] Box<toml::de::Error>),
    #[error(
        "{0} in the environment names no key; write SLUICE_<SECTION>__<KEY>, for example SLUICE_HTTP__LISTEN"
    )]
    UnknownVariable(String),
}

/// Reads `path`, then lets the environment override it.
///
/// # Errors
/// When the file cannot be read, does not parse (the text names line and column), or an override does not fit.
pub fn load(path: &Path) -> Result<Loaded, Error> {
    let text =
        std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let config = parse(&text, std::env::vars()).map_err(|error| match error {
        Error::Syntax(source) => Error::File { path: path.to_owned(), source },
        other => other,
    })?;
    Ok(Loaded { config, text })
}

/// Makes a configuration of `text`, overridden by those variables of `environment` that are ours.
///
/// # Errors
/// As for [`load`].
pub fn parse(text: &str, environment: impl IntoIterator<Item = (String, String)>) -> Result<Config, Error> {
    let mut config: Config = toml::from_str(text).map_err(Box::new)?;
    for (variable, value) in environment {
        let Some(path) = variable.strip_prefix(PREFIX) else { continue };
        config = overridden(&config, &path.to_lowercase(), &variable, &value)?;
    }
    Ok(config)
}

fn overridden(config: &Config, path: &str, variable: &str, value: &str) -> Result<Config, Error> {
    let misfit = |reason: String| Error::Environment { variable: variable.to_owned(), reason };
    let mut tree = toml::Table::try_from(config).map_err(|error| misfit(error.to_string()))?;
    let mut names: Vec<&str> = path.split("__").collect();
    let key = names.pop().unwrap_or_default();
    let mut table = &mut tree;
    for name in names {
        let inner = table.get_mut(name).and_then(toml::Value::as_table_mut);
        table = inner.ok_or_else(|| Error::UnknownVariable(variable.to_owned()))?;
    }
    let typed = typed(table.get(key), value).map_err(misfit)?;
    table.insert(key.to_owned(), typed);
    Config::deserialize(tree).map_err(|error| misfit(error.message().to_owned()))
}

/// `value` in the type that the key already has; a key with no value yet takes text.
fn typed(today: Option<&toml::Value>, value: &str) -> Result<toml::Value, String> {
    if today.is_none_or(toml::Value::is_str) {
        return Ok(toml::Value::String(value.to_owned()));
    }
    let line = format!("value = {value}");
    let mut table: toml::Table = toml::from_str(&line).map_err(|error| error.message().to_owned())?;
    table.remove("value").ok_or_else(|| "no value".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_reference_file_equals_the_defaults() {
        let text = include_str!("../../../config/sluice.toml");
        let config = parse(text, []).expect("the reference file parses");
        assert_eq!(config, Config::default());
    }

    #[test]
    fn the_reference_file_names_every_key() {
        let text = include_str!("../../../config/sluice.toml");
        let written: toml::Table = toml::from_str(text).expect("the reference file parses");
        let known = toml::Table::try_from(Config::default()).expect("the defaults serialise");
        assert_eq!(keys(&written), keys(&known));
    }

    fn keys(table: &toml::Table) -> Vec<String> {
        let mut all = Vec::new();
        for (name, value) in table {
            all.push(name.clone());
            if let Some(inner) = value.as_table() {
                all.extend(keys(inner).into_iter().map(|key| format!("{name}.{key}")));
            }
        }
        all.sort();
        all
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let error = parse("mode = \"debug\"\n[sip]\nudpp = \"x\"\n", []).expect_err("udpp is no key");
        let text = error.to_string();
        assert!(text.contains("line 3"), "{text}");
        assert!(text.contains("unknown field `udpp`, expected one of `udp`"), "{text}");
    }

    #[test]
    fn an_unknown_limit_is_refused_and_a_plugin_may_have_its_own() {
        let error = parse("[plugins.limits]\ncpu = 1\n", []).expect_err("cpu is no limit");
        assert!(error.to_string().contains("unknown field `cpu`"), "{error}");
        let config = parse("[plugins.limits]\ncpu_ms = 7\n[plugins.limits.slow]\nmemory_mb = 64\n", [])
            .expect("both forms stand side by side");
        let slow = super::super::LimitsOverride { memory_mb: Some(64), ..Default::default() };
        assert_eq!(config.plugins.limits.cpu_ms, 7);
        assert_eq!(config.plugins.limits.named["slow"], slow);
    }

    #[test]
    fn the_environment_overrides_in_the_keys_own_type() {
        let environment = variables(&[
            ("SLUICE_MODE", "debug"),
            ("SLUICE_PLATFORM__REGION", "3402000000"),
            ("SLUICE_SIP__INVITE_TIMEOUT_SECS", "3"),
            ("SLUICE_PLUGINS__NOTIFY", "[\"a\", \"b\"]"),
            ("SLUICE_PLUGINS__LIMITS__CPU_MS", "9"),
            ("PATH", "/bin"),
        ]);
        let config = parse("[sip]\ninvite_timeout_secs = 5\n", environment).expect("all of them fit");
        assert_eq!(config.mode, super::super::Mode::Debug);
        assert_eq!(config.platform.region, "3402000000");
        assert_eq!(config.sip.invite_timeout_secs, 3);
        assert_eq!(config.plugins.notify, ["a", "b"]);
        assert_eq!(config.plugins.limits.cpu_ms, 9);
    }

    #[test]
    fn a_variable_that_does_not_fit_is_named() {
        let wrong_type = parse("", variables(&[("SLUICE_RECORD__MAX", "long")])).expect_err("no number");
        assert!(wrong_type.to_string().contains("SLUICE_RECORD__MAX"), "{wrong_type}");
        let unknown = parse("", variables(&[("SLUICE_SPI__UDP", "x")])).expect_err("no section");
        assert!(matches!(unknown, Error::UnknownVariable(name) if name == "SLUICE_SPI__UDP"));
    }
}
