//! What there is of WASI: clocks, random numbers, and a place to print to.

use std::{
    sync::LazyLock,
    time::{Instant, SystemTime},
};

use wasmtime::{StoreContextMut, component::Val};

use super::{
    super::{host::State, limits::now},
    empty::handle,
    stdio::Stream,
};

/// A function that does what WASI says.
#[derive(Clone, Copy)]
pub(super) enum Real {
    CheckWrite,
    Flush,
    Monotonic,
    MonotonicResolution,
    Open(Stream),
    PollableBlock,
    PollableReady,
    Poll,
    RandomBytes,
    RandomNumber,
    RandomSeed,
    Wall,
    WallResolution,
    Write,
}

impl Real {
    /// The function `name` of an interface, whose version does not count.
    pub(super) fn find(interface: &str, name: &str) -> Option<Self> {
        Some(match (interface, name) {
            ("wasi:cli/stderr", "get-stderr") => Self::Open(Stream::Err),
            ("wasi:cli/stdout", "get-stdout") => Self::Open(Stream::Out),
            ("wasi:clocks/monotonic-clock", "now") => Self::Monotonic,
            ("wasi:clocks/monotonic-clock", "resolution") => Self::MonotonicResolution,
            ("wasi:clocks/wall-clock", "now") => Self::Wall,
            ("wasi:clocks/wall-clock", "resolution") => Self::WallResolution,
            ("wasi:io/poll", "[method]pollable.block") => Self::PollableBlock,
            ("wasi:io/poll", "[method]pollable.ready") => Self::PollableReady,
            ("wasi:io/poll", "poll") => Self::Poll,
            (
                "wasi:io/streams",
                "[method]output-stream.blocking-write-and-flush" | "[method]output-stream.write",
            ) => Self::Write,
            ("wasi:io/streams", "[method]output-stream.check-write") => Self::CheckWrite,
            ("wasi:io/streams", "[method]output-stream.blocking-flush" | "[method]output-stream.flush") => {
                Self::Flush
            }
            ("wasi:random/insecure", "get-insecure-random-bytes")
            | ("wasi:random/random", "get-random-bytes") => Self::RandomBytes,
            ("wasi:random/insecure", "get-insecure-random-u64")
            | ("wasi:random/random", "get-random-u64") => Self::RandomNumber,
            ("wasi:random/insecure-seed", "insecure-seed") => Self::RandomSeed,
            _ => return None,
        })
    }

    /// Answers a call. Nothing here waits: everything that can be polled is ready, a timer too.
    pub(super) fn call(
        self,
        store: &mut StoreContextMut<'_, State>,
        handles: &[u32],
        arguments: &[Val],
        results: &mut [Val],
    ) -> wasmtime::Result<()> {
        let answer = match self {
            Self::CheckWrite => Val::Result(Ok(Some(Box::new(Val::U64(Stream::ROOM))))),
            Self::Flush => Val::Result(Ok(None)),
            Self::Monotonic => Val::U64(monotonic()),
            Self::MonotonicResolution => Val::U64(1),
            Self::Open(stream) => handle(store, stream.number())?,
            Self::PollableBlock => return Ok(()),
            Self::PollableReady => Val::Bool(true),
            Self::Poll => Val::List((0_u32..).zip(handles).map(|(index, _)| Val::U32(index)).collect()),
            Self::RandomBytes => Val::List(random_bytes(arguments)?.into_iter().map(Val::U8).collect()),
            Self::RandomNumber => Val::U64(random()?),
            Self::RandomSeed => Val::Tuple(vec![Val::U64(random()?), Val::U64(random()?)]),
            Self::Wall => wall(),
            Self::WallResolution => datetime(0, 1_000_000),
            Self::Write => write(store.data_mut(), handles, arguments),
        };
        results.iter_mut().zip([answer]).for_each(|(result, answer)| *result = answer);
        Ok(())
    }
}

/// Nanoseconds since some moment before the first plugin was started.
fn monotonic() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(now);
    u64::try_from(now().duration_since(*START).as_nanos()).unwrap_or(u64::MAX)
}

#[expect(clippy::disallowed_methods, reason = "this is the guest's wall clock")]
fn wall() -> Val {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    datetime(since.as_secs(), since.subsec_nanos())
}

fn datetime(seconds: u64, nanoseconds: u32) -> Val {
    let seconds = ("seconds".to_owned(), Val::U64(seconds));
    Val::Record(vec![seconds, ("nanoseconds".to_owned(), Val::U32(nanoseconds))])
}

fn random() -> wasmtime::Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|_| NoRandom)?;
    Ok(u64::from_le_bytes(bytes))
}

/// What the first argument asks for, up to what one call may reasonably need.
fn random_bytes(arguments: &[Val]) -> wasmtime::Result<Vec<u8>> {
    const MOST: u64 = 4096;
    let length = match arguments.first() {
        Some(Val::U64(length)) if *length <= MOST => *length as usize,
        _ => return Err(TooManyRandomBytes(MOST).into()),
    };
    let mut bytes = vec![0; length];
    getrandom::fill(&mut bytes).map_err(|_| NoRandom)?;
    Ok(bytes)
}

/// Prints to one of our own streams; any other is closed.
fn write(state: &mut State, handles: &[u32], arguments: &[Val]) -> Val {
    let closed = || Val::Result(Err(Some(Box::new(Val::Variant("closed".to_owned(), None)))));
    let Some(stream) = handles.first().and_then(|number| Stream::of_number(*number)) else {
        return closed();
    };
    let Some(Val::List(bytes)) = arguments.get(1) else { return closed() };
    let bytes = bytes.iter().map(|byte| if let Val::U8(byte) = byte { *byte } else { b'?' });
    state.print(stream, bytes);
    Val::Result(Ok(None))
}

#[derive(Debug, thiserror::Error)]
#[error("the system has no random numbers")]
struct NoRandom;

#[derive(Debug, thiserror::Error)]
#[error("asked for more than {0} random bytes at once")]
struct TooManyRandomBytes(u64);
