//! The load: devices that register and keep alive, each request repeated until it is answered, as RFC 3261 has it.
//!
//! One thread does it all: what is started is queued, [`Load::turn`] sends it, takes the answers and repeats what
//! was lost. A phase decides what is started, and when.

use std::time::Duration;

use tokio::time::Instant;

use super::histogram::Histogram;
use super::wire::Wire;
use super::words::{self, Heard, Line};

/// First wait before a repetition, and the longest (RFC 3261 §17.1.2.2, T1 and T2).
const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);

/// How long a device tries (Timer F).
const PATIENCE: Duration = Duration::from_secs(32);

/// How often it is looked which requests are to be repeated.
const LOOK: Duration = Duration::from_millis(10);

/// Room for one datagram; the longest that comes is an INVITE with its offer.
const ROOM: usize = 4096;

/// What a device does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Keepalive,
    /// REGISTER, 401, REGISTER with Digest, 200.
    Register,
}

/// All that the devices do and have seen.
pub(crate) struct Load {
    wire: Wire,
    room: Vec<u8>,
    /// Tasks under way, by the place that their branch names.
    places: Vec<Option<Place>>,
    free: Vec<u32>,
    /// Numbers of requests; no two have the same.
    sequence: u32,
    looked: Instant,
    /// What the gateway asked that a phase wants to see: device's socket and request.
    pub(crate) asked: Vec<(usize, String)>,
    pub(crate) keep_asked: bool,
    pub(crate) seen: Seen,
}

/// What came of the tasks of a phase.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) registered: Histogram,
    pub(crate) kept_alive: Histogram,
    /// Requests, repetitions not counted.
    pub(crate) requests: u64,
    /// Datagrams sent again.
    pub(crate) repeated: u64,
    /// Tasks given up.
    pub(crate) lost: u64,
    /// Tasks that ended with another status than 200.
    pub(crate) refused: u64,
    /// Requests of the gateway that were answered.
    pub(crate) answered: u64,
}

struct Place {
    device: u32,
    task: Task,
    /// The last request, and when it went out first and last.
    datagram: Vec<u8>,
    branch: u64,
    began: Instant,
    sent: Instant,
    tried: Instant,
    wait: Duration,
    challenged: bool,
}

impl Load {
    pub(crate) fn new(wire: Wire) -> Self {
        // Runs must not repeat the requests of the one before.
        let mut seed = [0; 2];
        getrandom::fill(&mut seed).expect("the system has a random generator");
        Self {
            wire,
            room: vec![0; ROOM],
            places: Vec::new(),
            free: Vec::new(),
            sequence: u32::from(u16::from_be_bytes(seed)) << 14,
            looked: Instant::now(),
            asked: Vec::new(),
            keep_asked: false,
            seen: Seen::default(),
        }
    }

    /// How many tasks are under way.
    pub(crate) fn under_way(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Datagrams that went out.
    pub(crate) fn sent(&self) -> u64 {
        self.wire.sent()
    }

    /// Takes what was seen, and begins anew.
    pub(crate) fn take_seen(&mut self) -> Seen {
        std::mem::take(&mut self.seen)
    }

    /// Begins a task.
    pub(crate) fn start(&mut self, device: u32, task: Task) {
        match task {
            Task::Keepalive => self.ask(device, task, words::keepalive),
            Task::Register => self.ask(device, task, |line| words::register(line, None)),
        }
    }

    /// Begins a task with a message of the caller's making; its answer counts as a keepalive's.
    pub(crate) fn ask(&mut self, device: u32, task: Task, say: impl FnOnce(Line) -> Vec<u8>) {
        let index = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            u32::try_from(self.places.len() - 1).expect("fewer tasks than 2^32")
        });
        let now = Instant::now();
        let line = self.line(index, device);
        let datagram = say(line);
        self.wire.send(self.socket(device), &datagram);
        self.seen.requests += 1;
        let (branch, wait) = (line.branch, T1);
        let place = Place {
            device,
            task,
            datagram,
            branch,
            began: now,
            sent: now,
            tried: now,
            wait,
            challenged: false,
        };
        self.places[index as usize] = Some(place);
    }

    /// Sends, takes what has come, and repeats what was not answered. Sleeps for at most a millisecond if nothing
    /// has come.
    pub(crate) fn turn(&mut self) -> anyhow::Result<()> {
        /// Datagrams of one socket before the next has its turn.
        const BATCH: usize = 64;
        let mut room = std::mem::take(&mut self.room);
        let mut taken = 0;
        for socket in 0..self.wire.len() {
            for _ in 0..BATCH {
                let Some(length) = self.wire.receive(socket, &mut room) else { break };
                self.hear(Instant::now(), socket, &room[..length]);
                taken += 1;
            }
        }
        self.room = room;
        let now = Instant::now();
        if now.duration_since(self.looked) >= LOOK {
            self.looked = now;
            self.repeat(now);
        }
        if taken == 0 { self.wire.wait(Duration::from_millis(1)) } else { Ok(()) }
    }

    /// Turns until nothing is under way.
    pub(crate) fn finish(&mut self) -> anyhow::Result<()> {
        while self.under_way() > 0 {
            self.turn()?;
        }
        Ok(())
    }

    fn hear(&mut self, now: Instant, socket: usize, datagram: &[u8]) {
        match words::hear(datagram) {
            Heard::Answer { status, branch, nonce } => self.answered(now, branch, status, nonce),
            Heard::Asked(request) => {
                if let Some(answer) = words::accept(request, self.wire.address(socket)) {
                    self.wire.send(socket, &answer);
                }
                self.seen.answered += 1;
                if self.keep_asked {
                    self.asked.push((socket, request.to_owned()));
                }
            }
            // A registration is two exchanges with the echo too; it needs no real nonce for that.
            Heard::Echo { branch } => {
                let first =
                    self.place(branch).is_some_and(|place| place.task == Task::Register && !place.challenged);
                self.answered(now, branch, if first { 401 } else { 200 }, first.then_some("echo"));
            }
            Heard::Nothing => {}
        }
    }

    fn answered(&mut self, now: Instant, branch: u64, status: u16, nonce: Option<&str>) {
        let Some(place) = self.place(branch) else { return };
        match (place.task, status, nonce) {
            (Task::Register, 401, Some(nonce)) if !place.challenged => self.answer(now, branch, nonce),
            (_, 100..200, _) => {}
            (task, 200, _) => {
                let took = now.duration_since(place.began);
                match task {
                    Task::Keepalive => self.seen.kept_alive.note(took),
                    Task::Register => self.seen.registered.note(took),
                }
                self.vacate(branch);
            }
            _ => {
                self.seen.refused += 1;
                self.vacate(branch);
            }
        }
    }

    /// The second REGISTER.
    fn answer(&mut self, now: Instant, branch: u64, nonce: &str) {
        let index = place_of(branch);
        let Some(device) = self.place(branch).map(|place| place.device) else { return };
        let line = self.line(index, device);
        let datagram = words::register(line, Some(nonce));
        self.wire.send(self.socket(device), &datagram);
        self.seen.requests += 1;
        if let Some(place) = &mut self.places[index as usize] {
            let (branch, wait) = (line.branch, T1);
            *place = Place { datagram, branch, sent: now, tried: now, wait, challenged: true, ..*place };
        }
    }

    fn repeat(&mut self, now: Instant) {
        for index in 0..self.places.len() {
            let Some(place) = &mut self.places[index] else { continue };
            if now.duration_since(place.tried) < place.wait {
                continue;
            }
            let branch = place.branch;
            if now.duration_since(place.sent) >= PATIENCE {
                self.seen.lost += 1;
                self.vacate(branch);
                continue;
            }
            place.tried = now;
            place.wait = (place.wait * 2).min(T2);
            let socket = place.device as usize % self.wire.len();
            self.wire.send(socket, &place.datagram);
            self.seen.repeated += 1;
        }
    }

    fn place(&self, branch: u64) -> Option<&Place> {
        let place = self.places.get(place_of(branch) as usize)?.as_ref();
        place.filter(|place| place.branch == branch)
    }

    fn vacate(&mut self, branch: u64) {
        self.places[place_of(branch) as usize] = None;
        self.free.push(place_of(branch));
    }

    fn line(&mut self, index: u32, device: u32) -> Line {
        self.sequence = self.sequence.wrapping_add(1) & 0x7FFF_FFFF;
        let branch = u64::from(index) << 32 | u64::from(self.sequence);
        Line { device, from: self.wire.address(self.socket(device)), cseq: self.sequence, branch }
    }

    fn socket(&self, device: u32) -> usize {
        device as usize % self.wire.len()
    }
}

fn place_of(branch: u64) -> u32 {
    u32::try_from(branch >> 32).expect("the upper half of 64 bits")
}
