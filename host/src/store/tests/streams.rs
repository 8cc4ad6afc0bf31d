use super::*;

fn live(channel: &str) -> NewStream {
    NewStream {
        kind: StreamKind::Live,
        region: "3707000008".to_owned(),
        device: "device".to_owned(),
        channel: channel.to_owned(),
        period: None,
        own_port: false,
    }
}

fn history(channel: &str) -> NewStream {
    NewStream { kind: StreamKind::History, period: Some((100, 200)), ..live(channel) }
}

impl Fixture {
    async fn open(&self, new: NewStream) -> Stream {
        self.store.open_stream(new).await.unwrap()
    }

    async fn state(&self, stream: &str, state: StreamState) -> bool {
        self.store.set_state(stream, state, None).await.unwrap()
    }

    async fn stream(&self, stream: &str) -> Stream {
        self.store.stream(stream).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn a_stream_is_named_by_its_ssrc() {
    let fixture = Fixture::new();
    let opened = fixture.open(history("c")).await;
    let expected = Stream {
        id: 1,
        stream: "6553F100".to_owned(),
        ssrc: "1700000000".to_owned(),
        kind: StreamKind::History,
        device: "device".to_owned(),
        channel: "c".to_owned(),
        state: StreamState::Asked,
        why: String::new(),
        start: Some(100),
        end: Some(200),
        own_port: false,
        invite: None,
        dialog: None,
        origin: MediaOrigin::default(),
        close_attempts: 0,
        created_at: opened.created_at,
        updated_at: opened.created_at,
    };
    // 70000 are digits 4 to 8 of the region, and 1,700,000,000 is 0x6553F100.
    assert_eq!(opened, expected);

    let second = fixture.open(live("c")).await;
    assert_eq!((second.ssrc.as_str(), second.stream.as_str()), ("0700000001", "29B92701"));
}

#[tokio::test]
async fn a_region_too_short_for_an_ssrc_is_refused() {
    let fixture = Fixture::new();
    for region in ["", "3707000", "370x000008", "中文中文"] {
        let refused = fixture.store.open_stream(NewStream { region: region.to_owned(), ..live("c") }).await;
        assert!(matches!(refused, Err(Error::BadRegion(_))), "{region}: {refused:?}");
    }
    assert_eq!(fixture.open(live("c")).await.ssrc, "0700000000");
}

#[tokio::test]
async fn a_stream_only_moves_forward() {
    let fixture = Fixture::new();
    let stream = fixture.open(live("c")).await.stream;
    assert!(fixture.state(&stream, StreamState::Invited).await);
    assert!(fixture.state(&stream, StreamState::Flowing).await);
    assert!(!fixture.state(&stream, StreamState::Answered).await);
    assert!(!fixture.state(&stream, StreamState::Flowing).await);

    let closing =
        |why: &str| fixture.store.set_state(stream.clone(), StreamState::Closing, Some(why.to_owned()));
    assert!(closing("asked to").await.unwrap());
    assert!(!closing("nobody watches").await.unwrap());
    assert!(
        fixture.store.set_state(stream.as_str(), StreamState::Closed, Some("late".to_owned())).await.unwrap()
    );
    assert!(!fixture.state(&stream, StreamState::Closed).await);
    let closed = fixture.stream(&stream).await;
    assert_eq!((closed.state, closed.why.as_str()), (StreamState::Closed, "asked to"));
    assert!(!fixture.state("no such stream", StreamState::Closed).await);
}

#[tokio::test]
async fn what_is_known_of_a_stream_survives_a_restart() {
    let fixture = Fixture::new();
    let opened = fixture.open(NewStream { own_port: true, ..live("c") }).await;
    let stream = opened.stream.as_str();
    assert!(fixture.store.set_invited(stream, "INVITE".to_owned()).await.unwrap());

    let fixture = fixture.reopen().await;
    let invited = fixture.stream(stream).await;
    let expected = Stream {
        state: StreamState::Invited,
        own_port: true,
        invite: Some("INVITE".to_owned()),
        updated_at: invited.updated_at,
        ..opened.clone()
    };
    assert_eq!(invited, expected);

    let origin = MediaOrigin { ssrc: "0703001718".to_owned(), source: "192.0.2.7:30000".to_owned() };
    assert!(fixture.store.set_answered(stream, "first".to_owned(), origin.clone()).await.unwrap());
    assert!(fixture.store.set_dialog(stream, "second".to_owned()).await.unwrap());
    assert!(fixture.store.count_close_attempt(stream).await.unwrap());
    let fixture = fixture.reopen().await;
    let streams = fixture.store.open_streams().await.unwrap();
    let expected = Stream {
        state: StreamState::Answered,
        invite: None,
        dialog: Some("second".to_owned()),
        origin,
        close_attempts: 1,
        updated_at: streams[0].updated_at,
        ..expected
    };
    assert_eq!(streams, [expected]);
}

#[tokio::test]
async fn a_late_answer_leaves_a_closing_stream_closing_but_owes_a_bye() {
    let fixture = Fixture::new();
    let stream = fixture.open(live("c")).await.stream;
    fixture.state(&stream, StreamState::Closing).await;
    let answered =
        |dialog: &str| fixture.store.set_answered(stream.as_str(), dialog.to_owned(), MediaOrigin::default());
    assert!(answered("{}").await.unwrap());
    let late = fixture.stream(&stream).await;
    assert_eq!((late.state, late.dialog.as_deref()), (StreamState::Closing, Some("{}")));
    assert!(fixture.store.set_call_over(stream.as_str()).await.unwrap());
    assert_eq!(fixture.stream(&stream).await.dialog, None);

    fixture.state(&stream, StreamState::Closed).await;
    assert!(!answered("other").await.unwrap());
    assert!(!fixture.store.set_dialog(stream.as_str(), "other".to_owned()).await.unwrap());
    assert_eq!(fixture.stream(&stream).await.dialog, None);
}

#[tokio::test]
async fn a_channel_has_one_live_stream_until_it_closes() {
    let fixture = Fixture::new();
    let first = fixture.open(live("c")).await.stream;
    let refused = fixture.store.open_stream(live("c")).await.unwrap_err();
    assert_eq!(refused.to_string(), format!("channel c already has the live stream {first}"));
    let playback = fixture.open(history("c")).await.stream;
    let another = fixture.open(live("another")).await.stream;

    fixture.state(&first, StreamState::Closing).await;
    let second = fixture.open(live("c")).await.stream;
    let streams = fixture.store.open_streams().await.unwrap();
    let names: Vec<_> = streams.into_iter().map(|stream| stream.stream).collect();
    assert_eq!(names, [first, playback, another, second]);
}

#[tokio::test]
async fn sequence_numbers_go_round_past_those_in_use() {
    let fixture = Fixture::new();
    fixture.store.write(|connection| counters::set(connection, counters::SEQUENCE, 9998)).await.unwrap();
    let last = fixture.open(live("a")).await;
    assert_eq!(last.ssrc, "0700009999");
    let first = fixture.open(live("b")).await;
    assert_eq!(first.ssrc, "0700000000");

    // 9999 is still in use, also for the other kind and after a restart; 0 is free again.
    fixture.state(&first.stream, StreamState::Closed).await;
    let fixture = fixture.reopen().await;
    fixture.store.write(|connection| counters::set(connection, counters::SEQUENCE, 9998)).await.unwrap();
    let again = fixture.open(history("c")).await;
    assert_eq!(again.ssrc, "1700000000");
}

#[tokio::test]
async fn all_sequence_numbers_can_be_in_use() {
    let fixture = Fixture::new();
    fixture
        .store
        .write(|connection| {
            let sql = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)
                       INSERT INTO streams (stream, ssrc, sequence, kind, device, channel, own_port)
                       SELECT printf('%08X', i), '', i, 'history', '', '', 0 FROM n WHERE i <> 4711";
            Ok(connection.execute(sql, [])?)
        })
        .await
        .unwrap();
    assert_eq!(fixture.open(live("c")).await.ssrc, "0700004711");
    let refused = fixture.store.open_stream(history("c")).await;
    assert!(matches!(refused, Err(Error::AllSequencesInUse)), "{refused:?}");
}

#[tokio::test]
async fn a_name_means_the_open_stream_and_old_ones_can_be_forgotten() {
    let fixture = Fixture::new();
    let old = fixture.open(live("a")).await;
    fixture.state(&old.stream, StreamState::Closed).await;
    fixture.store.write(|connection| counters::set(connection, counters::SEQUENCE, 9999)).await.unwrap();
    let new = fixture.open(live("b")).await;
    assert_eq!(new.stream, old.stream);
    assert_eq!(fixture.stream(&old.stream).await, new);
    assert!(fixture.state(&new.stream, StreamState::Invited).await);

    assert_eq!(fixture.store.forget_closed_streams(old.created_at).await.unwrap(), 0);
    assert_eq!(fixture.store.forget_closed_streams(i64::MAX).await.unwrap(), 1);
    assert_eq!(fixture.stream(&new.stream).await.state, StreamState::Invited);
}
