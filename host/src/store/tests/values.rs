use super::*;

fn value(plugin: &str, name: &str, value: &[u8]) -> PluginValue {
    PluginValue { plugin: plugin.to_owned(), name: name.to_owned(), value: value.to_owned() }
}

#[tokio::test]
async fn what_plugins_stored_is_there_after_a_restart_each_its_own() {
    let fixture = Fixture::new();
    let named = |name: &str, value: Option<&[u8]>| (name.to_owned(), value.map(<[u8]>::to_owned));
    let keep = |plugin: &'static str, values| fixture.store.keep_plugin_values(plugin, values);
    keep("b", vec![named("x", Some(b"1"))]).await.unwrap();
    keep("a", vec![named("x", Some(b"\xff\0")), named("y", Some(b"")), named("z", Some(b"1"))])
        .await
        .unwrap();
    keep("a", vec![named("z", None), named("none", None), named("y", Some(b"2"))]).await.unwrap();
    let fixture = fixture.reopen().await;
    let expected = [value("a", "x", b"\xff\0"), value("a", "y", b"2"), value("b", "x", b"1")];
    assert_eq!(fixture.store.plugin_values().await.unwrap(), expected);
}
