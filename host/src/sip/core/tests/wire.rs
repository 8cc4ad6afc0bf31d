//! Two endpoints on a wire that loses, delays, doubles and reorders, with every seed the same way.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::*;

/// How bad the wire is.
#[derive(Clone, Copy)]
struct Weather {
    /// Packets lost in a hundred.
    loss: u64,
    /// Packets doubled in a hundred.
    doubled: u64,
    /// Longest delay in milliseconds; the shortest is 1, and so packets overtake one another.
    delay: u64,
}

const STORM: Weather = Weather { loss: 35, doubled: 20, delay: 800 };

/// Gateway (0) and device (1), and what is between them.
struct Wire {
    start: Instant,
    now: Instant,
    ends: [Endpoint; 2],
    weather: Weather,
    random: u64,
    flying: BinaryHeap<Reverse<(Instant, u64, usize)>>,
    packets: Vec<bytes::Bytes>,
}

impl Wire {
    fn new(weather: Weather, seed: u64) -> Self {
        let Agent { endpoint, now, .. } = Agent::new();
        let ends = [endpoint, Endpoint::new(Config::default())];
        let flying = BinaryHeap::new();
        Self { start: now, now, ends, weather, random: seed, flying, packets: Vec::new() }
    }

    /// SplitMix64.
    fn draw(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    /// Goes on until somebody is told something; `None` when nothing will happen any more.
    fn next(&mut self) -> Option<(usize, Event)> {
        loop {
            for end in 0..2 {
                if let Some(event) = self.ends[end].poll_event() {
                    return Some((end, event));
                }
                while let Some(transmit) = self.ends[end].poll_transmit() {
                    self.launch(1 - end, &transmit.bytes);
                }
            }
            let landing = self.flying.peek().map(|Reverse((at, ..))| *at);
            let timeouts = self.ends.iter().filter_map(Endpoint::poll_timeout);
            self.now = timeouts.chain(landing).min()?.max(self.now);
            for end in &mut self.ends {
                end.handle_timeout(self.now);
            }
            if landing.is_some_and(|at| at <= self.now)
                && let Some(Reverse((_, packet, to))) = self.flying.pop()
            {
                self.land(to, packet);
            }
        }
    }

    fn launch(&mut self, to: usize, bytes: &bytes::Bytes) {
        let copies = 1 + u64::from(self.draw(100) < self.weather.doubled);
        for _ in 0..copies {
            if self.draw(100) >= self.weather.loss {
                let delay = Duration::from_millis(1 + self.draw(self.weather.delay));
                self.flying.push(Reverse((self.now + delay, self.packets.len() as u64, to)));
                self.packets.push(bytes.clone());
            }
        }
    }

    fn land(&mut self, to: usize, packet: u64) {
        let index = usize::try_from(packet).expect("an index");
        let Framed::Message(message) = framing::datagram(&self.packets[index]) else {
            panic!("not a message");
        };
        self.ends[to].handle_message(self.now, peer(to), message);
    }
}

/// The other end, as `end` sees it.
fn peer(end: usize) -> Peer {
    match end {
        0 => device(),
        _ => Peer::udp(SocketAddr::from(GATEWAY), SocketAddr::from(DEVICE)),
    }
}

/// How an exchange went: what the gateway and what the device was told.
#[derive(Debug, Default)]
struct Story {
    gateway: Vec<String>,
    device: Vec<String>,
}

impl Story {
    fn count(words: &[String], word: &str) -> usize {
        words.iter().filter(|told| *told == word).count()
    }
}

/// Sends one request; the device answers with `statuses`, the gateway acknowledges a 2xx and
/// cancels after `cancel_after`, if at all.
fn play(wire: &mut Wire, method: Method, statuses: &[u16], cancel_on: Option<&str>) -> Story {
    let mut story = Story::default();
    let id = wire.ends[0].request(wire.now, device(), request(method)).expect("there is room");
    while let Some((end, event)) = wire.next() {
        let told = if end == 0 { &mut story.gateway } else { &mut story.device };
        told.push(name(&event));
        if end == 0 && cancel_on == Some(name(&event).as_str()) {
            wire.ends[0].cancel(wire.now, id);
        }
        match event {
            Event::Request { id, request, .. } => {
                for status in statuses {
                    wire.ends[1].respond(wire.now, id, &request.respond(*status));
                }
            }
            Event::Response { id, response, peer } if (200..300).contains(&response.status) => {
                if let Some(invite) = wire.ends[0].invite(id).cloned() {
                    let ack = Dialog::from_answer(&invite, &response, peer).ack();
                    assert!(wire.ends[0].acknowledge(id, ack));
                }
            }
            _ => {}
        }
    }
    let left = wire.ends.iter().map(|end| end.pending() + end.answered()).sum::<usize>();
    assert_eq!(left, 0, "a transaction is left over: {story:?}");
    assert!(wire.now - wire.start < Duration::from_secs(300));
    story
}

/// Plays it on a hundred wires and returns on how many `well` holds.
fn often(method: &Method, statuses: &[u16], cancel_on: Option<&str>, well: impl Fn(&Story) -> bool) -> usize {
    let play = |seed| play(&mut Wire::new(STORM, seed), method.clone(), statuses, cancel_on);
    (0..100).map(play).filter(well).count()
}

/// Whoever asks is told exactly one end, and the device hears of a request at most once.
fn once(story: &Story) {
    let ends = story.gateway.iter().filter(|told| !told.starts_with("answer 1")).count();
    assert_eq!(ends, 1, "{story:?}");
    let heard = story.device.iter().filter(|told| told.starts_with("request")).count();
    assert!(heard <= 1, "{story:?}");
}

#[test]
fn a_request_is_answered_through_a_storm() {
    let well = often(&Method::Message, &[200], None, |story| {
        once(story);
        story.gateway == ["answer 200"]
    });
    assert!(well >= 99, "{well} of 100");
}

#[test]
fn an_invite_is_answered_through_a_storm_and_its_2xx_acknowledged() {
    let well = often(&Method::Invite, &[100, 200], None, |story| {
        once(story);
        let acknowledged = Story::count(&story.device, "ack");
        assert_eq!(acknowledged + Story::count(&story.device, "unacknowledged"), 1, "{story:?}");
        story.gateway.last().is_some_and(|end| end == "answer 200") && acknowledged == 1
    });
    assert!(well >= 95, "{well} of 100");
}

#[test]
fn an_invite_is_refused_through_a_storm_and_the_refusal_acknowledged() {
    let well = often(&Method::Invite, &[486], None, |story| {
        once(story);
        story.gateway == ["answer 486"] && story.device == ["request INVITE"]
    });
    assert!(well >= 95, "{well} of 100");
}

#[test]
fn an_invite_that_only_rings_is_cancelled_through_a_storm() {
    let well = often(&Method::Invite, &[180], Some("answer 180"), |story| {
        once(story);
        story.gateway.last().is_some_and(|end| end == "answer 487")
    });
    assert!(well >= 90, "{well} of 100");
}

#[test]
fn an_invite_that_is_accepted_while_it_is_cancelled_is_acknowledged() {
    let well = often(&Method::Invite, &[180, 200], Some("answer 180"), |story| {
        once(story);
        story.gateway.last().is_some_and(|end| end == "answer 200")
    });
    assert!(well >= 95, "{well} of 100");
}

#[test]
fn on_a_good_wire_nothing_is_said_twice() {
    let weather = Weather { loss: 0, doubled: 0, delay: 40 };
    let mut wire = Wire::new(weather, 1);
    let story = play(&mut wire, Method::Invite, &[200], None);
    assert_eq!(
        (story.gateway, story.device),
        (vec!["answer 200".into()], vec!["request INVITE".into(), "ack".into()])
    );
    assert_eq!(wire.packets.len(), 3);
}
