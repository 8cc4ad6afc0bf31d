//! Requests to devices, as every device takes them.

use crate::gb28181::DeviceId;
use crate::gb28181::manscdp;
use crate::sip::core::Peer;
use crate::sip::core::message::{Method, Request, Response};

use super::{Error, Gateway};

const MANSCDP: &str = "Application/MANSCDP+xml";

impl Gateway {
    /// A request outside any dialog: `target` at the address that its packets come from.
    ///
    /// No To tag (Mercury refuses one outside a dialog), and always a From tag (Dahua wants one).
    pub(super) fn outbound(&self, method: Method, target: &DeviceId, peer: Peer) -> Result<Request, Error> {
        let platform = &self.0.config.platform;
        let uri = format!("sip:{target}@{}", peer.remote);
        let cseq = format!("1 {method}");
        Ok(Request::new(method, uri.clone())
            .with("From", format!("<sip:{}@{}>;tag={}", platform.id, platform.region, self.token()?))
            .with("To", format!("<{uri}>"))
            .with("Call-ID", format!("{}@{}", self.token()?, platform.region))
            .with("CSeq", cseq))
    }

    /// 16 random hexadecimal digits, for tags and Call-IDs (RFC 3261 §19.3).
    fn token(&self) -> Result<String, Error> {
        Ok(hex::encode(self.0.randoms.take::<8>()?))
    }

    /// Our own address as `peer` knows it, for Contact.
    pub(super) fn contact(&self, peer: Peer) -> String {
        let local = self.0.sip.address(&peer);
        let suffix = if peer.is_reliable() { ";transport=tcp" } else { "" };
        format!("<sip:{}@{local}{suffix}>", self.0.config.platform.id)
    }

    /// This platform's own id.
    pub(super) fn platform_id(&self) -> Result<DeviceId, Error> {
        DeviceId::parse(&self.0.config.platform.id).map_err(|error| Error::Internal(error.to_string()))
    }

    /// Asks `device` about `channel`, or about itself, in words that it reads (GB/T 28181 §9.5).
    ///
    /// # Errors
    /// As for [`message`](Self::message).
    pub(super) async fn ask_device(
        &self,
        device: &DeviceId,
        channel: &DeviceId,
        sn: u32,
        asked: &manscdp::Request,
    ) -> Result<(), Error> {
        let dialect = self.dialect(device).await;
        self.message(device, self.worded(&dialect, device, channel, sn, asked)?).await.map(drop)
    }

    /// Sends a MANSCDP body to `device` as a MESSAGE and waits for its final answer.
    ///
    /// # Errors
    /// When the device is offline, does not answer, or answers with no success.
    async fn message(&self, device: &DeviceId, body: Vec<u8>) -> Result<Response, Error> {
        let peer = self.0.registry.peer(device).ok_or_else(|| Error::Offline(device.to_string()))?;
        let request = self.outbound(Method::Message, device, peer)?.with_body(MANSCDP, body);
        let response = self.0.sip.request(peer, request).await?;
        if (200..300).contains(&response.status) {
            Ok(response)
        } else {
            Err(Error::Refused(response.status))
        }
    }
}
