use super::*;

#[tokio::test]
async fn a_new_user_device_has_its_defaults_and_the_first_number() {
    let fixture = Fixture::new();
    let user = fixture.user().await;
    assert!(user.addtime > 1_700_000_000, "{}", user.addtime);
    let expected = User {
        id: 1,
        addtime: user.addtime,
        uptime: user.addtime,
        deviceid: "37070000081118000001".to_owned(),
        name: "37070000081118000001".to_owned(),
        pwd: Password("secret".to_owned()),
        region: "3707000008".to_owned(),
        host: String::new(),
        port: String::new(),
        transport: String::new(),
        proto: String::new(),
        report: String::new(),
        raddr: String::new(),
        manufacturer: String::new(),
        devicetype: String::new(),
        firmware: String::new(),
        model: String::new(),
        uri: String::new(),
        active: 0,
        regist: false,
        online: false,
        seen_at: 0,
        expires_at: 0,
        source: String::new(),
        local: String::new(),
        user_agent: String::new(),
        gb_version: String::new(),
        generation: 0,
        vendor: String::new(),
    };
    assert_eq!(user, expected);
    assert_eq!(fixture.store.user("37070000081118000001").await.unwrap(), Some(expected));
    assert_eq!(fixture.store.user("37070000081118000002").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ids_are_given_once_however_many_ask_at_once() {
    let fixture = Fixture::new();
    let tasks: Vec<_> = (0..200)
        .map(|_| {
            let store = fixture.store.clone();
            tokio::spawn(async move { store.create_user(new_user()).await.unwrap().deviceid })
        })
        .collect();
    let mut ids = Vec::new();
    for task in tasks {
        ids.push(task.await.unwrap());
    }
    ids.sort();
    let expected: Vec<_> = (1..=200).map(|number| format!("37070000081118{number:06}")).collect();
    assert_eq!(ids, expected);
}

#[tokio::test]
async fn an_id_is_not_given_again_after_deletion_and_restart() {
    let fixture = Fixture::new();
    let first = fixture.user().await;
    assert!(fixture.store.delete_user(first.deviceid.as_str()).await.unwrap());
    assert!(!fixture.store.delete_user(first.deviceid.as_str()).await.unwrap());
    assert_eq!(fixture.user().await.deviceid, "37070000081118000002");

    let fixture = fixture.reopen().await;
    assert_eq!(fixture.user().await.deviceid, "37070000081118000003");
    assert_eq!(fixture.store.counters().await.unwrap(), Counters { users: 3, channels: 0 });
}

#[tokio::test]
async fn the_last_number_is_999999() {
    let fixture = Fixture::new();
    fixture.store.write(|connection| counters::set(connection, counters::USERS, 999_998)).await.unwrap();
    assert_eq!(fixture.user().await.deviceid, "37070000081118999999");
    let refused = fixture.store.create_user(new_user()).await;
    assert!(
        matches!(&refused, Err(Error::IdsExhausted(prefix)) if prefix == "37070000081118"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn an_update_changes_only_what_is_given() {
    let fixture = Fixture::new();
    let mut expected = fixture.user().await;
    let id = expected.deviceid.clone();

    let named = fixture.store.update_user(id.as_str(), Some("gate".to_owned()), None).await.unwrap();
    expected.name = "gate".to_owned();
    expected.uptime = named.uptime;
    assert_eq!(named, expected);

    let changed = fixture.store.update_user(id, None, Some(Password("other".to_owned()))).await.unwrap();
    expected.pwd = Password("other".to_owned());
    expected.uptime = changed.uptime;
    assert_eq!(changed, expected);

    let missing = fixture.store.update_user("nobody", None, None).await.unwrap_err();
    assert_eq!(missing.to_string(), "there is no user device nobody");
}

fn registration() -> Registration {
    Registration {
        host: "10.0.0.9".to_owned(),
        port: "5060".to_owned(),
        transport: "UDP".to_owned(),
        proto: "SIP".to_owned(),
        report: "40000".to_owned(),
        raddr: "192.0.2.1".to_owned(),
        uri: "sip:37070000081118000001@10.0.0.9:5060".to_owned(),
        seen_at: 100,
        expires_at: 3700,
        source: "192.0.2.1:40000".to_owned(),
        local: "192.0.2.2:5060".to_owned(),
        user_agent: "IP Camera".to_owned(),
        gb_version: "3.0".to_owned(),
    }
}

fn registered(mut user: User) -> User {
    let registration = registration();
    user.host = registration.host;
    user.port = registration.port;
    user.transport = registration.transport;
    user.proto = registration.proto;
    user.report = registration.report;
    user.raddr = registration.raddr;
    user.uri = registration.uri;
    user.seen_at = 100;
    user.expires_at = 3700;
    user.source = registration.source;
    user.local = registration.local;
    user.user_agent = registration.user_agent;
    user.gb_version = registration.gb_version;
    user.regist = true;
    user.online = true;
    user
}

#[tokio::test]
async fn a_registration_is_kept_with_its_event() {
    let fixture = Fixture::new();
    let before = fixture.user().await;
    let tell = |user: &User| vec![event(&format!("http://x/{}", user.source), "users.regiester")];
    let stored = fixture.store.register(before.deviceid.as_str(), registration(), tell).await.unwrap();
    let expected = User { uptime: stored.uptime, ..registered(before) };
    assert_eq!(stored, expected);

    let fixture = fixture.reopen().await;
    assert_eq!(fixture.store.users().await.unwrap(), [expected]);
    let events = waiting(&fixture.store, "http://x/192.0.2.1:40000").await;
    assert_eq!(events, [(1, "users.regiester".to_owned(), 0)]);
}

#[tokio::test]
async fn a_registration_of_nobody_leaves_no_event() {
    let fixture = Fixture::new();
    let refused = fixture.store.register("nobody", registration(), |_| vec![event("r", "m")]).await;
    assert!(matches!(refused, Err(Error::Missing { what: "user device", .. })), "{refused:?}");
    assert_eq!(fixture.store.backlogs().await.unwrap(), []);

    let refused = fixture.store.deregister("nobody", vec![event("r", "m")]).await;
    assert!(matches!(refused, Err(Error::Missing { what: "user device", .. })), "{refused:?}");
    assert_eq!(fixture.store.backlogs().await.unwrap(), []);
}

#[tokio::test]
async fn a_deregistration_keeps_the_rest() {
    let fixture = Fixture::new();
    let id = fixture.user().await.deviceid;
    let before = fixture.store.register(id.as_str(), registration(), |_| Vec::new()).await.unwrap();
    let after = fixture.store.deregister(id.as_str(), vec![event("r", "users.active")]).await.unwrap();
    let expected = User { regist: false, online: false, expires_at: 0, uptime: after.uptime, ..before };
    assert_eq!(after, expected);
    assert_eq!(waiting(&fixture.store, "r").await, [(1, "users.active".to_owned(), 0)]);
}

#[tokio::test]
async fn going_silent_and_coming_back_are_kept() {
    let fixture = Fixture::new();
    let id = fixture.user().await.deviceid;
    let before = fixture.store.register(id.as_str(), registration(), |_| Vec::new()).await.unwrap();
    let silent =
        fixture.store.set_online(id.as_str(), false, vec![event("r", "users.active")]).await.unwrap();
    assert_eq!(silent, User { online: false, ..before.clone() });
    assert_eq!(waiting(&fixture.store, "r").await.len(), 1);
    assert_eq!(fixture.store.set_online(id, true, Vec::new()).await.unwrap(), before);
}

#[tokio::test]
async fn what_a_device_says_of_itself_is_kept_and_not_wiped_by_silence() {
    let fixture = Fixture::new();
    let before = fixture.user().await;
    let id = before.deviceid.clone();
    let info = DeviceInfo {
        manufacturer: Some("Hikvision".to_owned()),
        devicetype: Some("NVR".to_owned()),
        firmware: Some("V1".to_owned()),
        model: Some("DS".to_owned()),
    };
    fixture.store.set_device_info(id.as_str(), info).await.unwrap();
    let newer = DeviceInfo { firmware: Some("V2".to_owned()), ..DeviceInfo::default() };
    let after = fixture.store.set_device_info(id, newer).await.unwrap();
    let expected = User {
        manufacturer: "Hikvision".to_owned(),
        devicetype: "NVR".to_owned(),
        firmware: "V2".to_owned(),
        model: "DS".to_owned(),
        uptime: after.uptime,
        ..before
    };
    assert_eq!(after, expected);
}

#[tokio::test]
async fn a_touch_shows_at_once_and_is_on_disk_after_close() {
    let fixture = Fixture::new();
    let before = fixture.user().await;
    let id = before.deviceid.clone();
    fixture.store.touch(&id, Touch { active: Some(50), seen_at: Some(50), ..Touch::default() });
    fixture.store.touch(&id, Touch { active: Some(60), source: Some("a:1".to_owned()), ..Touch::default() });
    fixture.store.touch("nobody", Touch { active: Some(1), ..Touch::default() });
    let expected = User { active: 60, seen_at: 50, source: "a:1".to_owned(), ..before };
    assert_eq!(fixture.store.user(id.as_str()).await.unwrap(), Some(expected.clone()));
    assert_eq!(fixture.store.update_user(id.as_str(), None, None).await.unwrap().active, 60);

    let fixture = fixture.reopen().await;
    let uptime = fixture.store.user(id.as_str()).await.unwrap().unwrap().uptime;
    assert_eq!(fixture.store.users().await.unwrap(), [User { uptime, ..expected }]);
}

#[tokio::test]
async fn many_touches_are_all_written() {
    let fixture = Fixture::new();
    let ids: Vec<String> = fixture
        .store
        .write(|connection| {
            let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
                       INSERT INTO users (deviceid, name, pwd, region) SELECT i, '', '', '' FROM n";
            connection.execute(sql, [])?;
            Ok((1..=3000).map(|id| id.to_string()).collect())
        })
        .await
        .unwrap();
    for id in &ids {
        fixture.store.touch(id, Touch { active: Some(9), ..Touch::default() });
    }
    let fixture = fixture.reopen().await;
    let users = fixture.store.users_after(1000, 5000).await.unwrap();
    assert_eq!(users.len(), 2000);
    assert!(users.iter().all(|user| user.active == 9));
}

#[tokio::test]
async fn a_registration_is_not_overwritten_by_an_older_touch() {
    let fixture = Fixture::new();
    let id = fixture.user().await.deviceid;
    let old = Touch { active: Some(90), source: Some("old:1".to_owned()), ..Touch::default() };
    fixture.store.touch(&id, old);
    fixture.store.register(id.as_str(), registration(), |_| Vec::new()).await.unwrap();
    let fixture = fixture.reopen().await;
    let user = fixture.store.user(id).await.unwrap().unwrap();
    assert_eq!((user.source.as_str(), user.active), ("192.0.2.1:40000", 90));
}

#[tokio::test]
async fn users_are_read_in_pieces() {
    let fixture = Fixture::new();
    for _ in 0..5 {
        fixture.user().await;
    }
    let ids = |users: Vec<User>| users.into_iter().map(|user| user.id).collect::<Vec<_>>();
    assert_eq!(ids(fixture.store.users_after(0, 2).await.unwrap()), [1, 2]);
    assert_eq!(ids(fixture.store.users_after(2, 2).await.unwrap()), [3, 4]);
    assert_eq!(ids(fixture.store.users_after(4, 2).await.unwrap()), [5]);
    assert_eq!(ids(fixture.store.users().await.unwrap()), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_password_is_in_no_debug_text() {
    let fixture = Fixture::new();
    let text = format!("{:?} {:?}", fixture.user().await, new_user());
    assert!(!text.contains("secret"), "{text}");
}
