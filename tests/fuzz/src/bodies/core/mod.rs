//! The transaction core under a random schedule: what devices send, what the gateway does, and time.

mod model;
mod scene;
mod words;

use self::scene::Scene;
use super::tape::Tape;

/// Nothing is sent to strangers, nothing grows, a repetition gets the same bytes, every request of ours ends once,
/// and after all timers nothing is left.
pub fn run(bytes: &[u8]) {
    let mut tape = Tape::new(bytes);
    let mut scene = Scene::new();
    for _ in 0..STEPS {
        let Some(step) = tape.next() else { break };
        scene.step(step, &mut tape);
    }
    scene.end();
}

/// Steps of one schedule.
const STEPS: usize = 96;
