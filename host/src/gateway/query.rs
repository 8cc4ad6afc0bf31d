//! What a device is asked after it registered: DeviceInfo and Catalog (GB/T 28181 §9.5), and how the parts of
//! a catalog are gathered.
//!
//! Items count as they come, in any order and however often. Channels vanish only after a sync that is
//! complete: every part named the same total, and that many different channels came.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::gb28181::DeviceId;
use crate::gb28181::manscdp::{self, Catalog, DeviceInfo, RecordInfo};
use crate::store::{self, Applied, CatalogBatch, CatalogItem, NewEvent};

use super::receivers::Kind;
use super::{Error, Gateway, clock};

/// How long the parts of a catalog may take. A large platform's first part can take minutes.
const SYNC_PATIENCE: Duration = Duration::from_secs(300);

/// Parts of a list of recordings that may wait for their caller.
const PARTS: usize = 4096;

/// Queries that are open.
#[derive(Debug, Default)]
pub(super) struct Queries {
    sequence: AtomicU32,
    /// Nothing under the lock waits.
    syncs: Mutex<Syncs>,
    /// Callers who gather a list of recordings, by their query's number; nothing under the lock waits.
    lists: Mutex<HashMap<u32, (DeviceId, mpsc::Sender<RecordInfo>)>>,
}

/// Catalogs that are being gathered.
#[derive(Debug, Default)]
struct Syncs {
    /// The newest query of each device.
    open: HashMap<DeviceId, Sync>,
    /// When queries began, oldest first: so that those that nobody answers are found without a look at the others.
    begun: VecDeque<(Instant, DeviceId)>,
}

/// A catalog that comes in parts.
#[derive(Debug)]
struct Sync {
    sn: u32,
    /// The store's number for it, which its channels are marked with.
    generation: i64,
    total: Option<u32>,
    /// Parts named different totals: nothing may vanish for it.
    disputed: bool,
    seen: HashSet<DeviceId>,
    began: Instant,
}

impl Queries {
    /// Numbers of queries begin at random, so that answers to those of an earlier run fit none of this one.
    pub(super) fn starting_at(sequence: u32) -> Self {
        Self { sequence: AtomicU32::new(sequence & 0x3FFF_FFFF), ..Self::default() }
    }

    fn next_sn(&self) -> u32 {
        self.sequence.fetch_add(1, Ordering::Relaxed).wrapping_add(1) & 0x7FFF_FFFF
    }

    /// A number for a query to `device` for recordings, and where the parts of its answer come.
    pub(super) fn await_list(&self, device: &DeviceId) -> (u32, mpsc::Receiver<RecordInfo>) {
        let (sender, parts) = mpsc::channel(PARTS);
        let sn = self.next_sn();
        self.lists.lock().unwrap_or_else(PoisonError::into_inner).insert(sn, (device.clone(), sender));
        (sn, parts)
    }

    pub(super) fn end_list(&self, sn: u32) {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner).remove(&sn);
    }

    /// Hands a part to the caller who asked its device for it. One that nobody asked for, or that comes too late or
    /// while thousands wait, is dropped.
    pub(super) fn take_list(&self, device: &DeviceId, sn: Option<u32>, part: RecordInfo) {
        let lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = sn.and_then(|sn| lists.get(&sn)).filter(|(asked, _)| asked == device);
        if asked.is_none_or(|(_, parts)| parts.try_send(part).is_err()) {
            tracing::debug!(device.id = %device, sn, "a part of a list that nobody waits for");
        }
    }

    /// Begins a sync; an older one of the same device is forgotten.
    fn begin(&self, device: DeviceId, sn: u32, generation: i64, now: Instant) {
        let sync = Sync { sn, generation, total: None, disputed: false, seen: HashSet::new(), began: now };
        let mut syncs = self.lock();
        syncs.forget_old(now);
        syncs.begun.push_back((now, device.clone()));
        syncs.open.insert(device, sync);
    }

    /// The generation that a part under `sn` belongs to; none if nobody asked for it.
    fn generation(&self, device: &DeviceId, sn: Option<u32>) -> Option<i64> {
        self.lock().open.get(device).filter(|sync| Some(sync.sn) == sn).map(|sync| sync.generation)
    }

    /// Counts a part. The generation when it was the last one missing.
    fn gather(&self, device: &DeviceId, sn: Option<u32>, catalog: &Catalog) -> Option<i64> {
        let mut syncs = self.lock();
        let sync = syncs.open.get_mut(device).filter(|sync| Some(sync.sn) == sn)?;
        sync.disputed |= catalog.skipped > 0 || catalog.sum_num.is_none();
        sync.disputed |= sync.total.is_some() && sync.total != catalog.sum_num;
        sync.total = sync.total.or(catalog.sum_num);
        sync.seen.extend(catalog.items.iter().map(|item| item.device_id.clone()));
        let complete = sync.total.is_some_and(|total| usize::try_from(total) == Ok(sync.seen.len()));
        if !complete {
            return None;
        }
        // A recorder that has just started may say that it has no channel at all.
        let generation = (!sync.disputed && !sync.seen.is_empty()).then_some(sync.generation);
        syncs.open.remove(device);
        generation
    }

    fn lock(&self) -> MutexGuard<'_, Syncs> {
        self.syncs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Syncs {
    fn forget_old(&mut self, now: Instant) {
        let is_old = |began: Instant| now.duration_since(began) >= SYNC_PATIENCE;
        while let Some((_, device)) = self.begun.pop_front_if(|(began, _)| is_old(*began)) {
            // It may have been asked anew since, or have answered.
            if self.open.get(&device).is_some_and(|sync| is_old(sync.began)) {
                self.open.remove(&device);
            }
        }
    }
}

impl Gateway {
    /// Asks a device what it is.
    pub(super) async fn ask_device_info(&self, device: &DeviceId) -> Result<(), Error> {
        self.ask_device(device, device, self.0.queries.next_sn(), &manscdp::Request::DeviceInfo).await
    }

    /// Asks a device for its channels, the parts of which will come.
    pub(super) async fn ask_catalog(&self, device: &DeviceId) -> Result<(), Error> {
        let sn = self.0.queries.next_sn();
        let generation = self.0.store.begin_catalog(device.as_str()).await?;
        self.0.queries.begin(device.clone(), sn, generation, Instant::now());
        self.ask_device(device, device, sn, &manscdp::Request::Catalog).await
    }

    /// Takes what a device says of itself.
    pub(super) async fn take_device_info(&self, device: &DeviceId, info: DeviceInfo) -> Result<(), Error> {
        let row = store::DeviceInfo {
            manufacturer: info.manufacturer,
            devicetype: info.device_type,
            firmware: info.firmware,
            model: info.model,
        };
        let row = self.0.store.set_device_info(device.as_str(), row).await?;
        self.recognise(device, &row);
        Ok(())
    }

    /// A single camera is its own channel, and may say there what it is. DeviceInfo knows better.
    async fn take_own_item(&self, device: &DeviceId, catalog: &Catalog) -> Result<(), Error> {
        let own = catalog.items.iter().find(|item| item.device_id == *device && item.manufacturer.is_some());
        let Some(item) = own else { return Ok(()) };
        let Some(row) = self.0.store.user(device.as_str()).await? else { return Ok(()) };
        if !row.manufacturer.is_empty() {
            return Ok(());
        }
        let (manufacturer, model) = (item.manufacturer.clone(), item.model.clone());
        let info = store::DeviceInfo { manufacturer, model, ..store::DeviceInfo::default() };
        self.recognise(device, &self.0.store.set_device_info(device.as_str(), info).await?);
        Ok(())
    }

    /// Takes a part of a catalog, or a notification about one. Nobody's question or ours of long ago: then it
    /// adds and changes, and takes nothing away (Tiandy sends such parts).
    pub(super) async fn take_catalog(
        &self,
        device: &DeviceId,
        sn: Option<u32>,
        catalog: Catalog,
    ) -> Result<(), Error> {
        self.take_own_item(device, &catalog).await?;
        let generation = self.0.queries.generation(device, sn);
        let taken = self.normalised(&self.dialect(device).await, catalog.clone());
        let batch = CatalogBatch {
            user: device.to_string(),
            generation,
            adopt: self.0.config.platform.adopt_channels,
            time: clock::seconds(),
            items: taken.items.iter().map(|item| self.row(device, item)).collect(),
        };
        let receivers = self.0.receivers.of(Kind::DevicesActive);
        let time = batch.time;
        self.0.store.apply_catalog(batch, move |applied| told(&receivers, time, applied)).await?;
        self.0.events.wake();
        if let Some(generation) = self.0.queries.gather(device, sn, &catalog) {
            let gone = self.0.store.retire_missing(device.as_str(), generation).await?;
            tracing::info!(device.id = %device, gone = gone.len(), "catalog complete");
        }
        Ok(())
    }

    /// A channel that is described and names nobody as its parent, itself or this platform, hangs on the device that
    /// told of it (Hikvision NVR, wvp-GB28181-pro 072e84db1).
    fn row(&self, device: &DeviceId, item: &manscdp::Item) -> CatalogItem {
        let named = item.parent_id.as_ref().filter(|parent| parent.as_str() != self.0.config.platform.id);
        let described = item.name.is_some() && *device != item.device_id;
        let parent = named.or_else(|| Some(device).filter(|_| described));
        CatalogItem { parentid: parent.map(ToString::to_string), ..row(item) }
    }
}

/// `devices.active` for each channel whose status came.
fn told(receivers: &[String], time: i64, applied: &[Applied]) -> Vec<NewEvent> {
    let events = |channel: &Applied| {
        Kind::DevicesActive.activity(receivers, &channel.deviceid, channel.status.as_str(), time)
    };
    applied.iter().filter(|channel| channel.told).flat_map(events).collect()
}

fn row(item: &manscdp::Item) -> CatalogItem {
    let status = item.status.or_else(|| item.event.and_then(manscdp::Event::status));
    CatalogItem {
        deviceid: item.device_id.to_string(),
        name: item.name.clone(),
        manufacturer: item.manufacturer.clone(),
        model: item.model.clone(),
        owner: item.owner.clone(),
        civilcode: item.civil_code.clone(),
        address: item.address.clone(),
        parental: item.parental.map(i64::from),
        safetyway: item.safety_way.map(i64::from),
        registerway: item.register_way.map(i64::from),
        secrecy: item.secrecy.map(i64::from),
        status: status.map(|status| match status {
            manscdp::Status::Off => store::Status::Off,
            manscdp::Status::On => store::Status::On,
        }),
        uri: None,
        parentid: item.parent_id.as_ref().map(ToString::to_string),
        longitude: item.longitude,
        latitude: item.latitude,
        ptztype: item.ptz_type.map(i64::from),
    }
}
