//! Recording: files under the record folder, and `on_record_mp4`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use super::body::VHOST;
use super::core::Core;
use super::hook;
use super::stream::{Key, Recording, Stream};
use crate::rtp::CLOCK;

/// `protocol.mp4_max_second` when nobody says otherwise.
const SLICE_SECONDS: u64 = 3_600;

/// Starts a recording where none runs; whether the stream is there.
pub(super) fn start(core: &Core, key: &Key, slice_seconds: Option<u64>, root: Option<PathBuf>) -> bool {
    core.with(|state| {
        let Some(stream) = state.streams.get_mut(key) else { return false };
        if stream.recording.is_none() {
            stream.recording = Some(Recording {
                slice_ticks: slice_seconds.filter(|seconds| *seconds > 0).unwrap_or(SLICE_SECONDS)
                    * u64::from(CLOCK),
                from_tick: stream.ticks,
                from_byte: stream.bytes,
                from_unix: jiff::Timestamp::now().as_second(),
                root,
            });
        }
        true
    })
}

/// Ends a recording where one runs; whether the stream is there.
pub(super) fn stop(core: &Arc<Core>, key: &Key) -> bool {
    with_recording(core, key, |_| None)
}

/// Ends a slice and begins the next.
pub(super) fn cut(core: &Arc<Core>, key: &Key) -> bool {
    with_recording(core, key, |stream| {
        let old = stream.recording.as_ref()?;
        Some(Recording {
            from_tick: stream.ticks,
            from_byte: stream.bytes,
            from_unix: jiff::Timestamp::now().as_second(),
            ..old.clone()
        })
    })
}

fn with_recording(core: &Arc<Core>, key: &Key, next: impl FnOnce(&Stream) -> Option<Recording>) -> bool {
    let ended = core.with(|state| {
        let stream = state.streams.get_mut(key)?;
        let next = next(stream);
        Some(std::mem::replace(&mut stream.recording, next).map(|ended| write(core, key, stream, &ended)))
    });
    let found = ended.is_some();
    if let Some(Some(body)) = ended {
        hook::fire(core, "on_record_mp4", body);
    }
    found
}

/// Ends the recording of a stream that was taken out already.
pub(super) fn finish(core: &Arc<Core>, key: &Key, stream: &mut Stream, recording: Recording) {
    let body = write(core, key, stream, &recording);
    hook::fire(core, "on_record_mp4", body);
}

/// Writes the file and describes it. A file that cannot be written is described with size 0.
fn write(core: &Core, key: &Key, stream: &mut Stream, recording: &Recording) -> Value {
    let at = jiff::Timestamp::from_second(recording.from_unix).unwrap_or_default();
    let day = at.strftime("%Y-%m-%d").to_string();
    let name = format!("{}-{}.mp4", at.strftime("%Y-%m-%d-%H-%M-%S"), stream.files);
    stream.files += 1;
    let root = recording.root.clone().unwrap_or_else(|| core.record_root.clone());
    let place = format!("record/{}/{}/", key.app, key.stream);
    let folder = root.join(&place);
    let file = folder.join(&day).join(&name);
    let size = write_file(&file, stream.bytes - recording.from_byte).unwrap_or(0);
    let seconds = (stream.ticks - recording.from_tick) as f32 / CLOCK as f32;
    json!({
        "app": key.app,
        "file_name": name,
        "file_path": file.display().to_string(),
        "file_size": size,
        "folder": folder.display().to_string(),
        "params": "",
        "start_time": recording.from_unix,
        "stream": key.stream,
        "time_len": f64::from(seconds),
        "url": format!("{place}{day}/{name}"),
        "vhost": VHOST,
    })
}

/// A file that starts like an MP4 and is as long as the media that it stands for, 64 KiB at most.
fn write_file(path: &Path, media: u64) -> io::Result<u64> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut bytes = b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2".to_vec();
    bytes.resize(bytes.len() + usize::try_from(media).unwrap_or(usize::MAX).min(65_536), 0);
    std::fs::write(path, &bytes)?;
    Ok(bytes.len() as u64)
}
