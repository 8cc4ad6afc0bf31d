//! Recorded files go as the cleanup plugin decides, and nothing else ever does.

use std::fs;
use std::os::unix::fs::symlink;

use sluice::store::{NewStream, RecordingState, StreamKind, StreamState};
use sluice_tests::site::wait_for;

use crate::archive::{Archive, STREAM, recording};
use crate::plugins::{metrics, says};

/// `[plugins]` with the other bundled policy, and its section that lets no disk be used.
const WATERMARK: (&str, &str) =
    ("cleanup = \"disk-watermark\"", "[plugins.config.disk-watermark]\npercent = 0\n");

fn done() -> (RecordingState, String) {
    (RecordingState::Done, String::new())
}

fn deleted(why: &str) -> (RecordingState, String) {
    (RecordingState::Deleted, why.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn expire_deletes_what_is_older_and_keeps_the_rest() -> anyhow::Result<()> {
    let archive = Archive::new("", "").await?;
    let [first, second] = ["rtp/0BEBC201/2026-10-01/a.mp4", "rtp/0BEBC201/2026-11-01/b.mp4"];
    let third = "rtp/0BEBC201/2026-11-01/c.mp4";
    let ids = [archive.file(first, 40).await?, archive.file(second, 8).await?, archive.file(third, 6).await?];
    // It runs, however long ago it began; its file is none of the cleanup's business.
    let running = archive.store.start_recording(recording(0)).await?.id;

    let gateway = archive.open().await?;
    assert_eq!(archive.sweep(1).await?, "swept=3 deleted=2 freed=10 failed=0 undecided=0 forgotten=0");
    assert_eq!(archive.sweep(2).await?, "swept=1 deleted=0 freed=0 failed=0 undecided=0 forgotten=0");
    let freed = [
        "sluice_sweep_files_total{outcome=\"deleted\"} 2",
        "sluice_sweep_files_total{outcome=\"failed\"} 0",
        "sluice_sweep_files_total{outcome=\"undecided\"} 0",
        "sluice_sweep_freed_bytes_total 10",
        "sluice_sweep_forgotten_rows_total 0",
    ];
    says(&metrics(&gateway).await?, &freed);
    assert_eq!(archive.fate(&ids[0]).await?, deleted("40 days old, kept for 7"));
    assert_eq!(archive.fate(&ids[1]).await?, deleted("8 days old, kept for 7"));
    assert_eq!(archive.fate(&ids[2]).await?, done());
    assert_ne!(archive.fate(&running).await?.0, RecordingState::Deleted);
    assert!(!archive.path("rtp/0BEBC201/2026-10-01").exists(), "a day that is empty goes");
    assert!(!archive.path(second).exists());
    assert!(archive.path(third).is_file());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_who_sets_record_expire_alone_gets_those_days() -> anyhow::Result<()> {
    let archive = Archive::new("", "expire = 30").await?;
    let old = archive.file("rtp/0BEBC201/2026-10-01/a.mp4", 40).await?;
    let young = archive.file("rtp/0BEBC201/2026-11-01/b.mp4", 20).await?;
    let _gateway = archive.open().await?;
    assert_eq!(archive.sweep(1).await?, "swept=2 deleted=1 freed=5 failed=0 undecided=0 forgotten=0");
    assert_eq!(archive.fate(&old).await?, deleted("40 days old, kept for 30"));
    assert_eq!(archive.fate(&young).await?, done());
    Ok(())
}

/// Each row says that its file is larger than any disk, so that one of them is enough for a sweep.
#[tokio::test(flavor = "multi_thread")]
async fn disk_watermark_takes_the_oldest_first_and_no_more_than_it_needs() -> anyhow::Result<()> {
    let archive = Archive::new(WATERMARK.0, WATERMARK.1).await?;
    let mut by_age = Vec::new();
    for days in [2, 3, 1] {
        let path = archive.path(&format!("rtp/0BEBC201/2026-11-22/{days}.mp4"));
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        fs::write(&path, "12345")?;
        by_age.push((-days, archive.row(&path, days, 1 << 60).await?));
    }
    by_age.sort();
    let _gateway = archive.open().await?;
    for (number, swept) in [(1, 3), (2, 2), (3, 1)] {
        let figures = format!("swept={swept} deleted=1 freed=5 failed=0 undecided=0 forgotten=0");
        assert_eq!(archive.sweep(number).await?, figures);
    }
    let by_age: Vec<String> = by_age.into_iter().map(|(_, id)| id).collect();
    assert_eq!(archive.deleted(), by_age);
    let (state, why) = archive.fate(&by_age[0]).await?;
    assert_eq!(state, RecordingState::Deleted);
    assert!(why.starts_with("the disk is ") && why.ends_with(" % full, 0 % allowed"), "{why}");
    Ok(())
}

/// The file goes before its row is marked. Whoever is killed in between finds a row without a file at the next start.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_is_killed_in_a_sweep_ends_it_at_the_next_start() -> anyhow::Result<()> {
    let archive = Archive::new(WATERMARK.0, WATERMARK.1).await?;
    let mut ids = Vec::new();
    // More than two pages.
    for number in 0..450 {
        ids.push(archive.file(&format!("rtp/0BEBC201/2026-10-01/{number}.mp4"), 50).await?);
    }
    fs::remove_file(archive.path("rtp/0BEBC201/2026-10-01/449.mp4"))?;
    let mut killed = archive.open().await?;
    wait_for(|| async { !archive.deleted().is_empty() }).await?;
    killed.kill().await?;

    let _gateway = archive.open().await?;
    let marked = || async { archive.store.recorded_files(None, 1).await.is_ok_and(|left| left.is_empty()) };
    wait_for(marked).await?;
    for id in ids {
        assert_eq!(archive.fate(&id).await?.0, RecordingState::Deleted);
    }
    assert_eq!(fs::read_dir(archive.path("rtp/0BEBC201"))?.count(), 0, "no file, no day");
    assert_eq!(archive.logged("a recorded file cannot be deleted"), [""; 0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outside_the_record_folder_goes_and_traps_do_not_stop_the_others() -> anyhow::Result<()> {
    let archive = Archive::new("", "").await?;
    let secret = archive.outside("a.mp4");
    fs::write(&secret, "12345")?;
    let good = archive.file("rtp/0BEBC201/2026-10-01/good.mp4", 40).await?;
    symlink(archive.outside(""), archive.path("rtp/0BEBC201/day"))?;
    symlink(archive.outside(""), archive.path("group"))?;
    symlink(&secret, archive.path("rtp/0BEBC201/link.mp4"))?;
    fs::create_dir(archive.path("rtp/0BEBC201/folder.mp4"))?;
    let mut traps = Vec::new();
    for path in [
        archive.path("../outside/a.mp4"),
        archive.path("rtp/0BEBC201/../../../outside/a.mp4"),
        secret.clone(),
        format!("/zlm/www/record/rtp/{STREAM}/../../../outside/a.mp4").into(),
        "/etc/hostname".into(),
        archive.path("rtp/0BEBC201/day/a.mp4"),
        archive.path("group/a.mp4"),
        archive.path("rtp/0BEBC201/link.mp4"),
        archive.path("rtp/0BEBC201/folder.mp4"),
    ] {
        traps.push(archive.row(&path, 50, 5).await?);
    }
    let last = archive.file("rtp/0BEBC201/2026-10-01/last.mp4", 30).await?;

    let _gateway = archive.open().await?;
    assert_eq!(archive.sweep(1).await?, "swept=11 deleted=2 freed=10 failed=9 undecided=0 forgotten=0");
    let again = "swept=9 deleted=0 freed=0 failed=9 undecided=0 forgotten=0";
    assert_eq!(archive.sweep(2).await?, again, "they are tried again");
    assert_eq!(fs::read_to_string(&secret)?, "12345");
    assert_eq!(archive.fate(&good).await?, deleted("40 days old, kept for 7"));
    assert_eq!(archive.fate(&last).await?, deleted("30 days old, kept for 7"));
    for trap in &traps {
        assert_eq!(archive.fate(trap).await?, done());
    }

    fs::remove_dir(archive.path("rtp/0BEBC201/folder.mp4"))?;
    fs::write(archive.path("rtp/0BEBC201/folder.mp4"), "12345")?;
    let cured =
        || async { archive.fate(&traps[8]).await.is_ok_and(|(state, _)| state == RecordingState::Deleted) };
    wait_for(cured).await?;
    assert!(!archive.path("rtp/0BEBC201/folder.mp4").exists());
    Ok(())
}

/// An unmounted disk, or a wrong `record.path`: what is not found there is not gone.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_record_folder_does_not_make_files_gone() -> anyhow::Result<()> {
    let archive = Archive::new("", "").await?;
    let told = format!("/zlm/www/record/rtp/{STREAM}/2026-10-01/a.mp4");
    let id = archive.row(told.as_ref(), 40, 5).await?;
    let _gateway = archive.open().await?;
    assert_eq!(archive.sweep(1).await?, "swept=1 deleted=0 freed=0 failed=1 undecided=0 forgotten=0");
    assert_eq!(archive.fate(&id).await?, done());
    let file = archive.path("rtp/0BEBC201/2026-10-01/a.mp4");
    fs::create_dir_all(file.parent().unwrap_or(&file))?;
    fs::write(&file, "12345")?;
    wait_for(|| async { archive.fate(&id).await.is_ok_and(|(state, _)| state == RecordingState::Deleted) })
        .await?;
    assert!(!file.exists());
    Ok(())
}

/// A page of paths so long that the component runs out of memory over them.
#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_traps_deletes_nothing_of_its_page_and_the_sweep_goes_on() -> anyhow::Result<()> {
    let archive = Archive::new("", "[plugins.limits.expire]\nmemory_mb = 2\n").await?;
    let spared = archive.file("rtp/0BEBC201/2026-08-01/spared.mp4", 99).await?;
    let long = format!("/zlm/www/record/rtp/{STREAM}/{}.mp4", "x".repeat(8_000));
    for _ in 0..199 {
        archive.row(long.as_ref(), 50, 5).await?;
    }
    let next = archive.file("rtp/0BEBC201/2026-11-01/next.mp4", 10).await?;
    let _gateway = archive.open().await?;
    assert_eq!(archive.sweep(1).await?, "swept=201 deleted=1 freed=5 failed=0 undecided=200 forgotten=0");
    assert_eq!(
        archive.logged("a plugin failed: ")[0],
        "wanted more than 2097152 bytes of memory plugin=expire"
    );
    assert_eq!(archive.fate(&spared).await?, done());
    assert!(archive.path("rtp/0BEBC201/2026-08-01/spared.mp4").is_file());
    assert_eq!(archive.fate(&next).await?, deleted("10 days old, kept for 7"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_cleanup_plugin_files_stay_and_old_rows_go_all_the_same() -> anyhow::Result<()> {
    let archive = Archive::new("cleanup = \"\"", "").await?;
    let kept = archive.file("rtp/0BEBC201/2026-08-01/a.mp4", 999).await?;
    let [old, recent] = [archive.file("a/b/c/1.mp4", 50).await?, archive.file("a/b/c/2.mp4", 50).await?];
    for id in [&old, &recent] {
        assert!(archive.store.set_recording_deleted(id.as_str(), "50 days old").await?);
    }
    let mut streams = Vec::new();
    for channel in ["37070000081318000001", "37070000081318000002"] {
        let new = NewStream {
            kind: StreamKind::Live,
            region: "3707000008".to_owned(),
            device: "37070000081118000001".to_owned(),
            channel: channel.to_owned(),
            period: None,
            own_port: false,
        };
        let stream = archive.store.open_stream(new).await?.stream;
        assert!(archive.store.set_state(stream.as_str(), StreamState::Closed, None).await?);
        streams.push(stream);
    }
    archive.execute(&format!("UPDATE recordings SET over_at = over_at - 31 * 86400 WHERE id = '{old}'"))?;
    let sql = "UPDATE streams SET updated_at = updated_at - 31 * 86400 WHERE stream";
    archive.execute(&format!("{sql} = '{}'", streams[0]))?;

    let _gateway = archive.open().await?;
    assert_eq!(archive.sweep(1).await?, "swept=0 deleted=0 freed=0 failed=0 undecided=0 forgotten=2");
    assert_eq!(archive.store.recording(old).await?, None);
    assert_eq!(archive.fate(&recent).await?, deleted("50 days old"));
    assert_eq!(archive.fate(&kept).await?, done());
    assert_eq!(archive.store.stream(streams[0].as_str()).await?, None);
    assert!(archive.store.stream(streams[1].as_str()).await?.is_some());
    Ok(())
}
