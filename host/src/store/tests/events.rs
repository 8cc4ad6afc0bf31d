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

    assert!(fixture.store.delivered(1, "a").await.unwrap());
    let backlog = |receiver: &str, waiting, next_at| Backlog {
        receiver: receiver.to_owned(),
        waiting,
        dropped: 0,
        next_at,
    };
    let backlogs = fixture.store.backlogs().await.unwrap();
    assert_eq!(backlogs, [backlog("a", 1, Some(0)), backlog("b", 1, Some(0))]);
    assert!(fixture.store.delivered(2, "b").await.unwrap());
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

/// What `receiver` has waiting by method, and how many it lost.
async fn backlog(store: &Store, receiver: &str) -> (Vec<String>, i64) {
    let backlogs = store.backlogs().await.unwrap();
    let backlog = backlogs.into_iter().find(|backlog| backlog.receiver == receiver).unwrap();
    let methods: Vec<_> = waiting(store, receiver).await.into_iter().map(|(_, method, _)| method).collect();
    assert_eq!(i64::try_from(methods.len()), Ok(backlog.waiting));
    (methods, backlog.dropped)
}

#[tokio::test]
async fn a_receiver_that_takes_nothing_loses_the_oldest_and_is_told_how_many() {
    let Fixture { store, folder: _folder } = Fixture::new();
    let store = store.with_backlog(3);
    store.enqueue((0..5).map(|number| event("a", &number.to_string())).collect()).await.unwrap();
    store.enqueue(vec![event("b", "0")]).await.unwrap();
    assert_eq!(backlog(&store, "a").await, (["2", "3", "4"].map(str::to_owned).to_vec(), 2));
    assert_eq!(backlog(&store, "b").await, (vec!["0".to_owned()], 0));
    // The operator has since thought better of it.
    let store = store.with_backlog(1);
    store.enqueue(vec![event("a", "5")]).await.unwrap();
    assert_eq!(backlog(&store, "a").await, (vec!["5".to_owned()], 5));
}

#[tokio::test]
async fn what_is_told_once_outlives_what_is_told_again_and_again() {
    let once = |method: &str| NewEvent { passing: false, ..event("a", method) };
    let Fixture { store, folder: _folder } = Fixture::new();
    let store = store.with_backlog(3);
    let told = [once("file 1"), event("a", "1"), event("a", "2"), once("file 2"), event("a", "3")];
    store.enqueue(told.to_vec()).await.unwrap();
    assert_eq!(backlog(&store, "a").await, (["file 1", "file 2", "3"].map(str::to_owned).to_vec(), 2));
    store.enqueue(vec![once("file 3"), once("file 4")]).await.unwrap();
    assert_eq!(backlog(&store, "a").await, (["file 2", "file 3", "file 4"].map(str::to_owned).to_vec(), 4));
}

#[tokio::test]
async fn an_event_that_was_taken_after_it_was_given_up_is_not_counted_as_lost() {
    let Fixture { store, folder: _folder } = Fixture::new();
    let store = store.with_backlog(1);
    store.enqueue(vec![event("a", "on its way")]).await.unwrap();
    store.enqueue(vec![event("a", "next")]).await.unwrap();
    assert_eq!(backlog(&store, "a").await, (vec!["next".to_owned()], 1));
    assert!(!store.delivered(1, "a").await.unwrap());
    assert_eq!(backlog(&store, "a").await, (vec!["next".to_owned()], 0));
}
