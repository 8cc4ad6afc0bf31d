//! Policies in Python and JavaScript: held against the cases of the one in Rust, and in force.
//!
//! Building them fetches componentize-py and componentize-js, so that these tests run only where they are asked for:
//! `cargo test --workspace --test it scripts:: -- --ignored`, as `.ci/run` does.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::json;
use sluice::plugin::Plugins;
use sluice_tests::media::{FakeZlm, ZlmConfig};
use sluice_tests::policy::PluginFolder;
use sluice_tests::site::{Settings, Site};

use crate::cli::run;

/// What they need of a call's memory.
const MEMORY_MB: &str = "64";

/// The component of a policy, built once.
fn component(name: &str) -> anyhow::Result<PathBuf> {
    static BUILT: OnceLock<Result<Vec<PathBuf>, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| sluice_build::scripts().map_err(|error| format!("{error:#}")));
    let built = built.as_ref().map_err(anyhow::Error::msg)?;
    let found = built.iter().find(|path| path.file_stem().is_some_and(|stem| stem == name));
    found.cloned().ok_or_else(|| anyhow::anyhow!("{name} is not among {built:?}"))
}

fn answers_as_in_rust(name: &str) -> anyhow::Result<()> {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/gosip-sign/cases.toml");
    let component = component(name)?.display().to_string();
    let folder = tempfile::tempdir()?;
    let cases = cases.display().to_string();
    let run = run(&folder, &["plugin", "test", &component, &cases, "--memory-mb", MEMORY_MB])?;
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.out.ends_with("5 passed, 0 failed\n"), "{run:?}");
    Ok(())
}

/// Signed calls, unsigned ones and a stream, decided by this policy.
async fn decides_in_force(name: &str) -> anyhow::Result<()> {
    let folder = PluginFolder::bundled()?;
    folder.put(name, &std::fs::read(component(name)?)?)?;
    let change = |settings: &mut Settings| {
        folder.path().clone_into(&mut settings.plugins);
        settings.extra = format!("sign = \"{name}\"\n[plugins.limits.{name}]\nmemory_mb = {MEMORY_MB}\n");
    };
    // A debug build compiles such a component for half a minute. The site finds it in the cache.
    let mut settings = Settings::new(&FakeZlm::start(ZlmConfig::default()).await?)?;
    change(&mut settings);
    let config = sluice::config::parse(&settings.to_toml(folder.path()), [])?;
    tokio::task::spawn_blocking(move || Plugins::load(&sluice::plugin_settings(&config)).map(drop)).await??;

    let site = Site::start_with(change).await?;
    let (issued, _device) = site.online(1, |_| {}).await?;
    let channel = &issued.channels[0];
    let stream = site.api.get(&format!("/devices/{channel}/play"), &[("note", "前门 1")]).await?.ok()?;
    let stop = format!("/play/{}/stop", stream["ssrc"].as_str().unwrap_or_default());
    let refused = |text: &str| (401, "1000".to_owned(), text.to_owned());
    let wrong = refused("签名错误 (sign is wrong)");
    assert_eq!(site.api.get_unsigned(&stop, &[("sign", "0")]).await?.refusal(), wrong);
    let missing = refused("缺少签名 (sign is missing)");
    assert_eq!(site.api.get_unsigned(&stop, &[]).await?.refusal(), missing);
    assert_eq!(site.api.get(&stop, &[]).await?.ok()?, "");

    let plugins = site.api.get("/plugins", &[]).await?.ok()?;
    let shown = plugins.as_array().into_iter().flatten().find(|plugin| plugin["name"] == name);
    let shown = shown.cloned().unwrap_or_default();
    assert_eq!((&shown["state"], &shown["used_for"]), (&json!("in-force"), &json!(["sign"])), "{shown}");
    let calls = shown["calls"].as_object().cloned().unwrap_or_default();
    let faults: Vec<_> =
        calls.into_iter().filter(|(outcome, count)| outcome != "ok" && *count != 0).collect();
    assert_eq!(faults, [], "{shown}");
    Ok(())
}

#[test]
#[ignore = "fetches componentize-py"]
fn the_policy_in_python_answers_as_the_one_in_rust() -> anyhow::Result<()> {
    answers_as_in_rust("python-sign")
}

#[test]
#[ignore = "fetches componentize-js"]
fn the_policy_in_javascript_answers_as_the_one_in_rust() -> anyhow::Result<()> {
    answers_as_in_rust("javascript-sign")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "fetches componentize-py"]
async fn the_policy_in_python_decides_in_force() -> anyhow::Result<()> {
    decides_in_force("python-sign").await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "fetches componentize-js"]
async fn the_policy_in_javascript_decides_in_force() -> anyhow::Result<()> {
    decides_in_force("javascript-sign").await
}
