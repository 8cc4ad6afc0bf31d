//! RTP servers for one stream each.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::super::body;
use super::super::core::Core;
use super::super::receive::{self, Door, Pair};
use super::super::session::{self, Session};
use super::super::stream::{Connection, Entrance, Inlet, Key, Origin, RtpServer};
use super::{Answer, Failure, Params};

/// How long a connect to a device may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn open(core: &Arc<Core>, params: &Params) -> Answer {
    params.need(&["port", "stream_id"], "\"port\", \"stream_id\"")?;
    let key = key(params);
    if core.with(|state| state.servers.contains_key(&key) || state.streams.contains_key(&key)) {
        return Err(Failure::new(-300, "This stream already exists"));
    }
    let wanted = params.number("port").unwrap_or(0);
    let (pair, rtcp) = bind(core.config.address, wanted).await?;
    let port = pair.port;
    let server = start(core, params, &key, pair, rtcp)
        .map_err(|error| Failure { code: -400, message: error.to_string() })?;
    let duplicate = core.with(|state| {
        if state.servers.contains_key(&key) {
            return Some(server);
        }
        state.servers.insert(key, server);
        None
    });
    match duplicate {
        Some(server) => {
            server.abort();
            Err(Failure::new(-300, "This stream already exists"))
        }
        None => Ok(json!({"port": port})),
    }
}

pub(super) fn close(core: &Arc<Core>, params: &Params) -> Answer {
    params.need(&["stream_id"], "\"stream_id\"")?;
    Ok(json!({"hit": u8::from(core.close_server(&key(params)))}))
}

pub(super) async fn connect(core: &Arc<Core>, params: &Params) -> Answer {
    params.need(&["stream_id", "dst_url", "dst_port"], "\"stream_id\", \"dst_url\", \"dst_port\"")?;
    let key = key(params);
    let door = door_to_connect(core, &key)?;
    let refused = || Failure::new(-1, "connection refused");
    let ip: IpAddr = params.get("dst_url").and_then(|url| url.parse().ok()).ok_or_else(refused)?;
    let peer = SocketAddr::new(ip, params.number("dst_port").unwrap_or(0));
    let connect = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(peer));
    let Ok(Ok(stream)) = connect.await else { return Err(refused()) };
    let (read, writer) = stream.into_split();
    let reader = tokio::spawn(receive::connected(read, peer, door));
    core.with(|state| match state.servers.get_mut(&key) {
        Some(server) => server.connection = Some(Connection { reader, _writer: writer }),
        None => reader.abort(),
    });
    Ok(json!({}))
}

pub(super) fn list(core: &Core) -> Value {
    let servers: Vec<Value> =
        core.with(|state| state.servers.iter().map(|(key, server)| body::server(key, server)).collect());
    if servers.is_empty() { json!({}) } else { json!({"data": servers}) }
}

pub(super) fn info(core: &Core, params: &Params) -> Answer {
    params.need(&["stream_id"], "\"stream_id\"")?;
    let key = key(params);
    let origin = core.with(|state| {
        let stream = state.streams.get(&key).filter(|stream| !stream.schemas.is_empty())?;
        Some(body::origin_sock(&stream.origin))
    });
    let Some(mut found) = origin else { return Ok(json!({"exist": false})) };
    found["exist"] = true.into();
    Ok(found)
}

pub(super) fn update_ssrc(core: &Core, params: &Params) -> Answer {
    params.need(&["stream_id", "ssrc"], "\"stream_id\", \"ssrc\"")?;
    let key = key(params);
    core.with(|state| {
        let server =
            state.servers.get(&key).ok_or_else(|| Failure::new(-500, "RtpServer not found by stream_id"))?;
        server.ssrc.store(params.number("ssrc").unwrap_or(0), Ordering::Relaxed);
        Ok(json!({}))
    })
}

fn key(params: &Params) -> Key {
    Key::new(params.get("app").unwrap_or("rtp"), params.get("stream_id").unwrap_or_default())
}

/// The port pair of a server, even as RTP ports are, with the next port for RTCP.
async fn bind(address: Ipv4Addr, port: u16) -> Result<(Pair, UdpSocket), Failure> {
    for _ in 0..if port == 0 { 256 } else { 1 } {
        let Ok(pair) = Pair::bind(address, port).await else { continue };
        if port == 0 && !pair.port.is_multiple_of(2) {
            continue;
        }
        if let Ok(rtcp) = UdpSocket::bind((address, pair.port.wrapping_add(1))).await {
            return Ok((pair, rtcp));
        }
    }
    let message = format!("创建rtp端口 {address}:{port} 失败:address already in use");
    Err(Failure { code: -400, message })
}

fn start(
    core: &Arc<Core>,
    params: &Params,
    key: &Key,
    pair: Pair,
    rtcp: UdpSocket,
) -> std::io::Result<RtpServer> {
    let (inlet, outlet) = session::inlet();
    let ssrc = params.number("ssrc").unwrap_or(0);
    let tcp_mode = params.number("tcp_mode").unwrap_or(0);
    let door = Door {
        inlet: inlet.clone(),
        ssrc: Arc::new(AtomicU32::new(ssrc)),
        dropped: Arc::new(AtomicU64::new(0)),
    };
    let opened = Instant::now();
    let nobody = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let origin = Origin {
        asked: key.clone(),
        entrance: Entrance::Server(tcp_mode),
        local_port: pair.port,
        peer: nobody,
        ssrc,
        session: core.next_id(),
        since: opened,
    };
    let session = Session {
        core: Arc::clone(core),
        origin,
        inlet: inlet.clone(),
        packets: outlet.packets,
        control: outlet.control,
    };
    Ok(RtpServer {
        port: pair.port,
        tcp_mode,
        reuse: params.flag("re_use_port"),
        ssrc: Arc::clone(&door.ssrc),
        ssrc_at_open: ssrc,
        opened,
        inlet,
        dropped: Arc::clone(&door.dropped),
        peer: nobody,
        media: key.clone(),
        tasks: tasks(pair, rtcp, door, session, tcp_mode)?,
        connection: None,
    })
}

/// The publisher's task and those of the sockets. With tcp_mode 2 the TCP port is only held.
fn tasks(
    pair: Pair,
    rtcp: UdpSocket,
    door: Door,
    session: Session,
    tcp_mode: u8,
) -> std::io::Result<Vec<JoinHandle<()>>> {
    let listener = if tcp_mode == 1 { Some(pair.tcp.listen(16)?) } else { None };
    let udp_door = door.clone();
    let mut tasks = vec![tokio::spawn(session.run())];
    tasks.extend(listener.map(|listener| tokio::spawn(receive::server_tcp(listener, door))));
    tasks.push(tokio::spawn(async move {
        // The RTCP port is held as long as the server.
        let _held = rtcp;
        receive::server_udp(pair.udp, udp_door).await;
    }));
    Ok(tasks)
}

/// What `connectRtpServer` needs of the server; connecting again breaks the running connection.
fn door_to_connect(core: &Core, key: &Key) -> Result<Door, Failure> {
    core.with(|state| {
        let server = state.servers.get_mut(key).ok_or_else(|| Failure::new(-1, "can not find the stream"))?;
        if server.tcp_mode != 2 {
            return Err(Failure::new(-1, "仅支持tcp主动模式"));
        }
        if let Some(connection) = server.connection.take_if(|connection| !connection.reader.is_finished()) {
            connection.reader.abort();
            return Err(Failure::new(-1, "address not available"));
        }
        Ok(server.door())
    })
}

impl RtpServer {
    fn door(&self) -> Door {
        let inlet: Inlet = self.inlet.clone();
        Door { inlet, ssrc: Arc::clone(&self.ssrc), dropped: Arc::clone(&self.dropped) }
    }
}
