//! Numbers for Prometheus.
//!
//! Without a sign, as the probes are: what scrapes cannot sign as gosip's clients do. So nothing stands here that
//! tells of a device, a caller or a receiver; whoever wants it closed closes it in front of the gateway.

use std::fmt;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text},
    metrics::MetricType,
    registry::Registry,
};

use super::{limits::Cuts, reply::Failure, routes::Face};
use crate::gateway::{self, Measures, SweepFigures};

/// The numbers, in the form of OpenMetrics.
#[utoipa::path(get, path = "/metrics", operation_id = "metrics", tag = "health", security(()),
    responses((status = 200, description = "Counters and gauges.", body = str, content_type = "application/openmetrics-text")))]
pub(super) async fn page(State(face): State<Face>) -> Response {
    let mut registry = Registry::with_prefix("sluice");
    registry.register_collector(Box::new(Page(face.gateway.measures().await, face.cuts)));
    let mut page = String::new();
    match text::encode(&mut page, &registry) {
        Ok(()) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], page).into_response()
        }
        Err(error) => Failure::from(gateway::Error::Internal(error.to_string())).into_response(),
    }
}

#[derive(Debug)]
struct Page(Measures, Cuts);

impl Collector for Page {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut series = Series(encoder);
        self.house(&mut series)?;
        self.sip(&mut series)?;
        self.http(&mut series)?;
        self.plugins(&mut series)?;
        self.shadows(&mut series)?;
        self.calls(&mut series)?;
        self.sweeps(&mut series)
    }
}

impl Page {
    fn house(&self, series: &mut Series<'_>) -> fmt::Result {
        let Measures { devices, devices_online, streams, events, .. } = &self.0;
        series.gauge("devices", "Devices that were issued", [([], *devices as f64)])?;
        series.gauge("devices_online", "Devices that are online", [([], *devices_online as f64)])?;
        let streams = streams.iter().map(|(stage, count)| ([("stage", *stage)], *count as f64));
        series.gauge("streams", "Open streams", streams)?;
        let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        series.gauge("tasks", "Tasks of the runtime that have not ended", [([], tasks as f64)])?;
        let Some(events) = events else { return Ok(()) };
        series.gauge(
            "events_waiting",
            "Notifications that wait for their receivers",
            [([], events.waiting as f64)],
        )?;
        let dropped = events.dropped.unsigned_abs();
        series.counter("events_dropped", "Notifications given up because too many waited", [([], dropped)])
    }

    fn sweeps(&self, series: &mut Series<'_>) -> fmt::Result {
        let SweepFigures { sweeps, last_at, total, .. } = &self.0.sweeps;
        series.counter("sweeps", "Sweeps over recorded files", [([], *sweeps)])?;
        series.gauge("sweep_last_timestamp_seconds", "When the last one ended", [([], *last_at as f64)])?;
        let files = [
            ("deleted", total.deleted),
            ("failed", total.failed),
            ("kept", total.swept.saturating_sub(total.deleted + total.failed + total.undecided)),
            ("undecided", total.undecided),
        ];
        let files = files.map(|(outcome, count)| ([("outcome", outcome)], count));
        series.counter(
            "sweep_files",
            "Recorded files that sweeps looked at, by what became of them",
            files,
        )?;
        series.counter("sweep_freed_bytes", "Bytes that deleted files held", [([], total.freed)])?;
        let help = "Rows of closed streams and recordings that were forgotten";
        series.counter("sweep_forgotten_rows", help, [([], total.forgotten)])
    }

    fn sip(&self, series: &mut Series<'_>) -> fmt::Result {
        let sip = &self.0.sip;
        let counts = [
            ("received", sip.received),
            ("sent", sip.sent),
            ("unsendable", sip.unsendable),
            ("malformed", sip.malformed),
            ("invalid", sip.invalid),
            ("dropped", sip.dropped),
            ("requests", sip.requests),
            ("answers", sip.answers),
            ("answered", sip.answered),
            ("unanswered", sip.unanswered),
            ("absorbed", sip.absorbed),
            ("refused", sip.refused),
            ("stray", sip.stray),
            ("forgotten", sip.forgotten),
        ];
        let counts = counts.map(|(outcome, count)| ([("outcome", outcome)], count));
        series.counter("sip_messages", "SIP messages by what became of them", counts)?;
        let unanswered = self.0.unanswered.iter().map(|(reason, count)| ([("reason", *reason)], *count));
        let help = "SIP messages that got no answer, and were often not read, by reason";
        series.counter("sip_unanswered", help, unanswered)?;
        let closed = self.0.closed.iter().map(|(reason, count)| ([("reason", *reason)], *count));
        let help = "SIP connections that were closed or not let in, by reason";
        series.counter("sip_connections_closed", help, closed)?;
        let drops = self.0.kernel_drops.map(|drops| ([], drops));
        series.counter("sip_kernel_drops", "Datagrams that the kernel threw away", drops)
    }

    fn http(&self, series: &mut Series<'_>) -> fmt::Result {
        let cuts = self.1.counts().map(|(reason, count)| ([("reason", reason)], count));
        series.counter("http_refused", "Connections and requests that were refused or cut off", cuts)
    }

    fn plugins(&self, series: &mut Series<'_>) -> fmt::Result {
        let plugins = &self.0.plugins;
        let versions = plugins.iter().filter_map(|plugin| {
            let version = plugin.version.as_ref()?;
            let labels =
                [("plugin", &*plugin.name), ("sha256", &*version.sha256), ("version", &*version.version)];
            Some((labels, 1.0))
        });
        series.gauge("plugin_version", "What is in force", versions)?;
        let states =
            plugins.iter().map(|plugin| ([("plugin", &*plugin.name), ("state", plugin.state.name())], 1.0));
        series.gauge("plugin_state", "Whether the plugin is asked", states)?;
        let memory = plugins.iter().map(|plugin| ([("plugin", &*plugin.name)], plugin.memory_bytes as f64));
        series.gauge("plugin_memory_bytes", "Linear memory of the warm instances", memory)?;
        let instances = plugins.iter().map(|plugin| ([("plugin", &*plugin.name)], plugin.instances as f64));
        series.gauge("plugin_instances", "Warm instances", instances)
    }

    fn shadows(&self, series: &mut Series<'_>) -> fmt::Result {
        let calls = self.0.plugins.iter().filter_map(|plugin| {
            let candidate = plugin.candidate.as_ref()?;
            let labels = |outcome| [("plugin", &*plugin.name), ("outcome", outcome)];
            Some([
                (labels("same"), candidate.same),
                (labels("different"), candidate.different),
                (labels("failed"), candidate.failed),
                (labels("skipped"), candidate.skipped),
            ])
        });
        let help = "Calls beside which there was a candidate, by how its answer compares";
        series.counter("plugin_shadow_calls", help, calls.flatten())
    }

    fn calls(&self, series: &mut Series<'_>) -> fmt::Result {
        let calls = self.0.calls.iter().flat_map(|figures| {
            let labels = |outcome| [("plugin", &*figures.plugin), ("outcome", outcome)];
            figures.calls.iter().map(move |(outcome, count)| (labels(outcome), *count))
        });
        series.counter("plugin_calls", "Calls by outcome", calls)?;
        let mut family =
            series.family("plugin_call_seconds", "How long calls took", MetricType::Histogram)?;
        for figures in &self.0.calls {
            let steps: Vec<_> =
                figures.durations.iter().map(|(end, calls)| (seconds(*end), *calls)).collect();
            let count = steps.iter().map(|(_, calls)| calls).sum();
            let labels = [("plugin", &*figures.plugin)];
            let mut one = family.encode_family(&labels)?;
            one.encode_histogram::<NoLabelSet>(figures.total.as_secs_f64(), count, &steps, None)?;
        }
        Ok(())
    }
}

/// The end of a histogram's step, from microseconds.
fn seconds(end: u64) -> f64 {
    if end == u64::MAX { f64::INFINITY } else { end as f64 / 1e6 }
}

/// Writes series: a name, and a value for each set of labels.
struct Series<'a>(DescriptorEncoder<'a>);

impl Series<'_> {
    fn counter<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = ([(&'l str, &'l str); N], u64)>,
    ) -> fmt::Result {
        let mut family = self.family(name, help, MetricType::Counter)?;
        values.into_iter().try_for_each(|(labels, value)| match N {
            0 => family.encode_counter::<NoLabelSet, _, u64>(&value, None),
            _ => family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&value, None),
        })
    }

    fn gauge<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = ([(&'l str, &'l str); N], f64)>,
    ) -> fmt::Result {
        let mut family = self.family(name, help, MetricType::Gauge)?;
        values.into_iter().try_for_each(|(labels, value)| match N {
            0 => family.encode_gauge(&value),
            _ => family.encode_family(&labels)?.encode_gauge(&value),
        })
    }

    fn family<'s>(
        &'s mut self,
        name: &'s str,
        help: &'s str,
        kind: MetricType,
    ) -> Result<MetricEncoder<'s>, fmt::Error> {
        self.0.encode_descriptor(name, help, None, kind)
    }
}
