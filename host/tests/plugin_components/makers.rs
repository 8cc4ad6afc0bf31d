//! Which vendor module takes the captured devices, by what each of their messages says of its sender.

use std::{fs, path::Path};

use sluice::gb28181::manscdp::{self, Body};
use sluice::plugin::{Plugins, Settings, vendor::Device};

use crate::guest::bundled;

/// The outcomes stand in `snapshots/plugin_components__makers__claims.snap`: a line for each file whose sender says
/// anything of itself, with the surest module. What is not there says nothing that a module could go by.
#[test]
fn every_captured_device_goes_to_its_maker_s_module() {
    let plugins = Plugins::load(&Settings { vendor: vec!["*".into()], ..bundled() }).unwrap();
    let lines =
        ["gb28181", "manscdp", "manscdp-field"].into_iter().flat_map(|folder| claims(&plugins, folder));
    insta::assert_snapshot!("claims", lines.collect::<Vec<_>>().join("\n"));
}

fn claims(plugins: &Plugins, folder: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data").join(folder);
    let entries = fs::read_dir(path).expect("the folder is part of the project");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a readable entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension != "tsv"));
    paths.sort();
    let line = |path: &std::path::PathBuf| {
        let device = described(&fs::read(path).expect("a readable file"))?;
        let name = path.file_stem().expect("a file").to_string_lossy().into_owned();
        let said = [&device.user_agent, &device.manufacturer, &device.model, &device.version];
        let said: Vec<_> = said.into_iter().map(|text| text.as_deref().unwrap_or("-")).collect();
        Some(format!("{name}\n    {}: {}", said.join(" | "), surest(plugins, &device)))
    };
    paths.iter().filter_map(line).collect()
}

/// The surest module, the first by name among equals.
fn surest(plugins: &Plugins, device: &Device) -> String {
    let mut best: Option<(u8, String)> = None;
    for module in &plugins.vendors().modules {
        let claim = module.claim(device).expect("a bundled module decides");
        if let Some(claim) = claim.filter(|claim| best.as_ref().is_none_or(|best| claim.certainty > best.0)) {
            best =
                Some((claim.certainty, format!("{}, {}: {}", module.name(), claim.certainty, claim.reason)));
        }
    }
    best.map_or_else(|| "nobody's".to_owned(), |(_, text)| text)
}

/// What a message or a body of its own says of the device; none if it says nothing.
fn described(bytes: &[u8]) -> Option<Device> {
    let blank = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let is_message = blank.is_some() && !bytes.trim_ascii_start().starts_with(b"<");
    let (head, body) = blank.filter(|_| is_message).map_or((&[][..], bytes), |at| bytes.split_at(at));
    let header = |name: &str| {
        let head = String::from_utf8_lossy(head);
        let value = |line: &str| {
            let (key, value) = line.split_once(':')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        };
        head.lines().find_map(value)
    };
    let info = match manscdp::parse(body).map(|document| document.body) {
        Ok(Body::DeviceInfo(info)) => Some(info),
        _ => None,
    };
    let device = Device {
        id: "34020000001320000001".into(),
        user_agent: header("User-Agent"),
        manufacturer: info.as_ref().and_then(|info| info.manufacturer.clone()),
        model: info.as_ref().and_then(|info| info.model.clone()),
        firmware: None,
        version: header("X-GB-Ver"),
        attributes: vec![],
    };
    let said = [&device.user_agent, &device.manufacturer, &device.model, &device.version];
    let says = said.into_iter().any(Option::is_some);
    says.then_some(device)
}
