//! What plugins remember from one call to the next: a bounded space of named values for each of them.
//!
//! The gateway keeps it over restarts: [`Memories::changes`] tells what is to be written, and [`Memories::settle`]
//! what is on disk.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A plugin's values by their names; none for a name that is to be forgotten.
pub type Values = Vec<(String, Option<Vec<u8>>)>;

/// Values of one plugin that are not on disk as they are now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// Whose they are.
    pub plugin: String,
    /// Each name once.
    pub values: Values,
}

/// Why a value was not stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Too many values, or too large ones.
    #[error("the plugin's {} bytes are full", Space::BYTES)]
    Full,
    /// The name is too long.
    #[error("the name is longer than {} bytes", Space::NAME)]
    LongName,
    /// The value is too long.
    #[error("the value is longer than {} bytes", Space::VALUE)]
    LongValue,
    /// No plugin of this name is in force.
    #[error("no plugin {0} is in force")]
    NoPlugin(String),
}

/// The memories of all plugins, by their names. They outlive the plugins' versions, and their absence too.
#[derive(Clone, Default)]
pub(super) struct Memories(
    /// Held for one look-up.
    Arc<Mutex<BTreeMap<String, Memory>>>,
);

impl Memories {
    /// The memory of a plugin. All that ask for it share it.
    pub(super) fn of(&self, plugin: &str) -> Memory {
        lock(&self.0).entry(plugin.to_owned()).or_insert_with(|| Memory::new(true)).clone()
    }

    /// What is not on disk as it is now: at most a space's bytes for each plugin, in batches.
    pub(super) fn changes(&self) -> Vec<Changes> {
        /// Names written in one transaction, so that it holds up nobody for long.
        const BATCH: usize = 1024;
        let all = lock(&self.0).clone();
        let changed: Vec<_> = all.into_iter().map(|(plugin, memory)| (plugin, memory.changes())).collect();
        let batches = |(plugin, values): &(String, Values)| {
            let batch = |values: &[_]| Changes { plugin: plugin.clone(), values: values.to_vec() };
            values.chunks(BATCH).map(batch).collect::<Vec<_>>()
        };
        changed.iter().flat_map(batches).collect()
    }

    /// Takes note that `written` is on disk, apart from what has changed since.
    pub(super) fn settle(&self, written: &Changes) {
        self.of(&written.plugin).space().settle(&written.values);
    }
}

/// One plugin's memory. All clones are the same; every worker may read and write.
#[derive(Clone)]
pub(super) struct Memory(
    /// Held for one look-up, or for copying it.
    Arc<Mutex<Space>>,
);

impl Memory {
    /// One that ends with those who use it.
    pub(super) fn passing() -> Self {
        Self::new(false)
    }

    fn new(kept: bool) -> Self {
        let space = Space { kept, values: BTreeMap::new(), changed: BTreeSet::new(), bytes: 0 };
        Self(Arc::new(Mutex::new(space)))
    }

    pub(super) fn read(&self, name: &str) -> Option<Vec<u8>> {
        self.space().values.get(name).cloned().flatten()
    }

    /// Stores a value, or forgets the name when it is none.
    ///
    /// Errors: it does not fit.
    pub(super) fn write(&self, name: String, value: Option<Vec<u8>>) -> Result<(), ValueError> {
        self.space().write(name, value)
    }

    /// Takes what is on disk; what does not fit any more is left out.
    pub(super) fn recall(&self, name: String, value: Vec<u8>) -> Result<(), ValueError> {
        let mut space = self.space();
        space.write(name.clone(), Some(value))?;
        space.changed.remove(&name);
        Ok(())
    }

    /// The values whose names begin with `prefix`, by name.
    pub(super) fn values(&self, prefix: &str) -> Vec<(String, Vec<u8>)> {
        let space = self.space();
        let from_here = space.values.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        let found = from_here.take_while(|(name, _)| name.starts_with(prefix));
        found.filter_map(|(name, value)| Some((name.clone(), value.clone()?))).collect()
    }

    /// Stores all that another memory holds.
    pub(super) fn copy(&self, other: &Self) {
        for (name, value) in other.values("") {
            // The space is the same everywhere; what does not fit beside what is here is left out.
            let _ = self.write(name, Some(value));
        }
    }

    fn changes(&self) -> Values {
        let space = self.space();
        space.changed.iter().map(|name| (name.clone(), space.values[name].clone())).collect()
    }

    fn space(&self) -> MutexGuard<'_, Space> {
        lock(&self.0)
    }
}

/// A lock whose holder panicked still guards plain bytes, which are whole at every step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Space {
    /// Whether it is written to disk.
    kept: bool,
    /// None is a name that was forgotten here and is still on disk. It takes its place until it is not.
    values: BTreeMap<String, Option<Vec<u8>>>,
    /// Names of `values` that are not on disk as they are here.
    changed: BTreeSet<String>,
    bytes: usize,
}

impl Space {
    const NAME: usize = 128;
    const VALUE: usize = 64 << 10;
    const BYTES: usize = 1 << 20;
    /// What an entry costs beside its bytes, so that empty values have a bound too.
    const ENTRY: usize = 64;

    fn write(&mut self, name: String, value: Option<Vec<u8>>) -> Result<(), ValueError> {
        let known = self.values.get(&name);
        if known.is_none_or(Option::is_none) && value.is_none() {
            return Ok(());
        }
        if name.len() > Self::NAME {
            return Err(ValueError::LongName);
        }
        if value.as_ref().is_some_and(|value| value.len() > Self::VALUE) {
            return Err(ValueError::LongValue);
        }
        let bytes = self.bytes - known.map_or(0, |old| cost(&name, old)) + cost(&name, &value);
        if bytes > Self::BYTES {
            return Err(ValueError::Full);
        }
        self.bytes = bytes;
        self.changed.insert(name.clone());
        self.values.insert(name.clone(), value);
        if !self.kept {
            self.settle_name(&name);
        }
        Ok(())
    }

    fn settle(&mut self, written: &[(String, Option<Vec<u8>>)]) {
        for (name, value) in written {
            if self.values.get(name) == Some(value) {
                self.settle_name(name);
            }
        }
    }

    fn settle_name(&mut self, name: &str) {
        self.changed.remove(name);
        if self.values.get(name) == Some(&None) {
            self.values.remove(name);
            self.bytes -= cost(name, &None);
        }
    }
}

fn cost(name: &str, value: &Option<Vec<u8>>) -> usize {
    name.len() + value.as_ref().map_or(0, Vec::len) + Space::ENTRY
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Option<Vec<u8>> {
        Some(value.into())
    }

    fn write(memory: &Memory, name: &str, value: Option<Vec<u8>>) {
        memory.write(name.into(), value).unwrap();
    }

    fn changes(values: &[(&str, Option<Vec<u8>>)]) -> Vec<Changes> {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        vec![Changes { plugin: "p".into(), values }]
    }

    #[test]
    fn values_are_kept_replaced_and_forgotten() {
        let memory = Memory::passing();
        assert_eq!(memory.read("n"), None);
        for value in [text("1"), text("2"), None, None] {
            write(&memory, "n", value.clone());
            assert_eq!(memory.read("n"), value);
        }
        let space = memory.space();
        assert_eq!((space.bytes, space.values.len(), space.changed.len()), (0, 0, 0));
    }

    #[test]
    fn the_space_is_bounded() {
        let memory = Memory::passing();
        let write = |name: &str, bytes| memory.write(name.into(), Some(vec![0; bytes]));
        let said = |error: Result<(), ValueError>| error.unwrap_err().to_string();
        assert_eq!(said(write(&"n".repeat(129), 0)), "the name is longer than 128 bytes");
        assert_eq!(said(write("n", 65_537)), "the value is longer than 65536 bytes");
        let full = (0..100).find(|n| write(&n.to_string(), 65_536).is_err());
        assert_eq!(full, Some(15), "fifteen values and what each costs beside");
        assert_eq!(said(write("15", 65_536)), "the plugin's 1048576 bytes are full");
        write("0", 65_536).expect("a value of the same size fits in its own place");
    }

    #[test]
    fn what_is_forgotten_takes_its_place_until_the_disk_has_forgotten_it_too() {
        let memories = Memories::default();
        let flood = |n: usize| memories.of("p").write(format!("{n:064}"), Some(vec![]));
        let mut last = 0;
        while flood(last).is_ok() {
            write(&memories.of("p"), &format!("{last:064}"), None);
            last += 1;
        }
        assert_eq!(last, (1 << 20) / 128);
        for written in memories.changes() {
            memories.settle(&written);
        }
        assert_eq!(flood(last), Ok(()));
        assert_eq!(memories.of("p").space().values.len(), 1);
    }

    #[test]
    fn changes_are_told_until_they_are_settled_as_they_are() {
        let memories = Memories::default();
        let memory = memories.of("p");
        write(&memory, "a", text("1"));
        write(&memory, "b", text("1"));
        let first = memories.changes();
        assert_eq!(first, changes(&[("a", text("1")), ("b", text("1"))]));

        // Changed while it was being written, which must not be taken for written.
        write(&memory, "a", text("2"));
        write(&memory, "b", None);
        memories.settle(&first[0]);
        let second = memories.changes();
        assert_eq!(second, changes(&[("a", text("2")), ("b", None)]));
        memories.settle(&second[0]);
        assert_eq!(memories.changes(), []);
        assert_eq!(memory.values(""), [("a".to_owned(), b"2".to_vec())]);
    }

    #[test]
    fn what_is_recalled_is_no_change() {
        let memories = Memories::default();
        memories.of("p").recall("a".into(), b"1".to_vec()).unwrap();
        assert_eq!(memories.changes(), []);
        write(&memories.of("p"), "a", None);
        assert_eq!(memories.changes(), changes(&[("a", None)]));
    }

    #[test]
    fn values_are_found_by_the_beginning_of_their_names() {
        let memory = Memory::passing();
        for name in ["a", "b", "b/1", "b/2", "c"] {
            write(&memory, name, text(name));
        }
        let named = |prefix| memory.values(prefix).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(named("b/"), ["b/1", "b/2"]);
        assert_eq!(named("").len(), 5);
        assert_eq!(named("x"), [""; 0]);
    }
}
