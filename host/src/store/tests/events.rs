use super::*;

#[tokio::test]
async fn events_wait_in_order_for_each_receiver_across_a_restart() {
    let fixture = Fixture::new();
    fixture.store.enqueue(vec![event("a", "1"), event("b", "2"), event("a", "3")]).await.unwrap();
    let fixture = fixture.reopen().await;
    let first = Event {
        id: 1,
        receiver: "a".to_owned(),
        method: "1".to_owned(),
        time: 7,
        data: "{}".to_owned(),
        attempts: 0,
        next_at: 0,
    };
    let third = Event { id: 3, method: "3".to_owned(), ..first.clone() };
    assert_eq!(fixture.store.due_events("a", 0, 9).await.unwrap(), [first.clone(), third]);
    assert_eq!(fixture.store.due_events("a", 0, 1).await.unwrap(), [first]);

    fixture.store.delivered(1).await.unwrap();
    fixture.store.delivered(1).await.unwrap();
    let backlog = |receiver: &str, waiting, next_at| Backlog {
        receiver: receiver.to_owned(),
        waiting,
        dropped: 0,
        next_at,
    };
    let backlogs = fixture.store.backlogs().await.unwrap();
    assert_eq!(backlogs, [backlog("a", 1, Some(0)), backlog("b", 1, Some(0))]);
    fixture.store.delivered(2).await.unwrap();
    assert_eq!(fixture.store.backlogs().await.unwrap()[1], backlog("b", 0, None));
    fixture.store.enqueue(vec![event("b", "4")]).await.unwrap();
    assert_eq!(waiting(&fixture.store, "b").await, [(4, "4".to_owned(), 0)]);
}

#[tokio::test]
async fn nothing_overtakes_an_event_that_has_to_wait() {
    let fixture = Fixture::new();
    fixture.store.enqueue(vec![event("a", "1"), event("a", "2")]).await.unwrap();
    fixture.store.failed(1, 50).await.unwrap();
    assert_eq!(fixture.store.due_events("a", 49, 9).await.unwrap(), []);
    assert_eq!(fixture.store.backlogs().await.unwrap()[0].next_at, Some(50));
    let due = fixture.store.due_events("a", 50, 9).await.unwrap();
    let due: Vec<_> = due.into_iter().map(|event| (event.id, event.attempts, event.next_at)).collect();
    assert_eq!(due, [(1, 1, 50), (2, 0, 0)]);
}

#[tokio::test]
async fn a_receiver_that_takes_nothing_loses_the_oldest_and_is_told_how_many() {
    let fixture = Fixture::new();
    let many = (0..10_003).map(|number| event("a", &number.to_string())).collect();
    fixture.store.enqueue(many).await.unwrap();
    let backlogs = fixture.store.backlogs().await.unwrap();
    let full = Backlog { receiver: "a".to_owned(), waiting: 10_000, dropped: 3, next_at: Some(0) };
    assert_eq!(backlogs, [full]);
    assert_eq!(fixture.store.due_events("a", 0, 1).await.unwrap()[0].method, "3");
    assert_eq!(waiting(&fixture.store, "a").await.len(), 10_000);
}
