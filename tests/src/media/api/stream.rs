//! Streams: listing, closing, recording.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::core::Core;
use super::super::record;
use super::super::stream::{Key, Schema, readers};
use super::{Answer, Failure, Params};

const FOUR: [&str; 4] = ["schema", "vhost", "app", "stream"];
const FOUR_LISTED: &str = "\"schema\",\"vhost\",\"app\",\"stream\"";

pub(super) fn list(core: &Core, params: &Params) -> Value {
    let matches = |name: &str, value: &str| params.get(name).is_none_or(|wanted| wanted == value);
    let media: Vec<Value> = core.with(|state| {
        let streams = state.streams.iter();
        let wanted = streams.filter(|(key, _)| matches("app", &key.app) && matches("stream", &key.stream));
        let forms = wanted.flat_map(|(key, stream)| stream.schemas.iter().map(move |schema| (key, *schema)));
        let wanted = forms.filter(|(_, schema)| matches("schema", schema.name()));
        wanted.filter_map(|(key, schema)| state.media(key, schema).map(Value::Object)).collect()
    });
    if media.is_empty() { json!({}) } else { json!({"data": media}) }
}

pub(super) fn info(core: &Core, params: &Params) -> Answer {
    params.need(&FOUR, FOUR_LISTED)?;
    let (key, schema) = (key(params), schema(params));
    let found = core.with(|state| state.media(&key, schema?));
    found.map(Value::Object).ok_or_else(not_found)
}

pub(super) fn online(core: &Core, params: &Params) -> Answer {
    params.need(&FOUR, FOUR_LISTED)?;
    let (key, schema) = (key(params), schema(params));
    let online = core.with(|state| state.media(&key, schema?)).is_some();
    Ok(json!({"online": online}))
}

pub(super) fn close_one(core: &Arc<Core>, params: &Params) -> Answer {
    params.need(&FOUR, FOUR_LISTED)?;
    let (key, schema) = (key(params), schema(params));
    let watched = core.with(|state| {
        state.media(&key, schema?)?;
        Some(readers(&state.players, &key, None) > 0)
    });
    match watched {
        None => Err(not_found()),
        Some(true) if !params.flag("force") => Ok(json!({"code": -1, "msg": "close failed", "result": -1})),
        Some(_) => {
            core.close(&key);
            Ok(json!({"msg": "success", "result": 0}))
        }
    }
}

pub(super) fn close_many(core: &Arc<Core>, params: &Params) -> Value {
    let listed = list(core, params);
    let media = listed["data"].as_array().cloned().unwrap_or_default();
    let mut closed = 0;
    for one in &media {
        let watched = one["totalReaderCount"].as_u64().unwrap_or_default() > 0;
        if params.flag("force") || !watched {
            let name = |field: &str| one[field].as_str().unwrap_or_default();
            core.close(&Key::new(name("app"), name("stream")));
            closed += 1;
        }
    }
    json!({"count_closed": closed, "count_hit": media.len()})
}

pub(super) fn start_record(core: &Arc<Core>, params: &Params) -> Answer {
    let key = recorded(core, params)?;
    if params.get("type") == Some("1") {
        record::start(
            core,
            &key,
            params.number("max_second"),
            params.get("customized_path").map(PathBuf::from),
        );
    }
    Ok(json!({"msg": "success", "result": true}))
}

pub(super) fn stop_record(core: &Arc<Core>, params: &Params) -> Answer {
    let key = recorded(core, params)?;
    if params.get("type") == Some("1") {
        record::stop(core, &key);
    }
    Ok(json!({"msg": "success", "result": true}))
}

pub(super) fn is_recording(core: &Arc<Core>, params: &Params) -> Answer {
    let key = recorded(core, params)?;
    let status = core.with(|state| {
        state.streams.get(&key).is_some_and(|stream| match params.get("type") {
            Some("1") => stream.recording.is_some(),
            _ => stream.hls,
        })
    });
    Ok(json!({"status": status}))
}

/// The files of a day; of a month its days.
pub(super) fn record_files(core: &Core, params: &Params) -> Value {
    let key = key(params);
    let period = params.get("period").unwrap_or_default();
    let stream = core.record_root.join("record").join(&key.app).join(&key.stream);
    let is_day = period.len() == "2026-11-22".len();
    let folder = if is_day { stream.join(period) } else { stream };
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let names: Vec<String> = names.filter(|name| is_day || name.starts_with(period)).collect();
    json!({"data": {"paths": names, "rootPath": format!("{}/", folder.display())}})
}

/// The registered stream that a recording call names.
fn recorded(core: &Core, params: &Params) -> Result<Key, Failure> {
    params.need(&["type", "vhost", "app", "stream"], "\"type\",\"vhost\",\"app\",\"stream\"")?;
    let key = key(params);
    let there = core.with(|state| state.streams.get(&key).is_some_and(|stream| !stream.schemas.is_empty()));
    if there { Ok(key) } else { Err(not_found()) }
}

fn key(params: &Params) -> Key {
    Key::new(params.get("app").unwrap_or_default(), params.get("stream").unwrap_or_default())
}

fn schema(params: &Params) -> Option<Schema> {
    let wanted = params.get("schema")?;
    Schema::LEAVING.into_iter().find(|schema| schema.name() == wanted)
}

fn not_found() -> Failure {
    Failure::new(-500, "can not find the stream")
}
