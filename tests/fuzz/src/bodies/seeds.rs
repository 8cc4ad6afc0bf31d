//! Where the fuzzers start: what was captured and rebuilt in `tests/data`, in the form that each target takes.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The seeds of one target out of the folder `tests/data`, with whatever was found by it before.
pub fn of(target: &str, data: &Path) -> Vec<Vec<u8>> {
    let messages = || [files(&data.join("gb28181")), files(&data.join("rfc4475"))].concat();
    let bodies = || messages().iter().map(|message| body(message).to_vec()).collect();
    let mut seeds: Vec<Vec<u8>> = match target {
        "fuzz_config" => vec![read(&data.join("../../config/sluice.toml")), OVERRIDDEN.to_vec()],
        "fuzz_core" => {
            messages().iter().map(|message| heard(message)).chain(SCHEDULES.map(Vec::from)).collect()
        }
        "fuzz_digest" => messages().iter().flat_map(|message| credentials(message)).collect(),
        "fuzz_framing" => {
            messages().iter().map(|message| [b"\x06\xC8\x00\x28", &message[..]].concat()).collect()
        }
        "fuzz_hook" => files(&data.join("zlm/hooks")).iter().map(|recording| hook(recording)).collect(),
        "fuzz_manscdp" => {
            [files(&data.join("manscdp")), files(&data.join("manscdp-field")), bodies()].concat()
        }
        "fuzz_pieces" => {
            messages().iter().map(|message| [b"\xC8\xC8\xC8\xC8\0\0\0\0", &message[..]].concat()).collect()
        }
        "fuzz_mansrtsp" | "fuzz_sdp" => bodies(),
        _ => messages(),
    };
    seeds.retain(|seed| !seed.is_empty());
    seeds.extend(files(&data.join("fuzz").join(target)));
    seeds
}

/// Every file of a folder but its index, in the order of their names; nothing where there is no folder.
fn files(folder: &Path) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable entry").path()).collect();
    let is_index =
        |path: &Path| path.extension().is_some_and(|extension| extension == "tsv" || extension == "md");
    paths.retain(|path| path.is_file() && !is_index(path) && !path.ends_with(".gitattributes"));
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).expect("part of the project")
}

/// What follows the head of a message.
fn body(message: &[u8]) -> &[u8] {
    let blank = message.windows(4).position(|window| window == b"\r\n\r\n");
    blank.map_or(&[], |at| &message[at + 4..])
}

/// A schedule in which one message comes, is answered and comes again.
fn heard(message: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(message.len()).unwrap_or_default().to_be_bytes();
    [&[3, high, low], message, &[0, 8, 0, 0, 2, 0, 1, 6, 8]].concat()
}

/// The credentials in a message, and what each line else could be taken for.
fn credentials(message: &[u8]) -> Vec<Vec<u8>> {
    let lines = message.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let values = lines.filter_map(|line| line.strip_prefix(b"Authorization:"));
    values.map(|value| value.trim_ascii().to_vec()).collect()
}

/// The hook's name and body out of the recording of a call.
fn hook(recording: &[u8]) -> Vec<u8> {
    let recording: serde_json::Value = serde_json::from_slice(recording).expect("JSON");
    let name = recording["hook"].as_str().unwrap_or_default();
    format!("{name}\n{}", recording["request"]["body"]).into_bytes()
}

/// Of `fuzz_core`: a device's INVITE answered, acknowledged and repeated; ours answered, acknowledged, cancelled.
const SCHEDULES: [&[u8]; 3] = [
    &[0, 2, 0, 0, 0, 0, 0, 8, 0, 2, 8, 0, 0, 2, 0, 1, 0, 3, 0, 0, 0, 0, 0, 6, 8],
    &[7, 0, 0, 4, 0, 2, 0, 1, 4, 0, 0, 0, 1, 11, 1, 0, 4, 0, 0, 0, 1, 6, 8],
    &[7, 0, 0, 4, 0, 1, 0, 1, 10, 0, 4, 0, 6, 0, 1, 6, 3, 6, 8],
];

const OVERRIDDEN: &[u8] =
    b"mode = \"debug\"\n[plugins.limits]\ncpu_ms = 7\n[plugins.limits.slow]\nmemory_mb = 64\n[notify.plugin.gosip-notify]\n\
      users_active = \"http://192.0.2.1/\"\n\0SLUICE_SIP__UDP=127.0.0.1:5060\nSLUICE_PLUGINS__NOTIFY=[\"a\"]\n";
