//! The decisions.
//!
//! A sweep comes in pages, and each says what the disk would hold once the files of earlier pages are gone. So a page
//! is decided by itself: files go, oldest first, until what is left is below the mark or the page is at its end.

use serde::Deserialize;
use sluice_sdk::{
    Cleanup, Policy,
    cleanup::{Deletion, Disk, Recording, Sweep},
    samples::{recording, sweep},
};

/// `[plugins.config.disk-watermark]`.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DiskWatermark {
    /// How full the disk may be, in percent of its size, whoever fills it.
    percent: u8,
}

impl Default for DiskWatermark {
    fn default() -> Self {
        Self { percent: 90 }
    }
}

impl Policy for DiskWatermark {
    fn prepare(&mut self) -> Result<(), String> {
        match self.percent {
            0..=100 => Ok(()),
            percent => Err(format!("`percent` is {percent}; a disk is at most 100 % full")),
        }
    }

    /// A disk with room, and one without.
    fn self_test(&self) -> Result<(), String> {
        let policy = Self::default();
        let full = policy.select(&sample(&[("a", 60), ("b", 60)], 95))?.len();
        let roomy = policy.select(&sample(&[("a", 60), ("b", 60)], 50))?.len();
        if (full, roomy) == (1, 0) { Ok(()) } else { Err(format!("{full} and {roomy} files go")) }
    }
}

impl Cleanup for DiskWatermark {
    /// The oldest files of a page, as many as bring the disk below the mark.
    fn select(&self, sweep: &Sweep) -> Result<Vec<Deletion>, String> {
        let mut excess = self.excess(&sweep.disk);
        let reason = format!("the disk is {} % full, {} % allowed", fullness(&sweep.disk), self.percent);
        let goes = |recording: &Recording| {
            let goes = excess > 0;
            excess = excess.saturating_sub(recording.size);
            goes.then(|| Deletion { id: recording.id.clone(), reason: reason.clone() })
        };
        Ok(sweep.recordings.iter().map_while(goes).collect())
    }
}

impl DiskWatermark {
    /// Bytes that have to go.
    fn excess(&self, disk: &Disk) -> u64 {
        let used = disk.total.saturating_sub(disk.free);
        // Hundredths first: no disk is so large that the product overflows, and none so small that it counts.
        used.saturating_sub(disk.total / 100 * u64::from(self.percent))
    }
}

/// Percent, rounded up: a disk that is too full shows it.
fn fullness(disk: &Disk) -> u64 {
    let used = disk.total.saturating_sub(disk.free);
    (used.saturating_mul(100)).div_ceil(disk.total.max(1))
}

/// A sweep over files of so many thousandths of a disk that is so many percent full.
fn sample(files: &[(&str, u64)], percent: u64) -> Sweep {
    const TOTAL: u64 = 1_000_000;
    const NOW: u64 = 1_795_327_800;
    let file = |(id, size): &(&str, u64)| Recording { size: size * TOTAL / 1_000, ..recording(id, NOW) };
    let disk = Disk { total: TOTAL, free: TOTAL - percent * TOTAL / 100 };
    Sweep { disk, ..sweep(NOW, files.iter().map(file).collect()) }
}

#[cfg(test)]
mod tests {
    use sluice_sdk::configured;

    use super::*;

    fn gone(config: &str, sweep: &Sweep) -> Vec<String> {
        let policy: DiskWatermark = configured(config).expect("a configuration");
        policy.select(sweep).expect("a decision").into_iter().map(|deletion| deletion.id).collect()
    }

    #[test]
    fn the_oldest_go_until_the_disk_is_at_its_mark() {
        // 95 % full, 90 % allowed: 50 thousandths have to go.
        let files = [("a", 20), ("b", 20), ("c", 20), ("d", 20)];
        assert_eq!(gone("{}", &sample(&files, 95)), ["a", "b", "c"]);
        assert_eq!(gone(r#"{"percent":92}"#, &sample(&files, 95)), ["a", "b"]);
        assert_eq!(gone(r#"{"percent":95}"#, &sample(&files, 95)), [""; 0], "at the mark");
    }

    #[test]
    fn the_next_page_goes_on_where_this_one_ended() {
        let config = "{}";
        let [first, second, third] = [[("a", 20), ("b", 20)], [("c", 20), ("d", 20)], [("e", 20), ("f", 20)]];
        assert_eq!(gone(config, &sample(&first, 95)), ["a", "b"]);
        // 40 of the 50 thousandths are gone.
        assert_eq!(gone(config, &sample(&second, 91)), ["c"]);
        assert_eq!(gone(config, &sample(&third, 89)), [""; 0]);
    }

    #[test]
    fn the_reason_says_how_full_it_is() {
        let deletions = DiskWatermark::default().select(&sample(&[("a", 1)], 95)).expect("a decision");
        let reason = "the disk is 95 % full, 90 % allowed".into();
        assert_eq!(deletions, [Deletion { id: "a".into(), reason }]);
    }

    #[test]
    fn a_mark_of_zero_spares_nothing_and_one_of_a_hundred_everything() {
        let files = [("a", 1), ("b", 1)];
        assert_eq!(gone(r#"{"percent":0}"#, &sample(&files, 30)), ["a", "b"]);
        assert_eq!(gone(r#"{"percent":100}"#, &sample(&files, 100)), [""; 0]);
    }

    #[test]
    fn a_disk_of_no_size_costs_no_file() {
        let unknown = Sweep { disk: Disk { total: 0, free: 0 }, ..sample(&[("a", 1)], 50) };
        assert_eq!(gone(r#"{"percent":0}"#, &unknown), [""; 0]);
        let strange = Sweep { disk: Disk { total: 10, free: u64::MAX }, ..unknown };
        assert_eq!(gone(r#"{"percent":0}"#, &strange), [""; 0]);
        let vast = Disk { total: u64::MAX, free: 0 };
        assert_eq!(DiskWatermark::default().excess(&vast), u64::MAX - u64::MAX / 100 * 90);
    }

    #[test]
    fn a_percentage_that_is_none_is_refused() {
        assert_eq!(
            configured::<DiskWatermark>(r#"{"percent":101}"#).unwrap_err(),
            "`percent` is 101; a disk is at most 100 % full"
        );
        for wrong in [r#"{"percent":-1}"#, r#"{"percent":300}"#, r#"{"percents":9}"#] {
            assert!(configured::<DiskWatermark>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_self_test_passes() {
        assert_eq!(DiskWatermark::default().self_test(), Ok(()));
    }
}
