//! The threads that read.

use std::sync::Barrier;

use super::*;

#[tokio::test]
async fn four_read_at_once_and_the_others_wait() {
    let Fixture { store, folder: _folder } = Fixture::new();
    let together = Arc::new(Barrier::new(4));
    let read = |_| {
        let (store, together) = (store.clone(), Arc::clone(&together));
        tokio::spawn(async move { store.read(move |_| Ok(together.wait().is_leader())).await })
    };
    let mut leaders = 0;
    for task in (0..40).map(read).collect::<Vec<_>>() {
        leaders += u32::from(task.await.unwrap().unwrap());
    }
    assert_eq!(leaders, 10);
}

#[tokio::test]
async fn a_read_that_panics_takes_no_thread_with_it() {
    let fixture = Fixture::new();
    let user = fixture.user().await;
    for _ in 0..8 {
        let read: Result<()> = fixture.store.read(|_| panic!("as the test wants")).await;
        assert!(matches!(read, Err(Error::Closed)), "{read:?}");
    }
    assert_eq!(fixture.store.user(user.deviceid.clone()).await.unwrap().unwrap().id, user.id);
}

#[tokio::test]
async fn what_was_handed_over_is_read_before_the_end() {
    let Fixture { store, folder: _folder } = Fixture::new();
    let (begun, began) = tokio::sync::oneshot::channel();
    let (go_on, gone_on) = std::sync::mpsc::channel();
    let reading = store.clone();
    let read = tokio::spawn(async move {
        let read = move |_: &Connection| {
            begun.send(()).unwrap();
            Ok(gone_on.recv().unwrap())
        };
        reading.read(read).await
    });
    began.await.unwrap();
    let closing = tokio::spawn({
        let store = store.clone();
        async move { store.close().await }
    });
    assert!(!closing.is_finished());
    go_on.send("read").unwrap();
    assert_eq!(read.await.unwrap().unwrap(), "read");
    closing.await.unwrap();
    assert!(matches!(store.read(|_| Ok(())).await, Err(Error::Closed)));
}
