//! A gateway with threads of its own, as a process would have them, and devices that register with it.

use std::sync::Arc;

use anyhow::Context as _;
use sluice_tests::device::{Device, DeviceConfig};
use sluice_tests::policy::PluginFolder;
use sluice_tests::site::{Settings, Site};
use tokio::runtime::Runtime;

/// A gateway in force. Dropping it ends it.
pub(crate) struct Ground {
    pub(crate) site: Site,
    pub(crate) plugins: Arc<PluginFolder>,
    /// Devices that were issued.
    pub(crate) devices: Vec<Arc<Device>>,
    /// The gateway's; none while it is being dropped.
    runtime: Option<Runtime>,
}

impl Ground {
    /// Starts a gateway on those plugins, with so many devices that have not registered yet.
    pub(crate) async fn open(
        plugins: PluginFolder,
        devices: usize,
        change: impl FnOnce(&mut Settings) + Send + 'static,
    ) -> anyhow::Result<Self> {
        let runtime = sluice::runtime()?;
        let path = plugins.path().to_owned();
        let started = runtime.spawn(Site::start_with(move |settings| {
            settings.plugins = path;
            change(settings);
        }));
        let site = started.await??;
        let mut ground =
            Self { site, plugins: Arc::new(plugins), devices: Vec::new(), runtime: Some(runtime) };
        for _ in 0..devices {
            let device = ground.device(|_| {}).await?;
            ground.devices.push(device);
        }
        Ok(ground)
    }

    /// One more device that was issued.
    pub(crate) async fn device(&self, change: impl FnOnce(&mut DeviceConfig)) -> anyhow::Result<Arc<Device>> {
        let issued = self.site.issue(0).await?;
        let mut config = self.site.recorder(&issued);
        config.keepalive = None;
        change(&mut config);
        Ok(Arc::new(config.start().await?))
    }

    /// How many calls there were, of `sluice_plugin_<kind>_total`, of a plugin and with that outcome.
    pub(crate) async fn calls(&self, kind: &str, plugin: &str, outcome: &str) -> anyhow::Result<u64> {
        let url = format!("{}/metrics", self.site.api.base());
        let page = reqwest::Client::builder().no_proxy().build()?.get(url).send().await?.text().await?;
        let series = format!("sluice_plugin_{kind}_total{{plugin=\"{plugin}\",outcome=\"{outcome}\"}} ");
        let count = page.lines().find_map(|line| line.strip_prefix(&series));
        Ok(count.with_context(|| format!("no {series}in:\n{page}"))?.parse()?)
    }

    /// What `GET /plugins` shows of a plugin.
    pub(crate) async fn shown(&self, plugin: &str) -> anyhow::Result<serde_json::Value> {
        let plugins = self.site.api.get("/plugins", &[]).await?.ok()?;
        let found = plugins.as_array().and_then(|all| all.iter().find(|one| one["name"] == plugin));
        found.cloned().with_context(|| format!("no {plugin} in {plugins}"))
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        // A runtime must not be waited for inside another.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
