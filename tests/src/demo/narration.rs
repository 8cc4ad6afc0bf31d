//! What is printed: numbered steps, what was seen in each, and how it ended.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use tokio::time::Instant;

/// The last lines of a log that a failure shows.
const TAIL: usize = 25;

/// More of an error than this many lines is cut: a list of everything that was seen instead is long.
const ERROR_LINES: usize = 30;

/// The one who tells.
#[derive(Debug)]
pub(crate) struct Narration {
    colours: bool,
    start: Instant,
    steps: u32,
    /// What the step that is under way should come to.
    expected: Option<String>,
}

/// A way to print (ECMA-48, SGR).
#[derive(Debug, Clone, Copy)]
enum Style {
    Bad = 31,
    Bold = 1,
    Faint = 2,
    Good = 32,
}

impl Narration {
    /// Colours only where a person looks, and has not said otherwise (`NO_COLOR`).
    pub(crate) fn new() -> Self {
        let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { colours, start: Instant::now(), steps: 0, expected: None }
    }

    /// The time counts from here.
    pub(crate) fn begin(&mut self) {
        self.start = Instant::now();
    }

    /// Begins a step: what is done, and what it should come to.
    pub(crate) fn step(&mut self, title: &str, expected: &str) {
        self.steps += 1;
        self.expected = Some(expected.to_owned());
        let title = format!("{:2}. {title}", self.steps);
        self.line("");
        self.line(&self.styled(Style::Bold, &title));
    }

    /// Something that was seen.
    pub(crate) fn saw(&self, what: &str) {
        for line in what.lines() {
            self.line(&format!("      {line}"));
        }
    }

    /// Something beside the point, for those who want to look closer.
    pub(crate) fn aside(&self, what: &str) {
        for line in what.lines() {
            self.line(&self.styled(Style::Faint, &format!("      {line}")));
        }
    }

    /// The step came to what was expected.
    pub(crate) fn done(&mut self) {
        if let Some(expected) = self.expected.take() {
            self.line(&self.styled(Style::Good, &format!("    ✓ {expected}")));
        }
    }

    /// The walk is over.
    pub(crate) fn all_done(&self) {
        let seconds = self.start.elapsed().as_secs_f32();
        self.line("");
        let text = format!("All {} steps went as expected, in {seconds:.1} s.", self.steps);
        self.line(&self.styled(Style::Good, &text));
    }

    /// The walk ends here. `log` is the gateway's.
    pub(crate) fn failed(&self, error: &anyhow::Error, log: Option<&Path>) {
        let expected = self.expected.as_deref().unwrap_or("everything starts");
        self.line(&self.styled(Style::Bad, &format!("    ✗ expected: {expected}")));
        let text = format!("{error:#}");
        let mut lines = text.lines();
        self.saw(&format!("but: {}", lines.next().unwrap_or_default()));
        lines.by_ref().take(ERROR_LINES).for_each(|line| self.aside(line));
        if lines.next().is_some() {
            self.aside("…");
        }
        if let Some(log) = log {
            self.tail(log);
        }
    }

    fn tail(&self, log: &Path) {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        self.line("");
        self.line(&format!("The gateway's log is {}; its end:", log.display()));
        lines[lines.len().saturating_sub(TAIL)..].iter().for_each(|line| self.aside(line));
    }

    /// A line as it is.
    pub(crate) fn line(&self, text: &str) {
        // Whoever listened may have gone away; what happens does not change by that.
        let _ = writeln!(std::io::stdout(), "{text}");
    }

    fn styled(&self, style: Style, text: &str) -> String {
        if !self.colours {
            return text.to_owned();
        }
        format!("\x1b[{}m{text}\x1b[0m", style as u8)
    }
}
