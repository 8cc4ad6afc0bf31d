//! A session from INVITE to BYE (RFC 3261 §13, §15; GB/T 28181 §9.2, §9.8).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::behaviour::{Answer, Behaviour, ContactLine};
use super::client;
use super::config::DeviceConfig;
use super::core::Core;
use super::event::DeviceEvent;
use super::offer::Offer;
use super::server::{answer, respond};
use super::stream::{self, Outlet, Plan};
use super::{DeviceError, manscdp};
use crate::random;
use crate::sip::{Message, user_of};

/// An answer that stops in the middle of its second line.
const BROKEN_SDP: &str = "v=0\r\no=- 0 0 IN";

/// A session, from its INVITE on.
#[derive(Debug)]
pub(super) struct Dialog {
    invite: Message,
    channel: String,
    tag: String,
    /// The final answer went out.
    answered: bool,
    pub(super) sending: bool,
    acked: watch::Sender<bool>,
    /// The number of its last request (RFC 3261 §12.2.1.1).
    sequence: u32,
    task: Option<JoinHandle<()>>,
}

impl Dialog {
    fn new(invite: Message, channel: String) -> Self {
        Self {
            invite,
            channel,
            tag: random::id(),
            answered: false,
            sending: false,
            acked: watch::Sender::new(false),
            sequence: 1,
            task: None,
        }
    }

    pub(super) fn abort(&self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }

    /// A request of the device's own within the session.
    fn request(&mut self, config: &DeviceConfig, local: SocketAddr, method: &str) -> Message {
        self.sequence += 1;
        let to = self.invite.header("From").unwrap_or_default();
        Message::request(method, &format!("sip:{}@{}", config.platform_id, config.domain))
            .with("From", format!("<sip:{}@{}>;tag={}", self.channel, config.domain, self.tag))
            .with("To", to)
            .with("Call-ID", self.invite.call_id())
            .with("CSeq", format!("{} {method}", self.sequence))
            .with("Contact", format!("<sip:{}@{local}>", self.channel))
            .with("Max-Forwards", "70")
            .with("User-Agent", config.user_agent.as_str())
    }
}

/// An INVITE that is not a retransmission.
pub(super) async fn invite(core: &Arc<Core>, invite: Message) {
    let call_id = invite.call_id().to_owned();
    let channel = user_of(invite.uri()).to_owned();
    let sdp = String::from_utf8_lossy(&invite.body).into_owned();
    let offer = Offer::read(&sdp);
    core.events.push(DeviceEvent::Invited {
        call_id: call_id.clone(),
        channel: channel.clone(),
        ssrc: offer.as_ref().ok().and_then(|offer| offer.ssrc.clone()).unwrap_or_default(),
        sdp,
        subject: invite.header("Subject").unwrap_or_default().to_owned(),
    });
    let (behaviour, known, busy) = core.with(|state| {
        let known = channel == core.config.id || state.channels.iter().any(|one| one.id == channel);
        (state.behaviour.clone(), known, state.dialogs.contains_key(&call_id))
    });
    if behaviour.answer == Answer::Silent {
        core.remember(&invite, Vec::new());
        return;
    }
    let refusal = match (&offer, known, busy) {
        (_, false, _) => Some(404),
        (Err(_), ..) => Some(488),
        (Ok(offer), ..) if core.config.habits.refuses(offer, &channel, &core.config.platform_id) => Some(488),
        // The session stays as it is (RFC 3261 §14.2).
        (_, _, true) => Some(488),
        _ => None,
    };
    if let Some(status) = refusal {
        return answer(core, &invite, status).await;
    }
    if let Ok(offer) = offer {
        answer(core, &invite, 100).await;
        open(core, invite, channel, offer, behaviour);
    }
}

fn open(core: &Arc<Core>, invite: Message, channel: String, offer: Offer, behaviour: Behaviour) {
    let call_id = invite.call_id().to_owned();
    core.with(|state| {
        let mut dialog = Dialog::new(invite.clone(), channel.clone());
        let session = Session {
            core: Arc::clone(core),
            acked: dialog.acked.subscribe(),
            tag: dialog.tag.clone(),
            invite,
            call_id: call_id.clone(),
            channel,
            offer,
            behaviour,
        };
        dialog.task = Some(tokio::spawn(session.run()));
        state.dialogs.insert(call_id, dialog);
    });
}

/// ACK. It stops the retransmission of the 200.
pub(super) fn acknowledged(core: &Core, ack: &Message) {
    let call_id = ack.call_id();
    let known = core.with(|state| state.dialogs.get(call_id).map(|dialog| dialog.acked.send_replace(true)));
    if known == Some(false) {
        core.events.push(DeviceEvent::Acked { call_id: call_id.to_owned() });
    }
}

/// CANCEL (RFC 3261 §9.2).
pub(super) async fn cancel(core: &Core, cancel: &Message) {
    let call_id = cancel.call_id().to_owned();
    if core.with(|state| state.behaviour.ignore_cancel) {
        core.events.push(DeviceEvent::Cancelled { call_id, matched: false });
        return core.remember(cancel, Vec::new());
    }
    let (silent, early) = core.with(|state| {
        let early = state.dialogs.get(&call_id).is_some_and(|dialog| !dialog.answered);
        let early = if early { state.dialogs.remove(&call_id) } else { None };
        (state.behaviour.answer == Answer::Silent, early)
    });
    core.events.push(DeviceEvent::Cancelled { call_id, matched: early.is_some() });
    if silent {
        return core.remember(cancel, Vec::new());
    }
    let Some(mut dialog) = early else { return answer(core, cancel, 481).await };
    finish(&mut dialog).await;
    answer(core, cancel, 200).await;
    respond(core, &dialog.invite, tagged(Message::response(&dialog.invite, 487), &dialog.tag)).await;
}

/// BYE: media stops before the answer goes out.
pub(super) async fn bye(core: &Core, bye: &Message) {
    let call_id = bye.call_id().to_owned();
    if core.with(|state| state.behaviour.ignore_bye) {
        core.remember(bye, Vec::new());
        core.events.push(DeviceEvent::Bye { call_id, status: None });
        return;
    }
    let dialog = core.with(|state| state.dialogs.remove(&call_id));
    let status = if dialog.is_some() { 200 } else { 481 };
    if let Some(dialog) = dialog {
        close(core, &call_id, dialog).await;
    }
    answer(core, bye, status).await;
    core.events.push(DeviceEvent::Bye { call_id, status: Some(status) });
}

/// The device's own BYE.
pub(super) async fn hang_up(core: &Core, call_id: &str) -> Result<u16, DeviceError> {
    let dialog = core.with(|state| state.dialogs.remove(call_id));
    let mut dialog = dialog.ok_or_else(|| DeviceError::NoDialog { call_id: call_id.to_owned() })?;
    let request = dialog.request(&core.config, core.link().local(), "BYE");
    close(core, call_id, dialog).await;
    say_goodbye(core, call_id, request).await
}

async fn say_goodbye(core: &Core, call_id: &str, request: Message) -> Result<u16, DeviceError> {
    let answer = client::request(core, request).await;
    let status = answer.as_ref().ok().and_then(Message::status);
    core.events.push(DeviceEvent::ByeSent { call_id: call_id.to_owned(), status });
    Ok(answer?.status().unwrap_or_default())
}

/// Puts the session's own tag into To (RFC 3261 §12.1.1).
fn tagged(mut response: Message, tag: &str) -> Message {
    let to = response.header("To").unwrap_or_default().to_owned();
    response.set("To", format!("{to};tag={tag}"));
    response
}

async fn close(core: &Core, call_id: &str, mut dialog: Dialog) {
    finish(&mut dialog).await;
    if dialog.sending {
        stopped(core, call_id);
    }
}

/// Ends the session's task and waits until it is no more, so that nothing is sent afterwards.
async fn finish(dialog: &mut Dialog) {
    if let Some(task) = dialog.task.take() {
        task.abort();
        // The only error is the cancellation just asked for.
        let _ = task.await;
    }
}

fn stopped(core: &Core, call_id: &str) {
    let packets = *core.packet_counter(call_id).borrow();
    core.events.push(DeviceEvent::MediaStopped { call_id: call_id.to_owned(), packets });
}

/// What the task of a session works with.
struct Session {
    core: Arc<Core>,
    acked: watch::Receiver<bool>,
    tag: String,
    invite: Message,
    call_id: String,
    channel: String,
    offer: Offer,
    behaviour: Behaviour,
}

impl Session {
    async fn run(mut self) {
        for status in &self.behaviour.provisional {
            self.respond(Message::response(&self.invite, *status)).await;
        }
        tokio::time::sleep(self.behaviour.answer_delay).await;
        // The sender lives as long as the device.
        let _ = self.core.held.subscribe().wait_for(|held| !held).await;
        match self.behaviour.answer {
            Answer::Accept => {}
            Answer::OnlyTrying | Answer::Silent => return std::future::pending().await,
            Answer::Refuse(status) => return self.refuse(status).await,
        }
        let Ok(outlet) = Outlet::bind(&self.offer).await else { return self.refuse(503).await };
        if self.accept(&outlet).await.is_err() {
            return self.refuse(503).await;
        }
        let media = self.media(outlet);
        match self.behaviour.hang_up_after {
            // The time counts from the 200, which the media follows at once.
            Some(after) => {
                if tokio::time::timeout(after, media).await.is_err() {
                    self.leave().await;
                }
            }
            None => media.await,
        }
    }

    async fn respond(&self, response: Message) {
        respond(&self.core, &self.invite, tagged(response, &self.tag)).await;
    }

    async fn refuse(&self, status: u16) {
        self.core.with(|state| state.dialogs.remove(&self.call_id));
        self.respond(Message::response(&self.invite, status)).await;
    }

    /// Sends the 200 again and again until its ACK comes (RFC 3261 §13.3.1.4).
    async fn accept(&mut self, outlet: &Outlet) -> io::Result<()> {
        let sdp = match self.behaviour.broken_sdp {
            true => BROKEN_SDP.to_owned(),
            false => {
                let config = &self.core.config;
                self.offer.answer(config, &self.channel, outlet.local()?, &self.behaviour)
            }
        };
        let mut response =
            Message::response(&self.invite, 200).with_body("application/sdp", sdp.into_bytes());
        if let Some(contact) = self.contact() {
            response.push("Contact", contact);
        }
        self.core.with(|state| {
            if let Some(dialog) = state.dialogs.get_mut(&self.call_id) {
                dialog.answered = true;
            }
        });
        self.respond(response.clone()).await;
        if self.behaviour.media_before_ack {
            return Ok(());
        }
        let mut pause = self.core.config.t1;
        for _ in 0..10 {
            if tokio::time::timeout(pause, self.acked.wait_for(|acked| *acked)).await.is_ok() {
                return Ok(());
            }
            self.respond(response.clone()).await;
            pause = (pause * 2).min(self.core.config.t1 * 8);
        }
        Err(io::ErrorKind::TimedOut.into())
    }

    /// The Contact of its 200.
    fn contact(&self) -> Option<String> {
        let address = match self.behaviour.contact {
            ContactLine::True => self.core.link().local().to_string(),
            ContactLine::Omit => return None,
            ContactLine::Private => "192.168.1.64:5060".to_owned(),
        };
        Some(format!("<sip:{}@{address}>", self.channel))
    }

    async fn media(&self, outlet: Outlet) {
        let habits = &self.core.config.habits;
        if !habits.sends(&self.offer) {
            self.core.events.push(DeviceEvent::Withheld { call_id: self.call_id.clone() });
            return std::future::pending().await;
        }
        if self.behaviour.no_media {
            return std::future::pending().await;
        }
        if let Some(sub) = habits.chosen(&self.offer) {
            self.core.events.push(DeviceEvent::StreamChosen { call_id: self.call_id.clone(), sub });
        }
        let sent = self.core.packet_counter(&self.call_id);
        let plan = self.plan();
        let ssrc = plan.ssrc;
        let started = || {
            self.set_sending(true);
            self.core.events.push(DeviceEvent::MediaStarted { call_id: self.call_id.clone(), ssrc });
        };
        let ended = stream::run(outlet, plan, &sent, started).await;
        self.set_sending(false);
        stopped(&self.core, &self.call_id);
        if ended.is_ok() {
            self.say_file_ended();
        }
    }

    fn plan(&self) -> Plan {
        let config = &self.core.config;
        Plan {
            sample: config.sample,
            ssrc: self.behaviour.rtp_ssrc.unwrap_or_else(|| self.offer.ssrc_number()),
            speed: config.speed.max(1) * self.offer.download_speed.unwrap_or(1),
            frames: self.offer.has_end().then_some(config.file_frames),
            lose_one_in: self.behaviour.lose_rtp,
            undecodable: self.behaviour.undecodable,
        }
    }

    fn set_sending(&self, sending: bool) {
        self.core.with(|state| {
            if let Some(dialog) = state.dialogs.get_mut(&self.call_id) {
                dialog.sending = sending;
            }
        });
    }

    /// MediaStatus 121 as the vendors send it: From is the channel, the Call-ID is the session's.
    fn say_file_ended(&self) {
        let body = manscdp::media_status(self.core.next_sn(), &self.channel);
        let local = self.core.link().local();
        let request = self.core.with(|state| {
            let dialog = state.dialogs.get_mut(&self.call_id)?;
            Some(dialog.request(&self.core.config, local, "MESSAGE"))
        });
        let Some(request) = request else { return };
        let body = manscdp::encode(&body, self.core.config.charset);
        let request = request.with_body(manscdp::CONTENT_TYPE, body);
        let (core, call_id) = (Arc::clone(&self.core), self.call_id.clone());
        // The platform may end the session before its answer is here.
        self.core.spawn(async move {
            let answer = client::request(&core, request).await;
            let status = answer.ok().and_then(|answer| answer.status());
            core.events.push(DeviceEvent::MediaStatusSent { call_id, status });
        });
    }

    /// BYE out of the session's own task, which must not abort itself.
    async fn leave(&self) {
        let dialog = self.core.with(|state| state.dialogs.remove(&self.call_id));
        let Some(mut dialog) = dialog else { return };
        let request = dialog.request(&self.core.config, self.core.link().local(), "BYE");
        if dialog.sending {
            stopped(&self.core, &self.call_id);
        }
        // Dropping its handle lets this task run on. What the platform says is in the journal.
        drop(dialog);
        let _ = say_goodbye(&self.core, &self.call_id, request).await;
    }
}
