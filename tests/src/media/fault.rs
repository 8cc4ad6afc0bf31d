//! Faults of the API, on demand.

/// What an API call meets instead of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is done; this code and text are answered.
    Code(i64, String),
    /// Nothing is done and nothing is answered.
    Hang,
    /// It is done, but the answer is HTTP 500: the caller cannot know.
    Lost,
    /// It is done, but nothing is answered.
    Mute,
    /// It is done, but what is answered is no JSON, as from a proxy that has lost its server.
    Rubbish,
    /// Nothing is done; this HTTP status is answered.
    Status(u16),
}

/// Faults that are set, by API name.
#[derive(Debug, Default)]
pub(super) struct Faults {
    set: Vec<(String, Fault, Option<u32>)>,
}

impl Faults {
    /// Sets a fault for the next `times` calls; `None`: until it is cleared.
    pub(super) fn set(&mut self, api: &str, fault: Fault, times: Option<u32>) {
        self.set.push((api.to_owned(), fault, times));
    }

    pub(super) fn clear(&mut self) {
        self.set.clear();
    }

    /// The fault that this call meets.
    pub(super) fn meet(&mut self, api: &str) -> Option<Fault> {
        let (_, fault, left) = self.set.iter_mut().find(|(name, _, left)| name == api && *left != Some(0))?;
        *left = left.map(|left| left - 1);
        Some(fault.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_met_as_often_as_told() {
        let mut faults = Faults::default();
        faults.set("version", Fault::Hang, Some(1));
        faults.set("version", Fault::Lost, None);
        assert_eq!(faults.meet("openRtpServer"), None);
        assert_eq!(faults.meet("version"), Some(Fault::Hang));
        assert_eq!(faults.meet("version"), Some(Fault::Lost));
        faults.clear();
        assert_eq!(faults.meet("version"), None);
    }
}
