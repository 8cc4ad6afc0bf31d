//! Many devices at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::net::UdpSocket;

use crate::device::{DeviceConfig, Fleet};
use crate::sip::Message;

/// Answers everything: REGISTER without credentials is challenged.
async fn platform(socket: Arc<UdpSocket>) {
    let mut buffer = vec![0; 65_536];
    while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
        let request = Message::parse(&buffer[..length]).unwrap();
        let challenged = request.method() == "REGISTER" && request.header("Authorization").is_none();
        let mut response = Message::response(&request, if challenged { 401 } else { 200 });
        if challenged {
            response.push("WWW-Authenticate", "Digest realm=\"r\", nonce=\"n\"");
        }
        socket.send_to(&response.to_bytes(), from).await.unwrap();
    }
}

#[tokio::test]
async fn two_hundred_devices_register_and_keep_alive() {
    let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let address = socket.local_addr().unwrap();
    tokio::spawn(platform(socket));
    let config = |number| DeviceConfig::camera(&format!("3402000000132{number:07}"), "x", address);
    let fleet = Fleet::start(200, config).await.unwrap();
    let everybody = BTreeMap::from([(200, 200)]);
    let registered = fleet.register(32).await;
    assert_eq!((registered.statuses, registered.unanswered), (everybody.clone(), 0));
    let alive = fleet.keepalive(32).await;
    assert_eq!((alive.statuses, alive.unanswered), (everybody, 0));
    assert_eq!(fleet.devices().len(), 200);
}
