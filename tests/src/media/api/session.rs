//! Network sessions: viewers and publishers.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::core::Core;
use super::super::player;
use super::super::stream::{Entrance, Key, Player};
use super::{Answer, Failure, Params};

pub(super) fn players(core: &Core, params: &Params) -> Answer {
    params.need(&["schema", "vhost", "app", "stream"], "\"schema\",\"vhost\",\"app\",\"stream\"")?;
    let key = Key::new(params.get("app").unwrap_or_default(), params.get("stream").unwrap_or_default());
    let schema = params.get("schema").unwrap_or_default();
    core.with(|state| {
        let found = state.streams.get(&key);
        if !found.is_some_and(|stream| stream.schemas.iter().any(|one| one.name() == schema)) {
            return Err(Failure::new(-500, "can not find the stream"));
        }
        let watching = state.players.iter().filter(|(_, one)| one.key == key && one.schema.name() == schema);
        let lines: Vec<Value> = watching.map(|(id, one)| line(id, one, state.http_port)).collect();
        Ok(if lines.is_empty() { json!({}) } else { json!({"data": lines}) })
    })
}

pub(super) fn all(core: &Core, params: &Params) -> Value {
    let port: Option<u16> = params.number("local_port");
    let lines: Vec<Value> = core.with(|state| {
        let viewers =
            state.players.iter().map(|(id, one)| with_id(line(id, one, state.http_port), id, "tcp"));
        let publishers = state.streams.values().map(|stream| {
            let origin = &stream.origin;
            let (kind, typeid) = match origin.entrance {
                Entrance::SingleUdp | Entrance::Server(0) => ("udp", "mediakit::RtpSession"),
                Entrance::SingleTcp | Entrance::Server(_) => ("tcp", "mediakit::RtpSession"),
            };
            let sock = json!({
                "identifier": origin.session,
                "local_ip": "127.0.0.1",
                "local_port": origin.local_port,
                "peer_ip": origin.peer.ip().to_string(),
                "peer_port": origin.peer.port(),
                "typeid": typeid,
            });
            with_id(sock, &origin.session, kind)
        });
        viewers.chain(publishers).filter(|line| port.is_none_or(|port| line["local_port"] == port)).collect()
    });
    if lines.is_empty() { json!({}) } else { json!({"data": lines}) }
}

pub(super) fn kick(core: &Arc<Core>, params: &Params) -> Answer {
    params.need(&["id"], "\"id\"")?;
    let id = params.get("id").unwrap_or_default();
    if kick_one(core, id) { Ok(json!({})) } else { Err(Failure::new(-1, "can not find the target")) }
}

pub(super) fn kick_many(core: &Arc<Core>, params: &Params) -> Value {
    let sessions = all(core, params);
    let ids = sessions["data"].as_array().into_iter().flatten().filter_map(|line| line["id"].as_str());
    json!({"count_hit": ids.filter(|id| kick_one(core, id)).count()})
}

fn kick_one(core: &Arc<Core>, id: &str) -> bool {
    let published = core.with(|state| {
        state.streams.iter().find(|(_, stream)| stream.origin.session == id).map(|(key, _)| key.clone())
    });
    match published {
        Some(key) => core.close(&key),
        None => player::stop(core, id),
    }
}

fn line(id: &str, player: &Player, http_port: u16) -> Value {
    json!({
        "identifier": id,
        "local_ip": "127.0.0.1",
        "local_port": http_port,
        "peer_ip": "127.0.0.1",
        "peer_port": player.port,
        "typeid": "mediakit::HttpSession",
    })
}

fn with_id(mut line: Value, id: &str, kind: &str) -> Value {
    line["id"] = id.into();
    line["type"] = kind.into();
    line
}
