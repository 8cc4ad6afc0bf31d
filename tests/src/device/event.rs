//! What a device saw and did.

use crate::sip::Message;

/// One event, in the order of happening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceEvent {
    /// The ACK to a 200 came.
    Acked {
        /// The session.
        call_id: String,
    },
    /// BYE came.
    Bye {
        /// The session.
        call_id: String,
        /// What was answered; `None`: nothing.
        status: Option<u16>,
    },
    /// The device sent BYE itself.
    ByeSent {
        /// The session.
        call_id: String,
        /// What the platform answered; `None`: nothing.
        status: Option<u16>,
    },
    /// CANCEL came.
    Cancelled {
        /// The session.
        call_id: String,
        /// Whether there was an INVITE to cancel; then it was answered 487.
        matched: bool,
    },
    /// A command came (`Control`, and the like).
    Commanded {
        /// Its CmdType.
        command: String,
        /// The whole body.
        body: String,
    },
    /// The TCP connection to the platform is gone.
    Disconnected,
    /// INFO came (MANSRTSP).
    Info {
        /// The session.
        call_id: String,
        /// The whole body.
        body: String,
    },
    /// INVITE came.
    Invited {
        /// The session.
        call_id: String,
        /// The channel, from the Request-URI.
        channel: String,
        /// The `y=` of the offer, empty where there is none.
        ssrc: String,
        /// The offer.
        sdp: String,
        /// The Subject header, empty where there is none.
        subject: String,
    },
    /// A keepalive was answered.
    KeptAlive {
        /// With which status; `None`: not at all.
        status: Option<u16>,
    },
    /// RTP is about to be sent.
    MediaStarted {
        /// The session.
        call_id: String,
        /// The SSRC in the packets.
        ssrc: u32,
    },
    /// A recorded file ended and MediaStatus 121 was sent.
    MediaStatusSent {
        /// The session.
        call_id: String,
        /// What the platform answered; `None`: nothing.
        status: Option<u16>,
    },
    /// No more RTP is sent.
    MediaStopped {
        /// The session.
        call_id: String,
        /// How many packets were.
        packets: u64,
    },
    /// A query came.
    Queried {
        /// Its CmdType.
        command: String,
        /// Its SN.
        sn: String,
        /// Its DeviceID.
        target: String,
    },
    /// The device answered, and sends nothing: the offer was not made in its maker's way.
    Withheld {
        /// The session.
        call_id: String,
    },
    /// The device was started again.
    Rebooted,
    /// A REGISTER got its final answer.
    Registered {
        /// With which status.
        status: u16,
    },
    /// An offer chose among the streams of a device that has two.
    StreamChosen {
        /// The session.
        call_id: String,
        /// It wants the smaller one.
        sub: bool,
    },
    /// Any SIP message came, before the device acted on it; lost ones too.
    Received {
        /// Start line, headers and body.
        message: Message,
    },
    /// A datagram came that is no SIP message.
    Rubbish,
    /// A SIP message was given to the network, each retransmission anew; not one that the device was told to
    /// lose.
    Sent {
        /// Start line, headers and body.
        message: Message,
    },
}
