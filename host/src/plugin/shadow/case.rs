//! A live call with its answer, to be put to a candidate: a constructor for each function of the contract
//! (those of vendor modules are in `vendor`).

use super::{
    super::{
        auth, cleanup,
        error::{Error, Fault},
        instance::Plugin,
        limits::{date, wall_clock},
        notify,
        secret::{Credential, Secret},
        sign,
    },
    Difference,
    scrub::{self, Secrets},
};

/// A live call, with the answer of the plugin in force.
pub(in super::super) struct Case {
    /// When it was asked, in milliseconds since 1970.
    at: u64,
    try_on: Box<dyn FnOnce(&Plugin) -> Outcome + Send>,
}

/// How the candidate's answer compares.
pub(super) enum Outcome {
    /// The function shows the difference.
    Different(Box<dyn FnOnce() -> Difference>),
    /// The candidate broke.
    Failed,
    Same,
    /// It was not asked: it is set aside, because it keeps failing.
    Skipped,
}

/// What was asked, and all that is done with it.
pub(super) struct Question<Q, A> {
    pub(super) function: &'static str,
    pub(super) asked: Q,
    pub(super) ask: fn(&Plugin, &Q) -> Result<A, Error>,
    pub(super) input: fn(&Q, &mut Secrets) -> String,
    pub(super) answer: fn(&A, &mut Secrets) -> String,
}

type Said<A> = Result<A, Fault>;

impl Case {
    pub(in super::super) fn register(
        request: &auth::Registration,
        credential: Option<Credential>,
        said: &Result<auth::Verdict, Error>,
    ) -> Self {
        let question = Question {
            function: "auth.register",
            asked: (request.clone(), credential),
            ask: |candidate, (request, credential)| candidate.register(request, credential.clone()),
            input: |(request, _), secrets| scrub::registration(request, secrets),
            answer: |verdict, _| format!("{verdict:?}"),
        };
        question.answered(said)
    }

    pub(in super::super) fn check(
        request: &sign::Request,
        key: &Secret,
        said: &Result<sign::Verdict, Error>,
    ) -> Self {
        let question = Question {
            function: "sign.check",
            asked: (request.clone(), key.clone()),
            ask: |candidate, (request, key)| candidate.check_sign(request, key),
            input: |(request, _), secrets| scrub::request(request, secrets),
            answer: |verdict, _| format!("{verdict:?}"),
        };
        question.answered(said)
    }

    pub(in super::super) fn format(
        event: &notify::Event,
        key: &Secret,
        said: &Result<Vec<notify::HttpRequest>, Error>,
    ) -> Self {
        let question = Question {
            function: "notify.format",
            asked: (event.clone(), key.clone()),
            ask: |candidate, (event, key)| candidate.format(event, key),
            input: |(event, _), secrets| scrub::event(event, secrets),
            answer: |requests, secrets| scrub::requests(requests, secrets),
        };
        question.answered(said)
    }

    pub(in super::super) fn accepted(
        event: &notify::Event,
        answer: &notify::Answer,
        said: &Result<bool, Error>,
    ) -> Self {
        let question = Question {
            function: "notify.accepted",
            asked: (event.clone(), answer.clone()),
            ask: |candidate, (event, answer)| candidate.accepted(event, answer),
            input: |(event, answer), secrets| scrub::received(event, answer, secrets),
            answer: |accepted, _| accepted.to_string(),
        };
        question.answered(said)
    }

    pub(in super::super) fn select(
        sweep: &cleanup::Sweep,
        said: &Result<Vec<cleanup::Deletion>, Error>,
    ) -> Self {
        let question = Question {
            function: "cleanup.select",
            asked: sweep.clone(),
            ask: |candidate, sweep| candidate.select(sweep),
            // Nothing of a sweep is secret.
            input: |sweep, _| format!("{sweep:?}"),
            answer: |chosen, _| format!("{chosen:?}"),
        };
        question.answered(said)
    }

    /// Asks the candidate, whose clock shows the time of the live call.
    pub(super) fn try_on(self, candidate: &Plugin) -> Outcome {
        candidate.account.stop_clock(self.at);
        (self.try_on)(candidate)
    }
}

impl<Q: Send + 'static, A: Clone + PartialEq + Send + 'static> Question<Q, A> {
    pub(super) fn answered(self, said: &Result<A, Error>) -> Case {
        let in_force = said.clone().map_err(|error| error.fault);
        let compare = move |candidate: &Plugin| {
            let said = (self.ask)(candidate, &self.asked).map_err(|error| error.fault);
            match said {
                Err(Fault::Unavailable(_)) => Outcome::Skipped,
                Err(fault) if fault.is_breakage() => Outcome::Failed,
                said if said == in_force => Outcome::Same,
                said => Outcome::Different(Box::new(move || self.difference(&in_force, &said))),
            }
        };
        Case { at: wall_clock(), try_on: Box::new(compare) }
    }

    fn difference(&self, in_force: &Said<A>, candidate: &Said<A>) -> Difference {
        let mut secrets = Secrets::default();
        let shown = |said: &Said<A>, secrets: &mut Secrets| match said {
            Ok(answer) => (self.answer)(answer, secrets),
            Err(fault) => format!("no answer: {fault}"),
        };
        let input = (self.input)(&self.asked, &mut secrets);
        let texts = [input, shown(in_force, &mut secrets), shown(candidate, &mut secrets)];
        // What is secret in one of them is so in all.
        let [input, in_force, candidate] = texts.map(|text| secrets.out_of(text));
        Difference { function: self.function, input, in_force, candidate, date: date() }
    }
}
