use super::*;

fn new(stream: &str) -> NewRecording {
    NewRecording {
        stream: stream.to_owned(),
        channel: "c".to_owned(),
        app: "rtp".to_owned(),
        started: 100,
        limit: 600,
        query: r#"{"case":"7"}"#.to_owned(),
    }
}

fn file(start: i64) -> RecordedFile {
    RecordedFile {
        url: "record/x.mp4".to_owned(),
        path: "/zlm/record/x.mp4".to_owned(),
        size: 119_807,
        time_len: 5.9,
        start,
        end: start + 6,
    }
}

#[tokio::test]
async fn a_recording_runs_stops_and_has_its_file() {
    let fixture = Fixture::new();
    let started = fixture.store.start_recording(new("S")).await.unwrap();
    let id = started.id.clone();
    assert!(id.len() == 32 && id.bytes().all(|symbol| symbol.is_ascii_alphanumeric()), "{id}");
    let expected = Recording {
        id: id.clone(),
        stream: "S".to_owned(),
        channel: "c".to_owned(),
        app: "rtp".to_owned(),
        state: RecordingState::Recording,
        started: 100,
        limit: 600,
        query: r#"{"case":"7"}"#.to_owned(),
        file: RecordedFile::default(),
        why: String::new(),
    };
    assert_eq!(started, expected);

    let fixture = fixture.reopen().await;
    assert_eq!(fixture.store.open_recordings().await.unwrap(), std::slice::from_ref(&expected));
    assert!(fixture.store.stop_recording(id.as_str()).await.unwrap());
    assert!(!fixture.store.stop_recording(id.as_str()).await.unwrap());
    assert_eq!(fixture.store.recording_of("S").await.unwrap().unwrap().state, RecordingState::Stopping);

    let events = vec![event("r", "records.stop")];
    let done = fixture.store.finish_recording(id.as_str(), file(100), events.clone()).await.unwrap();
    let expected = Recording { state: RecordingState::Done, file: file(100), ..expected };
    assert_eq!(done, Some(expected.clone()));
    assert_eq!(fixture.store.recording(id.as_str()).await.unwrap(), Some(expected));
    assert_eq!(fixture.store.recording_of("S").await.unwrap(), None);

    assert_eq!(fixture.store.finish_recording(id, file(1), events).await.unwrap(), None);
    assert_eq!(waiting(&fixture.store, "r").await, [(1, "records.stop".to_owned(), 0)]);
}

#[tokio::test]
async fn a_stream_has_one_recording_at_a_time() {
    let fixture = Fixture::new();
    let first = fixture.store.start_recording(new("S")).await.unwrap().id;
    let refused = fixture.store.start_recording(new("S")).await.unwrap_err();
    assert_eq!(refused.to_string(), format!("stream S is already being recorded as {first}"));
    fixture.store.start_recording(new("other")).await.unwrap();

    assert!(fixture.store.fail_recording(first.as_str(), "the media server is gone").await.unwrap());
    assert!(!fixture.store.fail_recording(first.as_str(), "again").await.unwrap());
    let failed = fixture.store.recording(first.as_str()).await.unwrap().unwrap();
    assert_eq!((failed.state, failed.why.as_str()), (RecordingState::Failed, "the media server is gone"));
    fixture.store.start_recording(new("S")).await.unwrap();

    let late = fixture.store.finish_recording(first, file(1), Vec::new()).await.unwrap().unwrap();
    assert_eq!((late.state, late.why.as_str()), (RecordingState::Done, ""));
}

#[tokio::test]
async fn files_are_swept_in_pages_oldest_first() {
    let fixture = Fixture::new();
    let mut ids = Vec::new();
    for start in [30, 10, 20, 20] {
        ids.push((start, fixture.store.add_recorded_file(new("S"), file(start)).await.unwrap().id));
    }
    fixture.store.start_recording(new("S")).await.unwrap();
    ids.sort();

    let first = fixture.store.recorded_files(None, 2).await.unwrap();
    let second = fixture.store.recorded_files(first.last(), 2).await.unwrap();
    let third = fixture.store.recorded_files(second.last(), 2).await.unwrap();
    let swept: Vec<_> = [first, second, third].concat().into_iter().map(|r| (r.file.start, r.id)).collect();
    assert_eq!(swept, ids);

    let oldest = ids[0].1.as_str();
    assert!(fixture.store.set_recording_deleted(oldest, "7 days old").await.unwrap());
    assert!(!fixture.store.set_recording_deleted(oldest, "again").await.unwrap());
    let gone = fixture.store.recording(oldest).await.unwrap().unwrap();
    assert_eq!((gone.state, gone.why.as_str()), (RecordingState::Deleted, "7 days old"));
    assert_eq!(fixture.store.recorded_files(None, 9).await.unwrap().len(), 3);
}

#[tokio::test]
async fn what_has_no_file_is_forgotten_by_when_it_was_over() {
    let fixture = Fixture::new();
    let deleted = fixture.store.add_recorded_file(new("S"), file(1)).await.unwrap().id;
    let done = fixture.store.add_recorded_file(new("S"), file(2)).await.unwrap().id;
    let failed = fixture.store.start_recording(new("S")).await.unwrap().id;
    assert!(fixture.store.fail_recording(failed.as_str(), "no media").await.unwrap());
    let running = fixture.store.start_recording(new("S")).await.unwrap().id;
    assert!(fixture.store.set_recording_deleted(deleted.as_str(), "7 days old").await.unwrap());

    // All were asked for at 100; what counts is that two of them have been over for less than a minute.
    let now = fixture.store.write(|connection| columns::value::<i64>(connection, "SELECT unixepoch()", ()));
    let now = now.await.unwrap().unwrap();
    assert_eq!(fixture.store.forget_recordings(now - 60).await.unwrap(), 0);
    assert_eq!(fixture.store.forget_recordings(now + 60).await.unwrap(), 2);
    for (id, is_kept) in [(deleted, false), (done, true), (failed, false), (running, true)] {
        assert_eq!(fixture.store.recording(id).await.unwrap().is_some(), is_kept);
    }
}

#[tokio::test]
async fn a_new_file_belongs_to_the_recording_that_runs_or_to_the_last_that_had_none() {
    let fixture = Fixture::new();
    let start = |started| fixture.store.start_recording(NewRecording { started, ..new("S") });
    let owner = async || fixture.store.recording_for_file("S").await.unwrap().map(|row| row.id);
    assert_eq!(owner().await, None);
    for started in [100, 200] {
        let failed = start(started).await.unwrap().id;
        assert!(fixture.store.fail_recording(failed.as_str(), "no file").await.unwrap());
        assert_eq!(owner().await, Some(failed));
    }
    let running = start(50).await.unwrap().id;
    assert_eq!(owner().await, Some(running.clone()));
    assert_eq!(fixture.store.recorded_urls("S").await.unwrap(), [""; 0]);
    fixture.store.finish_recording(running.as_str(), file(50), Vec::new()).await.unwrap();
    assert_eq!(fixture.store.recorded_urls("S").await.unwrap(), [file(50).url]);
    assert_ne!(owner().await, Some(running));
    assert_eq!(fixture.store.recording_for_file("T").await.unwrap(), None);
}
