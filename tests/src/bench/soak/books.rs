//! What an hour has to come to.

use std::fmt;

use super::Scene;
use super::figures::{Figures, Page};

/// What had to be, and what was.
pub(super) struct Verdict {
    wanted: &'static str,
    was: String,
    met: bool,
}

/// Threads that the gateway may have at most: its workers, the store's, and those for what blocks.
const THREADS: u64 = 40;

/// How much more may be at the end than after the warm-up, in hundredths.
const GROWTH: u64 = 5;

/// Descriptors and tasks that come and go: connections that are kept for the next call, work just begun.
const SLACK: u64 = 8;

/// Holds everything that was counted against everything else.
pub(super) fn judge(scene: &mut Scene, page: &Page, devices: u32) -> anyhow::Result<Vec<Verdict>> {
    let mut verdicts = grown(&scene.seen);
    verdicts.extend(datagrams(scene, page)?);
    verdicts.extend(requests(scene, page)?);
    verdicts.extend(calls(scene, page));
    let open = scene.home.count("SELECT count(*) FROM streams WHERE state < 5")?;
    verdicts.push(Verdict::new("no stream is open", format!("{open} open"), open == 0));
    let online = page.number("sluice_devices_online")?;
    let was = format!("{online} of {devices} online");
    verdicts.push(Verdict::new("every device is online", was, online == u64::from(devices)));
    let (outages, reloads) = (scene.faults.outages, scene.faults.reloads);
    let was = format!("{outages} outages, {reloads} reloads");
    verdicts.push(Verdict::new("the media server failed, plugins were reloaded", was, outages + reloads > 0));
    Ok(verdicts)
}

/// A twelfth of the time after the first sixth against the last twelfth; the middle of each.
fn grown(seen: &[Figures]) -> Vec<Verdict> {
    let end = seen.last().map(|last| last.at).unwrap_or_default();
    let (warm, part) = (end / 6, end / 12);
    let early: Vec<&Figures> =
        seen.iter().filter(|figures| figures.at >= warm && figures.at < warm + part).collect();
    // The rest at the end is another thing; what is kept for half a minute is gone then.
    let last = end.saturating_sub(super::REST + part);
    let late: Vec<&Figures> =
        seen.iter().filter(|figures| figures.at >= last && figures.at < last + part).collect();
    let compare = |wanted, unit: fn(u64) -> u64, slack, figure: fn(&Figures) -> u64| {
        let (before, after) = (middle(&early, figure), middle(&late, figure));
        let was = format!("{} after the warm-up, {} at the end", unit(before), unit(after));
        Verdict::new(wanted, was, !late.is_empty() && after * 100 <= (before + slack) * (100 + GROWTH))
    };
    let threads = seen.iter().map(|figures| figures.threads).max().unwrap_or_default();
    vec![
        Verdict::new("threads are bounded", format!("{threads} at most"), threads <= THREADS),
        compare("memory does not grow (KiB)", |bytes| bytes >> 10, 0, |figures| figures.memory),
        compare("no descriptors leak", |count| count, SLACK, |figures| figures.descriptors),
        compare("no threads leak", |count| count, SLACK, |figures| figures.threads),
        compare("no tasks leak", |count| count, SLACK, |figures| figures.tasks),
    ]
}

fn middle(seen: &[&Figures], figure: fn(&Figures) -> u64) -> u64 {
    let mut all: Vec<u64> = seen.iter().map(|figures| figure(figures)).collect();
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}

/// What was sent is what was received, and what was received has become one thing or another.
fn datagrams(scene: &Scene, page: &Page) -> anyhow::Result<[Verdict; 2]> {
    let (sent, rubbish) = (scene.load.sent(), scene.faults.rubbish());
    let (received, dropped) = (page.sip("received")?, page.number("sluice_sip_kernel_drops_total")?);
    let unheard = page.unanswered("debt")?;
    let was = format!(
        "{sent} + {rubbish} rubbish sent = {received} received + {unheard} not read + {dropped} dropped by the kernel"
    );
    let met = sent + rubbish == received + unheard + dropped;
    let arrived = Verdict::new("sent = received + not read + dropped", was, met);
    let names = ["requests", "answers", "absorbed", "stray", "refused", "malformed", "invalid"];
    let reasons = ["domain", "id", "method", "user_agent"];
    let counts = names.iter().map(|name| Ok((name, page.sip(name)?)));
    let silence = reasons.iter().map(|reason| Ok((reason, page.unanswered(reason)?)));
    let counts = counts.chain(silence).collect::<anyhow::Result<Vec<_>>>()?;
    let told: Vec<_> = counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
    let was = format!("{received} received = {}", told.join(" + "));
    let all: u64 = counts.iter().map(|(_, count)| count).sum();
    Ok([arrived, Verdict::new("received = all that became of it", was, received == all)])
}

/// Every request of a device was answered once.
fn requests(scene: &Scene, page: &Page) -> anyhow::Result<[Verdict; 3]> {
    let seen = &scene.load.seen;
    let (begun, answered, unanswered) =
        (page.sip("requests")?, page.sip("answered")?, page.sip("unanswered")?);
    let was = format!("{begun} requests = {answered} answered + {unanswered} not");
    let served = Verdict::new("requests = answered + unanswered", was, begun == answered + unanswered);
    let was =
        format!("devices asked {} times, the gateway took {begun}; {} given up", seen.requests, seen.lost);
    let same = Verdict::new("asked = taken", was, seen.requests == begun && seen.lost == 0);
    let done = seen.registered.len() + seen.kept_alive.len();
    let was = format!(
        "{done} done ({} registrations, {} keepalives; p99 {:?}, {:?}), {} refused, {} given up",
        seen.registered.len(),
        seen.kept_alive.len(),
        seen.registered.quantile(0.99),
        seen.kept_alive.quantile(0.99),
        seen.refused,
        seen.lost
    );
    Ok([served, same, Verdict::new("no device is refused or given up", was, seen.refused + seen.lost == 0)])
}

/// Every call was answered or refused, and each was asked of the policy once.
fn calls(scene: &Scene, page: &Page) -> [Verdict; 3] {
    let calls = scene.caller.calls();
    let refused: u64 = calls.refused.values().sum();
    let was = format!(
        "{} asked = {} answered + {:?} refused + {} not answered",
        calls.asked, calls.answered, calls.refused, calls.unanswered
    );
    let met = calls.asked == calls.answered + refused && calls.unanswered == 0;
    let balance = Verdict::new("calls asked = answered + refused", was, met);
    let asked = page.sum("sluice_plugin_calls_total", "plugin=\"gosip-sign\"");
    let was = format!("{asked} signs checked for {} calls", calls.asked);
    let signs = Verdict::new("every sign is checked once", was, asked == calls.asked);
    let asked = page.sum("sluice_plugin_calls_total", "plugin=\"gosip-auth\"");
    let registers = scene.load.seen.requests - scene.load.seen.kept_alive.len();
    let was = format!("{asked} decisions for {registers} REGISTERs");
    [balance, signs, Verdict::new("every REGISTER is decided once", was, asked == registers)]
}

impl Verdict {
    fn new(wanted: &'static str, was: String, met: bool) -> Self {
        Self { wanted, was, met }
    }

    pub(super) fn is_met(&self) -> bool {
        self.met
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", if self.met { "✓" } else { "✗" }, self.wanted, self.was)
    }
}
