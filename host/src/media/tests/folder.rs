//! Files that go, and traps that must not lead out of the record folder.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use tempfile::TempDir;

use crate::media::{FolderError, Place, RecordFolder};

/// `record` with two files of one day, and `outside` with one that must never go.
struct Fixture {
    folder: TempDir,
    record: RecordFolder,
}

const DAY: &str = "rtp/0BEBC201/2026-11-22";

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("record").join(DAY)).unwrap();
        fs::create_dir_all(folder.path().join("outside/2026-11-22")).unwrap();
        let record = RecordFolder::open(&folder.path().join("record")).unwrap();
        let fixture = Self { folder, record };
        for file in ["record/rtp/0BEBC201/2026-11-22/a.mp4", "outside/a.mp4", "outside/2026-11-22/a.mp4"] {
            fs::write(fixture.path(file), "12345").unwrap();
        }
        fixture
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn in_day(&self, name: &str) -> PathBuf {
        self.path("record").join(DAY).join(name)
    }

    fn place(&self, path: &Path) -> Result<Place, FolderError> {
        self.record.place(path.to_str().unwrap(), "rtp", "0BEBC201")
    }

    /// What becomes of a file told by this path.
    fn delete(&self, path: &Path) -> Result<u64, String> {
        let place = self.place(path).map_err(|error| error.to_string())?;
        self.record.delete(&place).map_err(|error| error.to_string())
    }

    /// Everything outside is still there, and the neighbour inside.
    fn is_unharmed(&self) -> bool {
        ["outside/a.mp4", "outside/2026-11-22/a.mp4"].iter().all(|file| self.path(file).is_file())
            && self.in_day("a.mp4").is_file()
    }
}

#[test]
fn a_file_goes_and_gives_its_bytes_back() {
    let fixture = Fixture::new();
    let file = fixture.in_day("b.mp4");
    fs::write(&file, "1234567").unwrap();
    let size = |file: &Path| fixture.record.size(&fixture.place(file).unwrap());
    assert_eq!(
        (size(&file), size(&fixture.in_day("c.mp4")), size(&fixture.in_day(""))),
        (Some(7), None, None)
    );
    assert_eq!(fixture.delete(&file), Ok(7));
    assert!(!file.exists());
    assert_eq!(fixture.delete(&file), Ok(0), "gone already");
    assert!(fixture.is_unharmed());
}

#[test]
fn a_media_server_may_see_the_folder_elsewhere() {
    let fixture = Fixture::new();
    let place = |path: &str| fixture.place(Path::new(path)).map(|place| place.path().display().to_string());
    let below = "rtp/0BEBC201/2026-11-22/a.mp4";
    for told in [
        format!("{}/{below}", fixture.path("record").display()),
        format!("/zlm/www/record/{below}"),
        format!("/zlm/www/__defaultVhost__/record/{below}"),
        format!("./www/record//{below}"),
        format!("/rtp/0BEBC201/{below}"),
    ] {
        assert_eq!(place(&told).unwrap(), below, "{told}");
    }
    let linked = fixture.path("linked");
    symlink(fixture.path("record"), &linked).unwrap();
    let record = RecordFolder::open(&linked).unwrap();
    let real = fixture.in_day("a.mp4");
    assert_eq!(record.place(real.to_str().unwrap(), "", "").unwrap().path(), Path::new(below));
}

#[test]
fn a_path_that_leads_out_is_no_place() {
    let fixture = Fixture::new();
    let record = fixture.path("record").display().to_string();
    for told in [
        format!("{record}/../outside/a.mp4"),
        format!("{record}/rtp/0BEBC201/../../../outside/a.mp4"),
        format!("{record}/rtp/0BEBC201/2026-11-22/../2026-11-22/a.mp4"),
        "/zlm/www/record/rtp/0BEBC201/../../../outside/a.mp4".to_owned(),
        fixture.path("outside/a.mp4").display().to_string(),
        format!("{record}-other/a.mp4"),
        "/etc/passwd".to_owned(),
        record,
        "/".to_owned(),
        "..".to_owned(),
        String::new(),
    ] {
        let told = Path::new(&told);
        assert!(matches!(fixture.place(told), Err(FolderError::Outside(_))), "{}", told.display());
    }
    assert!(fixture.is_unharmed());
}

#[test]
fn links_are_not_followed_wherever_they_stand() {
    let fixture = Fixture::new();
    let stream = fixture.path("record/rtp/0BEBC201");
    symlink(fixture.path("outside/a.mp4"), fixture.in_day("link.mp4")).unwrap();
    symlink(fixture.path("outside/2026-11-22"), stream.join("day")).unwrap();
    symlink(fixture.path("outside"), fixture.path("record/rtp/0BEBC202")).unwrap();
    symlink(fixture.path("outside"), fixture.path("record/group")).unwrap();
    symlink(".", stream.join("here")).unwrap();
    let not = |name: &str| Err(format!("`{name}` on its path is no folder; links are not followed"));
    let record = fixture.path("record");
    for (told, expected) in [
        ("rtp/0BEBC201/2026-11-22/link.mp4", Err("it is no regular file".to_owned())),
        ("rtp/0BEBC201/day/a.mp4", not("day")),
        ("rtp/0BEBC202/2026-11-22/a.mp4", not("0BEBC202")),
        ("group/a.mp4", not("group")),
        ("rtp/0BEBC201/here/2026-11-22/a.mp4", not("here")),
        ("rtp/0BEBC201/2026-11-22/a.mp4/a.mp4", not("a.mp4")),
    ] {
        assert_eq!(fixture.delete(&record.join(told)), expected, "{told}");
    }
    assert!(fixture.is_unharmed());
}

#[test]
fn only_regular_files_go() {
    let fixture = Fixture::new();
    fs::create_dir(fixture.in_day("folder.mp4")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(fixture.in_day("socket.mp4")).unwrap();
    for name in ["folder.mp4", "socket.mp4"] {
        assert_eq!(fixture.delete(&fixture.in_day(name)), Err("it is no regular file".to_owned()), "{name}");
        assert!(fixture.in_day(name).exists());
    }
}

#[test]
fn a_folder_that_is_not_the_media_servers_does_not_make_files_gone() {
    let fixture = Fixture::new();
    let empty = fixture.path("empty");
    fs::create_dir(&empty).unwrap();
    let record = RecordFolder::open(&empty).unwrap();
    let place = record.place(&format!("/zlm/www/record/{DAY}/a.mp4"), "rtp", "0BEBC201").unwrap();
    let error = record.delete(&place).unwrap_err().to_string();
    let expected =
        format!("{} holds no folder `rtp`; is it the media server's record folder?", empty.display());
    assert_eq!(error, expected);
    let nowhere = fixture.path("nowhere");
    let error = RecordFolder::open(&nowhere).unwrap_err();
    assert!(
        matches!(&error, FolderError::Unusable { path, source }
        if *path == nowhere && source.kind() == std::io::ErrorKind::NotFound),
        "{error:?}"
    );
}

#[test]
fn an_empty_day_goes_and_nothing_else() {
    let fixture = Fixture::new();
    let place = fixture.place(&fixture.in_day("a.mp4")).unwrap();
    fixture.record.tidy(&place);
    assert!(fixture.is_unharmed(), "a day with a file stays");
    fixture.record.delete(&place).unwrap();
    fixture.record.tidy(&place);
    fixture.record.tidy(&place);
    assert!(!fixture.in_day("").exists());
    let stream = fixture.path("record/rtp/0BEBC201");
    fixture.record.tidy(&fixture.place(&stream.join("a.mp4")).unwrap());
    assert!(stream.is_dir(), "the media server may be about to write into it");

    fs::create_dir(fixture.path("outside/empty")).unwrap();
    symlink(fixture.path("outside/empty"), stream.join("day")).unwrap();
    fixture.record.tidy(&fixture.place(&stream.join("day/a.mp4")).unwrap());
    symlink(fixture.path("outside"), fixture.path("record/rtp/0BEBC202")).unwrap();
    fixture.record.tidy(&fixture.place(&fixture.path("record/rtp/0BEBC202/empty/a.mp4")).unwrap());
    assert!(fixture.path("outside/empty").is_dir());
}

/// Somebody swaps a folder of the path for a link and back, as fast as can be, while files are deleted in it.
#[test]
fn a_race_for_a_folder_of_the_path_is_never_won() {
    let fixture = Fixture::new();
    let [day, aside, link] =
        ["2026-11-22", "aside", "link"].map(|name| fixture.path("record/rtp/0BEBC201").join(name));
    symlink(fixture.path("outside"), &link).unwrap();
    let place = fixture.place(&fixture.in_day("a.mp4")).unwrap();
    let outside = fixture.path("outside/a.mp4");
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                fs::rename(&day, &aside).unwrap();
                fs::rename(&link, &day).unwrap();
                fs::rename(&day, &link).unwrap();
                fs::rename(&aside, &day).unwrap();
            }
        });
        let (mut tried, mut refused) = (0, 0);
        while tried < 2_000 || refused < 10 {
            tried += 1;
            refused += u32::from(fixture.record.delete(&place).is_err());
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(outside.is_file(), "a link was followed");
}

#[test]
fn the_disk_has_a_size() {
    let fixture = Fixture::new();
    let disk = fixture.record.disk().unwrap();
    assert!(disk.total > 0 && disk.free <= disk.total, "{disk:?}");
}

#[test]
fn a_folder_that_cannot_be_written_is_named_by_the_system() {
    let fixture = Fixture::new();
    fs::set_permissions(fixture.in_day(""), fs::Permissions::from_mode(0o555)).unwrap();
    let deleted = fixture.delete(&fixture.in_day("a.mp4"));
    // Root writes everywhere.
    let expected = if rustix::process::geteuid().is_root() {
        Ok(5)
    } else {
        Err("Permission denied (os error 13)".into())
    };
    assert_eq!(deleted, expected);
    fs::set_permissions(fixture.in_day(""), fs::Permissions::from_mode(0o755)).unwrap();
}
