//! A folder of components that a test may change while a gateway watches it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A copy of the bundled components.
#[derive(Debug)]
pub struct PluginFolder(TempDir);

impl PluginFolder {
    /// Copies the bundled components, built where they are not up to date.
    ///
    /// # Errors
    /// When they cannot be built or copied.
    pub fn bundled() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        for entry in fs::read_dir(sluice_build::plugins()?)? {
            let entry = entry?;
            if entry.path().extension().is_some_and(|extension| extension == "wasm") {
                fs::copy(entry.path(), folder.path().join(entry.file_name()))?;
            }
        }
        Ok(Self(folder))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// What a plugin's file holds.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn component(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.file(name))
    }

    /// What a plugin's file holds, with another hash: one of 256, by a custom section with one byte.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn variant(&self, name: &str, byte: u8) -> io::Result<Vec<u8>> {
        let mut component = self.component(name)?;
        component.extend([0, 3, 1, b'x', byte]);
        Ok(component)
    }

    /// Moves a whole file into the place of a plugin's, or of its candidate's (`shadow/<name>`).
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put(&self, name: &str, component: &[u8]) -> io::Result<()> {
        let (aside, file) = (self.0.path().join("aside"), self.file(name));
        fs::create_dir_all(file.parent().unwrap_or_else(|| self.path()))?;
        fs::write(&aside, component)?;
        fs::rename(aside, file)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(format!("{name}.wasm"))
    }
}
