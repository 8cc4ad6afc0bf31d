use super::*;

const ADOPTED: &str = "34020000001310000007";

impl Fixture {
    async fn channel_of(&self, user: &User) -> Channel {
        let new = NewChannel { user: user.deviceid.clone(), prefix: "37070000081318".to_owned() };
        self.store.create_channel(new).await.unwrap()
    }

    async fn apply(&self, user: &User, adopt: bool, items: Vec<CatalogItem>) -> Vec<Applied> {
        let batch = CatalogBatch { user: user.deviceid.clone(), generation: None, adopt, time: 500, items };
        self.store.apply_catalog(batch, |_| Vec::new()).await.unwrap()
    }

    async fn channel_ids(&self, user: &User) -> Vec<String> {
        let channels = self.store.channels_of(user.deviceid.as_str()).await.unwrap();
        channels.into_iter().map(|channel| channel.deviceid).collect()
    }
}

fn item(id: &str, status: Option<Status>) -> CatalogItem {
    CatalogItem { deviceid: id.to_owned(), status, ..CatalogItem::default() }
}

fn full_item(id: &str) -> CatalogItem {
    CatalogItem {
        deviceid: id.to_owned(),
        name: Some("gate".to_owned()),
        manufacturer: Some("Dahua".to_owned()),
        model: Some("IPC".to_owned()),
        owner: Some("o".to_owned()),
        civilcode: Some("370700".to_owned()),
        address: Some("a".to_owned()),
        parental: Some(1),
        safetyway: Some(2),
        registerway: Some(3),
        secrecy: Some(4),
        status: Some(Status::On),
        uri: Some("sip:x".to_owned()),
        parentid: Some("p".to_owned()),
        longitude: Some(119.1),
        latitude: Some(36.7),
        ptztype: Some(1),
    }
}

#[tokio::test]
async fn a_new_channel_has_its_defaults_and_the_first_number() {
    let fixture = Fixture::new();
    let user = fixture.user().await;
    let issued = fixture.channel_of(&user).await;
    let expected = Channel {
        id: 1,
        addtime: issued.addtime,
        uptime: issued.addtime,
        deviceid: "37070000081318000001".to_owned(),
        pdid: user.deviceid.clone(),
        name: String::new(),
        manufacturer: String::new(),
        model: String::new(),
        owner: String::new(),
        civilcode: String::new(),
        address: String::new(),
        parental: 0,
        safetyway: 0,
        registerway: 0,
        secrecy: 0,
        status: Status::Off,
        active: 0,
        uri: String::new(),
        parentid: String::new(),
        longitude: None,
        latitude: None,
        ptztype: None,
        issued: true,
        generation: 0,
    };
    assert_eq!(issued, expected);
    assert_eq!(fixture.store.channels_of(user.deviceid).await.unwrap(), [expected]);
}

#[tokio::test]
async fn a_channel_is_described_and_not_wiped_by_silence() {
    let fixture = Fixture::new();
    let user = fixture.user().await;
    let issued = fixture.channel_of(&user).await;
    let id = issued.deviceid.clone();
    let applied = fixture.apply(&user, false, vec![full_item(&id)]).await;
    let on = Applied { deviceid: id.clone(), before: Some(Status::Off), status: Status::On, told: true };
    assert_eq!(applied, [on]);

    let silent = fixture.apply(&user, false, vec![item(&id, None)]).await;
    assert!(!silent[0].changed() && !silent[0].told, "{silent:?}");
    let described = fixture.store.channel(id).await.unwrap().unwrap();
    let expected = Channel {
        uptime: described.uptime,
        name: "gate".to_owned(),
        manufacturer: "Dahua".to_owned(),
        model: "IPC".to_owned(),
        owner: "o".to_owned(),
        civilcode: "370700".to_owned(),
        address: "a".to_owned(),
        parental: 1,
        safetyway: 2,
        registerway: 3,
        secrecy: 4,
        status: Status::On,
        active: 500,
        uri: "sip:x".to_owned(),
        parentid: "p".to_owned(),
        longitude: Some(119.1),
        latitude: Some(36.7),
        ptztype: Some(1),
        ..issued
    };
    assert_eq!(described, expected);
}

#[tokio::test]
async fn a_channel_needs_its_user_device() {
    let fixture = Fixture::new();
    let new = NewChannel { user: "nobody".to_owned(), prefix: "37070000081318".to_owned() };
    let refused = fixture.store.create_channel(new).await;
    assert!(matches!(refused, Err(Error::Missing { what: "user device", .. })), "{refused:?}");
    let batch = CatalogBatch {
        user: "nobody".to_owned(),
        generation: None,
        adopt: true,
        time: 0,
        items: vec![item(ADOPTED, None)],
    };
    let refused = fixture.store.apply_catalog(batch, |_| Vec::new()).await;
    assert!(matches!(refused, Err(Error::Missing { what: "user device", .. })), "{refused:?}");
}

#[tokio::test]
async fn channels_nobody_issued_are_taken_only_when_told() {
    let fixture = Fixture::new();
    let user = fixture.user().await;
    assert_eq!(fixture.apply(&user, false, vec![item(ADOPTED, Some(Status::On))]).await, []);
    assert_eq!(fixture.channel_ids(&user).await, [] as [&str; 0]);

    let applied = fixture.apply(&user, true, vec![item(ADOPTED, Some(Status::On))]).await;
    assert!(applied[0].before.is_none() && applied[0].changed(), "{applied:?}");
    let channel = fixture.store.channel(ADOPTED).await.unwrap().unwrap();
    assert!(!channel.issued);

    // Once adopted it is known, whatever the switch says later.
    let off = fixture.apply(&user, false, vec![item(ADOPTED, Some(Status::Off))]).await;
    assert_eq!((off[0].before, off[0].status), (Some(Status::On), Status::Off));
}

#[tokio::test]
async fn a_channel_of_another_user_device_is_not_taken_over() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.user().await, fixture.user().await);
    fixture.apply(&one, true, vec![item(ADOPTED, Some(Status::On))]).await;
    assert_eq!(fixture.apply(&other, true, vec![item(ADOPTED, Some(Status::Off))]).await, []);
    let channel = fixture.store.channel(ADOPTED).await.unwrap().unwrap();
    assert_eq!((channel.pdid, channel.status), (one.deviceid, Status::On));
}

#[tokio::test]
async fn a_number_that_a_device_uses_already_is_not_issued() {
    let fixture = Fixture::new();
    let user = fixture.user().await;
    fixture.apply(&user, true, vec![item("37070000081318000001", None)]).await;
    assert_eq!(fixture.channel_of(&user).await.deviceid, "37070000081318000002");
}

#[tokio::test]
async fn events_of_a_catalog_are_kept_with_it() {
    let fixture = Fixture::new();
    let user = fixture.user().await;
    let items = vec![item(ADOPTED, Some(Status::On))];
    let batch = CatalogBatch { user: user.deviceid.clone(), generation: None, adopt: true, time: 1, items };
    let tell = |applied: &[Applied]| {
        applied.iter().map(|applied| event("r", applied.status.as_str())).collect::<Vec<_>>()
    };
    fixture.store.apply_catalog(batch, tell).await.unwrap();
    assert_eq!(waiting(&fixture.store, "r").await, [(1, "ON".to_owned(), 0)]);
}

#[tokio::test]
async fn only_adopted_channels_that_a_complete_sync_missed_are_retired() {
    let fixture = Fixture::new();
    let user = fixture.user().await;
    let id = user.deviceid.as_str();
    let issued = fixture.channel_of(&user).await.deviceid;
    fixture.apply(&user, true, vec![item("gone", None), item("stays", None)]).await;

    let generation = fixture.store.begin_catalog(id).await.unwrap();
    assert_eq!(generation, 1);
    // One that is told of while the sync runs counts as part of it.
    fixture.apply(&user, true, vec![item("came meanwhile", None)]).await;
    let batch = CatalogBatch {
        user: user.deviceid.clone(),
        generation: Some(generation),
        adopt: true,
        time: 1,
        items: vec![item("stays", None)],
    };
    fixture.store.apply_catalog(batch, |_| Vec::new()).await.unwrap();
    assert_eq!(fixture.store.retire_missing(id, generation).await.unwrap(), ["gone"]);
    assert_eq!(fixture.channel_ids(&user).await, [issued.as_str(), "stays", "came meanwhile"]);

    let fixture = fixture.reopen().await;
    assert_eq!(fixture.store.begin_catalog(id).await.unwrap(), 2);
    let refused = fixture.store.begin_catalog("nobody").await;
    assert!(matches!(refused, Err(Error::Missing { .. })), "{refused:?}");
}

#[tokio::test]
async fn channels_go_with_their_user_device() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.user().await, fixture.user().await);
    let gone = fixture.channel_of(&one).await.deviceid;
    let stays = fixture.channel_of(&other).await.deviceid;
    assert!(fixture.store.delete_user(one.deviceid.as_str()).await.unwrap());
    assert_eq!(fixture.store.channel(gone).await.unwrap(), None);
    assert_eq!(fixture.channel_ids(&other).await, [stays.as_str()]);

    assert!(fixture.store.delete_channel(stays.as_str()).await.unwrap());
    assert!(!fixture.store.delete_channel(stays).await.unwrap());
    assert_eq!(fixture.channel_of(&other).await.deviceid, "37070000081318000003");
}
