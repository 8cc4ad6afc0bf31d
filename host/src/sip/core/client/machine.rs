//! What a client transaction does next: RFC 3261 §17.1, with RFC 6026's Accepted.

use super::super::timer::Timer;

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// INVITE: sent.
    Calling,
    /// INVITE: sent and no longer wanted, but nobody has answered yet.
    Withdrawn,
    /// Any other request: sent.
    Trying,
    /// There is a provisional answer.
    Proceeding,
    /// INVITE: CANCEL is sent, the final answer is awaited.
    Cancelled,
    /// INVITE: there is a 2xx.
    Accepted,
    /// There is a final answer; for INVITE, a refusal.
    Completed,
    /// Nothing is left to do.
    Terminated,
}

/// What can happen to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// The caller wants the INVITE no longer.
    Cancel,
    /// 300 to 699.
    Failure,
    /// 100 to 199.
    Provisional,
    /// 200 to 299.
    Success,
    /// A timer has fired.
    Timer(Timer),
    /// The packet could not be sent, or the connection is gone.
    TransportError,
}

/// What is to be done about it, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Send the ACK to a refusal (§17.1.1.3).
    AcknowledgeFailure,
    /// Send the remembered ACK again or, without one, report the 2xx again (§13.2.2.4).
    AcknowledgeSuccess,
    /// Report that the transport failed.
    Fail,
    /// Stop sending again.
    Quiet,
    /// Report the answer.
    Report,
    /// Report that nobody answered.
    ReportTimeout,
    /// Send the request again.
    Retransmit,
    /// Send CANCEL (§9.1).
    SendCancel,
    /// Start a timer; one that has just repeated starts with its next length.
    Start(Timer),
    /// Start Timer E at its longest: somebody is at work on the request (§17.1.2.2).
    StartSlowE,
}

/// The step from one state to the next, with what is to be done.
pub(super) type Step = (State, &'static [Action]);

/// INVITE. `None`: nothing happens.
pub(super) fn invite(state: State, input: Input) -> Option<Step> {
    use Action::*;
    use State::*;
    Some(match (state, input) {
        // §17.1.1.2
        (Calling | Withdrawn, Input::Timer(Timer::A)) => (state, &[Retransmit, Start(Timer::A)]),
        (Calling | Withdrawn, Input::Timer(Timer::B)) => (Terminated, &[ReportTimeout]),
        (Calling | Proceeding, Input::Provisional) => (Proceeding, &[Quiet, Start(Timer::C), Report]),
        (Calling | Withdrawn | Proceeding | Cancelled, Input::Failure) => {
            (Completed, &[Quiet, AcknowledgeFailure, Start(Timer::D), Report])
        }
        (Completed, Input::Failure) => (Completed, &[AcknowledgeFailure]),
        (Completed, Input::Timer(Timer::D)) => (Terminated, &[]),
        // RFC 6026 §7.2
        (Calling | Withdrawn | Proceeding | Cancelled, Input::Success) => {
            (Accepted, &[Quiet, Start(Timer::M), Report])
        }
        (Accepted, Input::Success) => (Accepted, &[AcknowledgeSuccess]),
        (Accepted, Input::Timer(Timer::M)) => (Terminated, &[]),
        // §9.1: nothing can be cancelled that nobody has heard of.
        (Calling, Input::Cancel) => (Withdrawn, &[]),
        (Withdrawn, Input::Provisional) => (Cancelled, &[Quiet, SendCancel, Start(Timer::Cancelled), Report]),
        (Proceeding, Input::Cancel) => (Cancelled, &[SendCancel, Start(Timer::Cancelled)]),
        (Cancelled, Input::Provisional) => (Cancelled, &[Report]),
        (Cancelled, Input::Timer(Timer::Cancelled)) => (Terminated, &[ReportTimeout]),
        // §16.6 item 11, §16.8: a peer that never comes to an end.
        (Proceeding, Input::Timer(Timer::C)) => (Cancelled, &[SendCancel, Start(Timer::Cancelled)]),
        // §17.1.4
        (Calling | Withdrawn | Proceeding | Cancelled, Input::TransportError) => (Terminated, &[Fail]),
        (Accepted | Completed, Input::TransportError) => (Terminated, &[]),
        _ => return None,
    })
}

/// Any other request. `None`: nothing happens.
pub(super) fn non_invite(state: State, input: Input) -> Option<Step> {
    use Action::*;
    use State::*;
    Some(match (state, input) {
        // §17.1.2.2
        (Trying, Input::Timer(Timer::E)) => (Trying, &[Retransmit, Start(Timer::E)]),
        (Proceeding, Input::Timer(Timer::E)) => (Proceeding, &[Retransmit, StartSlowE]),
        (Trying | Proceeding, Input::Timer(Timer::F)) => (Terminated, &[ReportTimeout]),
        (Trying | Proceeding, Input::Provisional) => (Proceeding, &[Report]),
        (Trying | Proceeding, Input::Success | Input::Failure) => {
            (Completed, &[Quiet, Start(Timer::K), Report])
        }
        (Completed, Input::Timer(Timer::K)) => (Terminated, &[]),
        // §17.1.4
        (Trying | Proceeding, Input::TransportError) => (Terminated, &[Fail]),
        (Completed, Input::TransportError) => (Terminated, &[]),
        _ => return None,
    })
}
