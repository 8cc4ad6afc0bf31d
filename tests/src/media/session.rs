//! A publisher's life: first packet, `on_publish`, registration, no reader, silence, end.
//!
//! The delays are those of the recorded timelines (`tests/data/zlm/timelines`), divided by the speed.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::core::Core;
use super::hook::{self, Verdict};
use super::stream::{Arrival, Control, Entrance, Inlet, Key, Origin, Schema, readers};
use super::{body, record};

/// From the first key frame to the first two forms: three frames at ten a second.
const FIRST_FORMS: Duration = Duration::from_millis(300);
/// From the first key frame to the other two.
const OTHER_FORMS: Duration = Duration::from_millis(400);
/// From the first key frame to HLS: two segments of two seconds.
const HLS_FORM: Duration = Duration::from_millis(4_400);
/// With an audio track there is no wait for a second track.
const WITH_AUDIO: Duration = Duration::from_millis(140);
/// Without a program stream map the codec is guessed only after the wait for a second track.
const WITHOUT_MAP: Duration = Duration::from_millis(3_700);
/// Silence is looked for so often.
const CHECK: Duration = Duration::from_secs(3);
/// On the single port a silent sender is given up after so long, seen at the next check.
const SINGLE_TIMEOUT: Duration = Duration::from_secs(18);
/// How long a refused or closed sender on the single port is ignored before it is asked about again.
const REBIRTH: Duration = Duration::from_secs(3);

/// The task of one publisher.
pub(super) struct Session {
    pub(super) core: Arc<Core>,
    pub(super) origin: Origin,
    pub(super) inlet: Inlet,
    pub(super) packets: mpsc::Receiver<Arrival>,
    pub(super) control: mpsc::Receiver<Control>,
}

/// The receiving ends of an [`Inlet`].
pub(super) struct Outlet {
    pub(super) packets: mpsc::Receiver<Arrival>,
    pub(super) control: mpsc::Receiver<Control>,
}

/// How a publication ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Closed,
    PeerClosed,
    Refused,
    Silent,
}

/// What is due at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Check,
    NoneReader,
    Register(&'static [Schema]),
}

/// One publication: from a first packet to its end.
struct Publication<'a> {
    session: &'a mut Session,
    /// What the stream is called; `stream_replace` changes it.
    key: Key,
    agenda: Vec<(Instant, Due)>,
    /// When the codecs were known, or could be guessed.
    decodable: Option<Instant>,
    options: Option<Value>,
    scheduled: bool,
    last_media: Instant,
    /// Another session has the stream of this name.
    shadowed: bool,
}

/// The two ends of a publisher's inbox. Packets beyond its size are lost, as in a full socket buffer.
pub(super) fn inlet() -> (Inlet, Outlet) {
    let (packets, packets_out) = mpsc::channel(4_096);
    let (control, control_out) = mpsc::channel(64);
    (Inlet { packets, control }, Outlet { packets: packets_out, control: control_out })
}

impl Session {
    pub(super) async fn run(mut self) {
        while let Some(first) = self.first_packet().await {
            self.origin.peer = first.from;
            self.origin.ssrc = first.packet.ssrc;
            let end = self.publish(first).await;
            if self.origin.entrance.is_server() {
                return self.end_server(end).await;
            }
            if !self.outlive(end).await {
                return;
            }
        }
    }

    /// Waits for media; `None` when nothing came in time or the server was closed.
    async fn first_packet(&mut self) -> Option<Arrival> {
        let server = self.origin.entrance.is_server();
        let patience = if server {
            self.core.with(|state| state.settings.rtp_timeout())
        } else {
            self.core.scaled(SINGLE_TIMEOUT)
        };
        let deadline = Instant::now() + patience;
        loop {
            tokio::select! {
                Some(arrival) = self.packets.recv() => return Some(arrival),
                Some(control) = self.control.recv() => match control {
                    Control::Closed => return None,
                    Control::PeerClosed if !server => return None,
                    Control::PeerClosed | Control::Readers => {}
                },
                () = sleep_until(deadline) => {
                    if server {
                        self.time_out();
                    }
                    return None;
                }
            }
        }
    }

    async fn publish(&mut self, first: Arrival) -> End {
        let entered = self.core.enter(&self.origin, self.inlet.clone());
        let now = Instant::now();
        let check = self.core.scaled(CHECK);
        // Checks keep their beat from the opening on.
        let beats = now.duration_since(self.origin.since).as_nanos() / check.as_nanos().max(1) + 1;
        let first_check = self.origin.since + check * u32::try_from(beats).unwrap_or(u32::MAX);
        let publication = Publication {
            key: self.origin.asked.clone(),
            agenda: vec![(first_check, Due::Check)],
            decodable: None,
            options: None,
            scheduled: false,
            last_media: now,
            shadowed: !entered,
            session: self,
        };
        publication.run(first).await
    }

    /// The end of what `openRtpServer` opened.
    async fn end_server(&mut self, end: End) {
        let key = self.origin.asked.clone();
        match end {
            End::Closed => {}
            End::PeerClosed => drop(self.core.close_server(&key)),
            End::Silent => self.time_out(),
            End::Refused => {
                // It goes at the next packet, or with the API's close.
                tokio::select! {
                    _ = self.packets.recv() => drop(self.core.close_server(&key)),
                    _ = self.control.recv() => {}
                }
            }
        }
    }

    fn time_out(&self) {
        let key = &self.origin.asked;
        let body = self.core.with(|state| Some(body::server_timeout(key, state.servers.get(key)?)));
        if let Some(body) = body {
            hook::fire(&self.core, "on_rtp_server_timeout", body);
        }
        self.core.close_server(key);
    }

    /// The single port: whether the sender is listened to again.
    async fn outlive(&mut self, end: End) -> bool {
        match end {
            End::PeerClosed | End::Silent => return false,
            End::Closed | End::Refused => {}
        }
        let gone = self.ignore_until(Instant::now() + self.core.scaled(REBIRTH)).await;
        self.core.report_publisher(&self.origin, 0);
        !gone
    }

    /// Drops what comes; whether the sender closed its connection meanwhile.
    async fn ignore_until(&mut self, end: Instant) -> bool {
        loop {
            tokio::select! {
                Some(_) = self.packets.recv() => {}
                Some(control) = self.control.recv() => {
                    if control == Control::PeerClosed {
                        return true;
                    }
                }
                () = sleep_until(end) => return false,
            }
        }
    }
}

impl Publication<'_> {
    async fn run(mut self, first: Arrival) -> End {
        let mut verdict = self.ask();
        self.take(first);
        let mut decided = false;
        loop {
            let next = self.agenda.iter().map(|(at, _)| *at).min().unwrap_or_else(Instant::now);
            tokio::select! {
                Some(control) = self.session.control.recv() => {
                    if let Some(end) = self.obey(control) {
                        return end;
                    }
                }
                Some(arrival) = self.session.packets.recv() => self.take(arrival),
                answer = &mut verdict, if !decided => {
                    decided = true;
                    if !self.hear(answer.ok()) {
                        self.leave(false);
                        return End::Refused;
                    }
                }
                () = sleep_until(next) => {
                    if let Some(end) = self.act() {
                        return end;
                    }
                }
            }
        }
    }

    fn core(&self) -> &Arc<Core> {
        &self.session.core
    }

    /// Sends `on_publish`.
    fn ask(&self) -> oneshot::Receiver<Verdict> {
        let (sender, receiver) = oneshot::channel();
        let (core, body) = (Arc::clone(self.core()), body::publish(&self.session.origin));
        self.core().spawn(async move {
            // Nobody listens any more when the stream was closed meanwhile.
            let _ = sender.send(hook::ask(&core, "on_publish", body).await);
        });
        receiver
    }

    /// The backend's word; whether the stream is let in.
    fn hear(&mut self, verdict: Option<Verdict>) -> bool {
        let Some(Verdict::Accepted(options)) = verdict else { return false };
        if self.shadowed {
            return false;
        }
        if let Some(name) = options["stream_replace"].as_str() {
            let key = Key::new(&self.key.app, name);
            self.core().rename(&self.key, &key);
            self.key = key;
        }
        if options["enable_mp4"] == true {
            let seconds = options["mp4_max_second"].as_u64();
            record::start(self.core(), &self.key, seconds, None);
        }
        let hls = options["enable_hls"] != false;
        self.core().with(|state| {
            if let Some(stream) = state.streams.get_mut(&self.key) {
                stream.hls = hls;
            }
        });
        self.options = Some(options);
        self.last_media = Instant::now();
        self.schedule();
        true
    }

    /// Counts a packet; frames that come before the backend's word are kept and count too.
    fn take(&mut self, arrival: Arrival) {
        if self.shadowed {
            return;
        }
        let now = Instant::now();
        let seen = self.core().with(|state| {
            let stream = state.streams.get_mut(&self.key)?;
            let cut = stream.take(&arrival.packet);
            Some((stream.program, cut))
        });
        let Some((program, cut)) = seen else { return };
        if cut {
            record::cut(self.core(), &self.key);
        }
        if program.is_mapped() || program.is_guessable() {
            self.decodable.get_or_insert(now);
        }
        if self.options.is_some() && (self.decodable.is_some() || !self.session.origin.entrance.is_server()) {
            self.last_media = now;
        }
        self.schedule();
    }

    /// Puts the registrations on the agenda, once the stream is let in and its codecs are known.
    fn schedule(&mut self) {
        let (Some(options), Some(from), false) = (&self.options, self.decodable, self.scheduled) else {
            return;
        };
        let program = self.core().with(|state| state.streams.get(&self.key).map(|stream| stream.program));
        let Some(program) = program else { return };
        let (first, other): (Duration, Duration) = match (program.is_mapped(), program.audio) {
            (false, _) => (WITHOUT_MAP, WITHOUT_MAP),
            (true, true) => (WITH_AUDIO, WITH_AUDIO),
            (true, false) => (FIRST_FORMS, OTHER_FORMS),
        };
        // A stream that began between two key frames gets its map with the next one.
        if !program.is_mapped() && from.elapsed() < self.core().scaled(WITHOUT_MAP) {
            return;
        }
        let hls = options["enable_hls"] != false;
        let core = Arc::clone(self.core());
        let mut plan = |delay, forms| self.agenda.push((from + core.scaled(delay), Due::Register(forms)));
        plan(first, &[Schema::Fmp4, Schema::Rtsp]);
        plan(other, &[Schema::Rtmp, Schema::Ts]);
        if hls {
            plan(HLS_FORM, &[Schema::Hls]);
        }
        self.scheduled = true;
    }

    fn obey(&mut self, control: Control) -> Option<End> {
        match control {
            Control::Closed => Some(End::Closed),
            Control::PeerClosed if self.session.origin.entrance == Entrance::Server(2) => None,
            Control::PeerClosed => {
                if !self.session.origin.entrance.is_server() {
                    self.leave(true);
                }
                Some(End::PeerClosed)
            }
            Control::Readers => {
                self.watch_readers();
                None
            }
        }
    }

    /// Does what is due.
    fn act(&mut self) -> Option<End> {
        let now = Instant::now();
        let mut due: Vec<(Instant, Due)> = self.agenda.extract_if(.., |(at, _)| *at <= now).collect();
        due.sort_by_key(|(at, _)| *at);
        for (at, what) in due {
            match what {
                Due::Check if self.is_silent(now) => {
                    if !self.session.origin.entrance.is_server() {
                        self.leave(true);
                    }
                    return Some(End::Silent);
                }
                Due::Check => self.agenda.push((at + self.core().scaled(CHECK), Due::Check)),
                Due::NoneReader => self.ask_about_readers(),
                Due::Register(forms) => self.register(forms),
            }
        }
        None
    }

    fn is_silent(&self, now: Instant) -> bool {
        let origin = &self.session.origin;
        let (patience, from) = match origin.entrance {
            Entrance::Server(_) => {
                let accepted = self.options.is_some() && self.decodable.is_some();
                // Nothing decodable yet: the time runs from the opening.
                let from = if accepted { self.last_media } else { origin.since };
                (self.core().with(|state| state.settings.rtp_timeout()), from)
            }
            Entrance::SingleTcp | Entrance::SingleUdp => {
                (self.core().scaled(SINGLE_TIMEOUT), self.last_media)
            }
        };
        now.duration_since(from) >= patience
    }

    /// Takes the stream out, unless it is another session's.
    fn leave(&self, report: bool) {
        if !self.shadowed {
            self.core().remove(&self.key, report);
        } else if report {
            self.core().report_publisher(&self.session.origin, 0);
        }
    }

    fn register(&mut self, forms: &[Schema]) {
        let options = self.options.clone().unwrap_or_default();
        let enabled = |schema: &Schema| options[format!("enable_{}", schema.name())] != false;
        let forms: Vec<Schema> = forms.iter().copied().filter(enabled).collect();
        self.core().register(&self.key, &forms);
        self.watch_readers();
    }

    /// Starts the wait for a reader anew while there is none.
    fn watch_readers(&mut self) {
        self.agenda.retain(|(_, due)| *due != Due::NoneReader);
        let (alone, delay) = self.core().with(|state| {
            (readers(&state.players, &self.key, None) == 0, state.settings.none_reader_delay())
        });
        if alone {
            self.agenda.push((Instant::now() + delay, Due::NoneReader));
        }
    }

    fn ask_about_readers(&self) {
        let (core, key) = (Arc::clone(self.core()), self.key.clone());
        let last = core.with(|state| state.streams.get(&key)?.schemas.last().copied());
        let Some(schema) = last else { return };
        self.core().spawn(async move {
            let verdict = hook::ask(&core, "on_stream_none_reader", body::stream(&key, schema)).await;
            if verdict.closes() {
                core.close(&key);
            }
        });
    }
}
