//! What goes wrong in the course of the hour.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use sluice_tests::policy::PluginFolder;

use crate::caller::Caller;
use crate::media::Mood;

/// Who sends rubbish: nobody whom a device shares its address with. It is more than the gateway forgives, so that after
/// a while most of it is not even read. The connections come from another address, which it goes on to read.
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 250);

/// Between two datagrams of rubbish; every twentieth time a connection is cut as well.
const RUBBISH: Duration = Duration::from_millis(50);

/// What is wrong with the media server, one after the other, and for how long.
const MOODS: [Mood; 3] = [Mood::Down, Mood::Slow, Mood::Rubbish];
const BAD_FOR: Duration = Duration::from_secs(10);
const EVERY: Duration = Duration::from_secs(150);

/// Between two reloads; the plugins take turns.
const RELOAD: Duration = Duration::from_secs(60);
const RELOADED: [&str; 4] = ["gosip-auth", "gosip-sign", "hikvision", "gosip-notify"];

/// What goes wrong, and how much has.
pub(super) struct Faults {
    plugins: PluginFolder,
    rubbish: Arc<Rubbish>,
    thread: Option<JoinHandle<()>>,
    /// How often the media server was made unwell, and how often a plugin was put in place.
    pub(super) outages: u32,
    pub(super) reloads: u32,
    unwell: bool,
}

/// Who sends what no gateway can read.
#[derive(Default)]
struct Rubbish {
    ended: AtomicBool,
    /// Datagrams, and streams of bytes by connections, each of which the gateway counts once.
    sent: AtomicU64,
}

impl Faults {
    pub(super) fn start(plugins: PluginFolder, udp: SocketAddr, tcp: SocketAddr) -> anyhow::Result<Self> {
        let rubbish = Arc::new(Rubbish::default());
        let socket = UdpSocket::bind((STRANGER, 0))?;
        let sender = Arc::clone(&rubbish);
        let thread = std::thread::spawn(move || sender.run(&socket, udp, tcp));
        Ok(Self { plugins, rubbish, thread: Some(thread), outages: 0, reloads: 0, unwell: false })
    }

    /// Does what is due.
    pub(super) fn turn(&mut self, elapsed: Duration, caller: &Caller) -> anyhow::Result<()> {
        if self.thread.is_none() {
            return Ok(());
        }
        if elapsed >= EVERY * (self.outages + 1) && !self.unwell {
            caller.set_media(MOODS[self.outages as usize % MOODS.len()])?;
            (self.outages, self.unwell) = (self.outages + 1, true);
        }
        if self.unwell && elapsed >= EVERY * self.outages + BAD_FOR {
            caller.set_media(Mood::Ready)?;
            self.unwell = false;
        }
        if elapsed >= RELOAD * (self.reloads + 1) {
            let name = RELOADED[self.reloads as usize % RELOADED.len()];
            // The version of last time comes again after a while: 256 there are.
            self.plugins.put(name, &self.plugins.variant(name, (self.reloads % 256) as u8)?)?;
            self.reloads += 1;
        }
        Ok(())
    }

    /// No more of it.
    pub(super) fn end(&mut self, caller: &Caller) -> anyhow::Result<()> {
        caller.set_media(Mood::Ready)?;
        self.rubbish.ended.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().map_err(|_| anyhow::anyhow!("the sender of rubbish panicked"))?;
        }
        Ok(())
    }

    /// How many pieces of rubbish the gateway must have counted.
    pub(super) fn rubbish(&self) -> u64 {
        self.rubbish.sent.load(Relaxed)
    }
}

impl Rubbish {
    #[expect(clippy::disallowed_methods, reason = "a thread of its own that keeps a pace")]
    fn run(&self, socket: &UdpSocket, udp: SocketAddr, tcp: SocketAddr) {
        const DATAGRAMS: [&[u8]; 4] = [
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS client hello, more or less",
            b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n",
            b"REGISTER sip:nobody SIP/2.0\r\n\r\n",
            b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKnobody\r\n\r\n",
        ];
        for number in 0_usize.. {
            if self.ended.load(Relaxed) {
                return;
            }
            if socket.send_to(DATAGRAMS[number % DATAGRAMS.len()], udp).is_ok() {
                self.sent.fetch_add(1, Relaxed);
            }
            if number.is_multiple_of(20) && connection(tcp, number.is_multiple_of(40)).is_ok_and(|read| read)
            {
                self.sent.fetch_add(1, Relaxed);
            }
            std::thread::sleep(RUBBISH);
        }
    }
}

/// A connection that says half a message and is gone, or what is no message; whether the gateway counts that.
fn connection(tcp: SocketAddr, half: bool) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(tcp)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    if half {
        stream.write_all(b"REGISTER sip:37070000082008000001@3707000008 SIP/2.0\r\nVia: SIP/2.0/TCP 127")?;
        return Ok(false);
    }
    stream.write_all(b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n")?;
    // It says what it thinks of that, and hangs up, perhaps before we have heard all of it.
    let _ = stream.read_to_end(&mut Vec::new());
    Ok(true)
}
