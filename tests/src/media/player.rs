//! Viewers: `on_play`, waiting for a stream that is not there yet, leaving.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::body;
use super::core::Core;
use super::hook::{self, Verdict};
use super::stream::{Control, Key, Player, Schema};

/// How long an HLS viewer is still counted after its last request.
const HLS_ABSENCE: Duration = Duration::from_secs(64);

/// How a stream is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// `/rtp/ID.live.flv`; ZLMediaKit calls its schema `rtmp`.
    Flv,
    /// `/rtp/ID.live.mp4`.
    Fmp4,
    /// `/rtp/ID/hls.m3u8`.
    Hls,
    /// `rtmp://…/rtp/ID`.
    Rtmp,
    /// `rtsp://…/rtp/ID`.
    Rtsp,
    /// `/rtp/ID.live.ts`.
    Ts,
}

impl Protocol {
    /// The form of the stream that it needs.
    pub fn schema(self) -> Schema {
        match self {
            Self::Flv | Self::Rtmp => Schema::Rtmp,
            Self::Fmp4 => Schema::Fmp4,
            Self::Hls => Schema::Hls,
            Self::Rtsp => Schema::Rtsp,
            Self::Ts => Schema::Ts,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Flv | Self::Fmp4 | Self::Ts => "http",
            Self::Hls => "hls",
            Self::Rtmp => "rtmp",
            Self::Rtsp => "rtsp",
        }
    }
}

/// What a viewer got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Played {
    /// The stream did not come within the player's patience (404).
    NotFound,
    /// Pictures; the id is for `stop_player`.
    Ok {
        /// The id of the viewer's session.
        player: String,
    },
    /// The backend refused (401).
    Refused {
        /// The text that the viewer sees.
        message: String,
    },
}

/// Watches a stream, from asking to the first picture.
pub(super) async fn play(core: &Arc<Core>, key: Key, protocol: Protocol, params: &str) -> Played {
    let id = core.next_id();
    let player = Player {
        key,
        schema: protocol.schema(),
        protocol: protocol.name(),
        params: params.to_owned(),
        port: 40_000 + u16::try_from(core.hooks.mark() % 20_000).unwrap_or_default(),
        since: Instant::now(),
    };
    if protocol == Protocol::Rtsp {
        hook::ask(core, "on_rtsp_realm", body::player(&id, &player)).await;
    }
    if let Verdict::Refused(code, text) = hook::ask(core, "on_play", body::player(&id, &player)).await {
        return Played::Refused { message: format!("[auth failed]: code:{code} msg:\"{text}\"") };
    }
    if sit_down(core, &id, &player) || wait(core, &id, &player).await {
        return Played::Ok { player: id };
    }
    core.report_player(&id, &player);
    Played::NotFound
}

/// Asks for a stream that is not there and waits for it; whether it came.
async fn wait(core: &Arc<Core>, id: &str, player: &Player) -> bool {
    let mut changes = core.changes.subscribe();
    let deadline = Instant::now() + core.with(|state| state.settings.player_patience());
    let (sender, mut given_up) = mpsc::channel(1);
    let (task, body) = (Arc::clone(core), body::player(id, player));
    core.spawn(async move {
        if hook::ask(&task, "on_stream_not_found", body).await.closes() {
            let _ = sender.send(()).await;
        } else {
            // Held open: a closed channel would look like a word.
            sender.closed().await;
        }
    });
    loop {
        if sit_down(core, id, player) {
            return true;
        }
        tokio::select! {
            _ = changes.changed() => {}
            _ = given_up.recv() => return false,
            () = tokio::time::sleep_until(deadline) => return false,
        }
    }
}

/// Joins the readers of a stream; whether it is there in the form that the player needs.
fn sit_down(core: &Core, id: &str, player: &Player) -> bool {
    let inlet = core.with(|state| {
        let stream =
            state.streams.get(&player.key).filter(|stream| stream.schemas.contains(&player.schema))?;
        let inlet = stream.inlet.clone();
        state.players.insert(id.to_owned(), player.clone());
        Some(inlet)
    });
    if let Some(inlet) = &inlet {
        let _ = inlet.control.try_send(Control::Readers);
    }
    inlet.is_some()
}

/// A viewer leaves; whether it was there. An HLS viewer is missed only when it asks for nothing more.
pub(super) fn stop(core: &Arc<Core>, id: &str) -> bool {
    let Some(schema) = core.with(|state| state.players.get(id).map(|player| player.schema)) else {
        return false;
    };
    if schema != Schema::Hls {
        return leave(core, id);
    }
    let (task, id) = (Arc::clone(core), id.to_owned());
    let delay = core.scaled(HLS_ABSENCE);
    core.spawn(async move {
        tokio::time::sleep(delay).await;
        leave(&task, &id);
    });
    true
}

fn leave(core: &Arc<Core>, id: &str) -> bool {
    let left = core.with(|state| {
        let player = state.players.remove(id)?;
        let inlet = state.streams.get(&player.key).map(|stream| stream.inlet.clone());
        Some((player, inlet))
    });
    let Some((player, inlet)) = left else { return false };
    core.report_player(id, &player);
    if let Some(inlet) = inlet {
        let _ = inlet.control.try_send(Control::Readers);
    }
    true
}
