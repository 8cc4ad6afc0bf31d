//! The operator's file: its text, and after a NUL a variable of the environment on each line.

use sluice::config::{Config, Loaded, check, parse};

/// What is read and written is read the same again; whatever is wrong is named with a line that is there.
pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (text, variables) = text.split_once('\0').unwrap_or((&text, ""));
    let environment = || variables.lines().filter_map(|line| line.split_once('='));
    let environment = environment().map(|(name, value)| (name.to_owned(), value.to_owned()));
    if let Ok(config) = parse(text, environment) {
        survives_writing(&config);
        let loaded = Loaded { config, text: text.to_owned() };
        for problem in check(&loaded) {
            let name = problem.key.rsplit('.').next().unwrap_or_default();
            let line = problem.line.map(|line| text.lines().nth(line - 1).expect("a line of the file"));
            assert!(line.is_none_or(|line| line.contains(name)), "{problem}");
        }
    }
}

fn survives_writing(config: &Config) {
    let written = toml::to_string(config).expect("a configuration can be written");
    assert_eq!(parse(&written, []).expect("what we write"), *config);
}
