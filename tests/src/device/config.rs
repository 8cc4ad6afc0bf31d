//! What a device is.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::{Behaviour, Device, Habits};
use crate::rtp;

/// What a device is made from. Start from [`DeviceConfig::camera`] or [`DeviceConfig::recorder`] and change fields.
#[derive(Clone)]
pub struct DeviceConfig {
    /// The 20-digit id.
    pub id: String,
    /// The password.
    pub password: String,
    /// The digest user name, where it is not the id.
    pub user: Option<String>,
    /// Its own address, one of loopback's.
    pub address: Ipv4Addr,
    /// Where the platform listens.
    pub platform: SocketAddr,
    /// The platform's 20-digit id.
    pub platform_id: String,
    /// The platform's domain, used in URIs.
    pub domain: String,
    /// How it speaks SIP.
    pub transport: Transport,
    /// Its channels; a single camera is its own channel.
    pub channels: Vec<Channel>,
    /// Its recordings, answered to RecordInfo.
    pub recordings: Vec<Recording>,
    /// `<DeviceName>`.
    pub name: String,
    /// `<Manufacturer>`.
    pub manufacturer: String,
    /// `<Model>`.
    pub model: String,
    /// `<Firmware>`.
    pub firmware: String,
    /// The User-Agent header.
    pub user_agent: String,
    /// How XML bodies are written.
    pub charset: Charset,
    /// The Expires of its REGISTER, seconds.
    pub expires: u32,
    /// After a registration: a keepalive so often, and a refresh at half of the expiry. `None`: only by hand.
    pub keepalive: Option<Duration>,
    /// T1 of its own requests (RFC 3261 §17.1.1.1): an unanswered one fails after 64 of them.
    pub t1: Duration,
    /// How Catalog answers are cut.
    pub catalog: Paging,
    /// How RecordInfo answers are cut.
    pub record_list: Paging,
    /// The program stream that it sends, over and over.
    pub sample: &'static [u8],
    /// So many times faster than real time it sends media; the timestamps stay true.
    pub speed: u32,
    /// Frames of a recorded file (ten in a second): after them playback ends with MediaStatus 121.
    pub file_frames: u64,
    /// What it does wrong.
    pub behaviour: Behaviour,
    /// What it does in its maker's way.
    pub habits: Habits,
}

/// How a device speaks SIP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transport {
    /// One connection to the platform, kept.
    Tcp,
    /// Datagrams.
    #[default]
    Udp,
}

/// How XML bodies are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Charset {
    /// GB18030, and the prolog says so (2022).
    Gb18030,
    /// GB18030 under the prolog GB2312, as most devices do (2016).
    #[default]
    Gb2312,
    /// UTF-8, and the prolog says so.
    Utf8,
    /// UTF-8 under a prolog that ends before its encoding, as Uniview's platforms write it.
    Utf8DeclaredTwice,
    /// UTF-8 under the prolog GB2312: a wrong label.
    Utf8LabelledGb2312,
}

/// One `<Item>` of the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// `<DeviceID>`.
    pub id: String,
    /// `<Name>`.
    pub name: String,
    /// `<Status>`: `ON` or `OFF`, or what a vendor makes of it.
    pub status: String,
    /// `<ParentID>`.
    pub parent: String,
}

/// One `<Item>` of a RecordInfo answer. Times are civil time, `2026-11-22T10:00:00`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// `<Name>`.
    pub name: String,
    /// `<StartTime>`.
    pub start: String,
    /// `<EndTime>`.
    pub end: String,
    /// `<Type>`: time, alarm, manual.
    pub kind: String,
    /// `<FileSize>`, bytes.
    pub size: u64,
}

/// How a list is cut into messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paging {
    /// Items in one message, at least one.
    pub per_message: usize,
    /// In which order the messages go.
    pub order: Order,
    /// Sends all messages at once instead of one after the other.
    pub at_once: bool,
    /// Sends every message twice, under new Call-IDs.
    pub repeat: bool,
    /// Never sends the last so many messages.
    pub withhold: usize,
    /// The `<SumNum>` of the nth message; where the list ends, the true one.
    pub sum_num: Vec<usize>,
    /// Waits so long before each message.
    pub delay: Duration,
}

/// In which order the messages of a list go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// First to last.
    #[default]
    Forward,
    /// Last to first.
    Backward,
}

impl DeviceConfig {
    /// A single camera: it is its own channel.
    pub fn camera(id: &str, password: &str, platform: SocketAddr) -> Self {
        Self::recorder(id, password, platform, [id.to_owned()])
    }

    /// A recorder with these channels.
    pub fn recorder(
        id: &str,
        password: &str,
        platform: SocketAddr,
        channels: impl IntoIterator<Item = String>,
    ) -> Self {
        let channels = channels.into_iter().enumerate();
        Self {
            id: id.to_owned(),
            password: password.to_owned(),
            user: None,
            address: Ipv4Addr::LOCALHOST,
            platform,
            platform_id: "37070000082008000001".to_owned(),
            domain: "3707000008".to_owned(),
            transport: Transport::Udp,
            channels: channels.map(|(index, channel)| Channel::new(&channel, index + 1, id)).collect(),
            recordings: Vec::new(),
            name: "模拟设备".to_owned(),
            manufacturer: "Sluice".to_owned(),
            model: "Simulated".to_owned(),
            firmware: "V1.0".to_owned(),
            user_agent: "Simulated Device".to_owned(),
            charset: Charset::default(),
            expires: 3_600,
            keepalive: None,
            t1: Duration::from_millis(500),
            catalog: Paging::default(),
            record_list: Paging::default(),
            sample: rtp::SAMPLE,
            speed: 1,
            file_frames: 100,
            behaviour: Behaviour::default(),
            habits: Habits::default(),
        }
    }

    /// Starts the device.
    pub async fn start(self) -> io::Result<Device> {
        Device::start(self).await
    }
}

impl std::fmt::Debug for DeviceConfig {
    /// Without the password and the media.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceConfig")
            .field("id", &self.id)
            .field("platform", &self.platform)
            .field("transport", &self.transport)
            .field("channels", &self.channels.len())
            .finish_non_exhaustive()
    }
}

impl Channel {
    fn new(id: &str, number: usize, parent: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: format!("通道{number}"),
            status: "ON".to_owned(),
            parent: parent.to_owned(),
        }
    }
}

impl Default for Paging {
    /// Two items a message, in order, one after the other.
    fn default() -> Self {
        Self {
            per_message: 2,
            order: Order::Forward,
            at_once: false,
            repeat: false,
            withhold: 0,
            sum_num: Vec::new(),
            delay: Duration::ZERO,
        }
    }
}

/// Camera ids (type 131) in the centre of `device`, numbered from 1.
///
/// `device` has at least ten digits; what follows them does not matter.
pub fn channel_ids(device: &str, count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("{:.10}131{number:07}", device)).collect()
}
