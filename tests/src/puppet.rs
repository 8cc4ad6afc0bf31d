//! The vendor module that does as its configuration says, and a site whose devices it knows.

use std::fs;
use std::ops::Deref;

use crate::policy::PluginFolder;
use crate::site::{Settings, Site};

/// The module, built where it is not up to date.
///
/// # Errors
/// When it cannot be built.
pub fn component() -> anyhow::Result<Vec<u8>> {
    Ok(fs::read(sluice_build::guests()?.join("puppet.wasm"))?)
}

/// What makes every simulated device one of the module's.
pub const EVERY: &str = "user-agent=Simulated Device";

/// `[plugins.config.puppet]`: a module that knows devices by `sign`, with lines of its own and of its profile.
pub fn knowing(sign: &str, lines: &str, profile: &str) -> String {
    let config = "[plugins.config.puppet]";
    format!(
        "{config}\nknows = [{sign:?}]\ncertainty = 100\n{lines}\n[plugins.config.puppet.profile]\n{profile}\n"
    )
}

/// A site with the module in force. Its folder of plugins is watched.
#[derive(Debug)]
pub struct PuppetSite {
    site: Site,
    /// Where the module goes when its file does.
    pub folder: PluginFolder,
}

impl Deref for PuppetSite {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

/// Starts a site with the module in force.
///
/// # Errors
/// When a part of the site does not start.
pub async fn site(config: &str, change: impl FnOnce(&mut Settings)) -> anyhow::Result<PuppetSite> {
    let folder = PluginFolder::bundled()?;
    folder.put("puppet", &component()?)?;
    let path = folder.path().to_owned();
    let site = Site::start_with(|settings| {
        settings.plugins = path;
        settings.extra = config.to_owned();
        change(settings);
    });
    Ok(PuppetSite { site: site.await?, folder })
}
