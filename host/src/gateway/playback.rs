//! Recordings on the device: played back (GB/T 28181 §9.8), and listed (§9.7).

use std::cmp::Ordering;
use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::gb28181::DeviceId;
use crate::gb28181::manscdp::{self, Record, RecordInfo, RecordQuery};
use crate::store::StreamKind;

use super::invite::Plan;
use super::live::Playback;
use super::timeline::{Period, RecordList};
use super::{Error, Gateway};

/// How long a list that seems complete may still grow: some devices say a smaller total than they send.
const AFTERTHOUGHT: Duration = Duration::from_millis(200);

/// The same for a list that has grown past its total, so that nothing tells its end but silence.
const SILENCE: Duration = Duration::from_secs(1);

impl Gateway {
    /// Plays `channel`'s recording of a period. Each call has a stream of its own.
    ///
    /// # Errors
    /// As for `play`; [`Error::BadParameter`] for a period that is none.
    pub async fn replay(&self, channel: &str, start: i64, end: i64) -> Result<Playback, Error> {
        let period = Period::new(start, end)?;
        let (channel, device) = self.playable(channel).await?;
        let plan = Plan {
            kind: StreamKind::History,
            device,
            channel: channel.clone(),
            period: Some(period.unsigned()),
        };
        let gateway = self.clone();
        // In a task of its own: a caller who hangs up must not leave a dialog behind.
        let opening = self.in_own_task(async move { gateway.open(plan).await });
        let id = opening.await.map_err(|error| Error::Internal(error.to_string()))??;
        Ok(self.playback(&channel, id))
    }

    /// Which parts of a period `channel` has recorded, by day. What came in time is answered.
    ///
    /// # Errors
    /// The channel is unknown, its device is offline, does not take the query or does not answer it.
    pub async fn files(&self, channel: &str, start: i64, end: i64) -> Result<RecordList, Error> {
        let asked = Period::new(start, end)?;
        // Recordings are there even while the camera is off.
        let (channel, device, _) = self.reachable(channel).await?;
        let (sn, mut parts) = self.0.queries.await_list(&device);
        let listed = self.gather(&device, &channel, sn, asked, &mut parts).await;
        self.0.queries.end_list(sn);
        let zone = &self.0.zone;
        let periods = listed?.into_iter().filter_map(|(start, end)| {
            let seconds =
                |time: DateTime| time.to_zoned(zone.clone()).ok().map(|time| time.timestamp().as_second());
            Some((seconds(start)?, seconds(end)?))
        });
        Ok(RecordList::new(periods.collect(), asked, zone))
    }

    async fn gather(
        &self,
        device: &DeviceId,
        channel: &DeviceId,
        sn: u32,
        asked: Period,
        parts: &mut mpsc::Receiver<RecordInfo>,
    ) -> Result<Vec<(DateTime, DateTime)>, Error> {
        let query = RecordQuery {
            start: self.civil(asked.start)?,
            end: self.civil(asked.end)?,
            kind: self.dialect(device).await.record_type(),
        };
        let end = Instant::now() + Duration::from_secs(self.0.config.sip.files_timeout_secs);
        let asked = manscdp::Request::RecordInfo(query);
        timeout_at(end, self.ask_device(device, channel, sn, &asked))
            .await
            .unwrap_or(Err(Error::TimedOut))?;
        let mut list = List::default();
        let mut deadline = end;
        while let Ok(Some(part)) = timeout_at(deadline, parts.recv()).await {
            list.take(part);
            if let Some(pause) = list.may_end_after() {
                deadline = end.min(Instant::now() + pause);
            }
        }
        Ok(list.periods)
    }

    fn civil(&self, seconds: i64) -> Result<DateTime, Error> {
        let time = Timestamp::from_second(seconds).map_err(|error| Error::BadParameter(error.to_string()))?;
        Ok(time.to_zoned(self.0.zone.clone()).datetime())
    }
}

/// A list that comes in parts: in any order, repeated, with totals that disagree.
#[derive(Debug, Default)]
struct List {
    periods: Vec<(DateTime, DateTime)>,
    seen: HashSet<(DateTime, DateTime, Option<String>, Option<String>)>,
    total: u32,
    told: bool,
}

impl List {
    fn take(&mut self, part: RecordInfo) {
        self.told |= part.sum_num.is_some();
        self.total = self.total.max(part.sum_num.unwrap_or_default());
        for Record { start, end, file_path, name, .. } in part.items {
            if self.seen.insert((start, end, file_path, name)) {
                self.periods.push((start, end));
            }
        }
    }

    /// The silence after which nothing more is waited for; none while parts are missing.
    fn may_end_after(&self) -> Option<Duration> {
        let total = usize::try_from(self.total).ok().filter(|_| self.told)?;
        match self.seen.len().cmp(&total) {
            Ordering::Less => None,
            Ordering::Equal => Some(AFTERTHOUGHT),
            Ordering::Greater => Some(SILENCE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(sum_num: Option<u32>, hours: &[i8]) -> RecordInfo {
        let device_id = DeviceId::parse("34020000001310000001").expect("an id");
        let record = |hour: &i8| Record {
            device_id: device_id.clone(),
            name: None,
            file_path: None,
            address: None,
            start: jiff::civil::date(2026, 11, 22).at(*hour, 0, 0, 0),
            end: jiff::civil::date(2026, 11, 22).at(*hour, 30, 0, 0),
            secrecy: None,
            kind: None,
            recorder_id: None,
            file_size: None,
        };
        RecordInfo { name: None, sum_num, num: None, items: hours.iter().map(record).collect(), skipped: 0 }
    }

    fn ends_after(parts: &[RecordInfo]) -> Vec<Option<Duration>> {
        let mut list = List::default();
        let taken = parts.iter().map(|part| {
            list.take(part.clone());
            list.may_end_after()
        });
        taken.collect()
    }

    #[test]
    fn a_list_is_complete_once_all_different_items_came() {
        assert_eq!(ends_after(&[part(Some(0), &[])]), [Some(AFTERTHOUGHT)]);
        assert_eq!(
            ends_after(&[part(Some(3), &[2, 1]), part(Some(3), &[2, 1]), part(Some(3), &[0])]),
            [None, None, Some(AFTERTHOUGHT)]
        );
    }

    #[test]
    fn a_list_that_outgrows_its_total_ends_with_a_silence() {
        let grown = [part(Some(0), &[0]), part(Some(2), &[1]), part(Some(2), &[2])];
        assert_eq!(ends_after(&grown), [Some(SILENCE), Some(AFTERTHOUGHT), Some(SILENCE)]);
    }

    #[test]
    fn the_largest_total_counts_and_none_is_never_complete() {
        assert_eq!(
            ends_after(&[part(Some(3), &[0]), part(Some(2), &[1]), part(Some(2), &[2])]),
            [None, None, Some(AFTERTHOUGHT)]
        );
        assert_eq!(ends_after(&[part(None, &[0])]), [None]);
    }
}
