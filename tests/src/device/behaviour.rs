//! What a device does wrong.

use std::time::Duration;

/// Misbehaviour; the default is none of it. Each field can be changed while the device runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Behaviour {
    /// What it says to INVITE.
    pub answer: Answer,
    /// How long it waits between INVITE and its final answer.
    pub answer_delay: Duration,
    /// Says these before the final answer: 180, 183, Dahua's 101.
    pub provisional: Vec<u16>,
    /// Answers CANCEL with nothing, and INVITE as if there had been none.
    pub ignore_cancel: bool,
    /// Its SDP answer is cut off and says neither where nor what.
    pub broken_sdp: bool,
    /// How its SDP answer is written.
    pub sdp_form: SdpForm,
    /// The `y=` of its SDP answer.
    pub ssrc_line: SsrcLine,
    /// The Contact of its 200 to INVITE.
    pub contact: ContactLine,
    /// The SSRC in its RTP, where it is not the one of the offer.
    pub rtp_ssrc: Option<u32>,
    /// Loses one RTP packet in so many.
    pub lose_rtp: Option<u32>,
    /// Answers, but sends no RTP.
    pub no_media: bool,
    /// Sends RTP that holds no program stream.
    pub undecodable: bool,
    /// Sends media right after its 200, without waiting for the ACK, and sends its 200 once.
    pub media_before_ack: bool,
    /// Sends BYE so long after its media started.
    pub hang_up_after: Option<Duration>,
    /// Neither answers BYE nor stops sending.
    pub ignore_bye: bool,
    /// Does not answer MESSAGE, OPTIONS and the like.
    pub deaf: bool,
    /// Answers so many queries with 403, as Dahua does to those that come soon after a registration.
    pub refuse_queries: u32,
    /// Answers MESSAGE with 200 but never sends what was asked for.
    pub no_query_answers: bool,
    /// How long it waits before it sends what was asked for.
    pub query_delay: Duration,
    /// So many messages to it are still to be lost.
    pub lose_incoming: u32,
    /// So many messages from it are still to be lost.
    pub lose_outgoing: u32,
    /// Sends every message twice.
    pub duplicate: bool,
    /// The Content-Length of each MESSAGE from it.
    pub length_line: LengthLine,
    /// Cuts each MESSAGE from it into datagrams, or segments, of so many bytes; only the first has a head.
    pub cut_at: Option<usize>,
    /// These bytes stand in front of each message from it.
    pub noise: &'static [u8],
    /// Sends Hikvision's `jaK` before each periodic keepalive.
    pub jak: bool,
    /// Sends rubbish before each periodic keepalive.
    pub garbage: bool,
}

/// What a device says to INVITE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Answer {
    /// 100, 200, media.
    #[default]
    Accept,
    /// 100 and nothing more.
    OnlyTrying,
    /// 100, then this status.
    Refuse(u16),
    /// Nothing at all.
    Silent,
}

/// The `y=` of an SDP answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SsrcLine {
    /// As the offer has it.
    #[default]
    Echo,
    /// Left out.
    Omit,
    /// Another text.
    Other(String),
}

/// How an SDP answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SdpForm {
    /// As the standard has it.
    #[default]
    Usual,
    /// `c=` names an address at which nobody listens, as that of a device behind a NAT.
    ForeignAddress,
    /// `o=` names another address than `c=`, at which nobody listens.
    ForeignOrigin,
    /// Attributes, `f=` and `y=` in the reverse of their order, lines end in LF.
    Reversed,
}

/// The Contact of a 200 to INVITE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ContactLine {
    /// Where the device is.
    #[default]
    True,
    /// Left out.
    Omit,
    /// An address behind a NAT, where nobody reaches it.
    Private,
}

/// A Content-Length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LengthLine {
    /// How long the body is.
    #[default]
    True,
    /// So many bytes off.
    Off(isize),
    /// Left out.
    Omit,
    /// 0.
    Zero,
}
