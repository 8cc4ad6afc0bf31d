//! Cases of vendor modules.

use super::{
    super::{
        error::Error,
        vendor::{Device, Item, Recognition},
    },
    case::{Case, Question},
    scrub::{self, Secrets},
};

/// A text of a device's, and what it is about: a channel, a CmdType.
type About = (Device, String, String);

impl Case {
    pub(in super::super) fn claim(device: &Device, said: &Result<Option<Recognition>, Error>) -> Self {
        let question = Question {
            function: "vendor.claim",
            asked: device.clone(),
            ask: |candidate, device| candidate.claim(device),
            input: scrub::device,
            answer: |found, _| format!("{found:?}"),
        };
        question.answered(said)
    }

    pub(in super::super) fn repair(
        device: &Device,
        cmd_type: &str,
        body: &[u8],
        said: &Result<Vec<u8>, Error>,
    ) -> Self {
        let question = Question {
            function: "vendor.repair",
            asked: (device.clone(), cmd_type.to_owned(), body.to_owned()),
            ask: |candidate, (device, cmd_type, body)| candidate.repair(device, cmd_type, body),
            input: |(device, cmd_type, body), secrets| {
                format!("{}, {cmd_type} {}", scrub::device(device, secrets), text(body))
            },
            answer: |body, _| text(body),
        };
        question.answered(said)
    }

    pub(in super::super) fn catalog(
        device: &Device,
        items: &[Item],
        said: &Result<Vec<Item>, Error>,
    ) -> Self {
        let question = Question {
            function: "vendor.catalog",
            asked: (device.clone(), items.to_owned()),
            ask: |candidate, (device, items)| candidate.catalog(device, items),
            input: |(device, items), secrets| format!("{}, {items:?}", scrub::device(device, secrets)),
            answer: |items, _| format!("{items:?}"),
        };
        question.answered(said)
    }

    pub(in super::super) fn offer(
        device: &Device,
        channel: &str,
        sdp: &str,
        said: &Result<String, Error>,
    ) -> Self {
        let question = Question {
            function: "vendor.offer",
            asked: (device.clone(), channel.to_owned(), sdp.to_owned()),
            ask: |candidate, (device, channel, sdp)| candidate.offer(device, channel, sdp),
            input: about,
            answer: |sdp, _| sdp.clone(),
        };
        question.answered(said)
    }

    pub(in super::super) fn answer(
        device: &Device,
        channel: &str,
        sdp: &str,
        said: &Result<String, Error>,
    ) -> Self {
        let question = Question {
            function: "vendor.answer",
            asked: (device.clone(), channel.to_owned(), sdp.to_owned()),
            ask: |candidate, (device, channel, sdp)| candidate.answer(device, channel, sdp),
            input: about,
            answer: |sdp, _| sdp.clone(),
        };
        question.answered(said)
    }

    pub(in super::super) fn control(
        device: &Device,
        channel: &str,
        cmd_type: &str,
        body: &str,
        said: &Result<String, Error>,
    ) -> Self {
        let question = Question {
            function: "vendor.control",
            asked: (device.clone(), channel.to_owned(), cmd_type.to_owned(), body.to_owned()),
            ask: |candidate, (device, channel, cmd_type, body)| {
                candidate.control(device, channel, cmd_type, body)
            },
            input: |(device, channel, cmd_type, body), secrets| {
                format!("{}, {channel}, {cmd_type} {body}", scrub::device(device, secrets))
            },
            answer: |body, _| body.clone(),
        };
        question.answered(said)
    }
}

fn about((device, what, text): &About, secrets: &mut Secrets) -> String {
    format!("{}, {what} {text}", scrub::device(device, secrets))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
