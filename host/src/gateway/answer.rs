//! What comes in by SIP: one `match` on the method, one on what a MESSAGE or NOTIFY says.

use std::iter;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::time::Instant;

use crate::gb28181::DeviceId;
use crate::gb28181::manscdp::{self, Body, Document, Keepalive};
use crate::sip::core::Peer;
use crate::sip::core::message::{Method, Request, Response};
use crate::sip::{Arrivals, Incoming};
use crate::store::Touch;

use super::pace::Pace;
use super::registry::Sender;
use super::stream::Stream;
use super::{Error, Gateway, clock};

/// What we take from devices. INVITE and SUBSCRIBE go the other way.
const ALLOW: &str = "ACK, BYE, CANCEL, INFO, MESSAGE, NOTIFY, OPTIONS, REGISTER";

/// Seconds after which a device may try again what we could not decide.
const RETRY_AFTER: &str = "5";

impl Gateway {
    /// Answers what comes in until the SIP door closes. Most requests are answered here and at once. One that has
    /// to wait goes on in a task of its own, so that none waits for another's database.
    pub(super) async fn answer_all(&self, mut arrivals: Arrivals) {
        let mut pace = Pace::new(Instant::now());
        while let Some(item) = arrivals.recv().await {
            let gateway = self.clone();
            match item {
                Incoming::Request { id, request, peer } => {
                    let work = Box::pin(async move {
                        // They fail only when SIP is shut down, and then nobody is left to answer.
                        let _ = match gateway.answer(&request, peer).await {
                            Some(response) => gateway.0.sip.respond(id, response).await,
                            None => gateway.0.sip.ignore(id).await,
                        };
                    });
                    self.attend(work, &mut pace);
                }
                Incoming::StrayAnswer { response, peer } => {
                    self.in_background(async move { gateway.end_stray_answer(&response, peer).await });
                }
                Incoming::Ack { .. } | Incoming::Cancelled { .. } | Incoming::Unacknowledged { .. } => {}
            }
        }
    }

    /// Works on a request here, as far as it goes without waiting. Once that took long, be it for a plugin that loops
    /// or a catalog of thousands, requests are worked on apart from each other for a while.
    fn attend(&self, work: Pin<Box<impl Future<Output = ()> + Send + 'static>>, pace: &mut Pace) {
        let Some(begun) = pace.begin(Instant::now()) else { return self.in_background(work) };
        if let Some(unfinished) = begin(work) {
            self.in_background(unfinished);
        }
        pace.end(begun, Instant::now());
    }

    /// What a request is answered; none for one that gets silence.
    async fn answer(&self, request: &Request, peer: Peer) -> Option<Response> {
        let answered = match request.method {
            Method::Bye => self.hung_up(request, peer).await,
            Method::Info => self.info(request, peer).await,
            Method::Message | Method::Notify => self.told(request, peer).await,
            Method::Options => Ok(request.respond(200).with("Allow", ALLOW)),
            Method::Register => self.register(request, peer).await.transpose()?,
            _ => Ok(request.respond(405).with("Allow", ALLOW)),
        };
        Some(answered.unwrap_or_else(|error| refusal(request, peer, &error)))
    }

    /// BYE from the device (RFC 3261 §15.1.2).
    async fn hung_up(&self, request: &Request, peer: Peer) -> Result<Response, Error> {
        let Some(stream) = self.stream_of(request, peer) else { return Ok(request.respond(481)) };
        let gateway = self.clone();
        self.in_background(async move { gateway.close_hung_up(stream.id, "the device hung up").await });
        Ok(request.respond(200))
    }

    /// INFO inside one of our dialogs; some devices tell the end of a file so.
    async fn info(&self, request: &Request, peer: Peer) -> Result<Response, Error> {
        let stream = self.stream_of(request, peer);
        Ok(request.respond(if stream.is_some() { 200 } else { 481 }))
    }

    /// MESSAGE or NOTIFY with a MANSCDP body.
    async fn told(&self, request: &Request, peer: Peer) -> Result<Response, Error> {
        let from = request.headers.from_user().and_then(|user| DeviceId::parse(user).ok());
        let body = self.readable(&request.body, from.as_ref(), peer).await;
        let document = match manscdp::parse(&body) {
            Ok(document) => document,
            Err(error) => {
                tracing::debug!(%peer, %error, "body not understood");
                return Ok(request.respond(400).with_reason(error.to_string()));
            }
        };
        if let Body::MediaStatus(status) = &document.body
            && self.file_ended(request, peer, status)
        {
            return Ok(request.respond(200));
        }
        let Some(device) = self.sender(from, &document, peer) else {
            return Ok(request.respond(403).with_reason("Not registered"));
        };
        self.take(&device, document).await?;
        Ok(request.respond(200))
    }

    /// The end of a recorded file (NotifyType 121). It is known by its Call-ID alone: Hikvision names the channel
    /// where the standard has the device.
    fn file_ended(&self, request: &Request, peer: Peer, status: &manscdp::MediaStatus) -> bool {
        let Some(stream) = self.stream_of(request, peer).filter(|_| status.is_end()) else { return false };
        let gateway = self.clone();
        self.in_background(async move { gateway.close(stream.id, "the recording ended").await });
        true
    }

    /// The stream whose dialog a request names, if it comes from the host of its device: whoever has overheard a
    /// Call-ID ends nothing.
    fn stream_of(&self, request: &Request, peer: Peer) -> Option<Stream> {
        let stream = self.0.streams.by_call(request.headers.call_id()?)?;
        let called = stream.dialog.as_ref().map(|dialog| dialog.peer).or(stream.peer);
        let is_there = called.is_some_and(|called| called.remote.ip() == peer.remote.ip());
        (is_there || self.0.registry.covers(&stream.device, peer)).then_some(stream)
    }

    /// The registered device that speaks: From's user, or where that is a domain or a channel, the body's
    /// DeviceID.
    fn sender(&self, from: Option<DeviceId>, document: &Document, peer: Peer) -> Option<DeviceId> {
        let claimed = from.into_iter().chain(iter::once_with(|| document.device_id.clone()));
        for device in claimed {
            let sender = self.0.registry.hear(&device, peer, Instant::now());
            match sender {
                Sender::Stranger => continue,
                Sender::Known => return Some(device),
                Sender::Back => self.came_back(&device),
                Sender::Moved => {}
            }
            let source = Some(peer.remote.to_string());
            self.0.store.touch(device.as_str(), Touch { source, ..Touch::default() });
            return Some(device);
        }
        None
    }

    async fn take(&self, device: &DeviceId, document: Document) -> Result<(), Error> {
        let seen = Touch { seen_at: Some(clock::seconds()), ..Touch::default() };
        match document.body {
            // What is rare is kept apart, so that it takes no room in every request.
            Body::Catalog(catalog) => Box::pin(self.take_catalog(device, document.sn, catalog)).await,
            Body::DeviceInfo(info) => Box::pin(self.take_device_info(device, info)).await,
            Body::RecordInfo(part) => {
                self.0.queries.take_list(device, document.sn, part);
                Ok(())
            }
            Body::Keepalive(keepalive) => self.keepalive(device, &keepalive).await,
            _ => {
                self.0.store.touch(device.as_str(), seen);
                tracing::debug!(device.id = %device, cmd = %document.cmd_type, "nothing to do");
                Ok(())
            }
        }
    }

    /// A keepalive (GB/T 28181 §9.6).
    async fn keepalive(&self, device: &DeviceId, keepalive: &Keepalive) -> Result<(), Error> {
        let now = clock::seconds();
        let active = if keepalive.is_ok() { now } else { -1 };
        let touch = Touch { active: Some(active), seen_at: Some(now), ..Touch::default() };
        self.0.store.touch(device.as_str(), touch);
        // Who is there stays there, whatever becomes of the news: it is the first that is given up, and the next
        // keepalive brings it again.
        if let Err(error) = self.tell(self.user_activity(device, &keepalive.status)).await {
            tracing::debug!(device.id = %device, %error, "nobody will be told of a keepalive");
        }
        Ok(())
    }
}

/// Works until there is something to wait for; what is left then. A panic costs its own request only.
fn begin<F: Future<Output = ()>>(mut work: Pin<Box<F>>) -> Option<Pin<Box<F>>> {
    // Whoever goes on with it polls it again first, so that nobody has to be woken from here.
    let mut nobody = Context::from_waker(Waker::noop());
    let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(&mut nobody)));
    matches!(polled, Ok(Poll::Pending)).then_some(work)
}

/// The one place where an error becomes a SIP status.
fn refusal(request: &Request, peer: Peer, error: &Error) -> Response {
    match error {
        Error::Denied(_) => request.respond(403),
        Error::UnknownDevice(_) => request.respond(404),
        Error::BadParameter(_) => request.respond(400),
        _ => {
            if matches!(error, Error::Policy(_)) {
                // The plugin's failure is in the log already, once for all that it fails.
                tracing::debug!(%peer, method = %request.method, %error, "nobody could decide on a request");
            } else {
                tracing::error!(%peer, method = %request.method, %error, "request could not be worked on");
            }
            request.respond(503).with("Retry-After", RETRY_AFTER)
        }
    }
}
