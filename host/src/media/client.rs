//! The client of ZLMediaKit's HTTP API.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc, time::Duration};

use reqwest::{Client, StatusCode, Url, redirect};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{
    APP, Error, Medium, RecordFiles, Result, RtpInfo, RtpServer, VHOST, Version,
    answer::{Changed, Closed, Data, Exist, Head, Hit, Nothing, Outcome, Port, Status},
};

/// `type` of the record calls: an MP4 file.
const MP4: u8 = 1;

/// Most bytes of an answer: `getMediaList` with ten thousand streams has some 40 MB. What says more than that is no
/// media server, and would fill the memory in the time it has.
const LONGEST: usize = 64 << 20;

/// A media server's HTTP API. Cheap to clone.
#[derive(Clone)]
pub struct MediaServer {
    client: Client,
    base: Url,
    secret: Arc<str>,
}

/// How long a call may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// Until the connection is there.
    pub connect: Duration,
    /// Until the answer is there, the connecting counted. `connectRtpServer` answers only once the device was
    /// reached.
    pub answer: Duration,
}

/// How RTP reaches a port that is opened for one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpMode {
    /// Over TCP; the media server connects, see [`MediaServer::connect_rtp_server`].
    TcpActive,
    /// Over TCP; the device connects.
    TcpPassive,
    /// Over UDP.
    Udp,
}

/// A port to be opened for one stream.
#[derive(Clone, Debug)]
pub struct OpenRtp {
    /// The name that the stream gets.
    pub stream_id: String,
    /// How RTP reaches it.
    pub tcp_mode: TcpMode,
    /// The only SSRC that is accepted; none: any.
    pub ssrc: Option<u32>,
    /// 0: a free even one of ZLMediaKit's `rtp_proxy.port_range`.
    pub port: u16,
}

impl MediaServer {
    /// A client for the API at `api`, such as `http://127.0.0.1:8080`. It does not connect yet.
    ///
    /// Errors: [`Error::BadAddress`], [`Error::Client`].
    pub fn new(api: &str, secret: &str, timeouts: Timeouts) -> Result<Self> {
        let bad_address = || Error::BadAddress { address: api.to_owned() };
        let base =
            Url::parse(&format!("{}/index/api/", api.trim_end_matches('/'))).map_err(|_| bad_address())?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(bad_address());
        }
        let client = Client::builder()
            .connect_timeout(timeouts.connect)
            .timeout(timeouts.answer)
            // After an error ZLMediaKit closes the connection that it said it would keep. A call on a kept
            // one could break and leave open whether it was done, so each has a connection of its own.
            .pool_max_idle_per_host(0)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(Error::Client)?;
        Ok(Self { client, base, secret: secret.into() })
    }

    /// Opens a port for one stream and returns it. Without media it closes by itself after
    /// `rtp_proxy.timeoutSec`, with the hook `on_rtp_server_timeout`.
    ///
    /// Errors: [`Error::AlreadyExists`] while a stream of that name is there.
    pub async fn open_rtp_server(&self, open: &OpenRtp) -> Result<u16> {
        let mut params = json!({
            "port": open.port,
            "tcp_mode": open.tcp_mode.number(),
            "stream_id": open.stream_id,
        });
        if let Some(ssrc) = open.ssrc {
            params["ssrc"] = decimal(ssrc);
        }
        self.call::<Port>("openRtpServer", params).await.map(|answer| answer.port)
    }

    /// Makes a port opened as [`TcpMode::TcpActive`] connect to the device, and returns once it has. To be
    /// called only once for a stream that is connected: ZLMediaKit would break the connection.
    ///
    /// Errors: [`Error::Refused`] when the device does not accept; it may be tried again.
    pub async fn connect_rtp_server(&self, stream_id: &str, ip: IpAddr, port: u16) -> Result<()> {
        let params = json!({ "stream_id": stream_id, "dst_url": ip.to_string(), "dst_port": port });
        self.call::<Nothing>("connectRtpServer", params).await.map(drop)
    }

    /// Closes the port opened for a stream, and the stream. False when there is none: it has closed by
    /// itself, or the stream came in by the common port.
    pub async fn close_rtp_server(&self, stream_id: &str) -> Result<bool> {
        self.call::<Hit>("closeRtpServer", json!({ "stream_id": stream_id }))
            .await
            .map(|answer| answer.hit > 0)
    }

    /// Closes a stream, watched or not, and returns by how many protocols it could be watched; 0 when it was
    /// not there. One that comes in by the common port is back seconds later while the device still sends:
    /// BYE first.
    pub async fn close_streams(&self, stream: &str) -> Result<u32> {
        let params = json!({ "vhost": VHOST, "app": APP, "stream": stream, "force": 1 });
        self.call::<Closed>("close_streams", params).await.map(|answer| answer.count_closed)
    }

    /// What can be watched, one entry for each protocol: of one stream, or of all that came in as RTP.
    pub async fn media_list(&self, stream: Option<&str>) -> Result<Vec<Medium>> {
        let mut params = json!({ "vhost": VHOST, "app": APP });
        if let Some(stream) = stream {
            params["stream"] = stream.into();
        }
        self.call::<Data<_>>("getMediaList", params).await.map(|answer| answer.data)
    }

    /// Who sends the stream; none when nobody does, or nothing that decodes. Names are case-sensitive.
    pub async fn rtp_info(&self, stream_id: &str) -> Result<Option<RtpInfo>> {
        let answer = self.call::<Exist>("getRtpInfo", json!({ "stream_id": stream_id })).await?;
        Ok(answer.exist.then_some(answer.info))
    }

    /// The ports that are opened for one stream each. The common port is never among them.
    pub async fn rtp_servers(&self) -> Result<Vec<RtpServer>> {
        self.call::<Data<_>>("listRtpServer", json!({})).await.map(|answer| answer.data)
    }

    /// Changes the only SSRC that the port of a stream accepts.
    ///
    /// Errors: [`Error::NotFound`].
    pub async fn update_rtp_server_ssrc(&self, stream_id: &str, ssrc: u32) -> Result<()> {
        let params = json!({ "stream_id": stream_id, "ssrc": decimal(ssrc) });
        self.call::<Nothing>("updateRtpServerSSRC", params).await.map(drop)
    }

    /// Starts to write a stream into MP4 files of up to `max_second` seconds each (none: as ZLMediaKit is
    /// configured), under `path` (none: its record folder). The hook `on_record_mp4` tells of each. One that
    /// is written already stays as it is.
    ///
    /// Errors: [`Error::NotFound`].
    pub async fn start_record(
        &self,
        stream: &str,
        max_second: Option<u32>,
        path: Option<&str>,
    ) -> Result<()> {
        let mut params = record(stream);
        if let Some(seconds) = max_second {
            params["max_second"] = seconds.into();
        }
        if let Some(path) = path {
            params["customized_path"] = path.into();
        }
        self.call_record("startRecord", params).await
    }

    /// Stops to write a stream into files. One that is not written is no error.
    ///
    /// Errors: [`Error::NotFound`].
    pub async fn stop_record(&self, stream: &str) -> Result<()> {
        self.call_record("stopRecord", record(stream)).await
    }

    /// Whether a stream is written into files.
    ///
    /// Errors: [`Error::NotFound`].
    pub async fn is_recording(&self, stream: &str) -> Result<bool> {
        self.call::<Status>("isRecording", record(stream)).await.map(|answer| answer.status)
    }

    /// The finished MP4 files of a stream and a day, `2026-11-22` in its own zone, in no order; the one that is being
    /// written is not among them.
    pub async fn record_files(&self, stream: &str, day: &str) -> Result<RecordFiles> {
        let params = json!({ "vhost": VHOST, "app": APP, "stream": stream, "period": day });
        self.call::<Data<_>>("getMP4RecordFile", params).await.map(|answer| answer.data)
    }

    /// Its configuration, keys as in its file (`hook.on_play`). The API secret is among them.
    pub async fn server_config(&self) -> Result<BTreeMap<String, String>> {
        let api = "getServerConfig";
        let answer: Data<Vec<BTreeMap<String, String>>> = self.call(api, json!({})).await?;
        // It is a list of one.
        answer.data.into_iter().next().ok_or(Error::BadAnswer { api, status: 200, source: None })
    }

    /// Changes its configuration, also in its file, and returns how many values are others now. A key that it
    /// does not know changes nothing and is no error.
    pub async fn set_server_config(&self, changes: &BTreeMap<String, String>) -> Result<u32> {
        self.call::<Changed>("setServerConfig", json!(changes)).await.map(|answer| answer.changed)
    }

    /// Which build it is.
    pub async fn version(&self) -> Result<Version> {
        self.call::<Data<_>>("version", json!({})).await.map(|answer| answer.data)
    }

    async fn call_record(&self, api: &'static str, params: Value) -> Result<()> {
        if self.call::<Outcome>(api, params).await?.result {
            return Ok(());
        }
        Err(Error::Refused { api, code: 0, message: "not done".to_owned() })
    }

    /// Posts `params` and the secret as JSON: a URL would reach logs.
    async fn call<T: DeserializeOwned>(&self, api: &'static str, params: Value) -> Result<T> {
        let url = self.base.join(api).map_err(|_| Error::BadAddress { address: self.base.to_string() })?;
        let mut body = match params {
            Value::Object(params) => params,
            _ => Map::new(),
        };
        body.insert("secret".to_owned(), (*self.secret).into());
        let mut answer = self.client.post(url).json(&body).send().await.map_err(|e| broken(api, e))?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(|e| broken(api, e))? {
            if body.len() + piece.len() > LONGEST {
                return Err(Error::BadAnswer { api, status: status.as_u16(), source: None });
            }
            body.extend_from_slice(&piece);
        }
        read(api, status, &body)
    }
}

impl TcpMode {
    fn number(self) -> u8 {
        match self {
            Self::TcpActive => 2,
            Self::TcpPassive => 1,
            Self::Udp => 0,
        }
    }
}

fn record(stream: &str) -> Value {
    json!({ "type": MP4, "vhost": VHOST, "app": APP, "stream": stream })
}

/// An SSRC the way GB28181 writes it: ten decimal digits.
fn decimal(ssrc: u32) -> Value {
    format!("{ssrc:010}").into()
}

fn read<T: DeserializeOwned>(api: &'static str, status: StatusCode, body: &[u8]) -> Result<T> {
    let bad_answer = |source| Error::BadAnswer { api, status: status.as_u16(), source };
    if status != StatusCode::OK {
        return Err(bad_answer(None));
    }
    let head: Head = serde_json::from_slice(body).map_err(|e| bad_answer(Some(e)))?;
    match (head.code, head.msg) {
        (0, _) => serde_json::from_slice(body).map_err(|e| bad_answer(Some(e))),
        (-100, message) => Err(Error::Auth { api, message }),
        (-300, message) if message == "This stream already exists" => Err(Error::AlreadyExists { api }),
        (-500, message) => Err(Error::NotFound { api, message }),
        (code, message) => Err(Error::Refused { api, code, message }),
    }
}

fn broken(api: &'static str, source: reqwest::Error) -> Error {
    if source.is_timeout() { Error::Timeout { api, source } } else { Error::Unreachable { api, source } }
}
