//! Candidates beside the plugins in force: compared on live calls, brought into force and taken back, by the API and
//! by the command line, while devices register.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use anyhow::Context as _;
use serde_json::{Value, json};
use sluice_tests::device::Device;
use sluice_tests::media::{FakeZlm, ZlmConfig};
use sluice_tests::policy::PluginFolder;
use sluice_tests::site::{Front, PASSWORD, Process, Settings};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::binary;
use crate::cli::{Run, run};
use crate::plugins::{metrics, plugin, says, sha256, wait_until, watched};

/// Devices that register over and over.
struct Crowd {
    over: Arc<AtomicBool>,
    devices: JoinSet<anyhow::Result<Vec<u16>>>,
}

impl Crowd {
    async fn start(front: &Front, count: usize) -> anyhow::Result<Self> {
        let over = Arc::new(AtomicBool::new(false));
        let mut devices = JoinSet::new();
        for _ in 0..count {
            let device = front.recorder(&front.issue(0).await?).start().await?;
            devices.spawn(register_until(Arc::clone(&over), device));
        }
        Ok(Self { over, devices })
    }

    /// What each device was answered from first to last, repetitions left out. An answer that does not come is an
    /// error.
    async fn stop(mut self) -> anyhow::Result<Vec<Vec<u16>>> {
        self.over.store(true, Relaxed);
        let mut all = Vec::new();
        while let Some(answered) = self.devices.join_next().await {
            let mut answered = answered??;
            answered.dedup();
            all.push(answered);
        }
        Ok(all)
    }
}

async fn register_until(over: Arc<AtomicBool>, device: Device) -> anyhow::Result<Vec<u16>> {
    let mut answered = Vec::new();
    while !over.load(Relaxed) {
        answered.push(device.register().await.context("a call is lost")?.status);
    }
    Ok(answered)
}

/// The policy that lets nobody in, in the place of a candidate for `gosip-auth`.
fn put_allow_list(folder: &PluginFolder) -> anyhow::Result<Vec<u8>> {
    let candidate = folder.component("allow-list")?;
    folder.put("shadow/gosip-auth", &candidate)?;
    Ok(candidate)
}

/// Waits until a plugin of this content is in force.
async fn in_force(front: &Front, component: &[u8]) -> anyhow::Result<Value> {
    let sha256 = json!(sha256(component));
    wait_until(front, "gosip-auth", |plugin| plugin["version"]["sha256"] == sha256).await
}

/// Waits until the crowd has met a difference; the candidate as it is shown.
async fn differs(front: &Front) -> anyhow::Result<Value> {
    let refused = |plugin: &Value| plugin["candidate"]["differences"].to_string().contains("Waiting");
    Ok(wait_until(front, "gosip-auth", refused).await?["candidate"].take())
}

async fn register(device: &Device) -> anyhow::Result<u16> {
    Ok(device.register().await?.status)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_that_disagrees_is_shown_promoted_and_taken_back_by_the_api() -> anyhow::Result<()> {
    let (site, folder) = watched().await?;
    let old = folder.component("gosip-auth")?;
    let (issued, device) = site.online(1, |_| {}).await?;
    let crowd = Crowd::start(&site, 4).await?;
    let new = put_allow_list(&folder)?;
    let candidate = differs(&site).await?;
    let difference = candidate["differences"].as_array().and_then(|all| {
        all.iter().find(|one| one["candidate"].as_str().is_some_and(|said| said.contains("Waiting")))
    });
    let difference = difference.context("a difference")?;
    assert_eq!(
        (&difference["function"], &difference["in_force"], &difference["candidate"]),
        (
            &json!("auth.register"),
            &json!("Verdict::Admit"),
            &json!(r#"Verdict::Refuse(Refusal { status: 403, reason: "Waiting For Approval" })"#)
        )
    );
    let input = difference["input"].as_str().context("what was asked")?;
    assert!(input.contains(r#"response: "***""#) && input.contains(&issued.device[..14]), "{input}");
    assert_eq!((&candidate["failed"], &candidate["refused"]), (&json!(0), &Value::Null));
    assert_eq!(register(&device).await?, 200, "its answers are not used");

    let promoted = site.api.get("/plugins/gosip-auth/promote", &[]).await?.ok()?;
    assert_eq!(promoted["version"]["sha256"], json!(sha256(&new)));
    assert_eq!((&promoted["candidate"], &promoted["before"]["sha256"]), (&Value::Null, &json!(sha256(&old))));
    assert_eq!(register(&device).await?, 403);
    let demoted = site.api.get("/plugins/gosip-auth/demote", &[]).await?.ok()?;
    assert_eq!(demoted["version"]["sha256"], json!(sha256(&old)));
    assert_eq!(register(&device).await?, 200);
    for answered in crowd.stop().await? {
        assert!([&[200][..], &[200, 403, 200]].contains(&&*answered), "{answered:?}");
    }
    let calls = plugin(&site, "gosip-auth").await?["calls"].take();
    let failures = calls.as_object().context("calls")?.iter().filter(|(outcome, _)| *outcome != "ok");
    assert!(failures.into_iter().all(|(_, count)| *count == 0), "{calls}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_compared_is_counted_for_prometheus_too() -> anyhow::Result<()> {
    let (site, folder) = watched().await?;
    folder.put("shadow/gosip-auth", &folder.variant("gosip-auth", 1)?)?;
    wait_until(&site, "gosip-auth", |plugin| !plugin["candidate"]["version"].is_null()).await?;
    site.online(1, |_| {}).await?;
    let same = |plugin: &Value| plugin["candidate"]["same"] == 2;
    let candidate = wait_until(&site, "gosip-auth", same).await?["candidate"].take();
    let counts = ["different", "failed", "skipped"].map(|name| candidate[name].clone());
    assert_eq!(counts, [json!(0), json!(0), json!(0)]);
    let series = |outcome, count| {
        format!("sluice_plugin_shadow_calls_total{{plugin=\"gosip-auth\",outcome=\"{outcome}\"}} {count}")
    };
    let lines = [series("same", 2), series("different", 0), series("failed", 0), series("skipped", 0)];
    says(&metrics(&site).await?, &lines.each_ref().map(String::as_str));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_for_a_vendor_module_is_compared_too() -> anyhow::Result<()> {
    let (site, folder) = watched().await?;
    folder.put("shadow/hikvision", &folder.component("dahua")?)?;
    wait_until(&site, "hikvision", |plugin| !plugin["candidate"]["version"].is_null()).await?;
    site.online(1, |config| config.user_agent = "Hikvision".to_owned()).await?;
    let differs = |plugin: &Value| plugin["candidate"]["different"].as_u64() > Some(0);
    let shown = wait_until(&site, "hikvision", differs).await?;
    let difference = &shown["candidate"]["differences"][0];
    assert_eq!((&difference["function"], &difference["candidate"]), (&json!("vendor.claim"), &json!("None")));
    let in_force = difference["in_force"].as_str().context("its claim")?;
    assert!(in_force.starts_with("Some(Recognition { certainty: "), "{in_force}");
    assert!(difference["input"].as_str().is_some_and(|input| input.contains("Hikvision")), "{difference}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_says_why_nothing_is_moved() -> anyhow::Result<()> {
    let (site, folder) = watched().await?;
    folder.put("shadow/gosip-auth", &folder.component("gosip-sign")?)?;
    let path = folder.path().display();
    let shown = site.api.get("/plugins", &[]).await?.ok()?;
    let shown = shown.as_array().context("plugins")?.iter();
    let in_force = shown.filter(|plugin| plugin["state"] == "in-force");
    let known: Vec<_> = in_force.filter_map(|plugin| plugin["name"].as_str()).collect();
    let refused = [
        ("/plugins/.hidden/promote", "`.hidden` is no name of a plugin".to_owned()),
        ("/plugins/none/demote", format!("no plugin `none` is in force; these are: {}", known.join(", "))),
        ("/plugins/gosip-sign/promote", format!("there is no candidate: no {path}/shadow/gosip-sign.wasm")),
        (
            "/plugins/gosip-auth/demote",
            format!(
                "there is nothing to go back to: no {path}/previous/gosip-auth.wasm, which is written when a plugin \
                 is replaced"
            ),
        ),
        (
            "/plugins/gosip-auth/promote",
            "it is not taken: plugin gosip-auth is named for auth in [plugins], but does not export \
             `sluice:policy/auth`"
                .to_owned(),
        ),
    ];
    for (call, reason) in refused {
        let expected = (400, "1002".to_owned(), format!("参数错误 ({reason})"));
        assert_eq!(site.api.get(call, &[]).await?.refusal(), expected);
    }
    for call in ["/plugins/gosip-auth/promote", "/plugins/gosip-auth/demote"] {
        let (status, code, _) = site.api.get_unsigned(call, &[("sign", "0")]).await?.refusal();
        assert_eq!((status, code.as_str()), (401, "1000"), "{call}");
    }
    Ok(())
}

/// `sluice plugin …` in the folder of a gateway's configuration.
fn command(folder: &TempDir, plugins: &PluginFolder, arguments: &[&str]) -> anyhow::Result<Run> {
    let Run { code, out, err } = run(folder, &[&["plugin"], arguments].concat())?;
    let named = |text: String| text.replace(&plugins.path().display().to_string(), "PLUGINS");
    Ok(Run { code, out: named(out), err: named(err) })
}

fn moved(to: &str, component: &[u8]) -> Run {
    let out = format!(
        "PLUGINS/gosip-auth.wasm is {to} {} now, sha256 {}\n\
         what was there before is kept: PLUGINS/previous/gosip-auth.wasm\n\
         a running gateway takes it at once and says so in its log; one that is stopped, when it starts\n",
        env!("CARGO_PKG_VERSION"),
        sha256(component)
    );
    Run { code: Some(0), out, err: String::new() }
}

fn log(gateway: &Process) -> anyhow::Result<String> {
    Ok(std::fs::read_to_string::<&Path>(&gateway.log)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_promotes_and_takes_back_beside_a_gateway_and_without_one() -> anyhow::Result<()> {
    const PROMOTE: &[&str] = &["promote", "gosip-auth", "--config", "sluice.toml"];
    const DEMOTE: &[&str] = &["demote", "gosip-auth", "--config", "sluice.toml"];
    let (plugins, folder) = (PluginFolder::bundled()?, tempfile::tempdir()?);
    let zlm = FakeZlm::start(ZlmConfig::default()).await?;
    let mut settings = Settings::new(&zlm)?;
    settings.plugins = plugins.path().to_owned();
    let mut gateway = Process::start(&binary::gateway()?, &settings, folder.path()).await?;
    let crowd = Crowd::start(&gateway, 4).await?;
    let old = plugins.component("gosip-auth")?;
    let new = put_allow_list(&plugins)?;
    differs(&gateway).await?;
    let said = log(&gateway)?;
    assert!(said.contains(" waits for approval, ") && said.contains("plugin=shadow/gosip-auth"), "{said}");
    assert!(!said.contains(PASSWORD), "{said}");

    assert_eq!(command(&folder, &plugins, PROMOTE)?, moved("allow-list", &new));
    let shown = in_force(&gateway, &new).await?;
    assert_eq!((&shown["candidate"], &shown["before"]["sha256"]), (&Value::Null, &json!(sha256(&old))));
    assert_eq!(command(&folder, &plugins, DEMOTE)?, moved("gosip-auth", &old));
    in_force(&gateway, &old).await?;
    for answered in crowd.stop().await? {
        assert!([&[200][..], &[200, 403, 200]].contains(&&*answered), "{answered:?}");
    }

    gateway.terminate().await?;
    assert_eq!(command(&folder, &plugins, DEMOTE)?, moved("allow-list", &new));
    let gateway = Process::start(&binary::gateway()?, &settings, folder.path()).await?;
    in_force(&gateway, &new).await?;
    Ok(())
}

#[test]
fn the_command_line_says_why_nothing_is_moved() -> anyhow::Result<()> {
    let (plugins, folder) = (PluginFolder::bundled()?, tempfile::tempdir()?);
    let path = plugins.path();
    std::fs::write(folder.path().join("sluice.toml"), format!("[plugins]\npath = {path:?}\n"))?;
    plugins.put("shadow/gosip-auth", &plugins.component("gosip-sign")?)?;
    plugins.put("shadow/wecom", &plugins.component("wecom")?)?;
    let refused = [
        (["promote", "../gosip-auth", "sluice.toml"], "`../gosip-auth` is no name of a plugin"),
        (
            ["promote", "gosip-sign", "sluice.toml"],
            "there is no candidate: no PLUGINS/shadow/gosip-sign.wasm",
        ),
        (
            ["demote", "gosip-sign", "sluice.toml"],
            "there is nothing to go back to: no PLUGINS/previous/gosip-sign.wasm, which is written when a plugin is \
             replaced",
        ),
        (
            ["promote", "gosip-auth", "sluice.toml"],
            "it is not taken: plugin gosip-auth is named for auth in [plugins], but does not export \
             `sluice:policy/auth`",
        ),
        (
            ["promote", "wecom", "sluice.toml"],
            "[plugins] names no `wecom`; it names gosip-auth, gosip-sign, gosip-notify, expire",
        ),
        (["promote", "gosip-sign", "none.toml"], "none.toml: No such file or directory (os error 2)"),
    ];
    for ([verb, name, config], reason) in refused {
        let said = command(&folder, &plugins, &[verb, name, "--config", config])?;
        let expected = Run { code: Some(1), out: String::new(), err: format!("sluice: {reason}\n") };
        assert_eq!(said, expected);
    }
    assert!(!plugins.path().join("previous").exists() && plugins.path().join("shadow/wecom.wasm").is_file());
    Ok(())
}
