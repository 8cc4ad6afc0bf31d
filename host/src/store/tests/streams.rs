use super::*;

fn live(channel: &str) -> NewStream {
    NewStream {
        kind: StreamKind::Live,
        region: "3707000008".to_owned(),
        device: "device".to_owned(),
        channel: channel.to_owned(),
        period: None,
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
        dialog: None,
        rtp_port: None,
        rtp_transport: String::new(),
        media_server: String::new(),
        viewers: 0,
        viewed_at: 0,
        bye_pending: false,
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
    let opened = fixture.open(live("c")).await;
    let stream = opened.stream.as_str();
    let link = Link { rtp_port: 30000, rtp_transport: "udp".to_owned(), media_server: "zlm".to_owned() };
    assert!(fixture.store.set_link(stream, link).await.unwrap());
    assert!(fixture.store.set_dialog(stream, "{}".to_owned()).await.unwrap());
    assert!(fixture.store.set_viewers(stream, 3, 900).await.unwrap());
    assert!(fixture.store.set_viewers(stream, 2, 800).await.unwrap());
    assert!(fixture.store.count_close_attempt(stream).await.unwrap());

    let fixture = fixture.reopen().await;
    let streams = fixture.store.open_streams().await.unwrap();
    let expected = Stream {
        state: StreamState::Answered,
        dialog: Some("{}".to_owned()),
        rtp_port: Some(30000),
        rtp_transport: "udp".to_owned(),
        media_server: "zlm".to_owned(),
        viewers: 2,
        viewed_at: 900,
        bye_pending: true,
        close_attempts: 1,
        updated_at: streams[0].updated_at,
        ..opened.clone()
    };
    assert_eq!(streams, [expected]);
}

#[tokio::test]
async fn a_late_answer_leaves_a_closing_stream_closing_but_owes_a_bye() {
    let fixture = Fixture::new();
    let stream = fixture.open(live("c")).await.stream;
    fixture.state(&stream, StreamState::Closing).await;
    assert!(fixture.store.set_dialog(stream.as_str(), "{}".to_owned()).await.unwrap());
    let late = fixture.stream(&stream).await;
    assert_eq!((late.state, late.bye_pending), (StreamState::Closing, true));
    assert!(fixture.store.set_bye_done(stream.as_str()).await.unwrap());
    assert!(!fixture.stream(&stream).await.bye_pending);

    fixture.state(&stream, StreamState::Closed).await;
    assert!(!fixture.store.set_dialog(stream.as_str(), "other".to_owned()).await.unwrap());
    assert_eq!(fixture.stream(&stream).await.dialog.as_deref(), Some("{}"));
}

#[tokio::test]
async fn a_channel_has_one_live_stream_until_it_closes() {
    let fixture = Fixture::new();
    let first = fixture.open(live("c")).await.stream;
    let refused = fixture.store.open_stream(live("c")).await.unwrap_err();
    assert_eq!(refused.to_string(), format!("channel c already has the live stream {first}"));
    let playback = fixture.open(history("c")).await.stream;
    fixture.open(live("another")).await;
    assert_eq!(fixture.store.live_of("c").await.unwrap().unwrap().stream, first);

    fixture.state(&first, StreamState::Closing).await;
    assert_eq!(fixture.store.live_of("c").await.unwrap(), None);
    let second = fixture.open(live("c")).await.stream;
    let streams = fixture.store.open_streams_of("c").await.unwrap();
    let names: Vec<_> = streams.into_iter().map(|stream| stream.stream).collect();
    assert_eq!(names, [first, playback, second]);
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
                       INSERT INTO streams (stream, ssrc, sequence, kind, device, channel)
                       SELECT printf('%08X', i), '', i, 'history', '', '' FROM n WHERE i <> 4711";
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
