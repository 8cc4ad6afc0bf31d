//! What a device sends when it is asked: Catalog, DeviceInfo, DeviceStatus, RecordInfo.

use std::sync::Arc;

use super::client;
use super::config::{Order, Paging, Recording};
use super::core::Core;
use super::manscdp::{self, Asked};
use super::{Channel, DeviceError};

/// Sends the answer to a query, in as many messages as it takes. A failure is the platform's to notice.
pub(super) async fn answer(core: Arc<Core>, asked: Asked) {
    let behaviour = core.with(|state| state.behaviour.clone());
    if behaviour.no_query_answers {
        return;
    }
    tokio::time::sleep(behaviour.query_delay).await;
    let habits = &core.config.habits;
    if asked.command == "RecordInfo" && habits.record_type.is_some_and(|kind| asked.field("Type") != kind) {
        return;
    }
    let channels = core.with(|state| state.channels.clone());
    let messages = match asked.command.as_str() {
        "Catalog" => catalog_messages(&core, &asked.sn, &channels),
        "DeviceInfo" => vec![manscdp::device_info(&core.config, channels.len(), &asked)],
        "DeviceStatus" => vec![manscdp::device_status("2026-11-22T10:00:00", &asked)],
        "RecordInfo" => record_messages(&core, &asked),
        _ => Vec::new(),
    };
    let paging = if asked.command == "RecordInfo" { &core.config.record_list } else { &core.config.catalog };
    let _ = send(&core, messages, paging).await;
    if asked.command == "Catalog" && habits.repeats_first_item {
        let again = catalog_messages(&core, &asked.sn, &channels[..channels.len().min(1)]);
        let _ = send(&core, again, paging).await;
    }
}

/// Sends the whole catalog under that SN.
pub(super) async fn catalog(core: &Arc<Core>, sn: u32) -> Result<(), DeviceError> {
    let channels = core.with(|state| state.channels.clone());
    send(core, catalog_messages(core, &sn.to_string(), &channels), &core.config.catalog).await
}

/// The answer to a command that has one besides its SIP 200 (GB/T 28181 §9.3).
pub(super) async fn command(core: Arc<Core>, asked: Asked) {
    let answered = ["RecordCmd", "GuardCmd", "AlarmCmd", "HomePosition"];
    if asked.command == "DeviceConfig"
        || answered.iter().any(|name| asked.body.contains(&format!("<{name}>")))
    {
        let _ = client::message(&core, &manscdp::result(&asked)).await;
    }
}

fn catalog_messages(core: &Core, sn: &str, channels: &[Channel]) -> Vec<String> {
    let config = &core.config;
    cut(channels, &config.catalog, |sum_num, part| manscdp::catalog(config, sn, sum_num, part))
}

fn record_messages(core: &Core, asked: &Asked) -> Vec<String> {
    let (from, to) = (asked.field("StartTime"), asked.field("EndTime"));
    // Civil times of one form compare as text.
    let overlaps = |recording: &&Recording| {
        (to.is_empty() || recording.start.as_str() < to) && recording.end.as_str() > from
    };
    let found: Vec<Recording> = core.config.recordings.iter().filter(overlaps).cloned().collect();
    let write = |sum_num, part: &[Recording]| manscdp::record_info(&core.config, asked, sum_num, part);
    cut(&found, &core.config.record_list, write)
}

/// Cuts a list into messages; an empty list is one empty message.
fn cut<T>(items: &[T], paging: &Paging, write: impl Fn(usize, &[T]) -> String) -> Vec<String> {
    let sum_num = |index: usize| paging.sum_num.get(index).copied().unwrap_or(items.len());
    if items.is_empty() {
        return vec![write(sum_num(0), items)];
    }
    let parts = items.chunks(paging.per_message.max(1)).enumerate();
    let mut messages: Vec<String> = parts.map(|(index, part)| write(sum_num(index), part)).collect();
    messages.truncate(messages.len().saturating_sub(paging.withhold));
    if paging.order == Order::Backward {
        messages.reverse();
    }
    if paging.repeat {
        messages = messages.into_iter().flat_map(|message| [message.clone(), message]).collect();
    }
    messages
}

async fn send(core: &Arc<Core>, messages: Vec<String>, paging: &Paging) -> Result<(), DeviceError> {
    for message in messages {
        tokio::time::sleep(paging.delay).await;
        if paging.at_once {
            let core = Arc::clone(core);
            core.clone().spawn(async move { drop(client::message(&core, &message).await) });
        } else {
            client::message(core, &message).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_cut_as_told() {
        let write = |sum_num: usize, part: &[u8]| format!("{sum_num}:{part:?}");
        let paging = Paging { per_message: 2, sum_num: vec![9], order: Order::Backward, ..Paging::default() };
        assert_eq!(cut(&[1, 2, 3], &paging, write), ["3:[3]", "9:[1, 2]"]);
        let paging = Paging { per_message: 2, withhold: 1, repeat: true, ..Paging::default() };
        assert_eq!(cut(&[1, 2, 3], &paging, write), ["3:[1, 2]", "3:[1, 2]"]);
        assert_eq!(cut(&[], &Paging::default(), write), ["0:[]"]);
    }
}
