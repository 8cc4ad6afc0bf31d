//! A bad network between devices and the gateway: a relay for datagrams that loses, doubles, delays and reorders them.
//!
//! Each device has a socket of its own towards the gateway, as behind a NAT: the gateway tells them apart, and what
//! it sends to one goes back through the same weather.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::random::Dice;
use crate::site::ANY;

/// Room for one datagram.
const LONGEST: usize = 65_535;

/// How bad a network is, in either direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weather {
    /// Datagrams that are lost, of a thousand.
    pub lost: u32,
    /// Datagrams that come twice, of a thousand.
    pub doubled: u32,
    /// How long a datagram is on its way: up to that, by chance, so that those that left together overtake one another.
    pub delay: Duration,
    /// What decides.
    pub seed: u64,
}

/// A running relay. Dropping it cuts the line.
#[derive(Debug)]
pub struct Relay {
    /// Where devices send to instead of to the gateway.
    pub address: SocketAddr,
    line: Arc<Line>,
    _tasks: JoinSet<()>,
}

/// What became of the datagrams.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Carried {
    pub came: u64,
    pub lost: u64,
    pub doubled: u64,
    /// Those that went out after one that had come later.
    pub overtaken: u64,
}

#[derive(Debug)]
struct Line {
    weather: Weather,
    /// Locked for one throw.
    dice: Mutex<Dice>,
    came: AtomicU64,
    lost: AtomicU64,
    doubled: AtomicU64,
    overtaken: AtomicU64,
    /// The number of the last datagram that went out.
    last: AtomicU64,
}

impl Relay {
    /// Opens a relay in front of the gateway at `platform`.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(platform: SocketAddr, weather: Weather) -> io::Result<Self> {
        let front = Arc::new(UdpSocket::bind(ANY).await?);
        let address = front.local_addr()?;
        let line = Arc::new(Line::new(weather));
        let mut tasks = JoinSet::new();
        tasks.spawn(outward(front, platform, Arc::clone(&line)));
        Ok(Self { address, line, _tasks: tasks })
    }

    /// What became of the datagrams so far.
    pub fn carried(&self) -> Carried {
        let Line { came, lost, doubled, overtaken, .. } = &*self.line;
        let [came, lost, doubled, overtaken] =
            [came, lost, doubled, overtaken].map(|count| count.load(Relaxed));
        Carried { came, lost, doubled, overtaken }
    }
}

/// From the devices to the platform; and for each device a task for the way back.
async fn outward(front: Arc<UdpSocket>, platform: SocketAddr, line: Arc<Line>) {
    let mut devices: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut backs = JoinSet::new();
    let mut room = vec![0; LONGEST];
    loop {
        // An error tells of an earlier datagram: its receiver is gone.
        let Ok((length, device)) = front.recv_from(&mut room).await else { continue };
        let back = match devices.get(&device) {
            Some(back) => Arc::clone(back),
            None => {
                let Ok(back) = UdpSocket::bind(ANY).await.map(Arc::new) else { continue };
                devices.insert(device, Arc::clone(&back));
                backs.spawn(homeward(Arc::clone(&back), Arc::clone(&front), device, Arc::clone(&line)));
                back
            }
        };
        line.carry(&room[..length], &back, platform);
    }
}

async fn homeward(back: Arc<UdpSocket>, front: Arc<UdpSocket>, device: SocketAddr, line: Arc<Line>) {
    let mut room = vec![0; LONGEST];
    loop {
        let Ok((length, _)) = back.recv_from(&mut room).await else { continue };
        line.carry(&room[..length], &front, device);
    }
}

impl Line {
    fn new(weather: Weather) -> Self {
        let [came, lost, doubled, overtaken, last] = [(); 5].map(|()| AtomicU64::new(0));
        Self { weather, dice: Mutex::new(Dice::new(weather.seed)), came, lost, doubled, overtaken, last }
    }

    /// Sends a datagram on: not at all, once or twice, each time after a while.
    fn carry(self: &Arc<Self>, datagram: &[u8], from: &Arc<UdpSocket>, to: SocketAddr) {
        let number = self.came.fetch_add(1, Relaxed) + 1;
        for delay in self.fate() {
            let (line, from, datagram) = (Arc::clone(self), Arc::clone(from), datagram.to_vec());
            tokio::spawn(async move {
                sleep(delay).await;
                if line.last.fetch_max(number, Relaxed) > number {
                    line.overtaken.fetch_add(1, Relaxed);
                }
                // Who is not there gets nothing, as on any network.
                let _ = from.send_to(&datagram, to).await;
            });
        }
    }

    /// How long each copy of the next datagram is on its way.
    fn fate(&self) -> Vec<Duration> {
        let Weather { lost, doubled, delay, .. } = self.weather;
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        let copies = match (dice.happens(lost), dice.happens(doubled)) {
            (true, _) => 0,
            (false, true) => 2,
            (false, false) => 1,
        };
        match copies {
            0 => self.lost.fetch_add(1, Relaxed),
            2 => self.doubled.fetch_add(1, Relaxed),
            _ => 0,
        };
        let most = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX).max(1);
        (0..copies).map(|_| Duration::from_micros(dice.below(most))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An echo behind it; of a thousand datagrams as many come back as the weather says, within its chances.
    #[tokio::test]
    async fn the_weather_is_as_bad_as_it_says() -> io::Result<()> {
        const SENT: usize = 1_000;
        let echo = UdpSocket::bind(ANY).await?;
        let weather = Weather { lost: 300, doubled: 100, delay: Duration::from_millis(2), seed: 7 };
        let relay = Relay::start(echo.local_addr()?, weather).await?;
        let device = UdpSocket::bind(ANY).await?;
        let mut room = [0; 16];
        let mut back = 0_u64;
        for number in 0..SENT {
            device.send_to(&number.to_be_bytes(), relay.address).await?;
            while let Ok((length, from)) = echo.try_recv_from(&mut room) {
                echo.send_to(&room[..length], from).await?;
            }
            sleep(Duration::from_micros(100)).await;
            while device.try_recv(&mut room).is_ok() {
                back += 1;
            }
        }
        let carried = relay.carried();
        let share = |count: u64| count * 1_000 / carried.came;
        assert!((250..350).contains(&share(carried.lost)), "{carried:?}");
        assert!((40..110).contains(&share(carried.doubled)), "{carried:?}");
        assert!(carried.overtaken > 0 && back > 300, "{carried:?}, {back} came back");
        Ok(())
    }
}
