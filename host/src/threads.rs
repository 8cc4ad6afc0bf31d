//! The threads that the gateway runs on.

use std::io;

use tokio::runtime::{Builder, Runtime};

/// Threads for what blocks: reading the store, deleting files, and calls of plugins that have been slow. Tokio allows
/// 512; where ten thousand devices registered on a busy machine it started them all, and kept 2 MB for each (`cargo
/// soak`). Past these a worker waits for the milliseconds that a call takes.
const BLOCKING_THREADS: usize = 16;

/// How long a thread may run while another of ours waits for its core, in nanoseconds: the shortest that Linux knows.
const TURN: u64 = 100_000;

/// The runtime that serves devices and callers: a worker for each core, whose threads take short turns.
///
/// Errors: the system gives no more threads or descriptors.
pub fn runtime() -> io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder.max_blocking_threads(BLOCKING_THREADS).on_thread_start(take_short_turns).enable_all().build()
}

/// Asks the scheduler for short turns. By default whoever has begun keeps his core for 3 ms, however little the others
/// want: as long would a registration wait for a plugin that loops. What has nothing to wait for it runs as before.
#[expect(unsafe_code, reason = "sched_setattr(2) has no safe wrapper among our dependencies")]
fn take_short_turns() {
    // SAFETY: these are plain numbers, for all of which zero is a value.
    let mut attributes: libc::sched_attr = unsafe { std::mem::zeroed() };
    attributes.size = size_of::<libc::sched_attr>() as u32;
    attributes.sched_policy = libc::SCHED_OTHER as u32;
    attributes.sched_nice = rustix::process::getpriority_process(None).unwrap_or_default();
    attributes.sched_runtime = TURN;
    // SAFETY: the pointer leads to as many bytes as `size` says, and 0 is the calling thread.
    if unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) } != 0 {
        tracing::debug!("turns are as long as everybody's: {}", io::Error::last_os_error());
    }
}
