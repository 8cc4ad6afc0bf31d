//! Child processes with a time limit: a download that hangs must not hang the build.

use std::{
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use anyhow::{Result, bail};

/// Runs `command` and returns what it wrote to standard output.
///
/// Errors: it does not start, fails, or is not done in time; then it is killed.
pub(crate) fn output(command: &mut Command, limit: Duration) -> Result<String> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let name = command.get_program().display().to_string();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (done, waiting) = mpsc::channel();
    // These end with the child, whose ends of the pipes they read.
    let errors = thread::spawn(move || stderr.map(std::io::read_to_string).transpose());
    thread::spawn(move || {
        // Nobody listens any more once the time is over.
        let _ = done.send(stdout.map(std::io::read_to_string).transpose());
    });
    let Ok(text) = waiting.recv_timeout(limit) else {
        child.kill()?;
        child.wait()?;
        bail!("`{name}` was not done within {limit:?}");
    };
    let status = child.wait()?;
    if !status.success() {
        let errors = errors.join().ok().and_then(Result::ok).flatten().unwrap_or_default();
        bail!("`{name}` failed: {}", errors.trim().lines().last().unwrap_or("no reason given"));
    }
    Ok(text?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> Result<String, String> {
        output(Command::new("sh").args(["-c", script]), limit).map_err(|error| error.to_string())
    }

    #[test]
    fn output_failure_and_time_limit() {
        let long = Duration::from_secs(60);
        assert_eq!(shell("echo a", long), Ok("a\n".into()));
        assert_eq!(shell("echo no >&2; echo never >&2; exit 3", long), Err("`sh` failed: never".into()));
        let hung = shell("exec sleep 60", Duration::from_millis(50));
        assert_eq!(hung, Err("`sh` was not done within 50ms".into()));
    }
}
