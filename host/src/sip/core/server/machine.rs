//! What a server transaction does next: RFC 3261 §17.2, with RFC 6026's Accepted.

use super::super::timer::Timer;

/// How far our answer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Not an INVITE: no answer yet.
    Trying,
    /// No final answer yet; for INVITE, perhaps none at all.
    Proceeding,
    /// There is a final answer; for INVITE, a refusal without its ACK.
    Completed,
    /// INVITE: the refusal is acknowledged.
    Confirmed,
    /// INVITE: the 2xx is sent.
    Accepted,
    /// INVITE: the 2xx is acknowledged.
    Acknowledged,
    /// Nothing is left to do.
    Terminated,
}

/// What can happen to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// An ACK.
    Ack,
    /// A CANCEL.
    Cancel,
    /// We answer 300 to 699.
    Failure,
    /// We answer 100 to 199.
    Provisional,
    /// The request once more.
    Request,
    /// We answer 200 to 299.
    Success,
    /// A timer has fired.
    Timer(Timer),
}

/// What is to be done about it, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Stop sending again.
    Quiet,
    /// Report the ACK to a 2xx.
    ReportAck,
    /// Report that the INVITE was withdrawn.
    ReportCancelled,
    /// Report that nobody acknowledged.
    ReportUnacknowledged,
    /// Send the last answer again, if there is one.
    Replay,
    /// Remember the answer and send it.
    Send,
    /// Start a timer; one that has just repeated starts with its next length.
    Start(Timer),
}

/// The step from one state to the next, with what is to be done.
pub(super) type Step = (State, &'static [Action]);

/// INVITE. `None`: nothing happens.
pub(super) fn invite(state: State, input: Input) -> Option<Step> {
    use Action::*;
    use State::*;
    Some(match (state, input) {
        // §17.2.1
        (Proceeding, Input::Request) => (Proceeding, &[Replay]),
        (Proceeding, Input::Provisional) => (Proceeding, &[Send]),
        (Proceeding, Input::Failure) => (Completed, &[Send, Start(Timer::G), Start(Timer::H)]),
        (Completed, Input::Request) => (Completed, &[Replay]),
        (Completed, Input::Timer(Timer::G)) => (Completed, &[Replay, Start(Timer::G)]),
        (Completed, Input::Ack) => (Confirmed, &[Quiet, Start(Timer::I)]),
        (Completed, Input::Timer(Timer::H)) => (Terminated, &[ReportUnacknowledged]),
        (Confirmed, Input::Timer(Timer::I)) => (Terminated, &[]),
        // §9.2: the answer to the INVITE is the 487 that comes with this input.
        (Proceeding, Input::Cancel) => {
            (Completed, &[Send, Start(Timer::G), Start(Timer::H), ReportCancelled])
        }
        // §13.3.1.4, RFC 6026 §7.1
        (Proceeding, Input::Success) => (Accepted, &[Send, Start(Timer::Accepted), Start(Timer::L)]),
        (Accepted, Input::Timer(Timer::Accepted)) => (Accepted, &[Replay, Start(Timer::Accepted)]),
        (Accepted, Input::Ack) => (Acknowledged, &[Quiet, ReportAck]),
        (Accepted, Input::Timer(Timer::L)) => (Terminated, &[ReportUnacknowledged]),
        (Acknowledged, Input::Timer(Timer::L)) => (Terminated, &[]),
        // §16.6 item 11: an INVITE that we forgot.
        (Proceeding, Input::Timer(Timer::Undecided)) => (Terminated, &[]),
        _ => return None,
    })
}

/// Any other request, until it is Completed: then nothing but its answer is kept, for Timer J.
/// `None`: nothing happens.
pub(super) fn non_invite(state: State, input: Input) -> Option<Step> {
    use Action::*;
    use State::*;
    Some(match (state, input) {
        // §17.2.2
        (Trying | Proceeding, Input::Provisional) => (Proceeding, &[Send]),
        (Trying | Proceeding, Input::Success | Input::Failure) => (Completed, &[Send, Start(Timer::J)]),
        (Proceeding, Input::Request) => (Proceeding, &[Replay]),
        // RFC 4320 §4.2: an answer after the sender's Timer F would reach nobody.
        (Trying | Proceeding, Input::Timer(Timer::Unanswered)) => (Terminated, &[]),
        _ => return None,
    })
}
